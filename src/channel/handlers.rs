//! What takes received messages before they become `data`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Channel;
use crate::error::BoxError;
use crate::events::{ListenerId, Listeners};
use crate::value::Value;

/// Takes those received messages that are a plugin's: they are no `data` then.
///
/// It comes after the transforms, on the channel's own thread; messages that
/// arrive while `connection` listeners run wait for their end.
pub trait Handler: Send + Sync {
    /// Whether the message is this plugin's. Called for every message that no
    /// handler before it has claimed, so it is quick, and looks only.
    fn claims(&self, channel: &dyn Channel, message: &Value) -> bool;

    /// Handles a message that it has claimed.
    ///
    /// # Errors
    /// Those of the application's listeners, which become `error` events. What the
    /// other side got wrong is no error.
    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError>;
}

/// The [`Handler`]s of a server or client, in the order in which they were added.
#[derive(Default)]
pub struct Handlers {
    list: Listeners<dyn Handler>,
    /// Readable without the list's lock, which all sparks would share.
    any: AtomicBool,
}

impl Handlers {
    /// Adds a handler, behind those that are there.
    pub fn add(&self, handler: impl Handler + 'static) -> ListenerId {
        let id = self.list.add(Arc::new(handler), false);
        self.any.store(true, Ordering::Release);
        id
    }

    /// Takes a handler away; false when it was not there.
    pub fn remove(&self, id: ListenerId) -> bool {
        let removed = self.list.remove(id);
        self.any.store(!self.list.is_empty(), Ordering::Release);
        if !self.list.is_empty() {
            // One was added in between.
            self.any.store(true, Ordering::Release);
        }
        removed
    }

    pub(crate) fn clear(&self) {
        self.any.store(false, Ordering::Release);
        self.list.clear();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        !self.any.load(Ordering::Acquire)
    }

    /// Offers a message that has come on a channel to all of them, and gives it
    /// back when none has claimed it.
    ///
    /// # Errors
    /// Those of the handler that has.
    pub fn offer(&self, channel: &dyn Channel, message: Value) -> Result<Option<Value>, BoxError> {
        match self.claimant(channel, &message) {
            Some(handler) => handler.handle(channel, message).map(|()| None),
            None => Ok(Some(message)),
        }
    }

    /// The first one that claims a message.
    pub(crate) fn claimant(
        &self,
        channel: &dyn Channel,
        message: &Value,
    ) -> Option<Arc<dyn Handler>> {
        if self.is_empty() {
            return None;
        }
        self.list.snapshot().find(|handler| handler.claims(channel, message))
    }
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handlers").field("is_empty", &self.is_empty()).finish()
    }
}
