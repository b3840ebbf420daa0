//! Waiting for answers of the other side, on any channel.

use std::borrow::Borrow;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::pending::{Lost, Pending, Refused};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::message::Written;
use crate::server::Spark;

/// Answers that are waited for at most on one channel, by one plugin.
const MOST_ANSWERS: usize = 1_000;

/// The answers that a channel waits for, in its extensions.
pub(crate) struct Answers<K: Ord, T> {
    table: Arc<Table<K, T>>,
    /// Whether they are told when the connection is over.
    watches: OnceLock<()>,
}

type Table<K, T> = Pending<K, T, Arc<dyn Channel>>;

impl<K: Ord + Clone + Send + 'static, T: Send + 'static> Answers<K, T> {
    pub fn new() -> Self {
        Answers { table: Arc::new(Pending::new(MOST_ANSWERS)), watches: OnceLock::new() }
    }

    /// Sees to it that nobody waits for a connection that is gone.
    fn watch(&self, channel: &dyn Channel) {
        self.watches.get_or_init(|| {
            let table = Arc::downgrade(&self.table);
            let is_last = channel.any().is::<Spark>();
            channel.on_over(Box::new(move || match table.upgrade() {
                Some(table) if is_last => table.end(),
                Some(table) => table.lose(),
                None => (),
            }));
        });
    }

    /// Sends what asks, under a new id, and waits for the answer. `what` says what is
    /// missing when none comes.
    ///
    /// # Errors
    /// What keeps it from being sent; [`Error::Timeout`]; [`Error::Closed`] when the
    /// connection ends; [`Error::Misuse`] on the channel's own thread.
    pub fn wait(
        &self,
        channel: &dyn Channel,
        ids: impl FnMut() -> K,
        timeout: Duration,
        what: impl FnOnce() -> String,
        send: impl FnOnce(&K) -> Result<Written>,
    ) -> Result<T> {
        if channel.is_inside() {
            let what = what();
            return Err(Error::Misuse(format!(
                "waiting for {what} in a listener of the same connection would be waiting for \
                 itself: wait on another thread, or give a function"
            )));
        }
        self.watch(channel);
        let place = self.table.place(ids).map_err(refused)?;
        send(place.id())?;
        place.wait(timeout).map_err(|lost| told(lost, what, timeout))
    }

    /// Sends what asks, under a new id, and has `call` called with the outcome, once:
    /// on the channel's thread, or on one that ends the connection.
    ///
    /// # Errors
    /// What keeps it from being sent: nothing is called then.
    pub fn call<C: Channel>(
        &self,
        channel: &C,
        ids: impl FnMut() -> K,
        timeout: Duration,
        what: impl FnOnce() -> String + Send + 'static,
        send: impl FnOnce(&K) -> Result<Written>,
        call: impl FnOnce(&C, Result<T>) + Send + 'static,
    ) -> Result<()> {
        self.watch(channel);
        let until = Instant::now().checked_add(timeout);
        let shared = channel.share();
        let call = move |outcome: Result<T, Lost>| {
            if let Some(channel) = shared.any().downcast_ref() {
                call(channel, outcome.map_err(|lost| told(lost, what, timeout)));
            }
        };
        let (id, timer) =
            self.table.call(ids, until, channel.share(), Box::new(call)).map_err(refused)?;
        if let Some(at) = timer {
            set_timer(channel, &Arc::downgrade(&self.table), at);
        }
        match send(&id) {
            // If it was called meanwhile, it knows.
            Err(error) if self.table.withdraw(&id) => Err(error),
            _ => Ok(()),
        }
    }

    /// The answer for this id has come; false when nobody waits for it.
    pub fn answer<Q: Ord + ?Sized>(&self, id: &Q, answer: T) -> bool
    where
        K: Borrow<Q>,
    {
        self.table.answer(id, answer)
    }
}

fn refused(refused: Refused) -> Error {
    match refused {
        Refused::Full(most) => Error::Misuse(format!("{most} answers are waited for already")),
        Refused::Over => Error::Closed,
    }
}

fn told(lost: Lost, what: impl FnOnce() -> String, timeout: Duration) -> Error {
    match lost {
        Lost::Late => Error::Timeout(format!("{} has not come in {timeout:?}", what())),
        Lost::Over => Error::Closed,
    }
}

/// The timer holds nothing: who waits for a function to be called holds the channel.
fn set_timer<K, T>(channel: &dyn Channel, pending: &Weak<Table<K, T>>, at: Instant)
where
    K: Ord + Clone + Send + 'static,
    T: Send + 'static,
{
    let pending = Weak::clone(pending);
    let delay = at.saturating_duration_since(Instant::now());
    channel.after(
        delay,
        Box::new(move || {
            let Some(table) = pending.upgrade() else { return };
            if let Some((next, channel)) = table.expire(at, Instant::now()) {
                set_timer(&*channel, &pending, next);
            }
        }),
    );
}
