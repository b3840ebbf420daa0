//! From polling to a WebSocket.

use std::time::Duration;

use primus::Client;

use super::server::{OFFER, OPEN, Request, Server};
use crate::server::{BINARY, CLOSE, Log, PING, PONG, Peer, SOON, frame};

/// A client whose session may go over: its first poll is held, its WebSocket
/// open.
fn probing(server: &Server) -> (Client, Request, Peer) {
    let client = server.client().strategy("off").build().unwrap();
    server.get().answer(OFFER);
    let mut peer = server.accept();
    assert_eq!(peer.read_text(), "2probe");
    (client, server.get(), peer)
}

/// One whose session has gone over.
fn upgraded(server: &Server) -> (Client, Peer) {
    let (client, poll, mut peer) = probing(server);
    probed(&mut peer);
    poll.answer("6");
    assert_eq!(peer.read_text(), "5");
    (client, peer)
}

/// Answers the probe, and waits until that was read.
fn probed(peer: &mut Peer) {
    peer.text("3probe");
    peer.send(&frame(PING, b""));
    assert_eq!(peer.frame(), (PONG, Vec::new()));
}

fn got(client: &Client) -> String {
    client.recv_timeout(SOON).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn the_upgrade_looks_like_that_of_javascript() {
    let server = Server::new();
    let _client = server.client().header("X-Mine", "yes").build().unwrap();
    server.get().answer(OFFER);
    let peer = server.upgrade();
    let names: Vec<_> = peer.query().split('&').map(|p| p.split('=').next().unwrap()).collect();
    assert_eq!(names, ["_primuscb", "EIO", "transport", "sid", "t", "b64"]);
    assert!(peer.head.starts_with("GET /primus/?"), "{}", peer.head);
    assert!(peer.query().contains("&transport=websocket&sid=s%2F1&t="));
    assert_eq!(peer.header("x-mine"), Some("yes"));
}

#[test]
fn polling_goes_on_beside_the_probe() {
    let server = Server::new();
    let (client, poll, mut peer) = probing(&server);
    client.write(&1).unwrap();
    server.post().answer("ok");
    poll.answer("4\"polled\"");
    assert_eq!(got(&client), "polled");
    let poll = server.get();
    probed(&mut peer);
    poll.answer("4\"last\"");
    assert_eq!(peer.read_text(), "5");
    assert_eq!(got(&client), "last");
    client.write(&2).unwrap();
    assert_eq!(peer.read_text(), "42");
    peer.text("4\"pushed\"");
    assert_eq!(got(&client), "pushed");
    assert!(server.is_silent());
}

/// The pause waits for the POST too; what is written meanwhile follows on the
/// WebSocket, in order.
#[test]
fn the_pause_waits_for_the_post() {
    let server = Server::new();
    let (client, poll, mut peer) = probing(&server);
    client.write(&1).unwrap();
    let post = server.post();
    client.write(&2).unwrap();
    probed(&mut peer);
    poll.answer("6");
    crate::common::pause(Duration::from_millis(20));
    client.write(&3).unwrap();
    peer.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert!(std::io::Read::read(&mut peer.stream, &mut [0]).is_err(), "not before the answer");
    peer.stream.set_read_timeout(Some(SOON)).unwrap();
    post.answer("ok");
    for expected in ["5", "42", "43"] {
        assert_eq!(peer.read_text(), expected);
    }
    client.write(&4).unwrap();
    assert_eq!(peer.read_text(), "44");
    assert!(server.is_silent());
}

#[test]
fn an_upgrade_that_fails_leaves_polling_alone() {
    let fail: [fn(&mut Peer); 5] = [
        |peer| peer.stream.shutdown(std::net::Shutdown::Both).unwrap(),
        |peer| peer.send(&frame(CLOSE, b"")),
        |peer| peer.text("3wrong"),
        |peer| peer.text("?"),
        |peer| peer.send(&[0xff; 20]),
    ];
    for fail in fail {
        for late in [false, true] {
            let server = Server::new();
            let (client, poll, mut peer) = probing(&server);
            let log = Log::of(&client);
            if late {
                probed(&mut peer);
                client.write(&1).unwrap();
                let post = server.post();
                poll.answer("6");
                crate::common::pause(Duration::from_millis(20));
                fail(&mut peer);
                server.get().answer("4\"polled\"");
                post.answer("ok");
            } else {
                fail(&mut peer);
                poll.answer("4\"polled\"");
            }
            assert_eq!(got(&client), "polled");
            client.write(&2).unwrap();
            assert_eq!(server.post().body, "42");
            server.get();
            assert!(log.is_empty());
            assert!(server.is_idle());
        }
    }
}

#[test]
fn an_upgrade_that_is_refused_leaves_polling_alone() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    server.get().answer(OFFER);
    server.upgrade().send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nBad request");
    server.get().answer("4\"polled\"");
    assert_eq!(got(&client), "polled");
    server.get();
    assert!(server.is_silent());
}

#[test]
fn heartbeats_and_bytes_on_the_websocket() {
    let server = Server::new();
    let (client, mut peer) = upgraded(&server);
    peer.text("2");
    assert_eq!(peer.read_text(), "3");
    peer.text("6");
    peer.text("4\"text\"");
    peer.send(&frame(BINARY, b"\"bytes\""));
    peer.text("bImI2NCI=");
    for expected in ["\"text\"", "\"bytes\"", "\"b64\""] {
        assert_eq!(client.recv_timeout(SOON).unwrap().frame().as_bytes(), expected.as_bytes());
    }
    client.write_frame(&primus::Frame::binary(*b"\0\xff")).unwrap();
    assert_eq!(peer.read_text(), "bAP8=");
    client.write(&"x".repeat(1 << 20)).unwrap();
    assert_eq!(peer.read_text().len(), (1 << 20) + 3);
}

/// A client without `b64` sends and gets bytes as they are.
#[test]
fn bytes_as_bytes() {
    for (revision, open, head) in [("4", OPEN, &b""[..]), ("3", OPEN, b"\x04")] {
        let server = Server::new();
        let client = server.client().transport("forceBase64", "false").transport("EIO", revision);
        let client = client.transport("transports", "websocket").build().unwrap();
        let mut peer = server.accept();
        assert!(!peer.query().contains("b64"), "{}", peer.query());
        assert!(!peer.query().contains("sid"), "{}", peer.query());
        peer.text(open);
        client.write_frame(&primus::Frame::binary(*b"\0\xff")).unwrap();
        assert_eq!(peer.frame(), (BINARY, [head, b"\0\xff"].concat()));
        peer.send(&frame(BINARY, &[head, b"\"a\""].concat()));
        assert_eq!(client.recv_timeout(SOON).unwrap().frame().as_bytes(), b"\"a\"");
    }
}

#[test]
fn the_websocket_ends() {
    let server = Server::new();
    let (client, mut peer) = upgraded(&server);
    let log = Log::of(&client);
    peer.send(&frame(CLOSE, b""));
    log.expect(&["close 1005", "end"]);
    assert_eq!(peer.read_close(), None);
    peer.read_end();
    let (client, mut peer) = upgraded(&server);
    let log = Log::of(&client);
    peer.text("1");
    log.expect(&["close 1005", "end"]);
    assert_eq!(peer.read_close(), None);
    let (client, peer) = upgraded(&server);
    let log = Log::of(&client);
    peer.stream.shutdown(std::net::Shutdown::Both).unwrap();
    log.expect(&["close 1006", "end"]);
}

#[test]
fn the_client_ends_on_the_websocket() {
    let server = Server::new();
    let (client, mut peer) = upgraded(&server);
    client.write(&1).unwrap();
    client.end();
    assert_eq!(peer.read_text(), "41");
    assert_eq!(peer.read_close(), None);
    peer.send(&frame(CLOSE, b""));
    peer.read_end();
    drop(peer);
    assert!(client.wait_end(SOON));
}

#[test]
fn a_websocket_alone() {
    let server = Server::new();
    let client = server.client().transport("transports", "websocket").build().unwrap();
    let mut peer = server.accept();
    peer.text(&format!("{OPEN} "));
    peer.text("4\"a\"");
    assert_eq!(got(&client), "a");
    client.write(&1).unwrap();
    assert_eq!(peer.read_text(), "41");
    assert!(server.is_silent());
}
