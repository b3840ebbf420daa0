//! `tests/vectors/parsers/*.json`: what the real encoders made of JavaScript
//! values, and what the real decoders returned.
//!
//! Three lists below name the few entries that are not compared as they stand,
//! and why; everything else is.

use primus::value::{Date, Ext, JsError, RegExp, TypedArray, TypedKind};
use primus::{Frame, Parser, Value};
use serde_json::Value as Json;

use crate::PEER;

/// (parser or `*`, label): values that Rust does not have, so nothing can be
/// encoded. What JavaScript made of them is still decoded.
const NOT_RUST: &[(&str, &str)] = &[
    // No such types.
    ("*", "function"),
    ("*", "symbol"),
    ("*", "BigInt 1n"),
    ("*", "circular"),
    ("*", "Map"),
    ("*", "Set"),
    // Methods and boxes are JavaScript's own.
    ("json", "class with toJSON"),
    ("binary", "class with toJSON"),
    ("*", "Number object"),
    ("*", "String object"),
    ("*", "Boolean object"),
    // An error because of the function in it.
    ("binary", "[null,undefined,fn]"),
    ("binary", "{u:undefined,f:fn,n:null}"),
    // Strings hold no lone surrogates.
    ("json", "lone high surrogate"),
    ("json", "lone low surrogate"),
    ("ejson", "lone high surrogate"),
    ("ejson", "lone low surrogate"),
    // Its stack text is of one machine, so the recording has only a head.
    ("msgpack", "Error(\"x\")"),
];

/// Labels of boxed values: in Rust the same as what is in them.
const BOXED: &[(&str, &str)] =
    &[("Number object", "5"), ("String object", "\"s\""), ("Boolean object", "true")];

/// Hexadecimal inputs of `binary` that the JavaScript decoder misreads: it has
/// an endless recursion at D3 and NaN at CF. Here they are the numbers they are.
const MISREAD: &[(&str, f64)] =
    &[("cf0000000100000000", 4294967296.0), ("d3ffffffffffffffff", -1.0)];

fn load(name: &str) -> Json {
    let path = format!("{}/tests/vectors/parsers/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let ejson = Frame::text(format!("{{\"$binary\":{text:?}}}"));
    Parser::EJSON.decode(&ejson, PEER).unwrap().as_bytes().unwrap().to_vec()
}

fn number(text: &str) -> f64 {
    match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        text => text.parse().unwrap(),
    }
}

fn string(tagged: &Json) -> String {
    if let Some(units) = tagged["utf16"].as_array() {
        let units: Vec<u16> = units.iter().map(|unit| unit.as_u64().unwrap() as u16).collect();
        return String::from_utf16_lossy(&units);
    }
    match tagged["len_utf16"].as_u64() {
        Some(len) => "x".repeat(len as usize),
        None => tagged["v"].as_str().unwrap().to_owned(),
    }
}

fn bytes(tagged: &Json) -> Value {
    let bytes = match tagged["hex"].as_str() {
        Some(text) => hex(text),
        None => vec![7; tagged["len"].as_u64().unwrap() as usize],
    };
    let kind = match tagged["class"].as_str().unwrap() {
        "Buffer" => return bytes.into(),
        "Uint8Array" => TypedKind::Uint8,
        "ArrayBuffer" => TypedKind::ArrayBuffer,
        "Int16Array" => TypedKind::Int16,
        "Float32Array" => TypedKind::Float32,
        other => panic!("{other}"),
    };
    TypedArray { kind, bytes }.into()
}

/// A tagged value as ours.
fn value(tagged: &Json) -> Value {
    match tagged["t"].as_str().unwrap() {
        "null" => Value::Null,
        "undefined" | "hole" | "function" => Value::Undefined,
        "bool" => tagged["v"].as_bool().into(),
        "num" => number(tagged["v"].as_str().unwrap()).into(),
        "str" => string(tagged).into(),
        "date" => Date::from_ms(tagged["ms"].as_f64().unwrap_or(f64::NAN)).into(),
        "bytes" => bytes(tagged),
        "arr" => match tagged["v"].as_array() {
            Some(elements) => elements.iter().map(value).collect(),
            None => vec![Value::from(7); tagged["len"].as_u64().unwrap() as usize].into(),
        },
        "obj" => {
            let entries = tagged["v"].as_array().unwrap().iter();
            entries.map(|pair| (pair[0].as_str().unwrap(), value(&pair[1]))).collect()
        }
        "regexp" => {
            let text = tagged["v"].as_str().unwrap();
            let (source, flags) = text[1..].rsplit_once('/').unwrap();
            RegExp { source: source.into(), flags: flags.into() }.into()
        }
        "error" => {
            let message = tagged["v"].as_str().unwrap().into();
            JsError { name: "Error".into(), message, ..JsError::default() }.into()
        }
        other => panic!("{other}"),
    }
}

/// Compares what we decoded with what JavaScript did. Whether bytes came as a
/// `Buffer` or a `Uint8Array` shows only under `msgpack`.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64(), b.as_f64());
            a == b && a.is_sign_negative() == b.is_sign_negative() || a.is_nan() && b.is_nan()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((ka, va), (kb, vb))| ka == kb && same(va, vb))
        }
        (Value::Ext(ext), Value::Object(_)) => {
            let Ext { kind, data } = &**ext;
            theirs["type"] == Value::from(*kind) && theirs["buffer"].as_bytes() == Some(data)
        }
        (Value::Error(a), Value::Error(b)) => a.message == b.message,
        (Value::Binary(bytes), Value::Typed(_)) => theirs.as_bytes() == Some(bytes),
        _ => ours == theirs,
    }
}

fn listed(list: &[(&str, &str)], parser: &str, label: &str) -> bool {
    list.iter().any(|(name, entry)| (*name == "*" || *name == parser) && *entry == label)
}

/// The frame that JavaScript sent, if the recording has all of it.
fn recorded(entry: &Json) -> Option<Frame> {
    let bytes = entry["wire"].as_str().or(entry["encoded"].as_str()).map(base64)?;
    Some(match entry["frame"].as_str().unwrap() {
        "text" => Frame::text(String::from_utf8(bytes).unwrap()),
        _ => Frame::binary(bytes),
    })
}

fn encodes(parser: &Parser, entry: &Json, label: &str) {
    let value = value(&entry["value"]);
    let frame = parser.encode(&value, PEER);
    if entry["encode_error"].is_string() {
        assert!(frame.is_err(), "{label}: {frame:?}");
        return;
    }
    let frame = frame.unwrap_or_else(|error| panic!("{label}: {error}"));
    if let Some(wanted) = recorded(entry) {
        assert_eq!(frame.as_ref(), Some(&wanted), "{label}");
    } else if let Some(len) = entry["encoded_len"].as_u64() {
        let frame = frame.unwrap();
        assert_eq!(frame.len() as u64, len, "{label}");
        let head = base64(entry["encoded_head"].as_str().unwrap());
        assert!(frame.as_bytes().starts_with(&head), "{label}");
        let text = frame.as_bytes()[head.len()..].iter().filter(|byte| **byte == b'x').count();
        assert!(text as u64 >= len - head.len() as u64 - 1, "{label}");
    } else {
        assert_eq!(frame, None, "{label}");
    }
}

fn decodes(parser: &Parser, entry: &Json, label: &str) {
    let Some(frame) = recorded(entry) else { return };
    let decoded = parser.decode(&frame, PEER).unwrap_or_else(|error| panic!("{label}: {error}"));
    parser.check(&frame, PEER).unwrap();
    let boxed = BOXED.iter().find(|(boxed, _)| *boxed == label);
    if let (Some((_, text)), "msgpack") = (boxed, parser.name()) {
        assert_eq!(decoded.to_string(), *text);
        return;
    }
    // What JavaScript cannot read of its own is in the value that was encoded.
    let theirs = match entry["decoded"].is_object() {
        true => value(&entry["decoded"]),
        false if label == "9223372036854776000" => Value::from(i64::MIN),
        false => value(&entry["value"]),
    };
    assert!(same(&decoded, &theirs), "{label}: {decoded:?}, not {theirs:?}");
}

fn input(entry: &Json) -> Option<Frame> {
    let input = &entry["input"];
    if let Some(text) = input["text"].as_str() {
        return Some(Frame::text(text));
    }
    let bytes = input["hex"].as_str().or(input["ArrayBuffer_hex"].as_str());
    // Only bytes can come over a wire; an object or number can't.
    let bytes = bytes.or(entry["decoded"]["hex"].as_str().filter(|_| entry["note"].is_string()));
    bytes.map(|text| Frame::binary(hex(text)))
}

fn decodes_input(parser: &Parser, entry: &Json) {
    let Some(frame) = input(entry) else { return };
    let label = entry["input"].to_string();
    let decoded = parser.decode(&frame, PEER);
    assert_eq!(decoded.is_ok(), parser.check(&frame, PEER).is_ok(), "{label}");
    let misread = MISREAD.iter().find(|(bytes, _)| entry["input"]["hex"] == *bytes);
    if let (Some((_, number)), "binary") = (misread, parser.name()) {
        assert_eq!(decoded.unwrap(), Value::from(*number));
    } else if entry["decode_error"].is_string() {
        assert!(decoded.is_err(), "{label}: {decoded:?}");
    } else {
        let decoded = decoded.unwrap_or_else(|error| panic!("{label}: {error}"));
        let theirs = value(&entry["decoded"]);
        assert!(same(&decoded, &theirs), "{label}: {decoded:?}, not {theirs:?}");
    }
}

fn run(name: &str) {
    let Ok(parser) = name.parse::<Parser>() else { return };
    let vectors = load(name);
    let (encode, decode) = (&vectors["encode"], &vectors["decode"]);
    for entry in encode.as_array().unwrap() {
        let label = entry["label"].as_str().unwrap();
        if !listed(NOT_RUST, name, label) {
            encodes(&parser, entry, label);
        }
        decodes(&parser, entry, label);
    }
    for entry in decode.as_array().unwrap() {
        decodes_input(&parser, entry);
    }
    assert_eq!(encode.as_array().unwrap().len(), 142);
    assert!(decode.as_array().unwrap().len() >= 14);
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
fn msgpack() {
    run("msgpack");
}

#[test]
#[cfg(feature = "msgpack")]
fn errors_travel_by_msgpack() {
    let error = JsError { name: "TypeError".into(), message: "m".into(), stack: "at x".into() };
    let value = Value::from(error.clone());
    let frame = Parser::MSGPACK.encode(&value, PEER).unwrap().unwrap();
    assert_eq!(frame.as_bytes()[..5], [0xC7, frame.len() as u8 - 3, 0x05, 0x86, 0xA4]);
    assert_eq!(Parser::MSGPACK.decode(&frame, PEER).unwrap(), value);
}
