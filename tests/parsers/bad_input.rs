//! Whatever comes over the wire: a value or an error, never more memory or stack
//! than the message is worth.

use primus::value::Date;
use primus::{Frame, Parser, Value};

use crate::{PEER, parsers};

/// The stack of a connection thread is no smaller than this.
const STACK: usize = 256 << 10;

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(test).unwrap().join().unwrap();
}

pub fn frame(parser: &Parser, bytes: Vec<u8>) -> Frame {
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
pub fn rich(parser: &Parser) -> Value {
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
