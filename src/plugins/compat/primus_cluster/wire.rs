//! What `primus-cluster` publishes, in the encoding of the servers' parser:
//!
//! | message | means |
//! |---|---|
//! | `{"id":0.51,"data":["message"],"type":"primus","opts":{"method":"write"}}` | to everybody |
//! | `{"id":0.51,"data":["event",1],"type":"primus","opts":{"method":"send"}}` | an event of `primus-emitter`, to everybody |
//! | `{"id":0.51,"data":["message"],"type":"room","opts":{"except":[],"method":"write","rooms":["news"],"transformer":null}}` | to rooms, or `send` |
//!
//! `id` is a random number of the sending server's, by which it knows its own again.
//!
//! Servers of this crate number what they publish, in a field `seq` that those in JavaScript
//! pass over: they look at these four alone.

use crate::plugins::compat::names::texts;
use crate::plugins::envelope::fields;
use crate::plugins::rooms::RoomMessage;
use crate::value::Value;

/// A message of another server.
#[derive(Debug, PartialEq)]
pub(super) struct Heard {
    pub body: Body,
    /// The bits of the server's `id`, and the number of the message, where it has one.
    pub number: Option<(u64, u64)>,
}

/// What it is.
#[derive(Debug, PartialEq)]
pub(super) enum Body {
    All(Value),
    Rooms(RoomMessage),
}

/// Who sends a message: the `id` of the server, and the message's number.
pub(super) type Sender = (f64, u64);

/// A message to everybody.
pub(super) fn all(from: Sender, message: &Value) -> Value {
    packet(from, message, "primus", Value::from([("method", Value::from("write"))]))
}

/// A message to rooms. Events go as the messages that clients get: a server without
/// `primus-emitter` could not take anything else.
pub(super) fn rooms(from: Sender, message: &RoomMessage) -> Value {
    let texts = |of: &[String]| Value::Array(of.iter().map(|one| one.as_str().into()).collect());
    let options = Value::from([
        ("except", texts(&message.except)),
        ("method", "write".into()),
        ("rooms", texts(&message.rooms)),
        ("transformer", Value::Null),
    ]);
    packet(from, &message.value, "room", options)
}

fn packet((id, seq): Sender, message: &Value, kind: &str, options: Value) -> Value {
    Value::from([
        ("id", Value::from(id)),
        ("data", Value::Array(vec![message.clone()])),
        ("type", kind.into()),
        ("opts", options),
        ("seq", Value::from(seq)),
    ])
}

/// What was published.
///
/// # Errors
/// Why it is passed over; `None` for one's own.
pub(super) fn decode(own: f64, packet: Value) -> Result<Heard, Option<&'static str>> {
    let [id, data, kind, options, seq] = fields(packet, ["id", "data", "type", "opts", "seq"]);
    let id = id.as_f64();
    if id == Some(own) {
        return Err(None);
    }
    let number = id.map(f64::to_bits).zip(seq.as_u64());
    let [except, method, rooms] = fields(options, ["except", "method", "rooms"]);
    let Value::Array(data) = data else { return Err(Some("its data is no list")) };
    let message = match method.as_str() {
        // As in JavaScript, what is written is one message, whatever follows it.
        Some("write") => data.into_iter().next().ok_or(Some("it has no data"))?,
        Some("send") => Value::from([("type", Value::from(0)), ("data", Value::Array(data))]),
        _ => return Err(Some("its method is not known")),
    };
    let body = match kind.as_str() {
        Some("primus") => Body::All(message),
        Some("room") => {
            let rooms = texts_or_none(rooms).ok_or(Some("its rooms are no list of names"))?;
            let except = texts_or_none(except).ok_or(Some("its exceptions are no list of ids"))?;
            Body::Rooms(RoomMessage::new(rooms, except, message))
        }
        _ => return Err(Some("its type is not known")),
    };
    Ok(Heard { body, number })
}

/// A list of texts; none where it is missing.
fn texts_or_none(list: Value) -> Option<Vec<String>> {
    if matches!(list, Value::Undefined | Value::Null) { Some(Vec::new()) } else { texts(list) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::parsers::{NoPeer, Parser};

    fn text_of(value: &Value) -> String {
        let frame = Parser::JSON.encode(value, &NoPeer).unwrap().unwrap();
        frame.as_text().unwrap().to_owned()
    }

    fn value_of(text: &str) -> Value {
        Parser::JSON.decode(&Frame::text(text), &NoPeer).unwrap()
    }

    #[test]
    fn messages_are_those_that_were_recorded_and_numbered() {
        let id = 0.513401270391773;
        let object = Value::from([("all", Value::from(1))]);
        assert_eq!(
            text_of(&all((id, 1), &object)),
            r#"{"id":0.513401270391773,"data":[{"all":1}],"type":"primus","opts":{"method":"write"},"seq":1}"#
        );
        let message = RoomMessage::new(
            vec!["news".into(), "sport".into()],
            vec!["s1-1".into()],
            "two rooms".into(),
        );
        assert_eq!(
            text_of(&rooms((id, 2), &message)),
            r#"{"id":0.513401270391773,"data":["two rooms"],"type":"room","opts":{"except":["s1-1"],"method":"write","rooms":["news","sport"],"transformer":null},"seq":2}"#
        );
        let heard = |body, seq| Ok(Heard { body, number: Some((id.to_bits(), seq)) });
        assert_eq!(decode(0.5, rooms((id, 2), &message)), heard(Body::Rooms(message), 2));
        assert_eq!(decode(0.5, all((id, 1), &object)), heard(Body::All(object.clone()), 1));
        assert_eq!(decode(id, all((id, 1), &object)), Err(None));
    }

    #[test]
    fn events_become_the_messages_that_clients_get() {
        let event = value_of(r#"{"type":0,"data":["hi","there",2]}"#);
        let sent = r#"{"id":0.1,"data":["hi","there",2],"type":"primus","opts":{"method":"send"}}"#;
        let heard = |body| Ok(Heard { body, number: None });
        assert_eq!(decode(0.5, value_of(sent)), heard(Body::All(event.clone())));
        let sent = r#"{"id":0.1,"data":["hi","there",2],"type":"room","opts":{"except":[],"method":"send","rooms":["news"]}}"#;
        let message = RoomMessage::new(vec!["news".into()], Vec::new(), event);
        assert_eq!(decode(0.5, value_of(sent)), heard(Body::Rooms(message)));
    }

    #[test]
    fn what_is_none_of_them_is_passed_over() {
        for (text, why) in [
            ("1", "its data is no list"),
            ("[]", "its data is no list"),
            (r#"{"id":1,"type":"primus","opts":{"method":"write"}}"#, "its data is no list"),
            (r#"{"id":1,"data":[],"type":"primus","opts":{"method":"write"}}"#, "it has no data"),
            (r#"{"id":1,"data":[1],"type":"primus"}"#, "its method is not known"),
            (
                r#"{"id":1,"data":[1],"type":"primus","opts":{"method":"end"}}"#,
                "its method is not known",
            ),
            (
                r#"{"id":1,"data":[1],"type":"spark","opts":{"method":"write"}}"#,
                "its type is not known",
            ),
            (r#"{"id":1,"data":[1],"opts":{"method":"write"}}"#, "its type is not known"),
            (
                r#"{"id":1,"data":[1],"type":"room","opts":{"method":"write","rooms":"news"}}"#,
                "its rooms are no list of names",
            ),
            (
                r#"{"id":1,"data":[1],"type":"room","opts":{"method":"write","rooms":["news"],"except":[1]}}"#,
                "its exceptions are no list of ids",
            ),
        ] {
            assert_eq!(decode(0.5, value_of(text)), Err(Some(why)), "{text}");
        }
    }
}
