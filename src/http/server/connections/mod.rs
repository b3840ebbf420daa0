//! The connections that are open, each with its thread.

use std::collections::{HashMap, HashSet};
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, OnceLock};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use super::lot::{Lot, Parked, Resume};
use super::shares::{Shares, Use};
use crate::error::catch;
use crate::net::Stream;
use crate::sync::{Guard, Lock, rank};

mod entry;

pub(crate) use entry::Rules;

/// A connection as it was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Arc<Stream>,
    /// The other end; `None` for a Unix socket.
    pub(crate) remote: Option<SocketAddr>,
    /// When.
    pub(crate) at: Instant,
    /// The number of its place, once it has one.
    pub(crate) place: Option<u64>,
}

impl Accepted {
    /// A connection that the application accepted, just now.
    pub(crate) fn new(stream: Arc<Stream>) -> Self {
        let remote = stream.peer_addr();
        Accepted { stream, remote, at: Instant::now(), place: None }
    }
}

/// How long a thread whose connection has ended waits for another. Making a
/// thread costs more than everything else about a new connection.
const REST: Duration = Duration::from_secs(1);

/// Threads that may wait so at a time.
const RESTING: usize = 64;

/// The connections that are open, bounded in number.
///
/// One lock guards the table; it is held for a few instructions, never during
/// a system call that may block and never while a connection is served.
pub(crate) struct Connections {
    table: Lock<Table, rank::Places>,
    /// Those that wait for their clients without a thread.
    lot: Arc<Lot>,
    /// A thread or connection is gone.
    gone: Condvar,
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
    /// Threads that wait for a connection, the latest last.
    resting: Vec<Arc<Slot>>,
    /// Numbers the threads.
    next_thread: u64,
    /// The threads, by number. A thread that nobody joins keeps its stack.
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

/// Where a resting thread is told what comes next. Whoever takes it off the list
/// of those that rest says one word, without fail.
#[derive(Default)]
struct Slot {
    word: Lock<Option<Word>>,
    said: Condvar,
}

/// What a resting thread is told.
enum Word {
    /// To serve a connection.
    Serve(Job),
    /// To end.
    End,
}

/// A connection or session to serve.
struct Job {
    place: Place,
    serve: Resume,
}

impl Slot {
    fn word(&self) -> Guard<'_, Option<Word>> {
        self.word.lock()
    }

    fn say(&self, word: Word) {
        *self.word() = Some(word);
        self.said.notify_all();
    }

    /// Waits for the word; `None` at the end of the time.
    fn hear(&self, time: Duration) -> Option<Word> {
        let silent = |word: &mut Option<Word>| word.is_none();
        self.word().wait_while_for(&self.said, time, silent).take()
    }

    /// The first connection of a thread.
    #[inline(never)]
    fn first(&self) -> Option<Job> {
        match self.listen() {
            Some(Word::Serve(job)) => Some(job),
            _ => None,
        }
    }

    /// Waits for the word, which is about to be said.
    fn listen(&self) -> Option<Word> {
        self.word().wait_while(&self.said, |word| word.is_none()).take()
    }
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

/// A place among the connections, given back when dropped.
pub(crate) struct Place {
    connections: Arc<Connections>,
    id: u64,
}

impl Place {
    /// Its number, for [`Connections::settle`].
    pub(crate) fn id(&self) -> u64 {
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
            gone: Condvar::new(),
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
    pub(crate) fn spawn<S: Served>(
        self: &Arc<Self>,
        accepted: Accepted,
        serve: impl FnOnce(Accepted) -> S + Send + 'static,
    ) -> Result<(), Refused> {
        let owner = self.owner_of(accepted.remote);
        let place = self.enter(Some(Arc::clone(&accepted.stream)), owner, Use::Connection)?;
        let accepted = Accepted { place: Some(place.id()), ..accepted };
        self.occupy(place, move || serve(accepted))
    }

    /// Has a place served on a thread of its own.
    pub(crate) fn occupy<S: Served>(
        self: &Arc<Self>,
        place: Place,
        serve: impl FnOnce() -> S + Send + 'static,
    ) -> Result<(), Refused> {
        let serve = Box::new(move || serve().parked());
        self.give(Job { place, serve }).map_err(|(error, _)| {
            self.opened.fetch_sub(1, Relaxed);
            self.refused.fetch_add(1, Relaxed);
            Refused::Thread(error)
        })
    }

    /// Has a connection that was parked go on; gives it back if there is no
    /// thread for it.
    pub(super) fn resume(
        self: &Arc<Self>,
        place: Place,
        resume: Resume,
    ) -> Result<(), (Place, Resume)> {
        let given = self.give(Job { place, serve: resume });
        given.map_err(|(error, job)| {
            log::warn!("no thread for a connection that goes on: {error}");
            (job.place, job.serve)
        })
    }

    fn give(self: &Arc<Self>, job: Job) -> Result<(), (io::Error, Job)> {
        let resting = self.lock().resting.pop();
        match resting {
            Some(slot) => {
                slot.say(Word::Serve(job));
                Ok(())
            }
            None => self.start(job),
        }
    }

    /// Starts a thread with its first connection.
    fn start(self: &Arc<Self>, job: Job) -> Result<(), (io::Error, Job)> {
        let slot = Arc::new(Slot::default());
        *slot.word() = Some(Word::Serve(job));
        let (connections, first) = (Arc::clone(self), Arc::clone(&slot));
        let id = {
            let mut table = self.lock();
            table.running += 1;
            table.next_thread += 1;
            table.next_thread
        };
        let thread = Builder::new()
            .name("primus-conn".into())
            .stack_size(self.stack_size)
            .spawn(move || connections.work(id, &first));
        match thread {
            Ok(thread) => {
                self.started(id, thread);
                Ok(())
            }
            Err(error) => {
                self.lock().running -= 1;
                match slot.listen() {
                    Some(Word::Serve(job)) => Err((error, job)),
                    _ => Ok(()),
                }
            }
        }
    }

    /// The life of a thread: one connection after the other.
    ///
    /// What it calls is kept from being inlined: the pages of a stack that were
    /// ever touched stay resident, so the deepest call counts.
    fn work(self: &Arc<Self>, id: u64, slot: &Arc<Slot>) {
        let mut next = slot.first();
        while let Some(job) = next {
            self.serve(job);
            next = self.rest(slot);
        }
        self.retire(id);
    }

    /// Serves a connection to its end, or until it waits without a thread.
    #[inline(never)]
    fn serve(&self, job: Job) {
        let Job { mut place, mut serve } = job;
        while let Some(parked) = self.run(serve) {
            match self.park(place, parked) {
                Some(job) => Job { place, serve } = job,
                None => return,
            }
        }
        drop(place);
    }

    fn run(&self, serve: Resume) -> Option<Parked> {
        catch(serve).unwrap_or_else(|text| {
            self.count_panicked();
            log::error!("the thread of a connection panicked: {text}");
            None
        })
    }

    /// Leaves a connection to wait without a thread; if it cannot, waits here.
    #[inline(never)]
    fn park(&self, place: Place, parked: Parked) -> Option<Job> {
        let (place, parked) = self.lot.park(place, parked)?;
        Some(Job { place, serve: parked.wait() })
    }

    /// Waits for the next connection; `None` when the thread is to end.
    #[inline(never)] // not on the stack of a connection that is served
    fn rest(&self, slot: &Arc<Slot>) -> Option<Job> {
        {
            let mut table = self.lock();
            if table.closed || table.resting.len() >= RESTING {
                return None;
            }
            table.resting.push(Arc::clone(slot));
        }
        match slot.hear(REST).or_else(|| self.called(slot))? {
            Word::Serve(job) => Some(job),
            Word::End => None,
        }
    }

    /// Takes a slot off the list; if somebody else has, what that one says.
    fn called(&self, slot: &Arc<Slot>) -> Option<Word> {
        let mut table = self.lock();
        let at = table.resting.iter().position(|resting| Arc::ptr_eq(resting, slot));
        if let Some(at) = at {
            table.resting.remove(at);
            return None;
        }
        drop(table);
        slot.listen()
    }

    /// A session goes on over this stream, in whatever place it has.
    pub(crate) fn settle(&self, id: u64, stream: Arc<Stream>) {
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
        resting.iter().for_each(|slot| slot.say(Word::End));
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

    /// Keeps the handle of a thread that was started, which may have ended
    /// meanwhile.
    fn started(&self, id: u64, thread: JoinHandle<()>) {
        let mut table = self.lock();
        // A thread that has retired has left its number.
        let before = match table.retired.remove(&id) {
            true => table.ended.replace(thread),
            false => table.threads.insert(id, thread),
        };
        drop(table);
        join(before);
    }

    /// The calling thread is about to end.
    #[inline(never)]
    fn retire(&self, id: u64) {
        let mut table = self.lock();
        table.running -= 1;
        let before = match table.threads.remove(&id) {
            Some(thread) => table.ended.replace(thread),
            None => {
                table.retired.insert(id);
                None
            }
        };
        self.gone.notify_all();
        drop(table);
        join(before);
    }

    fn streams(&self) -> Vec<Arc<Stream>> {
        self.lock().live.values().flatten().map(Arc::clone).collect()
    }

    fn leave(&self, id: u64) {
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

/// What is left when a connection or session was served: nothing, or a
/// connection that waits for its client without a thread.
pub(crate) trait Served {
    fn parked(self) -> Option<Parked>;
}

impl Served for () {
    fn parked(self) -> Option<Parked> {
        None
    }
}

impl Served for Option<Parked> {
    fn parked(self) -> Option<Parked> {
        self
    }
}

/// Waits for a thread that is about to be gone. Its panic was caught before.
fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    /// A connection given to a resting thread at the moment at which its rest
    /// was over, while the server was being closed, was dropped: the thread left
    /// without a look at its slot.
    #[test]
    fn a_thread_called_at_the_end_of_its_rest_serves_though_the_server_closes() {
        let connections = Connections::new(1, 64 << 10);
        let slot: Arc<Slot> = Arc::default();
        let stream = Arc::new(Stream::from(UnixStream::pair().unwrap().0));
        let place = connections.enter(Some(Arc::clone(&stream)), None, Use::Connection).unwrap();
        // Taken off the list, and not given anything yet.
        connections.close();
        thread::scope(|scope| {
            let rested = scope.spawn(|| connections.called(&slot));
            let job = Job { place, serve: Box::new(|| None) };
            slot.say(Word::Serve(job));
            assert!(matches!(rested.join().unwrap(), Some(Word::Serve(_))));
        });
        assert_eq!(connections.len(), 0);
    }
}
