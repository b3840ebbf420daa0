//! The thread that serves sockets with a backlog.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::io;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags};

use crate::net::{Waker, poll};
use crate::server::outbox::Outbox;

/// Takes over outboxes whose socket is full and sends on as soon as there is
/// room. Asleep, and without any socket, in normal operation.
#[derive(Clone)]
pub(crate) struct Flusher {
    /// Each outbox is in here or in the thread's hands at most once, so the
    /// channel holds no more than there are sparks.
    outboxes: Sender<Arc<Outbox>>,
    shared: Arc<Shared>,
}

struct Shared {
    waker: Waker,
    stop: AtomicBool,
}

impl Flusher {
    /// Starts the thread.
    pub fn start(stack: usize) -> io::Result<(Self, JoinHandle<()>)> {
        let (outboxes, taken) = unbounded();
        let shared = Arc::new(Shared { waker: Waker::new()?, stop: AtomicBool::new(false) });
        let flusher = Flusher { outboxes, shared: shared.clone() };
        let thread = thread::Builder::new()
            .name("primus-flusher".into())
            .stack_size(stack)
            .spawn(move || run(&shared, &taken))?;
        Ok((flusher, thread))
    }

    /// Hands an outbox with a backlog to the thread.
    pub fn take(&self, outbox: Arc<Outbox>) {
        if self.outboxes.send(outbox).is_ok() {
            self.shared.waker.wake();
        }
    }

    /// Ends the thread; what still waits is given up.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.waker.wake();
    }
}

fn run(shared: &Shared, taken: &Receiver<Arc<Outbox>>) {
    let mut full: Vec<Arc<Outbox>> = Vec::new();
    while !shared.stop.load(Ordering::Acquire) {
        let ready = match wait(shared, &full) {
            Ok(ready) => ready,
            Err(error) => {
                log::error!("flusher cannot poll: {error}");
                return;
            }
        };
        let mut ready = ready.into_iter();
        full.retain(|outbox| !ready.next().unwrap_or(false) || outbox.flush_backlog());
        shared.waker.clear();
        full.extend(taken.try_iter());
    }
}

/// Waits until a socket has room or there is news; tells which sockets have.
fn wait(shared: &Shared, full: &[Arc<Outbox>]) -> io::Result<Vec<bool>> {
    let mut fds = Vec::with_capacity(full.len() + 1);
    fds.extend(full.iter().map(|outbox| PollFd::new(outbox.stream().as_ref(), PollFlags::OUT)));
    fds.push(PollFd::new(&shared.waker, PollFlags::IN));
    poll(&mut fds, None)?;
    Ok(fds.iter().take(full.len()).map(|fd| !fd.revents().is_empty()).collect())
}
