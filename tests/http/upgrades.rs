//! Which requests become WebSockets.

use std::io::Read;

use primus::Primus;

use crate::common::*;

const HANDSHAKE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

/// A request with the fields of a handshake, of which `name` has another value,
/// or is not there.
fn request(version: &str, line: &str, name: &str, value: Option<&str>) -> String {
    let mut request = format!("{line} HTTP/{version}\r\nHost: x\r\n");
    for (field, usual) in HANDSHAKE {
        let value = if field == name { value } else { Some(usual) };
        value.iter().for_each(|value| request += &format!("{field}: {value}\r\n"));
    }
    request + "\r\n"
}

fn server(transformer: &str) -> Server {
    Server::echo(Primus::builder().transformer(transformer))
}

/// nginx speaks HTTP/1.0 to a server unless it is told otherwise, and passes on
/// a handshake all the same; Node's server accepts it.
#[test]
fn a_whole_handshake_over_http_1_0_is_accepted() {
    for (transformer, line, hello) in [
        ("websockets", "GET /primus", None),
        ("engine.io", "GET /primus/?EIO=4&transport=websocket", Some("0{")),
    ] {
        let server = server(transformer);
        let mut peer = server.connect();
        peer.send(request("1.0", line, "", None).as_bytes());
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert!(head.contains(ACCEPT), "{head}");
        if let Some(hello) = hello {
            assert!(peer.expect_text().starts_with(hello));
            peer.text("4\"x\"");
            assert_eq!(peer.expect_text(), "4\"x\"");
        } else {
            peer.text("\"x\"");
            assert_eq!(peer.expect_text(), "\"x\"");
        }
    }
}

#[test]
fn an_http_1_0_request_that_is_not_whole_is_a_plain_one_or_told_what_is_wrong() {
    let server = server("websockets");
    for (line, name, value, status) in [
        ("GET /primus", "Sec-WebSocket-Key", None, 426),
        ("GET /primus", "Upgrade", None, 426),
        ("GET /primus", "Upgrade", Some("h2c"), 426),
        ("GET /primus", "Connection", Some("close"), 426),
        ("POST /primus", "", None, 426),
        ("GET /primus", "Sec-WebSocket-Key", Some("short"), 400),
        ("GET /primus", "Sec-WebSocket-Version", None, 426),
        ("GET /primus/spec", "Sec-WebSocket-Key", None, 200),
    ] {
        let answer = server.connect().ask(&request("1.0", line, name, value));
        assert_eq!(answer.status, status, "{line} {name} {value:?}");
    }
    server.still_serves();
}

/// RFC 9110 section 7.8: a server may ignore `Upgrade`, and goes on with the
/// protocol that is spoken.
#[test]
fn offers_of_other_protocols_are_ignored() {
    let server = server("websockets");
    let names = ["h2c", "TLS/1.0", "websockets", "web socket", "h2c, TLS/1.0", ""];
    for name in names.map(Some).into_iter().chain([None]) {
        let mut peer = server.connect();
        for _ in 0..2 {
            let answer = peer.ask(&request("1.1", "GET /primus/spec", "Upgrade", name));
            assert_eq!((answer.status, answer.header("upgrade")), (200, None), "{name:?}");
            assert!(answer.body.contains("pingInterval"), "{answer:?}");
        }
        let answer = peer.ask(&request("1.1", "GET /primus", "Upgrade", name));
        assert_eq!(answer.status, 426, "{name:?}");
        let answer = peer.ask(&request("1.1", "GET /elsewhere", "Upgrade", name));
        assert_eq!(answer.status, 404, "{name:?}");
    }
    // One of several that is ours is taken.
    for name in ["h2c, websocket", "WebSocket", "websocket, h2c"] {
        let mut peer = server.connect();
        peer.send(request("1.1", "GET /primus", "Upgrade", Some(name)).as_bytes());
        assert!(peer.read_head().starts_with("HTTP/1.1 101 "), "{name}");
    }
    let server = self::server("engine.io");
    let line = "GET /primus/?EIO=4&transport=polling";
    let answer = server.connect().ask(&request("1.1", line, "Upgrade", Some("h2c")));
    assert_eq!((answer.status, &answer.body[..2]), (200, "0{"));
}

/// As from Node: clients that await `open`, and listen for messages then, miss
/// what they read in one piece with the answer to the handshake.
#[test]
fn the_first_packet_is_not_in_one_piece_with_the_answer() {
    let server = server("engine.io");
    let alone = (0..50).any(|_| {
        let mut peer = server.connect();
        let handshake = upgrade("/primus/?EIO=4&transport=websocket", "");
        peer.send(&handshake);
        let mut piece = [0; 4096];
        let length = peer.stream.read(&mut piece).unwrap();
        // A busy machine may show both at once even so.
        piece[..length].ends_with(b"\r\n\r\n")
    });
    assert!(alone);
}
