//! Requests that drip, explode, or break off.

use std::net::Shutdown;
use std::time::Duration;

use primus::{Destroy, Primus};

use super::routes::ROUTES;
use crate::client::*;
use crate::common::engine_io::patient;
use crate::common::*;

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn slowloris_head() {
    let server = echo(limited(|limits| limits.head_timeout = SHORT));
    let mut client = Client::open(server.addr);
    for path in ["/000/slow/xhr_streaming", &format!("{}/xhr_send", client.session)] {
        let mut slow = server.connect();
        let head = request("POST", path, "X-Slow: ");
        slow.drip(head.trim_end().bytes().chain(std::iter::repeat(b'a')));
    }
    // No session begun, and none lost.
    assert_eq!(server.primus.connected(), 1);
    (client.polls, client.posts) = (server.connect(), server.connect());
    client.round("\"x\"");
}

/// The session survives; nothing of what came is heard.
#[test]
fn slow_body() {
    let server = echo(limited(|limits| limits.body_timeout = SHORT));
    let mut client = Client::open(server.addr);
    for framing in ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut peer = server.connect();
        let begin = if framing.starts_with('C') { "[\"half" } else { "20\r\n[\"half" };
        let head = request("POST", &format!("{}/xhr_send", client.session), framing);
        peer.send(format!("{head}{begin}").as_bytes());
        let head = peer.read_frame_or_noise_head();
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 408 "), "{head}");
        client.posts = server.connect();
        client.round("\"x\"");
    }
}

#[test]
fn header_bombs() {
    let server = echo(patient());
    let mut client = Client::open(server.addr);
    let line = |size| format!("A: {}\r\n", "a".repeat(size));
    for (route, _) in ROUTES {
        for (status, query, headers) in [
            (414, format!("?{}", "a".repeat(8200)), String::new()),
            (431, String::new(), line(33_000)),
            (431, String::new(), line(7_000).repeat(5)),
            (431, String::new(), line(1).repeat(101)),
        ] {
            let mut peer = server.connect();
            peer.try_send(request("POST", &format!("{route}{query}"), &headers).as_bytes());
            assert_eq!(peer.read_response().status, status, "{route}");
            peer.expect_end();
        }
    }
    client.round("\"x\"");
}

/// Whatever is in a query means nothing to a route that does not ask for it.
#[test]
fn cve_2023_31125_hostile_queries() {
    let server = echo(Primus::builder());
    let long = format!("a={}", "x".repeat(7000));
    for query in [
        "__proto__=1&constructor=2",
        "a=1&a=2",
        "&&&=&=x",
        "%",
        "%zz=%f&%ff=%c0%80",
        "a=%00%0d%0a",
        "??=/?#",
        "c[]=x",
        &long,
    ] {
        let session = fresh();
        let mut peer = server.connect();
        peer.send(&post(&format!("{session}/xhr?{query}"), "", ""));
        assert_eq!(peer.read_response().body, "o\n", "{query:.40}");
        for (path, body) in
            [("/info", "{\"websocket\""), ("", "Welcome"), ("/iframe.html", "<!DOCTYPE")]
        {
            let answer = ask(server.addr, request("GET", &format!("{path}?{query}"), ""));
            assert!(
                answer.status == 200 && answer.body.starts_with(body),
                "{path} {query:.40}: {answer:?}"
            );
        }
        let mut socket =
            Peer::open_with(server.addr, &format!("/primus{session}/websocket?{query}"), "");
        assert_eq!(socket.expect_text(), "o", "{query:.40}");
    }
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// Both ends of every connection, at any time, on any route.
#[test]
fn resets_on_every_route() {
    let server = echo(Primus::builder());
    for (route, methods) in ROUTES {
        let method = if methods.contains("POST") { "POST" } else { "GET" };
        let query =
            if route.ends_with("htmlfile") || route.ends_with("jsonp") { "?c=cb" } else { "" };
        let path = route.replace("/t/", &format!("/{}/", fresh().replace('/', "")));
        let bytes = if route.ends_with("websocket") {
            let mut bytes = upgrade(&format!("/primus{path}"), "");
            bytes.extend(masked(FIN | TEXT, b"[\"x\"]"));
            bytes
        } else if method == "POST" {
            post(&path, "", "[\"x\"]")
        } else {
            request(method, &format!("{path}{query}"), "").into_bytes()
        };
        for end in (0..=bytes.len()).step_by(7).chain([bytes.len()]) {
            let mut peer = server.connect();
            peer.try_send(&bytes[..end]);
            match end % 3 {
                0 => peer.shutdown(Shutdown::Write),
                1 => drop(peer),
                _ => peer.reset(),
            }
        }
    }
    server.wait_empty();
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
    server.primus.destroy(Destroy::default().timeout(PATIENCE));
}

/// The order of requests on one connection is that of their answers, and a request
/// behind one that waits is not lost.
#[test]
fn requests_behind_a_receiver_that_waits() {
    let server = echo(Primus::builder());
    let client = Client::open(server.addr);
    let mut peer = server.connect();
    let info = request("GET", "/info", "");
    peer.send(&[&receive(&client.session, "xhr"), info.as_bytes(), info.as_bytes()].concat());
    server.spark().write(&1).unwrap();
    let first = peer.read_response();
    // Who speaks while an answer waits may have left it; either is right.
    if first.body == "a[\"1\"]\n" {
        assert!(peer.read_response().body.starts_with("{\"websocket\""));
    }
    still_serves(&server);
}
