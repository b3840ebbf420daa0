//! Values lose nothing on their way.

use fastrand::Rng;

use crate::plugins::cluster::carried::{self, count, write};
use crate::value::{Date, Ext, JsError, MAX_DEPTH, RegExp, TypedArray, TypedKind, Value};

fn read(text: &[u8]) -> Option<Value> {
    carried::read(text, usize::MAX)
}

fn text(value: &Value) -> String {
    let mut out = Vec::new();
    write(&mut out, value);
    String::from_utf8(out).unwrap()
}

/// Compared by what is shown, for which NaN is NaN and 1.0 is not 1.
#[track_caller]
fn there_and_back(value: &Value) {
    let text = text(value);
    let back = read(text.as_bytes()).unwrap_or_else(|| panic!("{text} is not read"));
    assert_eq!(format!("{value:?}"), format!("{back:?}"), "{text}");
    // As many values as there are may be read, and no fewer.
    let values = count(value);
    assert!(carried::read(text.as_bytes(), values).is_some(), "{text}: {values}");
    assert!(values == 0 || carried::read(text.as_bytes(), values - 1).is_none(), "{text}");
}

fn words(rng: &mut Rng) -> String {
    let letters = ["a", "$", "$$", "\"", "\\", "\n", "\0", "é", "\u{2028}", "😀", "b", "u", "0"];
    (0..rng.usize(0..5)).map(|_| letters[rng.usize(0..letters.len())]).collect()
}

fn bytes(rng: &mut Rng) -> Vec<u8> {
    (0..rng.usize(0..9)).map(|_| rng.u8(..)).collect()
}

fn number(rng: &mut Rng) -> Value {
    match rng.u8(0..8) {
        0 => Value::from(rng.i64(..)),
        1 => Value::from(rng.u64(..)),
        2 => Value::from(f64::from_bits(rng.u64(..))),
        3 => Value::from(f64::from(rng.i32(-3..3))),
        4 => Value::from(rng.i32(-3..3)),
        5 => Value::from(f64::INFINITY),
        6 => Value::from(-0.0),
        _ => Value::from(1e300 * rng.f64()),
    }
}

pub(super) fn random(rng: &mut Rng, depth: usize) -> Value {
    let kinds = [TypedKind::Int8, TypedKind::Uint8Clamped, TypedKind::Float64, TypedKind::DataView];
    match rng.u8(0..if depth == 0 { 11 } else { 15 }) {
        0 => Value::Null,
        1 => Value::Undefined,
        2 => Value::Bool(rng.bool()),
        3 | 4 => number(rng),
        5 => Value::String(words(rng)),
        6 => Value::Binary(bytes(rng)),
        7 => Value::Date(Date::from_ms(
            rng.i64(-9_000_000_000_000_000..9_000_000_000_000_000) as f64
        )),
        8 => Value::RegExp(Box::new(RegExp { source: words(rng), flags: words(rng) })),
        9 => {
            let (name, message, stack) = (words(rng), words(rng), words(rng));
            Value::Error(Box::new(JsError { name, message, stack }))
        }
        10 if rng.bool() => Value::Ext(Box::new(Ext { kind: rng.u8(..), data: bytes(rng) })),
        10 => {
            let kind = kinds[rng.usize(0..kinds.len())];
            Value::Typed(Box::new(TypedArray { kind, bytes: bytes(rng) }))
        }
        11 | 12 => Value::Array((0..rng.usize(0..4)).map(|_| random(rng, depth - 1)).collect()),
        _ => {
            let entries = (0..rng.usize(0..4)).map(|_| (words(rng), random(rng, depth - 1)));
            Value::Object(entries.collect())
        }
    }
}

#[test]
fn whatever_there_is_comes_back_as_it_was() {
    let mut rng = Rng::with_seed(7);
    for _ in 0..20_000 {
        there_and_back(&random(&mut rng, 4));
    }
}

#[test]
fn the_text_is_what_the_table_says() {
    let cases = [
        (Value::Undefined, r#"{"$u":0}"#),
        (f64::NAN.into(), r#"{"$n":"NaN"}"#),
        (f64::NEG_INFINITY.into(), r#"{"$n":"-Infinity"}"#),
        (Value::Binary(vec![1, 2]), r#"{"$b":"AQI="}"#),
        (Date::from_ms(5.0).into(), r#"{"$d":5}"#),
        (Date::INVALID.into(), r#"{"$d":null}"#),
        (Value::from([("$a", Value::from(1)), ("b", 1.0.into())]), r#"{"$$a":1,"b":1.0}"#),
        (Value::from([("", Value::Null), ("$", true.into())]), r#"{"":null,"$$":true}"#),
        (u64::MAX.into(), "18446744073709551615"),
        (Value::Array(vec!["x".into(), i64::MIN.into()]), r#"["x",-9223372036854775808]"#),
    ];
    for (value, expected) in cases {
        assert_eq!(text(&value), expected);
        there_and_back(&value);
    }
}

#[test]
fn as_deep_as_messages_are() {
    let innermost = TypedArray { kind: TypedKind::Int8, bytes: vec![1] };
    let mut value = Value::Typed(Box::new(innermost));
    for depth in 0..MAX_DEPTH {
        value = match depth % 2 {
            0 => Value::Array(vec![value]),
            _ => Value::from([("$x", value)]),
        };
    }
    there_and_back(&value);
}

#[test]
fn what_is_no_value_is_not_read() {
    let wrong = [
        "",
        "{",
        "nul",
        r#"{"$b":"A"}"#,
        r#"{"$b":1}"#,
        r#"{"$b":"","x":1}"#,
        r#"{"x":1,"$b":""}"#,
        r#"{"$n":"1"}"#,
        r#"{"$d":"1"}"#,
        r#"{"$r":["a"]}"#,
        r#"{"$r":["a","b","c"]}"#,
        r#"{"$e":["a","b",3]}"#,
        r#"{"$t":["Int9",""]}"#,
        r#"{"$t":["Int8"]}"#,
        r#"{"$x":[256,""]}"#,
        r#"{"$x":[1.5,""]}"#,
        r#"{"$z":1}"#,
        r#"{"$":1}"#,
        r#"{"$u":{"$u":0}}"#,
        "[1] 2",
        "1e999",
    ];
    for text in wrong {
        assert!(read(text.as_bytes()).is_none(), "{text}");
    }
    assert!(read(&[b'[', 0xff, b']']).is_none());
    assert!(read("[".repeat(1 << 20).as_bytes()).is_none());
    assert!(read(r#"{"a":"#.repeat(1 << 18).as_bytes()).is_none());
}
