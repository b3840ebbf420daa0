//! Every parser, there and back.

use primus::value::{Bytes, Date, RegExp, TypedArray, TypedKind};
use serde::{Deserialize, Serialize};

use super::*;

#[test]
fn other_parsers() {
    for parser in parsers() {
        let args = ["--parser", parser, "--ping-interval", "200"];
        let Some(node) = Node::start(&args) else { return };
        let client = node.client().discover().unwrap().connect().unwrap();
        echoed(&client, &json(r#"{"a":["b",1,null]}"#));
        echoed(&client, &Value::from("a string"));
        assert!(!client.id(SOON).unwrap().is_empty());
        // Long enough to be killed for a pong that is not understood.
        crate::common::nothing_for(Duration::from_millis(600));
        echoed(&client, &Value::from("alive"));
        client.write("close").unwrap();
        assert!(matches!(client.recv(), Err(Error::Ended(why)) if !why.may_reconnect), "{parser}");
    }
}

/// A value, and what comes back of it where that is something else.
type Case = (Value, &'static [(&'static str, fn(Value) -> Value)]);

/// What every parser of both sides carries.
fn common() -> Vec<Value> {
    let numbers = [0.1, -0.5, 1e-7, 5e-324, -1.5e-300, 123_456_789.125];
    let whole = [0, 1, -1, -32, -33, 127, 128, -128, -129, 255, 256, -32_769, 65_535, 65_536];
    let wide = [i64::from(i32::MAX), i64::from(i32::MIN), 1 << 31, i64::from(u32::MAX)];
    let nested = (0..60).fold(Value::from("deep"), |inside, _| [inside].into());
    let lengths = [0, 1, 15, 16, 31, 32, 255, 256].map(|n| Value::from("x".repeat(n)));
    vec![
        numbers.map(Value::from).into(),
        whole.map(Value::from).into(),
        wide.map(Value::from).into(),
        nested,
        lengths.into(),
        "a\u{2028}b\u{2029}c\u{feff} 😀𝒳 \"\\/\u{0}\u{1f}".into(),
        "é".repeat(50 << 10).into(),
        [Value::Null, true.into(), false.into()].into(),
        [Value::Array(vec![]), Value::Object(vec![]), "".into()].into(),
        (0..2000).map(Value::from).collect(),
        [("z", 1.into()), ("a", [("😀", Value::Null)].into()), ("é\u{2028}", "".into())].into(),
    ]
}

fn iso(_: Value) -> Value {
    "2023-11-14T22:13:20.123Z".into()
}

fn english(_: Value) -> Value {
    "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)".into()
}

/// What `JSON.stringify` makes of a `Buffer`.
fn buffer(value: Value) -> Value {
    let bytes = value.as_bytes().unwrap();
    let data: Value = bytes.iter().map(|byte| Value::from(*byte)).collect();
    Value::from([("type", "Buffer".into()), ("data", data)])
}

/// What it makes of the typed array below.
fn elements(_: Value) -> Value {
    Value::from([("0", 1.into()), ("1", Value::from(-2))])
}

fn null(_: Value) -> Value {
    Value::Null
}

/// What not all of them do.
fn special() -> Vec<Case> {
    let date = Value::from(Date::from_ms(1_700_000_000_123.0));
    let bytes: Vec<u8> = (0..=255).collect();
    vec![
        (date, &[("json", iso), ("binary", english)]),
        (Value::Binary(bytes), &[("json", buffer)]),
        (Value::Binary(vec![7; 70_000]), &[("json", buffer)]),
        (Value::Binary(vec![9]), &[("json", buffer)]),
        // The JavaScript side can't tell it from one in 1970.
        (
            Date::INVALID.into(),
            &[
                ("json", null),
                ("ejson", |_| Date::from_ms(0.0).into()),
                ("binary", |_| "Invalid Date".into()),
            ],
        ),
        (Value::Undefined, &[("binary", null), ("msgpack", null)]),
    ]
}

/// What `binary` has no place for, or its JavaScript side does not read.
fn not_for_binary() -> Vec<Case> {
    let typed = TypedArray { kind: TypedKind::Int16, bytes: vec![1, 0, 254, 255] };
    vec![
        (Value::Binary(vec![]), &[("json", buffer)]),
        (f64::INFINITY.into(), &[("json", null)]),
        ([Value::from(2f64.powi(70)), Value::from(-1e300)].into(), &[]),
        (9_007_199_254_740_991_u64.into(), &[]),
        (Value::from(-9_007_199_254_740_991_i64), &[]),
        (
            RegExp { source: "a.b".into(), flags: "gi".into() }.into(),
            &[("json", |_| Value::Object(vec![]))],
        ),
        (typed.into(), &[("json", elements), ("ejson", elements)]),
        ((0..70_000).map(Value::from).collect(), &[]),
    ]
}

/// Nothing is sent for `undefined` by the parsers that have no word for it.
fn is_sent(parser: &str, value: &Value) -> bool {
    !(matches!(value, Value::Undefined) && matches!(parser, "json" | "ejson"))
}

#[test]
fn rich_values_with_every_parser() {
    for parser in parsers() {
        let Some(node) = Node::start(&["--parser", parser]) else { return };
        let client = node.client().parser_name(parser).connect().unwrap();
        let mut cases: Vec<Case> = common().into_iter().map(|value| (value, &[][..])).collect();
        cases.extend(special());
        cases.extend(not_for_binary().into_iter().filter(|_| parser != "binary"));
        for (value, changes) in cases {
            client.write(&value).unwrap();
            if is_sent(parser, &value) {
                let change = changes.iter().find(|(name, _)| *name == parser);
                let expected = change.map_or(value.clone(), |(_, change)| change(value));
                let message = client.recv_timeout(SOON).unwrap();
                assert!(*message.value() == expected, "{parser}: {message:?}, not {expected:?}");
            }
        }
        client.end();
    }
}

#[test]
fn structs_with_every_parser() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: u32,
        placed: Date,
        scan: Bytes,
        lines: Vec<(String, f64)>,
        note: Option<String>,
    }
    for parser in parsers() {
        let Some(node) = Node::start(&["--parser", parser]) else { return };
        let client = node.client().parser_name(parser).connect().unwrap();
        let order = Order {
            id: u32::MAX,
            // Whole seconds: the English texts of `binary` have no more.
            placed: Date::from_ms(1_700_000_000_000.0),
            scan: Bytes(vec![0, 255, 128]),
            lines: vec![("é😀\u{2029}".into(), -0.25), (String::new(), 3.0)],
            note: None,
        };
        client.write(&order).unwrap();
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<Order>().unwrap(), order, "{parser}");
    }
}

/// Faults of the JavaScript `binary-pack`: what this side reads, it does not,
/// and what it can't read it drops.
#[test]
fn what_binary_pack_cannot() {
    let Some(node) = Node::start(&["--parser", "binary"]) else { return };
    let client = node.client().parser_name("binary").connect().unwrap();
    for value in [f64::INFINITY.into(), 1e300.into(), Value::Binary(vec![])] {
        assert!(matches!(client.write(&value), Err(Error::Parser(_))), "{value:?}");
    }
    client.write(&(1_u64 << 33)).unwrap();
    echoed(&client, &Value::from("after it"));
}
