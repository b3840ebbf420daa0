//! What the thread is to do that writes the rooms of a server to Redis.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::keys::Pending;
use super::worker::Worker;
use crate::plugins::rooms::Change;
use crate::sync::{Lock, Signal};

/// So many changes may wait; where there are more, all is written from the beginning.
const MOST_CHANGES: usize = 100_000;

/// What has changed meanwhile is written together.
const GATHER: Duration = Duration::from_millis(10);

/// What the thread is to do.
#[derive(Default)]
pub(super) struct Chores {
    todo: Lock<Todo>,
    told: Signal,
    thread: Lock<Option<Worker>>,
    /// Something could not be written.
    failed: AtomicBool,
}

#[derive(Default)]
pub(super) struct Todo {
    pub pending: Pending,
    /// All is to be written from the beginning.
    pub rewrite: bool,
    /// The keys are to live on.
    pub renew: bool,
    /// Servers that were found dead.
    pub gone: Vec<String>,
    pub over: bool,
}

impl Todo {
    fn is_idle(&self) -> bool {
        self.pending.count == 0
            && !(self.rewrite || self.renew || self.over)
            && self.gone.is_empty()
    }
}

impl Chores {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is none to be had.
    pub fn start(&self, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        *self.thread.lock() = Some(Worker::start("primus-cluster", run)?);
        Ok(())
    }

    /// Something could not be done: all is done again at the next sign of life.
    pub fn has_failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// Members have come and gone.
    pub fn changed(&self, changes: &[Change]) {
        let mut todo = self.todo.lock();
        for change in changes {
            todo.pending.add(&change.room, change.spark.id(), change.joined);
        }
        let dropped = match todo.pending.count > MOST_CHANGES {
            true => {
                todo.rewrite = true;
                Some(std::mem::take(&mut todo.pending))
            }
            false => None,
        };
        drop(todo);
        drop(dropped);
        self.told.notify_all();
    }

    /// All is written from the beginning.
    pub fn rewrite(&self) {
        self.todo.lock().rewrite = true;
        self.told.notify_all();
    }

    /// The keys live on; all is written from the beginning if something could not be.
    pub fn renew(&self) {
        let mut todo = self.todo.lock();
        todo.renew = true;
        todo.rewrite |= self.failed.swap(false, Ordering::Relaxed);
        drop(todo);
        self.told.notify_all();
    }

    /// The rooms of a server that is gone go, too.
    pub fn gone(&self, address: &str) {
        self.todo.lock().gone.push(address.to_owned());
        self.told.notify_all();
    }

    /// Leaves those rooms out of which changes wait.
    pub fn without_pending(&self, rooms: &mut Vec<String>) {
        let todo = self.todo.lock();
        rooms.retain(|room| !todo.pending.rooms.contains_key(&**room));
    }

    /// How many changes wait.
    pub fn len(&self) -> usize {
        self.todo.lock().pending.count
    }

    /// Takes the rooms of the server away, and ends the thread. Waits for that at most so
    /// long.
    pub fn end(&self, patience: Duration) {
        self.todo.lock().over = true;
        self.told.notify_all();
        let thread = self.thread.lock().take();
        // It may be the one that lets go of the server.
        thread.into_iter().for_each(|thread| thread.wait(patience));
    }

    /// Whether the thread is to end.
    pub fn is_over(&self) -> bool {
        self.todo.lock().over
    }

    /// Waits until there is something to do, and a little for more of it.
    pub fn next(&self) -> Todo {
        let todo = self.todo.lock().wait_while(&self.told, |todo| todo.is_idle());
        let mut todo = todo.wait_while_for(&self.told, GATHER, |todo| !todo.over);
        let over = todo.over;
        std::mem::replace(&mut *todo, Todo { over, ..Todo::default() })
    }
}
