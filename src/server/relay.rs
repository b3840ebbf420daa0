//! Handing messages on to other servers, in the order in which the sparks here get them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{BoxError, Error, Result, catch};
use crate::events::{ListenerId, Listeners};
use crate::server::thread;
use crate::sync::{Lock, rank};
use crate::value::Value;

/// What hands the messages for everybody on to other servers: registered with
/// [`Primus::add_relay`](crate::Primus::add_relay), as a plugin does that joins servers.
///
/// The other servers give what reaches them to their own sparks with
/// [`Primus::write_here`](crate::Primus::write_here), which hands nothing on.
pub trait Relay: Send + Sync + 'static {
    /// A message of [`Primus::write`](crate::Primus::write), which the sparks here
    /// have been given: before the outgoing transforms, which are each server's own.
    ///
    /// It is called on the thread that writes, one call at a time, in the order in which
    /// the sparks here get the messages. The other threads that write wait for it
    /// meanwhile, so it must not block, and what takes time is left to a thread of the
    /// relay's own. Nor may it write to everybody itself: that is an
    /// [`Error::Misuse`](crate::Error::Misuse).
    ///
    /// # Errors
    /// They go to whoever writes. A panic is one, too.
    fn all(&self, message: &Value) -> Result<(), BoxError>;

    /// [`all`](Self::all) in two steps, for a relay that takes time to encode a message,
    /// say: that is done here, on the thread that writes and while others write, too, and
    /// what is given back is called in the place of `all`. Does nothing by default, and
    /// gives `all`. The sparks here may not get the message after all: then what was given
    /// back is not called.
    ///
    /// # Errors
    /// As those of `all`, and that is not called.
    fn prepare<'a>(&'a self, message: &'a Value) -> Result<HandOn<'a>, BoxError> {
        Ok(Box::new(move || self.all(message)))
    }
}

/// Hands a message on that was [prepared](Relay::prepare).
pub type HandOn<'a> = Box<dyn FnOnce() -> Result<(), BoxError> + 'a>;

/// The relays of a server.
#[derive(Default)]
pub(crate) struct Relays {
    list: Listeners<dyn Relay>,
    /// Readable without the list's lock.
    any: AtomicBool,
    /// Held from before a message is given to the broadcaster until it is handed on.
    order: Lock<(), rank::Order>,
}

impl Relays {
    pub fn add(&self, relay: impl Relay) -> ListenerId {
        let id = self.list.add(Arc::new(relay), false);
        self.any.store(true, Ordering::Relaxed);
        id
    }

    pub fn remove(&self, id: ListenerId) -> bool {
        let removed = self.list.remove(id);
        if removed {
            self.any.store(false, Ordering::Relaxed);
            if !self.list.is_empty() {
                // One is left, or was added in between.
                self.any.store(true, Ordering::Relaxed);
            }
        }
        removed
    }

    pub fn clear(&self) {
        self.any.store(false, Ordering::Relaxed);
        self.list.clear();
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Relaxed)
    }

    /// Has all of them prepare a message, and gives what hands it on, whatever becomes of
    /// it at one: that runs [in order](Self::in_order). Its errors are [`Error::Listener`]
    /// and [`Error::Panicked`], of the last one that failed.
    pub fn with_prepared<R>(
        &self,
        message: &Value,
        run: impl FnOnce(&mut dyn FnMut() -> Result<()>) -> R,
    ) -> R {
        let list = self.list.snapshot();
        let mut steps: Vec<_> = {
            let _handing = thread::Handing::begin();
            list.iter().map(|relay| Some(flat(catch(|| relay.prepare(message))))).collect()
        };
        run(&mut || {
            let mut all = Ok(());
            for step in steps.iter_mut().filter_map(Option::take) {
                let outcome = step.and_then(|hand_on| flat(catch(hand_on)));
                all = outcome.and(all);
            }
            all
        })
    }

    /// Does what gives a message to the broadcaster and hands it on, while no other
    /// thread does that.
    pub fn in_order<R>(&self, run: impl FnOnce() -> R) -> R {
        if thread::hands_on() {
            // It holds an order already, of this server or of another one, and waits
            // for none: so no two threads wait for each other.
            return run();
        }
        let _handing = thread::Handing::begin();
        let _order = self.order.lock();
        run()
    }
}

/// What has come of a relay.
fn flat<T>(outcome: Result<Result<T, BoxError>, String>) -> Result<T> {
    match outcome {
        Ok(outcome) => outcome.map_err(Error::Listener),
        Err(panic) => Err(Error::Panicked(panic)),
    }
}
