//! Whatever comes over the wire: a value or an error, never more memory or stack
//! than the message is worth.

use fastrand::Rng;
use primus::value::{Date, Number};
use primus::{Frame, Parser, Value};

use crate::{PEER, parsers};

/// Random and mutated inputs for each parser.
const INPUTS: usize = 200_000;

/// The stack of a connection thread is no smaller than this.
const STACK: usize = 256 << 10;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap();
}

fn frame(parser: &Parser, bytes: Vec<u8>) -> Frame {
    match parser.name() {
        "json" | "ejson" => Frame::text(String::from_utf8_lossy(&bytes)),
        _ => Frame::binary(bytes),
    }
}

/// Arrays in each other, so many.
fn nested(parser: &Parser, depth: usize) -> Frame {
    match parser.name() {
        "json" | "ejson" => Frame::text("[".repeat(depth) + &"]".repeat(depth)),
        _ => Frame::binary([vec![0x91; depth - 1], vec![0x90]].concat()),
    }
}

fn fails(parser: &Parser, frame: &Frame) {
    let error = parser.decode(frame, PEER).expect_err(&format!("{} {frame:?}", parser.name()));
    assert_eq!(error.parser, parser.name());
    assert_eq!(error.step, primus::parsers::Step::Decode);
    assert!(parser.check(frame, PEER).is_err(), "{frame:?}");
    assert_eq!(parser.control(frame, PEER), None);
}

#[test]
fn depth_is_bounded_on_a_small_stack() {
    on_a_small_stack(|| {
        for parser in parsers() {
            let deepest = nested(&parser, primus::value::MAX_DEPTH);
            let value = parser.decode(&deepest, PEER).unwrap();
            parser.check(&deepest, PEER).unwrap();
            assert_eq!(parser.encode(&value, PEER).unwrap().unwrap(), deepest);
            assert_eq!(Value::of(&value).unwrap(), value);
            assert_eq!(value.clone().parse::<Value>().unwrap(), value);
            let too_deep = Value::from([value]);
            assert!(parser.encode(&too_deep, PEER).is_err());
            assert!(Value::of(&too_deep).is_err());
            for depth in [primus::value::MAX_DEPTH + 1, 10_000, 1_000_000] {
                fails(&parser, &nested(&parser, depth));
                let skipped =
                    parser.decode_as::<serde::de::IgnoredAny>(&nested(&parser, depth), PEER);
                assert!(skipped.is_err());
            }
        }
    });
}

#[test]
fn depth_of_objects_is_bounded_on_a_small_stack() {
    on_a_small_stack(|| {
        let object = |depth: usize| "{\"$escape\":".repeat(depth) + "{}" + &"}".repeat(depth);
        for (text, deep) in [(object(10), object(1000))].into_iter().chain(
            ["{\"a\":", "{\"$date\":", "{\"$value\":{},\"$type\":", "[{\"a\":"].map(|open| {
                let close = if open.starts_with('[') { "}]" } else { "}" };
                let nest = |n: usize| open.repeat(n) + "1" + &close.repeat(n);
                (nest(1), nest(500))
            }),
        ) {
            Parser::JSON.decode(&Frame::text(text), PEER).unwrap();
            fails(&Parser::JSON, &Frame::text(deep.as_str()));
            fails(&Parser::EJSON, &Frame::text(deep));
        }
        fails(&Parser::BINARY, &Frame::binary([0x81, 0xB1, b'a'].repeat(5000)));
        fails(&Parser::BINARY, &Frame::binary(vec![0x81; 5000]));
    });
}

/// A type that is as deep as the message.
#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
struct Tree {
    name: String,
    children: Vec<Tree>,
}

#[test]
fn recursive_types_stay_on_a_small_stack() {
    on_a_small_stack(|| {
        let leaf = |children| Tree { name: "x".into(), children };
        let tree = |depth: usize| (1..depth).fold(leaf(vec![]), |tree, _| leaf(vec![tree]));
        let deepest = tree(primus::value::MAX_DEPTH / 2);
        for parser in parsers() {
            let frame = parser.encode(&deepest, PEER).unwrap().unwrap();
            assert_eq!(parser.decode_as::<Tree>(&frame, PEER).unwrap(), deepest);
            let value = parser.decode(&frame, PEER).unwrap();
            assert_eq!(value.parse::<Tree>().unwrap(), deepest);
            assert!(parser.encode(&leaf(vec![tree(primus::value::MAX_DEPTH)]), PEER).is_err());
        }
    });
}

#[test]
#[cfg(feature = "msgpack")]
fn extensions_in_extensions_are_bounded() {
    on_a_small_stack(|| {
        let wrap = |depth: usize| {
            let mut bytes = vec![0];
            for _ in 0..depth {
                let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
                bytes = [&[0xC9], &length[..], &[0x0D], &bytes].concat();
            }
            Frame::binary(bytes)
        };
        assert!(Parser::MSGPACK.decode(&wrap(50), PEER).unwrap().as_date().is_some());
        fails(&Parser::MSGPACK, &wrap(primus::value::MAX_DEPTH + 1));
        fails(&Parser::MSGPACK, &wrap(5000));
        // An array in an error in an array in an error ...
        let mut bytes = vec![0x90];
        for _ in 0..2000 {
            let length = u32::try_from(bytes.len() + 1).unwrap().to_be_bytes();
            bytes = [&[0xC9], &length[..], &[0x0E, 0x91], &bytes].concat();
        }
        fails(&Parser::MSGPACK, &Frame::binary(bytes));
    });
}

#[test]
fn looking_ahead_is_bounded() {
    // Each level looks at everything inside it before it knows what it is.
    let big = format!("[{}0]", "0,".repeat(100_000));
    for open in ["{\"$date\":", "{\"$value\":"] {
        let text = open.repeat(60) + &big + &",\"x\":1}".repeat(60);
        let error = Parser::EJSON.decode(&Frame::text(text), PEER).unwrap_err();
        assert!(error.to_string().contains("too many wrappers"), "{error}");
    }
    let few = "{\"$escape\":{\"$date\":".repeat(10) + "1" + &"}}".repeat(10);
    assert!(Parser::EJSON.decode(&Frame::text(few), PEER).is_ok());
}

#[test]
fn declared_lengths_are_not_believed() {
    let heads: [&[u8]; 14] = [
        &[0xDD, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0xDF, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0xDB, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0xD9, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0xC6, 0xFF, 0xFF, 0xFF, 0xFF],
        &[0xC9, 0xFF, 0xFF, 0xFF, 0xFF, 0x0D],
        &[0xDC, 0xFF, 0xFF, 0x01],
        &[0xDE, 0xFF, 0xFF, 0x01, 0x01],
        &[0xDA, 0xFF, 0xFF, 0x01],
        &[0xC5, 0xFF, 0xFF, 0x01],
        &[0x91, 0xDD, 0x7F, 0xFF, 0xFF, 0xFF],
        &[0x9F],
        &[0x8F, 0x01],
        &[0x82, 0x01, 0x01],
    ];
    for parser in parsers().iter().filter(|parser| !parser.name().ends_with("json")) {
        for head in heads {
            // BinaryPack knows no tags from C4 to C9; it takes them for undefined.
            if parser.name() != "binary" || !(0xC4..=0xC9).contains(&head[0]) {
                fails(parser, &Frame::binary(head));
            }
        }
    }
}

/// A value with something of everything that the parser can send.
fn rich(parser: &Parser) -> Value {
    let mut entries = vec![
        ("null", Value::Null),
        ("bools", [true, false].map(Value::from).into()),
        ("ints", [0, -1, 127, 128, -33, 70_000, -70_000].map(Value::from).into()),
        ("big", [Value::from(u64::MAX), Value::from(i64::MIN), Value::from(1i64 << 40)].into()),
        ("floats", [0.5, -1e-7, 1e-300].map(Value::from).into()),
        ("text", "a \"quoted\" \\ \u{2028} é 漢 😀 \u{1}".into()),
        ("long", "x".repeat(300).into()),
        ("object", [("$date", 1.into())].into()),
        ("empty", [Value::Array(vec![]), Value::Object(vec![])].into()),
    ];
    if parser.name() != "json" {
        entries.push(("bytes", vec![1u8, 2, 255].into()));
    }
    if matches!(parser.name(), "ejson" | "msgpack") {
        entries.push(("date", Date::from_ms(1.7e12).into()));
    }
    Value::from_iter(entries)
}

#[test]
fn rich_values_return_and_every_truncation_fails() {
    for parser in parsers() {
        let value = rich(&parser);
        let frame = parser.encode(&value, PEER).unwrap().unwrap();
        assert_eq!(parser.decode(&frame, PEER).unwrap(), value, "{}", parser.name());
        for end in 0..frame.len() {
            match &frame {
                Frame::Binary(bytes) => fails(&parser, &Frame::binary(&bytes[..end])),
                Frame::Text(text) if text.is_char_boundary(end) => {
                    fails(&parser, &Frame::text(&text[..end]));
                }
                Frame::Text(_) => {}
            }
        }
    }
}

#[test]
fn texts_that_are_not_json() {
    let bad = [
        "",
        " ",
        "nul",
        "truee",
        "tru",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "-",
        "--1",
        "0x1",
        "'a'",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\",
        "\"",
        "[1 2]",
        "[,]",
        "[1,]",
        "{,}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "]",
        "}",
        "1,",
        "[1}",
        "{\"a\":1]",
        "undefined",
        "NaN",
        "Infinity",
        "\u{feff}1",
        "1\u{a0}",
        "\u{b}1",
        "//",
        "[][]",
    ];
    for text in bad {
        fails(&Parser::JSON, &Frame::text(text));
        fails(&Parser::EJSON, &Frame::text(text));
    }
    let bad_ejson = [
        "{\"$type\":\"t\",\"$value\":1}",
        "{\"$value\":1,\"$type\":\"t\"}",
        "{\"$escape\":1}",
        "{\"$escape\":[]}",
        "{\"$escape\":null}",
        "{\"$binary\":1}",
        "{\"$binary\":\"A\"}",
        "{\"$binary\":\"*AAA\"}",
        "{\"$regexp\":1,\"$flags\":\"g\"}",
        "{\"\\u0024type\":1,\"$value\":2}",
        "[{\"a\":{\"$escape\":false}}]",
    ];
    for text in bad_ejson {
        fails(&Parser::EJSON, &Frame::text(text));
        Parser::JSON.decode(&Frame::text(text), PEER).unwrap();
    }
}

#[test]
fn texts_that_are() {
    let good = [
        ("\"\\ud83d\"", "\u{fffd}"),
        ("\"\\ud83d\\ud83d\\ude00\"", "\u{fffd}😀"),
        ("\"\\ude00\\ud83d\"", "\u{fffd}\u{fffd}"),
        ("\"\\ud83dx\\u0041\"", "\u{fffd}xA"),
        ("\"\\\\ud83d\"", "\\ud83d"),
        ("\"\\/\\b\\f\\n\\r\\t\\\"\"", "/\u{8}\u{c}\n\r\t\""),
        ("\t\"\u{7f}\u{2028}\" \r\n", "\u{7f}\u{2028}"),
        ("\"\\u0000\"", "\0"),
    ];
    for (text, wanted) in good {
        for parser in [Parser::JSON, Parser::EJSON] {
            assert_eq!(parser.decode(&Frame::text(text), PEER).unwrap(), Value::from(wanted));
            parser.check(&Frame::text(text), PEER).unwrap();
        }
    }
    let numbers = [
        ("1e400", f64::INFINITY),
        ("-1e400", f64::NEG_INFINITY),
        ("1e-400", 0.0),
        ("-0", -0.0),
        ("123456789012345678901234567890", 1.2345678901234568e29),
        ("1E2", 100.0),
        ("-1.5e-3", -0.0015),
    ];
    for (text, wanted) in numbers {
        let number = Parser::JSON.decode(&Frame::text(text), PEER).unwrap().as_f64().unwrap();
        assert!(
            number == wanted && number.is_sign_negative() == wanted.is_sign_negative(),
            "{text}"
        );
    }
    let long = "9".repeat(100_000);
    assert_eq!(
        Parser::JSON.decode(&Frame::text(long), PEER).unwrap().as_f64(),
        Some(f64::INFINITY)
    );
}

#[test]
fn frames_of_the_wrong_kind() {
    let (text, bytes) = (Frame::text("\"primus::x\""), Frame::binary(*b"\"primus::x\""));
    assert_eq!(Parser::JSON.decode(&bytes, PEER).unwrap().as_bytes(), Some(bytes.as_bytes()));
    assert_eq!(Parser::JSON.control(&bytes, PEER), None);
    Parser::JSON.check(&bytes, PEER).unwrap();
    fails(&Parser::EJSON, &bytes);
    fails(&Parser::BINARY, &text);
    if let Ok(parser) = "msgpack".parse() {
        fails(&parser, &text);
    }
}

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
