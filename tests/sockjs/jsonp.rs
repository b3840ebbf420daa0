//! JSONP, of which an answer is a script, and what is sent is a form.

use primus::Primus;

use crate::client::*;
use crate::common::*;

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// The frame in an answer.
fn frame(answer: &Response) -> String {
    let inner = answer.body.strip_prefix("/**/cb(").and_then(|rest| rest.strip_suffix(");\r\n"));
    serde_json::from_str(inner.unwrap_or_else(|| panic!("{answer:?}"))).expect("a string")
}

#[test]
fn a_conversation() {
    let server = echo(Primus::builder());
    let session = fresh();
    let poll = || ask(server.addr, receive(&session, "jsonp"));
    let opened = poll();
    assert_eq!(frame(&opened), "o");
    assert_eq!(opened.header("content-type"), Some("application/javascript; charset=UTF-8"));
    // Else it might be taken for a file of another kind.
    assert_eq!(opened.header("x-content-type-options"), Some("nosniff"));
    let path = format!("{session}/jsonp_send");
    for (headers, body) in [
        (FORM, "d=%5B%22%5C%22a+%C3%A9%26%5C%22%22%5D&x=y"),
        ("Content-Type: text/plain;charset=UTF-8\r\n", "[\"\\\"a é&\\\"\"]"),
        ("", "[\"\\\"a é&\\\"\"]"),
    ] {
        let answer = ask(server.addr, post(&path, headers, body));
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{body}");
        assert_eq!(messages(&frame(&poll())), ["\"a é&\""], "{body}");
    }
    server.spark().write("</script>\u{2028}\u{2029}").unwrap();
    let answer = poll();
    assert!(answer.body.is_ascii(), "{}", answer.body);
    assert_eq!(messages(&frame(&answer)), ["\"</script>\\u2028\\u2029\""]);
}

#[test]
fn what_is_no_array_in_a_form_is_told() {
    let server = echo(Primus::builder());
    let session = fresh();
    ask(server.addr, receive(&session, "jsonp"));
    for (headers, body, told) in [
        (FORM, "", "Payload expected."),
        (FORM, "d=", "Payload expected."),
        (FORM, "D=%5B%5D", "Payload expected."),
        (FORM, "[\"1\"]", "Payload expected."),
        (FORM, "d=%7B%7D", "Payload expected."),
        (FORM, "d=%5B", "Broken JSON encoding."),
        (FORM, "d=%GG", "Broken JSON encoding."),
        ("Content-Type: application/json\r\n", "[]", "Payload expected."),
    ] {
        let answer = ask(server.addr, post(&format!("{session}/jsonp_send"), headers, body));
        assert_eq!((answer.status, &*answer.body), (500, told), "{body}");
        assert_eq!(answer.header("content-type"), None);
    }
    assert_eq!(server.primus.metrics().messages_in, 0);
}
