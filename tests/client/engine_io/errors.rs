//! Refusals and nonsense.

use primus::{Client, Ended, Error};

use super::server::{OPEN, Server};
use crate::server::{Log, SOON};

#[test]
fn a_refused_handshake() {
    let json = r#"{"code":4,"message":"Forbidden"}"#;
    for (status, body, code, message) in [
        (
            "400 Bad Request",
            r#"{"code":0,"message":"Transport unknown"}"#,
            400,
            "Transport unknown",
        ),
        ("403 Forbidden", json, 403, "Forbidden"),
        ("401 Unauthorized", r#"{"error":"nope"}"#, 401, "nope"),
        ("503 Service Unavailable", "later", 503, "later"),
        ("204 No Content", "", 204, ""),
    ] {
        let server = Server::new();
        let connecting = server.client();
        let connecting = std::thread::spawn(move || connecting.connect());
        server.get().refuse(status, body);
        match connecting.join().unwrap() {
            Err(Error::Refused { status, message: told, .. }) => {
                assert_eq!((status, told.as_str()), (code, message));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_refused_websocket() {
    let server = Server::new();
    let connecting = server.client().transport("transports", "websocket");
    let connecting = std::thread::spawn(move || connecting.connect());
    server.upgrade().send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nForbidden");
    match connecting.join().unwrap() {
        Err(Error::Refused { status: 400, message, .. }) => assert_eq!(message, "Forbidden"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_handshake_that_is_none() {
    for body in [
        "",
        "ok",
        "<html>",
        "4\"a\"",
        "1",
        "0",
        "0{}",
        r#"0{"sid":"","pingInterval":1,"pingTimeout":1}"#,
        "96:0{\"sid\":\"a\"}",
    ] {
        let server = Server::new();
        let connecting = server.client();
        let connecting = std::thread::spawn(move || connecting.connect());
        server.get().answer(body);
        let other = connecting.join().unwrap();
        assert!(matches!(other, Err(Error::Protocol(_))), "{body}: {other:?}");
        // As an older server answers: what to do about it is said.
        let hint = format!("{other:?}").contains("`protocol`");
        assert!(hint || !body.starts_with("96:"), "{other:?}");
    }
    for open in ["", "4\"a\"", "0{}"] {
        let server = Server::new();
        let connecting = server.client().transport("transports", "websocket");
        let connecting = std::thread::spawn(move || connecting.connect());
        let mut peer = server.accept();
        peer.text(open);
        let other = connecting.join().unwrap();
        assert!(matches!(other, Err(Error::Protocol(_))), "{open}: {other:?}");
    }
}

#[test]
fn a_handshake_may_have_more_in_it_than_is_known() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let open =
        r#"0{"more":[{}],"pingTimeout":1e4,"pingInterval":5000.5,"upgrades":null,"sid":"a"}"#;
    server.get().answer(open);
    client.wait_open(SOON).unwrap();
    assert!(server.get().target().ends_with("&sid=a"));
}

#[test]
fn a_poll_that_is_refused_loses_the_session() {
    let server = Server::new();
    let (client, poll) = server.open(server.client().transport("transports", "polling"));
    let log = Log::of(&client);
    poll.refuse("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#);
    assert_eq!(log.next(), "close 1006");
    assert!(log.next().starts_with("scheduled 1"));
    let text = client.close_reason().unwrap().text;
    assert!(text.contains("400") && text.contains("Session ID unknown"), "{text}");
    log.expect(&["reconnect 1"]);
    server.get().answer(OPEN);
    log.expect(&["reconnected 1", "open"]);
}

#[test]
fn a_post_that_is_refused_loses_the_session() {
    for (status, code, by) in [
        ("500 Internal Server Error", 1006, Ended::Lost),
        ("401 Unauthorized", 1006, Ended::Lost),
        ("413 Payload Too Large", 1009, Ended::Remote),
    ] {
        let server = Server::new();
        let (client, _poll) = server.polled();
        let log = Log::of(&client);
        client.write(&1).unwrap();
        server.post().refuse(status, "");
        log.expect(&[&format!("close {code}"), "end"]);
        assert_eq!(client.close_reason().unwrap().by, by);
        assert!(server.is_silent());
    }
}

/// A server that does not want to read all of it says so at once.
#[test]
fn a_long_post_that_is_refused_early() {
    let server = crate::server::Server::new();
    let builder = Client::builder(&server.url()).transformer("engine.io").strategy("off");
    let client = builder.transport("upgrade", "false").build().unwrap();
    let mut peer = server.request();
    peer.send(
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{OPEN}", OPEN.len()).as_bytes(),
    );
    client.wait_open(SOON).unwrap();
    client.write(&"x".repeat(16 << 20)).unwrap();
    let mut post = server.request();
    assert!(post.head.starts_with("POST "), "{}", post.head);
    post.send(b"HTTP/1.1 413 Payload Too Large\r\nContent-Length: 0\r\n\r\n");
    match client.recv_timeout(SOON) {
        Err(Error::Ended(why)) => assert_eq!((why.by, why.code), (Ended::Remote, 1009)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn packets_that_are_none() {
    for body in ["", "9", "?", "41\x1e", "b*"] {
        let server = Server::new();
        let (client, poll) = server.polled();
        let log = Log::of(&client);
        poll.answer(body);
        assert!(log.next().starts_with("error: protocol error: engine.io"), "{body}");
        log.expect(&["close 1002", "end"]);
        assert!(server.is_silent());
    }
}

#[test]
fn max_length_is_inclusive() {
    let server = Server::new();
    let client = server.client().max_length(5).strategy("off").transport("upgrade", "false");
    let (client, poll) = server.open(client);
    poll.answer("412345\x1ebMTIzNDU=");
    for _ in 0..2 {
        assert_eq!(client.recv_timeout(SOON).unwrap().frame().as_bytes(), b"12345");
    }
    server.get().answer("4123456");
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.code == 1009));
    assert!(server.is_silent());
}

/// What has no end is not kept in memory.
#[test]
fn an_endless_packet_is_cut() {
    let server = Server::new();
    let client = server.client().max_length(1_000).strategy("off").transport("upgrade", "false");
    let (client, poll) = server.open(client);
    poll.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n4");
    // It may be cut off in the midst of it.
    let filler = [b'x'; 10_000];
    let _ = std::io::Write::write_all(&mut &poll.stream, &filler);
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.code == 1009));
}

#[test]
fn unusable_options() {
    let client = || Client::builder("http://127.0.0.1:1").transformer("Engine.IO");
    for (name, value) in [("transports", "pigeons"), ("protocol", "5"), ("upgrade", "maybe")] {
        match client().transport(name, value).build() {
            Err(Error::Option(text)) => assert!(text.contains(name) && text.contains(value)),
            other => panic!("{other:?}"),
        }
    }
    let client = client().transport("pigeons", "true").manual(true).build().unwrap();
    client.end();
    match Client::builder("http://127.0.0.1:1").transformer("pigeons").build() {
        Err(Error::Option(text)) => {
            assert!(text.contains("engine.io") && text.contains("websockets"), "{text}");
        }
        other => panic!("{other:?}"),
    }
}
