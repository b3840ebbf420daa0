//! Connections that wait for their clients without a thread.
//!
//! A client that polls has a request answered when there is something to tell,
//! which may take long; and connections are kept for requests that may come. A
//! thread that has waited with one of these for a while leaves it here, and one
//! thread watches all of them. It reads nothing: when a client says something or
//! is gone, or the time is over, the connection goes on on a thread of its own.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFlags, epoll};
use rustix::io::Errno;

use super::connections::Place;
use super::wait::{timespec, wait};
use crate::net::{Stream, Waker};
use crate::sync::{Guard, Lock, rank};

/// How long the thread goes on when nothing is left to watch.
const REST: Duration = Duration::from_secs(1);

/// When a connection for which there was no thread is tried again.
const AGAIN: Duration = Duration::from_millis(100);

/// The thread's stack.
const STACK: usize = 128 << 10;

/// What the events of the waker are known by; no place has this number.
const WAKER: u64 = u64::MAX;

/// What goes on with a connection, on a thread; it may wait again.
pub(crate) type Resume = Box<dyn FnOnce() -> Option<Parked> + Send>;

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
        let _ = wait(&self.stream, PollFlags::IN | PollFlags::RDHUP, self.until);
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
    watcher: Option<Arc<Watcher>>,
    /// The present thread, or the last.
    thread: Option<JoinHandle<()>>,
    parked: HashMap<u64, (Place, Parked)>,
    due: BTreeSet<(Instant, u64)>,
    /// When the thread looks up; `None` while it is awake.
    asleep_until: Option<Instant>,
    closed: bool,
}

struct Watcher {
    epoll: OwnedFd,
    waker: Waker,
}

impl Watcher {
    fn new() -> io::Result<Arc<Self>> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let waker = Waker::new()?;
        epoll::add(&epoll, &waker, epoll::EventData::new_u64(WAKER), epoll::EventFlags::IN)?;
        Ok(Arc::new(Watcher { epoll, waker }))
    }

    fn watch(&self, stream: &Stream, id: u64) -> io::Result<()> {
        let flags = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        Ok(epoll::add(&self.epoll, stream, epoll::EventData::new_u64(id), flags)?)
    }
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
        if watcher.watch(&parked.stream, place.id()).is_err() {
            return Some((place, parked));
        }
        state.insert(place, parked);
        None
    }

    /// Starts the thread.
    fn start(self: &Arc<Self>, state: &mut State) -> io::Result<Arc<Watcher>> {
        let (lot, watcher) = (self.clone(), Watcher::new()?);
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
        state.watcher.iter().for_each(|watcher| watcher.waker.wake());
        state.thread.take()
    }

    /// The thread.
    fn run(&self, watcher: &Arc<Watcher>) {
        let mut events = Vec::with_capacity(64);
        let mut rested = false;
        while let Some(time) = self.sleep(rested) {
            events.clear();
            let time = timespec(time);
            match epoll::wait(&watcher.epoll, spare_capacity(&mut events), time.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    log::error!("connections cannot be watched: {error}");
                    std::thread::sleep(AGAIN);
                }
            }
            rested = events.is_empty();
            for connection in self.take(watcher, &events) {
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
    fn take(&self, watcher: &Watcher, events: &[epoll::Event]) -> Vec<(Place, Parked)> {
        let mut state = self.lock();
        state.asleep_until = None;
        let mut taken = Vec::new();
        for event in events {
            match event.data.u64() {
                WAKER => watcher.waker.clear(),
                id => taken.extend(state.remove(watcher, id)),
            }
        }
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
        let (id, until) = (place.id(), parked.until);
        self.due.insert((until, id));
        self.parked.insert(id, (place, parked));
        if self.asleep_until.is_some_and(|at| until < at) {
            self.asleep_until = None;
            self.watcher.iter().for_each(|watcher| watcher.waker.wake());
        }
    }

    fn remove(&mut self, watcher: &Watcher, id: u64) -> Option<(Place, Parked)> {
        let (place, parked) = self.parked.remove(&id)?;
        self.due.remove(&(parked.until, id));
        // Not in the set, if there was no thread for it before.
        let _ = epoll::delete(&watcher.epoll, &parked.stream);
        Some((place, parked))
    }
}
