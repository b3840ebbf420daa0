//! Servers that say what they must not.

use primus::Ended;

use super::server::{Server, WAYS};
use crate::server::end;

/// How a session ends whose server says this.
#[track_caller]
fn ended(way: &str, packets: &[u8]) -> (Ended, u16) {
    let server = Server::new();
    let (client, mut line) =
        server.open_as(server.client(way).max_length(1000), way, super::server::HANDSHAKE);
    match &mut line {
        super::server::Line::Socket(peer) => {
            peer.send(&crate::server::frame(crate::server::TEXT, packets));
        }
        super::server::Line::Poll(_, poll) => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", packets.len());
            poll.send([head.as_bytes(), packets].concat());
        }
    }
    let why = end(&client);
    (why.by, why.code)
}

#[test]
fn payloads_with_lengths_that_lie() {
    for packets in [
        "\u{fffd}",
        "\u{fffd}5\u{fffd}3:::",
        "\u{fffd}x\u{fffd}3:::1",
        "\u{fffd}-1\u{fffd}3:::1",
        "\u{fffd}5\u{fffd}3:::😀",
        "\u{fffd}3\u{fffd}8::8::",
    ] {
        for way in WAYS {
            assert_eq!(
                ended(way, packets.as_bytes()),
                (Ended::Protocol, 1002),
                "{way} {packets:?}"
            );
        }
    }
}

#[test]
fn what_is_no_text() {
    assert_eq!(ended("xhr-polling", b"3:::\"\xff\""), (Ended::Protocol, 1002));
    assert_eq!(ended("websocket", b"3:::\"\xff\""), (Ended::Protocol, 1007));
}

#[test]
fn messages_over_the_limit() {
    let long = "x".repeat(1001);
    let message = format!("3:::{long}");
    for way in WAYS {
        assert_eq!(ended(way, message.as_bytes()), (Ended::Protocol, 1009), "{way}");
    }
    let longer = format!("3:::{}", "x".repeat(10_000));
    let framed = format!("\u{fffd}{}\u{fffd}{longer}", longer.len());
    for body in [longer, framed, "\u{fffd}9999999999\u{fffd}".to_owned()] {
        assert_eq!(ended("xhr-polling", body.as_bytes()), (Ended::Protocol, 1009));
    }
}

#[test]
fn answers_that_refuse() {
    for (status, body) in [("404 Not Found", ""), ("500 Oops", "x"), ("204 No Content", "")] {
        let server = Server::new();
        let (client, line) = server.open("xhr-polling");
        let super::server::Line::Poll(_, poll) = line else { panic!("another way") };
        poll.send(format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        let why = end(&client);
        assert_eq!(why.by, Ended::Lost, "{why}");
        let server = Server::new();
        let (client, _line) = server.open("xhr-polling");
        client.write(&1).unwrap();
        server.post().send(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        let why = end(&client);
        assert_eq!(why.by, Ended::Lost, "{why}");
    }
    let server = Server::new();
    let (client, _line) = server.open("xhr-polling");
    client.write(&1).unwrap();
    server.post().refuse("413 Payload Too Large", "");
    let why = end(&client);
    assert_eq!((why.by, why.code), (Ended::Remote, 1009));
}
