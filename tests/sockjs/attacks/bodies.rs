//! What is sent, and is no array of messages.

use std::time::Duration;

use primus::{Destroy, Primus};

use crate::client::*;
use crate::common::engine_io::patient;
use crate::common::*;

const EXPECTED: &str = "Payload expected.";
const BROKEN: &str = "Broken JSON encoding.";

/// Both ways to send, and how a body is told apart there.
const WAYS: [(&str, &str); 3] = [
    ("xhr_send", "Content-Type: text/plain\r\n"),
    ("jsonp_send", "Content-Type: text/plain\r\n"),
    ("jsonp_send", "Content-Type: application/x-www-form-urlencoded\r\n"),
];

/// A body of this kind.
fn body(headers: &str, text: &str) -> String {
    if !headers.contains("form") {
        return text.to_owned();
    }
    let mut form = "d=".to_owned();
    text.bytes().for_each(|byte| form.push_str(&format!("%{byte:02X}")));
    form
}

fn send(client: &mut Client, way: (&str, &str), text: &str) -> Response {
    let path = format!("{}/{}", client.session, way.0);
    client.posts.send(&post(&path, way.1, body(way.1, text)));
    client.posts.read_response()
}

/// On the same session, which goes on; none of it reaches the application.
#[track_caller]
fn refused(texts: &[&str], wanted: &str) {
    let server = echo(patient());
    for way in WAYS {
        let mut client = Client::open(server.addr);
        for text in texts {
            let answer = send(&mut client, way, text);
            assert_eq!((answer.status, &*answer.body), (500, wanted), "{way:?} {text}");
            // It is no page.
            assert_eq!(answer.header("content-type"), None);
            // Nor is it other for a session that does not exist.
            let stray = post(&format!("{}/{}", fresh(), way.0), way.1, body(way.1, text));
            let answer = ask(server.addr, stray);
            assert_eq!((answer.status, &*answer.body), (500, wanted), "{way:?} {text}");
        }
        client.round("\"after\"");
    }
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn payload_expected() {
    refused(&["", "{}", "{\"a\":[\"x\"]}", "1", "null", "\"x\"", "true", " {} "], EXPECTED);
}

#[test]
fn broken_json_encoding() {
    refused(
        &[
            " ",
            "[\"x\"",
            "[\"x",
            "x",
            "[x]",
            "['x']",
            "[\"x\",]",
            "[,\"x\"]",
            "[\"x\"]]",
            "[\"x\"] x",
            "[\"x\"][\"y\"]",
            "a[\"x\"]",
            "[\"\\x\"]",
            "[\"\\u12\"]",
            "[\"\n\"]",
            "[01]",
            "[+1]",
            "[.5]",
            "[1.]",
            "[NaN]",
            "[\"\u{1}\"]",
            "\u{feff}[\"x\"]",
        ],
        BROKEN,
    );
}

/// A type that is not expected is as good as nothing.
#[test]
fn bodies_of_other_types() {
    let server = echo(patient());
    let mut client = Client::open(server.addr);
    for (route, content, accepted) in [
        ("xhr_send", "", true),
        ("xhr_send", "text/plain", true),
        ("xhr_send", "T", true),
        ("xhr_send", "application/json", true),
        ("xhr_send", "application/xml", true),
        ("xhr_send", "text/xml", true),
        ("xhr_send", "text/plain; charset=utf-8", true),
        ("xhr_send", "application/xml; charset=UTF-8", true),
        ("xhr_send", "text/plainx", false),
        ("xhr_send", "application/octet-stream", false),
        ("xhr_send", "application/x-www-form-urlencoded", false),
        ("xhr_send", "multipart/form-data; boundary=x", false),
        ("xhr_send", "text/html", false),
        ("xhr_send", "t", false),
        ("jsonp_send", "", true),
        ("jsonp_send", "text/plain", true),
        ("jsonp_send", "application/json", false),
        ("jsonp_send", "application/x-www-form-urlencoded", false),
    ] {
        let headers = format!("Content-Type: {content}\r\n");
        let headers = if content.is_empty() { "" } else { &headers };
        let answer = send_raw(&mut client, route, headers, "[\"1\"]");
        match (accepted, route) {
            (false, _) => {
                assert_eq!((answer.status, &*answer.body), (500, EXPECTED), "{route} {content}")
            }
            (true, "xhr_send") => {
                assert_eq!((answer.status, &*answer.body), (204, ""), "{content}")
            }
            (true, _) => assert_eq!((answer.status, &*answer.body), (200, "ok"), "{content}"),
        }
        if accepted {
            assert_eq!(client.messages(1), ["1"], "{route} {content}");
        }
    }
    for form in ["", "d", "d=", "x=[\"x\"]", "D=[\"x\"]", "[\"x\"]", "&&&", "%64%"] {
        let answer = send_raw(
            &mut client,
            "jsonp_send",
            "Content-Type: application/x-www-form-urlencoded\r\n",
            form,
        );
        assert_eq!((answer.status, &*answer.body), (500, EXPECTED), "{form}");
    }
    client.round("\"after\"");
}

fn send_raw(client: &mut Client, route: &str, headers: &str, body: &str) -> Response {
    let path = format!("{}/{route}", client.session);
    client.posts.send(&post(&path, headers, body));
    client.posts.read_response()
}

/// Elements that are no texts, or no whole ones, break nothing.
#[test]
fn elements_of_any_kind() {
    let server = echo(patient());
    let mut client = Client::open(server.addr);
    for body in [
        "[]",
        " [ ] ",
        "[null]",
        "[1,{}]",
        "[[\"x\"]]",
        "[{\"a\":\"x\"}]",
        "[\"\\ud83d\"]",
        "[\"\\u0000\"]",
        "[\"\",\"\"]",
    ] {
        let answer = client.send(body);
        assert_eq!((answer.status, &*answer.body), (204, ""), "{body}");
    }
    // Bytes that are no text at all.
    for bytes in [&b"[\"\xff\"]"[..], b"[\"\xed\xa0\x80\"]", b"\xff\xfe", b"[\"x\"]\0"] {
        let answer = client.send(bytes);
        assert!([204, 500].contains(&answer.status), "{answer:?}");
    }
    client.say("\"last\"");
    while messages(&client.poll()).last().unwrap() != "\"last\"" {}
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn empty_bodies_on_every_route() {
    let server = echo(Primus::builder());
    let session = Client::open(server.addr).session;
    for (route, status, body) in [("xhr_send", 500, EXPECTED), ("jsonp_send", 500, EXPECTED)] {
        for headers in ["", "Content-Length: 0\r\n"] {
            let answer = ask(server.addr, request("POST", &format!("{session}/{route}"), headers));
            assert_eq!((answer.status, &*answer.body), (status, body), "{route} {headers:?}");
        }
        let chunked =
            request("POST", &format!("{session}/{route}"), "Transfer-Encoding: chunked\r\n");
        let answer = ask(server.addr, chunked + "0\r\n\r\n");
        assert_eq!((answer.status, &*answer.body), (status, body), "{route}");
    }
    for receiver in POSTED {
        for headers in ["", "Content-Length: 0\r\n"] {
            let mut peer = server.connect();
            peer.send(request("POST", &format!("{}/{receiver}", fresh()), headers).as_bytes());
            assert!(peer.read_head().starts_with("HTTP/1.1 200 "), "{receiver} {headers:?}");
        }
    }
}

/// As long as a message may be, and a byte more; said beforehand and not.
#[test]
fn huge_bodies() {
    let server = echo(patient().max_length(10_000));
    let mut client = Client::open(server.addr);
    let array = |length: usize| format!("[\"\\\"{}\\\"\"]", "x".repeat(length - 8));
    assert_eq!(client.send(array(10_000)).status, 204);
    assert_eq!(client.messages(1)[0].len(), 9_994);
    for route in ["xhr_send", "jsonp_send"] {
        let path = format!("{}/{route}", client.session);
        let declared = ask(server.addr, post(&path, "", array(10_001)));
        assert_eq!(declared.status, 413, "{route}");
        let mut peer = server.connect();
        peer.send(request("POST", &path, "Transfer-Encoding: chunked\r\n").as_bytes());
        while peer.try_send(format!("1000\r\n{}\r\n", "x".repeat(0x1000)).as_bytes()) {
            if let Some(answer) = peer.response_within(Duration::from_millis(10)) {
                assert_eq!(answer.status, 413, "{route}");
                break;
            }
        }
        // Lengths that nobody has the memory for are not believed.
        for length in ["1099511627776", "9223372036854775807", "18446744073709551615"] {
            let headers = format!("Content-Length: {length}\r\n");
            assert_eq!(
                ask(server.addr, request("POST", &path, &headers)).status,
                413,
                "{route} {length}"
            );
        }
    }
    // Nothing has happened to the session.
    client.round("1");
}

/// What is sent to nobody is not kept, however much it is.
#[test]
fn huge_bodies_for_unknown_sessions() {
    let server = echo(Primus::builder());
    for route in ["xhr_send", "jsonp_send"] {
        let path = format!("{}/{route}", fresh());
        let mut peer = server.connect();
        peer.send(request("POST", &path, "Content-Length: 1073741824\r\n").as_bytes());
        let answer = peer.read_response();
        assert_eq!((answer.status, &*answer.body), (404, NOT_FOUND), "{route}");
        peer.expect_end();
        let whole = ask(server.addr, post(&path, "", "[\"x\"]"));
        assert_eq!((whole.status, &*whole.body), (404, NOT_FOUND), "{route}");
    }
}

/// Receivers have nothing to be told: what is said all the same is not taken for a
/// request.
#[test]
fn bodies_of_receivers() {
    let server = echo(Primus::builder());
    let inner = String::from_utf8(post("/s/smuggled/xhr", "", "")).unwrap();
    for receiver in POSTED {
        let mut peer = server.connect();
        peer.send(&post(&format!("{}/{receiver}", fresh()), "", &inner));
        assert!(peer.read_head().starts_with("HTTP/1.1 200 "), "{receiver}");
    }
    for receiver in GOT {
        let mut peer = server.connect();
        let headers = format!("Content-Length: {}\r\n", inner.len());
        let head = request("GET", &format!("{}/{receiver}?c=cb", fresh()), &headers);
        peer.send(format!("{head}{inner}").as_bytes());
        let head = peer.read_head();
        assert!(
            [" 200 ", " 400 ", " 413 "].iter().any(|status| head.contains(status)),
            "{receiver}: {head}"
        );
    }
    assert!(!is_known(server.addr, "/s/smuggled"));
}

#[test]
fn deep_and_wide_arrays() {
    let away = (10 * PATIENCE).as_millis().to_string();
    let builder = limited(|limits| limits.values = 1000).ping_interval(None);
    let server = echo(builder.transport("disconnect_delay", away));
    let mut client = Client::open(server.addr);
    let (open, close) = ("[".repeat(500_000), "]".repeat(500_000));
    let wide = format!("[{}\"x\"]", "\"x\",".repeat(500_000));
    let fields = format!("[{{{}\"a\":1}}]", "\"a\":1,".repeat(500_000));
    for (bomb, refused) in [
        (format!("{open}{close}"), None),
        (open.clone(), Some(500)),
        ("[{\"a\":".repeat(300_000), Some(500)),
        (wide, Some(413)),
        (fields, None),
        ("[[],".repeat(300_000), Some(500)),
    ] {
        for way in WAYS {
            let answer = send(&mut client, way, &bomb);
            let taken = if way.0 == "xhr_send" { 204 } else { 200 };
            assert_eq!(answer.status, refused.unwrap_or(taken), "{way:?} {bomb:.20}");
        }
        still_serves(&server);
    }
    // Those that were taken are refused by the parser. No poll came meanwhile.
    client.polls = server.connect();
    client.round("\"after\"");
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// Framing on which two servers differ: whatever is taken for the body, and whatever
/// for the next request.
#[test]
fn content_length_lies_and_smuggling() {
    let server = echo(Primus::builder());
    for route in ["xhr", "xhr_streaming", "xhr_send", "jsonp_send"] {
        for (fields, body) in [
            ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
            ("Content-Length: 5\r\nContent-Length: 6", "[\"a\"]"),
            ("Content-Length: +5", "[\"a\"]"),
            ("Content-Length: -5", "[\"a\"]"),
            ("Content-Length: 5, 5", "[\"a\"]"),
            ("Content-Length: 0x5", "[\"a\"]"),
            ("Content-Length : 5", "[\"a\"]"),
            ("Content-Length: five", "[\"a\"]"),
            ("Transfer-Encoding: identity", "[\"a\"]"),
            ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
            ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
            ("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
            ("X: a\nContent-Length: 5", "[\"a\"]"),
            ("X: \0", ""),
        ] {
            let client = Client::open(server.addr);
            let head =
                request("POST", &format!("{}/{route}", client.session), &format!("{fields}\r\n"));
            let smuggled = post("/s/smuggled/xhr", "", "");
            let mut peer = server.connect();
            peer.send(&[head.as_bytes(), body.as_bytes(), &smuggled].concat());
            let answer = peer.read_response();
            assert_eq!(answer.status, 400, "{route} {fields:?}: {answer:?}");
            peer.expect_end();
            assert!(client.is_known(), "{route} {fields:?}");
        }
    }
    assert!(!is_known(server.addr, "/s/smuggled"));
    still_serves(&server);
    server.primus.destroy(Destroy::default().timeout(PATIENCE));
}
