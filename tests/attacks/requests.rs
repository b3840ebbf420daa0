//! Requests that are slow, huge, or none at all.

use std::net::Shutdown;
use std::time::Duration;

use primus::Primus;
use primus::middleware::{Flow, On};

use crate::common::*;

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn slowloris_head() {
    let server = Server::echo(limited(|l| l.head_timeout = SHORT));
    let mut silent = server.connect();
    let mut slow = server.connect();
    let head = upgrade("/primus", "X-Slow: ");
    slow.drip(head.into_iter().chain(std::iter::repeat(b'a')));
    // Nothing at all was said: there is nothing to answer.
    silent.expect_end();
    let mut half = server.connect();
    half.send(b"GET /primus HTTP/1.1\r\nHost: x\r\n");
    assert_eq!(half.read_response().status, 408);
    half.expect_end();
    server.still_serves();
}

#[test]
fn slow_body() {
    let server = Server::echo(limited(|l| l.body_timeout = SHORT));
    server.primus.on_request(|_, body| {
        let read = std::io::read_to_string(body);
        let status = if read.is_ok() { 200 } else { 408 };
        tiny_http::Response::from_string("").with_status_code(status).boxed()
    });
    for framing in ["Content-Length: 1000\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"]
    {
        let mut peer = server.connect();
        peer.send(format!("POST /form HTTP/1.1\r\nHost: x\r\n{framing}").as_bytes());
        assert_eq!(peer.read_response().status, 408);
        peer.expect_end();
        // Below the pathname nobody reads it; the connection is not kept.
        let mut peer = server.connect();
        peer.send(format!("POST /primus HTTP/1.1\r\nHost: x\r\n{framing}").as_bytes());
        assert_eq!(peer.read_response().status, 426);
        peer.expect_end();
    }
    server.still_serves();
}

#[test]
fn header_bombs() {
    let server = Server::echo(Primus::builder());
    let line = |name: &str, size| format!("{name}: {}\r\n", "a".repeat(size));
    let bombs = [
        (414, format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(8200))),
        (414, "G".repeat(9000)),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", line("A", 33_000))),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", line("A", 7000).repeat(5))),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", line("A", 1).repeat(100))),
        (431, format!("GET / HTTP/1.1\r\nHost: x\r\n{}", line("A", 1).repeat(5000))),
        (400, "\r\n".repeat(20)),
    ];
    for (status, bomb) in bombs {
        let mut peer = server.connect();
        peer.try_send(bomb.as_bytes());
        assert_eq!(peer.read_response().status, status, "{:.60}", bomb);
        peer.expect_end();
    }
    // Counted when the connection is done with.
    wait_for("refusals", Some(4), || server.primus.metrics().refusals.get(&431).copied());
    server.still_serves();
}

#[test]
fn not_http_at_all() {
    let server = Server::echo(Primus::builder());
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..100 {
        let mut peer = server.connect();
        let noise: Vec<u8> = (0..random.usize(1..3000)).map(|_| random.u8(..)).collect();
        peer.try_send(&noise);
        peer.shutdown(Shutdown::Write);
        while peer.read_frame_or_noise() {}
    }
    // The start of TLS.
    let mut peer = server.connect();
    peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    assert_eq!(peer.read_response().status, 400);
    server.still_serves();
}

#[test]
fn path_tricks() {
    let server = Server::echo(Primus::builder());
    for path in [
        "/../primus.js",
        "/%2e%2e/etc/passwd",
        "//primus",
        "/x/../primus/spec",
        "\\primus",
        "/%70rimus",
        "/PRIMUS",
        "/primu",
        "*",
        "http://x/",
        "http://x/primu",
    ] {
        let response = server.connect().ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!([404, 400].contains(&response.status), "{path}: {}", response.status);
    }
    for path in ["/primus/../spec", "/primus/spec/", "/primus//spec", "/primus/%73pec"] {
        let response = server.connect().ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(response.status, 426, "{path}");
    }
}

#[test]
fn response_splitting() {
    let server = Server::echo(Primus::builder());
    server.primus.middleware().use_layer("echo", On::Both, |exchange| {
        let value = exchange.request().query_pairs().next().map(|(_, value)| value.into_owned());
        exchange.set_header("x-echo", &value.unwrap_or_default())?;
        Ok(Flow::Next)
    });
    for (value, status) in
        [("fine", 426), ("a%0d%0aSet-Cookie:x=y", 500), ("%0a", 500), ("%00", 500)]
    {
        let request = format!("GET /primus?v={value} HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = server.connect().ask(&request);
        assert_eq!(response.status, status, "{value}");
        assert!(response.header("Set-Cookie").is_none());
    }
    // Primus's own reflections.
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", "Sec-WebSocket-Protocol: a\x0b\r\n"));
    assert_eq!(peer.read_response().status, 400);
}
