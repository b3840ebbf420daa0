//! The connections that are open, each with its thread.

use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;
use std::{fmt, io};

use crate::net::Stream;

/// A connection as it was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Arc<Stream>,
    /// The other end; `None` for a Unix socket.
    pub(crate) remote: Option<SocketAddr>,
    /// When.
    pub(crate) at: Instant,
}

impl Accepted {
    /// A connection that the application accepted, just now.
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        let remote = stream.peer_addr();
        Accepted { stream, remote, at: Instant::now() }
    }
}

/// The connections that are open, bounded in number.
///
/// One lock guards the table; it is held for a few instructions, never during
/// a system call that may block and never while a connection is served.
pub(crate) struct Connections {
    table: Mutex<Table>,
    empty: Condvar,
    bound: usize,
    stack_size: usize,
    opened: AtomicU64,
    refused: AtomicU64,
    panicked: AtomicU64,
}

#[derive(Default)]
struct Table {
    live: HashMap<u64, Entry>,
    next: u64,
    closed: bool,
    /// The thread that ended last. The next one to end joins it: a thread that
    /// nobody joins keeps its stack, and one that is merely detached may still
    /// be there when the server says that it is gone.
    ended: Option<JoinHandle<()>>,
}

struct Entry {
    stream: Arc<Stream>,
    thread: Option<JoinHandle<()>>,
}

/// Why a connection was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The bound is reached.
    Full,
    /// The server shuts down.
    Closed,
    /// No thread could be made.
    Thread(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Full => write!(f, "too many connections"),
            Refused::Closed => write!(f, "the server is shutting down"),
            Refused::Thread(error) => write!(f, "no thread for a connection: {error}"),
        }
    }
}

/// A place among the connections, given back when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    id: u64,
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
            table: Mutex::default(),
            empty: Condvar::new(),
            bound,
            stack_size,
            opened: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
        })
    }

    /// Serves a connection on a thread of its own.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        accepted: Accepted,
        serve: impl FnOnce(Accepted) + Send + 'static,
    ) -> Result<(), Refused> {
        let place = self.enter(Arc::clone(&accepted.stream))?;
        let id = place.id;
        let name = format!("primus-{id}");
        let thread = Builder::new().name(name).stack_size(self.stack_size).spawn(move || {
            let connections = Arc::clone(&place.connections);
            if catch_unwind(AssertUnwindSafe(|| serve(accepted))).is_err() {
                connections.panicked.fetch_add(1, Relaxed);
                log::error!("the thread of a connection panicked");
            }
            drop(place);
        });
        match thread {
            Ok(thread) => self.started(id, thread),
            Err(error) => {
                self.opened.fetch_sub(1, Relaxed);
                self.refused.fetch_add(1, Relaxed);
                return Err(Refused::Thread(error));
            }
        }
        Ok(())
    }

    /// Takes a place for a connection that the calling thread will serve.
    pub(crate) fn enter(self: &Arc<Self>, stream: Arc<Stream>) -> Result<Place, Refused> {
        let mut table = self.lock();
        if table.closed || table.live.len() >= self.bound {
            self.refused.fetch_add(1, Relaxed);
            return Err(if table.closed { Refused::Closed } else { Refused::Full });
        }
        let id = table.next;
        table.next += 1;
        table.live.insert(id, Entry { stream, thread: None });
        self.opened.fetch_add(1, Relaxed);
        Ok(Place { connections: Arc::clone(self), id })
    }

    /// Connections that are open now.
    pub(crate) fn len(&self) -> usize {
        self.lock().live.len()
    }

    /// The most connections at a time.
    pub(crate) fn bound(&self) -> usize {
        self.bound
    }

    /// Connections that were ever taken.
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

    /// Connection threads that panicked.
    pub(crate) fn panicked(&self) -> u64 {
        self.panicked.load(Relaxed)
    }

    /// Takes no more connections.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Cuts every open stream, which wakes the threads that read them; what
    /// their peers have not read is thrown away.
    pub(crate) fn abort(&self) {
        let streams: Vec<_> = self.lock().live.values().map(|e| Arc::clone(&e.stream)).collect();
        streams.iter().for_each(|stream| stream.abort());
    }

    /// Ends the reading of every stream of which `waits` is true: a thread that
    /// waits for a request finds that none will come.
    pub(crate) fn end_reading(&self, waits: impl Fn(&Arc<Stream>) -> bool) {
        let streams: Vec<_> = self.lock().live.values().map(|e| Arc::clone(&e.stream)).collect();
        let waiting = streams.iter().filter(|stream| waits(stream));
        waiting.for_each(|stream| stream.shutdown(Shutdown::Read));
    }

    /// Waits until no connection is left but `own`, or until the deadline;
    /// tells how many more are left. When it is 0, no thread of theirs is left
    /// either.
    ///
    /// `own` is 1 when a connection thread calls, which cannot wait for itself.
    pub(crate) fn wait(&self, deadline: Instant, own: usize) -> usize {
        let mut table = self.lock();
        while table.live.len() > own {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return table.live.len() - own;
            }
            let waited = self.empty.wait_timeout(table, left);
            table = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let ended = table.ended.take();
        drop(table);
        join(ended);
        0
    }

    /// Keeps the handle of a thread that was started, which may have ended
    /// meanwhile.
    fn started(&self, id: u64, thread: JoinHandle<()>) {
        let mut table = self.lock();
        let before = match table.live.get_mut(&id) {
            Some(entry) => entry.thread.replace(thread),
            None => table.ended.replace(thread),
        };
        drop(table);
        join(before);
    }

    fn leave(&self, id: u64) {
        let mut table = self.lock();
        let entry = table.live.remove(&id);
        let (stream, thread) = entry.map(|e| (e.stream, e.thread)).unzip();
        let before = match thread.flatten() {
            Some(thread) => table.ended.replace(thread),
            None => None,
        };
        if table.live.len() <= 1 {
            self.empty.notify_all();
        }
        drop(table);
        drop(stream);
        join(before);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a thread that is about to be gone. Its panic was caught before.
fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}
