//! Vulnerabilities of Primus's relatives, each as a test of this server. A test
//! has the name of the CVE, or of the thread in which the fault became known.
//! (Where what it costs is counted, it is in `counting`.)

#[path = "../common/mod.rs"]
mod common;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use primus::Primus;

use crate::common::*;

/// socket.io took session ids from `Math.random`.
#[test]
fn cve_2017_16031_guessable_ids() {
    let server = Server::echo(Primus::builder());
    let mut ids = HashSet::new();
    let mut positions = vec![HashSet::new(); 21];
    let _peers: Vec<_> = (0..200).map(|_| server.open()).collect();
    wait_for("sparks", 200, || server.primus.connected());
    server.primus.for_each(|spark| {
        assert!(spark.id().bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)));
        spark.id().bytes().zip(&mut positions).for_each(|(byte, seen)| {
            seen.insert(byte);
        });
        ids.insert(spark.id().to_owned());
    });
    assert_eq!(ids.len(), 200);
    // 21 characters of 64, 126 bits; each of them varies freely.
    assert!(positions.iter().all(|seen| seen.len() > 40));
    let source = include_str!("../../src/id.rs");
    assert!(source.contains("getrandom") && !source.contains("fastrand"));
}

/// An error of ws that engine.io did not handle ended the process.
#[test]
fn cve_2022_21676_invalid_frame_right_after_the_handshake() {
    let server = Server::echo(Primus::builder());
    for head in 0..=255u8 {
        let (opcode, bits) = (head & 0x0f, head & 0x70);
        let known = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].contains(&opcode);
        if bits == 0 && known {
            continue;
        }
        let mut peer = server.connect();
        peer.send(&[upgrade("/primus", ""), masked(head, b"")].concat());
        assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
        peer.expect_close(Some(1002));
    }
    server.still_serves();
}

/// A query parameter named like a member of `Object.prototype` made engine.io
/// fail.
#[test]
fn cve_2023_31125_hostile_queries() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| spark.write(&spark.query().count()).map(drop));
    let long = format!("a={}", "x".repeat(7000));
    let many = "k=v&".repeat(1900);
    for (query, count) in [
        ("__proto__=1&constructor=2&toString=3", 3),
        ("sid=__proto__&EIO=4&transport=polling", 3),
        ("a=1&a=2&a=3", 3),
        ("&&&=&=x", 2),
        ("%", 1),
        ("%zz=%f&%ff=%c0%80", 2),
        ("a=%00%0d%0a", 1),
        ("??=/?#", 1),
        ("ping=-1e999&pong=NaN", 2),
        ("ping=1e999&pong=1", 2),
        (&long, 1),
        (&many, 1000),
    ] {
        let mut peer = Peer::open_with(server.addr, &format!("/primus?{query}"), "");
        assert_eq!(peer.expect_text(), count.to_string(), "{query:.50}");
    }
}

/// A missing `error` listener ended the process.
#[test]
fn cve_2024_38355_no_error_listener() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_data(|_, _| Err::<(), _>("unhandled"));
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let mut peer = server.open();
    peer.text("not json");
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
    server.open().close();
}

/// `Upgrade: websocket` on any other URL ended the process of sockjs.
#[test]
fn cve_2020_7693_upgrade_on_every_route() {
    let server = Server::echo(Primus::builder());
    for route in ROUTES {
        for method in ["GET", "POST", "HEAD", "OPTIONS", "DELETE", "TRACE", "XYZ"] {
            let request = String::from_utf8(upgrade(route, "")).unwrap();
            let mut peer = server.connect();
            peer.send(request.replacen("GET", method, 1).as_bytes());
            let head = peer.read_head();
            let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
            let expected = match (route.starts_with("/primus"), method) {
                (false, _) => 404,
                (true, "GET") => 101,
                (true, _) => 405,
            };
            assert_eq!(status, expected, "{method} {route}");
        }
    }
    server.still_serves();
}

/// ws answered pings with uninitialised memory.
#[test]
fn cve_2016_10518_pong_is_the_ping() {
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    for payload in [&b""[..], b"5", b"\0\0\0", &[0xff; 125]] {
        peer.frame(FIN | PING, payload);
        assert_eq!(peer.expect_frame(), WireFrame { head: FIN | PONG, payload: payload.into() });
    }
}

/// ws took messages of 256 MiB by default.
#[test]
fn cve_2016_10542_default_limit() {
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    peer.send(&declared(FIN | BINARY, 0x80, (10 << 20) + 1));
    peer.expect_close(Some(1009));
}

/// `Sec-WebSocket-Extensions: constructor` ended the process of ws; unclosed
/// quotes kept websocket-extensions busy (CVE-2020-7662, CVE-2020-7663).
#[test]
fn ghsa_5v72_and_cve_2020_7662_hostile_extensions() {
    let server = Server::echo(limited(|l| l.head = 128 << 10));
    let quotes = format!("a; b=\"{}", "\\\"".repeat(30_000));
    let semicolons = ";".repeat(60_000);
    for value in [
        "constructor",
        "__proto__",
        "toString; valueOf",
        "",
        ",",
        ";",
        "=",
        "a;=",
        "a; b=\"",
        "permessage-deflate; server_max_window_bits=99999999999",
        "permessage-deflate; x=\"\\",
        &quotes,
        &semicolons,
    ] {
        let start = Instant::now();
        let header = format!("Sec-WebSocket-Extensions: {value}\r\n");
        let mut peer = Peer::open_with(server.addr, "/primus", &header);
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

/// With more headers than Node keeps, ws found no `Upgrade` and failed.
#[test]
fn cve_2024_37890_many_headers() {
    let server = Server::echo(limited(|l| l.headers = 20));
    let own = "Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for count in 0..=17 {
        let more = "X-More: 1\r\n".repeat(count);
        for headers in [format!("{own}{more}"), format!("{more}{own}")] {
            let mut peer = server.connect();
            peer.send(format!("GET /primus HTTP/1.1\r\n{headers}\r\n").as_bytes());
            let head = peer.read_head();
            let expected = if count + 5 <= 20 { " 101 " } else { " 431 " };
            assert!(head.contains(expected), "{count}: {head}");
        }
    }
    server.still_serves();
}

/// Framing on which two servers differ, accepted by tiny_http.
#[test]
fn cve_2020_35884_smuggling() {
    let server = Server::echo(Primus::builder());
    server.primus.on_request(|_, body| {
        let _ = std::io::copy(body, &mut std::io::sink());
        tiny_http::Response::from_string("page").boxed()
    });
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 5, 5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: five",
        "Content-Length:",
        "Content-Length: 99999999999999999999",
        "Content-Length : 5",
        "Content-Length\t: 5",
        " Content-Length: 5",
        "X: y\r\n Content-Length: 5",
        "X: y\r\n\tfolded",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:\x0bchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "X: a\nContent-Length: 5",
        "X: a\rContent-Length: 5",
        "X: a\0b",
        "X\0: a",
        ": no name",
        "no colon",
        "Host: y",
    ] {
        for route in ["/", "/primus"] {
            let request = format!("POST {route} HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{smuggled}");
            let mut peer = server.connect();
            peer.send(request.as_bytes());
            let response = peer.read_response();
            assert_eq!(response.status, 400, "{fields:?}");
            assert_eq!(response.header("Connection"), Some("close"));
            peer.expect_end();
        }
    }
    for body in [
        "5 \r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\n0\n\n",
        "5\r\nhelloX0\r\n\r\n",
    ] {
        let mut peer = server.connect();
        peer.send(
            format!(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}{smuggled}"
            )
            .as_bytes(),
        );
        peer.read_response();
        peer.expect_end();
    }
    server.still_serves();
}

/// phoenix matched `//*.x` too widely.
#[test]
fn cve_2022_42975_origin_wildcards() {
    let server =
        Server::echo(Primus::builder().origins(["https://*.good.example", "http://*.lan:*"]));
    for (origin, allowed) in [
        ("https://a.good.example", true),
        ("https://a.b.good.example", true),
        ("https://A.GOOD.EXAMPLE", true),
        ("https://good.example", false),
        ("https://evilgood.example", false),
        ("https://a.good.example.evil.com", false),
        ("https://a.good.example.", false),
        ("https://.good.example", false),
        ("https://a.good.example:8443", false),
        ("http://a.good.example", false),
        ("https://evil.com/.good.example", false),
        ("https://evil.com#.good.example", false),
        ("https://evil.com@a.good.example", false),
        ("https://evil.com%2f.good.example", false),
        ("https://evil.com\\.good.example", false),
        ("null", false),
        ("http://a.lan:1234", true),
        ("http://a.lan:12345678", false),
        ("http://a.lan:x", false),
    ] {
        let mut peer = server.connect();
        peer.send(&upgrade("/primus", &format!("Origin: {origin}\r\n")));
        let status = if allowed { "HTTP/1.1 101 " } else { "HTTP/1.1 403 " };
        assert!(peer.read_head().starts_with(status), "{origin}");
    }
}

/// sockjs reflected what it was asked: an answer that repeats input must not be
/// taken for a page.
#[test]
fn cve_2020_8823_reflected_input() {
    let server = Server::echo(Primus::builder().origins(["https://good.example"]));
    let script = "<script>alert(1)</script>";
    for request in [
        format!("GET /primus?c={script} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /{script} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET /primus HTTP/1.1\r\nHost: x\r\nOrigin: https://{script}\r\n\r\n"),
    ] {
        let response = server.connect().ask(&request);
        assert_eq!(response.header("Content-Type"), Some("text/plain"), "{request}");
        let repeats = response.body.contains(script);
        assert!(!repeats || response.header("X-Content-Type-Options") == Some("nosniff"));
    }
}
