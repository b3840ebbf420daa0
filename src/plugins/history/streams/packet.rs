//! Messages as Redis keeps and brings them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::link::Reply;
use crate::plugins::cluster::carried::{self, MOST_DEPTH, write_list, write_text};
use crate::plugins::history::log::{Entry, Fetched};
use crate::plugins::history::position::Position;
use crate::plugins::history::ticket::Key;
use crate::plugins::history::wire::At;
use crate::value::Value;

/// Values that it may have in it, as many as a received message by default.
pub(super) const MOST_VALUES: usize = 1_000_000;

/// So many more there may be around it: the ids of those who are left out, above all.
const MOST_AROUND: usize = 100_000;

/// An entry as text: an array of its id, those who are left out, and the message. `None`
/// if nobody could read it.
pub(super) fn encode(entry: &Entry) -> Option<Vec<u8>> {
    if entry.value.levels() > MOST_DEPTH || carried::count(&entry.value) > MOST_VALUES {
        return None;
    }
    let mut text = b"[".to_vec();
    match &entry.id {
        Some(id) => write_text(&mut text, id),
        None => text.extend_from_slice(b"null"),
    }
    text.push(b',');
    write_list(&mut text, &entry.except, |text, id| write_text(text, id));
    text.push(b',');
    carried::write(&mut text, &entry.value);
    text.push(b']');
    Some(text)
}

/// The entry in a text; `None` where it is none.
pub(super) fn decode(text: &[u8]) -> Option<Arc<Entry>> {
    let Value::Array(list) = carried::read(text, MOST_VALUES + MOST_AROUND)? else { return None };
    let [id, except, value] = <[Value; 3]>::try_from(list).ok()?;
    let Value::Array(except) = except else { return None };
    let except = except.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Some(Entry::new(Some(id.as_str()?.into()), except, value))
}

/// What is published about a message.
#[derive(Debug, PartialEq)]
pub(super) struct Told<'a> {
    pub writer: &'a str,
    pub number: u64,
    pub entry: &'a [u8],
    /// All rooms that it was written to.
    pub names: Vec<String>,
    pub fate: Fate,
}

/// What became of a message in Redis.
#[derive(Debug, PartialEq)]
pub(super) enum Fate {
    /// It is kept, at these places in those of its rooms that are.
    Kept(Vec<At>),
    /// It is not. With `anew`, what was kept of its rooms is gone as well, and they begin
    /// anew; otherwise that could not be done either.
    Refused { anew: bool },
    /// There is no message: what was kept of the rooms is given up.
    GivenUp,
}

/// The fields of a text, each with its length before it.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let colon = self.0.iter().take(20).position(|byte| *byte == b':')?;
        let (length, rest) = self.0.split_at(colon);
        let length: usize = text(length)?.parse().ok()?;
        let field = rest.get(1..)?.get(..length)?;
        self.0 = &rest[1 + length..];
        Some(field)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// What a payload says; `None` where that makes no sense.
pub(super) fn told(payload: &[u8]) -> Option<Told<'_>> {
    let mut fields = Fields(payload);
    let writer = text(fields.next()?)?;
    let number = text(fields.next()?)?.parse().ok()?;
    let entry = fields.next()?;
    let names = serde_json::from_slice(fields.next()?).ok()?;
    let rest: Vec<&[u8]> = fields.by_ref().collect();
    let fate = match &*rest {
        _ if !fields.0.is_empty() => return None,
        [] if entry.is_empty() => Fate::GivenUp,
        [anew] if !entry.is_empty() => Fate::Refused { anew: *anew == b"1" },
        rest if !entry.is_empty() && !rest.is_empty() => {
            let (places, []) = rest.as_chunks() else { return None };
            Fate::Kept(places.iter().map(place).collect::<Option<_>>()?)
        }
        _ => return None,
    };
    Some(Told { writer, number, entry, names, fate })
}

fn place([room, epoch, offset]: &[&[u8]; 3]) -> Option<At> {
    let position = Position::new(text(epoch)?, text(offset)?.parse().ok()?);
    Some((text(room)?.into(), position))
}

/// What is published when what is kept of rooms is given up.
pub(super) fn given_up(writer: &str, rooms: &HashSet<Arc<str>>) -> Vec<u8> {
    let names: Vec<&str> = rooms.iter().map(|room| &**room).collect();
    let names = serde_json::to_vec(&names).unwrap_or_default();
    let mut told = Vec::new();
    for field in [writer.as_bytes(), b"0", b"", &names] {
        told.extend_from_slice(field.len().to_string().as_bytes());
        told.push(b':');
        told.extend_from_slice(field);
    }
    told
}

/// What was fetched of a room. A message that makes no sense is a hole.
pub(super) fn fetched(reply: &Reply) -> Option<Fetched> {
    let Reply::Array(parts) = reply else { return None };
    let mut parts = parts.iter();
    let epoch = text(bytes(parts.next()?)?)?;
    let last = Position::new(epoch, number(parts.next()?)?);
    let key = Key::of(text(bytes(parts.next()?)?)?);
    let mut entries: Vec<(u64, Arc<Entry>, Duration)> = Vec::new();
    while let Some(offset) = parts.next() {
        let (offset, age) = (number(offset)?, number(parts.next()?)?);
        let Some(entry) = decode(bytes(parts.next()?)?) else {
            entries.clear();
            continue;
        };
        if entries.last().is_some_and(|(before, ..)| before + 1 != offset) {
            // Somebody else was at it: what is behind the hole counts.
            entries.clear();
        }
        entries.push((offset, entry, Duration::from_millis(age)));
    }
    Some(Fetched { last, entries, complete: false, key })
}

fn bytes(reply: &Reply) -> Option<&[u8]> {
    match reply {
        Reply::BulkString(bytes) => Some(bytes),
        Reply::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn number(reply: &Reply) -> Option<u64> {
    match reply {
        Reply::Int(number) => (*number).try_into().ok(),
        reply => text(bytes(reply)?)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{TypedArray, TypedKind};

    const REFUSED: Fate = Fate::Refused { anew: false };

    /// Arrays inside of each other.
    fn nested(levels: usize) -> Arc<Entry> {
        let inside = |value, _| Value::Array(vec![value]);
        Entry::new(Some("w.1".into()), Vec::new(), (0..levels).fold(Value::Null, inside))
    }

    #[test]
    fn what_is_kept_can_be_read() {
        let deepest = encode(&nested(MOST_DEPTH - 1)).unwrap();
        assert!(decode(&deepest).is_some());
        assert!(encode(&nested(MOST_DEPTH)).is_none() && encode(&nested(1_000)).is_none());
    }

    #[test]
    fn what_cannot_be_read_is_a_hole() {
        let text = |text: &[u8]| Reply::BulkString(text.to_vec());
        let good = encode(&nested(1)).unwrap();
        let fetched = |second: &[u8]| {
            let mut parts = vec![text(b"e"), text(b"3"), text(b"key")];
            for (offset, entry) in [(1, &*good), (2, second), (3, &good)] {
                parts.extend([Reply::Int(offset), Reply::Int(0), text(entry)]);
            }
            let fetched = super::fetched(&Reply::Array(parts)).unwrap();
            fetched.entries.iter().map(|(offset, ..)| *offset).collect::<Vec<_>>()
        };
        assert_eq!(fetched(&good), [1, 2, 3]);
        assert_eq!(fetched(b"garbage"), [3]);
    }

    #[test]
    fn entries_come_back_as_they_were() {
        let typed = TypedArray { kind: TypedKind::Int16, bytes: vec![1, 0, 2, 0] };
        let typed = Value::Typed(Box::new(typed));
        let value = Value::from([
            ("bytes", Value::Binary(vec![0, 255])),
            ("date", crate::value::Date::from_ms(5.0).into()),
            ("list", Value::from([Value::Null, true.into(), 1.5.into(), "é".into()])),
            (
                "$odd",
                Value::from([Value::Undefined, f64::INFINITY.into(), 1u64.into(), 1.0.into()]),
            ),
            ("typed", typed),
        ]);
        let entry = Entry::new(Some("w.1".into()), vec!["a".into()], value);
        let back = decode(&encode(&entry).unwrap()).unwrap();
        assert_eq!((&back.id, &back.except, &back.value), (&entry.id, &entry.except, &entry.value));
        for bad in ["", "1", "[]", "[1,2,3]", "[\"id\",[],1,2]", "[\"id\",1,1]", "\u{0}"] {
            assert!(decode(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_anybody_publishes_is_read_or_left_alone() {
        let good = br#"1:w2:171:e9:["r","s"]1:r2:e11:51:s2:e21:6"#;
        let told = told(good).unwrap();
        assert_eq!((told.writer, told.number, told.entry), ("w", 17, &b"e"[..]));
        assert_eq!(told.names, ["r", "s"]);
        let at = |room: &str, epoch, offset| (room.into(), Position::new(epoch, offset));
        assert_eq!(told.fate, Fate::Kept(vec![at("r", "e1", 5), at("s", "e2", 6)]));
        for end in 0..good.len() {
            // Where the first place, or its name, is the end.
            let told = super::told(&good[..end]).map(|told| told.fate);
            let one = Fate::Kept(vec![at("r", "e1", 5)]);
            assert!(told.is_none_or(|fate| fate == one || fate == REFUSED), "{end}");
        }
        for (anew, text) in [(true, "1"), (false, "0")] {
            let payload = format!("1:w2:171:e3:[\"r\"]1:{text}").replace("3:[", "5:[");
            let told = super::told(payload.as_bytes()).unwrap();
            assert_eq!((told.number, told.fate), (17, Fate::Refused { anew }));
        }
        let rooms = HashSet::from(["r".into()]);
        let given_up = given_up("w", &rooms);
        let told = super::told(&given_up).unwrap();
        assert!(told.fate == Fate::GivenUp && told.names == ["r"]);
        for bad in ["", ":", "99999999999999999999999:x", "18446744073709551615:x", "1:w1:x", "-1:"]
        {
            assert!(super::told(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
