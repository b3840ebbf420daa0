use super::*;

fn chunk(arrays: &mut Arrays) -> String {
    let mut out = Vec::new();
    arrays.chunk(&mut out);
    String::from_utf8(out).unwrap()
}

/// A session's arrays, of which the first is the client's already.
fn arrays() -> Arrays {
    let mut arrays = Arrays::default();
    arrays.own("[\"c\",\"58nt05n2\",null,8]");
    assert_eq!(chunk(&mut arrays), "30\n[[0,[\"c\",\"58nt05n2\",null,8]]]\n");
    assert_eq!(arrays.acknowledge(0), Ok(()));
    arrays
}

/// As the real one was recorded to send them.
#[test]
fn chunks() {
    let mut arrays = arrays();
    assert_eq!(chunk(&mut arrays), "");
    arrays.message("\"queued-1\"");
    arrays.message("{\"q\":\"\\u2028é😀\"}");
    assert_eq!(
        chunk(&mut arrays),
        "50\n[[1,\"\\\"queued-1\\\"\"],[2,\"{\\\"q\\\":\\\"\\\\u2028é😀\\\"}\"]]\n"
    );
    arrays.own("[\"noop\"]");
    assert_eq!(chunk(&mut arrays), "15\n[[3,[\"noop\"]]]\n");
    arrays.message("\"primus::server::close\"");
    arrays.own("[\"stop\"]");
    assert_eq!(chunk(&mut arrays), "47\n[[4,\"\\\"primus::server::close\\\"\"],[5,[\"stop\"]]]\n");
    assert_eq!(chunk(&mut arrays), "");
}

#[test]
fn what_is_not_acknowledged_is_sent_again_by_another_back_channel() {
    let mut arrays = arrays();
    ["a", "b", "c"].iter().for_each(|text| arrays.message(text));
    assert_eq!(chunk(&mut arrays), "26\n[[1,\"a\"],[2,\"b\"],[3,\"c\"]]\n");
    assert_eq!(arrays.acknowledge(2), Ok(()));
    assert_eq!(chunk(&mut arrays), "");
    arrays.begin();
    assert!(arrays.has_unsent());
    arrays.message("d");
    assert_eq!(chunk(&mut arrays), "18\n[[3,\"c\"],[4,\"d\"]]\n");
    // One that comes late says nothing new.
    assert_eq!(arrays.acknowledge(1), Ok(()));
    arrays.begin();
    assert_eq!(chunk(&mut arrays), "18\n[[3,\"c\"],[4,\"d\"]]\n");
    assert_eq!(arrays.acknowledge(4), Ok(()));
    arrays.begin();
    assert!(!arrays.has_unsent());
    assert_eq!((chunk(&mut arrays), arrays.next()), (String::new(), 5));
}

#[test]
fn what_was_never_sent_cannot_be_acknowledged() {
    let mut arrays = arrays();
    arrays.message("a");
    for number in [2, 3, u64::MAX] {
        assert_eq!(arrays.acknowledge(number), Err(Ahead));
    }
    assert_eq!(chunk(&mut arrays), "10\n[[1,\"a\"]]\n");
    assert_eq!(arrays.acknowledge(1), Ok(()));
    assert_eq!(arrays.acknowledge(2), Err(Ahead));
}

#[test]
fn what_is_kept_is_counted() {
    let arrays = Arrays::default();
    assert_eq!((arrays.kept(), arrays.status(false)), (0, "8\n[0,-1,0]".into()));
    let mut arrays = self::arrays();
    assert_eq!((arrays.kept(), arrays.status(false)), (0, "7\n[0,0,0]".into()));
    arrays.message("\"live-2\"");
    arrays.message("\"live-3\"");
    // As the real one was recorded to count.
    assert_eq!(arrays.status(true), "8\n[1,2,27]");
    assert_eq!(arrays.kept(), 2 * (12 + COST));
    arrays.acknowledge(1).unwrap();
    assert_eq!((arrays.kept(), arrays.status(true)), (12 + COST, "8\n[1,2,14]".into()));
    arrays.acknowledge(2).unwrap();
    arrays.message("\"primus::server::close\"");
    arrays.own("[\"stop\"]");
    assert_eq!(arrays.status(true), "8\n[1,4,38]");
    for _ in 0..1_000 {
        arrays.message("é😀");
    }
    arrays.acknowledge(arrays.next() - 1).unwrap();
    assert_eq!((arrays.kept(), arrays.kept.capacity()), (0, 0));
    assert_eq!(arrays.status(true), "10\n[1,1004,0]");
}

#[test]
fn strings() {
    for (text, expected) in [
        ("", "\"\""),
        ("a\"\\\n\u{1}\u{7f}\u{9f}", "\"a\\\"\\\\\\n\\u0001\u{7f}\u{9f}\""),
        ("é漢😀\u{200b}\u{ffff}€", "\"é漢😀\u{200b}\u{ffff}€\""),
        ("\u{2028}", "\"\\u2028\""),
        ("a\u{2028}\u{2029}b\"\u{2028}", "\"a\\u2028\\u2029b\\\"\\u2028\""),
        ("\u{2029}\u{2029}\u{2028}\u{2028}", "\"\\u2029\\u2029\\u2028\\u2028\""),
    ] {
        let mut out = b"x".to_vec();
        quote(text, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("x{expected}"));
        assert_eq!(serde_json::from_str::<String>(expected).unwrap(), text);
    }
}

/// Of as many digits as there may be.
#[test]
fn numbers_of_every_length() {
    for first in [0, 8, 9, 10, 98, 99, 999, 1_000_000, (1 << 53) - 2] {
        let mut arrays = Arrays { first, ..Arrays::default() };
        ["a", "é"].iter().for_each(|text| arrays.message(text));
        let body = format!("[[{first},\"a\"],[{},\"é\"]]\n", first + 1);
        assert_eq!(chunk(&mut arrays), format!("{}\n{body}", body.encode_utf16().count()));
    }
}

/// The length is what JavaScript says that it is.
#[test]
fn lengths_count_utf_16_units() {
    let mut arrays = arrays();
    for text in ["é", "漢字", "😀😀", "\u{2028}", "\"\"", "a\u{0}"] {
        arrays.message(text);
        arrays.begin();
        let chunk = chunk(&mut arrays);
        let (length, body) = chunk.split_once('\n').unwrap();
        assert_eq!(length.parse(), Ok(body.encode_utf16().count()), "{body}");
        let read: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(read.as_array().unwrap().last().unwrap()[1], text);
    }
}
