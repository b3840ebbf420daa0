//! What `primus-emitter` says on the wire, in both directions:
//!
//! | message | means |
//! |---|---|
//! | `{"type":0,"data":["event","argument",2]}` | an event |
//! | `{"type":0,"data":["event"],"id":1}` | one that wants an acknowledgement |
//! | `{"id":1,"type":1,"data":["value"]}` | that, with any number of values |

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::plugins::args::{Args, List};
use crate::plugins::emit::wire::event;
use crate::plugins::envelope::{fields, is_exactly, is_falsy};
use crate::value::{Number, Value};

const EVENT: i64 = 0;
const ACK: i64 = 1;

/// What a claimed message says.
#[derive(Debug, PartialEq)]
pub(crate) enum Packet {
    Event {
        name: String,
        args: Args,
        /// What an acknowledgement has to say, if one is wanted.
        id: Option<Number>,
    },
    Ack {
        id: u64,
        args: Args,
    },
}

/// Whether a message is a packet: `data` is an array, `type` exactly 0 or 1, and
/// `id` a number, falsy or missing.
pub(crate) fn claims(message: &Value) -> bool {
    let Some(Value::Array(_)) = message.get("data") else { return false };
    let kind = message.get("type");
    kind.is_some_and(|kind| is_exactly(kind, EVENT) || is_exactly(kind, ACK))
        && message.get("id").is_none_or(|id| is_falsy(id) || id.as_number().is_some())
}

/// What a claimed message says; `None` for nothing: an event whose name is no text,
/// or an acknowledgement without an id that ours could have.
pub(crate) fn decode(message: Value) -> Option<Packet> {
    let [kind, data, id] = fields(message, ["type", "data", "id"]);
    let id = if is_falsy(&id) { None } else { id.as_number() };
    if is_exactly(&kind, EVENT) {
        let (name, args) = event(data)?;
        return Some(Packet::Event { name, args, id });
    }
    match (id?.as_u64(), data) {
        (Some(id), Value::Array(args)) => Some(Packet::Ack { id, args: args.into() }),
        _ => None,
    }
}

/// The envelope of an event.
pub(crate) struct Event<'a, A: ?Sized> {
    pub name: &'a str,
    pub args: &'a A,
    /// From 1, where an acknowledgement is wanted.
    pub id: Option<u64>,
}

impl<A: Serialize + ?Sized> Serialize for Event<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut envelope = serializer.serialize_map(Some(2 + usize::from(self.id.is_some())))?;
        envelope.serialize_entry("type", &EVENT)?;
        envelope.serialize_entry("data", &List { head: Some(self.name), args: self.args })?;
        if let Some(id) = self.id {
            envelope.serialize_entry("id", &id)?;
        }
        envelope.end()
    }
}

/// The envelope of an acknowledgement.
pub(crate) struct Ack<'a, A: ?Sized> {
    /// As it came.
    pub id: Number,
    pub args: &'a A,
}

impl<A: Serialize + ?Sized> Serialize for Ack<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut envelope = serializer.serialize_map(Some(3))?;
        envelope.serialize_entry("id", &Value::Number(self.id))?;
        envelope.serialize_entry("type", &ACK)?;
        envelope.serialize_entry("data", &List { head: None, args: self.args })?;
        envelope.end()
    }
}
