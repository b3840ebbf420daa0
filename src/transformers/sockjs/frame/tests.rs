use serde_json::Value;

use super::*;
use crate::frame::Frame;
use crate::transformers::json::{Invalid, Messages};

fn quoted(text: &str) -> String {
    let mut out = Vec::new();
    quote(text, &mut out);
    String::from_utf8(out).unwrap()
}

fn messages(text: &str) -> Result<Vec<String>, Invalid> {
    let texts = |all: Messages| all.map(|frame| frame.as_text().unwrap().to_owned()).collect();
    Messages::of_array(text.into(), 1_000).map(texts)
}

/// What a WebSocket's message is.
fn received(text: &str) -> Result<Vec<String>, Invalid> {
    let text_of = |frame: Frame| frame.as_text().unwrap().to_owned();
    super::received(text.into(), 1_000, &mut String::new()).map(|received| match received {
        Received::Nothing => Vec::new(),
        Received::One(frame) => vec![text_of(frame)],
        Received::Many(all) => all.map(text_of).collect(),
    })
}

/// Texts of all kinds of characters, and of none.
fn texts() -> impl Iterator<Item = String> {
    let pieces = [
        "a",
        "\"",
        "\\",
        "/",
        "\n",
        "\u{0}",
        "\u{1f}",
        "\u{7f}",
        "é",
        "€",
        "\u{200b}",
        "\u{200c}",
        "\u{2028}",
        "\u{ffef}",
        "\u{ffff}",
        "😀",
        "{\"a\":\"b\"}",
        "xxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    let mut random = fastrand::Rng::with_seed(11);
    (0..2_000)
        .map(move |round| (0..round % 40).map(|_| pieces[random.usize(..pieces.len())]).collect())
}

#[test]
fn what_is_written_is_json_that_says_the_same() {
    for text in texts() {
        let quoted = quoted(&text);
        assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text, "{quoted}");
    }
}

/// The table of the protocol's test suite.
#[test]
fn what_browsers_and_proxies_spoil_is_escaped_and_nothing_else() {
    let spoilt = |unit: u32| {
        matches!(unit, 0..=0x1f | 0xd800..=0xdfff | 0x200c..=0x200f | 0x2028..=0x202f
            | 0x2060..=0x206f | 0xfff0..=0xffff)
    };
    for char in (0..0x1_1000).filter_map(char::from_u32) {
        let quoted = quoted(&char.to_string());
        let plain = format!("\"{char}\"");
        let expected = match char {
            '"' | '\\' => format!("\"\\{char}\""),
            '\u{8}' => r#""\b""#.into(),
            '\t' => r#""\t""#.into(),
            '\n' => r#""\n""#.into(),
            '\u{c}' => r#""\f""#.into(),
            '\r' => r#""\r""#.into(),
            _ => {
                let units = char.encode_utf16(&mut [0; 2]).to_vec();
                match units.iter().any(|unit| spoilt((*unit).into())) {
                    true => {
                        let escapes = units.iter().map(|unit| format!("\\u{unit:04x}"));
                        format!("\"{}\"", escapes.collect::<String>())
                    }
                    false => plain,
                }
            }
        };
        assert_eq!(quoted, expected, "{:x}", u32::from(char));
    }
}

#[test]
fn the_frames() {
    let frame = |put: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(frame(&|out| Close::NORMAL.put(out)), r#"c[1000,"Normal closure"]"#);
    assert_eq!(frame(&|out| Close::ANOTHER.put(out)), r#"c[2010,"Another connection still open"]"#);
    let some = |all: &[&str]| frame(&|out| put_messages(all.iter().copied(), out));
    assert_eq!(some(&[]), "a[]");
    assert_eq!(some(&[r#"{"hello":"world"}"#]), r#"a["{\"hello\":\"world\"}"]"#);
    assert_eq!(some(&["a", "", "😀"]), r#"a["a","","\ud83d\ude00"]"#);
}

#[test]
fn messages_are_the_strings_of_an_array_and_the_texts_of_other_values() {
    for (text, expected) in [
        ("[]", &[][..]),
        (" [ ] ", &[]),
        (r#"["a"]"#, &["a"]),
        (r#"["\"a\"","\"b\""]"#, &["\"a\"", "\"b\""]),
        (r#" [ "a" , "b" ] "#, &["a", "b"]),
        (r#"["",""]"#, &["", ""]),
        (r#"[1,null,{"a":1}]"#, &["1", "null", r#"{"a":1}"#]),
        (r#"[1 , [ 2, "]" ] ,true]"#, &["1", r#"[ 2, "]" ]"#, "true"]),
        (
            r#"[-0.5e+10,"\u0041\ud83d\ude00\/\b\f\n\r\t\\"]"#,
            &["-0.5e+10", "A😀/\u{8}\u{c}\n\r\t\\"],
        ),
        (r#"["\ud83d","\ude00x","\ud83d\u0041"]"#, &["\u{fffd}", "\u{fffd}x", "\u{fffd}A"]),
    ] {
        assert_eq!(messages(text).unwrap(), expected, "{text}");
        assert_eq!(received(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_websocket_may_bring_one_bare_value_or_nothing() {
    for (text, expected) in [
        ("", &[][..]),
        (r#""\"bare\"""#, &["\"bare\""]),
        (" \"a\" ", &["a"]),
        ("1", &["1"]),
        (r#" {"a":[1]}"#, &[r#"{"a":[1]}"#]),
        ("null", &["null"]),
    ] {
        assert_eq!(received(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_is_no_json_is_told_from_what_is_no_array() {
    for text in [
        " ",
        "[",
        "[\"",
        "[\"a",
        "[\"a\"",
        "[\"a\",",
        "[\"a\",]",
        "[,]",
        "[\"a\"]]",
        "[\"a\"]x",
        "[\"a\" \"b\"]",
        "{broken",
        "[1",
        "[1.]",
        "[01]",
        "[+1]",
        "[tru]",
        "[\"\\x\"]",
        "[\"\\u12\"]",
        "[\"\\u12g4\"]",
        "[\"\n\"]",
        "[\"\u{1}\"]",
        "x",
        "\"",
        "\"a\"b",
        "[{]",
        "[{\"a\"}]",
        "'a'",
        "[é]",
        "é",
        "[\"a\"],",
    ] {
        assert_eq!(messages(text), Err(Invalid::NotJson), "{text}");
        assert_eq!(received(text), Err(Invalid::NotJson), "{text}");
    }
    for text in ["{}", "\"x\"", "null", "1", " {\"a\":[]} "] {
        assert_eq!(messages(text), Err(Invalid::NotArray), "{text}");
    }
}

/// The judge is serde_json, except of lone surrogates, which JavaScript reads.
#[test]
fn broken_texts_are_read_as_json_is() {
    let whole = [
        r#"["a\u0041\\\"","b",12,{"c":[null,true]},"é😀"]"#,
        r#"[[["deep"]],-1.5e3,"",{}]"#,
        r#" [ "a" ,1 ] "#,
    ];
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..30_000 {
        let mut text: Vec<char> = random.choice(whole).unwrap().chars().collect();
        for _ in 0..random.usize(1..3) {
            let at = random.usize(..text.len());
            match random.u8(..3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, *random.choice(b"[]{}\",:\\ue1 ").unwrap() as char),
                _ => text.truncate(at.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        if text.contains("\\ud") || text.contains("\\uD") {
            continue;
        }
        let judged = serde_json::from_str::<Value>(&text);
        match (messages(&text), &judged) {
            (Ok(all), Ok(Value::Array(values))) => {
                let texts: Vec<Value> = all.iter().map(|text| Value::from(&**text)).collect();
                assert_eq!(texts.len(), values.len(), "{text}");
                for (ours, value) in all.iter().zip(values) {
                    match value {
                        Value::String(string) => assert_eq!(ours, string, "{text}"),
                        other => {
                            let read: Value = serde_json::from_str(ours).unwrap();
                            assert_eq!(read, *other, "{text}");
                        }
                    }
                }
            }
            (Err(Invalid::NotArray), Ok(value)) => assert!(!value.is_array(), "{text}"),
            (Err(Invalid::NotJson), Err(_)) => {}
            (ours, judged) => panic!("{text}: {ours:?}, but {judged:?}"),
        }
    }
}

#[test]
fn what_is_sent_is_read_back() {
    let all: Vec<String> = texts().take(200).collect();
    let mut frame = Vec::new();
    put_messages(all.iter().map(|text| &**text), &mut frame);
    let array = str::from_utf8(&frame[1..]).unwrap();
    assert_eq!(messages(array).unwrap(), all);
    for text in &all {
        frame.clear();
        put_messages([&**text].into_iter(), &mut frame);
        assert_eq!(received(str::from_utf8(&frame[1..]).unwrap()).unwrap(), [&**text]);
    }
}

/// Deep arrays have ended processes by their stack, wide ones by their memory.
#[test]
fn deep_and_wide_arrays_are_bounded() {
    let deep = "[".repeat(300_000) + &"]".repeat(300_000);
    // The parser will refuse it.
    assert_eq!(messages(&deep).unwrap(), [&deep[1..deep.len() - 1]]);
    assert_eq!(messages(&"[".repeat(300_000)), Err(Invalid::NotJson));
    let objects = "[{\"a\":".repeat(50_000);
    assert_eq!(messages(&objects), Err(Invalid::NotJson));
    let wide = format!("[{}1]", "1,".repeat(1_000));
    assert_eq!(messages(&wide), Err(Invalid::TooMany));
    assert_eq!(received(&wide), Err(Invalid::TooMany));
    assert_eq!(messages(&format!("[{}1]", "1,".repeat(999))).unwrap().len(), 1_000);
}
