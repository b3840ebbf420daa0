//! How a session is opened, and what comes of transports that do not open one.

use std::time::Duration;

use primus::Error;

use super::server::{HANDSHAKE, Server, WAYS};
use crate::server::SOON;

#[test]
fn the_query_goes_with_every_request() {
    for way in WAYS {
        let server = Server::new();
        let client = server.client(way).header("X-Mine", "yes").build().unwrap();
        let shake = server.shake();
        assert_eq!(shake.names(), ["_primuscb"]);
        assert_eq!(shake.header("x-mine"), Some("yes"));
        let query = shake.target().split_once('?').unwrap().1.to_owned();
        shake.answer(HANDSHAKE);
        let request = server.next(|request| request.path().contains(way));
        assert_eq!(request.path(), format!("/primus/1/{way}/8dOl1SEjOJ2t3ar8-TRe"));
        assert_eq!(request.target().split_once('?').unwrap().1, query);
        assert_eq!(request.header("x-mine"), Some("yes"));
        client.end();
        assert!(client.wait_end(SOON));
    }
}

/// Each transport has a session of its own.
#[test]
fn another_transport_is_tried() {
    for refusal in ["404", "cut", "unknown", "early", "silent"] {
        let server = Server::new();
        let client = match refusal {
            "silent" => server.client("websocket,xhr-polling").transport("timeout", "300"),
            _ => server.client("websocket,xhr-polling"),
        };
        let client = client.build().unwrap();
        server.shake().answer(HANDSHAKE);
        let mut kept = None;
        match refusal {
            "404" => server.next(|r| r.is_upgrade()).refuse("404 Not Found", "no"),
            "cut" => server.next(|r| r.is_upgrade()).cut(),
            "silent" => kept = Some(server.accept()),
            _ => {
                let mut peer = server.accept();
                peer.text(if refusal == "early" { "3:::1" } else { "7:::1+0" });
                kept = Some(peer);
            }
        }
        server.shake().answer("other:60:60:websocket,xhr-polling");
        let poll = server.poll();
        assert!(poll.path().ends_with("/other"), "{refusal}");
        poll.answer("1::");
        client.wait_open(SOON).unwrap();
        server.poll().answer("3:::2");
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 2);
        drop(kept);
    }
}

#[test]
fn what_the_server_does_not_have_is_not_tried() {
    let server = Server::new();
    let client = server.client("websocket,xhr-polling").build().unwrap();
    server.shake().answer("abc::60:htmlfile,xhr-polling");
    server.poll().answer("1::");
    client.wait_open(SOON).unwrap();
    let server = Server::new();
    let client = server.client("websocket").build().unwrap();
    server.shake().answer("abc::60:htmlfile,xhr-polling");
    let error = client.wait_open(SOON).unwrap_err();
    assert!(error.to_string().contains("none of the transports"), "{error}");
}

#[test]
fn handshakes_that_are_none() {
    for (status, body) in [
        ("200 OK", "Welcome to socket.io."),
        ("200 OK", ""),
        ("200 OK", "<html>a:b:c:websocket</html>"),
        ("200 OK", "../../x:60:60:websocket"),
        ("200 OK", "a:60:60"),
    ] {
        let server = Server::new();
        let client = server.client("xhr-polling").build().unwrap();
        server.shake().refuse(status, body);
        let error = client.wait_open(SOON).unwrap_err();
        assert!(error.to_string().contains("does not speak socket.io"), "{body}: {error}");
        assert!(server.is_idle());
    }
}

#[test]
fn a_refusal_says_why() {
    let server = Server::new();
    let client = server.client("websocket,xhr-polling").build().unwrap();
    server.shake().send(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
         Content-Length: 16\r\n\r\n{\"error\":\"nope\"}",
    );
    match client.wait_open(SOON).unwrap_err() {
        Error::Refused { status: 401, message, authenticate, url } => {
            assert_eq!((&*message, authenticate.as_deref()), ("nope", Some("Basic realm=\"x\"")));
            assert!(url.ends_with("/primus/1/"), "{url}");
        }
        other => panic!("{other:?}"),
    }
    assert!(server.is_idle());
    // Of Socket.IO itself.
    let server = Server::new();
    let client = server.client("websocket").build().unwrap();
    server.shake().refuse("403 Forbidden", "handshake bad origin");
    let error = client.wait_open(SOON).unwrap_err();
    assert!(error.to_string().contains("handshake bad origin"), "{error}");
}

/// A load balancer that knows nothing of sessions.
#[test]
fn a_server_that_does_not_know_its_own_id() {
    for way in WAYS {
        let server = Server::new();
        let client = server.client(way).build().unwrap();
        server.shake().answer(HANDSHAKE);
        server.line(way).say_last("7:::1+0");
        let error = client.wait_open(SOON).unwrap_err();
        assert!(error.to_string().contains("several servers"), "{way}: {error}");
    }
}

#[test]
fn cookies_go_with_the_session() {
    for (credentials, expected) in [("true", Some("server=7")), ("false", None)] {
        let server = Server::new();
        let client = server.client("xhr-polling").transport("withCredentials", credentials);
        let client = client.build().unwrap();
        let length = HANDSHAKE.len();
        server.shake().send(format!(
            "HTTP/1.1 200 OK\r\nSet-Cookie: server=7; path=/\r\nContent-Length: {length}\r\n\r\n\
             {HANDSHAKE}"
        ));
        let poll = server.poll();
        assert_eq!(poll.header("cookie"), expected);
        poll.answer("1::");
        client.wait_open(SOON).unwrap();
        client.write(&1).unwrap();
        assert_eq!(server.post().header("cookie"), expected);
    }
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let server = Server::new();
    let client = server.client("xhr-polling").timeout(Duration::from_millis(200)).build().unwrap();
    let _shake = server.shake();
    assert!(client.wait_open(SOON).is_err());
}
