//! WebSockets: their frames, and what stands in them.

use primus::{Ended, Primus};

use crate::client::*;
use crate::common::*;

fn open(server: &Server) -> Peer {
    let mut socket = Peer::open_with(server.addr, &format!("/primus{}/websocket", fresh()), "");
    assert_eq!(socket.expect_text(), "o");
    socket
}

fn open_raw(server: &Server) -> Peer {
    Peer::open_with(server.addr, "/primus/websocket", "")
}

/// The frame says nothing of it: a client that broke the rules has no use for one.
#[test]
fn broken_framing() {
    let server = echo(Primus::builder());
    for text in [
        "[\"x\"",
        "x",
        "[x]",
        "\"",
        "[\"x\"]]",
        "[\"x\"] [\"y\"]",
        "a[\"x\"]",
        "[\"\\x\"]",
        "{",
        "{\"a\":}",
        "[\"\u{1}\"]",
        "\0",
    ] {
        let mut socket = open(&server);
        socket.text("[\"0\"]");
        assert_eq!(socket.expect_text(), "a[\"0\"]");
        socket.text(text);
        let close = socket.expect_frame();
        assert_eq!(
            (close.head, &close.payload[..]),
            (FIN | CLOSE, &b"\x0b\xb8Broken framing."[..]),
            "{text}"
        );
        socket.expect_end();
    }
    server.wait_empty();
    still_serves(&server);
}

/// A single value counts as one message, nothing as none.
#[test]
fn frames_that_are_no_arrays() {
    let server = echo(Primus::builder());
    let mut socket = open(&server);
    socket.text("");
    socket.text("[]");
    socket.text("\"8\"");
    assert_eq!(socket.expect_text(), "a[\"8\"]");
    for text in ["1", "null", "{\"a\":1}", "true", "[1,null,{}]", "[[]]"] {
        socket.text(text);
    }
    socket.text("[\"9\"]");
    while !socket.expect_text().ends_with("\"9\"]") {}
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// Every invalid frame right after the handshake, on both kinds.
#[test]
fn cve_2022_21676_invalid_frame_right_after_the_handshake() {
    let server = echo(Primus::builder());
    for head in 0..=255u8 {
        let (opcode, bits) = (head & 0x0f, head & 0x70);
        let known = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].contains(&opcode);
        if bits == 0 && known {
            continue;
        }
        for path in [format!("/primus{}/websocket", fresh()), "/primus/websocket".to_owned()] {
            let mut peer = server.connect();
            peer.send(&[upgrade(&path, ""), masked(head, b"")].concat());
            assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
            peer.expect_close(Some(1002));
        }
    }
    still_serves(&server);
}

/// Masks, close codes, texts, lengths.
#[test]
fn bad_frames() {
    let server = echo(Primus::builder().max_length(10_000));
    for is_raw in [false, true] {
        for (bytes, code) in [
            (unmasked(FIN | TEXT, b"[\"x\"]"), 1002),
            (masked(FIN | TEXT, b"\xff\xfe"), 1007),
            (masked(FIN | TEXT, b"[\"\xed\xa0\x80\"]"), 1007),
            (masked(FIN | CLOSE, b"\x03\xed"), 1002),
            (masked(FIN | CLOSE, b"\x03"), 1002),
            (masked(FIN | CONTINUATION, b"x"), 1002),
            ([masked(TEXT, b"["), masked(FIN | TEXT, b"]")].concat(), 1002),
            (declared(FIN | TEXT, 0x80, 10_001), 1009),
            (declared(FIN | TEXT, 0x80, 1 << 62), 1009),
            (masked(FIN | PING, &[0; 126]), 1002),
            (
                masked(TEXT, &[b'['; 6000])
                    .repeat(1)
                    .into_iter()
                    .chain(masked(FIN, &[b'['; 6000]))
                    .collect(),
                1009,
            ),
        ] {
            let mut socket = if is_raw { open_raw(&server) } else { open(&server) };
            socket.send(&bytes);
            let before = socket.expect_close(Some(code));
            assert!(before.is_empty(), "{before:?}");
        }
    }
    still_serves(&server);
}

/// A frame may have in it what a body may.
#[test]
fn deep_and_wide_arrays_in_frames() {
    let server = echo(limited(|limits| limits.values = 1_000));
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let mut socket = open(&server);
    socket.text(&deep);
    socket.text("[\"2\"]");
    // The parser refuses the one, and the session goes on.
    assert_eq!(socket.expect_text(), "a[\"2\"]");
    socket.text(&"[{\"a\":".repeat(100_000));
    assert_eq!(&socket.expect_frame().payload[2..], b"Broken framing.");
    socket.expect_end();
    let mut socket = open(&server);
    socket.text(&format!("[{}1]", "1,".repeat(1_000)));
    assert!(socket.expect_close(Some(1009)).is_empty());
    still_serves(&server);
}

/// SockJS carries text: bytes are read as if they were, or refused, but break
/// nothing.
#[test]
fn bytes_in_place_of_texts() {
    let server = echo(Primus::builder());
    let mut socket = open(&server);
    socket.frame(FIN | BINARY, b"");
    socket.frame(FIN | BINARY, b"[\"1\"]");
    assert_eq!(socket.expect_text(), "a[\"1\"]");
    socket.frame(FIN | BINARY, b"\xff\x00");
    assert_eq!(&socket.expect_frame().payload[2..], b"Broken framing.");
    socket.expect_end();
    let mut socket = open_raw(&server);
    for bytes in [&b"\xff\x00"[..], b""] {
        socket.frame(FIN | BINARY, bytes);
    }
    // What is no message is an error of the parser, and no end.
    socket.text("1");
    assert_eq!(socket.expect_text(), "1");
    drop(socket);
    server.wait_empty();
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn control_frame_floods() {
    let server = echo(limited(|limits| limits.control_frames = 100));
    for opcode in [PING, PONG] {
        for is_raw in [false, true] {
            let mut socket = if is_raw { open_raw(&server) } else { open(&server) };
            socket.try_send(&masked(FIN | opcode, b"flood").repeat(10_000));
            assert!(socket.expect_close(Some(1008)).len() <= 100);
        }
    }
    still_serves(&server);
}

/// Nothing but texts of its own comes out of a raw one, however it is asked.
#[test]
fn raw_websockets_speak_no_sockjs() {
    let server = echo(Primus::builder());
    let mut socket = open_raw(&server);
    for text in ["[\"x\"]", "\"o\"", "\"h\"", "\"c[3000]\""] {
        socket.text(text);
        assert_eq!(socket.expect_text(), text);
    }
    // What is no message is an error of the parser, and no end.
    socket.text("[\"x");
    socket.text("1");
    assert_eq!(socket.expect_text(), "1");
    let spark = server.spark();
    socket.close();
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Remote);
}
