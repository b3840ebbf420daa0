//! What `primus-multiplex` says on the wire:
//!
//! | message | from | means |
//! |---|---|---|
//! | `[1,"id","channel"]` | client | subscribe |
//! | `[0,"id","channel",1]` | both | a message; of another length it has no payload |
//! | `[2,"id","channel"]` | both | unsubscribe |
//!
//! The client chooses the ids, one for each time that it opens a channel. Nothing
//! answers a subscribe. A JavaScript server sends an unsubscribe twice where it ends
//! a channel, and one where the client did; its sides leave falsy payloads out.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::io;

use serde::ser::{Serialize, SerializeTuple, Serializer};

use crate::id;
use crate::plugins::envelope::is_exactly;
use crate::value::{Number, Value};

const KINDS: [i64; 3] = [0, 1, 2];

/// Letters of the ids that JavaScript makes.
const ALPHABET: &[u8; 35] = b"0123456789abcdefghijklmnopqrstuvwxy";

/// Letters of one of our ids: 102 bits, so that no stranger guesses it.
const ID: usize = 20;

/// The longest id that is taken, in bytes. JavaScript makes ids of 11.
pub(crate) const LONGEST_ID: usize = 256;

/// What a packet does.
#[derive(Debug, PartialEq)]
pub(crate) enum Body<D> {
    /// A message, with its payload if it has one.
    Message(Option<D>),
    Subscribe,
    Unsubscribe,
}

impl Body<Value> {
    /// A message; what is undefined is none at all, as in JavaScript.
    pub fn message(message: Value) -> Self {
        Body::Message(Some(message).filter(|message| *message != Value::Undefined))
    }
}

/// What a claimed message says.
#[derive(Debug, PartialEq)]
pub(crate) struct Packet {
    pub id: Id,
    pub channel: String,
    pub body: Body<Value>,
}

/// The id of one opening of a channel, as the client has chosen it: a text, or a
/// number, which to JavaScript is the same key as its text.
#[derive(Clone, Debug)]
pub(crate) struct Id {
    text: Box<str>,
    /// Sent back as it came.
    number: Option<Number>,
}

impl Id {
    /// A new one, for a client.
    ///
    /// # Errors
    /// The operating system has no randomness to give.
    pub fn random() -> io::Result<Self> {
        let mut text = String::with_capacity(ID);
        while text.len() < ID {
            let mut bytes = [0; ID];
            id::fill(&mut bytes)?;
            // As many bytes stand for each letter; the others are thrown away.
            let letters = bytes.iter().filter(|byte| **byte < 35 * 7);
            let letters = letters.map(|byte| char::from(ALPHABET[usize::from(byte % 35)]));
            text.extend(letters.take(ID - text.len()));
        }
        Ok(Id { text: text.into(), number: None })
    }

    fn of(value: Value) -> Option<Self> {
        match value {
            Value::String(text) if text.len() <= LONGEST_ID => {
                Some(Id { text: text.into(), number: None })
            }
            Value::Number(number) => {
                Some(Id { text: number.to_string().into(), number: Some(number) })
            }
            _ => None,
        }
    }

    /// Whether it can be one that [`random`](Self::random) has made.
    pub fn is_ours(value: &Value) -> bool {
        let is_ours = |text: &str| text.len() == ID && text.bytes().all(|b| ALPHABET.contains(&b));
        value.as_str().is_some_and(is_ours)
    }

    /// The id as a text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Id {}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.number {
            Some(number) => Value::Number(number).serialize(serializer),
            None => serializer.serialize_str(&self.text),
        }
    }
}

/// Whether a message is a packet: an array whose first element is exactly 0, 1 or
/// 2. On a server, that is: a JavaScript client also fails over all other arrays.
pub(crate) fn claims(message: &Value) -> bool {
    matches!(message, Value::Array(list) if list.first().is_some_and(|kind| {
        KINDS.iter().any(|known| is_exactly(kind, *known))
    }))
}

/// The id and the channel that a claimed message is for, if it says so.
pub(crate) fn address(message: &Value) -> Option<(&Value, &str)> {
    let list = message.as_array()?;
    Some((list.get(1)?, list.get(2)?.as_str()?))
}

/// What a claimed message says; `None` for nothing: without the name of a channel,
/// or with an id that is neither a number nor a text of no more than
/// [`LONGEST_ID`] bytes.
pub(crate) fn decode(message: Value) -> Option<Packet> {
    let Value::Array(list) = message else { return None };
    let has_payload = list.len() == 4;
    let mut list = list.into_iter();
    let (kind, id) = (list.next()?, Id::of(list.next()?)?);
    let Some(Value::String(channel)) = list.next() else { return None };
    let body = match kind.as_i64()? {
        0 => Body::Message(list.next().filter(|_| has_payload)),
        1 => Body::Subscribe,
        _ => Body::Unsubscribe,
    };
    Some(Packet { id, channel, body })
}

/// A packet to be sent.
pub(crate) struct Send<'a, D> {
    pub id: &'a Id,
    pub channel: &'a str,
    pub body: Body<D>,
}

impl<D: Serialize> Serialize for Send<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, payload) = match &self.body {
            Body::Message(payload) => (KINDS[0], payload.as_ref()),
            Body::Subscribe => (KINDS[1], None),
            Body::Unsubscribe => (KINDS[2], None),
        };
        let mut packet = serializer.serialize_tuple(3 + usize::from(payload.is_some()))?;
        packet.serialize_element(&kind)?;
        packet.serialize_element(self.id)?;
        packet.serialize_element(self.channel)?;
        if let Some(payload) = payload {
            packet.serialize_element(payload)?;
        }
        packet.end()
    }
}
