//! A thread that works for a server, and is waited for at its end.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

/// The stack of such a thread, which runs no listeners.
const STACK: usize = 256 << 10;

/// A thread that runs.
pub(super) struct Worker {
    thread: JoinHandle<()>,
    /// Cut off when it ends.
    ended: Receiver<()>,
}

impl Worker {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is none to be had.
    pub fn start(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (runs, ended) = bounded(0);
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK);
        let thread = thread.spawn(move || {
            let _runs = runs;
            run();
        })?;
        Ok(Worker { thread, ended })
    }

    /// Waits for the end of the thread, at most so long; on the thread itself not at all.
    pub fn wait(self, patience: Duration) {
        let is_own = self.thread.thread().id() == thread::current().id();
        if !is_own && self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected) {
            let _ = self.thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn one_that_hangs_is_waited_for_no_longer_than_told() {
        let (go, goes) = bounded::<()>(0);
        let hangs = Worker::start("hangs", move || {
            let _ = goes.recv();
        })
        .unwrap();
        hangs.wait(Duration::from_millis(20));
        drop(go);
        let start = Instant::now();
        Worker::start("ends", || {}).unwrap().wait(Duration::from_secs(60));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
