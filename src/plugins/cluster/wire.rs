//! What servers say to each other: JSON text in UTF-8, one object a message.
//!
//! | field | in | is |
//! |---|---|---|
//! | `v` | all | 1; what has another version is for others |
//! | `from` | all | the address of the server that says it |
//! | `boot` | all | a name of its own for each run of a server |
//! | `seq` | all | counts up: on the bus by one, so that gaps show; what is said to one server is sent once, and not looked at by its number |
//! | `kind` | all | what it is; unknown ones are ignored |
//! | `data` | `all`, `rooms`, `ids` | the message, in a list, as [`carried`](super::carried) says |
//! | `rooms` | `rooms` | their names; none for whoever is in any |
//! | `except` | `rooms` | ids of connections that do not get it |
//! | `ids` | `ids`, `end` | connections: that get it, or that are ended |
//! | `reconnect` | `end` | whether they may come back |
//! | `ask` | `ids`, `end`, `got` | the number of a question, and of the answer |
//! | `got` | `got` | for each of the ids, in order: 0 if it was not there, 1 if it was, 2 if it was and did not take it |
//!
//! `alive` says what the last number on the bus is. It is said now and then, so that
//! what is lost is missed though nothing follows.

use super::carried::{self, MOST_DEPTH, read, write, write_list, write_text};
use crate::error::{Error, Result as Outcome};
use crate::value::Value;

/// Longest name of a run.
pub(super) const LONGEST_BOOT: usize = 64;

/// More fields than a message has, with the list around the application's value.
const FIELDS: usize = 100;

/// Longest address of a server.
const LONGEST_FROM: usize = 2_048;

/// The most digits of a number.
pub(super) const DIGITS: usize = 20;

/// So many names and ids may stand beside the application's values, and so many ids are
/// asked about in one question.
const AROUND: usize = 100_000;
pub(super) const ASKED: usize = 10_000;

/// Whether the others would read a value with so many levels, names and ids beside it, where they
/// take as many values in one message as this server.
///
/// # Errors
/// [`Error::Misuse`] when not.
pub(super) fn is_readable(value: &Value, beside: usize, most: usize) -> Outcome<()> {
    let refuse = |what: &str, count: usize, most: usize, limit: &str| {
        let text = format!("a message with {count} {what} for other servers: {most} are allowed");
        Err(Error::Misuse(format!("{text}{limit}")))
    };
    let levels = value.levels();
    match carried::count(value) {
        _ if levels > MOST_DEPTH => refuse("levels", levels, MOST_DEPTH, ""),
        count if count > most => refuse("values", count, most, " (`Limits::values`)"),
        _ if beside > AROUND => refuse("rooms and ids", beside, AROUND, ""),
        _ => Ok(()),
    }
}

/// Whose message it is, and which.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Heard {
    pub from: String,
    pub boot: String,
    pub seq: u64,
    pub body: Body,
}

/// What is said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    /// A message for everybody.
    All(Value),
    /// A message for rooms.
    Rooms { rooms: Vec<String>, except: Vec<String>, value: Value },
    /// A message for connections of the server that this is said to.
    Ids { ids: Vec<String>, ask: u64, value: Value },
    /// These connections are to end.
    End { ids: Vec<String>, ask: u64, reconnect: bool },
    /// The answer to either.
    Got { ask: u64, got: Vec<Got> },
    /// The sender's last number.
    Alive,
}

/// What has become of a connection that was asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Got {
    /// It was not there.
    Absent,
    /// It was.
    There,
    /// It was, and a message could not be written to it.
    Refused,
}

/// Why a message is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Not {
    /// It has a version or kind of later days.
    Known,
    /// It is no message at all.
    Message,
}

/// The beginning of all that one run of a server says, up to the number.
pub(super) fn head(from: &str, boot: &str) -> Vec<u8> {
    let mut out = br#"{"v":1,"from":"#.to_vec();
    write_text(&mut out, from);
    out.extend_from_slice(br#","boot":"#);
    write_text(&mut out, boot);
    out.extend_from_slice(br#","seq":"#);
    out
}

/// A whole message.
pub(super) fn whole(head: &[u8], seq: u64, tail: &[u8]) -> Vec<u8> {
    let seq = seq.to_string();
    let mut out = Vec::with_capacity(head.len() + seq.len() + tail.len());
    out.extend_from_slice(head);
    out.extend_from_slice(seq.as_bytes());
    out.extend_from_slice(tail);
    out
}

/// The part of a message behind its number.
pub(super) mod tail {
    use super::*;

    /// Of [`Body::All`].
    pub fn all(value: &Value) -> Vec<u8> {
        let mut out = kind("all");
        data(&mut out, value);
        out
    }

    /// Of [`Body::Rooms`].
    pub fn rooms(rooms: &[String], except: &[String], value: &Value) -> Vec<u8> {
        let mut out = kind("rooms");
        texts(&mut out, "rooms", rooms);
        texts(&mut out, "except", except);
        data(&mut out, value);
        out
    }

    /// Of [`Body::Ids`].
    pub fn ids(ids: &[String], ask: u64, value: &Value) -> Vec<u8> {
        let mut out = kind("ids");
        texts(&mut out, "ids", ids);
        plain(&mut out, "ask", ask);
        data(&mut out, value);
        out
    }

    /// Of [`Body::End`].
    pub fn end(ids: &[String], ask: u64, reconnect: bool) -> Vec<u8> {
        let mut out = kind("end");
        texts(&mut out, "ids", ids);
        plain(&mut out, "ask", ask);
        plain(&mut out, "reconnect", reconnect);
        out.push(b'}');
        out
    }

    /// Of [`Body::Got`].
    pub fn got(ask: u64, got: &[Got]) -> Vec<u8> {
        let mut out = kind("got");
        plain(&mut out, "ask", ask);
        field(&mut out, "got");
        write_list(&mut out, got, |out, got| out.push(b'0' + *got as u8));
        out.push(b'}');
        out
    }

    /// Of [`Body::Alive`].
    pub fn alive() -> Vec<u8> {
        let mut out = kind("alive");
        out.push(b'}');
        out
    }

    fn kind(kind: &str) -> Vec<u8> {
        format!(r#","kind":"{kind}""#).into_bytes()
    }

    fn field(out: &mut Vec<u8>, name: &str) {
        out.extend_from_slice(format!(r#","{name}":"#).as_bytes());
    }

    fn plain(out: &mut Vec<u8>, name: &str, value: impl ToString) {
        field(out, name);
        out.extend_from_slice(value.to_string().as_bytes());
    }

    fn texts(out: &mut Vec<u8>, name: &str, texts: &[String]) {
        field(out, name);
        write_list(out, texts, |out, text| write_text(out, text));
    }

    fn data(out: &mut Vec<u8>, value: &Value) {
        field(out, "data");
        write_list(out, [value], write);
        out.push(b'}');
    }
}

/// Reads a message in which there are no more values than so many, beside those of its
/// own.
pub(super) fn decode(payload: &[u8], most: usize) -> Result<Heard, Not> {
    let most = most.saturating_add(AROUND + FIELDS);
    let Some(Value::Object(fields)) = read(payload, most) else { return Err(Not::Message) };
    let mut fields = Fields(fields);
    if fields.number("v")? != 1 {
        return Err(Not::Known);
    }
    let (from, boot) = (fields.text("from")?, fields.text("boot")?);
    if from.len() > LONGEST_FROM || boot.is_empty() || boot.len() > LONGEST_BOOT {
        return Err(Not::Message);
    }
    let (seq, kind) = (fields.number("seq")?, fields.text("kind")?);
    let body = match &*kind {
        "all" => Body::All(fields.data()?),
        "rooms" => Body::Rooms {
            rooms: fields.texts("rooms")?,
            except: fields.texts("except")?,
            value: fields.data()?,
        },
        "ids" => Body::Ids {
            ids: fields.texts("ids")?,
            ask: fields.number("ask")?,
            value: fields.data()?,
        },
        "end" => Body::End {
            ids: fields.texts("ids")?,
            ask: fields.number("ask")?,
            reconnect: fields.flag("reconnect")?,
        },
        "got" => Body::Got { ask: fields.number("ask")?, got: fields.list("got", got_of)? },
        "alive" => Body::Alive,
        _ => return Err(Not::Known),
    };
    Ok(Heard { from, boot, seq, body })
}

/// The fields of a message that is read.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn take(&mut self, name: &str) -> Result<Value, Not> {
        let field = self.0.iter_mut().find(|(key, _)| key == name);
        field.map(|(_, value)| std::mem::take(value)).ok_or(Not::Message)
    }

    fn number(&mut self, name: &str) -> Result<u64, Not> {
        self.take(name)?.as_u64().ok_or(Not::Message)
    }

    fn text(&mut self, name: &str) -> Result<String, Not> {
        text_of(self.take(name)?)
    }

    fn flag(&mut self, name: &str) -> Result<bool, Not> {
        self.take(name)?.as_bool().ok_or(Not::Message)
    }

    fn list<T>(&mut self, name: &str, of: fn(Value) -> Result<T, Not>) -> Result<Vec<T>, Not> {
        match self.take(name)? {
            Value::Array(list) => list.into_iter().map(of).collect(),
            _ => Err(Not::Message),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, Not> {
        self.list(name, text_of)
    }

    fn data(&mut self) -> Result<Value, Not> {
        let [value] = self.list("data", Ok)?.try_into().map_err(|_| Not::Message)?;
        Ok(value)
    }
}

fn text_of(value: Value) -> Result<String, Not> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Not::Message),
    }
}

fn got_of(value: Value) -> Result<Got, Not> {
    match value.as_u64() {
        Some(0) => Ok(Got::Absent),
        Some(1) => Ok(Got::There),
        Some(2) => Ok(Got::Refused),
        _ => Err(Not::Message),
    }
}
