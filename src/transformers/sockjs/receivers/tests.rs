use super::*;

const KINDS: [Kind; 5] =
    [Kind::Xhr, Kind::XhrStreaming, Kind::EventSource, Kind::HtmlFile, Kind::Jsonp];

fn shape(kind: Kind) -> Shape {
    Shape::new(kind, Some("cb")).unwrap()
}

fn body(kind: Kind, texts: &[&str], parting: bool) -> String {
    let records: Vec<_> = texts.iter().map(|text| Record::Text(text)).collect();
    let mut out = Vec::new();
    shape(kind).body(What::Waiting { records: &records, parting }, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_frame_is_put_into_what_its_transport_reads() {
    for (kind, expected) in [
        (Kind::Xhr, "a[\"\\\"x%\\\"\",\"2\"]\n"),
        (Kind::XhrStreaming, "a[\"\\\"x%\\\"\",\"2\"]\n"),
        (Kind::EventSource, "data: a[\"\\\"x%25\\\"\",\"2\"]\r\n\r\n"),
        (
            Kind::HtmlFile,
            "<script>\np(\"a[\\\"\\\\\\\"x%\\\\\\\"\\\",\\\"2\\\"]\");\n</script>\r\n",
        ),
        (Kind::Jsonp, "/**/cb(\"a[\\\"\\\\\\\"x%\\\\\\\"\\\",\\\"2\\\"]\");\r\n"),
    ] {
        assert_eq!(body(kind, &["\"x%\"", "2"], false), expected, "{kind:?}");
    }
}

#[test]
fn what_the_protocol_says_itself() {
    for (say, frame) in
        [(Say::Heartbeat, "h"), (Say::Close(Close::NORMAL), "c[1000,\"Normal closure\"]")]
    {
        let mut out = Vec::new();
        shape(Kind::Xhr).body(What::Own(&say), &mut out);
        assert_eq!(out, format!("{frame}\n").as_bytes());
    }
}

/// Only xhr-polling is read line by line; streams get the end as a frame of their own.
#[test]
fn a_poll_that_is_the_last_gets_the_end_too() {
    assert_eq!(body(Kind::Xhr, &["1"], true), "a[\"1\"]\nc[1000,\"Normal closure\"]\n");
    assert_eq!(body(Kind::XhrStreaming, &["1"], true), "a[\"1\"]\n");
    assert_eq!(body(Kind::Jsonp, &["1"], true), "/**/cb(\"a[\\\"1\\\"]\");\r\n");
}

#[test]
fn preludes_are_as_long_as_those_of_node() {
    for (kind, length) in [
        (Kind::Xhr, 0),
        (Kind::XhrStreaming, 2049),
        (Kind::EventSource, 2),
        (Kind::HtmlFile, 1027 + "cb".len()),
        (Kind::Jsonp, 0),
    ] {
        let mut out = Vec::new();
        shape(kind).prelude(&mut out);
        assert_eq!(out.len(), length, "{kind:?}");
    }
    let mut page = Vec::new();
    Shape::new(Kind::HtmlFile, Some("_jp.abc")).unwrap().prelude(&mut page);
    assert_eq!(page.len(), 0x40a);
    let page = String::from_utf8(page).unwrap();
    assert!(page.contains("    var c = parent._jp.abc;\n    c.start();\n"), "{page}");
    assert!(page.ends_with(" \r\n\r\n"), "{page}");
}

#[test]
fn a_refusal_is_a_whole_answer() {
    let close = r#"c[2010,"Another connection still open"]"#;
    for kind in KINDS {
        let answer = String::from_utf8(shape(kind).answer(Close::ANOTHER)).unwrap();
        let escaped = close.replace('"', "\\\"");
        assert!(answer.contains(close) || answer.contains(&escaped), "{answer}");
    }
}

/// CVE-2020-8823 and its kind: what a stranger puts into a link became a script.
#[test]
fn callbacks_are_names_and_are_repeated_only_then() {
    for kind in [Kind::HtmlFile, Kind::Jsonp] {
        for missing in [None, Some("")] {
            assert_eq!(Shape::new(kind, missing), Err(BadCallback::Missing));
        }
        for bad in
            ["a(b)", "a b", "a;b", "<script>", "a\"", "a'b", "a\nb", "é", "a[0]", "a=b", "a/*"]
        {
            assert_eq!(Shape::new(kind, Some(bad)), Err(BadCallback::Invalid), "{bad}");
        }
        for good in ["a", "_jp.abc", "a-b.C_0"] {
            assert_eq!(Shape::new(kind, Some(good)).unwrap().callback, good);
        }
    }
    let long = "a".repeat(33);
    for kind in [Kind::Jsonp, Kind::HtmlFile] {
        assert_eq!(Shape::new(kind, Some(&long)), Err(BadCallback::Invalid));
        assert!(Shape::new(kind, Some(&long[1..])).is_ok());
    }
    // Where there is no function there is no use for one.
    assert!(Shape::new(Kind::Xhr, Some("a(b)")).unwrap().callback.is_empty());
}

#[test]
fn no_message_ends_the_script_that_it_is_in() {
    for text in ["</script><script>alert(1)</script>", "<!--<script>", "]]>\u{2028}"] {
        let frame = body(Kind::HtmlFile, &[text], false);
        let inner = frame.strip_prefix("<script>\np(").unwrap();
        let inner = inner.strip_suffix(");\n</script>\r\n").unwrap();
        assert!(!inner.contains('<') && !inner.contains('\u{2028}'), "{inner}");
        // To the script it is the same.
        let said: String = serde_json::from_str(inner).unwrap();
        let said: Vec<String> = serde_json::from_str(&said[1..]).unwrap();
        assert_eq!(said, [text]);
    }
}

/// A client of an event source reads lines.
#[test]
fn no_message_ends_the_line_that_it_is_in() {
    let frame = body(Kind::EventSource, &["a\r\ndata: c[1000,\"x\"]\n\n\0%00\u{2029}"], false);
    let inner = frame.strip_suffix("\r\n\r\n").unwrap();
    assert!(!inner.contains(['\r', '\n', '\0', '\u{2029}']), "{inner}");
    assert!(inner.contains("%2500"), "{inner}");
}
