//! Bad input at random: nothing panics, and what is read comes back as it was.

use fastrand::Rng;
use primus::value::{Date, Number};
use primus::{Frame, Parser, Value};

use crate::PEER;
use crate::bad_input::{frame, rich};

/// Random and mutated inputs for each parser.
const INPUTS: usize = 200_000;

/// What the value is after it has been sent once more by the parser.
fn returned(parser: &str, value: &Value) -> Value {
    match value {
        Value::Number(number) if parser == "json" && !number.as_f64().is_finite() => Value::Null,
        Value::Undefined => Value::Null,
        Value::Date(date) if parser == "ejson" && !date.is_valid() => Date::from_ms(0.0).into(),
        Value::Array(elements) => elements.iter().map(|value| returned(parser, value)).collect(),
        Value::Object(entries) => {
            let mut entries: Vec<(String, Value)> =
                entries.iter().map(|(key, value)| (key.clone(), returned(parser, value))).collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.into()
        }
        Value::Number(number) if number.as_f64().is_nan() => "NaN".into(),
        value => value.clone(),
    }
}

/// Values that `binary` can read but not send: empty bytes, and whole doubles
/// beyond 2^63. (2^63 itself is sent as JavaScript does, without its sign.)
fn beyond_binary(value: &Value) -> bool {
    let large = |number: &Number| {
        let float = number.as_f64();
        float.is_infinite() || (float.fract() == 0.0 && float.abs() >= 2f64.powi(63))
    };
    match value {
        Value::Binary(bytes) => bytes.is_empty(),
        Value::Number(number) => large(number),
        Value::Array(elements) => elements.iter().any(beyond_binary),
        Value::Object(entries) => entries.iter().any(|(_, value)| beyond_binary(value)),
        _ => false,
    }
}

fn probe(parser: &Parser, frame: &Frame) -> bool {
    let decoded = parser.decode(frame, PEER);
    assert_eq!(decoded.is_ok(), parser.check(frame, PEER).is_ok(), "{frame:?} {decoded:?}");
    let control = parser.control(frame, PEER);
    let Ok(value) = decoded else {
        assert_eq!(control, None, "{frame:?}");
        return false;
    };
    let protocol = value.as_str().filter(|text| text.starts_with("primus::"));
    assert_eq!(control.as_deref(), protocol, "{frame:?}");
    if parser.name() == "binary" && beyond_binary(&value) {
        return true;
    }
    match parser.encode(&value, PEER).unwrap_or_else(|error| panic!("{frame:?} {value:?}: {error}"))
    {
        Some(again) => {
            let second = parser.decode(&again, PEER).unwrap_or_else(|e| panic!("{again:?}: {e}"));
            let name = parser.name();
            assert_eq!(returned(name, &second), returned(name, &value), "{frame:?}, {again:?}");
        }
        None => assert_eq!(value, Value::Undefined),
    }
    true
}

/// Pieces from which inputs are made.
fn pieces(parser: &Parser) -> Vec<Vec<u8>> {
    let text = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "\\u0024",
        "null",
        "true",
        "1e400",
        "-0",
        "0.1",
        "1e21",
        "18446744073709551615",
        "\"a\"",
        "\"a\":",
        "\"0\":",
        "\"$date\":",
        "\"$binary\":",
        "\"AQID\"",
        "\"$InfNaN\":",
        "\"$escape\":",
        "\"$regexp\":",
        "\"$flags\":",
        "\"$type\":",
        "\"$value\":",
        "{\"$date\":1}",
        "{\"$escape\":{\"$date\":1}}",
        "\"primus::a\"",
        "\"\\u0070rimus::\"",
        " ",
        "\u{2028}",
        "é",
        "😀",
    ];
    if parser.name().ends_with("json") {
        return text.iter().map(|piece| piece.as_bytes().to_vec()).collect();
    }
    let mut pieces: Vec<Vec<u8>> = (0..=255).map(|tag| vec![tag]).collect();
    pieces.extend(
        [&b"primus::"[..], b"\xC7\x09\x0D\xCB", b"\xD4\x0D", b"\x92\xA1a\xA1g"].map(Vec::from),
    );
    pieces.extend([vec![0x91], vec![0x92], vec![0x81, 0xA1, b'a'], vec![0x81, 0xB1, b'a']]);
    pieces
}

fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>, pieces: &[Vec<u8>]) {
    for _ in 0..rng.usize(1..4) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.u8(..8),
            1 if at < bytes.len() => bytes[at] = rng.u8(..),
            2 if at < bytes.len() => {
                bytes.drain(at..(at + rng.usize(1..8)).min(bytes.len()));
            }
            _ => {
                bytes.splice(at..at, pieces[rng.usize(..pieces.len())].iter().copied());
            }
        }
    }
}

/// Short messages to start from.
fn seeds(parser: &Parser) -> Vec<Vec<u8>> {
    let Value::Object(entries) = rich(parser) else { unreachable!() };
    let short = |value: &Value| parser.encode(value, PEER).unwrap().unwrap().as_bytes().to_vec();
    let mut seeds: Vec<Vec<u8>> = entries.iter().map(|(_, value)| short(value)).collect();
    seeds.retain(|seed| seed.len() < 100);
    seeds.extend(entries.iter().map(|(key, value)| short(&[(key.as_str(), value.clone())].into())));
    seeds.retain(|seed| seed.len() < 100);
    seeds.push(short(&"primus::ping::1".into()));
    seeds
}

fn fuzz(name: &str) {
    let Ok(parser) = name.parse::<Parser>() else { return };
    let mut rng = Rng::with_seed(0x5eed);
    let (pieces, seeds) = (pieces(&parser), seeds(&parser));
    let mut good = 0;
    for round in 0..INPUTS {
        let mut bytes = match round % 4 {
            0 => (0..rng.usize(..24)).map(|_| rng.u8(..)).collect(),
            1 => (0..rng.usize(1..8))
                .flat_map(|_| pieces[rng.usize(..pieces.len())].clone())
                .collect(),
            _ => seeds[rng.usize(..seeds.len())].clone(),
        };
        if round % 4 > 0 {
            mutate(&mut rng, &mut bytes, &pieces);
        }
        good += usize::from(probe(&parser, &frame(&parser, bytes)));
    }
    assert!(good > INPUTS / 20, "only {good} of the inputs were messages");
}

#[test]
fn random_input_for_json() {
    fuzz("json");
}

#[test]
fn random_input_for_ejson() {
    fuzz("ejson");
}

#[test]
fn random_input_for_binary() {
    fuzz("binary");
}

#[test]
fn random_input_for_msgpack() {
    fuzz("msgpack");
}

/// Whatever serde_json reads, `json` reads to the same value, and the other way
/// round except for what only JavaScript accepts.
#[test]
fn serde_json_agrees() {
    let mut rng = Rng::with_seed(7);
    let (pieces, seeds) = (pieces(&Parser::JSON), seeds(&Parser::JSON));
    for _ in 0..50_000 {
        let mut bytes = seeds[rng.usize(..seeds.len())].clone();
        mutate(&mut rng, &mut bytes, &pieces);
        let text = String::from_utf8_lossy(&bytes);
        let ours = Parser::JSON.decode(&Frame::text(&*text), PEER);
        match serde_json::from_str::<serde_json::Value>(&text) {
            Ok(theirs) => {
                let ours = ours.unwrap_or_else(|error| panic!("{text}: {error}"));
                assert_eq!(returned("", &ours), returned("", &theirs.into()), "{text}");
            }
            Err(error) => {
                let only_javascript = ["surrogate", "hex escape", "out of range"];
                let known = only_javascript.iter().any(|cause| error.to_string().contains(cause));
                assert!(ours.is_err() || known, "{text}: {error}");
            }
        }
    }
}
