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
///
/// Tests make messages with [`of`](Self::of) and [`from_frame`](Self::from_frame).
/// A clone shares the frame, and copies the value if it was decoded already.
#[derive(Clone)]
pub struct Message {
    frame: Frame,
    parser: Parser,
    value: OnceLock<Value>,
    /// A transform changed the value; the frame is what came before it.
    changed: bool,
}

impl Message {
    /// The message that the other side would receive if `value` were written: for
    /// tests of what an application does with messages.
    ///
    /// ```
    /// use primus::{Message, Parser, Result};
    ///
    /// fn total(message: &Message) -> Result<u32> {
    ///     let prices: Vec<u32> = message.parse()?;
    ///     Ok(prices.iter().sum())
    /// }
    ///
    /// let message = Message::of(&[3, 4], &Parser::JSON)?;
    /// assert_eq!(total(&message)?, 7);
    /// assert_eq!(message.frame().as_text(), Some("[3,4]"));
    /// assert!(total(&Message::of("seven", &Parser::JSON)?).is_err());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Parser`](crate::Error::Parser) if the value can't be encoded, or if nothing would be sent
    /// for it, as for `undefined` under `json`.
    pub fn of<T: Serialize + ?Sized>(value: &T, parser: &Parser) -> Result<Self> {
        match parser.encode(value, &NoPeer)? {
            Some(frame) => Message::from_frame(frame, parser),
            None => Err(parser.unsent().into()),
        }
    }

    /// The message in a frame, as it is received.
    ///
    /// # Errors
    /// [`Error::Parser`](crate::Error::Parser) if the parser can't decode it.
    pub fn from_frame(frame: Frame, parser: &Parser) -> Result<Self> {
        Message::checked(frame, parser, &NoPeer, usize::MAX, Looked::Perhaps)
    }

    /// A frame that `parser` has checked, with no more values in it than so many.
    /// Custom parsers may look at their peer, so their messages are decoded now, and
    /// so is what is surely looked at; the others wait.
    pub(crate) fn checked(
        frame: Frame,
        parser: &Parser,
        peer: &dyn Peer,
        values: usize,
        looked: Looked,
    ) -> Result<Self> {
        // No value takes less than a byte: a frame that is no longer need not be
        // counted first.
        let now = parser.is_custom() || looked == Looked::Surely && frame.len() <= values;
        let value = if now {
            OnceLock::from(decoded(&frame, parser, peer)?)
        } else {
            parser.check_within(&frame, peer, values)?;
            OnceLock::new()
        };
        Ok(Message { frame, parser: parser.clone(), value, changed: false })
    }

    /// The message that would bring this value.
    pub(crate) fn made(value: Value, parser: &Parser, peer: &dyn Peer) -> Result<Self> {
        let frame = parser.encode(&value, peer)?.ok_or_else(|| parser.unsent())?;
        Ok(Message { frame, parser: parser.clone(), value: value.into(), changed: false })
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
    pub fn into_value(mut self) -> Value {
        self.take_value()
    }

    /// The decoded message, which is to be given back as
    /// [`transformed`](Self::transformed).
    pub(crate) fn take_value(&mut self) -> Value {
        self.value();
        self.value.take().unwrap_or(Value::Null)
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

/// Apart, for the stack that it takes.
#[inline(never)]
fn decoded(frame: &Frame, parser: &Parser, peer: &dyn Peer) -> Result<Value> {
    Ok(parser.decode(frame, peer)?)
}

/// Whether somebody will look at the value of a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    Surely,
    Perhaps,
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
    /// The operating system has taken it whole; it need not have reached the
    /// peer. Also where there was nothing to send: a transform dropped it.
    Sent,
    /// It waits, with what was written before it; the number is how many bytes
    /// wait in all. For a client that is not open they are those of the encoded
    /// messages that wait for the connection.
    Queued(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of arrays and objects with so many values in them.
    fn frames(parser: &Parser, values: usize) -> Vec<Frame> {
        let array: Value = (0..values).map(|_| Value::Null).collect();
        let object: Value = (0..values).map(|at| (format!("k{at}"), Value::Null)).collect();
        let nested = (1..values).fold(Value::from([Value::Null]), |inside, _| [inside].into());
        let mixed: Value = (2..values).map(|_| Value::Null).chain([[Value::Null].into()]).collect();
        let values = [array, object, nested, mixed];
        values.iter().map(|value| parser.encode(value, &NoPeer).unwrap().unwrap()).collect()
    }

    #[test]
    fn more_values_than_the_limit_are_an_error_of_the_parser() {
        for name in ["json", "ejson", "binary", "msgpack"] {
            let Ok(parser) = name.parse::<Parser>() else {
                continue;
            };
            for frame in frames(&parser, 40) {
                for looked in [Looked::Perhaps, Looked::Surely] {
                    let checked =
                        |most| Message::checked(frame.clone(), &parser, &NoPeer, most, looked);
                    assert!(checked(40).is_ok(), "{name} {frame:?}");
                    let error = checked(39).unwrap_err().to_string();
                    assert!(error.ends_with("more values than the limit allows"), "{name} {error}");
                    assert!(checked(0).is_err());
                    assert!(checked(usize::MAX).is_ok());
                }
            }
            let alone = parser.encode(&5, &NoPeer).unwrap().unwrap();
            assert!(Message::checked(alone, &parser, &NoPeer, 0, Looked::Perhaps).is_ok());
        }
    }

    #[test]
    fn a_clone_is_the_same_message() {
        let message = Message::of(&("a", 1), &Parser::JSON).unwrap();
        let before = message.clone();
        assert_eq!(message.value()[1].as_i64(), Some(1));
        let changed = message.clone().transformed("b".into());
        assert_eq!(before.parse::<(String, u8)>().unwrap(), ("a".into(), 1));
        assert_eq!(message.clone().into_value(), *before.value());
        assert_eq!(changed.clone().parse::<String>().unwrap(), "b");
        assert_eq!(changed.clone().frame(), message.frame());
        assert!(Message::of(&Value::Undefined, &Parser::JSON).is_err());
        assert!(Message::from_frame(Frame::text("{"), &Parser::JSON).is_err());
    }
}
