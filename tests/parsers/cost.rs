//! No input costs more time than in proportion to its length, but for a logarithm,
//! nor more memory than the documentation says.

use std::fmt::Write;

use fastrand::Rng;
use primus::{Frame, Parser, Value};
use rustix::time::{ClockId, clock_gettime};

use crate::{PEER, parsers};

/// The memory that a value holds, room for more included, in bytes.
fn held(value: &Value) -> usize {
    match value {
        Value::Array(elements) => {
            let room = elements.capacity() * size_of::<Value>();
            room + elements.iter().map(held).sum::<usize>()
        }
        Value::Object(entries) => {
            let room = entries.capacity() * size_of::<(String, Value)>();
            let entry = |(key, value): &(String, Value)| key.capacity() + held(value);
            room + entries.iter().map(entry).sum::<usize>()
        }
        Value::String(text) => text.capacity(),
        Value::Binary(bytes) => bytes.capacity(),
        // The others are no larger than what they were made of.
        _ => 0,
    }
}

/// A frame of a parser with at least so many bytes, of a kind that is hard on it.
type Hard = fn(&mut Rng, usize) -> Vec<u8>;

fn repeat(open: &str, piece: &str, close: &str, len: usize) -> Vec<u8> {
    let inside = vec![piece; len / (piece.len() + 1) + 1].join(",");
    format!("{open}{inside}{close}").into_bytes()
}

fn entries(len: usize, mut key: impl FnMut(usize) -> String) -> Vec<u8> {
    let mut text = String::from("{");
    let mut at = 0;
    while text.len() < len {
        let comma = if at > 0 { "," } else { "" };
        write!(text, "{comma}\"{}\":0", key(at)).unwrap();
        at += 1;
    }
    (text + "}").into_bytes()
}

/// Levels in each other, again and again.
fn nests(open: &str, inside: &str, close: &str, levels: usize, len: usize) -> Vec<u8> {
    let nest = format!("{}{inside}{}", open.repeat(levels), close.repeat(levels));
    repeat("[", &nest, "]", len)
}

const TEXTS: &[(&str, Hard)] = &[
    ("numbers", |_, len| repeat("[", "0", "]", len)),
    ("lists of one", |_, len| repeat("[", "[0]", "]", len)),
    ("lists of two", |_, len| repeat("[", "[0,0]", "]", len)),
    ("lists with spaces", |_, len| nests("[", "0", " ]", 60, len)),
    ("objects of one", |_, len| repeat("[", "{\"\":0}", "]", len)),
    ("empty objects", |_, len| repeat("[", "{}", "]", len)),
    ("short texts", |_, len| repeat("[", "\"\\n\"", "]", len)),
    ("deep lists", |_, len| nests("[", "0", "]", 60, len)),
    ("deep lists of two", |_, len| nests("[0,", "0", "]", 60, len)),
    ("deep objects", |_, len| nests("{\"\":", "0", "}", 60, len)),
    ("keys at random", |rng, len| entries(len, |_| rng.u32(..).to_string())),
    ("small keys at random", |rng, len| entries(len, |_| rng.u32(..99).to_string())),
    ("keys that go down", |_, len| entries(len, |at| (u32::MAX - 1 - at as u32).to_string())),
    ("keys that are all the same", |_, len| entries(len, |_| "a".into())),
    ("keys that differ at the end", |_, len| entries(len, |at| format!("{:0>40}", at / 2))),
    ("empty keys", |_, len| entries(len, |_| String::new())),
    ("one more number", |_, len| "9".repeat(len).into_bytes()),
    ("one more fraction", |_, len| format!("0.{}1e-5", "0".repeat(len)).into_bytes()),
    ("one more exponent", |_, len| format!("1e{}", "9".repeat(len)).into_bytes()),
    ("numbers of 400 digits", |_, len| repeat("[", &format!("-{}.5", "7".repeat(400)), "]", len)),
    ("one text", |_, len| format!("\"{}\"", "é".repeat(len / 2)).into_bytes()),
    ("escapes", |_, len| format!("\"{}\"", "\\u0041\\n".repeat(len / 8)).into_bytes()),
    ("surrogates", |_, len| format!("\"{}\"", "\\ud83d".repeat(len / 6)).into_bytes()),
    ("spaces", |_, len| format!("[{}]", " ".repeat(len)).into_bytes()),
    ("a list without an end", |_, len| b"[0,".repeat(len / 3)),
    ("texts like control messages", |_, len| {
        format!("\"\\u0070rimus::{}\"", "\\u0070".repeat(len / 6)).into_bytes()
    }),
    ("dates", |_, len| repeat("[", "{\"$date\":1}", "]", len)),
    ("dates of long texts", |_, len| {
        format!("{{\"$date\":\"2020-01-01T00:00:00.{}Z\"}}", "0".repeat(len)).into_bytes()
    }),
    ("dates of lists", |_, len| {
        let list = repeat("[", "0", "]", len);
        [b"{\"$date\":", &list[..], b"}"].concat()
    }),
    ("escaped objects", |_, len| nests("{\"$escape\":{\"$date\":", "0", "}}", 8, len)),
    ("what is nearly a wrapper", |_, len| repeat("[", "{\"$date\":0,\"x\":[0,0]}", "]", len)),
    ("wrapper keys, twice", |_, len| repeat("{", "\"$date\":0", "}", len)),
    ("flags", |_, len| {
        format!("{{\"$regexp\":\"a\",\"$flags\":\"{}\"}}", "g".repeat(len)).into_bytes()
    }),
    ("base 64", |_, len| format!("{{\"$binary\":\"{}\"}}", "AQID".repeat(len / 4)).into_bytes()),
];

/// A list or map of so many.
fn head(tag: u8, count: usize) -> Vec<u8> {
    [&[tag][..], &u32::try_from(count).unwrap().to_be_bytes()].concat()
}

fn list(piece: &[u8], len: usize) -> Vec<u8> {
    let count = len / piece.len();
    [head(0xDD, count), piece.repeat(count)].concat()
}

fn levels(open: &[u8], inside: &[u8], len: usize) -> Vec<u8> {
    list(&[open.repeat(60), inside.to_vec()].concat(), len)
}

/// Maps of keys of four letters, in tags of both formats.
fn map(string: u8, len: usize, mut key: impl FnMut(u32) -> u32) -> Vec<u8> {
    let count = len / 6;
    let entry = |at: usize| {
        let key = key(at as u32);
        let letter = |place: u32| b'0' + (key >> (6 * place) & 0x3F) as u8;
        [string + 4, letter(0), letter(1), letter(2), letter(3), 0]
    };
    [head(0xDF, count), (0..count).flat_map(entry).collect()].concat()
}

const TAGGED: &[(&str, Hard)] = &[
    ("nulls", |_, len| list(&[0xC0], len)),
    ("empty lists", |_, len| list(&[0x90], len)),
    ("empty maps", |_, len| list(&[0x80], len)),
    ("lists of one", |_, len| list(&[0x91, 0xC0], len)),
    ("lists of two", |_, len| list(&[0x92, 0xC0, 0xC0], len)),
    ("long lists", |_, len| list(&list(&[0xC0], 70), len)),
    ("deep lists", |_, len| levels(&[0x91], &[0xC0], len)),
    ("deep lists of two", |_, len| levels(&[0x92, 0xC0], &[0xC0], len)),
    ("a list without an end", |_, len| [0x91, 0xDD, 0, 0, 0xFF, 0xFF].repeat(len / 6)),
    ("keys that are numbers", |_, len| {
        let count = len / 2;
        [head(0xDF, count), [1, 0xC0].repeat(count)].concat()
    }),
    ("keys that are lists", |_, len| {
        let count = len / 4;
        [head(0xDF, count), [0x92, 0x90, 0xC0, 0xC0].repeat(count)].concat()
    }),
    ("one key that is a list", |_, len| [vec![0x81], list(&[0xC0], len), vec![0xC0]].concat()),
];

const BINARY: &[(&str, Hard)] = &[
    ("keys at random", |rng, len| map(0xB0, len, |_| rng.u32(..))),
    ("the same key", |_, len| map(0xB0, len, |_| 7)),
    ("keys, each twice", |_, len| map(0xB0, len, |at| at / 2)),
    ("empty keys", |_, len| [head(0xDF, len / 2), [0xB0, 0xC0].repeat(len / 2)].concat()),
    ("bad text", |_, len| [&[0xD9][..], &head(0, len)[1..], &[0xFF].repeat(len)].concat()),
    ("bytes", |_, len| [&[0xDB][..], &head(0, len)[1..], &[7].repeat(len)].concat()),
    ("bytes of one", |_, len| list(&[0xA1, 7], len)),
];

/// An extension of a kind with so much in it.
fn ext(kind: u8, inside: &[u8]) -> Vec<u8> {
    [&head(0xC9, inside.len())[..], &[kind], inside].concat()
}

const MSGPACK: &[(&str, Hard)] = &[
    ("keys at random", |rng, len| map(0xA0, len, |_| rng.u32(..))),
    ("the same key", |_, len| map(0xA0, len, |_| 7)),
    ("keys, each twice", |_, len| map(0xA0, len, |at| at / 2)),
    ("empty keys", |_, len| [head(0xDF, len / 2), [0xA0, 0xC0].repeat(len / 2)].concat()),
    ("bad text", |_, len| [&[0xDB][..], &head(0, len)[1..], &[0xFF].repeat(len)].concat()),
    ("dates", |_, len| list(&[0xD4, 0x0D, 1], len)),
    ("dates in dates", |_, len| {
        let dates = (0..50).fold(vec![0xC0], |inside, _| ext(0x0D, &inside));
        list(&dates, len)
    }),
    ("a date of a list", |_, len| ext(0x0D, &list(&[0xC0], len))),
    ("a date of a long text", |_, len| {
        ext(0x0D, &[&[0xDB][..], &head(0, len)[1..], &[b'1'].repeat(len)].concat())
    }),
    ("an error of a list, in an error", |_, len| {
        let inside = [head(0xDD, 1), ext(0x0E, &list(&[0xC0], len))].concat();
        ext(0x0E, &inside)
    }),
    ("errors", |_, len| list(&[0xD4, 0x0E, 0x80], len)),
    ("a typed array", |_, len| ext(0x18, &vec![0; len / 8 * 8])),
    ("extensions that nobody knows", |_, len| list(&[0xD4, 0x63, 1], len)),
    ("timestamps", |_, len| list(&[0xD6, 0xFF, 1, 2, 3, 4], len)),
];

fn hard(parser: &Parser) -> Vec<(&'static str, Hard)> {
    match parser.name() {
        "json" | "ejson" => TEXTS.to_vec(),
        "binary" => [TAGGED, BINARY].concat(),
        _ => [TAGGED, MSGPACK].concat(),
    }
}

fn frame(parser: &Parser, bytes: Vec<u8>) -> Frame {
    match parser.name() {
        "json" | "ejson" => Frame::text(String::from_utf8(bytes).unwrap()),
        _ => Frame::binary(bytes),
    }
}

/// Time of the processor that everything done with a message takes.
fn time(parser: &Parser, frame: &Frame) -> u64 {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    };
    let round = || {
        let before = now();
        let _ = parser.control(frame, PEER);
        let checked = parser.check(frame, PEER).is_ok();
        let value = parser.decode(frame, PEER);
        assert_eq!(checked, value.is_ok());
        if let Ok(value) = value {
            let _ = parser.encode(&value, PEER);
            let _ = value.clone().parse::<serde_json::Value>();
        }
        let _ = parser.decode_as::<serde::de::IgnoredAny>(frame, PEER);
        now() - before
    };
    (0..2).map(|_| round()).min().unwrap()
}

#[test]
fn eight_times_as_long_takes_not_much_more_than_eight_times_as_much_time() {
    const LEN: usize = 6 << 10;
    let mut rng = Rng::with_seed(0xc057);
    for parser in parsers() {
        for (what, make) in hard(&parser) {
            let short = frame(&parser, make(&mut rng, LEN));
            let long = frame(&parser, make(&mut rng, 8 * LEN));
            // What is quadratic takes 64 times as much; beside it the memory is slower
            // where there is more of it.
            let times = (0..5).map(|_| (time(&parser, &long), time(&parser, &short)));
            let mut ratios = times.map(|(long, short)| long as f64 / (short + 10_000) as f64);
            assert!(ratios.any(|ratio| ratio < 20.0), "{} {what}", parser.name());
        }
    }
}

/// What `src/parsers/cost.md` says, in bytes for each byte of a message.
fn documented(parser: &Parser) -> usize {
    let table = include_str!("../../src/parsers/cost.md");
    let row = format!("| `{}` | ", parser.name());
    let rest = table.split_once(&row).expect("a row").1;
    rest.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn memory_is_within_what_is_documented() {
    let mut rng = Rng::with_seed(0x3e3);
    for parser in parsers() {
        let factor = documented(&parser);
        for (what, make) in hard(&parser) {
            // Just above and below where the room for a list doubles.
            for len in [66_000, 132_000] {
                let frame = frame(&parser, make(&mut rng, len));
                let Ok(value) = parser.decode(&frame, PEER) else { continue };
                let (taken, most) = (held(&value), factor * frame.len());
                let name = parser.name();
                assert!(taken <= most, "{name} {what}: {taken} of {} bytes", frame.len());
            }
        }
    }
}

/// The elements and entries in a value.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(elements) => elements.iter().map(|element| 1 + values(element)).sum(),
        Value::Object(entries) => entries.iter().map(|(_, value)| 1 + values(value)).sum(),
        _ => 0,
    }
}

#[test]
fn memory_for_each_value_is_within_what_is_documented() {
    let mut rng = Rng::with_seed(0x7a1);
    for parser in parsers() {
        for (what, make) in hard(&parser) {
            let frame = frame(&parser, make(&mut rng, 132_000));
            // Of keys that come twice only one is left to be counted.
            let Ok(value) = parser.decode(&frame, PEER) else {
                continue;
            };
            if what.contains("key") {
                continue;
            }
            let taken = held(&value);
            let most = 200 * values(&value) + 4 * frame.len() + 20_000;
            assert!(taken <= most, "{} {what}: {taken}, not {most}", parser.name());
        }
    }
}
