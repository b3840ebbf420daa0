//! Handshakes, and requests that are none.

use crate::common::*;
use crate::echo;

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
