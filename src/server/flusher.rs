//! The thread that serves sockets with a backlog.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use rustix::event::{PollFd, PollFlags};

use crate::net::{Waker, poll};
use crate::transformers::Backlog;

/// The pause after a failed poll.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes over outboxes, and answers to polls, whose socket is full and sends on
/// as soon as there is room. Asleep, and without any socket, in normal
/// operation.
#[derive(Clone)]
pub(crate) struct Flusher {
    /// Each outbox is in here or in the thread's hands at most once, so the
    /// channel holds no more than there are sparks.
    outboxes: Sender<Arc<dyn Backlog>>,
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
    pub fn take(&self, outbox: Arc<dyn Backlog>) {
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

fn run(shared: &Shared, taken: &Receiver<Arc<dyn Backlog>>) {
    let mut full: Vec<Arc<dyn Backlog>> = Vec::new();
    while !shared.stop.load(Ordering::Acquire) {
        let ready = match wait(shared, &full) {
            Ok(ready) => ready,
            Err(error) => {
                // Out of memory, say. Nobody else would send what waits.
                log::error!("flusher cannot poll: {error}");
                thread::sleep(PAUSE);
                continue;
            }
        };
        let mut ready = ready.into_iter();
        full.retain(|outbox| !ready.next().unwrap_or(false) || outbox.flush_backlog());
        shared.waker.clear();
        full.extend(taken.try_iter());
    }
}

/// Waits until a socket has room or there is news; tells which sockets have.
fn wait(shared: &Shared, full: &[Arc<dyn Backlog>]) -> io::Result<Vec<bool>> {
    let streams: Vec<_> = full.iter().map(|outbox| outbox.stream()).collect();
    let mut fds = vec![PollFd::new(&shared.waker, PollFlags::IN)];
    fds.extend(streams.iter().flatten().map(|stream| PollFd::new(stream, PollFlags::OUT)));
    let gone = streams.iter().any(Option::is_none);
    poll(&mut fds, gone.then_some(Duration::ZERO))?;
    let mut polled = fds.iter().skip(1).map(|fd| !fd.revents().is_empty());
    // An outbox without a socket has nothing left to send; it is let go.
    Ok(streams.iter().map(|stream| stream.is_none() || polled.next().unwrap_or(false)).collect())
}
