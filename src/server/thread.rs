//! Whose thread this is: everything that code finds out from the thread it
//! runs on, instead of by an argument.
//!
//! | name | says | for |
//! |---|---|---|
//! | `SERVER` | the server whose connection the thread serves | [`destroy`](crate::Primus::destroy), which must not wait for the thread that calls it |
//! | `SPARK` | the spark that lives on it | writes, which are corked here only; calls that would wait for the thread itself |
//! | `SOURCE` | where that spark's messages come from | the loop of its life, which a [`Messages`](crate::Messages) in a listener may drive too |
//! | `READERS` | how many such readers are in the middle of that | messages, which go to the innermost of them |
//! | `ERRORS` | how deep it is in `error` listeners | errors that those listeners cause |
//! | `HANDING` | whether it hands a message on to other servers | messages written meanwhile, which cannot wait for that |
//! | `LAST` | the last broadcast it made, of each server | direct writes, which must not overtake that |
//!
//! A thread serves one connection after another; between two of them [`Lived`]
//! clears what it knows.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::transformers::serve::Source;

thread_local! {
    /// By address; 0 for other threads.
    static SERVER: Cell<usize> = const { Cell::new(0) };
    /// By address; 0 for other threads.
    static SPARK: Cell<usize> = const { Cell::new(0) };
    /// Borrowed while reading, never while listeners run.
    static SOURCE: RefCell<Option<Current>> = const { RefCell::new(None) };
    static READERS: Cell<usize> = const { Cell::new(0) };
    static ERRORS: Cell<u32> = const { Cell::new(0) };
    static HANDING: Cell<bool> = const { Cell::new(false) };
    /// The server's key, and the number of commands that it had accepted when
    /// the thread's last one was.
    static LAST: RefCell<Vec<(u64, u64)>> = const { RefCell::new(Vec::new()) };
}

/// The incoming half of the spark whose thread this is.
pub(super) struct Current {
    pub source: Box<dyn Source>,
    /// Answers are held back, because more has come.
    pub corked: bool,
    /// The peer has closed in the protocol's own way, or broken the protocol.
    pub closed: bool,
}

fn address<T>(shared: &Arc<T>) -> usize {
    Arc::as_ptr(shared) as usize
}

/// The calling thread serves a connection or session of this server.
pub(super) fn serve<T>(server: &Arc<T>) {
    SERVER.set(address(server));
}

/// Whether the calling thread serves a connection or session of this server.
pub(super) fn serves<T>(server: &Arc<T>) -> bool {
    SERVER.get() == address(server)
}

/// What the calling thread is to a spark, until this is dropped, also by a
/// panic.
#[derive(Default)]
pub(super) struct Lived(());

impl Lived {
    /// It reads this source.
    pub fn reads(&self, source: Box<dyn Source>) {
        SOURCE.set(Some(Current { source, corked: false, closed: false }));
    }

    /// The spark lives on it: it is the spark's own.
    pub fn by<T>(&self, spark: &Arc<T>) {
        SPARK.set(address(spark));
    }
}

impl Drop for Lived {
    fn drop(&mut self) {
        SPARK.set(0);
        SOURCE.set(None);
    }
}

/// Whether the calling thread is this spark's own.
pub(super) fn is_own<T>(spark: &Arc<T>) -> bool {
    SPARK.get() == address(spark)
}

/// Does something with the source of the spark whose thread this is. What is
/// done runs no code of the application's.
pub(super) fn with_source<R>(work: impl FnOnce(Option<&mut Current>) -> R) -> R {
    SOURCE.with_borrow_mut(|current| work(current.as_mut()))
}

/// Whether the calling thread, a spark's own, reads through an iterator.
pub(super) fn is_reading() -> bool {
    READERS.get() > 0
}

/// Does something for such an iterator.
pub(super) fn while_reading<R>(work: impl FnOnce() -> R) -> R {
    READERS.set(READERS.get() + 1);
    let done = work();
    READERS.set(READERS.get() - 1);
    done
}

/// How deep `error` listeners may cause errors of their own, such as a message
/// about the error that cannot be encoded either.
const ERRORS_DEEP: u32 = 4;

/// Runs `error` listeners. `None`, and they are not run: too many of them are
/// being run already, one in the other.
pub(super) fn within_errors<R>(work: impl FnOnce() -> R) -> Option<R> {
    let depth = ERRORS.get();
    if depth >= ERRORS_DEEP {
        return None;
    }
    ERRORS.set(depth + 1);
    let done = work();
    ERRORS.set(depth);
    Some(done)
}

/// Whether the calling thread hands a message on to other servers.
pub(super) fn hands_on() -> bool {
    HANDING.get()
}

/// The calling thread hands a message on, until this is dropped, also by a panic.
pub(super) struct Handing(());

impl Handing {
    pub fn begin() -> Self {
        HANDING.set(true);
        Handing(())
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        HANDING.set(false);
    }
}

/// Of the server with this key, the calling thread's last command was not
/// later than this one.
pub(super) fn note_command(server: u64, number: u64) {
    LAST.with_borrow_mut(|last| match last.iter_mut().find(|(key, _)| *key == server) {
        Some(entry) => entry.1 = number,
        None => last.push((server, number)),
    });
}

/// Whether the last command of the calling thread comes after those that are
/// done, as `done` tells.
pub(super) fn is_behind(server: u64, done: impl FnOnce() -> u64) -> bool {
    LAST.with_borrow_mut(|last| {
        if last.is_empty() {
            return false;
        }
        let done = done();
        last.retain(|(key, number)| *key != server || *number > done);
        last.iter().any(|(key, _)| *key == server)
    })
}
