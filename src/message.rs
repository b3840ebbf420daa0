//! A received message, and what became of a written one.

use std::fmt;
use std::sync::OnceLock;

use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};

use crate::error::Result;
use crate::frame::Frame;
use crate::parsers::{NoPeer, Parser, Peer};
use crate::value::Value;

/// What a waiting message costs in bytes beside those of its frame: without it
/// a peer that sends empty messages would go past every bound.
const OVERHEAD: usize = 128;

/// A message that was received.
///
/// It is known to be well-formed, but decoded only when it is looked at: a
/// listener that passes the [`frame`](Self::frame) on pays for no decoding.
///
/// ```no_run
/// # fn f(spark: &primus::Spark, message: &primus::Message) -> primus::Result<()> {
/// let name: String = message.parse()?;                   // a type of yours, through serde
/// let kind = message.value();                            // any shape
/// spark.write_frame(message.frame())?;                   // as it came
/// # Ok(()) }
/// ```
pub struct Message {
    frame: Frame,
    parser: Parser,
    value: OnceLock<Value>,
    /// A transform changed the value; the frame is what came before it.
    changed: bool,
}

impl Message {
    /// A frame that `parser` has checked. Custom parsers may look at their
    /// peer, so their messages are decoded now; the others wait.
    pub(crate) fn checked(frame: Frame, parser: &Parser, peer: &dyn Peer) -> Result<Self> {
        let message =
            Message { frame, parser: parser.clone(), value: OnceLock::new(), changed: false };
        if parser.is_custom() {
            let _ = message.value.set(parser.decode(&message.frame, peer)?);
        } else {
            parser.check(&message.frame, peer)?;
        }
        Ok(message)
    }

    /// The same message with the value that the incoming transforms made of it.
    pub(crate) fn transformed(self, value: Value) -> Self {
        Message { value: value.into(), changed: true, ..self }
    }

    /// The frame as it came over the wire, before any transform.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The bytes of memory that it counts for while it waits.
    pub(crate) fn cost(&self) -> usize {
        self.frame.len() + OVERHEAD
    }

    /// The decoded message, whatever its shape.
    pub fn value(&self) -> &Value {
        self.value.get_or_init(|| {
            // The frame was checked: what a parser accepts, it decodes.
            self.parser.decode(&self.frame, &NoPeer).unwrap_or(Value::Null)
        })
    }

    /// The decoded message, given away.
    pub fn into_value(self) -> Value {
        self.value();
        self.value.into_inner().unwrap_or(Value::Null)
    }

    /// The text, if the message is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.value().as_str()
    }

    /// The message as a type of the application's.
    ///
    /// # Errors
    /// [`Error::Parser`](crate::Error::Parser) when the message has another
    /// shape.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        match self.value.get() {
            Some(value) if self.changed || self.parser.is_custom() => {
                Ok(self.parser.parse_value(value)?)
            }
            _ => Ok(self.parser.decode_as(&self.frame, &NoPeer)?),
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(serializer)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(self.value()).finish()
    }
}

/// What became of a message that was written. Either way it was accepted, and
/// it goes out in the order written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Handed to the operating system whole, or nothing needed to be sent.
    Sent,
    /// It waits, with what was written before it; the number is how many bytes
    /// wait in all. For a client that is not open they are those of the encoded
    /// messages that wait for the connection.
    Queued(usize),
}
