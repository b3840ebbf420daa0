//! Attacks on the socket.io server, after which no thread, descriptor or memory may be
//! missing.

use std::time::Duration;

use primus::{Ended, Frame, ManualClock, Primus};

use crate::common::socket_io::*;
use crate::common::*;
use crate::runner::Test;
use crate::ways::*;

pub const TESTS: &[Test] = tests![
    post_flood_to_unknown_sessions,
    handshakes_that_nobody_uses,
    session_exhaustion,
    idle_connections_need_no_wake_ups,
    reset_at_each_byte,
    churn_leaves_no_memory_behind,
    an_idle_client_takes_little_memory,
    what_nobody_comes_for_is_bounded,
];

fn post_flood_to_unknown_sessions() {
    let server = echo(limited(|limits| limits.unknown_sessions = 1_000_000));
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    let before = resident();
    for route in ["/1/xhr-polling/nobody", "/1/jsonp-polling/nobody"] {
        for framing in ["Content-Length: 1000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
            bodies_for_nobody_are_not_taken(&server, &request("POST", route, framing));
        }
        // One after the other on one connection.
        let mut peer = server.connect();
        for _ in 0..200 {
            peer.send(&post(
                route,
                "Content-Type: application/x-www-form-urlencoded\r\n",
                "d=\"8::\"",
            ));
            assert_eq!(peer.read_response().body, "1");
        }
    }
    client.round("\"x\"");
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown}");
    client.say(&["0::"]);
    drop(client);
    server.wait_empty();
    baseline.wait();
}

/// Each costs a single request, whose head is kept for half a minute at the most.
fn handshakes_that_nobody_uses() {
    let clock = ManualClock::new();
    let builder = limited(|limits| limits.fresh_sessions = 100);
    let server = echo(builder.clock(&clock).ping_interval(None));
    let baseline = Baseline::of(&server);
    let mut peer = server.connect();
    let long = format!("X-Long: {}\r\n", "x".repeat(7_000)).repeat(3);
    let shake = request("GET", "/1/", &long);
    let mut flood = |count: usize| {
        let mut last = String::new();
        for _ in 0..count {
            peer.send(shake.as_bytes());
            last = peer.read_response().body;
        }
        last.split(':').next().unwrap().to_owned()
    };
    flood(200);
    let before = resident();
    let last = flood(3_000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 6 << 20, "grew by {grown}");
    assert_eq!(server.primus.connected(), 0);
    let mut client = Client::open(server.addr);
    client.round("1");
    clock.advance(Duration::from_secs(31));
    let answer = ask(server.addr, request("GET", &format!("/1/xhr-polling/{last}"), ""));
    assert_eq!(answer.body, UNKNOWN);
    client.say(&["0::"]);
    drop((client, peer));
    server.wait_empty();
    baseline.wait();
}

/// Sessions that are opened by a poll, and whose clients do not come back.
fn session_exhaustion() {
    let clock = ManualClock::new();
    let builder = limited(|limits| limits.fresh_sessions = 10);
    let server = echo(builder.clock(&clock).ping_interval(None));
    let baseline = Baseline::of(&server);
    // One that is listened to is not among those that pay for it.
    let (mut peer, _) = websocket(server.addr);
    let mut flood = server.connect();
    for _ in 0..200 {
        let path = format!("/1/xhr-polling/{}", handshake(server.addr));
        flood.send(request("GET", &path, "").as_bytes());
        assert_eq!(flood.read_response().body, "1::");
    }
    wait_for("sparks", 11, || server.primus.connected());
    wait_until("threads", || server_threads().len() <= 4 + 11 + 3);
    peer.text("3:::2");
    assert_eq!(peer.expect_text(), "3:::2");
    // And they do not stay.
    for _ in 0..4 {
        clock.advance(Duration::from_secs(16));
        peer.text("2::");
        peer.text("3:::3");
        while peer.expect_text() != "3:::3" {}
    }
    wait_for("sparks", 1, || server.primus.connected());
    drop((peer, flood));
    server.wait_empty();
    baseline.wait();
}

/// Between two heartbeats nothing has to be done for a client.
fn idle_connections_need_no_wake_ups() {
    const EACH: usize = 25;
    let server = echo(Primus::builder());
    let sockets: Vec<_> = (0..EACH).map(|_| websocket(server.addr)).collect();
    let pages: Vec<_> = (0..EACH)
        .map(|_| {
            let mut page = Page::open(server.addr, &handshake(server.addr));
            assert_eq!(page.packet(), "1::");
            page
        })
        .collect();
    wait_for("sparks", 2 * EACH, || server.primus.connected());
    there_are_no_wake_ups(sockets.len() + pages.len());
}

fn reset_at_each_byte() {
    let before = descriptors();
    let server = echo(limited(|limits| limits.unknown_sessions = 1_000_000));
    for transport in RECEIVERS {
        let asked = |id: &str| request("GET", &format!("/1/{transport}/{id}"), "").into_bytes();
        let length = asked(&handshake(server.addr)).len();
        for end in (0..=length).step_by(5).chain([length]) {
            // One that opens a session, and one of a session that is open.
            let id = handshake(server.addr);
            leave(&server, &asked(&id)[..end], end);
            let id = handshake(server.addr);
            let _ = ask(server.addr, request("GET", &format!("/1/xhr-polling/{id}"), ""));
            leave(&server, &asked(&id)[..end], end);
            let sent = post(&format!("/1/{transport}/{id}"), "", payload(&["3:::1", "3:::2"]));
            leave(&server, &sent[..end.min(sent.len())], end);
        }
    }
    let shake = request("GET", "/1/", "").into_bytes();
    (0..=shake.len()).step_by(3).for_each(|end| leave(&server, &shake[..end], end));
    let length = upgrade("/primus/1/websocket/xxxxxxxxxxxxxxxxxxxx", "").len() + 60;
    for end in (0..length).step_by(3) {
        let all = [
            upgrade(&format!("/primus/1/websocket/{}", handshake(server.addr)), ""),
            masked(FIN | TEXT, b"3:1::1"),
            masked(TEXT, b"3:::\"half"),
            masked(FIN | TEXT, b"0::"),
            masked(FIN | CLOSE, b""),
        ]
        .concat();
        leave(&server, &all[..end.min(all.len())], end);
    }
    still_serves(&server);
    ends_clean(server, before);
}

fn churn_leaves_no_memory_behind() {
    let server = echo(Primus::builder());
    nothing_is_left_of(&server, |round| match round % 3 {
        0 => {
            let (mut peer, _) = websocket(server.addr);
            peer.text("3:::1");
            assert_eq!(peer.expect_text(), "3:::1");
            peer.text("0::");
            assert_eq!(peer.expect_text(), "0::");
        }
        1 => {
            let mut client = Client::open(server.addr);
            client.round("1");
            client.say(&["0::"]);
        }
        _ => {
            let id = handshake(server.addr);
            let mut page = Page::open(server.addr, &id);
            assert_eq!(page.packet(), "1::");
            let sent = ask(server.addr, post(&format!("/1/htmlfile/{id}"), "", "3:::1"));
            assert_eq!(sent.body, "1");
            assert_eq!(page.packet(), "3:::1");
        }
    });
}

fn an_idle_client_takes_little_memory() {
    let descriptors = descriptors();
    let server = echo(Primus::builder());
    let each = memory_of_each(|| {
        let mut client = Client::open(server.addr);
        client.round("1");
        client.ask_poll();
        client
    });
    assert!(each < EACH_CLIENT, "{each} bytes");
    ends_clean(server, descriptors);
}

/// A client that polls no more.
fn what_nobody_comes_for_is_bounded() {
    const BOUND: usize = 1 << 20;
    let server = echo(Primus::builder().backlog(BOUND).ping_interval(None));
    let baseline = Baseline::of(&server);
    let client = Client::open(server.addr);
    let spark = server.spark();
    let (text, before) = (format!("\"{}\"", "x".repeat(10_000)), resident());
    let mut written = 0;
    while spark.write_frame(&Frame::text(&*text)).is_ok() {
        written += 1;
        assert!(written < 400, "what waits has no bound");
        assert!(spark.buffered() <= BOUND, "{}", spark.buffered());
    }
    assert!(written > 50, "{written}");
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    let grown = resident().saturating_sub(before);
    assert!(grown < BOUND + (6 << 20), "grew by {grown}");
    drop((client, spark));
    server.wait_empty();
    wait_for("bytes that wait", 0, || server.primus.metrics().backlog_bytes);
    baseline.wait();
}
