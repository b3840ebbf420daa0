//! Connections that wait for their clients without a thread.
//!
//! A client that polls has a request answered when there is something to tell,
//! which may take long; and connections are kept for requests that may come. A
//! thread that has waited with one of these for a while leaves it here, and one
//! thread watches all of them. It reads nothing: when a client says something or
//! is gone, or the time is over, the connection goes on on a thread of its own.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::connections::{Place, Served};
use crate::net::Stream;
use crate::net::wait::{PollFlags, wait_until};
use crate::net::watch::{EventFlags, Ready, Watch};
use crate::sync::{Guard, Lock, rank};

/// How long the thread goes on when nothing is left to watch.
const REST: Duration = Duration::from_secs(1);

/// When a connection for which there was no thread is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The thread's stack.
const STACK: usize = 128 << 10;

/// What goes on with a connection, on a thread; it may wait again.
pub(crate) type Resume = Box<dyn FnOnce() -> Served + Send>;

/// A connection that waits for its client.
#[must_use]
pub(crate) struct Parked {
    pub(crate) stream: Arc<Stream>,
    /// When it goes on though nothing has come.
    pub(crate) until: Instant,
    pub(crate) resume: Resume,
}

impl Parked {
    /// Waits here and now.
    pub(super) fn wait(self) -> Resume {
        // Whatever comes of it shows when it is read from.
        let _ = wait_until(&self.stream, PollFlags::IN | PollFlags::RDHUP, self.until);
        self.resume
    }
}

/// The connections that are parked.
///
/// The lock guards the table, and changes of the epoll set, which do not block;
/// nothing else is taken meanwhile.
#[derive(Default)]
pub(super) struct Lot {
    state: Lock<State, rank::Lot>,
}

#[derive(Default)]
struct State {
    /// There while the thread is.
    watcher: Option<Arc<Watch>>,
    /// The present thread, or the last.
    thread: Option<JoinHandle<()>>,
    parked: HashMap<u64, (Place, Parked)>,
    due: BTreeSet<(Instant, u64)>,
    /// When the thread looks up; `None` while it is awake.
    asleep_until: Option<Instant>,
    closed: bool,
}

impl Lot {
    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// Leaves a connection here; gives it back if it cannot be watched.
    pub(super) fn park(self: &Arc<Self>, place: Place, parked: Parked) -> Option<(Place, Parked)> {
        let mut state = self.lock();
        let watcher = match &state.watcher {
            _ if state.closed => return Some((place, parked)),
            Some(watcher) => watcher.clone(),
            None => match self.start(&mut state) {
                Ok(watcher) => watcher,
                Err(error) => {
                    drop(state);
                    log::debug!("connections cannot be watched: {error}");
                    return Some((place, parked));
                }
            },
        };
        let flags = EventFlags::IN | EventFlags::RDHUP;
        if watcher.add(&parked.stream, place.id().0, flags).is_err() {
            return Some((place, parked));
        }
        state.insert(place, parked);
        None
    }

    /// Starts the thread.
    fn start(self: &Arc<Self>, state: &mut State) -> io::Result<Arc<Watch>> {
        let (lot, watcher) = (self.clone(), Arc::new(Watch::new()?));
        let watching = watcher.clone();
        let run = move || lot.run(&watching);
        let thread = Builder::new().name("primus-watcher".into()).stack_size(STACK).spawn(run)?;
        if let Some(before) = state.thread.replace(thread) {
            // It has seen that nothing was left, and does not come back for the
            // lock.
            let _ = before.join();
        }
        state.watcher = Some(watcher.clone());
        Ok(watcher)
    }

    /// Takes no more connections, and ends the thread with those that it has.
    pub(super) fn close(&self) -> Option<JoinHandle<()>> {
        let mut state = self.lock();
        state.closed = true;
        state.watcher.iter().for_each(|watcher| watcher.wake());
        state.thread.take()
    }

    /// The thread.
    fn run(&self, watcher: &Watch) {
        let mut ready = Ready::new();
        let mut rested = false;
        while let Some(time) = self.sleep(rested) {
            if let Err(error) = watcher.wait(&mut ready, Some(time)) {
                log::error!("connections cannot be watched: {error}");
                std::thread::sleep(AGAIN);
            }
            rested = ready.is_empty();
            for connection in self.take(watcher, &ready) {
                self.go_on(connection);
            }
        }
    }

    /// How long to sleep; `None` when the thread is to end.
    fn sleep(&self, rested: bool) -> Option<Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        let next = state.due.first().map(|(at, _)| *at);
        if next.is_none() && (rested || state.closed) {
            state.watcher = None;
            state.asleep_until = None;
            return None;
        }
        let until = next.unwrap_or(now + REST);
        state.asleep_until = Some(until);
        Some(until.saturating_duration_since(now))
    }

    /// Takes out those for which something has come, and those whose time is
    /// over.
    fn take(&self, watcher: &Watch, ready: &Ready) -> Vec<(Place, Parked)> {
        let mut state = self.lock();
        state.asleep_until = None;
        let mut taken = Vec::new();
        taken.extend(ready.numbers().filter_map(|id| state.remove(watcher, id)));
        let now = Instant::now();
        while let Some(&(at, id)) = state.due.first()
            && at <= now
        {
            state.due.pop_first();
            taken.extend(state.remove(watcher, id));
        }
        taken
    }

    /// Gives a connection to a thread.
    fn go_on(&self, (place, mut parked): (Place, Parked)) {
        let connections = place.connections().clone();
        let Err((place, resume)) = connections.resume(place, parked.resume) else { return };
        // There is no thread for it. What has come waits in its socket.
        (parked.resume, parked.until) = (resume, Instant::now() + AGAIN);
        self.lock().insert(place, parked);
    }
}

impl State {
    fn insert(&mut self, place: Place, parked: Parked) {
        let (id, until) = (place.id().0, parked.until);
        self.due.insert((until, id));
        self.parked.insert(id, (place, parked));
        if self.asleep_until.is_some_and(|at| until < at) {
            self.asleep_until = None;
            self.watcher.iter().for_each(|watcher| watcher.wake());
        }
    }

    fn remove(&mut self, watcher: &Watch, id: u64) -> Option<(Place, Parked)> {
        let (place, parked) = self.parked.remove(&id)?;
        self.due.remove(&(parked.until, id));
        // Not in the set, if there was no thread for it before.
        watcher.remove(&parked.stream);
        Some((place, parked))
    }
}
