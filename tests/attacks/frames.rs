//! Floods of frames, and messages that are bombs. (Frames against RFC 6455 are in
//! `websocket`.)

use std::io::Write;
use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{ManualClock, Primus};

use crate::common::*;

#[test]
fn ping_flood() {
    let server = Server::echo(limited(|l| l.control_frames = 100));
    for opcode in [PING, PONG] {
        let mut peer = server.open();
        let flood = masked(FIN | opcode, b"flood").repeat(10_000);
        peer.try_send(&flood);
        let before = peer.expect_close(Some(1008));
        assert!(before.len() <= 100);
    }
    server.still_serves();
}

#[test]
fn pings_of_a_peer_that_reads_nothing_wait_one_at_a_time() {
    let builder = limited(|l| l.control_frames = u32::MAX).send_buffer(8 << 10);
    let server = Server::echo(builder);
    let (beat, beats) = unbounded();
    server.primus.on_connection(move |spark| {
        let beat = beat.clone();
        spark.on_heartbeat(move |_| beat.send(()).unwrap());
    });
    let mut peer = server.open();
    let flood = masked(FIN | PING, &[b'p'; 125]).repeat(1000);
    let mut stream = peer.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || (0..50).all(|_| stream.write_all(&flood).is_ok()));
    assert!(sending.join().unwrap());
    (0..50_000).for_each(|_| beats.recv_timeout(PATIENCE).unwrap());
    // The answers to one buffer of input, not to six megabytes.
    assert!(server.spark().buffered() <= 64 << 10, "{}", server.spark().buffered());
    assert_eq!(peer.expect_frame().payload.len(), 125);
    server.still_serves_beside();
}

#[test]
fn empty_fragments_for_ever() {
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = server.open();
    peer.frame(TEXT, b"");
    let mut stream = peer.stream.try_clone().unwrap();
    let sending = std::thread::spawn(move || while stream.write_all(&masked(0, b"")).is_ok() {});
    // They are no sign of life.
    wait_until("it ends", || {
        clock.advance(Duration::from_secs(30));
        server.primus.connected() == 0
    });
    while peer.read_frame_or_noise() {}
    sending.join().unwrap();
    server.still_serves();
}

#[test]
fn deeply_nested_messages() {
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    for bomb in
        ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[".repeat(100_000) + &"]".repeat(100_000)]
    {
        peer.text(&bomb);
    }
    peer.text("1");
    let mut last = peer.expect_text();
    if last.len() > 1 {
        last = peer.expect_text(); // the well-formed one may pass
    }
    assert_eq!(last, "1");
}
