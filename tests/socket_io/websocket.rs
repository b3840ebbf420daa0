//! Sessions on WebSockets.

use std::time::Duration;

use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

#[test]
fn messages_of_all_lengths_go_both_ways() {
    let server = echo(Primus::builder());
    let (mut peer, _) = websocket(server.addr);
    for length in [0, 1, 120, 121, 122, 126, 65_530, 65_532, 65_536, 200_000] {
        let text = format!("3:::\"{}\"", "é".repeat(length));
        peer.text(&text);
        assert_eq!(peer.expect_text(), text);
    }
}

#[test]
fn what_is_said_beside_messages() {
    let server = echo(Primus::builder());
    let (mut peer, _) = websocket(server.addr);
    for nothing in
        ["2::", "8::", "1::/ns", "5:::{\"name\":\"x\"}", "garbage", "", "\u{fffd}1\u{fffd}x"]
    {
        peer.text(nothing);
    }
    // One packet in each message, and never several.
    peer.text(&payload(&["3:::1", "3:::2"]));
    peer.text("3:7::\"x\"");
    let mut both = [peer.expect_text(), peer.expect_text()];
    both.sort();
    assert_eq!(both, ["3:::\"x\"", "6:::7"]);
}

#[test]
fn the_heartbeat() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let builder = builder.transport("heartbeat interval", "2").transport("heartbeat timeout", "3");
    let server = echo(builder);
    let (mut peer, _) = websocket(server.addr);
    let spark = server.spark();
    for _ in 0..3 {
        clock.advance(Duration::from_secs(2));
        assert_eq!(peer.expect_text(), "2::");
        clock.advance(Duration::from_secs(2));
        peer.text("2::");
        peer.text("3:::1");
        assert_eq!(peer.expect_text(), "3:::1");
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(peer.expect_text(), "2::");
    wait_until("it has ended", || {
        // Once more where the thread that reads is just busy.
        clock.advance(Duration::from_secs(3));
        spark.close_reason().is_some()
    });
    assert_eq!(spark.close_reason().unwrap().by, Ended::Heartbeat);
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
}

#[test]
fn without_heartbeats_nobody_is_asked() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let server = echo(builder.transport("heartbeats", "false"));
    let (mut peer, _) = websocket(server.addr);
    clock.advance(Duration::from_secs(600));
    peer.text("3:::1");
    assert_eq!(peer.expect_text(), "3:::1");
    let answer = ask(server.addr, request("GET", "/1/", ""));
    assert!(answer.body.contains("::60:"), "{answer:?}");
}

/// A client that never reads what it asks for is cut when too much of that waits.
#[test]
fn acknowledgements_are_not_collected_without_end() {
    let builder = Primus::builder().backlog(64 << 10).send_buffer(4 << 10);
    let server = Server::start(socket_io(builder.ping_interval(None)));
    let (mut peer, _) = websocket(server.addr);
    let spark = server.spark();
    let asks = masked(FIN | TEXT, b"5:1::").repeat(1 << 12);
    for _ in 0..2_000 {
        if !peer.try_send(&asks) || spark.close_reason().is_some() {
            break;
        }
    }
    wait_until("it is cut", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
}

#[test]
fn breaches_are_named() {
    let server = echo(Primus::builder().max_length(1000));
    for (head, payload, code) in [
        (FIN | BINARY, b"3:::1".to_vec(), 1003),
        (FIN | TEXT, b"3:::\xff".to_vec(), 1007),
        (FIN | TEXT, vec![b'x'; 2000], 1009),
        (FIN | TEXT, [b"3:::", &[b'1'; 1001][..]].concat(), 1009),
        (FIN | 3, b"x".to_vec(), 1002),
        (0x40 | FIN | TEXT, b"3:::1".to_vec(), 1002),
    ] {
        let (mut peer, _) = websocket(server.addr);
        peer.frame(head, &payload);
        peer.expect_close(Some(code));
    }
    still_serves(&server);
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

#[test]
fn pings_of_the_websocket_are_answered() {
    let server = echo(Primus::builder());
    let (mut peer, _) = websocket(server.addr);
    peer.frame(FIN | PING, b"x");
    let pong = peer.expect_frame();
    assert_eq!((pong.head, &*pong.payload), (FIN | PONG, &b"x"[..]));
}
