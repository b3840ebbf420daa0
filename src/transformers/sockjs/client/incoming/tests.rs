use super::*;

/// The messages of a frame; `Err`: those before the fault.
fn messages(text: &str) -> Result<Vec<String>, Vec<String>> {
    let mut found = Vec::new();
    let said = match Said::of_line(text.into()) {
        Ok(Said::Messages(messages)) => messages,
        Ok(Said::Message(message)) => return Ok(vec![message.as_text().unwrap().to_owned()]),
        _ => return Err(found),
    };
    for message in said {
        match message {
            Ok(message) => found.push(message.as_text().unwrap().to_owned()),
            Err(reason) => {
                assert_eq!((reason.by, reason.code), (Ended::Protocol, 1002));
                return Err(found);
            }
        }
    }
    Ok(found)
}

#[test]
fn messages_in_order() {
    for (frame, expected) in [
        ("a[]", &[][..]),
        ("a[ ]\r", &[]),
        (r#"a["one"]"#, &["one"]),
        (r#"a["", "two",	"three"] "#, &["", "two", "three"]),
        (r#"m"alone""#, &["alone"]),
        (r#"a["{\"a\":\"\\\"\"}"]"#, &[r#"{"a":"\""}"#]),
        (
            r#"a["\u00e9\ud83d\ude00é😀\u2028\b\f\n\r\t\/\\"]"#,
            &["é😀é😀\u{2028}\u{8}\u{c}\n\r\t/\\"],
        ),
        // What text cannot hold.
        (
            r#"a["\ud800","\ude00\ud83dx","\ud800\ud800"]"#,
            &["\u{fffd}", "\u{fffd}\u{fffd}x", "\u{fffd}\u{fffd}"],
        ),
        // What is no string goes to the parser as it stands.
        (
            r#"a[1,-2.50e3,true,null,"s",{"a": [1, "]"]},[[]]]"#,
            &["1", "-2.50e3", "true", "null", "s", r#"{"a": [1, "]"]}"#, "[[]]"],
        ),
        ("m[1]", &["[1]"]),
    ] {
        assert_eq!(messages(frame).unwrap(), expected, "{frame}");
    }
}

#[test]
fn a_fault_shows_where_it_is() {
    for (frame, before) in [
        ("a", &[][..]),
        ("a1", &[]),
        ("a{}", &[]),
        ("a[", &[]),
        ("a[,]", &[]),
        ("a[\"a\"", &["a"]),
        ("a[\"a\",", &["a"]),
        ("a[\"a\",]", &["a"]),
        ("a[\"a\" \"b\"]", &["a"]),
        ("a[\"a\"]x", &["a"]),
        ("a[\"a\"][]", &["a"]),
        ("a[\"a\",\"b]", &["a"]),
        ("a[\"\\x\"]", &[]),
        ("a[\"\\ud8\"]", &[]),
        ("a[nul]", &[]),
        ("a[1 2]", &["1"]),
        ("m", &[]),
        ("m\"a\"\"b\"", &[]),
    ] {
        assert_eq!(messages(frame).unwrap_err(), before, "{frame}");
    }
}

#[test]
fn the_other_frames() {
    let said = |text: &str| Said::of_line(text.into());
    assert!(matches!(said("o"), Ok(Said::Open)));
    assert!(matches!(said("o\r"), Ok(Said::Open)));
    for nothing in ["", "h", "h\r", &"h".repeat(2048)] {
        assert!(matches!(said(nothing), Ok(Said::Nothing)), "{nothing}");
    }
    let closed = |text| match said(text) {
        Ok(Said::Close(reason)) => Some((reason.code, reason.text)),
        Err(invalid) => {
            assert_eq!(invalid, Invalid("bad close frame"));
            None
        }
        _ => panic!("{text}"),
    };
    assert_eq!(closed(r#"c[3000,"Go away!"]"#), Some((3000, "Go away!".into())));
    assert_eq!(closed(r#"c[1000, ""]"#), Some((1000, String::new())));
    let long = format!("c[1000,{:?}]", "é".repeat(1000));
    assert_eq!(closed(&long).unwrap().1.chars().count(), REASON_MAX);
    for bad in
        ["c", "c[]", "c[1000]", "c[\"a\",\"b\"]", "c[-1,\"\"]", "c[99999,\"\"]", "c[1,\"\",2]"]
    {
        assert_eq!(closed(bad), None, "{bad}");
    }
    for bad in ["x", "O", "[1]", " o", "\u{feff}o"] {
        assert!(matches!(said(bad), Err(Invalid("unknown kind of frame"))), "{bad}");
    }
    assert!(matches!(Said::of_line(b"a[\"\xff\"]".to_vec()), Err(Invalid("text is not UTF-8"))));
    assert!(Said::of_frame(Frame::binary(*b"o")).is_err());
}

#[test]
fn depth_and_number_need_no_room() {
    let deep = 1_000_000;
    let frame = format!("a[{}{}]", "[".repeat(deep), "]".repeat(deep));
    assert_eq!(messages(&frame).unwrap(), [&frame[2..frame.len() - 1]]);
    assert_eq!(messages(&frame[..deep]).unwrap_err(), [""; 0]);
    let Ok(Said::Messages(many)) = Said::of_line(format!("a[{}0]", "0,".repeat(deep)).into())
    else {
        panic!("no messages");
    };
    assert!(many.eq(std::iter::repeat_n(Ok(Frame::text("0")), deep + 1)));
}

#[test]
fn lines_in_any_pieces() {
    let text = "o\n\nh\na[\"é😀\"]\nlast\n";
    for step in 1..=text.len() {
        let mut lines = Lines::new(100);
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            lines.push(piece);
            while let Some(line) = lines.next().unwrap() {
                found.push(String::from_utf8(line).unwrap());
            }
        }
        assert_eq!(found, ["o", "", "h", "a[\"é😀\"]", "last"], "{step}");
        assert!(!lines.finish());
    }
    let mut lines = Lines::new(100);
    lines.push(b"o\na[");
    assert_eq!(lines.next(), Ok(Some(b"o".to_vec())));
    assert!(lines.finish(), "amid a line");
    lines.push(b"h\n");
    assert_eq!(lines.next(), Ok(Some(b"h".to_vec())), "another answer");
}

#[test]
fn a_line_that_is_too_long_is_not_waited_for() {
    for step in [1, 7, 1000] {
        let mut lines = Lines::new(10);
        lines.push(b"0123456789\n");
        assert_eq!(lines.next().unwrap().unwrap().len(), 10);
        let mut pieces = [b'x'; 1000].chunks(step);
        let at = pieces.position(|piece| {
            lines.push(piece);
            lines.next().is_err()
        });
        assert_eq!(at, Some(10 / step), "{step}");
    }
    let mut lines = Lines::new(10);
    lines.push(b"01234567890\n");
    assert_eq!(lines.next(), Err(TooLong));
}
