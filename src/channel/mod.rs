//! What can carry the messages of plugins: a connection, or a stream inside one.

mod handlers;
mod reserved;

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::error::Result;
use crate::extensions::Extensions;
use crate::frame::Frame;
use crate::message::Written;
use crate::parsers::{Parser, Peer};
use crate::value::{Value, to_value};

pub use handlers::{Handler, Handlers};
pub(crate) use reserved::Reserved;

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
        to_value(self).map_err(crate::error::Error::Transform)
    }
}
