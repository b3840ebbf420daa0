//! What can carry the messages of plugins: a connection, or a stream inside one; and
//! what takes them before they become `data`.

mod names;

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::error::{BoxError, Error, Result};
use crate::events::{ListenerId, Seldom};
use crate::extensions::Extensions;
use crate::frame::Frame;
use crate::message::Written;
use crate::parsers::dynamic::to_value;
use crate::parsers::{Parser, Peer};
use crate::timer::ManualClock;
use crate::value::Value;

pub(crate) use names::{Reserved, check_name};

/// A way to the other side, as plugins see it: a [`Spark`](crate::Spark), a
/// [`Client`](crate::Client), or a stream that a plugin runs inside one of them.
/// What a plugin offers on a `Channel` works on all of these.
///
/// Its methods may be called from any thread, and but for
/// [`write_message`](Self::write_message) never wait.
pub trait Channel: Any + Send + Sync {
    /// Writes a message, as `write` does.
    ///
    /// # Errors
    /// Those of [`Spark::write`](crate::Spark::write) and
    /// [`Client::write`](crate::Client::write).
    fn write_message(&self, message: &dyn Encode) -> Result<Written>;

    /// [`write_message`](Self::write_message) past the transforms: for the message of
    /// a stream inside this channel, whose content has passed them
    /// ([`outgoing`](Self::outgoing)).
    ///
    /// # Errors
    /// As `write_message`.
    fn write_past(&self, message: &dyn Encode) -> Result<Written> {
        self.write_message(message)
    }

    /// What the outgoing transforms make of a message; `None` when one drops it. A
    /// stream inside a connection has none of its own.
    ///
    /// # Errors
    /// [`Error::Transform`](crate::Error::Transform), of the transforms.
    fn outgoing(&self, message: Value) -> Result<Option<Value>> {
        Ok(Some(message))
    }

    /// The same of the incoming transforms: for what a plugin finds inside of a message
    /// that it has claimed [before they saw it](Handlers::add_first). An error of theirs
    /// is told as for other messages, and drops it.
    fn incoming(&self, message: Value) -> Option<Value> {
        Some(message)
    }

    /// The state of this channel, by type; it lives as long as the channel.
    fn extensions(&self) -> &Extensions;

    /// What looks at received messages before they become `data`: a plugin that
    /// runs streams inside this channel offers it what they carry.
    fn handlers(&self) -> &Handlers;

    /// Whether messages can be written to the other side. A client that is not
    /// connected is not open, but what is written to it waits.
    fn is_open(&self) -> bool;

    /// Whether the calling thread is the one that runs this channel's listeners: to
    /// wait there for an answer of the other side is to wait for oneself.
    fn is_inside(&self) -> bool;

    /// Whether `event` is a name that only this side itself raises: one of Primus's
    /// own, or a plugin's ([`Plugin::reserved`](crate::Plugin::reserved)).
    fn is_reserved(&self, event: &str) -> bool;

    /// Has `then` called when this connection is over, on the channel's thread; at
    /// once if it is. For a client that is each time that it loses its connection,
    /// and its end.
    fn on_over(&self, then: Box<dyn Fn() + Send + Sync>);

    /// Has `then` called after `delay`, on the channel's thread. Dropped without
    /// being called when a spark has ended before, or all handles of a client are
    /// gone.
    fn after(&self, delay: Duration, then: Box<dyn FnOnce() + Send>);

    /// Ends it: the connection, or the stream alone.
    fn end_channel(&self);

    /// Another handle of the same channel.
    fn share(&self) -> Arc<dyn Channel>;

    /// How many answers of the other side may be waited for here at a time, by one
    /// plugin: [`Limits::answers`](crate::Limits::answers) and
    /// [`ClientBuilder::answers`](crate::ClientBuilder::answers). 1,000 by default.
    fn answers(&self) -> usize {
        1_000
    }

    /// The clock of its server or client, if that is moved by hand; there is none by
    /// default, and the system's is its clock.
    fn manual_clock(&self) -> Option<ManualClock> {
        None
    }

    /// The channel itself, to be downcast.
    fn any(&self) -> &dyn Any;
}

/// Something that can be written: whatever can be serialised.
pub trait Encode {
    /// As the parser encodes it; `None` where it sends nothing.
    ///
    /// # Errors
    /// [`Error::Parser`](crate::Error::Parser).
    fn to_frame(&self, parser: &Parser, peer: &dyn Peer) -> Result<Option<Frame>>;

    /// As a value, for transforms and for what is put inside another message.
    ///
    /// # Errors
    /// [`Error::Transform`](crate::Error::Transform) when it cannot be serialised.
    fn to_value(&self) -> Result<Value>;
}

impl<T: Serialize + ?Sized> Encode for T {
    fn to_frame(&self, parser: &Parser, peer: &dyn Peer) -> Result<Option<Frame>> {
        Ok(parser.encode(self, peer)?)
    }

    fn to_value(&self) -> Result<Value> {
        to_value(self).map_err(Error::Transform)
    }
}

/// Takes those received messages that are a plugin's: they are no `data` then.
///
/// It comes after the transforms, unless it was [added](Handlers::add_first) before
/// them, on the channel's own thread; messages that arrive while `connection`
/// listeners run wait for their end.
pub trait Handler: Any + Send + Sync {
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
    /// Asked before the transforms.
    first: Stage,
    /// Asked after them, ahead of the rest.
    ahead: Stage,
    then: Stage,
}

/// Those that are asked at one time.
type Stage = Seldom<dyn Handler>;

impl Stage {
    /// The first one that claims what `message` gives, which is not asked for where
    /// there is none.
    fn claimant<'a>(
        &self,
        channel: &dyn Channel,
        message: impl FnOnce() -> &'a Value,
    ) -> Option<Arc<dyn Handler>> {
        if self.is_empty() {
            return None;
        }
        let message = message();
        self.list().snapshot().find(|handler| handler.claims(channel, message))
    }
}

impl Handlers {
    /// Adds a handler, behind those that are there.
    pub fn add(&self, handler: impl Handler) -> ListenerId {
        self.then.add(Arc::new(handler))
    }

    /// Adds a handler that is asked before the transforms see a message: for a plugin
    /// that has them see what is inside of its messages, each by itself
    /// ([`Channel::incoming`]).
    pub fn add_first(&self, handler: impl Handler) -> ListenerId {
        self.first.add(Arc::new(handler))
    }

    /// Adds a handler ahead of those that are there, for what is a message of theirs
    /// too.
    pub(crate) fn add_ahead(&self, handler: impl Handler + 'static) -> ListenerId {
        self.ahead.add(Arc::new(handler))
    }

    /// Takes a handler away; false when it was not there.
    pub fn remove(&self, id: ListenerId) -> bool {
        self.first.remove(id) || self.ahead.remove(id) || self.then.remove(id)
    }

    /// Takes all handlers of a type away.
    pub(crate) fn remove_all<H: Handler>(&self) {
        let is = |handler: &dyn Handler| handler.type_id() == TypeId::of::<H>();
        for stage in [&self.first, &self.ahead, &self.then] {
            stage.list().ids_of(is).into_iter().for_each(|id| {
                stage.remove(id);
            });
        }
    }

    pub(crate) fn clear(&self) {
        self.first.clear();
        self.ahead.clear();
        self.then.clear();
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.ahead.is_empty() && self.then.is_empty()
    }

    /// Offers a message that has come on a channel to all of them, and gives it
    /// back when none has claimed it.
    ///
    /// # Errors
    /// Those of the handler that has.
    pub fn offer(&self, channel: &dyn Channel, message: Value) -> Result<Option<Value>, BoxError> {
        let first = self.first.claimant(channel, || &message);
        match first.or_else(|| self.after(channel, || &message)) {
            Some(handler) => handler.handle(channel, message).map(|()| None),
            None => Ok(Some(message)),
        }
    }

    /// The first one that claims a message before the transforms.
    pub(crate) fn before<'a>(
        &self,
        channel: &dyn Channel,
        message: impl FnOnce() -> &'a Value,
    ) -> Option<Arc<dyn Handler>> {
        self.first.claimant(channel, message)
    }

    /// The first one that claims a message after the transforms.
    pub(crate) fn after<'a>(
        &self,
        channel: &dyn Channel,
        message: impl Fn() -> &'a Value,
    ) -> Option<Arc<dyn Handler>> {
        self.ahead.claimant(channel, &message).or_else(|| self.then.claimant(channel, &message))
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handlers").field("is_empty", &self.is_empty()).finish()
    }
}
