//! Bodies, messages and sessions that are too many, too long, or none.

use std::io::Write;

use primus::parsers::{CustomParser, Peer as Side};
use primus::{BoxError, Error, Frame, Parser, Primus, Value};

use crate::client::*;
use crate::common::*;

#[test]
fn what_is_said_of_bodies_that_are_no_messages() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let path = format!("{}/xhr_send", client.session);
    for (content, body, status, told) in [
        ("", "", 500, "Payload expected."),
        ("", " ", 500, "Broken JSON encoding."),
        ("", "[\"a\"", 500, "Broken JSON encoding."),
        ("", "x", 500, "Broken JSON encoding."),
        ("", "{}", 500, "Payload expected."),
        ("application/octet-stream", "[\"1\"]", 500, "Payload expected."),
        ("text/plainx", "[\"1\"]", 500, "Payload expected."),
        ("application/xml; charset=UTF-8", "[]", 204, ""),
        ("text/xml", "[]", 204, ""),
        ("T", "[]", 204, ""),
    ] {
        let headers = match content {
            "" => String::new(),
            content => format!("Content-Type: {content}\r\n"),
        };
        let answer = client.posts.ask(str::from_utf8(&post(&path, &headers, body)).unwrap());
        assert_eq!((answer.status, &*answer.body), (status, told), "{content} {body}");
    }
    // Before anything is said of the session.
    let unknown = format!("{}/xhr_send", fresh());
    assert_eq!(ask(server.addr, post(&unknown, "", "")).body, "Payload expected.");
    assert_eq!(ask(server.addr, post(&unknown, "", "[]")).body, NOT_FOUND);
    client.round("1");
}

#[test]
fn a_body_over_the_limit_is_not_read() {
    let server = echo(Primus::builder().max_length(1_000));
    let mut client = Client::open(server.addr);
    let path = format!("{}/xhr_send", client.session);
    for length in [1_001u64, 1 << 40] {
        let mut peer = server.connect();
        let headers = format!("Content-Length: {length}\r\n");
        peer.send(request("POST", &path, &headers).as_bytes());
        assert_eq!(peer.read_response().status, 413);
    }
    // In chunks, whose sum nobody has said.
    let mut peer = server.connect();
    peer.send(request("POST", &path, "Transfer-Encoding: chunked\r\n").as_bytes());
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    for _ in 0..4 {
        if peer.stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    assert_eq!(peer.read_response().status, 413);
    // Nothing has happened to the session, and it takes what is just short enough.
    let message = format!("\"{}\"", "x".repeat(1_000 - 10));
    client.round(&message);
}

/// A stranger is not to have us keep the largest body for nothing.
#[test]
fn a_long_body_for_an_unknown_session_is_not_read() {
    let server = echo(Primus::builder());
    let mut peer = server.connect();
    let path = format!("{}/xhr_send", fresh());
    peer.send(request("POST", &path, "Content-Length: 1000000\r\n").as_bytes());
    let answer = peer.read_response();
    assert_eq!((answer.status, &*answer.body), (404, NOT_FOUND));
}

/// CVE-2020-7693 was an upgrade; arrays like these have ended other servers.
#[test]
fn deep_and_wide_arrays_cost_what_they_are_long() {
    let server = echo(limited(|limits| limits.values = 1_000));
    let mut client = Client::open(server.addr);
    let wide = format!("[{}1]", "1,".repeat(1_000));
    assert_eq!(client.send(&wide).status, 413);
    for deep in ["[".repeat(400_000), "[{\"a\":".repeat(100_000)] {
        assert_eq!(client.send(&deep).body, "Broken JSON encoding.");
    }
    // The parser refuses it, and the session goes on.
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    assert_eq!(client.send(&deep).status, 204);
    client.round("1");

    let mut socket = Peer::open_with(server.addr, "/primus/000/deep/websocket", "");
    assert_eq!(socket.expect_text(), "o");
    socket.text(&deep);
    socket.text("[\"2\"]");
    assert_eq!(socket.expect_text(), "a[\"2\"]");
    socket.text(&wide);
    assert!(socket.expect_close(Some(1009)).is_empty());
    still_serves(&server);
}

#[test]
fn names_of_sessions_are_short_and_of_any_other_shape() {
    let server = echo(Primus::builder());
    for session in
        ["é", "%00", "%2e%2e", "__proto__", "constructor", "a%20b", "'\"<>", "~!$&()*+,;=:@"]
    {
        let path = format!("/000/{session}/xhr");
        let answer = ask(server.addr, post(&path, "", ""));
        assert!(matches!(answer.status, 200 | 400), "{session}: {answer:?}");
    }
    let name = "n".repeat(128);
    for (server_name, session, status) in [
        ("000", &*name, 200),
        (&*name, "x1", 200),
        ("000", &format!("{name}n"), 404),
        (&format!("{name}n"), "x2", 404),
        ("000", "a.b", 404),
        ("", "x3", 404),
        ("000", "", 404),
    ] {
        let path = format!("/{server_name}/{session}/xhr");
        assert_eq!(ask(server.addr, post(&path, "", "")).status, status, "{path}");
    }
}

#[test]
fn whoever_guesses_names_is_told_that_it_is_seen() {
    let server = echo(limited(|limits| limits.unknown_sessions = 5));
    let status = || ask(server.addr, post(&format!("{}/xhr_send", fresh()), "", "[\"1\"]")).status;
    let told: Vec<_> = (0..8).map(|_| status()).collect();
    assert_eq!(told, [404, 404, 404, 404, 404, 429, 429, 429]);
    // A session that has just ended is no guess.
    let client = Client::open(server.addr);
    server.spark().end_options(primus::EndOptions::default().reconnect(true));
    server.wait_empty();
    assert!(client.is_known());
    still_serves(&server);
}

#[test]
fn sessions_whose_clients_do_not_come_back_make_room() {
    let server = echo(limited(|limits| limits.fresh_sessions = 10));
    let mut kept = Client::open(server.addr);
    kept.round("1");
    let all: Vec<_> = (0..30).map(|_| Client::open(server.addr)).collect();
    wait_for("sparks", 11, || server.primus.connected());
    assert!(!all[0].is_known() && all[29].is_known());
    kept.round("2");
}

/// Makes bytes of what it is given.
struct Bytes;

impl CustomParser for Bytes {
    fn encode(&self, value: &Value, _: &dyn Side) -> Result<Option<Frame>, BoxError> {
        Ok(Some(match value.as_str() {
            Some(text) => Frame::text(text),
            None => Frame::binary(*b"bytes"),
        }))
    }

    fn decode(&self, frame: &Frame, _: &dyn Side) -> Result<Value, BoxError> {
        Ok(frame.as_text().unwrap_or_default().into())
    }
}

#[test]
fn bytes_are_an_error_where_they_are_written() {
    let server = Server::start(sockjs(Primus::builder().parser(Parser::custom(Bytes))));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for error in [spark.write(&1).unwrap_err(), server.primus.write(&1).unwrap_err()] {
        let text = error.to_string();
        assert!(matches!(error, Error::Parser(_)), "{text}");
        assert!(text.contains("`sockjs` carries text only"), "{text}");
    }
    let error = spark.write_frame(&Frame::binary(*b"x")).unwrap_err();
    assert!(matches!(&error, Error::Misuse(text) if text.contains("sockjs")), "{error}");
    spark.write("text").unwrap();
    assert_eq!(client.poll(), r#"a["text"]"#);
    let binary = sockjs(Primus::builder().parser(Parser::BINARY)).build().unwrap_err().to_string();
    assert!(binary.contains("carries text only") && binary.contains("`ejson`"), "{binary}");
}
