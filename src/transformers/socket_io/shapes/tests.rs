//! Answers as they stand in recordings, and what must not break out of them.

use super::*;

fn body(shape: &Shape, records: &[Record<'_>], last: bool) -> String {
    let mut out = Vec::new();
    shape.body(What::Waiting { records, parting: false }, last, &mut out);
    String::from_utf8(out).unwrap()
}

fn call(i: Option<&str>) -> Shape {
    Shape::new(Kind::JsonpPolling, i)
}

#[test]
fn as_recorded() {
    let two = [Record::Text("\"\\u2028\\\"x\\\"\""), Record::Text("2")];
    let framed = "\u{fffd}17\u{fffd}3:::\"\\u2028\\\"x\\\"\"\u{fffd}5\u{fffd}3:::2";
    let of = |shape: Shape| body(&shape, &two, false);
    assert_eq!(of(Shape::Text), framed);
    let quoted = serde_json::to_string(framed).unwrap();
    assert_eq!(of(call(Some("2"))), format!("io.j[2]({quoted});"));
    assert_eq!(
        body(&Shape::Page, &[Record::Text("\"a/b</script>\"")], false),
        "<script>_(\"3:::\\\"a\\/b<\\/script>\\\"\");</script>"
    );
    assert_eq!(call(Some("2")).answer(Say::Connect), b"io.j[2](\"1::\");");
    assert_eq!(call(None).answer(Say::Unknown), b"io.j[0](\"7:::1+0\");");
    assert_eq!(Shape::Text.answer(Say::Noop), b"8::");
}

#[test]
fn the_page_begins_with_256_bytes() {
    let page = String::from_utf8(Shape::Page.answer(Say::Connect)).unwrap();
    let (prelude, rest) = page.split_at(256);
    assert_eq!(
        prelude.trim_end(),
        "<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>"
    );
    assert_eq!(rest, "<script>_(\"1::\");</script>");
}

#[test]
fn the_end_goes_with_the_last_messages() {
    let goodbye = Record::Text("\"primus::server::close\"");
    assert_eq!(
        body(&Shape::Text, &[goodbye], true),
        "\u{fffd}27\u{fffd}3:::\"primus::server::close\"\u{fffd}3\u{fffd}0::"
    );
    assert_eq!(
        body(&Shape::Page, &[goodbye], true),
        "<script>_(\"3:::\\\"primus::server::close\\\"\");</script>"
    );
}

#[test]
fn packets_of_its_own_stand_between_messages() {
    let records = [Record::Packet("6:::5"), Record::Text(""), Record::Close { shutdown: false }];
    assert_eq!(body(&Shape::Text, &records, false), "\u{fffd}5\u{fffd}6:::5\u{fffd}3\u{fffd}3::");
}

/// CVE-2020-8823 is that of another protocol with the same idea: what a request says
/// of the function stands in the answer.
#[test]
fn cve_2020_8823_nothing_but_digits_comes_from_the_query() {
    for i in ["", "x", "1x", "-1", "1];alert(1", "1.5", "٣", "\"", &"1".repeat(21), "constructor"]
    {
        assert_eq!(call(Some(i)), call(Some("0")), "{i}");
    }
    assert_eq!(call(Some("17")), Shape::Call("17".into()));
}

/// A message of one user must not become a part of the page of another.
#[test]
fn no_message_ends_its_script() {
    for text in
        ["</script><script>x", "<!--<script>", "\u{2028}\u{2029}", "\"\\\n\r\t\u{8}\u{c}\u{1}"]
    {
        let page = body(&Shape::Page, &[Record::Text(text)], false);
        let inner = page.strip_prefix("<script>_(").unwrap().strip_suffix(");</script>").unwrap();
        assert!(!inner.contains("</") && !inner.contains("<!"), "{inner}");
        assert!(!inner.contains(['\n', '\r', '\u{2028}', '\u{2029}']), "{inner}");
        let read: String = serde_json::from_str(inner).unwrap();
        assert_eq!(read, format!("3:::{text}"));
        let called = body(&call(None), &[Record::Text(text)], false);
        let inner = called.strip_prefix("io.j[0](").unwrap().strip_suffix(");").unwrap();
        assert_eq!(serde_json::from_str::<String>(inner).unwrap(), format!("3:::{text}"));
    }
}
