//! What the two halves say to each other; the table is in the page of the module.

use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::position::Position;
use super::ticket::LONGEST_TICKET;
use crate::value::Value;

/// The only key of an envelope.
const KEY: &str = "primus-history";

/// The parameter by which a client says that it has this half, and who it is.
pub(super) const PARAMETER: &str = "_history";

/// Letters that the name of a client may have.
pub(super) const LONGEST_NAME: usize = 64;

/// Bytes that an epoch may have.
const LONGEST_EPOCH: usize = 64;

/// The largest whole number that every parser and JavaScript keep.
const WHOLE: u64 = (1 << 53) - 1;

/// How a room stands for a client that has come into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// It had nothing of it.
    New,
    /// It has everything now.
    Whole,
    /// It has missed something.
    Torn,
}

impl How {
    fn number(self) -> u8 {
        match self {
            How::New => 0,
            How::Whole => 1,
            How::Torn => 2,
        }
    }

    fn of(value: &Value) -> Option<Self> {
        match value.as_u64()? {
            0 => Some(How::New),
            1 => Some(How::Whole),
            2 => Some(How::Torn),
            _ => None,
        }
    }
}

/// Where a message stands in a room.
pub(super) type At = (Arc<str>, Position);

/// What a client is told of a room.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Report {
    pub room: Arc<str>,
    pub position: Position,
    pub how: How,
    /// Messages that it had missed and got.
    pub count: u64,
    /// What it shows when it comes back, if that is another one now.
    pub ticket: Option<String>,
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Report { room, position, how, count, ticket } = self;
        let Position { epoch, offset } = position;
        (&**room, &**epoch, offset, how.number(), count, ticket).serialize(serializer)
    }
}

/// What a server says.
#[derive(Clone, Copy, Debug)]
pub(super) enum ToClient<'a> {
    /// A message, or without data only that there was one.
    Message {
        id: Option<&'a str>,
        at: &'a [At],
        data: Option<&'a Value>,
    },
    Hello {
        spark: &'a str,
        reports: &'a [Report],
    },
    Rooms {
        reports: &'a [Report],
    },
    Left {
        rooms: &'a [Arc<str>],
    },
}

/// Each as `[room, epoch, offset]`.
struct Places<'a>(&'a [At]);

impl Serialize for Places<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(room, at)| (&**room, &*at.epoch, at.offset)))
    }
}

fn wrapped<S: Serializer, T: Serialize>(serializer: S, list: &T) -> Result<S::Ok, S::Error> {
    let mut envelope = serializer.serialize_map(Some(1))?;
    envelope.serialize_entry(KEY, list)?;
    envelope.end()
}

impl Serialize for ToClient<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            ToClient::Message { id, at, data: Some(data) } => {
                wrapped(serializer, &("message", id, Places(at), data))
            }
            ToClient::Message { id, at, data: None } => {
                wrapped(serializer, &("message", id, Places(at)))
            }
            ToClient::Hello { spark, reports } => wrapped(serializer, &("hello", spark, reports)),
            ToClient::Rooms { reports } => wrapped(serializer, &("rooms", reports)),
            ToClient::Left { rooms } => {
                let rooms: Vec<&str> = rooms.iter().map(|room| &**room).collect();
                wrapped(serializer, &("left", rooms))
            }
        }
    }
}

/// How far a client is in a room, as it says, and what it shows for that.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claim {
    pub room: Arc<str>,
    pub position: Position,
    pub ticket: Option<String>,
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Claim { room, position, ticket } = self;
        (&**room, &*position.epoch, position.offset, ticket).serialize(serializer)
    }
}

/// What a client says when its connection opens.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Hello {
    /// The ids that its sparks have had, the last one first.
    pub ids: Vec<String>,
    pub at: Vec<Claim>,
    /// It has been in more rooms than it knows.
    pub more: bool,
}

impl Serialize for Hello {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        wrapped(serializer, &("hello", &self.ids, &self.at, self.more))
    }
}

/// The list in an envelope, if a message is one.
fn list(message: &Value) -> Option<&[Value]> {
    match message.as_object()? {
        [(key, list)] if key == KEY => list.as_array(),
        _ => None,
    }
}

/// Whether a message is what a server may say.
pub(super) fn is_of_server(message: &Value) -> bool {
    let kind = list(message).and_then(|list| list.first()).and_then(Value::as_str);
    kind.is_some_and(|kind| matches!(kind, "message" | "hello" | "rooms" | "left"))
}

/// Whether a message is what a client may say.
pub(super) fn is_of_client(message: &Value) -> bool {
    let kind = list(message).and_then(|list| list.first()).and_then(Value::as_str);
    kind == Some("hello")
}

/// What a client has heard.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Message { id: Option<String>, at: Vec<At>, data: Option<Value> },
    Hello { spark: String, reports: Vec<Report> },
    Rooms { reports: Vec<Report> },
    Left { rooms: Vec<String> },
}

/// What a claimed message of a server says; `None` where it makes no sense.
pub(super) fn heard(message: Value) -> Option<Heard> {
    let Value::Object(entries) = message else { return None };
    let (_, Value::Array(list)) = entries.into_iter().next()? else { return None };
    let mut list = list.into_iter();
    let kind = list.next()?;
    let mut next = || list.next().unwrap_or_default();
    Some(match kind.as_str()? {
        "message" => {
            let (id, at) = (text(next()), places(next())?);
            Heard::Message { id, at, data: list.next() }
        }
        "hello" => Heard::Hello { spark: text(next())?, reports: reports(next())? },
        "rooms" => Heard::Rooms { reports: reports(next())? },
        "left" => {
            let Value::Array(rooms) = next() else { return None };
            Heard::Left { rooms: rooms.into_iter().filter_map(text).collect() }
        }
        _ => return None,
    })
}

/// What a claimed message of a client says, with no more rooms and ids than so many.
pub(super) fn hello(message: Value, most_rooms: usize, most_ids: usize) -> Option<Hello> {
    let Value::Object(entries) = message else { return None };
    let (_, Value::Array(list)) = entries.into_iter().next()? else { return None };
    let mut list = list.into_iter().skip(1);
    let Some(Value::Array(ids)) = list.next() else { return None };
    let ids = ids.into_iter().filter_map(text).filter(|id| id.len() <= LONGEST_NAME);
    let ids = ids.take(most_ids).collect();
    let Some(Value::Array(at)) = list.next() else { return None };
    let more = at.len() > most_rooms;
    let at = at.iter().take(most_rooms).filter_map(claim).collect();
    Some(Hello { ids, at, more: more || list.next().as_ref().and_then(Value::as_bool)? })
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Those of a list that make sense.
fn places(value: Value) -> Option<Vec<At>> {
    let Value::Array(places) = value else { return None };
    Some(places.iter().filter_map(|place| at(place.as_array()?)).collect())
}

fn claim(place: &Value) -> Option<Claim> {
    let place = place.as_array()?;
    let (room, position) = at(place)?;
    Some(Claim { room, position, ticket: ticket(place.get(3)) })
}

/// None by clients and servers that know of none.
fn ticket(value: Option<&Value>) -> Option<String> {
    let ticket = value?.as_str()?;
    (ticket.len() <= LONGEST_TICKET).then(|| ticket.to_owned())
}

fn at(place: &[Value]) -> Option<At> {
    let [room, epoch, offset, ..] = place else { return None };
    let (epoch, offset) = (epoch.as_str()?, offset.as_u64()?);
    let is_good = epoch.len() <= LONGEST_EPOCH && offset <= WHOLE;
    is_good.then(|| Some((room.as_str()?.into(), Position::new(epoch, offset))))?
}

fn reports(value: Value) -> Option<Vec<Report>> {
    let Value::Array(reports) = value else { return None };
    let report = |report: Value| {
        let report = report.as_array()?;
        let (room, position) = at(report)?;
        let (how, count) = (How::of(report.get(3)?)?, report.get(4)?.as_u64()?);
        Some(Report { room, position, how, count, ticket: ticket(report.get(5)) })
    };
    Some(reports.into_iter().filter_map(report).collect())
}
