//! What `primus-redis-rooms` publishes, as JSON, each server on a channel of its own that
//! has the servers' common name and an id: `{"room":"news","data":"message"}`.
//!
//! Servers of this crate add what those in JavaScript pass over:
//!
//! | field | is |
//! |---|---|
//! | `except` | the ids of those who do not get it |
//! | `rooms` | for a message to several rooms, or to any, all of them; to any: none |
//! | `part` | beside `rooms`: which of the messages it is. The first is for all of these rooms, and the others, of which each names one more in `room`, are for JavaScript alone |
//! | `seq` | the number of the message, by which one that was sent twice is heard once |

use crate::plugins::compat::names::texts;
use crate::plugins::envelope::fields;
use crate::plugins::rooms::RoomMessage;
use crate::value::Value;

/// What is published for a message with this number: one for each room. `here`: a message to
/// any room is one for each of these, where it has members in JavaScript; the first is
/// never a room that nobody has named.
pub(super) fn encode(message: &RoomMessage, seq: u64, here: &[String]) -> Vec<Value> {
    let texts = |of: &[String]| Value::Array(of.iter().map(|one| one.as_str().into()).collect());
    let names = if message.rooms.is_empty() { here } else { &message.rooms };
    let has_parts = message.rooms.len() != 1;
    let packet = |(part, room): (usize, &String)| {
        let mut packet = vec![
            ("room".to_owned(), Value::from(room.as_str())),
            ("data".to_owned(), message.value.clone()),
        ];
        if !message.except.is_empty() {
            packet.push(("except".to_owned(), texts(&message.except)));
        }
        if has_parts {
            packet.push(("rooms".to_owned(), texts(&message.rooms)));
            packet.push(("part".to_owned(), Value::from(part as u64)));
        }
        packet.push(("seq".to_owned(), Value::from(seq)));
        Value::Object(packet)
    };
    names.iter().enumerate().map(packet).collect()
}

/// What was published, with its number where it has one; `None` for what is for JavaScript
/// alone.
///
/// # Errors
/// Why it is passed over.
pub(super) fn decode(packet: Value) -> Result<Option<(RoomMessage, Option<u64>)>, &'static str> {
    let names = ["room", "data", "except", "rooms", "part", "seq"];
    let [room, data, except, rooms, part, seq] = fields(packet, names);
    let Value::String(room) = room else { return Err("its room is no name") };
    if data == Value::Undefined {
        return Err("it has no data");
    }
    let except = match except {
        Value::Undefined => Vec::new(),
        except => texts(except).ok_or("its exceptions are no list of ids")?,
    };
    let rooms = match (rooms, part.as_u64()) {
        (Value::Undefined, _) => vec![room],
        (_, Some(1..)) => return Ok(None),
        (rooms, _) => texts(rooms).ok_or("its rooms are no list of names")?,
    };
    Ok(Some((RoomMessage::new(rooms, except, data), seq.as_u64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(rooms: &[&str], except: &[&str], value: Value) -> RoomMessage {
        let texts = |of: &[&str]| of.iter().map(|one| (*one).to_owned()).collect();
        RoomMessage::new(texts(rooms), texts(except), value)
    }

    #[test]
    fn a_message_to_one_room_is_as_recorded_and_numbered() {
        let object = Value::from([("our", Value::from("bar"))]);
        let sent = encode(&message(&["foo"], &[], object.clone()), 7, &["other".into()]);
        let fields = [("room", "foo".into()), ("data", object.clone()), ("seq", 7.into())];
        assert_eq!(sent, [Value::from(fields)]);
        let heard = decode(sent[0].clone()).unwrap();
        assert_eq!(heard, Some((message(&["foo"], &[], object.clone()), Some(7))));
        // Theirs has no number.
        let theirs = Value::from([("room", Value::from("foo")), ("data", object.clone())]);
        assert_eq!(decode(theirs).unwrap(), Some((message(&["foo"], &[], object), None)));
    }

    #[test]
    fn one_to_several_rooms_is_heard_once_here_and_for_each_room_there() {
        let rooms = |sent: &[Value]| -> Vec<_> {
            sent.iter().map(|one| one.get("room").unwrap().as_str().unwrap().to_owned()).collect()
        };
        let heard = |sent: Vec<Value>| -> Vec<_> {
            sent.into_iter().map(|one| decode(one).unwrap()).collect()
        };
        let several = message(&["a", "b"], &["x"], 1.into());
        let sent = encode(&several, 1, &[]);
        assert_eq!(rooms(&sent), ["a", "b"]);
        assert_eq!(heard(sent), [Some((several, Some(1))), None]);
        // To any room: those that are known.
        let any = message(&[], &["x"], 1.into());
        let sent = encode(&any, 2, &["b".into(), "c".into()]);
        assert_eq!(rooms(&sent), ["b", "c"]);
        assert_eq!(heard(sent), [Some((any, Some(2))), None]);
    }

    #[test]
    fn what_is_none_of_them_is_passed_over() {
        let object = |entries: &[(&str, Value)]| {
            let entries = entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
            Value::Object(entries.collect())
        };
        let (room, data) = (("room", Value::from("a")), ("data", Value::from(1)));
        let one = Value::Array(vec![1.into()]);
        for (packet, why) in [
            (Value::Null, "its room is no name"),
            (object(&[("room", 1.into()), data.clone()]), "its room is no name"),
            (object(std::slice::from_ref(&room)), "it has no data"),
            (
                object(&[room.clone(), data.clone(), ("except", 1.into())]),
                "its exceptions are no list of ids",
            ),
            (object(&[room, data, ("rooms", one)]), "its rooms are no list of names"),
        ] {
            assert_eq!(decode(packet.clone()), Err(why), "{packet:?}");
        }
    }
}
