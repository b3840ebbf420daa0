//! Those who mean no good, and what is between them and a server.

use std::time::Duration;

use super::*;

fn line(headers: &str) -> String {
    format!("PUT /primus/omega/supreme HTTP/1.1\r\nHost: h\r\n{AUTHORIZATION}\r\n{headers}\r\n")
}

#[test]
fn a_body_over_its_limit_is_refused_however_it_comes() {
    let server = serving("spark", limited(|limits| limits.body = 10_000), omega());
    let _spark = clients(&server, 1);
    let declared = line("Content-Length: 1099511627776\r\n");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let chunked = line("Transfer-Encoding: chunked\r\n") + &chunk.repeat(3);
    let huge = line("Transfer-Encoding: chunked\r\n") + "ffffffffffff\r\n";
    for request in [declared, chunked, huge] {
        let mut peer = server.connect();
        let answer = peer.ask(&request);
        assert_eq!((answer.status, &*answer.body), (413, r#"{"error":"request body too large"}"#));
        assert_eq!(answer.header("connection"), Some("close"));
        assert!(peer.ends());
    }
    // A stranger is not even read.
    let mut peer = server.connect();
    let stranger = line("Content-Length: 1099511627776\r\n").replace("c3Vw", "c3VW");
    assert_eq!(peer.ask(&stranger).status, 401);
    assert!(peer.ends());
    assert_eq!(server.connect().ask(&put(r#"{"msg":1}"#)).body, r#"{ "ok": true, "send":1 }"#);
}

#[test]
fn bodies_in_chunks_are_bodies() {
    let server = server();
    let mut spark = clients(&server, 1).remove(0);
    let mut peer = server.connect();
    let head = line("Transfer-Encoding: chunked\r\n");
    for _ in 0..2 {
        let answer =
            peer.ask(&format!("{head}5\r\n{{\"msg\r\n4;x=y\r\n\":7}}\r\n0\r\nT: x\r\n\r\n"));
        assert_eq!(answer.body, r#"{ "ok": true, "send":1 }"#);
        assert_eq!(spark.expect_text(), "7");
    }
    let answer = peer.ask(&format!("{head}zz\r\n"));
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(peer.ends());
}

#[test]
fn a_body_that_comes_too_slowly_ends_its_connection_alone() {
    let time = Duration::from_millis(200);
    let server = serving("spark", limited(|limits| limits.body_timeout = time), omega());
    let mut slow = server.connect();
    slow.send((line("Content-Length: 100\r\n") + "{\"ms").as_bytes());
    assert_eq!(server.connect().ask(&put(r#"{"msg":1}"#)).status, 200);
    let answer = slow.read_response();
    assert_eq!((answer.status, &*answer.body), (408, r#"{"error":"request body too slow"}"#));
    assert!(slow.ends());
    // One that breaks off.
    let mut cut = server.connect();
    cut.send((line("Content-Length: 100\r\n") + "{\"ms").as_bytes());
    cut.shutdown(std::net::Shutdown::Write);
    assert_eq!(cut.read_response().status, 400);
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn a_client_that_expects_to_be_asked_is_asked_if_it_may_come_in() {
    let server = server();
    let mut peer = server.connect();
    let expects = line("Expect: 100-continue\r\nContent-Length: 9\r\n");
    for _ in 0..2 {
        peer.send(expects.as_bytes());
        assert_eq!(peer.read_head(), "HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(peer.ask(r#"{"msg":1}"#).body, r#"{ "ok": true, "send":0 }"#);
    }
    let answer = peer.ask(&expects.replace("c3Vw", "c3VW"));
    // Whether the body comes is not known: the connection cannot be gone on with.
    assert_eq!((answer.status, answer.header("connection")), (401, Some("close")));
    assert!(peer.ends());
}

#[test]
fn nobody_is_let_in_by_another_header() {
    let server = server();
    let _spark = clients(&server, 1);
    let mut peer = server.connect();
    let right = "b21lZ2E6c3VwcmVtZQ==";
    for value in [
        "Basic",
        "Basic ",
        &format!("basic {right}"),
        &format!("BASIC {right}"),
        &format!("Basic  {right}"),
        &format!("Bearer {right}"),
        &format!("Digest {right}"),
        &format!("Basic {right}, Basic {right}"),
        &format!("Basic {right}="),
        right,
        "Basic b21lZ2E6c3VwcmVtZQ",
        "Basic b21lZ2E6",
        "Basic OnN1cHJlbWU=",
        "Basic Og==",
        "null",
        &"x".repeat(8_000),
    ] {
        let headers = format!("Authorization: {value}\r\n");
        let answer = peer.ask(&request("PUT /primus/omega/supreme", &headers, r#"{"msg":1}"#));
        assert_eq!(answer.status, 401, "{value}");
        assert_eq!(answer.header("www-authenticate"), None);
        assert!(answer.body.contains("Pew pew!"), "{}", answer.body);
    }
    // Of two the first counts, as with Node.
    for (first, second, status) in [(right, "x", 200), ("x", right, 401)] {
        let headers = format!("Authorization: Basic {first}\r\nAuthorization: Basic {second}\r\n");
        let answer = peer.ask(&request("PUT /primus/omega/supreme", &headers, r#"{"msg":1}"#));
        assert_eq!(answer.status, status);
    }
}

#[test]
fn nonsense_in_bodies_writes_to_nobody() {
    let server = serving("spark", limited(|limits| limits.values = 100), omega());
    let mut spark = clients(&server, 1).remove(0);
    let deep = format!(r#"{{"msg":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let wide = format!(r#"{{"msg":[{}0]}}"#, "0,".repeat(1_000));
    let ids = format!(r#"{{"msg":1,"sparks":[{}""]}}"#, r#""spark-1","#.repeat(1_000));
    let mut peer = server.connect();
    for body in [&*deep, &wide, &ids, r#"{"msg":"\ud800"#, r#"{"msg":1,}"#, "{'msg':1}"] {
        let answer = peer.ask(&put(body));
        assert_eq!(answer.status, 500, "{body:.40}");
        assert_eq!(answer.body, r#"{ "ok": false, "reason": "invalid data structure" }"#);
    }
    // As Node reads it.
    let mut bytes = put("{\"msg\":\"_\"}").into_bytes();
    let at = bytes.iter().rposition(|byte| *byte == b'_').unwrap();
    bytes[at] = 0xff;
    peer.send(&bytes);
    assert_eq!(peer.read_response().status, 200);
    assert_eq!(spark.expect_text(), "\"\u{fffd}\"");
}
