//! Sessions whose names their clients choose: hostile names, and those of others.

use std::time::Duration;

use primus::{EndOptions, Limits, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

const SCRIPT: &str = "<script>alert(1)<%2fscript>";

/// Names that mean something elsewhere.
#[test]
fn hostile_session_names() {
    let server = echo(Primus::builder());
    let long = "x".repeat(128);
    for name in [
        "__proto__",
        "constructor",
        "toString",
        "hasOwnProperty",
        "null",
        "undefined",
        "0",
        "-1",
        "xhr",
        "websocket",
        "info",
        "%00",
        "%0d%0aSet-Cookie:a=b",
        "%2e%2e",
        "%2fetc%2fpasswd",
        "%",
        "%zz",
        "%ff",
        "%c0%80",
        "'--",
        "';DROP",
        "$(id)",
        "{}",
        "[]",
        "*",
        "+",
        "~",
        "@",
        ":",
        ";a=b",
        "a&b",
        "a=b",
        "!",
        "\\x",
        "~!$&()*+,;=:@",
        "é",
        SCRIPT,
        &long,
    ] {
        let session = format!("/000/{name}");
        let mut peer = server.connect();
        peer.send(&receive(&session, "xhr"));
        let answer = peer.read_response();
        // Some of these stand in no request.
        assert!([200, 400].contains(&answer.status), "{name}: {answer:?}");
        if answer.status == 200 {
            assert_eq!(answer.body, "o\n", "{name}");
            assert!(
                !answer.head.contains("Set-Cookie") && !answer.head.contains("script>"),
                "{answer:?}"
            );
            let mut client =
                Client { addr: server.addr, session, polls: peer, posts: server.connect() };
            client.round("\"mine\"");
        }
    }
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn names_of_hostile_length() {
    let server = echo(limited(|limits| limits.request_line = 64 << 10));
    let longest = "x".repeat(128);
    for session in [format!("/000/{longest}"), format!("/{longest}/s")] {
        assert_eq!(ask(server.addr, receive(&session, "xhr")).body, "o\n");
    }
    for length in [129, 1000, 8000, 30_000] {
        for session in
            [format!("/000/{}", "x".repeat(length)), format!("/{}/s", "0".repeat(length))]
        {
            for receiver in POSTED.into_iter().chain(GOT) {
                let answer = ask(server.addr, receive(&session, receiver));
                assert_eq!((answer.status, &*answer.body), (404, NOT_FOUND), "{length} {receiver}");
            }
            for route in ["xhr_send", "jsonp_send"] {
                let answer = ask(server.addr, post(&format!("{session}/{route}"), "", "[\"x\"]"));
                assert_eq!((answer.status, &*answer.body), (404, NOT_FOUND), "{length} {route}");
            }
            let mut peer = server.connect();
            peer.send(&upgrade(&format!("/primus{session}/websocket"), ""));
            assert!(peer.read_head().starts_with("HTTP/1.1 404 "), "{length}");
        }
    }
    assert_eq!(server.primus.connected(), 2);
}

/// Names that are not the same are not taken for the same.
#[test]
fn names_that_look_alike() {
    let server = echo(Primus::builder());
    let names = ["abc", "ABC", "abc%20", "%61bc", "abc;x", "abc%00", "ab%63", "abc,"];
    let mut clients: Vec<_> =
        names.iter().map(|name| Client::open_as(server.addr, &format!("/000/{name}"))).collect();
    for (client, name) in clients.iter_mut().zip(names) {
        client.say(&format!("\"{name}\""));
    }
    for (client, name) in clients.iter_mut().zip(names) {
        assert_eq!(client.messages(1), [format!("\"{name}\"")]);
    }
}

/// Who has another one open a session under a name of its own choice hears nothing
/// of what is said there, as long as the other one listens; and a session ends with
/// its receiver.
#[test]
fn session_fixation() {
    let server = echo(Primus::builder());
    let name = "/000/chosen";
    // The attacker is first: the other one is told so, and does not take part.
    let mut attacker = Stream::open(server.addr, name, "xhr_streaming");
    assert_eq!(attacker.frame(), "o");
    for receiver in POSTED.into_iter().chain(GOT) {
        assert_eq!(refused(&server, name, receiver), ANOTHER, "{receiver}");
    }
    drop(attacker);
    server.wait_empty();
    // The name means a new session now, of which the attacker is no part.
    let mut other = Stream::open(server.addr, name, "xhr_streaming");
    assert_eq!(other.frame(), "o");
    assert_eq!(refused(&server, name, "xhr"), ANOTHER);
    server.spark().write("secret").unwrap();
    assert_eq!(other.messages(1), ["\"secret\""]);
    // The server's part of the path is no other name.
    assert_eq!(refused(&server, "/999/chosen", "xhr"), ANOTHER);
    // The id of the spark is none of the client's choice.
    assert!(!server.spark().id().contains("chosen"));
}

/// The frame that a second receiver gets.
fn refused(server: &Server, session: &str, receiver: &'static str) -> String {
    let mut peer = server.connect();
    peer.send(&receive(session, receiver));
    let body = peer.read_response().body;
    let quoted = |begin: &str, end: &str| -> String {
        let (_, rest) = body.rsplit_once(begin).expect("a call");
        serde_json::from_str(&rest[..rest.find(end).expect("its end")]).expect("a string")
    };
    match receiver {
        "jsonp" => quoted("/**/cb(", ");"),
        "htmlfile" => quoted("\np(", ");"),
        "eventsource" => body.trim().trim_start_matches("data: ").to_owned(),
        _ => body.trim_end().rsplit('\n').next().expect("a line").to_owned(),
    }
}

/// Every pair of receivers: the first keeps all, the second is told once.
#[test]
fn a_second_receiver_of_every_kind() {
    let server = echo(Primus::builder());
    for first in ["xhr_streaming", "eventsource", "htmlfile"] {
        for second in POSTED.into_iter().chain(GOT) {
            let session = fresh();
            let mut stream = Stream::open(server.addr, &session, first);
            assert_eq!(stream.frame(), "o");
            for n in 0..3 {
                assert_eq!(refused(&server, &session, second), ANOTHER, "{first} {second}");
                let body = format!("[\"{n}\"]");
                assert_eq!(
                    ask(server.addr, post(&format!("{session}/xhr_send"), "", body)).status,
                    204
                );
                assert_eq!(stream.messages(1), [n.to_string()], "{first} {second}");
            }
        }
    }
}

/// A websocket has no name that another could use.
#[test]
fn websockets_of_one_name_are_strangers() {
    let server = echo(Primus::builder());
    let mut sockets: Vec<_> =
        (0..3).map(|_| Peer::open_with(server.addr, "/primus/000/same/websocket", "")).collect();
    let mut polls = Client::open_as(server.addr, "/000/same");
    for socket in &mut sockets {
        assert_eq!(socket.expect_text(), "o");
    }
    for (n, socket) in sockets.iter_mut().enumerate() {
        socket.text(&format!("[\"{n}\"]"));
    }
    polls.round("9");
    assert_eq!(server.primus.connected(), 4);
    for (n, socket) in sockets.iter_mut().enumerate() {
        assert_eq!(socket.expect_text(), format!("a[\"{n}\"]"));
    }
}

/// Who tries on is told so, and nobody else; sessions are served all the same.
#[test]
fn session_id_guessing_at_a_rate() {
    let clock = ManualClock::new();
    let mut limits = Limits::default();
    limits.unknown_sessions = 10;
    let server = echo(Primus::builder().limits(limits).clock(&clock).ping_interval(None));
    let mut client = Client::open(server.addr);
    let from = |address: &str, route: &str| {
        let header = format!("X-Forwarded-For: {address}\r\n");
        ask(server.addr, post(&format!("{}/{route}", fresh()), &header, "[\"x\"]")).status
    };
    let statuses: Vec<u16> =
        (0..12).map(|n| from("192.0.2.1", ["xhr_send", "jsonp_send"][n % 2])).collect();
    assert_eq!(statuses, [[404; 10].as_slice(), &[429; 2]].concat());
    assert_eq!(from("192.0.2.2", "xhr_send"), 404);
    client.round("\"x\"");
    // A session that has just ended is no guess.
    server.spark().end_options(EndOptions::default().reconnect(true));
    server.wait_empty();
    assert!(client.is_known());
    clock.advance(Duration::from_secs(60));
    assert_eq!(from("192.0.2.1", "xhr_send"), 404);
}

/// What is told of a session that exists and of one that does not differs in
/// nothing but that; and of its name nothing is told.
#[test]
fn unknown_sessions_are_told_nothing() {
    let server = echo(Primus::builder());
    for route in ["xhr_send", "jsonp_send"] {
        for name in ["a", "%3Cscript%3E", "__proto__"] {
            let answer = ask(server.addr, post(&format!("/000/{name}/{route}"), "", "[\"x\"]"));
            assert_eq!((answer.status, &*answer.body), (404, NOT_FOUND), "{route} {name}");
            assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        }
    }
    assert_eq!(server.primus.connected(), 0, "none was opened by it");
}
