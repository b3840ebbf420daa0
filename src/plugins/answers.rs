//! Waiting for answers of the other side, on any channel.

use std::borrow::Borrow;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::pending::{Callback, Lost, Pending, Refused};
use crate::channel::Channel;
use crate::error::{Error, Result};
use crate::message::Written;
use crate::server::Spark;

/// The answers that a channel waits for, in its extensions.
pub(crate) struct Answers<K: Ord, T> {
    /// There once one was waited for.
    table: OnceLock<Arc<Table<K, T>>>,
}

type Table<K, T> = Pending<K, T, Arc<dyn Channel>>;

impl<K: Ord + Clone + Send + 'static, T: Send + 'static> Answers<K, T> {
    pub fn new() -> Self {
        Answers { table: OnceLock::new() }
    }

    /// The table of a channel. Nobody waits there for a connection that is gone.
    fn table(&self, channel: &dyn Channel) -> &Arc<Table<K, T>> {
        self.table.get_or_init(|| {
            let table = Arc::new(Pending::new(channel.answers()));
            let watched = Arc::downgrade(&table);
            let is_last = channel.any().is::<Spark>();
            channel.on_over(Box::new(move || match watched.upgrade() {
                Some(table) if is_last => table.end(),
                Some(table) => table.lose(),
                None => (),
            }));
            table
        })
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
        if channel.manual_clock().is_some() {
            // Its time goes by the timer alone.
            let (tell, outcome) = sync_channel(1);
            let tell = move |outcome| drop(tell.send(outcome));
            self.ask(channel, ids, timeout, send, Box::new(tell))?;
            let outcome = outcome.recv().unwrap_or(Err(Lost::Over));
            return outcome.map_err(|lost| told(lost, what, timeout));
        }
        let place = self.table(channel).place(ids).map_err(refused)?;
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
        let shared = channel.share();
        let call = move |outcome: Result<T, Lost>| {
            if let Some(channel) = shared.any().downcast_ref() {
                call(channel, outcome.map_err(|lost| told(lost, what, timeout)));
            }
        };
        self.ask(channel, ids, timeout, send, Box::new(call))
    }

    fn ask(
        &self,
        channel: &dyn Channel,
        ids: impl FnMut() -> K,
        timeout: Duration,
        send: impl FnOnce(&K) -> Result<Written>,
        call: Callback<T>,
    ) -> Result<()> {
        let table = self.table(channel);
        let until = now(channel).checked_add(timeout);
        let (id, timer) = table.call(ids, until, channel.share(), call).map_err(refused)?;
        if let Some(at) = timer {
            set_timer(channel, &Arc::downgrade(table), at);
        }
        match send(&id) {
            // If it was called meanwhile, it knows.
            Err(error) if table.withdraw(&id) => Err(error),
            _ => Ok(()),
        }
    }

    /// The answer for this id has come; false when nobody waits for it.
    pub fn answer<Q: Ord + ?Sized>(&self, id: &Q, answer: T) -> bool
    where
        K: Borrow<Q>,
    {
        self.table.get().is_some_and(|table| table.answer(id, answer))
    }
}

/// The time, by the clock of a channel.
fn now(channel: &dyn Channel) -> Instant {
    channel.manual_clock().map_or_else(Instant::now, |clock| clock.now())
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
    let clock = channel.manual_clock();
    let delay = at.saturating_duration_since(now(channel));
    channel.after(
        delay,
        Box::new(move || {
            let Some(table) = pending.upgrade() else { return };
            let now = clock.map_or_else(Instant::now, |clock| clock.now());
            if let Some((next, channel)) = table.expire(at, now) {
                set_timer(&*channel, &pending, next);
            }
        }),
    );
}
