//! Protocol messages are told from the raw frame.

use primus::parsers::{CustomParser, Peer};
use primus::{BoxError, Frame, Parser, Value};

use crate::{PEER, parsers};

#[test]
fn protocol_messages_are_found() {
    for parser in parsers() {
        for text in
            ["primus::ping::1700000000123", "primus::", "primus::id::é\u{2028}\"", "primus::x y"]
        {
            let frame = parser.encode(text, PEER).unwrap().unwrap();
            assert_eq!(parser.control(&frame, PEER).as_deref(), Some(text));
        }
        for text in ["", "primus:", "primus", "Primus::x", " primus::", "x", "\\primus::"] {
            let frame = parser.encode(text, PEER).unwrap().unwrap();
            assert_eq!(parser.control(&frame, PEER), None);
        }
        let frame = parser.encode(&["primus::ping::1"], PEER).unwrap().unwrap();
        assert_eq!(parser.control(&frame, PEER), None);
        let frame = parser.encode(&("x".repeat(70_000)), PEER).unwrap().unwrap();
        assert_eq!(parser.control(&frame, PEER), None);
        let long = "primus::".to_owned() + &"x".repeat(70_000);
        let frame = parser.encode(&long, PEER).unwrap().unwrap();
        assert_eq!(parser.control(&frame, PEER).as_deref(), Some(long.as_str()));
    }
}

#[test]
fn escapes_do_not_hide_them() {
    let texts = [
        "\"primus::a\"",
        " \t\r\n\"primus::a\"  ",
        "\"\\u0070rimus::a\"",
        "\"primus:\\u003aa\"",
        "\"\\u0070\\u0072\\u0069\\u006d\\u0075\\u0073\\u003A\\u003aa\"",
        "\"primus::\\u0061\"",
    ];
    for text in texts {
        for parser in [Parser::JSON, Parser::EJSON] {
            assert_eq!(
                parser.control(&Frame::text(text), PEER).as_deref(),
                Some("primus::a"),
                "{text}"
            );
        }
    }
    let others = [
        "\"primus::a",
        "\"primus::a\"x",
        "[\"primus::a\"]",
        "primus::a",
        "\"\\primus::\"",
        "\"\\u0071rimus::\"",
        "\"primus:\\n:\"",
        "\"\\u007",
        "\"\\",
        "\"",
        "",
        "\"primus::\\x\"",
        "\"primus:é\"",
        "\"\\u00é\"",
    ];
    for text in others {
        assert_eq!(Parser::JSON.control(&Frame::text(text), PEER), None, "{text}");
    }
}

struct Reversed;

impl CustomParser for Reversed {
    fn name(&self) -> &str {
        "reversed"
    }

    fn encode(&self, value: &Value, _: &dyn Peer) -> Result<Option<Frame>, BoxError> {
        let text = value.as_str().ok_or("only strings")?;
        Ok(Some(Frame::text(text.chars().rev().collect::<String>())))
    }

    fn decode(&self, frame: &Frame, _: &dyn Peer) -> Result<Value, BoxError> {
        let text = frame.as_text().ok_or("only text")?;
        Ok(text.chars().rev().collect::<String>().into())
    }
}

#[test]
fn custom_parsers_are_asked() {
    let parser = Parser::custom(Reversed);
    let frame = Frame::text("1::gnip::sumirp");
    assert_eq!(parser.control(&frame, PEER).as_deref(), Some("primus::ping::1"));
    assert_eq!(parser.encode("primus::ping::1", PEER).unwrap(), Some(frame));
    assert_eq!(parser.control(&Frame::text("x"), PEER), None);
    assert_eq!(parser.encode("", PEER).unwrap(), None, "an empty packet is not sent");
    let error = parser.encode(&1, PEER).unwrap_err().to_string();
    assert_eq!(error, "reversed parser failed to encode a message: only strings");
    assert!(parser.check(&Frame::binary([1]), PEER).is_err());
    assert_eq!(parser.decode_as::<String>(&Frame::text("ab"), PEER).unwrap(), "ba");
    assert!(parser.decode_as::<u8>(&Frame::text("ab"), PEER).is_err());
}

#[test]
fn parsers_have_names() {
    for (name, known) in [("JSON", "json"), ("Ejson", "ejson"), ("BINARY", "binary")] {
        assert_eq!(name.parse::<Parser>().unwrap().name(), known);
    }
    let error = "bson".parse::<Parser>().unwrap_err().to_string();
    let known: Vec<String> = parsers().iter().map(|parser| parser.name().to_owned()).collect();
    assert_eq!(error, format!("unknown parser `bson`; known parsers: {}", known.join(", ")));
}
