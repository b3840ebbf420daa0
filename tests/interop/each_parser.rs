//! JavaScript clients with each of the parsers.
//!
//! What the JavaScript parsers make of a value that they have no place for is
//! written down in `driver/rich.js`. The faults among it, which are theirs:
//! `binary-pack` turns a date into its English text, refuses an empty `Buffer`,
//! infinities and whole numbers beyond 64 bits, and can't read whole numbers
//! beyond 32 bits, its own included, and is too slow for long arrays; `ejson` reads an invalid date as 1970.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use primus::value::{Bytes, Date, JsError, RegExp, TypedArray, TypedKind};
use primus::{Builder, Destroy, EndOptions, Error, Message, Parser, Primus, Spark, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::driver::{Driver, Kind, V8, need_node};
use crate::node::TEST_TIMEOUT;
use crate::server::Server;

/// On a real clock: a client that answered nothing would be ended within 600
/// milliseconds.
const INTERVAL: Duration = Duration::from_millis(300);

fn builder(parser: &str) -> Builder {
    Primus::builder().parser_name(parser)
}

fn driver(parser: &str) -> Driver {
    driver_of(V8, parser)
}

fn driver_of(kind: Kind, parser: &str) -> Driver {
    let mut node = Driver::start(kind);
    node.socket = json!({"parser": parser});
    node
}

/// Clients of both revisions of engine.io, by each way that it can take.
const ENGINES: [Kind; 6] = [
    Kind::engine("client-v8", "polling"),
    Kind::engine("client-v8", "websocket"),
    Kind::engine("client-v8", "upgrade"),
    Kind::engine("client-v7", "polling"),
    Kind::engine("client-v7", "websocket"),
    Kind::engine("client-v7", "upgrade"),
];

/// Makes a module of each test with one `#[test]` for each parser of the build.
macro_rules! for_each_parser {
    ($($(#[$attribute:meta])* fn $test:ident($parser:ident) $body:block)*) => {
        $(mod $test {
            use super::*;

            $(#[$attribute])*
            fn run($parser: &str) {
                need_node!();
                $body
            }

            #[test]
            fn json() {
                run("json");
            }

            #[test]
            fn ejson() {
                run("ejson");
            }

            #[test]
            fn binary() {
                run("binary");
            }

            #[test]
            #[cfg(feature = "msgpack")]
            fn msgpack() {
                run("msgpack");
            }
        })*
    };
}

/// The values are made and compared over there.
fn compare(parser: &str, server: &Server, of_struct: bool) {
    let _open = compare_at(V8, parser, &server.url(), of_struct);
    assert!(server.none_ended());
}

pub fn compare_at(kind: Kind, parser: &str, url: &str, of_struct: bool) -> Driver {
    let mut node = driver_of(kind, parser);
    node.quiet = true;
    let client = node.open(url);
    node.command(
        json!({"command": "rich", "client": client, "parser": parser, "struct": of_struct}),
    );
    let result = node.skip_to(client, "rich");
    assert_eq!(result["wrong"], json!([]));
    assert!(result["compared"].as_u64() > Some(if of_struct { 0 } else { 30 }), "{result}");
    node.upgraded(client);
    node
}

/// Of a client from its opening to its end.
pub fn life(kind: Kind, parser: &str) {
    let builder = || kind.builder().parser_name(parser);
    let server = Server::start(builder().ping_interval(INTERVAL));
    let mut node = driver_of(kind, parser);
    node.socket["pingInterval"] = json!(INTERVAL.as_millis() as u64);
    let client = node.open_with(&server.url(), &[json!("before open")]);
    node.expect(client, "open");
    assert_eq!(node.data(client), "before open");
    let spark = server.spark();
    assert_eq!(node.id(client), spark.id());
    for _ in 0..3 {
        node.expect(client, "incoming::ping");
    }
    node.write(client, "alive");
    assert_eq!(node.data(client), "alive");
    assert!(server.none_ended());
    node.upgraded(client);
    spark.end_options(EndOptions::default().reconnect(true));
    node.expect_all(client, &["close", "reconnect scheduled"]);
    node.skip_to(client, "open");
    let spark = server.spark();
    assert_eq!(node.id(client), spark.id());
    // While it polls it may be between two polls, and find nobody.
    node.upgraded(client);
    server.primus.destroy(Destroy::default().reconnect(true));
    // A client that was about to poll again has an error to tell of first.
    node.skip_to(client, "close");
    node.expect(client, "reconnect scheduled");
    let server = Server::restart(builder(), server.address());
    node.skip_to(client, "open");
    server.spark().end();
    node.expect_all(client, &["close", "end"]);
}

/// See `record` in `driver/rich.js`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    when: Date,
    data: Bytes,
    ratio: f64,
    count: u32,
    name: String,
    // In the order of the other side.
    tags: Tags,
    note: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Tags {
    b: Vec<i8>,
    a: Vec<i8>,
}

fn through_a_struct(spark: &Spark, message: &Message) -> primus::Result<()> {
    spark.write(&message.parse::<Record>()?).map(drop)
}

fn rich_value() -> Value {
    Value::from([
        ("when", Date::from_ms(1_700_000_000_123.0).into()),
        ("data", Value::Binary(vec![0, 127, 255])),
        ("text", "é\u{2028}😀".into()),
        ("numbers", [0.into(), Value::from(-0.5), 4_294_967_295_u32.into()].into()),
        ("none", Value::Null),
        ("yes", true.into()),
        ("empty", [Value::Array(vec![]), Value::Object(vec![]), "".into()].into()),
    ])
}

/// `rich_value`, as Node.js shows it.
fn rich_shown(parser: &str) -> String {
    let iso = "2023-11-14T22:13:20.123Z";
    let (when, data) = match parser {
        "json" => (format!("'{iso}'"), "{ type: 'Buffer', data: [ 0, 127, 255 ] }"),
        "ejson" => (iso.to_owned(), "Uint8Array(3) [ 0, 127, 255 ]"),
        "binary" => (
            "'Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)'".to_owned(),
            "<Buffer 00 7f ff>",
        ),
        _ => (iso.to_owned(), "<Buffer 00 7f ff>"),
    };
    let rest = "text: 'é\u{2028}😀', numbers: [ 0, -0.5, 4294967295 ], none: null, yes: true, \
                empty: [ [], {}, '' ]";
    format!("{{ when: {when}, data: {data}, {rest} }}")
}

/// What the spark reports as errors.
fn errors(spark: &Spark) -> Receiver<(String, String)> {
    let (tell, told) = mpsc::channel();
    spark.on_error(move |_, error| {
        let parser = match error {
            Error::Parser(error) => error.parser.clone(),
            _ => "no parser".to_owned(),
        };
        let _ = tell.send((parser, error.to_string()));
    });
    told
}

/// Frames that are no messages: the other kind, garbage, and one cut short.
fn undecodable(parser: &str) -> Vec<serde_json::Value> {
    let text = |text: &str| json!({"text": text});
    let hex = |hex: &str| json!({"hex": hex});
    match parser {
        "json" => vec![text("{]"), text("[1,"), text("")],
        "ejson" => vec![
            hex("31"),
            hex(""),
            text("{]"),
            text("[{\"$date\":1}"),
            text("{\"$binary\":\"?\"}"),
        ],
        "binary" => vec![text("1"), hex("9301"), hex("d8ffff41"), hex("ddffffffff")],
        _ => vec![text("1"), hex("c1"), hex("9301"), hex("ddffffffff"), hex("c7090d")],
    }
}

for_each_parser! {
    fn frames_are_relayed(parser) {
        compare(parser, &Server::start(builder(parser)), false);
    }

    fn values_pass_through_the_dynamic_value(parser) {
        compare(parser, &Server::start_decoding(builder(parser)), false);
    }

    fn values_pass_through_a_struct(parser) {
        compare(parser, &Server::answering(builder(parser), through_a_struct), true);
    }

    fn values_made_here_arrive_as_what_they_are(parser) {
        let server = Server::start(builder(parser));
        let mut node = driver(parser);
        node.inspects = true;
        let client = node.open(&server.url());
        let spark = server.spark();
        spark.write(&rich_value()).unwrap();
        assert_eq!(node.data(client), rich_shown(parser));
        let long: Vec<u32> = (0..70_000).collect();
        spark.write(&long).unwrap();
        assert!(node.data(client).as_str().unwrap().ends_with(", ... 69900 more items ]"));
        // What is broadcast is encoded apart from any spark.
        server.primus.write(&rich_value()).unwrap();
        assert_eq!(node.data(client), rich_shown(parser));
    }

    fn clients_are_told_their_id_live_and_come_back(parser) {
        life(V8, parser);
    }

    /// It carries bytes as text where Primus is at its other end.
    fn frames_are_relayed_over_engine_io(parser) {
        for kind in ENGINES {
            let server = kind.example(&["--parser", parser]);
            compare_at(kind, parser, &server.url, false);
        }
    }

    fn values_pass_through_engine_io(parser) {
        for kind in [ENGINES[2], ENGINES[3]] {
            let server = Server::start_decoding(kind.builder().parser_name(parser));
            let _open = compare_at(kind, parser, &server.url(), false);
            assert!(server.none_ended());
        }
    }

    fn clients_live_over_engine_io(parser) {
        for kind in [ENGINES[0], ENGINES[5]] {
            life(kind, parser);
        }
    }

    fn ended_by_the_client(parser) {
        let server = Server::start(builder(parser));
        let mut node = driver(parser);
        let client = node.open(&server.url());
        node.command(json!({"command": "end", "client": client, "value": {"last": "words"}}));
        node.expect_all(client, &["close", "end"]);
        let (spark, _) = server.ended();
        assert_eq!(spark.id(), server.spark().id());
    }

    fn what_is_no_message_is_an_error_and_the_connection_stays(parser) {
        let server = Server::start(builder(parser));
        let mut node = driver(parser);
        let client = node.open(&server.url());
        let told = errors(&server.spark());
        for mut frame in undecodable(parser) {
            frame["command"] = json!("frame");
            frame["client"] = json!(client);
            node.command(frame.clone());
            let (culprit, text) = told.recv_timeout(TEST_TIMEOUT).expect("an error");
            assert_eq!(culprit, parser, "{frame}");
            assert!(text.starts_with(&format!("{parser} parser failed to decode")), "{text}");
            node.write(client, "still there");
            assert_eq!(node.data(client), "still there");
        }
        assert!(told.try_recv().is_err());
        assert!(server.none_ended());
    }
}

/// As the JavaScript server: its `json` parser lets pass what is no text.
#[test]
fn json_takes_a_binary_frame_for_bytes() {
    need_node!();
    let server = Server::answering(builder("json"), |spark, message| {
        spark.write(&format!("{:?}", message.value())).map(drop)
    });
    let mut node = driver("json");
    let client = node.open(&server.url());
    node.command(json!({"command": "frame", "client": client, "hex": "00ff"}));
    assert_eq!(node.data(client), format!("{:?}", Value::Binary(vec![0, 255])));
    // What such a client sends for `undefined`.
    node.command(json!({"command": "write", "client": client}));
    assert_eq!(node.data(client), format!("{:?}", Value::Binary(vec![])));
    server.spark().write_frame(&primus::Frame::binary([0, 255])).unwrap();
    assert_eq!(node.data(client), json!({"type": "Buffer", "data": [0, 255]}));
}

/// What only some parsers have a place for.
#[test]
fn special_values_made_here() {
    need_node!();
    let special = Value::from([
        Date::INVALID.into(),
        f64::NAN.into(),
        f64::NEG_INFINITY.into(),
        RegExp { source: "a".into(), flags: "g".into() }.into(),
        TypedArray { kind: TypedKind::Int16, bytes: vec![1, 0, 254, 255] }.into(),
        Value::Binary(vec![]),
        Value::from(9_007_199_254_740_991_u64),
    ]);
    let last = "9007199254740991";
    let shown = BTreeMap::from([
        ("json", "null, null, null, {}, { '0': 1, '1': -2 }, { type: 'Buffer', data: [] }"),
        (
            "ejson",
            "1970-01-01T00:00:00.000Z, NaN, -Infinity, /a/g, { '0': 1, '1': -2 }, Uint8Array(0) []",
        ),
        ("msgpack", "Invalid Date, NaN, -Infinity, /a/g, Int16Array(2) [ 1, -2 ], <Buffer >"),
    ]);
    for (parser, shown) in shown.into_iter().filter(|(name, _)| name.parse::<Parser>().is_ok()) {
        let server = Server::start(builder(parser));
        let mut node = driver(parser);
        node.inspects = true;
        let client = node.open(&server.url());
        server.spark().write(&special).unwrap();
        assert_eq!(node.data(client), format!("[ {shown}, {last} ]"), "{parser}");
    }
}

/// `binary` refuses to write what its other end could not read, but for large
/// whole numbers, which Rust's end can.
#[test]
fn what_binary_has_no_place_for() {
    need_node!();
    let server = Server::start(builder("binary"));
    let mut node = driver("binary");
    let client = node.open(&server.url());
    let spark = server.spark();
    let told = errors(&spark);
    let regexp = RegExp { source: "a".into(), flags: String::new() };
    let error = JsError { name: "Error".into(), ..JsError::default() };
    let typed = TypedArray { kind: TypedKind::Uint8, bytes: vec![1] };
    for value in [
        Value::Binary(vec![]),
        f64::INFINITY.into(),
        1e300.into(),
        regexp.into(),
        error.into(),
        typed.into(),
    ] {
        assert!(matches!(spark.write(&value), Err(Error::Parser(_))), "{value:?}");
        let (culprit, text) = told.recv_timeout(TEST_TIMEOUT).expect("an error");
        assert!(culprit == "binary" && text.contains("failed to encode"), "{text}");
    }
    spark.write(&(1_u64 << 33)).unwrap();
    assert_eq!(node.expect(client, "error"), "Maximum call stack size exceeded");
    node.write(client, "still there");
    assert_eq!(node.data(client), "still there");
}
