//! What `primus-redis-rooms` publishes, as JSON, each server on a channel of its own that
//! has the servers' common name and an id: `{"room":"news","data":"message"}`.
//!
//! Servers of this crate add what those in JavaScript pass over: `except`, the ids of those
//! who do not get it, and for a message to several rooms `rooms`, all of them, and `part`,
//! which of them this one is. The first part is then for all of these rooms, and the others
//! are for JavaScript alone.

use crate::plugins::compat::names::texts;
use crate::plugins::envelope::fields;
use crate::plugins::rooms::RoomMessage;
use crate::value::Value;

/// What is published for a message: one for each room.
pub(super) fn encode(message: &RoomMessage) -> Vec<Value> {
    let texts = |of: &[String]| Value::Array(of.iter().map(|one| one.as_str().into()).collect());
    let several = message.rooms.len() > 1;
    let packet = |(part, room): (usize, &String)| {
        let mut packet = vec![
            ("room".to_owned(), Value::from(room.as_str())),
            ("data".to_owned(), message.value.clone()),
        ];
        if !message.except.is_empty() {
            packet.push(("except".to_owned(), texts(&message.except)));
        }
        if several {
            packet.push(("rooms".to_owned(), texts(&message.rooms)));
            packet.push(("part".to_owned(), Value::from(part as u64)));
        }
        Value::Object(packet)
    };
    message.rooms.iter().enumerate().map(packet).collect()
}

/// What was published; `None` for what is for JavaScript alone.
///
/// # Errors
/// Why it is passed over.
pub(super) fn decode(packet: Value) -> Result<Option<RoomMessage>, &'static str> {
    let names = ["room", "data", "except", "rooms", "part"];
    let [room, data, except, rooms, part] = fields(packet, names);
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
    if rooms.is_empty() {
        // Which would be everybody.
        return Err("its rooms are none");
    }
    Ok(Some(RoomMessage::new(rooms, except, data)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(rooms: &[&str], except: &[&str], value: Value) -> RoomMessage {
        let texts = |of: &[&str]| of.iter().map(|one| (*one).to_owned()).collect();
        RoomMessage::new(texts(rooms), texts(except), value)
    }

    #[test]
    fn a_message_to_one_room_is_as_recorded() {
        let object = Value::from([("our", Value::from("bar"))]);
        let sent = encode(&message(&["foo"], &[], object.clone()));
        assert_eq!(sent, [Value::from([("room", Value::from("foo")), ("data", object.clone())])]);
        let heard = decode(sent[0].clone()).unwrap();
        assert_eq!(heard, Some(message(&["foo"], &[], object)));
    }

    #[test]
    fn one_to_several_rooms_is_heard_once_here_and_for_each_room_there() {
        let sent = encode(&message(&["a", "b"], &["x"], 1.into()));
        let rooms: Vec<_> = sent.iter().map(|one| one.get("room").cloned()).collect();
        assert_eq!(rooms, [Some("a".into()), Some("b".into())]);
        let heard: Vec<_> = sent.into_iter().map(|one| decode(one).unwrap()).collect();
        assert_eq!(heard, [Some(message(&["a", "b"], &["x"], 1.into())), None]);
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
            (
                object(&[room.clone(), data.clone(), ("rooms", one)]),
                "its rooms are no list of names",
            ),
            (object(&[room, data, ("rooms", Value::Array(vec![]))]), "its rooms are none"),
        ] {
            assert_eq!(decode(packet.clone()), Err(why), "{packet:?}");
        }
    }
}
