//! RFC 6455 over real sockets, in the manner of the Autobahn test suite:
//! whatever a client sends, the connection ends as the RFC says or goes on, and
//! the next client is served.

#[path = "../common/mod.rs"]
mod common;

use std::net::Shutdown;
use std::time::Duration;

use common::*;
use primus::{CloseReason, Ended, Primus};

/// An echo server that keeps the reasons for which its sparks ended.
fn echo() -> (Server, crossbeam_channel::Receiver<CloseReason>) {
    echo_with(Primus::builder())
}

fn echo_with(builder: primus::Builder) -> (Server, crossbeam_channel::Receiver<CloseReason>) {
    let server = Server::echo(builder);
    let (ended, reasons) = crossbeam_channel::unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| drop(ended.send(reason.clone())));
    });
    (server, reasons)
}

/// Sends bytes on an open connection; they must end it with this code.
fn breach(server: &Server, bytes: &[u8], code: u16) {
    let mut peer = server.open();
    peer.send(bytes);
    peer.expect_close(Some(code));
}

#[test]
fn fragments_of_any_number_and_size_make_one_message() {
    let (server, _) = echo();
    let text = format!("\"{}\"", "fragmentäöü€😀".repeat(20));
    for size in [1, 2, 3, 7, 125, 126, 127, 1000] {
        let mut peer = server.open();
        let parts: Vec<_> = text.as_bytes().chunks(size).collect();
        for (at, part) in parts.iter().enumerate() {
            let opcode = if at == 0 { TEXT } else { CONTINUATION };
            let fin = if at + 1 == parts.len() { FIN } else { 0 };
            peer.send(&masked(fin | opcode, part));
        }
        assert_eq!(peer.expect_text(), text, "fragments of {size}");
    }
}

#[test]
fn empty_fragments_are_allowed() {
    let (server, _) = echo();
    let mut peer = server.open();
    for (head, part) in [(TEXT, ""), (0, "\"a"), (0, ""), (0, "b\""), (FIN, "")] {
        peer.frame(head, part.as_bytes());
    }
    assert_eq!(peer.expect_text(), "\"ab\"");
}

#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    let (server, _) = echo();
    let mut peer = server.open();
    peer.frame(TEXT, b"\"half a ");
    peer.frame(FIN | PING, b"first");
    let pong = peer.expect_frame();
    assert_eq!((pong.head, &pong.payload[..]), (FIN | PONG, &b"first"[..]));
    peer.frame(FIN | PONG, b"nobody asked");
    peer.frame(CONTINUATION, b"mess");
    peer.frame(FIN | PING, b"second");
    assert_eq!(peer.expect_frame().payload, b"second");
    peer.frame(FIN, b"age\"");
    assert_eq!(peer.expect_text(), "\"half a message\"");
    peer.close();
}

#[test]
fn ping_payloads_of_every_length_come_back() {
    let (server, _) = echo();
    let mut peer = server.open();
    for length in 0..=125u8 {
        let payload: Vec<u8> = (0..length).collect();
        peer.frame(FIN | PING, &payload);
        let pong = peer.expect_frame();
        assert_eq!((pong.head, pong.payload), (FIN | PONG, payload));
    }
    peer.close();
    breach(&server, &masked(FIN | PING, &[0; 126]), 1002);
}

#[test]
fn reserved_opcodes_are_1002() {
    let (server, _) = echo();
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        breach(&server, &masked(FIN | opcode, b""), 1002);
        breach(&server, &masked(FIN | opcode, b"x"), 1002);
        // Behind a good message, and between fragments.
        let mut peer = server.open();
        peer.send(&[masked(FIN | TEXT, b"1"), masked(FIN | opcode, b"")].concat());
        let before = peer.expect_close(Some(1002));
        assert_eq!(before.len(), 1, "the message before the breach is served");
        let between = [masked(TEXT, b"\""), masked(FIN | opcode, b"")].concat();
        breach(&server, &between, 1002);
    }
    server.still_serves();
}

#[test]
fn reserved_bits_are_1002() {
    let (server, _) = echo();
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
            breach(&server, &masked(FIN | bits | opcode, b""), 1002);
        }
    }
    server.still_serves();
}

#[test]
fn unmasked_frames_are_1002() {
    let (server, reasons) = echo();
    for opcode in [TEXT, BINARY, CLOSE, PING, PONG] {
        breach(&server, &declared(FIN | opcode, 0, 0), 1002);
    }
    let reason = reasons.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.code), (Ended::Protocol, 1002));
    assert!(reason.may_reconnect);
}

#[test]
fn control_frames_may_be_neither_long_nor_fragmented() {
    let (server, _) = echo();
    for opcode in [CLOSE, PING, PONG] {
        breach(&server, &masked(opcode, b""), 1002);
        breach(&server, &declared(FIN | opcode, 0x80, 126), 1002);
        breach(&server, &declared(FIN | opcode, 0x80, 65_536), 1002);
    }
}

#[test]
fn fragments_out_of_turn_are_1002() {
    let (server, _) = echo();
    breach(&server, &masked(FIN, b"continues nothing"), 1002);
    breach(&server, &masked(0, b"continues nothing"), 1002);
    for opcode in [TEXT, BINARY] {
        let twice = [masked(opcode, b"1"), masked(FIN | opcode, b"2")].concat();
        breach(&server, &twice, 1002);
        let behind = [masked(FIN | opcode, b"1"), masked(FIN, b"2")].concat();
        let mut peer = server.open();
        peer.send(&behind);
        assert_eq!(peer.expect_close(Some(1002)).len(), 1);
    }
}

#[test]
fn lengths_must_be_in_their_shortest_form() {
    let (server, _) = echo();
    let mask = [1, 2, 3, 4];
    breach(&server, &[&[FIN | BINARY, 0xfe, 0, 125], &mask[..]].concat(), 1002);
    let long = |low: [u8; 2]| [&[FIN | BINARY, 0xff, 0, 0, 0, 0, 0, 0], &low[..], &mask].concat();
    breach(&server, &long([0, 125]), 1002);
    breach(&server, &long([0xff, 0xff]), 1002);
}

#[test]
fn text_that_is_not_utf_8_is_1007() {
    let (server, _) = echo();
    let bad: &[&[u8]] = &[
        b"\xff",
        b"\xc0\x80",
        b"\x80",
        b"\xed\xa0\x80",         // a lone surrogate
        b"\xf4\x90\x80\x80",     // beyond U+10FFFF
        b"\xf8\x88\x80\x80\x80", // five bytes
        b"\"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited\"",
        b"\"cut at the end: \xe2\x82",
        b"\"cut at the end: \xf0\x9f\x98",
        b"\xc3",
    ];
    for text in bad {
        breach(&server, &masked(FIN | TEXT, text), 1007);
        // The same in fragments of one byte.
        let mut bytes = masked(TEXT, b"");
        text.iter().for_each(|byte| bytes.extend(masked(0, &[*byte])));
        bytes.extend(masked(FIN, b""));
        breach(&server, &bytes, 1007);
    }
    // Bad from the first fragment on: found before the message is whole.
    breach(&server, &masked(TEXT, b"\xff"), 1007);
    // The same bytes as binary are nobody's business.
    let mut peer = server.open();
    peer.frame(FIN | BINARY, b"\xff\xc0");
    assert_eq!(peer.expect_frame(), WireFrame { head: FIN | BINARY, payload: b"\xff\xc0".into() });
    server.still_serves();
}

#[test]
fn characters_may_be_cut_by_fragments() {
    let (server, _) = echo();
    let text = "\"κόσμε😀\u{10ffff}\u{fffe}\"";
    for at in 0..text.len() {
        let mut peer = server.open();
        peer.frame(TEXT, &text.as_bytes()[..at]);
        peer.frame(FIN, &text.as_bytes()[at..]);
        assert_eq!(peer.expect_text(), text, "cut at {at}");
    }
}

#[test]
fn good_close_codes_are_echoed_once() {
    let (server, reasons) = echo();
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999];
    for code in good.into_iter().chain([4000, 4999]) {
        let mut peer = server.open();
        let mut payload = u16::to_be_bytes(code).to_vec();
        payload.extend_from_slice("grüße".as_bytes());
        peer.frame(FIN | CLOSE, &payload);
        let echoed = peer.expect_frame();
        assert_eq!((echoed.head, &echoed.payload), (FIN | CLOSE, &payload));
        peer.expect_end();
        let reason = reasons.recv_timeout(PATIENCE).unwrap();
        assert_eq!((reason.by, reason.code, &reason.text[..]), (Ended::Remote, code, "grüße"));
    }
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    let (server, reasons) = echo();
    let mut peer = server.open();
    peer.frame(FIN | CLOSE, b"");
    peer.expect_close(None);
    let reason = reasons.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.code, reason.may_reconnect), (Ended::Remote, 1005, true));
}

#[test]
fn bad_close_frames_are_1002_or_1007() {
    let (server, _) = echo();
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535u16] {
        breach(&server, &masked(FIN | CLOSE, &code.to_be_bytes()), 1002);
    }
    breach(&server, &masked(FIN | CLOSE, &[3]), 1002);
    breach(&server, &masked(FIN | CLOSE, b"\x03\xe8\xff"), 1007);
}

#[test]
fn what_follows_a_close_frame_is_ignored() {
    let (server, _) = echo();
    let mut peer = server.open();
    let behind = [
        masked(FIN | TEXT, b"1"),
        masked(FIN | CLOSE, b"\x03\xe8"),
        masked(FIN | TEXT, b"2"),
        masked(FIN | PING, b"3"),
        masked(FIN | CLOSE, b"\x03\xe9"),
        vec![0xff; 100],
    ];
    peer.send(&behind.concat());
    let before = peer.expect_close(Some(1000));
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].text(), "1");
}

#[test]
fn messages_up_to_the_limit_pass_and_longer_ones_are_1009() {
    for limit in [125, 126, 1000, 65_535, 65_536, 200_000] {
        let (server, reasons) = echo_with(Primus::builder().max_length(limit));
        let fits = format!("\"{}\"", "x".repeat(limit - 2));
        let mut peer = server.open();
        peer.text(&fits);
        assert_eq!(peer.expect_text(), fits);
        // In fragments too.
        peer.frame(TEXT, &fits.as_bytes()[..limit / 2]);
        peer.frame(FIN, &fits.as_bytes()[limit / 2..]);
        assert_eq!(peer.expect_text(), fits);
        peer.close();
        // The declared length is enough; and the sum of fragments.
        breach(&server, &declared(FIN | TEXT, 0x80, limit as u64 + 1), 1009);
        let sum = [masked(TEXT, &fits.as_bytes()[..limit]), masked(FIN, b"x")].concat();
        breach(&server, &sum, 1009);
        let codes: Vec<_> = reasons.try_iter().map(|reason| reason.code).collect();
        assert!(codes.iter().all(|code| [1005, 1009].contains(code)), "{codes:?}");
    }
}

#[test]
fn every_message_size_at_a_boundary_of_the_framing_or_of_a_buffer() {
    let (server, _) = echo();
    let mut peer = server.open();
    let boundaries = [125usize, 1 << 10, 4 << 10, 16 << 10, 65_535, 65_536, 256 << 10];
    for size in boundaries.into_iter().flat_map(|at| at.saturating_sub(15)..at + 3) {
        let payload = vec![(size % 251) as u8; size];
        peer.frame(FIN | BINARY, &payload);
        let frame = peer.expect_frame();
        assert_eq!(frame.head, FIN | BINARY);
        assert!(frame.payload == payload, "{size} bytes came back changed");
    }
}

#[test]
fn many_frames_in_one_segment_and_in_segments_of_one_byte() {
    let (server, _) = echo();
    let mut bytes = Vec::new();
    for n in 0..50 {
        bytes.extend(masked(FIN | TEXT, n.to_string().as_bytes()));
        bytes.extend(masked(FIN | PING, b"?"));
        bytes.extend(masked(TEXT, b"["));
        bytes.extend(masked(FIN, b"]"));
    }
    let expect = |peer: &mut Peer| {
        for n in 0..50 {
            assert_eq!(peer.expect_text(), n.to_string());
            assert_eq!(peer.expect_frame().head, FIN | PONG);
            assert_eq!(peer.expect_text(), "[]");
        }
    };
    let mut peer = server.open();
    peer.send(&bytes);
    expect(&mut peer);
    let mut peer = server.open();
    bytes.chunks(1).for_each(|byte| peer.send(byte));
    expect(&mut peer);
}

#[test]
fn frames_in_the_segment_of_the_handshake_are_not_lost() {
    let (server, _) = echo();
    for count in [1, 3, 300] {
        let mut peer = server.connect();
        let mut bytes = upgrade("/primus", "");
        (0..count).for_each(|n: u32| bytes.extend(masked(FIN | TEXT, n.to_string().as_bytes())));
        peer.send(&bytes);
        assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
        for n in 0..count {
            assert_eq!(peer.expect_text(), n.to_string());
        }
    }
    // A breach as well.
    let mut peer = server.connect();
    peer.send(&[upgrade("/primus", ""), masked(FIN | 3, b"")].concat());
    assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
    peer.expect_close(Some(1002));
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let (server, _) = echo();
    let mut peer = server.connect();
    let bytes = [upgrade("/primus?a=1", ""), masked(FIN | TEXT, b"7")].concat();
    bytes.chunks(1).for_each(|byte| peer.send(byte));
    assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
    assert_eq!(peer.expect_text(), "7");
}

#[test]
fn a_peer_that_ends_its_half_without_a_close_frame_is_lost() {
    let (server, reasons) = echo();
    for sent in [masked(FIN | TEXT, b"1"), masked(FIN | TEXT, b"\"cut off\"")[..5].to_vec()] {
        let mut peer = server.open();
        peer.send(&sent);
        peer.shutdown(Shutdown::Write);
        while peer.read_frame().is_some() {}
        let reason = reasons.recv_timeout(PATIENCE).unwrap();
        assert_eq!((reason.by, reason.code), (Ended::Lost, 1006));
    }
    server.wait_empty();
}

#[test]
fn a_peer_that_answers_our_close_and_waits_for_us_to_hang_up_is_let_go_at_once() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, _| spark.end());
    });
    let mut peer = server.open();
    peer.text("\"end it\"");
    assert_eq!(peer.expect_text(), "\"primus::server::close\"");
    assert_eq!(peer.expect_frame(), WireFrame { head: FIN | CLOSE, payload: vec![] });
    let asked = std::time::Instant::now();
    peer.frame(FIN | CLOSE, b"");
    peer.expect_end();
    assert!(asked.elapsed() < Duration::from_secs(8), "let go by the close time-out only");
    assert_eq!(server.primus.metrics().messages_in, 1);
}

#[test]
fn a_peer_that_never_answers_our_close_is_cut_at_the_close_timeout() {
    let server = Server::start(limited(|l| l.close_timeout = Duration::from_millis(100)));
    server.primus.on_connection(|spark| spark.end());
    let mut peer = server.open();
    peer.expect_close(None);
    server.wait_empty();
}

#[test]
fn a_close_from_both_sides_at_once_is_answered_once() {
    let server = Server::start(Primus::builder());
    for _ in 0..50 {
        let mut peer = server.open();
        let spark = server.spark();
        let ending = std::thread::spawn(move || spark.end());
        peer.frame(FIN | CLOSE, b"");
        let mut closes = 0;
        while let Some(frame) = peer.read_frame() {
            closes += usize::from(frame.opcode() == CLOSE);
        }
        assert_eq!(closes, 1);
        ending.join().unwrap();
        server.wait_empty();
    }
}

/// Sends a request and gives the status of the answer, behind which the
/// connection must end.
fn refused(server: &Server, request: &str) -> Response {
    let mut peer = server.connect();
    let response = peer.ask(request);
    peer.expect_end();
    response
}

fn handshake(method: &str, headers: &[(&str, &str)]) -> String {
    let mut request = format!("{method} /primus HTTP/1.1\r\nHost: x\r\n");
    headers.iter().for_each(|(name, value)| request.extend([name, ": ", value, "\r\n"]));
    request + "\r\n"
}

const GOOD: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
];

/// The good handshake with one header changed or left out.
fn with(name: &str, value: Option<&str>) -> String {
    let headers: Vec<_> = GOOD
        .into_iter()
        .filter_map(|(n, v)| if n == name { value.map(|value| (n, value)) } else { Some((n, v)) })
        .collect();
    handshake("GET", &headers)
}

#[test]
fn handshakes_that_are_refused() {
    let (server, _) = echo();
    for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "FOO"] {
        assert_eq!(refused(&server, &handshake(method, &GOOD)).status, 405, "{method}");
    }
    let long = "A".repeat(8000) + "==";
    let keys = [
        "",
        "AAAA",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25jZ*==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        &long,
    ];
    for key in keys.into_iter().map(Some).chain([None]) {
        let response = refused(&server, &with("Sec-WebSocket-Key", key));
        assert_eq!(response.status, 400, "{key:?}");
        assert_eq!(response.body, "Missing or invalid Sec-WebSocket-Key header");
        assert_eq!(response.header("Connection"), Some("close"));
    }
    for version in ["", "0", "7", "12", "14", "013", "13, 8", "-13", "255"].map(Some) {
        let response = refused(&server, &with("Sec-WebSocket-Version", version));
        assert_eq!(response.status, 426, "{version:?}");
        assert_eq!(response.header("Sec-WebSocket-Version"), Some("13"));
        assert_eq!(response.header("Upgrade"), Some("websocket"));
    }
    assert_eq!(refused(&server, &with("Sec-WebSocket-Version", None)).status, 426);
    server.still_serves();
}

#[test]
fn a_key_or_version_given_twice_is_refused() {
    let (server, _) = echo();
    let twice: Vec<_> = GOOD.into_iter().chain([("Sec-WebSocket-Key", KEY)]).collect();
    assert_eq!(refused(&server, &handshake("GET", &twice)).status, 400);
    let twice: Vec<_> = GOOD.into_iter().chain([("Sec-WebSocket-Version", "12")]).collect();
    assert_eq!(refused(&server, &handshake("GET", &twice)).status, 426);
}

#[test]
fn plain_requests_are_told_to_upgrade() {
    let (server, _) = echo();
    let mut peer = server.connect();
    for request in [
        "GET /primus HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /primus/?x=1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /primus HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        "GET /primusfoo HTTP/1.1\r\nHost: x\r\n\r\n",
        // Not an upgrade without naming it in `Connection`.
        "GET /primus HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
    ] {
        // The connection is kept.
        let response = peer.ask(request);
        assert_eq!(response.status, 426, "{request}");
        assert_eq!(response.body, "Upgrade Required");
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.header("Sec-WebSocket-Version"), Some("13"));
        assert_eq!(response.header("Upgrade"), Some("websocket"), "{}", response.head);
        let connection = response.header("Connection").unwrap_or_default().to_ascii_lowercase();
        assert!(connection.contains("upgrade"), "{}", response.head);
        assert!(response.header("Cache-Control").is_some_and(|v| v.contains("no-store")));
    }
    // And can still be upgraded.
    peer.shake("/primus", "");
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
}

#[test]
fn the_handshake_answer_is_exact() {
    let (server, _) = echo();
    for version in ["13", "8"] {
        let mut peer = server.connect();
        peer.send(with("Sec-WebSocket-Version", Some(version)).as_bytes());
        let expected = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
        );
        assert_eq!(peer.read_head(), expected);
    }
    for (name, value) in [("Upgrade", "WebSocket"), ("Connection", "keep-alive, upgrade")] {
        let mut peer = server.connect();
        peer.send(with(name, Some(value)).as_bytes());
        assert!(peer.read_head().starts_with("HTTP/1.1 101 "), "{name}: {value}");
    }
}

#[test]
fn the_first_subprotocol_is_selected() {
    let (server, _) = echo();
    let table = [
        ("chat", Some("chat")),
        ("foo, bar", Some("foo")),
        (" foo ,bar", Some("foo")),
        ("foo,foo,foo", Some("foo")),
        ("", None),
        (",", None),
        ("a b", None),
        ("x\"y\"", None),
        ("naïve", None),
    ];
    for (offered, selected) in table {
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", &format!("Sec-WebSocket-Protocol: {offered}\r\n")));
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let line = selected.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
        match line {
            Some(line) => assert!(head.contains(&line), "{offered}: {head}"),
            None => assert!(!head.contains("Protocol:"), "{offered}: {head}"),
        }
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }
}

#[test]
fn compression_is_not_agreed_to() {
    let (server, _) = echo();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", offer));
    assert!(!peer.read_head().contains("Extensions"));
    peer.frame(FIN | 0x40 | TEXT, b"\x00");
    peer.expect_close(Some(1002));
}
