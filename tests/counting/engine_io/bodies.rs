//! Bodies that are slow, or full of nothing.

use std::time::Duration;

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![slow_body, million_empty_packets,];

const SHORT: Duration = Duration::from_millis(150);

fn slow_body() {
    let server = echo(limited(|limits| limits.body_timeout = SHORT));
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    for framing in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut slow = server.connect();
        slow.send(request("POST", &client.query("polling"), framing).as_bytes());
        slow.try_send(b"5\r\n4\"x");
        let answer = slow.read_response();
        assert_eq!((answer.status, &*answer.body), (408, ""));
        slow.expect_end();
        // One that drips is as slow.
        let mut slow = server.connect();
        slow.send(request("POST", &client.query("polling"), framing).as_bytes());
        slow.send(b"ffff\r\n");
        slow.drip(std::iter::repeat(b'4'));
        // The session lives on.
        client.say("4\"y\"");
        assert_eq!(client.poll(), ["4\"y\""]);
    }
    client.close();
    baseline.wait();
}

fn million_empty_packets() {
    const MILLION: usize = 1_000_000;
    // For what is only another form of the same.
    const SOME: usize = MILLION / 10;
    let server = echo(patient());
    let baseline = Baseline::of(&server);
    let binary = "Content-Type: application/octet-stream\r\n";
    let before = resident();
    let joined = |packet: &str| format!("{packet}\x1e").repeat(MILLION) + packet;
    for (revision, headers, body) in [
        (4, "", joined("6")),
        (3, "", "0:".repeat(MILLION) + "1:6"),
        (3, "", "1:6".repeat(MILLION)),
        (3, binary, "\0\x01".repeat(SOME)), // lengths without an end
    ] {
        let mut client = Client::open_with(server.addr, revision, "");
        assert_eq!(client.send_body(headers, body.as_bytes()).status, 200);
        assert_eq!(client.is_known(), headers.is_empty());
        if headers.is_empty() {
            client.say("4\"x\"");
            assert_eq!(client.poll(), ["4\"x\""]);
            client.close();
        }
    }
    let mut client = Client::open_with(server.addr, 3, "");
    let body = [0, 1, 255, b'6'].repeat(SOME);
    assert_eq!(client.send_body(binary, &body).status, 200);
    client.close();
    // Items of no packet at all end the session at the first.
    let mut client = Client::open(server.addr);
    assert_eq!(client.send_body("", "\x1e".repeat(MILLION).as_bytes()).status, 200);
    assert!(!client.is_known());
    drop(client);
    // Messages of nothing, which no parser takes; a listener that is slower than
    // the client holds it back.
    for (revision, packet) in [(4, "4\x1e"), (3, "1:4")] {
        let mut client = Client::open_with(server.addr, revision, "");
        let mut body = packet.repeat(SOME);
        body.truncate(body.trim_end_matches('\x1e').len());
        assert_eq!(client.send_body("", body.as_bytes()).status, 200);
        client.say("4\"x\"");
        assert_eq!(client.poll(), ["4\"x\""]);
        client.close();
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "grew by {grown}");
    still_serves(&server);
    baseline.wait();
}
