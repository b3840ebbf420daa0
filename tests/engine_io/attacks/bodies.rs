//! Heads and bodies that lie, drip or explode.

use std::time::Duration;

use primus::Primus;

use crate::client::*;
use crate::common::*;
use crate::polling::engine_server_that_collects;

const SHORT: Duration = Duration::from_millis(150);

#[test]
fn slowloris_head() {
    let server = echo(limited(|limits| limits.head_timeout = SHORT));
    let mut client = Client::open(server.addr);
    for query in ["EIO=4&transport=polling", &client.query("polling")] {
        let mut slow = server.connect();
        let head = request("GET", query, "X-Slow: ");
        slow.drip(head.trim_end().bytes().chain(std::iter::repeat(b'a')));
    }
    // No session begun, and none lost.
    assert_eq!(server.primus.connected(), 1);
    (client.get, client.post) = (server.connect(), server.connect());
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
}

#[test]
fn header_bombs() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let query = client.query("polling");
    let line = |size| format!("A: {}\r\n", "a".repeat(size));
    let long = format!("{query}&{}", "a".repeat(8200));
    for (status, query, headers) in [
        (414, &long, String::new()),
        (431, &query, line(33_000)),
        (431, &query, line(7_000).repeat(5)),
        (431, &query, line(1).repeat(100)),
    ] {
        for method in ["GET", "POST"] {
            let mut peer = server.connect();
            peer.try_send(request(method, query, &headers).as_bytes());
            assert_eq!(peer.read_response().status, status);
            peer.expect_end();
        }
    }
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
}

/// Framing on which two servers differ: whatever is taken for the body, and
/// whatever for the next request.
#[test]
fn content_length_lies_and_smuggling() {
    let (server, heard) = engine_server_that_collects();
    for (fields, body) in [
        ("Content-Length: 4\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4", "0\r\n\r\n"),
        ("Content-Length: 4\r\nContent-Length: 5", "4\"a\""),
        ("Content-Length: 4\r\nContent-Length: 4", "4\"a\""),
        ("Content-Length: +4", "4\"a\""),
        ("Content-Length: -4", "4\"a\""),
        ("Content-Length: 4, 4", "4\"a\""),
        ("Content-Length: 0x4", "4\"a\""),
        ("Content-Length : 4", "4\"a\""),
        ("Content-Length: four", "4\"a\""),
        ("Content-Length: 18446744073709551616", "4\"a\""),
        ("Transfer-Encoding: identity", "4\"a\""),
        ("Transfer-Encoding: chunked, identity", "0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", "0\r\n\r\n"),
        ("Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
        ("X: \0", ""),
        ("X: a\nContent-Length: 4", "4\"a\""),
    ] {
        let mut client = Client::open(server.addr);
        let query = client.query("polling");
        let smuggled = post(&query, "", b"4\"smuggled\"");
        let whole = request("POST", &query, &format!("{fields}\r\n"));
        client.post.send(&[whole.as_bytes(), body.as_bytes(), &smuggled].concat());
        assert_eq!(client.post.read_response().status / 100, 4, "{fields}");
        client.post.expect_end();
        // Nothing of it was for the session.
        client.post = server.connect();
        client.say("4\"after\"");
        assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "after", "{fields}");
        client.close();
    }
    // What breaks off within the body ends the session.
    for body in
        ["5\r\n4\"ab\"X0\r\n\r\n", "+5\r\n4\"ab\"\r\n0\r\n\r\n", "5 \r\n4\"ab\"\r\n0\r\n\r\n"]
    {
        let mut client = Client::open(server.addr);
        let query = client.query("polling");
        let smuggled = post(&query, "", b"4\"smuggled\"");
        let whole = request("POST", &query, "Transfer-Encoding: chunked\r\n");
        client.post.send(&[whole.as_bytes(), body.as_bytes(), &smuggled].concat());
        let mut ended = client.post;
        assert!(ended.ends() || ended.read_response().status == 400, "{body}");
        server.wait_empty();
        client.post = server.connect();
        assert!(!client.is_known());
    }
    // A poll has a body: it is no request.
    let mut client = Client::open(server.addr);
    let query = client.query("polling");
    let smuggled = post(&query, "", b"4\"smuggled\"");
    let length = format!("Content-Length: {}\r\n", smuggled.len());
    let poll = request("GET", &query, &length);
    client.get.send(&[poll.as_bytes(), &smuggled].concat());
    client.get.send(get("EIO=4").as_bytes());
    server.spark().write("answer").unwrap();
    assert_eq!(client.packets(), ["4\"answer\""]);
    assert_eq!(client.get.read_response().body, r#"{"code":0,"message":"Transport unknown"}"#);
    client.close();
    server.wait_empty();
    assert_eq!(heard.try_iter().count(), 0);
}

#[test]
fn depth_bombs() {
    let server = echo(Primus::builder());
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
        for bomb in
            [open.clone(), "{\"a\":".repeat(100_000), format!("[{open}{close}"), open + &close]
        {
            client.say(&format!("4{bomb}"));
        }
        client.say("4\"after\"");
        // The well-formed one may pass.
        while client.poll().last().unwrap() != "4\"after\"" {}
        client.close();
    }
    assert_eq!(server.primus.metrics().panics_caught, 0);
}
