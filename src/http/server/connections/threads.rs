//! The threads of the connections: each serves one after the other, and rests for
//! a moment in between.
//!
//! A connection on which TLS is spoken begins on a thread that does nothing but shake
//! hands, and [moves](Served::Moves) from there to its own. A handshake needs several
//! times the stack of all that follows, and leaves the memory that it has freed with
//! the thread; both would stay with the connection for as long as it lives.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::{Connections, Place, Refused};
use crate::error::catch;
use crate::http::server::lot::{Parked, Resume};
use crate::sync::{Guard, Lock, Signal};

/// How long a thread whose connection has ended waits for another. Making a
/// thread costs more than everything else about a new connection.
const REST: Duration = Duration::from_secs(1);

/// Threads of a [`Task`] that may wait so at a time.
const RESTING: usize = 64;

/// Where a resting thread is told what comes next. The thread that takes it off the
/// list of those that rest always posts a [`Word`].
#[derive(Default)]
pub(super) struct Slot {
    word: Lock<Option<Word>>,
    said: Signal,
}

/// What a resting thread is told.
pub(super) enum Word {
    /// To serve a connection.
    Serve(Job),
    /// To end.
    End,
}

/// A connection or session to serve.
pub(super) struct Job {
    place: Place,
    serve: Resume,
}

impl Slot {
    fn word(&self) -> Guard<'_, Option<Word>> {
        self.word.lock()
    }

    pub(super) fn say(&self, word: Word) {
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

/// What a thread is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// To serve connections and sessions.
    Connection,
    /// To shake hands.
    Handshake,
}

impl Task {
    fn name(self) -> &'static str {
        match self {
            Task::Connection => "primus-conn",
            Task::Handshake => "primus-tls",
        }
    }
}

/// What is left when a connection or session was served.
#[must_use]
pub(crate) enum Served {
    /// Nothing.
    Over,
    /// A connection that waits for its client without a thread.
    Waits(Parked),
    /// A connection whose handshake is over, and that goes on with this.
    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    Moves(Resume),
}

impl From<()> for Served {
    fn from((): ()) -> Self {
        Served::Over
    }
}

/// The threads that wait for a connection, the latest last.
#[derive(Default)]
pub(super) struct Resting {
    connections: Vec<Arc<Slot>>,
    handshakes: Vec<Arc<Slot>>,
}

impl Resting {
    fn of(&mut self, task: Task) -> &mut Vec<Arc<Slot>> {
        match task {
            Task::Connection => &mut self.connections,
            Task::Handshake => &mut self.handshakes,
        }
    }

    /// None rests any more.
    pub(super) fn end(self) {
        let all = self.connections.iter().chain(&self.handshakes);
        all.for_each(|slot| slot.say(Word::End));
    }
}

impl Connections {
    /// Runs `serve` for a place, on a thread of its own.
    pub(crate) fn occupy<S: Into<Served>>(
        self: &Arc<Self>,
        place: Place,
        serve: impl FnOnce() -> S + Send + 'static,
    ) -> Result<(), Refused> {
        self.begin(Task::Connection, place, serve)
    }

    pub(super) fn begin<S: Into<Served>>(
        self: &Arc<Self>,
        task: Task,
        place: Place,
        serve: impl FnOnce() -> S + Send + 'static,
    ) -> Result<(), Refused> {
        let serve = Box::new(move || serve().into());
        self.give(task, Job { place, serve }).map_err(|(error, _)| {
            self.opened.fetch_sub(1, Relaxed);
            self.refused.fetch_add(1, Relaxed);
            Refused::Thread(error)
        })
    }

    /// Has a connection that was parked go on; gives it back if there is no
    /// thread for it.
    pub(in crate::http::server) fn resume(
        self: &Arc<Self>,
        place: Place,
        resume: Resume,
    ) -> Result<(), (Place, Resume)> {
        let given = self.give(Task::Connection, Job { place, serve: resume });
        given.map_err(|(error, job)| {
            log::warn!("no thread for a connection that goes on: {error}");
            (job.place, job.serve)
        })
    }

    fn give(self: &Arc<Self>, task: Task, job: Job) -> Result<(), (io::Error, Job)> {
        let resting = self.lock().resting.of(task).pop();
        match resting {
            Some(slot) => {
                slot.say(Word::Serve(job));
                Ok(())
            }
            None => self.start(task, job),
        }
    }

    /// Starts a thread with its first connection.
    fn start(self: &Arc<Self>, task: Task, job: Job) -> Result<(), (io::Error, Job)> {
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
            .name(task.name().into())
            .stack_size(self.stack_size)
            .spawn(move || connections.work(task, id, &first));
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
    fn work(self: &Arc<Self>, task: Task, id: u64, slot: &Arc<Slot>) {
        let mut next = slot.first();
        while let Some(job) = next {
            self.serve(job);
            next = self.rest(task, slot);
        }
        self.retire(id);
    }

    /// Serves a connection to its end, or until it goes on without this thread.
    #[inline(never)]
    fn serve(self: &Arc<Self>, job: Job) {
        let Job { mut place, mut serve } = job;
        loop {
            let left = match self.run(serve) {
                Served::Over => break,
                Served::Waits(parked) => self.park(place, parked),
                Served::Moves(onward) => self.hand_over(place, onward),
            };
            match left {
                Some(job) => Job { place, serve } = job,
                None => return,
            }
        }
        drop(place);
    }

    fn run(&self, serve: Resume) -> Served {
        catch(serve).unwrap_or_else(|text| {
            self.count_panicked();
            log::error!("the thread of a connection panicked: {text}");
            Served::Over
        })
    }

    /// Has a connection go on, on its own thread; if there is none, on this one.
    #[inline(never)]
    fn hand_over(self: &Arc<Self>, place: Place, onward: Resume) -> Option<Job> {
        let (error, job) = self.give(Task::Connection, Job { place, serve: onward }).err()?;
        log::debug!("no thread for a connection after its handshake: {error}");
        Some(job)
    }

    /// Leaves a connection to wait without a thread; if it cannot, waits here.
    #[inline(never)]
    fn park(&self, place: Place, parked: Parked) -> Option<Job> {
        let (place, parked) = self.lot.park(place, parked)?;
        Some(Job { place, serve: parked.wait() })
    }

    /// Waits for the next connection; `None` when the thread is to end.
    #[inline(never)] // not on the stack of a connection that is served
    fn rest(&self, task: Task, slot: &Arc<Slot>) -> Option<Job> {
        {
            let mut table = self.lock();
            if table.closed || table.resting.of(task).len() >= RESTING {
                return None;
            }
            table.resting.of(task).push(Arc::clone(slot));
        }
        match slot.hear(REST).or_else(|| self.called(task, slot))? {
            Word::Serve(job) => Some(job),
            Word::End => None,
        }
    }

    /// Takes a slot off the list; if somebody else has, what that one says.
    fn called(&self, task: Task, slot: &Arc<Slot>) -> Option<Word> {
        let mut table = self.lock();
        let resting = table.resting.of(task);
        if let Some(at) = resting.iter().position(|resting| Arc::ptr_eq(resting, slot)) {
            resting.remove(at);
            return None;
        }
        drop(table);
        slot.listen()
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
}

/// Waits for a thread that is about to be gone. Its panic was caught before.
pub(super) fn join(thread: Option<JoinHandle<()>>) {
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;
    use crate::http::server::shares::Use;
    use crate::net::Stream;

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
            let rested = scope.spawn(|| connections.called(Task::Connection, &slot));
            let job = Job { place, serve: Box::new(|| Served::Over) };
            slot.say(Word::Serve(job));
            assert!(matches!(rested.join().unwrap(), Some(Word::Serve(_))));
        });
        assert_eq!(connections.len(), 0);
    }
}
