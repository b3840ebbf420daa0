//! The connections that are open, each with its thread.

use std::collections::{HashMap, HashSet};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Instant;
use std::{fmt, io};

use super::lot::Lot;
use super::shares::{Shares, Use};
use crate::net::Stream;
use crate::sync::{Guard, Lock, Signal, rank};

mod entry;
mod threads;

pub(crate) use entry::Rules;
pub(crate) use threads::Served;
use threads::{Resting, Task, join};

/// A connection as it was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Arc<Stream>,
    /// The other end; `None` for a Unix socket.
    pub(crate) remote: Option<SocketAddr>,
    /// When.
    pub(crate) at: Instant,
    /// Its place, once it has one.
    pub(crate) place: Option<PlaceId>,
}

impl Accepted {
    /// A connection that the application accepted, just now.
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        let remote = stream.peer_addr();
        Accepted { stream, remote, at: Instant::now(), place: None }
    }
}

/// The connections that are open, bounded in number.
///
/// One lock guards the table; it is held for a few instructions, never during
/// a system call that may block and never while a connection is served.
pub(crate) struct Connections {
    table: Lock<Table, rank::Places>,
    /// Those that wait for their clients without a thread.
    lot: Arc<Lot>,
    /// A thread or connection is gone.
    gone: Signal,
    bound: usize,
    rules: OnceLock<Rules>,
    stack_size: usize,
    opened: AtomicU64,
    refused: AtomicU64,
    panicked: AtomicU64,
}

#[derive(Default)]
struct Table {
    /// What there is, by number. Sessions whose clients poll have no stream.
    live: HashMap<u64, Option<Arc<Stream>>>,
    shares: Shares,
    next: u64,
    closed: bool,
    resting: Resting,
    /// Numbers the threads.
    next_thread: u64,
    /// The threads, by number. A thread that is not joined keeps its stack.
    threads: HashMap<u64, JoinHandle<()>>,
    /// Threads that were started and are not gone; their handles may not be in
    /// the table yet.
    running: usize,
    /// Connection threads that wait for the others.
    waiting: usize,
    /// Numbers of threads that were gone before their handle came.
    retired: HashSet<u64>,
    /// The thread that ended last. The next one to end joins it.
    ended: Option<JoinHandle<()>>,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// HTTP.
    Http,
    /// TLS, and HTTP when its handshake is over.
    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    Tls,
}

/// Why a connection was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The bound is reached.
    Full,
    /// The address has its share.
    Share,
    /// The server shuts down.
    Closed,
    /// No thread could be made.
    Thread(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full => write!(f, "too many connections"),
            Refused::Share => write!(f, "too many connections of one address"),
            Refused::Closed => write!(f, "the server is shutting down"),
            Refused::Thread(error) => write!(f, "no thread for a connection: {error}"),
        }
    }
}

/// Names a place among the connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlaceId(pub(super) u64);

/// A place among the connections, given back when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    id: PlaceId,
}

impl Place {
    /// Its name, for [`Connections::settle`] and the like.
    pub(crate) fn id(&self) -> PlaceId {
        self.id
    }

    /// The connections that it is among.
    pub(super) fn connections(&self) -> &Arc<Connections> {
        &self.connections
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.leave(self.id);
    }
}

impl Connections {
    /// At most `bound` connections, whose threads have stacks of `stack_size`
    /// bytes.
    pub(crate) fn new(bound: usize, stack_size: usize) -> Arc<Self> {
        Arc::new(Connections {
            table: Lock::default(),
            lot: Arc::default(),
            gone: Signal::default(),
            bound,
            rules: OnceLock::new(),
            stack_size,
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
        })
    }

    /// Serves a connection on a thread of its own: one that rests from an
    /// earlier connection, or a new one. While the connection is parked it has
    /// none.
    pub(crate) fn spawn<S: Into<Served>>(
        self: &Arc<Self>,
        accepted: Accepted,
        speaks: Speaks,
        serve: impl FnOnce(Accepted) -> S + Send + 'static,
    ) -> Result<(), Refused> {
        let owner = self.owner_of(accepted.remote);
        let place = self.enter(Some(Arc::clone(&accepted.stream)), owner, Use::Connection)?;
        let accepted = Accepted { place: Some(place.id()), ..accepted };
        let task = match speaks {
            Speaks::Http => Task::Connection,
            Speaks::Tls => Task::Handshake,
        };
        self.begin(task, place, move || serve(accepted))
    }

    /// A session goes on over this stream, in whatever place it has.
    pub(crate) fn settle(&self, PlaceId(id): PlaceId, stream: Arc<Stream>) {
        let mut table = self.lock();
        table.shares.connected(id);
        if let Some(place) = table.live.get_mut(&id) {
            *place = Some(stream);
        }
    }

    /// Connections that are open now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().live.len()
    }

    /// The most connections at a time.
    #[cfg(test)]
    pub(crate) fn bound(&self) -> usize {
        self.bound
    }

    /// Connections that were ever taken.
    #[cfg(test)]
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Connections that were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Counts a connection that was turned away before it came here.
    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// How often the thread of a connection, or of a listener, panicked.
    pub(crate) fn panicked(&self) -> u64 {
        self.panicked.load(Relaxed)
    }

    /// Counts such a panic.
    pub(super) fn count_panicked(&self) {
        self.panicked.fetch_add(1, Relaxed);
    }

    /// Takes no more connections; the threads that rest end.
    pub(crate) fn close(&self) {
        let mut table = self.lock();
        table.closed = true;
        let resting = std::mem::take(&mut table.resting);
        drop(table);
        resting.end();
    }

    /// Cuts every open stream, which wakes the threads that read them; what
    /// their peers have not read is thrown away.
    pub(crate) fn abort(&self) {
        let streams = self.streams();
        streams.iter().for_each(|stream| stream.abort());
    }

    /// Ends the reading of every stream of which `waits` is true: a thread that
    /// waits for a request finds that none will come.
    pub(crate) fn end_reading(&self, waits: impl Fn(&Arc<Stream>) -> bool) {
        let streams = self.streams();
        let waiting = streams.iter().filter(|stream| waits(stream));
        waiting.for_each(|stream| stream.shutdown(Shutdown::Read));
    }

    /// Waits until no connection is left, or until the deadline; tells how many
    /// are left. When it is 0 after [`close`](Self::close), no thread of theirs
    /// is left either.
    ///
    /// `own` says that a connection thread calls: it waits neither for itself
    /// nor for others that wait here.
    pub(crate) fn wait(&self, deadline: Instant, own: bool) -> usize {
        let mut table = self.lock();
        table.waiting += usize::from(own);
        self.gone.notify_all();
        let left = loop {
            let spared = if own { table.waiting } else { 0 };
            let left = table.live.len().saturating_sub(spared);
            let threads = if table.closed { table.running.saturating_sub(spared) } else { 0 };
            let time = deadline.saturating_duration_since(Instant::now());
            if (left == 0 && threads == 0) || time.is_zero() {
                break left;
            }
            table = table.wait_for(&self.gone, time);
        };
        table.waiting -= usize::from(own);
        let ended = table.ended.take();
        let over = table.closed && left == 0;
        drop(table);
        join(ended);
        if over {
            join(self.lot.close());
        }
        left
    }

    fn streams(&self) -> Vec<Arc<Stream>> {
        self.lock().live.values().flatten().map(Arc::clone).collect()
    }

    fn leave(&self, PlaceId(id): PlaceId) {
        let mut table = self.lock();
        let stream = table.live.remove(&id);
        table.shares.left(id);
        self.gone.notify_all();
        drop(table);
        drop(stream);
    }

    fn lock(&self) -> Guard<'_, Table> {
        self.table.lock()
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        // Perhaps on that very thread, so it is not waited for.
        drop(self.lot.close());
    }
}
