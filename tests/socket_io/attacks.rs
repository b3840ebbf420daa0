//! Attacks on every route, and what must come of them: the attacker is refused, nobody
//! else notices.

use primus::Primus;

use crate::client::*;
use crate::common::*;

const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "XYZ"];

fn status(addr: std::net::SocketAddr, bytes: &[u8]) -> u16 {
    let mut peer = Peer::connect(addr);
    peer.send(bytes);
    let head = peer.read_head();
    head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

#[test]
fn wrong_methods_open_no_session() {
    let server = echo(Primus::builder());
    for transport in ["xhr-polling", "jsonp-polling", "htmlfile", "websocket"] {
        let id = handshake(server.addr);
        for method in METHODS {
            if method == "GET" || (method == "POST" && transport != "websocket") {
                continue;
            }
            let path = format!("/1/{transport}/{id}");
            let asked = request(method, &path, "Content-Length: 0\r\n");
            assert_eq!(status(server.addr, asked.as_bytes()), 405, "{method} {path}");
        }
    }
    assert_eq!(server.primus.connected(), 0);
    still_serves(&server);
}

/// Like CVE-2020-7693 of another server: `Upgrade` where no WebSocket is to be had.
#[test]
fn cve_2020_7693_upgrade_on_every_route() {
    let server = echo(Primus::builder());
    let id = handshake(server.addr);
    let routes = [
        ("".to_owned(), 400),
        ("/".to_owned(), 400),
        ("/1".to_owned(), 400),
        ("/1/".to_owned(), 400),
        ("/2/".to_owned(), 500),
        (format!("/1/xhr-polling/{id}"), 400),
        (format!("/1/jsonp-polling/{id}"), 400),
        (format!("/1/htmlfile/{id}"), 400),
        (format!("/1//{id}?disconnect=1"), 400),
        (format!("/1/websocket/{id}?disconnect=1"), 400),
        (format!("/1/flashsocket/{id}"), 404),
        (format!("/1/websocket/{id}/x"), 404),
        ("/1/websocket".to_owned(), 404),
        ("/1/websocket/".to_owned(), 404),
        ("/x".to_owned(), 404),
    ];
    for (route, expected) in routes {
        let bytes = upgrade(&format!("/primus{route}"), "");
        assert_eq!(status(server.addr, &bytes), expected, "{route}");
    }
    for method in METHODS.into_iter().filter(|method| *method != "GET") {
        let upgrade = upgrade(&format!("/primus/1/websocket/{id}"), "");
        let bytes = String::from_utf8(upgrade).unwrap().replacen("GET", method, 1);
        assert_eq!(status(server.addr, bytes.as_bytes()), 405, "{method}");
    }
    // The id has survived all that.
    let mut peer = Peer::connect(server.addr);
    peer.shake(&format!("/primus/1/websocket/{id}"), "");
    assert_eq!(peer.expect_text(), "1::");
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// An id is not used up by a request that is no handshake of a WebSocket.
#[test]
fn no_websocket_requests_on_the_websocket_route() {
    let server = echo(Primus::builder());
    let id = handshake(server.addr);
    for (headers, expected) in [
        ("", 426),
        ("Connection: Upgrade\r\n", 426),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\n", 400),
        ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", 400),
    ] {
        let asked = request("GET", &format!("/1/websocket/{id}"), headers);
        assert_eq!(status(server.addr, asked.as_bytes()), expected, "{headers:?}");
    }
    let answer = ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}"), ""));
    assert_eq!(answer.body, "1::");
}

#[test]
fn hostile_names_of_sessions() {
    let server = echo(Primus::builder().ping_interval(None));
    let long = "a".repeat(7_000);
    for (id, status) in [
        ("__proto__", 200),
        ("constructor", 200),
        ("%00", 200),
        ("..", 200),
        ("%2e%2e", 200),
        ("a:b", 200),
        ("1::", 200),
        ("\u{fffd}", 200),
        ("'\"<>", 200),
        (&long, 200),
    ] {
        for transport in ["xhr-polling", "jsonp-polling", "htmlfile"] {
            let answer = ask(server.addr, request("GET", &format!("/1/{transport}/{id}"), ""));
            assert_eq!(answer.status, status, "{id}: {answer:?}");
            assert_eq!(answer.body.contains(UNKNOWN), status == 200, "{id}: {answer:?}");
            assert!(!answer.body.contains(id) || id == "1::", "{id}: {answer:?}");
        }
        let answer = ask(server.addr, post(&format!("/1/xhr-polling/{id}"), "", "3:::1"));
        assert_eq!(answer.status, status, "{id}: {answer:?}");
    }
    assert_eq!(server.primus.connected(), 0);
    still_serves(&server);
}

/// Whoever tries ids is told that this is seen, whatever is asked for.
#[test]
fn guesses_are_counted() {
    type Way = &'static dyn Fn(&str) -> Vec<u8>;
    let ways: [(&str, Way); 4] = [
        ("poll", &|id| request("GET", &format!("/1/xhr-polling/{id}"), "").into_bytes()),
        ("post", &|id| post(&format!("/1/xhr-polling/{id}"), "", "3:::1")),
        ("disconnect", &|id| request("GET", &format!("/1//{id}/?disconnect=1"), "").into_bytes()),
        ("websocket", &|id| upgrade(&format!("/primus/1/websocket/{id}"), "")),
    ];
    for (name, way) in ways {
        let server = echo(limited(|limits| limits.unknown_sessions = 3));
        let ids = ["a", "b", "c", "d", "e"];
        let told = ids.map(|id| status(server.addr, &way(id)));
        let good = if name == "websocket" { 101 } else { 200 };
        assert_eq!(told, [good, good, good, 429, 429], "{name}");
        // Clients that have a session are no guessers.
        still_serves(&server);
    }
}

/// The body of a stray POST is not read to its end.
#[test]
fn large_bodies_for_nobody() {
    let server = echo(Primus::builder());
    let mut peer = Peer::connect(server.addr);
    let head = request("POST", "/1/xhr-polling/nosuch", "Content-Length: 9000000\r\n");
    peer.send(head.as_bytes());
    let answer = peer.read_response();
    assert_eq!(answer.status, 413, "{answer:?}");
    still_serves(&server);
}

/// Requests that are repeated, or come in another order, do to a session what they
/// say, and nothing else.
#[test]
fn replayed_and_reordered_requests() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let path = client.path();
    let message = post(&path, "", "3:::\"again\"");
    for _ in 0..3 {
        assert_eq!(ask(server.addr, &message).body, "1");
    }
    assert_eq!(client.packets(3), ["3:::\"again\"", "3:::\"again\"", "3:::\"again\""]);
    // A goodbye before what was said before it.
    assert_eq!(ask(server.addr, post(&path, "", "0::")).body, "1");
    assert_eq!(ask(server.addr, &message).body, "1");
    server.wait_empty();
    assert_eq!(client.poll(), UNKNOWN);
    // And twice.
    assert_eq!(ask(server.addr, post(&path, "", "0::")).body, "1");
    still_serves(&server);
}

/// Only the pages of origins that are let in see anything.
#[test]
fn origins() {
    let server = echo(Primus::builder().origins(["http://good.example"]));
    let id = handshake(server.addr);
    for (origin, good) in [("http://good.example", true), ("http://bad.example", false)] {
        let headers = format!("Origin: {origin}\r\n");
        for asked in [
            request("GET", "/1/", &headers).into_bytes(),
            request("GET", &format!("/1/xhr-polling/{id}"), &headers).into_bytes(),
            post(&format!("/1/xhr-polling/{id}"), &headers, "3:::1"),
        ] {
            let answer = ask(server.addr, asked);
            assert_eq!(answer.status == 403, !good, "{origin}: {answer:?}");
            let allowed = answer.header("access-control-allow-origin");
            assert_eq!(allowed, good.then_some(origin), "{answer:?}");
        }
        let id = handshake(server.addr);
        let bytes = upgrade(&format!("/primus/1/websocket/{id}"), &headers);
        assert_eq!(status(server.addr, &bytes), if good { 101 } else { 403 });
    }
}
