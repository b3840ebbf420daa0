//! Types of the application's own, both ways through every parser.

use std::collections::{BTreeMap, HashMap};

use primus::value::{Bytes, Date, RegExp};
use primus::{Frame, Parser, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{PEER, parsers};

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: u64,
    placed: Date,
    paid: Option<Date>,
    scan: Bytes,
    state: State,
    lines: Vec<Line>,
    tags: BTreeMap<String, i32>,
    by_number: HashMap<u32, bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    unit: (),
    initial: char,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum State {
    New,
    Sent(String),
    Range(i8, i16),
    Failed { code: i32, when: Date },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Line(String, f64);

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "type")]
enum Event {
    Move { x: f64, y: f64 },
    Stop { at: Date },
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(untagged)]
enum Loose {
    Number(u32),
    Text(String),
    Flags(Vec<bool>),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Flat {
    id: u32,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

fn both_ways<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    for parser in parsers() {
        let name = parser.name();
        let frame = parser.encode(value, PEER).unwrap().unwrap();
        parser.check(&frame, PEER).unwrap();
        let back: T =
            parser.decode_as(&frame, PEER).unwrap_or_else(|e| panic!("{name} {frame:?}: {e}"));
        assert_eq!(back, *value, "{name} {frame:?}");
        // Through the dynamic value it comes to the same.
        let dynamic = parser.decode(&frame, PEER).unwrap();
        assert_eq!(dynamic.parse::<T>().unwrap(), *value, "{name}");
        let by_value = parser.encode(&Value::of(value).unwrap(), PEER).unwrap().unwrap();
        let back: T = parser.decode_as(&by_value, PEER).unwrap();
        assert_eq!(back, *value, "{name}");
    }
}

fn order(state: State) -> Order {
    Order {
        order_id: 12_345_678_901,
        // Whole seconds: the English texts of `binary` have no more.
        placed: Date::from_ms(1_700_000_000_000.0),
        paid: None,
        scan: Bytes(vec![0, 1, 254, 255]),
        state,
        lines: vec![Line("a\u{2028}".into(), 1.0), Line(String::new(), -0.25)],
        tags: [("b".into(), -70_000), ("a".into(), 3)].into(),
        by_number: [(7, true), (4_000_000_000, false)].into(),
        note: None,
        unit: (),
        initial: 'é',
    }
}

#[test]
fn structs_and_enums() {
    let failed = State::Failed { code: -1, when: Date::from_ms(0.0) };
    for state in [State::New, State::Sent("x".into()), State::Range(-8, 300), failed] {
        both_ways(&order(state.clone()));
        both_ways(&state);
        both_ways(&Some(vec![state]));
    }
    both_ways(&Event::Move { x: 1.0, y: 0.5 });
    both_ways(&Event::Stop { at: Date::from_ms(5000.0) });
    both_ways(&(1u8, "two".to_owned(), [3i64, -4], Some(5.5f32), None::<u8>));
}

#[test]
fn numbers_keep_their_value() {
    both_ways(&vec![u64::MAX, 1 << 53, (1 << 53) + 1, 0, u64::from(u32::MAX)]);
    both_ways(&vec![i64::MIN, i64::MAX, -1, 1 << 40, -(1 << 40) - 1]);
    both_ways(&vec![0.1f32, -2.5, 16_777_216.0]);
    both_ways(&vec![0.1, 2f64.powi(40), -1e-9, 1.5e17]);
}

#[test]
fn shapes_that_are_guessed() {
    both_ways(&vec![Loose::Number(7), Loose::Text("x".into()), Loose::Flags(vec![true])]);
    let rest = [("when".into(), "x".into()), ("n".into(), Value::from(5_000_000_000u64))];
    both_ways(&Flat { id: 3, rest: rest.into() });
}

#[test]
fn javascript_makes_no_difference_between_whole_and_other_numbers() {
    for text in ["[1.0, 2e3, 3]", "[1, 2000.0, 30e-1]"] {
        let numbers: Vec<u16> = Parser::JSON.decode_as(&Frame::text(text), PEER).unwrap();
        assert_eq!(numbers, [1, 2000, 3]);
    }
    assert!(Parser::JSON.decode_as::<u16>(&Frame::text("1.5"), PEER).is_err());
    assert!(Parser::JSON.decode_as::<u8>(&Frame::text("256"), PEER).is_err());
}

#[test]
fn bytes_in_all_their_forms() {
    let json = r#"[{"type":"Buffer","data":[1,2]},{"0":1,"1":2},[1,2]]"#;
    let bytes: Vec<Bytes> = Parser::JSON.decode_as(&Frame::text(json), PEER).unwrap();
    assert_eq!(bytes, vec![Bytes(vec![1, 2]); 3]);
    let frame = Parser::EJSON.encode(&vec![Bytes(vec![1, 2])], PEER).unwrap().unwrap();
    let plain: Vec<Vec<u8>> = Parser::EJSON.decode_as(&frame, PEER).unwrap();
    assert_eq!(plain, [[1, 2]]);
    let raw: Bytes = Parser::JSON.decode_as(&Frame::binary([9, 8]), PEER).unwrap();
    assert_eq!(raw.0, [9, 8]);
}

#[test]
fn dates_in_fields_of_other_types() {
    let frame = Parser::EJSON.encode(&Date::from_ms(1234.0), PEER).unwrap().unwrap();
    assert_eq!(Parser::EJSON.decode_as::<i64>(&frame, PEER).unwrap(), 1234);
    assert_eq!(Parser::EJSON.decode_as::<f64>(&frame, PEER).unwrap(), 1234.0);
    let text: String = Parser::EJSON.decode_as(&frame, PEER).unwrap();
    assert_eq!(text, "1970-01-01T00:00:01.234Z");
    let json: serde_json::Value = Parser::EJSON.decode_as(&frame, PEER).unwrap();
    assert_eq!(json, "1970-01-01T00:00:01.234Z");
    let number: Date = Parser::JSON.decode_as(&Frame::text("1234"), PEER).unwrap();
    assert_eq!(number, Date::from_ms(1234.0));
    assert!(Parser::JSON.decode_as::<Date>(&Frame::text("\"soon\""), PEER).is_err());
    assert!(!Parser::JSON.decode_as::<Date>(&Frame::text("null"), PEER).unwrap().is_valid());
}

#[test]
fn undefined_is_left_out() {
    let value = Value::from([("a", Value::Undefined), ("b", 1.into()), ("c", Value::Undefined)]);
    for parser in [Parser::JSON, Parser::EJSON] {
        let text = |value: &Value| {
            parser.encode(value, PEER).unwrap().map(|frame| frame.as_text().unwrap().to_owned())
        };
        assert_eq!(text(&value).as_deref(), Some(r#"{"b":1}"#));
        assert_eq!(text(&Value::Undefined), None);
        assert_eq!(text(&[Value::Undefined].into()).as_deref(), Some("[null]"));
        assert_eq!(text(&[("a", Value::Undefined)].into()).as_deref(), Some("{}"));
        let nested = Value::from([("x", value.clone()), ("y", Value::Undefined), ("z", 2.into())]);
        assert_eq!(text(&nested).as_deref(), Some(r#"{"x":{"b":1},"z":2}"#));
    }
    #[derive(Serialize)]
    enum Wrapped {
        Inside(Value),
    }
    let frame = Parser::JSON.encode(&Wrapped::Inside(Value::Undefined), PEER).unwrap().unwrap();
    assert_eq!(frame.as_text(), Some("{}"));
}

#[test]
fn ejson_escapes_what_looks_like_a_wrapper() {
    let escaped = [
        (r#"{"$date":1}"#, r#"{"$escape":{"$date":1}}"#),
        (r#"{"a":{"$binary":"x"},"b":2}"#, r#"{"a":{"$escape":{"$binary":"x"}},"b":2}"#),
        (r#"{"$flags":"g","$regexp":1}"#, r#"{"$escape":{"$flags":"g","$regexp":1}}"#),
        (r#"{"$escape":{"$date":1}}"#, r#"{"$escape":{"$escape":{"$escape":{"$date":1}}}}"#),
        (r#"{"$date":1,"x":2}"#, r#"{"$date":1,"x":2}"#),
        (r#"{"$regexp":1}"#, r#"{"$regexp":1}"#),
        (r#"{"$dat":1}"#, r#"{"$dat":1}"#),
    ];
    for (json, ejson) in escaped {
        let value = Parser::JSON.decode(&Frame::text(json), PEER).unwrap();
        let frame = Parser::EJSON.encode(&value, PEER).unwrap().unwrap();
        assert_eq!(frame.as_text(), Some(ejson));
        assert_eq!(Parser::EJSON.decode(&frame, PEER).unwrap(), value);
        let typed: HashMap<String, Value> = Parser::EJSON.decode_as(&frame, PEER).unwrap();
        assert_eq!(typed.len(), value.as_object().unwrap().len());
    }
}

#[test]
fn ejson_unwraps() {
    let regexp = |source: &str, flags: &str| {
        Value::from(RegExp { source: source.into(), flags: flags.into() })
    };
    let cases = [
        (r#" { "$date" : 5 } "#, Date::from_ms(5.0).into()),
        (r#"{"\u0024date":5}"#, Date::from_ms(5.0).into()),
        (r#"{"$date":1,"$date":2}"#, Date::from_ms(2.0).into()),
        (r#"{"$date":{}}"#, Date::INVALID.into()),
        (r#"{"$date":"2020-01-01T00:00:00.000Z"}"#, Date::from_ms(1_577_836_800_000.0).into()),
        (r#"{"$flags":"gxgi","$regexp":"a/b"}"#, regexp("a/b", "gi")),
        (r#"{"$binary":""}"#, Value::Binary(vec![])),
        (r#"{"$InfNaN":-3}"#, f64::NEG_INFINITY.into()),
        (r#"{"$escape":{"a":{"$date":1}}}"#, [("a", Date::from_ms(1.0).into())].into()),
        (r#"{"$escape":{"$date":{"$date":1}}}"#, [("$date", Date::from_ms(1.0).into())].into()),
        (r#"{"$date":1,"$x":2}"#, [("$date", 1.into()), ("$x", 2.into())].into()),
    ];
    for (text, value) in cases {
        assert_eq!(Parser::EJSON.decode(&Frame::text(text), PEER).unwrap(), value, "{text}");
    }
}

#[test]
#[cfg(feature = "msgpack")]
fn lengths_that_are_not_known_before() {
    struct Endless(usize);
    impl Serialize for Endless {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            (0..self.0).try_for_each(|n| seq.serialize_element(&n))?;
            seq.end()
        }
    }
    for count in [0, 3, 15, 16, 70_000] {
        let frame = Parser::MSGPACK.encode(&(Endless(count), "end"), PEER).unwrap().unwrap();
        let (numbers, end): (Vec<usize>, String) = Parser::MSGPACK.decode_as(&frame, PEER).unwrap();
        assert_eq!((numbers.len(), end.as_str()), (count, "end"));
    }
}

#[derive(Deserialize, Debug, PartialEq)]
struct Named {
    a: u8,
    seven77: u8,
    eight888: u8,
    ninety_nine_and_more: u8,
    #[serde(rename = "q\"b\\")]
    odd: u8,
    é: u8,
}

#[test]
fn keys_are_found_however_they_are_written() {
    let keys = [
        ["a", r"\u0061"],
        ["seven77", r"seve\u006e77"],
        ["eight888", r"\u0065ight888"],
        ["ninety_nine_and_more", r"ninety_nine_and_mor\u0065"],
        [r#"q\"b\\"#, r"q\u0022b\u005c"],
        ["é", r"\u00e9"],
    ];
    let wanted = Named { a: 0, seven77: 1, eight888: 2, ninety_nine_and_more: 3, odd: 4, é: 5 };
    for spaces in ["", " ", "\t\r\n "] {
        for written in 0..2 {
            for first in 0..keys.len() {
                let entry = |at: usize| {
                    let at = (first + at) % keys.len();
                    format!("{spaces}\"{}\"{spaces}:{spaces}{at}{spaces}", keys[at][written])
                };
                let entries: Vec<String> = (0..keys.len()).map(entry).collect();
                let text = format!("{{{}}}", entries.join(","));
                let frame = Frame::text(text.as_str());
                Parser::JSON.check(&frame, PEER).unwrap();
                let named: Named = Parser::JSON.decode_as(&frame, PEER).unwrap();
                assert_eq!(named, wanted, "{text}");
                let map: HashMap<String, u8> = Parser::JSON.decode_as(&frame, PEER).unwrap();
                assert_eq!((map.len(), map["q\"b\\"], map["é"]), (6, 4, 5));
            }
        }
    }
    // What is no key to JSON is none to a struct that has it.
    for text in [r#"{"a":0,"q"b\":1}"#, r#"{"a":0,"seven77" 1}"#, r#"{"a":0,"a"#, r#"{"a":0,}"#] {
        let frame = Frame::text(format!("{text}                "));
        assert!(Parser::JSON.check(&frame, PEER).is_err(), "{text}");
        assert!(Parser::JSON.decode_as::<HashMap<String, u8>>(&frame, PEER).is_err(), "{text}");
    }
}
