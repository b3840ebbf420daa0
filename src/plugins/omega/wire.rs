//! What omega-supreme says: the body of a request, and those of answers.
//!
//! | body | means |
//! |---|---|
//! | `{"msg":any,"sparks":["id"]}` | a message for some |
//! | `{"msg":any,"sparks":"id"}` | for one |
//! | `{"msg":any,"sparks":""}`, or without `sparks`, or with anything else there | for all |
//! | `{ "ok": true, "send":2 }` | it was written to so many |
//! | `{ "ok": false, "reason": "why" }` | it was not |

use serde::Serialize;

use super::to::To;
use crate::error::Result;
use crate::frame::Frame;
use crate::parsers::{NoPeer, Parser};
use crate::plugins::envelope::{fields, is_falsy};
use crate::value::Value;

/// The answer to those whose credentials are wrong, in the words of npm's.
pub(super) const STRANGER: &str = r#"{"ok":false,"reason":"I am programmed to protect, and sacrifice if necessary. Feel the power of my lazers! Pew pew!"}"#;

/// What is wrong with a body that is no packet.
pub(super) const INVALID: &str = "invalid data structure";

/// Longest reason that is taken from an answer, in characters.
const REASON: usize = 200;

/// So many values an answer may have; it needs three.
const VALUES: usize = 100;

/// A message, and whom it is for.
#[derive(Debug, PartialEq)]
pub(super) struct Packet {
    pub message: Value,
    pub to: To,
}

/// Reads a body with at most so many values in it; `None` where it is no packet, or
/// one whose message JavaScript takes for false.
pub(super) fn decode(body: &[u8], values: usize) -> Option<Packet> {
    let frame = Frame::text(String::from_utf8_lossy(body).into_owned());
    Parser::JSON.check_within(&frame, &NoPeer, values).ok()?;
    let [message, sparks] = fields(Parser::JSON.decode(&frame, &NoPeer).ok()?, ["msg", "sparks"]);
    let to = match sparks {
        Value::Array(ids) => To::Sparks(ids.into_iter().filter_map(id).collect()),
        Value::String(id) if !id.is_empty() => To::Spark(id),
        _ => To::All,
    };
    (!is_falsy(&message)).then_some(Packet { message, to })
}

/// A number names the spark whose id is its text, as it does in JavaScript.
fn id(value: Value) -> Option<String> {
    match value {
        Value::String(id) => Some(id),
        Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// A message as it stands in a body.
///
/// # Errors
/// JSON cannot say it.
pub(super) fn message<T: Serialize + ?Sized>(value: &T) -> Result<String> {
    let frame = Parser::JSON.encode(value, &NoPeer)?;
    let text = frame.as_ref().and_then(Frame::as_text).map(str::to_owned);
    text.ok_or_else(|| Parser::JSON.unsent().into())
}

/// A body with this message.
pub(super) fn encode(message: &str, to: &To) -> Result<String> {
    let sparks = match to {
        To::All => r#""""#.to_owned(),
        // Alone, an empty one would be everybody.
        To::Spark(id) if id.is_empty() => r#"[""]"#.to_owned(),
        To::Spark(id) => self::message(id)?,
        To::Sparks(ids) => self::message(ids)?,
    };
    Ok(format!(r#"{{"msg":{message},"sparks":{sparks}}}"#))
}

/// The answer to those whose message was written to so many.
pub(super) fn sent(count: usize) -> String {
    format!(r#"{{ "ok": true, "send":{count} }}"#)
}

/// The answer to those whose message was not.
pub(super) fn failed(reason: &str) -> String {
    let reason = Value::from(reason);
    format!(r#"{{ "ok": false, "reason": {reason} }}"#)
}

/// What an answer says.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// To how many the message was written.
    Sent(usize),
    /// That it was not, and why, if that is told.
    Failed(Option<String>),
    /// Nothing that omega-supreme says.
    Nonsense,
}

/// What another server says for a reason, in one line that is not too long.
pub(super) fn reason(text: &str) -> String {
    let letters = text.chars().take(REASON);
    letters.map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// Reads the body of an answer.
pub(super) fn read(body: &[u8]) -> Said {
    let frame = Frame::text(String::from_utf8_lossy(body).into_owned());
    let checked = Parser::JSON.check_within(&frame, &NoPeer, VALUES);
    let decoded = checked.and_then(|()| Parser::JSON.decode(&frame, &NoPeer));
    let Ok(value) = decoded else { return Said::Nonsense };
    let [ok, send, reason] = fields(value, ["ok", "send", "reason"]);
    match ok {
        // As in JavaScript, none told is none.
        Value::Bool(true) => {
            Said::Sent(send.as_u64().and_then(|send| send.try_into().ok()).unwrap_or(0))
        }
        Value::Bool(false) => {
            let text = reason.as_str().filter(|text| !text.is_empty());
            Said::Failed(text.map(self::reason))
        }
        _ => Said::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_to(sparks: &str) -> To {
        let body = format!(r#"{{"msg":1,"sparks":{sparks}}}"#);
        decode(body.as_bytes(), 1_000).unwrap().to
    }

    #[test]
    fn whom_it_is_for() {
        let some = |ids: &[&str]| To::from(ids);
        assert_eq!(read_to(r#"["a","b","a"]"#), some(&["a", "b", "a"]));
        assert_eq!(read_to("[]"), some(&[]));
        assert_eq!(read_to(r#"[null,"",{"a":1},[1],7,1.5,true]"#), some(&["", "7", "1.5"]));
        assert_eq!(read_to(r#""a""#), To::from("a"));
        for all in [r#""""#, "7", "0", "null", "true", "false", "{}", r#"{"0":"a"}"#] {
            assert_eq!(read_to(all), To::All, "{all}");
        }
        assert_eq!(decode(br#"{"msg":"x"}"#, 9).unwrap().to, To::All);
    }

    #[test]
    fn what_is_no_packet() {
        let deep = format!(r#"{{"msg":{}1{}}}"#, "[".repeat(100), "]".repeat(100));
        for body in [
            "",
            "x",
            "null",
            "1",
            "true",
            "[1]",
            r#"[{"msg":1}]"#,
            r#""x""#,
            "{}",
            r#"{"msg":}"#,
            r#"{"msg":0}"#,
            r#"{"msg":-0}"#,
            r#"{"msg":""}"#,
            r#"{"msg":false}"#,
            r#"{"msg":null}"#,
            r#"{"sparks":"a"}"#,
            r#"{"msg":1}x"#,
            "\u{feff}{\"msg\":1}",
            r#"{"msg":1,"msg":0}"#,
            &deep,
        ] {
            assert_eq!(decode(body.as_bytes(), 1_000), None, "{body}");
        }
        assert_eq!(decode(br#"{"msg":[1,2,3]}"#, 3), None);
        // Bytes that are no text are read as Node does.
        let packet = decode(b" {\"msg\":\"a\xffb\"} ", 9).unwrap();
        assert_eq!(packet.message, Value::from("a\u{fffd}b"));
        assert_eq!(decode(br#"{"msg":1e999}"#, 9).unwrap().message, Value::from(f64::INFINITY));
    }

    #[test]
    fn bodies_are_those_of_npm() {
        let body = |message: &str, to: To| encode(&super::message(message).unwrap(), &to).unwrap();
        assert_eq!(body("msg", To::All), r#"{"msg":"msg","sparks":""}"#);
        assert_eq!(body("x", "far".into()), r#"{"msg":"x","sparks":"far"}"#);
        assert_eq!(body("m2", ["a", "b"].into()), r#"{"msg":"m2","sparks":["a","b"]}"#);
        assert_eq!(body("x", Vec::<String>::new().into()), r#"{"msg":"x","sparks":[]}"#);
        assert_eq!(body("x", "\"\r\n".into()), r#"{"msg":"x","sparks":"\"\r\n"}"#);
        assert_eq!(body("x", "".into()), r#"{"msg":"x","sparks":[""]}"#);
        assert!(super::message(&Value::Undefined).is_err());
    }

    #[test]
    fn answers_say_how_many_or_why_not() {
        assert_eq!(read(sent(7).as_bytes()), Said::Sent(7));
        assert_eq!(read(failed("a \"b\"").as_bytes()), Said::Failed(Some("a \"b\"".into())));
        assert_eq!(failed(INVALID), r#"{ "ok": false, "reason": "invalid data structure" }"#);
        for (body, said) in [
            (r#"{"ok":true}"#, Said::Sent(0)),
            (r#"{"ok":true,"send":-1}"#, Said::Sent(0)),
            (r#"{"ok":true,"send":"9"}"#, Said::Sent(0)),
            (r#"{"ok":false}"#, Said::Failed(None)),
            (r#"{"ok":false,"reason":7}"#, Said::Failed(None)),
            (r#"{"ok":1,"send":2}"#, Said::Nonsense),
            ("<html>", Said::Nonsense),
            ("", Said::Nonsense),
            ("[]", Said::Nonsense),
        ] {
            assert_eq!(read(body.as_bytes()), said, "{body}");
        }
        let many = |values: usize| {
            format!(r#"{{"ok":true,"send":1,"x":[{}]}}"#, vec!["0"; values].join(","))
        };
        assert_eq!(read(many(VALUES - 10).as_bytes()), Said::Sent(1));
        assert_eq!(read(many(VALUES + 1).as_bytes()), Said::Nonsense);
        assert_eq!(read(failed("a\r\n\u{7}b").as_bytes()), Said::Failed(Some("a   b".into())));
        let long = failed(&"é".repeat(10_000));
        let Said::Failed(Some(reason)) = read(long.as_bytes()) else { panic!() };
        assert_eq!(reason.chars().count(), REASON);
    }
}
