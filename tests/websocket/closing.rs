//! How a connection is closed, by either side.

use std::net::Shutdown;
use std::time::Duration;

use primus::{Ended, Primus};

use crate::common::*;
use crate::{breach, echo};

#[test]
fn good_close_codes_are_echoed_once() {
    let (server, reasons) = echo();
    let good = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999];
    for code in good.into_iter().chain([4000, 4999]) {
        let mut peer = server.open();
        let mut payload = u16::to_be_bytes(code).to_vec();
        payload.extend_from_slice("grüße".as_bytes());
        peer.frame(FIN | CLOSE, &payload);
        let echoed = peer.expect_frame();
        assert_eq!((echoed.head, &echoed.payload), (FIN | CLOSE, &payload));
        peer.expect_end();
        let reason = reasons.recv_timeout(PATIENCE).unwrap();
        assert_eq!((reason.by, reason.code, &reason.text[..]), (Ended::Remote, code, "grüße"));
    }
}

#[test]
fn a_close_without_a_code_is_answered_without_one() {
    let (server, reasons) = echo();
    let mut peer = server.open();
    peer.frame(FIN | CLOSE, b"");
    peer.expect_close(None);
    let reason = reasons.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.code, reason.may_reconnect), (Ended::Remote, 1005, true));
}

#[test]
fn bad_close_frames_are_1002_or_1007() {
    let (server, _) = echo();
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535u16] {
        breach(&server, &masked(FIN | CLOSE, &code.to_be_bytes()), 1002);
    }
    breach(&server, &masked(FIN | CLOSE, &[3]), 1002);
    breach(&server, &masked(FIN | CLOSE, b"\x03\xe8\xff"), 1007);
}

#[test]
fn what_follows_a_close_frame_is_ignored() {
    let (server, _) = echo();
    let mut peer = server.open();
    let behind = [
        masked(FIN | TEXT, b"1"),
        masked(FIN | CLOSE, b"\x03\xe8"),
        masked(FIN | TEXT, b"2"),
        masked(FIN | PING, b"3"),
        masked(FIN | CLOSE, b"\x03\xe9"),
        vec![0xff; 100],
    ];
    peer.send(&behind.concat());
    let before = peer.expect_close(Some(1000));
    assert_eq!(before.len(), 1);
    assert_eq!(before[0].text(), "1");
}

#[test]
fn a_peer_that_ends_its_half_without_a_close_frame_is_lost() {
    let (server, reasons) = echo();
    for sent in [masked(FIN | TEXT, b"1"), masked(FIN | TEXT, b"\"cut off\"")[..5].to_vec()] {
        let mut peer = server.open();
        peer.send(&sent);
        peer.shutdown(Shutdown::Write);
        while peer.read_frame().is_some() {}
        let reason = reasons.recv_timeout(PATIENCE).unwrap();
        assert_eq!((reason.by, reason.code), (Ended::Lost, 1006));
    }
    server.wait_empty();
}

#[test]
fn a_peer_that_answers_our_close_and_waits_for_us_to_hang_up_is_let_go_at_once() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, _| spark.end());
    });
    let mut peer = server.open();
    peer.text("\"end it\"");
    assert_eq!(peer.expect_text(), "\"primus::server::close\"");
    assert_eq!(peer.expect_frame(), WireFrame { head: FIN | CLOSE, payload: vec![] });
    let asked = std::time::Instant::now();
    peer.frame(FIN | CLOSE, b"");
    peer.expect_end();
    assert!(asked.elapsed() < Duration::from_secs(8), "let go by the close time-out only");
    assert_eq!(server.primus.metrics().messages_in, 1);
}

#[test]
fn a_peer_that_never_answers_our_close_is_cut_at_the_close_timeout() {
    let server = Server::start(limited(|l| l.close_timeout = Duration::from_millis(100)));
    server.primus.on_connection(|spark| spark.end());
    let mut peer = server.open();
    peer.expect_close(None);
    server.wait_empty();
}

#[test]
fn a_close_from_both_sides_at_once_is_answered_once() {
    let server = Server::start(Primus::builder());
    for _ in 0..50 {
        let mut peer = server.open();
        let spark = server.spark();
        let ending = std::thread::spawn(move || spark.end());
        peer.frame(FIN | CLOSE, b"");
        let mut closes = 0;
        while let Some(frame) = peer.read_frame() {
            closes += usize::from(frame.opcode() == CLOSE);
        }
        assert_eq!(closes, 1);
        ending.join().unwrap();
        server.wait_empty();
    }
}
