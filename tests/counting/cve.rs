//! Vulnerabilities of relatives, where what they cost is counted. The others are in
//! `tests/cve`.

use std::io::Write;
use std::time::Duration;

use primus::Primus;

use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    cve_2020_36048_large_posts,
    cve_2022_41940_reset_while_refused,
    cve_2021_32640_runs_in_list_headers,
    cve_2026_48779_tiny_fragments,
    cve_2020_27813_and_cve_2022_35922_frame_lengths,
    cve_2023_43669_head_in_single_bytes,
    cve_2020_35896_outgoing_buffer,
    tiny_http_252_declared_lengths_on_every_route,
];

const KIB: u64 = 1 << 10;

/// engine.io kept requests of 100 MB in memory.
fn cve_2020_36048_large_posts() {
    let server = Server::echo(limited(|l| l.body = 64 << 10));
    server.primus.on_request(|_, body| {
        let status = if std::io::read_to_string(body).is_ok() { 200 } else { 413 };
        tiny_http::Response::from_string("").with_status_code(status).boxed()
    });
    let before = resident();
    let declared =
        format!("POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", 64 * KIB + 1);
    assert_eq!(server.connect().ask(&declared).status, 413);
    let mut peer = server.connect();
    peer.send(b"POST /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..17 {
        peer.try_send(chunk.as_bytes());
    }
    assert_eq!(peer.read_response().status, 413);
    // One chunk that says it is endless.
    let mut peer = server.connect();
    peer.send(
        b"POST /f HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff0\r\nx",
    );
    assert_eq!(peer.read_response().status, 413);
    assert!(resident().saturating_sub(before) < 4 << 20);
    server.still_serves();
}

/// A reset while a bad handshake was refused ended engine.io's process.
fn cve_2022_41940_reset_while_refused() {
    let server = Server::echo(Primus::builder());
    let bad =
        b"GET /primus HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    for end in 0..=bad.len() {
        let mut peer = server.connect();
        peer.try_send(&bad[..end]);
        peer.reset();
    }
    for _ in 0..20 {
        let mut peer = server.connect();
        peer.send(bad);
        peer.read_head();
        peer.reset();
    }
    server.still_serves();
    wait_for("threads", 4, || server_threads().len());
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

/// Runs of spaces in a list header kept ws busy for minutes.
fn cve_2021_32640_runs_in_list_headers() {
    let server = Server::echo(limited(|l| l.head = 128 << 10));
    for name in
        ["Sec-WebSocket-Protocol", "Connection", "Upgrade-Insecure", "X-Forwarded-For", "Forwarded"]
    {
        for run in [" ", ",", ", ", "\t", ";", "a,", "for=,"] {
            let header = format!("{name}: x{}\r\n", run.repeat((64 << 10) / run.len()));
            let before = cpu_time();
            let mut peer = Peer::open_with(server.addr, "/primus", &header);
            peer.text("1");
            peer.expect_text();
            let spent = cpu_time() - before;
            assert!(spent < Duration::from_millis(500), "{name}, {run:?}: {spent:?}");
        }
    }
}

/// Endless tiny or empty fragments filled the memory of ws; empty DATA frames
/// that of h2 (RUSTSEC-2026-0258).
fn cve_2026_48779_tiny_fragments() {
    let server = Server::echo(Primus::builder());
    for payload in [&b""[..], b"x"] {
        let before = resident();
        let mut peer = server.open();
        peer.frame(BINARY, payload);
        let batch = masked(0, payload).repeat(10_000);
        let mut stream = peer.stream.try_clone().unwrap();
        let sending =
            std::thread::spawn(move || (0..100).all(|_| stream.write_all(&batch).is_ok()));
        let close = loop {
            match peer.read_frame() {
                Some(frame) if frame.opcode() == CLOSE => break Some(frame.payload),
                Some(_) => {}
                None => break None, // a reset may overtake it
            }
        };
        if let Some(close) = close {
            assert_eq!(close, 1008u16.to_be_bytes());
        }
        let _ = sending.join();
        assert!(resident().saturating_sub(before) < 8 << 20);
    }
    server.still_serves();
}

/// Lengths that overflowed in gorilla's arithmetic; and rust-websocket
/// allocated what they declared (CVE-2022-35922).
fn cve_2020_27813_and_cve_2022_35922_frame_lengths() {
    let server = Server::echo(Primus::builder());
    let before = resident();
    let lengths = [
        (1 << 31) - 1,
        1 << 31,
        (1 << 31) + 1,
        (1 << 32) - 1,
        1 << 32,
        1 << 62,
        (1 << 63) - 1,
        1 << 63,
        u64::MAX - 14,
        u64::MAX - 1,
        u64::MAX,
    ];
    for length in lengths {
        for head in [FIN | TEXT, BINARY] {
            let mut peer = server.open();
            peer.send(&declared(head, 0x80, length));
            let code = loop {
                let frame = peer.expect_frame();
                if frame.opcode() == CLOSE {
                    break u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
                }
            };
            assert!([1009, 1002].contains(&code), "{length}: {code}");
            assert!(code == 1009 || length >= 1 << 63, "{length}: {code}");
            peer.expect_end();
        }
        // The sum of fragments.
        let mut peer = server.open();
        peer.frame(BINARY, b"x");
        peer.send(&declared(FIN, 0x80, length));
        assert_eq!(peer.expect_frame().opcode(), CLOSE);
    }
    assert!(resident().saturating_sub(before) < 8 << 20);
}

/// tungstenite parsed the whole head anew with each piece that came.
fn cve_2023_43669_head_in_single_bytes() {
    let server = Server::echo(limited(|l| l.head = 128 << 10));
    let spend = |size: usize| {
        let lines = "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
        let filler = format!("X-One: {}\r\n{}", "b".repeat(size / 2), lines.repeat(size / 1500));
        let head = upgrade("/primus", &filler);
        let before = cpu_time();
        let mut peer = server.connect();
        head.chunks(1).for_each(|byte| peer.send(byte));
        assert!(peer.read_head().starts_with("HTTP/1.1 101 "));
        cpu_time() - before
    };
    // The least of several, for what else the machine does only adds. To wake up
    // for each byte costs 0.2 s in all, client included; to parse all anew each
    // time would go through two thousand million bytes.
    let least = (0..3).map(|_| spend(64 << 10)).min().unwrap();
    assert!(least < Duration::from_secs(1), "{least:?}");
}

/// What ws-rs had to send grew without bound.
fn cve_2020_35896_outgoing_buffer() {
    let server = Server::echo(Primus::builder().backlog(1 << 20).send_buffer(16 << 10));
    let mut mute = server.open();
    let before = resident();
    // It asks for echoes and takes none of them.
    let message = masked(FIN | TEXT, format!("\"{}\"", "x".repeat(60_000)).as_bytes());
    let sent = (0..1000).take_while(|_| mute.try_send(&message)).count();
    assert!(sent < 1000, "it was never cut");
    assert!(resident().saturating_sub(before) < 8 << 20);
    server.wait_empty();
    server.still_serves();
}

/// tiny_http allocates by `Content-Length` when a request is dropped (threads
/// 252 and 290), and reads requests out of bodies that nobody read.
fn tiny_http_252_declared_lengths_on_every_route() {
    let server = Server::echo(Primus::builder());
    let before = resident();
    for route in ROUTES {
        for length in [1u64 << 40, 1 << 62, 1 << 63, u64::MAX] {
            for extra in
                ["", "Connection: Upgrade\r\nUpgrade: websocket\r\n", "Expect: 100-continue\r\n"]
            {
                let mut peer = server.connect();
                peer.send(
                    format!("GET {route} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{extra}\r\nx")
                        .as_bytes(),
                );
                let response = peer.read_response();
                assert!((200..500).contains(&response.status));
                peer.expect_end();
            }
        }
    }
    assert!(resident().saturating_sub(before) < 8 << 20);
    let mut peer = server.connect();
    let inner = "GET /primus/spec HTTP/1.1\r\nHost: x\r\n\r\n";
    let outer =
        format!("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{inner}", inner.len());
    assert_eq!(peer.ask(&outer).status, 404);
    // The next answer is that to the next request.
    assert_eq!(peer.ask("GET /primus HTTP/1.1\r\nHost: x\r\n\r\n").status, 426);
    server.still_serves();
}
