//! What is answered without a session.

use std::time::{Duration, Instant};

use primus::Primus;
use primus::middleware::HttpError;

use crate::client::*;
use crate::common::*;

const INIT: &str = "/test?VER=8&MODE=init&zx=abc&t=1";

#[test]
fn what_the_server_is_reached_by() {
    let server = echo(Primus::builder());
    let answer = ask(server.addr, get(INIT, ""));
    assert_eq!((answer.status, &*answer.body), (200, "[null,null]"));
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("expires"), Some("Fri, 01 Jan 1990 00:00:00 GMT"));

    let server = echo(Primus::builder().transport("hostPrefixes", "a,b"));
    let mut seen = [0, 0];
    while seen.contains(&0) {
        let answer = ask(server.addr, get(INIT, ""));
        let at = ["[\"a\",null]", "[\"b\",null]"].iter().position(|body| *body == answer.body);
        seen[at.unwrap_or_else(|| panic!("{answer:?}"))] += 1;
        assert!(seen[0] + seen[1] < 200, "always the same");
    }
    let answer = ask(server.addr, post("/bind?VER=8&RID=1", "", "count=0"));
    let prefix = &arrays(&answer.body)[0][1][2];
    assert!(prefix == "a" || prefix == "b", "{answer:?}");
}

/// The first piece comes at once, the second later; a client that has seen the first
/// leaves.
#[test]
fn whether_answers_come_piece_by_piece() {
    let server = echo(Primus::builder());
    let begun = Instant::now();
    let mut stays = server.connect();
    for _ in 0..3 {
        let mut leaves = server.connect();
        leaves.send(&get("/test?VER=8&TYPE=xmlhttp", ""));
        leaves.read_head();
        assert_eq!(leaves.read_chunk().as_deref(), Some(&b"11111"[..]));
        leaves.reset();
    }
    stays.send(&get("/test?VER=8&TYPE=xmlhttp", ""));
    stays.read_head();
    assert_eq!(stays.read_chunk().as_deref(), Some(&b"11111"[..]));
    assert!(begun.elapsed() < Duration::from_secs(2), "the machine is too slow for this");
    assert_eq!(stays.read_chunk().as_deref(), Some(&b"2"[..]));
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert_eq!(stays.read_chunk(), None);
    stays.send(&get(INIT, ""));
    assert_eq!(stays.read_response().body, "[null,null]");
}

#[test]
fn other_paths_methods_and_versions() {
    let server = echo(Primus::builder());
    for (method, target, status, body) in [
        ("GET", "", 404, "Not Found".into()),
        ("GET", "foo/bind?VER=8", 404, "Not Found".into()),
        ("GET", "/", 404, "Not found".into()),
        ("GET", "/nosuch", 404, "Not found".into()),
        ("GET", "/bcsocket.js", 404, "Not found".into()),
        ("GET", "/bind/x?VER=8", 404, "Not found".into()),
        ("GET", "/bind", 400, told("Version 8 required")),
        ("GET", "/test?VER=7&MODE=init", 400, told("Version 8 required")),
        ("GET", "/bind?VER=8", 400, told("Invalid TYPE")),
        ("GET", "/bind?VER=8&TYPE=xmlhttp&RID=rpc", 400, told("Invalid SID")),
        ("GET", "/bind?VER=8&TYPE=xmlhttp&SID=a&RID=5", 400, told("Expected RPC")),
        ("GET", "/bind?VER=8&TYPE=xmlhttp&SID=a&SID=b&RID=rpc", 400, told("Parameter given twice")),
        ("PUT", "/bind?VER=8", 405, "Method not allowed".into()),
        ("DELETE", "/test?VER=8", 405, "Method not allowed".into()),
        ("OPTIONS", "/bind?VER=8", 405, "Method not allowed".into()),
    ] {
        let request = format!("{method} /primus{target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = ask(server.addr, request);
        assert_eq!((answer.status, answer.body), (status, body), "{method} {target}");
        assert_eq!(header_of(&answer.head, "content-type"), Some("text/plain"), "{target}");
    }
    // There are no WebSockets.
    for target in ["/primus", "/primus/bind?VER=8&SID=a&RID=rpc&TYPE=xmlhttp"] {
        let answer = ask(server.addr, upgrade(target, ""));
        assert_eq!((answer.status, &*answer.body), (404, "Not Found"), "{target}");
    }
}

/// Those without a body are answered without one.
#[test]
fn head_requests() {
    let server = echo(Primus::builder());
    for target in [INIT, "/test?VER=8&TYPE=xmlhttp", "/bind?VER=8"] {
        let mut peer = server.connect();
        let head = format!("HEAD /primus{target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        peer.send(head.as_bytes());
        assert!(peer.read_head().starts_with("HTTP/1.1 405 "), "{target}");
        peer.send(&get(INIT, ""));
        assert_eq!(peer.read_response().body, "[null,null]", "{target}");
    }
}

#[test]
fn who_may_not_is_told_so_by_every_request() {
    let server = echo(Primus::builder());
    server.primus.authorize(|exchange| match exchange.request().query_param("token") {
        Some(_) => Ok(()),
        None => Err(HttpError::from("who?")),
    });
    let opened = ask(server.addr, post("/bind?VER=8&RID=1&token=x", "", "count=0"));
    let sid = arrays(&opened.body)[0][1][1].as_str().unwrap().to_owned();
    for request in [
        get(INIT, ""),
        get("/test?VER=8&TYPE=xmlhttp", ""),
        post("/bind?VER=8&RID=1", "", "count=0"),
        post(&format!("/bind?VER=8&RID=2&SID={sid}"), "", "count=0"),
        get(&format!("/bind?VER=8&RID=rpc&TYPE=xmlhttp&CI=0&SID={sid}"), ""),
        get(&format!("/bind?VER=8&RID=3&TYPE=terminate&SID={sid}"), ""),
    ] {
        let answer = ask(server.addr, request);
        assert_eq!((answer.status, &*answer.body), (401, "{\"error\":\"who?\"}"));
    }
    assert_eq!(server.primus.connected(), 1);
}

#[test]
fn a_pathname_of_ones_own() {
    let server = echo(Primus::builder().pathname("/a/b"));
    let get = |path: &str| {
        ask(server.addr, format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).status
    };
    assert_eq!(get("/a/b/test?VER=8&MODE=init"), 200);
    assert_eq!(get("/a/b"), 404);
}
