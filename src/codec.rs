//! From a message to a frame and back: transforms and parser, on either side of
//! a connection.

use std::borrow::Cow;

use serde::Serialize;

use crate::channel::{Channel, Encode, Handler, Handlers};
use crate::error::{BoxError, Error, Result, caught};
use crate::events::{ListenerId, Seldom};
use crate::frame::Frame;
use crate::message::{Looked, Message};
use crate::parsers::dynamic::to_value;
use crate::parsers::{Parser, Peer};
use crate::value::Value;

/// How the messages of a server's sparks, or of a client, are read and written.
/// `P` is the spark or client, which transforms and custom parsers may look at.
pub(crate) struct Codec<P> {
    parser: Parser,
    /// Most values that the arrays and objects of a received message may hold.
    values: usize,
    /// What received messages pass once they are decoded.
    pub incoming: Transforms<P>,
    /// What written messages pass before they are encoded.
    pub outgoing: Transforms<P>,
    /// What received messages are offered to after that.
    pub handlers: Handlers,
}

impl<P: Peer + Channel> Codec<P> {
    /// A codec without transforms.
    pub fn new(parser: Parser, values: usize) -> Self {
        Codec {
            parser,
            values,
            incoming: Transforms::default(),
            outgoing: Transforms::default(),
            handlers: Handlers::default(),
        }
    }

    /// The parser.
    pub fn parser(&self) -> &Parser {
        &self.parser
    }

    /// The frame of a message that is written; `None` when a transform dropped
    /// it, or the parser sends nothing for it.
    ///
    /// # Errors
    /// [`Error::Transform`] and [`Error::Parser`].
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T, peer: &P) -> Result<Option<Frame>> {
        if self.outgoing.is_empty() {
            return Ok(self.parser.encode(value, peer)?);
        }
        let value = to_value(value).map_err(Error::Transform)?;
        self.encode_transformed(value, peer)
    }

    /// [`encode`](Self::encode) for what is known by that it can be encoded.
    ///
    /// # Errors
    /// As `encode`.
    pub fn encode_dyn(&self, message: &dyn Encode, peer: &P) -> Result<Option<Frame>> {
        match self.outgoing.is_empty() {
            true => message.to_frame(&self.parser, peer),
            false => self.encode_transformed(message.to_value()?, peer),
        }
    }

    fn encode_transformed(&self, value: Value, peer: &P) -> Result<Option<Frame>> {
        match self.outgoing.apply(peer, value)? {
            Some(value) => Ok(self.parser.encode(&value, peer)?),
            None => Ok(None),
        }
    }

    /// The frame of one of Primus's own messages, which no transform sees. May
    /// be called on a thread that serves others too, so the panic of a custom
    /// parser is an error.
    ///
    /// # Errors
    /// [`Error::Parser`] and [`Error::Panicked`].
    pub fn encode_control(&self, text: &str, peer: &P) -> Result<Option<Frame>> {
        Ok(caught(|| self.parser.encode(text, peer))??)
    }

    /// The text of a received frame that has the form of Primus's own messages.
    pub fn control<'a>(&self, frame: &'a Frame, peer: &P) -> Option<Cow<'a, str>> {
        self.parser.control(frame, peer)
    }

    /// [`encode_dyn`](Self::encode_dyn) past the transforms.
    ///
    /// # Errors
    /// [`Error::Parser`].
    pub fn encode_past(&self, message: &dyn Encode, peer: &P) -> Result<Option<Frame>> {
        message.to_frame(&self.parser, peer)
    }

    /// The message in a received frame. It is checked, and decoded when it is looked
    /// at, which transforms and handlers do at once.
    ///
    /// # Errors
    /// [`Error::Parser`].
    #[inline]
    pub fn check(&self, frame: Frame, peer: &P) -> Result<Message> {
        let looked = match self.takes_nothing() {
            true => Looked::Perhaps,
            false => Looked::Surely,
        };
        Message::checked(frame, &self.parser, peer, self.values, looked)
    }

    /// Whether received messages are left as they are.
    #[inline]
    pub fn takes_nothing(&self) -> bool {
        self.incoming.is_empty() && self.handlers.is_empty()
    }

    /// What is left of a received message; `None` when a transform or a handler has
    /// taken it.
    ///
    /// # Errors
    /// [`Error::Transform`], and the [`Error::Listener`] of a handler.
    pub fn take(&self, message: Message, peer: &P) -> Result<Option<Message>> {
        if let Some(handler) = self.handlers.before(peer, || message.value()) {
            return handled(&*handler, peer, message);
        }
        let message = match self.incoming.is_empty() {
            true => Some(message),
            false => self.transformed(message, peer)?,
        };
        let Some(message) = message else { return Ok(None) };
        match self.handlers.after(peer, || message.value()) {
            Some(handler) => handled(&*handler, peer, message),
            None => Ok(Some(message)),
        }
    }

    /// Apart, for the stack that it takes.
    #[inline(never)]
    fn transformed(&self, mut message: Message, peer: &P) -> Result<Option<Message>> {
        let value = self.incoming.apply(peer, message.take_value())?;
        Ok(value.map(|value| message.transformed(value)))
    }

    /// Removes a transform or handler; false when it was not there.
    pub fn remove(&self, id: ListenerId) -> bool {
        self.incoming.remove(id) || self.outgoing.remove(id) || self.handlers.remove(id)
    }

    /// Removes all transforms and handlers.
    pub fn clear(&self) {
        self.handlers.clear();
        self.incoming.clear();
        self.outgoing.clear();
    }
}

/// Has a handler handle what it has claimed.
fn handled(
    handler: &dyn Handler,
    channel: &dyn Channel,
    message: Message,
) -> Result<Option<Message>> {
    match handler.handle(channel, message.into_value()) {
        Ok(()) => Ok(None),
        Err(error) => Err(Error::Listener(error)),
    }
}

/// One transform: gives back the message, changed or not, `None` to drop it,
/// or an error.
pub(crate) type Transform<P> = dyn Fn(&P, Value) -> Result<Option<Value>, BoxError> + Send + Sync;

/// The transforms of one direction: functions that every message passes, in
/// order.
pub(crate) type Transforms<P> = Seldom<Transform<P>>;

impl<P> Transforms<P> {
    /// Passes a message through all of them; `None` when one dropped it.
    ///
    /// # Errors
    /// [`Error::Transform`].
    pub fn apply(&self, peer: &P, value: Value) -> Result<Option<Value>> {
        let mut value = value;
        for transform in self.list().snapshot().iter() {
            match transform(peer, value).map_err(Error::Transform)? {
                Some(changed) => value = changed,
                None => return Ok(None),
            }
        }
        Ok(Some(value))
    }
}
