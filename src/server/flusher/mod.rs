//! The thread that serves sockets with a backlog.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::net::Stream;
use crate::net::watch::{EventFlags, Ready, Watch};
use crate::server::guard::guarded;
use crate::server::metrics::Metrics;
use crate::transformers::serve::Backlog;
use crossbeam_channel::{Receiver, Sender, unbounded};

/// The pause after a failed wait.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes over outboxes, and answers to polls, whose socket is full and sends on
/// as soon as there is room. Asleep, and without any socket, in normal
/// operation. Its work grows with the sockets that have room, not with those
/// that wait, and each that has room gets one system call in its turn.
///
/// The thread ends with `stop` or with the last handle.
#[derive(Clone)]
pub(crate) struct Flusher(Arc<Handle>);

struct Handle {
    /// Each outbox is in here or in the thread's hands at most once, so the
    /// channel holds no more than there are sparks.
    full: Sender<Full>,
    shared: Arc<Shared>,
}

struct Shared {
    watch: Watch,
    stop: AtomicBool,
    metrics: Arc<Metrics>,
}

/// A socket that waits for room. It stays open, and its descriptor its own, for
/// as long as it is watched.
struct Full {
    backlog: Arc<dyn Backlog>,
    stream: Arc<Stream>,
}

impl Flusher {
    /// Starts the thread.
    pub fn start(metrics: Arc<Metrics>, stack: usize) -> io::Result<(Self, JoinHandle<()>)> {
        let (full, taken) = unbounded();
        let shared =
            Arc::new(Shared { watch: Watch::new()?, stop: AtomicBool::new(false), metrics });
        let of_thread = shared.clone();
        let thread = thread::Builder::new()
            .name("primus-flusher".into())
            .stack_size(stack)
            .spawn(move || Work { shared: &of_thread, full: HashMap::new() }.run(&taken))?;
        Ok((Flusher(Arc::new(Handle { full, shared })), thread))
    }

    /// Hands a backlog to the thread, and the socket that it waits for.
    pub fn take(&self, backlog: Arc<dyn Backlog>, stream: Arc<Stream>) {
        if self.0.full.send(Full { backlog, stream }).is_ok() {
            self.0.shared.watch.wake();
        }
    }

    /// Ends the thread; what still waits is given up.
    pub fn stop(&self) {
        self.0.shared.stop();
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.stop();
    }
}

impl Shared {
    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.watch.wake();
    }
}

/// What the thread works on: the sockets by descriptor.
struct Work<'a> {
    shared: &'a Shared,
    full: HashMap<u64, Full>,
}

impl Work<'_> {
    fn run(mut self, taken: &Receiver<Full>) {
        let mut ready = Ready::new();
        while !self.shared.stop.load(Ordering::Acquire) {
            if let Err(error) = self.shared.watch.wait(&mut ready, None) {
                // Nothing else would send what waits.
                log::error!("flusher cannot wait: {error}");
                thread::sleep(PAUSE);
            }
            ready.numbers().for_each(|descriptor| self.serve(descriptor));
            taken.try_iter().for_each(|full| self.add(full));
        }
    }

    fn add(&mut self, full: Full) {
        let descriptor = full.stream.as_fd().as_raw_fd() as u64;
        // One that is watched already is watched on, for the newcomer.
        match self.shared.watch.add(&*full.stream, descriptor, EventFlags::OUT) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                log::error!("flusher cannot watch a socket, which is cut: {error}");
                full.stream.abort();
            }
            _ => drop(self.full.insert(descriptor, full)),
        }
    }

    /// The socket has room, or is broken.
    fn serve(&mut self, descriptor: u64) {
        let Some(full) = self.full.get(&descriptor) else { return };
        let flush = || full.backlog.flush_backlog(&full.stream);
        let more = guarded(&self.shared.metrics, "sending a backlog", flush);
        if more.is_none() {
            // How much was sent is unknown.
            full.stream.abort();
        }
        if more != Some(true)
            && let Some(full) = self.full.remove(&descriptor)
        {
            self.shared.watch.remove(&*full.stream);
            // It may be the last that the application's listeners hang on.
            guarded(&self.shared.metrics, "dropping a backlog", || drop(full));
        }
    }
}

#[cfg(test)]
mod tests;
