//! The client against the server with each of the parsers, and with one of the
//! application's own.

#[path = "../common/mod.rs"]
mod common;

use std::time::Duration;

use common::{PATIENCE, Peer, Server};
use crossbeam_channel::{Receiver, unbounded};
use primus::parsers::{CustomParser, Peer as ParserPeer, Step};
use primus::value::{Bytes, Date, RegExp, TypedArray, TypedKind};
use primus::{BoxError, Client, Error, Frame, Parser, Primus, Spark, Value};
use serde::{Deserialize, Serialize};

/// Strings, bytes and lists of them, each with its kind and length in front.
/// Refuses strings that contain `!`, and reads no packet that begins with it.
struct Tagged;

impl CustomParser for Tagged {
    fn name(&self) -> &str {
        "tagged"
    }

    fn encode(&self, value: &Value, _: &dyn ParserPeer) -> Result<Option<Frame>, BoxError> {
        match value {
            Value::String(text) if text.contains('!') => Err("no shouting".into()),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) => Ok(Some(Frame::text(format!("s{text}")))),
            Value::Binary(bytes) => Ok(Some(Frame::binary([b"b", &bytes[..]].concat()))),
            other => Ok(Some(Frame::text(format!("j{}", serde_json::to_string(other)?)))),
        }
    }

    fn decode(&self, frame: &Frame, peer: &dyn ParserPeer) -> Result<Value, BoxError> {
        if !(peer.as_any().is::<Spark>() || peer.as_any().is::<Client>()) {
            return Err("nobody's message".into());
        }
        match frame {
            Frame::Binary(bytes) => {
                bytes.strip_prefix(b"b").map(Value::from).ok_or("no bytes".into())
            }
            Frame::Text(text) => match (text.get(..1), text.get(1..)) {
                (Some("s"), Some(text)) => Ok(text.into()),
                (Some("j"), Some(json)) => Ok(serde_json::from_str(json)?),
                _ => Err("no tag".into()),
            },
        }
    }
}

fn all_parsers() -> Vec<Parser> {
    let named = ["json", "ejson", "binary", "msgpack"].iter().filter_map(|name| name.parse().ok());
    named.chain([Parser::custom(Tagged)]).collect()
}

/// A server that sends back what it decoded, and a client of it.
fn pair(parser: &Parser) -> (Server, Client) {
    let server = Server::start(Primus::builder().parser(parser.clone()));
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(message.value()).map(drop));
    });
    let client = client(&server, parser);
    (server, client)
}

fn client(server: &Server, parser: &Parser) -> Client {
    let client = Client::builder(&format!("http://{}", server.addr)).parser(parser.clone());
    client.reconnect_min(Duration::from_millis(20)).connect().unwrap()
}

fn received(client: &Client) -> Value {
    client.recv_timeout(PATIENCE).unwrap().into_value()
}

fn errors(spark: &Spark) -> Receiver<Error> {
    let (tell, told) = unbounded();
    spark.on_error(move |_, error| tell.send(copy(error)));
    told
}

fn client_errors(client: &Client) -> Receiver<Error> {
    let (tell, told) = unbounded();
    client.on_error(move |_, error| tell.send(copy(error)));
    told
}

/// Errors can't be cloned.
fn copy(error: &Error) -> Error {
    match error {
        Error::Parser(error) => Error::Parser(primus::parsers::ParserError {
            parser: error.parser.clone(),
            step: error.step,
            cause: error.cause.to_string().into(),
        }),
        other => Error::Protocol(other.to_string()),
    }
}

#[track_caller]
fn expect_parser_error(told: &Receiver<Error>, parser: &Parser, step: Step) {
    match told.recv_timeout(PATIENCE) {
        Ok(Error::Parser(error)) => {
            assert_eq!((error.parser.as_str(), error.step), (parser.name(), step), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    id: u64,
    placed: Date,
    scan: Bytes,
    lines: Vec<(String, f64)>,
    state: State,
    note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum State {
    New,
    Sent { when: Date },
}

fn order() -> Order {
    Order {
        id: 1 << 40,
        // Whole seconds: the English texts of `binary` have no more.
        placed: Date::from_ms(1_700_000_000_000.0),
        scan: Bytes((0..=255).collect()),
        lines: vec![("é\u{2028}😀".into(), -0.25), (String::new(), 3.0)],
        state: State::Sent { when: Date::from_ms(-86_400_000.0) },
        note: None,
    }
}

#[test]
fn structs() {
    for parser in all_parsers() {
        let server = Server::start(Primus::builder().parser(parser.clone()));
        server.primus.on_connection(|spark| {
            spark.on_data(|spark, message| {
                let order: Order = message.parse()?;
                spark.write(&Order { state: State::New, note: Some("seen".into()), ..order })
            });
        });
        let client = client(&server, &parser);
        client.write(&order()).unwrap();
        let back: Order = client.recv_timeout(PATIENCE).unwrap().parse().unwrap();
        let expected = Order { state: State::New, note: Some("seen".into()), ..order() };
        assert_eq!(back, expected, "{parser:?}");
        // As the dynamic value it comes to the same.
        server.spark().write(&order()).unwrap();
        assert_eq!(received(&client).parse::<Order>().unwrap(), order(), "{parser:?}");
        assert!(!client.id(PATIENCE).unwrap().is_empty());
    }
}

#[test]
fn values() {
    let nested = (0..62).fold(Value::from("deep"), |inside, _| [inside].into());
    let values = [
        Value::Null,
        true.into(),
        [0.into(), Value::from(-1), 0.5.into(), (1u64 << 53).into(), i64::MIN.into()].into(),
        "é\u{2028}😀 \u{0}".into(),
        "x".repeat(100 << 10).into(),
        [Value::Array(vec![]), Value::Object(vec![]), "".into()].into(),
        [("z", 1.into()), ("a", Value::Null)].into(),
        nested,
        (0..70_000).map(Value::from).collect(),
    ];
    for parser in all_parsers() {
        let (_server, client) = pair(&parser);
        for value in &values {
            client.write(value).unwrap();
            let back = received(&client);
            assert!(back == *value, "{parser:?}: {back:?}, not {value:?}");
        }
    }
}

#[test]
fn special_values() {
    let date = Value::from(Date::from_ms(1_700_000_000_123.0));
    let regexp = Value::from(RegExp { source: "a".into(), flags: "g".into() });
    let typed = TypedArray { kind: TypedKind::Float32, bytes: vec![0, 0, 128, 63] };
    let ejson = vec![
        date.clone(),
        Value::Binary(vec![]),
        Value::Binary(vec![1, 255]),
        f64::NEG_INFINITY.into(),
        regexp,
    ];
    let msgpack = [ejson.clone(), vec![typed.into(), Date::INVALID.into()]].concat();
    let binary = vec![Value::Binary(vec![1, 255])];
    for (name, values) in [("ejson", ejson), ("msgpack", msgpack), ("binary", binary)] {
        let Ok(parser) = name.parse() else { continue };
        let (_server, client) = pair(&parser);
        for value in values {
            client.write(&value).unwrap();
            assert_eq!(received(&client), value, "{name}");
        }
    }
}

#[test]
fn transforms_on_both_sides() {
    for parser in all_parsers() {
        let (server, client) = pair(&parser);
        let mark = |mark: &'static str| {
            move |value: Value| match value.as_str() {
                Some("drop me") => Ok(None),
                Some("fail me") => Err("not that".into()),
                Some(text) => Ok(Some(format!("{text}{mark}").into())),
                None => Ok(Some(value)),
            }
        };
        client.transform_outgoing(move |_, value| mark(" 1")(value));
        server.primus.transform_incoming(move |_, value| mark(" 2")(value));
        server.primus.transform_outgoing(move |_, value| mark(" 3")(value));
        client.transform_incoming(move |_, value| mark(" 4")(value));
        client.write("drop me").unwrap();
        assert!(matches!(client.write("fail me"), Err(Error::Transform(_))));
        client.write("through").unwrap();
        assert_eq!(received(&client), Value::from("through 1 2 3 4"));
        client.write(&order()).unwrap();
        let back: Order = client.recv_timeout(PATIENCE).unwrap().parse().unwrap();
        assert_eq!(back, order(), "{parser:?}");
        // Primus's own messages go past them.
        assert!(!client.id(PATIENCE).unwrap().is_empty());
    }
}

/// A frame that the parser does not read, whatever its kind.
fn undecodable(parser: &Parser) -> Frame {
    match parser.name() {
        "json" => Frame::text("{]"),
        "ejson" | "tagged" => Frame::binary([0]),
        _ => Frame::text("1"),
    }
}

#[test]
fn what_is_no_message_is_an_error_and_the_connection_stays() {
    for parser in all_parsers() {
        let (server, client) = pair(&parser);
        let spark = server.spark();
        let (here, there) = (errors(&spark), client_errors(&client));
        client.write_frame(&undecodable(&parser)).unwrap();
        expect_parser_error(&here, &parser, Step::Decode);
        spark.write_frame(&undecodable(&parser)).unwrap();
        expect_parser_error(&there, &parser, Step::Decode);
        client.write("still there").unwrap();
        assert_eq!(received(&client), Value::from("still there"), "{parser:?}");
        assert!(here.is_empty() && there.is_empty());
    }
}

#[test]
fn more_values_than_the_limit_are_an_error_and_the_connection_stays() {
    for parser in all_parsers().iter().filter(|parser| parser.name() != "tagged") {
        let builder = common::limited(|limits| limits.values = 100);
        let server = Server::start(builder.parser(parser.clone()));
        server.primus.on_connection(|spark| {
            spark.on_data(|spark, message| spark.write(message.value()).map(drop));
        });
        let client = Client::builder(&format!("http://{}", server.addr)).parser(parser.clone());
        let client = client.values(100).connect().unwrap();
        let spark = server.spark();
        let (here, there) = (errors(&spark), client_errors(&client));
        let many = |count| -> Value { (0..count).map(Value::from).collect() };
        client.write(&many(101)).unwrap();
        expect_parser_error(&here, parser, Step::Decode);
        spark.write(&many(101)).unwrap();
        expect_parser_error(&there, parser, Step::Decode);
        client.write(&many(100)).unwrap();
        assert_eq!(received(&client), many(100), "{parser:?}");
        assert!(here.is_empty() && there.is_empty());
    }
}

#[test]
fn what_cannot_be_encoded_is_an_error_and_the_connection_stays() {
    let nested = (0..100).fold(Value::Null, |inside, _| [inside].into());
    for parser in all_parsers() {
        let (server, client) = pair(&parser);
        let spark = server.spark();
        let here = errors(&spark);
        let values = match parser.name() {
            "binary" => vec![nested.clone(), Value::Binary(vec![]), f64::INFINITY.into()],
            "tagged" => vec![nested.clone(), "help!".into()],
            _ => vec![nested.clone()],
        };
        for value in
            values.iter().filter(|value| parser.encode(*value, &primus::parsers::NoPeer).is_err())
        {
            assert!(matches!(client.write(value), Err(Error::Parser(_))), "{parser:?} {value:?}");
            assert!(matches!(spark.write(value), Err(Error::Parser(_))), "{parser:?} {value:?}");
            expect_parser_error(&here, &parser, Step::Encode);
            assert!(matches!(server.primus.write(value), Err(Error::Parser(_))), "{parser:?}");
        }
        client.write("still there").unwrap();
        assert_eq!(received(&client), Value::from("still there"), "{parser:?}");
        assert!(here.is_empty());
    }
}

#[test]
fn broadcasts_and_frames() {
    for parser in all_parsers() {
        let (server, client) = pair(&parser);
        server.spark();
        server.primus.write(&("to", "all")).unwrap();
        assert_eq!(received(&client), Value::of(&("to", "all")).unwrap(), "{parser:?}");
        let frame = parser.encode("as it is", &primus::parsers::NoPeer).unwrap().unwrap();
        client.write_frame(&frame).unwrap();
        let message = client.recv_timeout(PATIENCE).unwrap();
        assert!(*message.frame() == frame && message.as_str() == Some("as it is"));
    }
}

#[test]
fn heartbeats_and_ends_go_through_the_parser() {
    for parser in all_parsers() {
        let builder = Primus::builder().parser(parser.clone());
        let server = Server::echo(builder.ping_interval(Duration::from_millis(1_000)));
        let client = client(&server, &parser);
        let spark = server.spark();
        let (tell, beats) = unbounded();
        spark.on_heartbeat(move |_| tell.send(()));
        for _ in 0..2 {
            beats.recv_timeout(PATIENCE).expect("a heartbeat");
        }
        client.write("alive").unwrap();
        assert_eq!(received(&client), Value::from("alive"));
        spark.end();
        let ended = client.recv_timeout(PATIENCE);
        assert!(matches!(ended, Err(Error::Ended(why)) if !why.may_reconnect), "{parser:?}");
    }
}

/// What a custom parser gives for nothing is not sent, and its own names are
/// seen from outside.
#[test]
fn a_custom_parser() {
    let parser = Parser::custom(Tagged);
    let (server, client) = pair(&parser);
    assert!(server.primus.spec().contains("\"parser\":\"tagged\""), "{}", server.primus.spec());
    client.write("").unwrap();
    client.write(&Bytes(vec![1, 2])).unwrap();
    assert_eq!(received(&client), Value::Binary(vec![1, 2]));
    let mut peer = Peer::open(server.addr);
    peer.text("shello");
    assert_eq!(peer.expect_text(), "shello");
}
