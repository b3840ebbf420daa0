//! Connections that are kept, and answers of every framing.

use std::time::Duration;

use primus::Client;

use super::server::{OPEN, Request, Server};
use crate::server::{Log, SOON};

fn got(client: &Client) -> String {
    client.recv_timeout(SOON).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn answers_of_every_framing() {
    let server = Server::new();
    let (client, mut poll) = server.polled();
    poll.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    poll.send("3\r\n4\"o\r\n4;x=y\r\nne\"\x1e\r\n5\r\n4\"two\r\n1\r\n\"\r\n0\r\nX: y\r\n\r\n");
    assert_eq!((got(&client), got(&client)), ("one".into(), "two".into()));
    let next = server.get();
    assert_eq!(next.connection, poll.connection);
    poll = next;
    poll.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 OK\r\n\r\n4\"until the end\"");
    poll.cut();
    assert_eq!(got(&client), "until the end");
    let next = server.get();
    assert_ne!(next.connection, poll.connection);
    poll = next;
    poll.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\n4\"close\"");
    assert_eq!(got(&client), "close");
    let next = server.get();
    assert_ne!(next.connection, poll.connection);
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n4\"b\xc3\xa9te\"" {
        next.send([*byte]);
    }
    assert_eq!(got(&client), "béte");
    server.get();
}

/// A message is told when it is whole, be the answer as long as it likes.
#[test]
fn an_answer_is_taken_apart_as_it_arrives() {
    let server = Server::new();
    let (client, poll) = server.polled();
    poll.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n4\"a\"\x1e4\"b\"\x1e4\"");
    assert_eq!((got(&client), got(&client)), ("a".into(), "b".into()));
    poll.send("c\"\x1e");
    assert_eq!(got(&client), "c");
}

#[test]
fn a_connection_that_was_closed_at_rest_is_made_anew() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    let mut last: Option<Request> = None;
    for n in 0..5 {
        client.write(&n).unwrap();
        let post = server.post();
        assert_eq!(post.body, format!("4{n}"));
        if let Some(last) = last {
            assert_ne!(post.connection, last.connection);
        }
        post.answer("ok");
        // Both in one segment, or one after the other.
        if n % 2 == 0 {
            crate::common::pause(Duration::from_millis(20));
        }
        post.cut();
        crate::common::pause(Duration::from_millis(20));
        last = Some(post);
    }
}

#[test]
fn a_connection_that_is_soon_closed_is_not_used_again() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    client.write(&1).unwrap();
    let first = server.post();
    first.send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=5\r\nContent-Length: 2\r\n\r\nok");
    crate::common::pause(Duration::from_millis(20));
    client.write(&2).unwrap();
    let second = server.post();
    assert_ne!(second.connection, first.connection);
    second.send("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=60\r\nContent-Length: 2\r\n\r\nok");
    crate::common::pause(Duration::from_millis(20));
    client.write(&3).unwrap();
    assert_eq!(server.post().connection, second.connection);
}

/// Bytes that nobody asked for belong to no answer.
#[test]
fn a_connection_with_something_on_it_is_not_used_again() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    client.write(&1).unwrap();
    let first = server.post();
    let unasked = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    first.send(format!("{unasked}{unasked}"));
    crate::common::pause(Duration::from_millis(20));
    client.write(&2).unwrap();
    let second = server.post();
    assert_ne!(second.connection, first.connection);
    second.answer("ok");
    crate::common::pause(Duration::from_millis(20));
    second.send(unasked);
    crate::common::pause(Duration::from_millis(20));
    client.write(&3).unwrap();
    assert_ne!(server.post().connection, second.connection);
}

/// The server may have acted upon it.
#[test]
fn no_request_is_sent_twice() {
    for posts in [false, true] {
        let server = Server::new();
        let (client, poll) = server.polled();
        let log = Log::of(&client);
        let request = if posts {
            client.write(&1).unwrap();
            server.post().answer("ok");
            client.write(&2).unwrap();
            server.post()
        } else {
            poll.answer("6");
            server.get()
        };
        request.cut();
        log.expect(&["close 1006", "end"]);
        assert!(server.is_silent());
    }
}

#[test]
fn answers_that_are_cut_short() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n4\"a\"",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n4\"a\"\r\n",
    ] {
        let server = Server::new();
        let (client, poll) = server.polled();
        let log = Log::of(&client);
        poll.send(answer);
        poll.cut();
        log.expect(&["close 1006", "end"]);
    }
}

#[test]
fn nothing_that_is_no_http() {
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ] {
        let server = Server::new();
        let (client, poll) = server.polled();
        let log = Log::of(&client);
        poll.send(answer);
        let error = log.next();
        assert!(error.starts_with("error: protocol error"), "{error}");
        log.expect(&["close 1002", "end"]);
    }
}

/// The client speaks through whatever it is given.
#[test]
fn a_connector_is_asked_for_every_connection() {
    let server = Server::new();
    let (tell, told) = crossbeam_channel::unbounded();
    let client = server.client().transport("transports", "polling").connector(move |host, port| {
        tell.send(()).unwrap();
        std::net::TcpStream::connect((host, port))
    });
    let client = client.build().unwrap();
    let handshake = server.get();
    handshake.send(format!("HTTP/1.0 200 OK\r\n\r\n{OPEN}"));
    handshake.cut();
    server.get();
    client.write(&1).unwrap();
    assert_eq!(server.post().body, "41");
    assert_eq!(told.len(), 3);
}
