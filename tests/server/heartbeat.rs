//! Heartbeats of all client generations, by a clock of the test.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Ended, ManualClock, Primus, ReadyState};

use crate::common::*;

/// A client whose spark's heart beats: it has echoed something.
fn beating(server: &Server, target: &str) -> Peer {
    let mut peer = Peer::open_with(server.addr, target, "");
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
    peer
}

/// Passes more spans until the one spark has ended: a spark whose thread is just
/// on its way to its socket is excused.
fn pass_until_ended(clock: &ManualClock, server: &Server, seconds: u64) {
    wait_until("it has ended", || {
        quiet();
        pass(clock, seconds);
        server.primus.connected() == 0
    });
}

fn pass(clock: &ManualClock, seconds: u64) {
    clock.advance(Duration::from_secs(seconds));
}

#[test]
fn a_client_that_answers_no_ping_is_ended_after_a_full_interval() {
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let (ended, end) = unbounded();
    server.primus.on_disconnection(move |spark| {
        tell(&ended, spark.close_reason().unwrap().clone());
    });
    let mut peer = beating(&server, "/primus");
    quiet();
    pass(&clock, 30);
    assert!(peer.expect_text().starts_with("\"primus::ping::"));
    pass(&clock, 29);
    assert_eq!(server.primus.connected(), 1);
    pass_until_ended(&clock, &server, 1);
    let reason = end.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.may_reconnect), (Ended::Heartbeat, true));
    assert_eq!((reason.code, &*reason.text), (1000, "no heartbeat in time"));
    // It may reconnect: it is not told that the end is meant.
    while let Some(frame) = peer.read_frame() {
        assert_ne!(frame.text(), CLOSE_MESSAGE);
    }
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
}

/// A listener that is busy at every tick excuses the client, whose pong may
/// lie unread, once in a row: who talks all the time must answer all the same.
#[test]
fn a_client_that_talks_but_answers_no_ping_is_ended() {
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let (entered, enters) = unbounded();
    let (leave, leaves) = unbounded::<()>();
    server.primus.on_connection(move |spark| {
        let (entered, leaves) = (entered.clone(), leaves.clone());
        spark.on_data(move |spark, message| {
            if message.as_str() != Some("busy") {
                return drop(spark.write(message));
            }
            tell(&entered, ());
            leaves.recv_timeout(PATIENCE).unwrap();
        });
    });
    let mut peer = beating(&server, "/primus");
    quiet();
    pass(&clock, 30);
    assert!(peer.expect_text().starts_with("\"primus::ping::"));
    for seconds in [30, 30] {
        peer.text("\"busy\"");
        enters.recv_timeout(PATIENCE).unwrap();
        assert_eq!(server.primus.connected(), 1);
        pass(&clock, seconds);
        tell(&leave, ());
        quiet();
    }
    wait_until("the silent client is ended", || server.primus.connected() == 0);
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
}

/// Waits until the threads of all sparks wait for their sockets.
fn quiet() {
    wait_until("all threads sleep in the kernel", || {
        std::fs::read_dir("/proc/self/task").unwrap().flatten().all(|task| {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            name.trim() != "primus-conn" || stat.contains(") S ")
        })
    });
}

#[test]
fn pongs_keep_a_client_alive_and_measure_its_latency() {
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let (beat, beats) = unbounded();
    server.primus.on_connection(move |spark| {
        let beat = beat.clone();
        spark.on_heartbeat(move |_| tell(&beat, ()));
    });
    let mut peer = beating(&server, "/primus");
    let spark = server.spark();
    for n in 0..10 {
        quiet();
        pass(&clock, if n == 0 { 30 } else { 28 });
        let ping = peer.expect_text();
        pass(&clock, 2);
        peer.text(&ping.replace("ping", "pong"));
        beats.recv_timeout(PATIENCE).unwrap();
        assert_eq!(spark.latency(), Some(Duration::from_secs(2)));
    }
    assert_eq!(spark.ready_state(), ReadyState::Open);
}

#[test]
fn websocket_pings_count_as_signs_of_life() {
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = beating(&server, "/primus");
    for _ in 0..5 {
        quiet();
        pass(&clock, 30);
        assert!(peer.expect_text().starts_with("\"primus::ping::"));
        peer.frame(FIN | PING, b"");
        assert_eq!(peer.expect_frame().head, FIN | PONG);
    }
}

#[test]
fn clients_that_ping_are_answered_and_ended_when_they_fall_silent() {
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = beating(&server, "/primus");
    for n in 0..4 {
        quiet();
        pass(&clock, 25);
        peer.text(&format!("\"primus::ping::{n}\""));
        assert_eq!(peer.expect_text(), format!("\"primus::pong::{n}\""));
    }
    // Any message will do.
    quiet();
    pass(&clock, 34);
    peer.text("\"data\"");
    assert_eq!(peer.expect_text(), "\"data\"");
    quiet();
    pass(&clock, 34);
    assert_eq!(server.primus.connected(), 1);
    pass_until_ended(&clock, &server, 1);
}

#[test]
fn happn_clients_name_their_interval_and_may_skip() {
    let clock = ManualClock::new();
    let server = Server::echo(Primus::builder().clock(&clock));
    let mut peer = beating(&server, "/primus?ping=20000&pong=10000");
    wait_for("sparks", 1, || server.primus.connected());
    quiet();
    pass(&clock, 20);
    peer.text("\"primus::ping::7\"");
    assert_eq!(peer.expect_text(), "\"primus::pong::7\"");
    for _ in 0..2 {
        // Skipped: the server answers unasked, and waits on.
        quiet();
        pass(&clock, 25);
        assert!(peer.expect_text().starts_with("\"primus::pong::"));
        assert_eq!(server.primus.connected(), 1);
    }
    pass_until_ended(&clock, &server, 25);
}

#[test]
fn a_spark_whose_listener_blocks_is_not_judged() {
    let clock = ManualClock::new();
    let server = Server::start(Primus::builder().clock(&clock));
    let (go, may_go) = unbounded::<()>();
    let (entered, inside) = unbounded();
    server.primus.on_connection(move |spark| {
        let (may_go, entered) = (may_go.clone(), entered.clone());
        spark.on_data(move |spark, _| {
            entered.send(()).unwrap();
            may_go.recv().unwrap();
            spark.write("done").map(drop)
        });
    });
    let mut peer = server.open();
    peer.text("1");
    inside.recv_timeout(PATIENCE).unwrap();
    for _ in 0..5 {
        pass(&clock, 30);
        let ping = peer.expect_text();
        assert!(ping.starts_with("\"primus::ping::"), "{ping}");
        peer.text(&ping.replace("ping", "pong"));
    }
    assert_eq!(server.primus.connected(), 1);
    go.send(()).unwrap();
    assert_eq!(peer.expect_text(), "\"done\"");
}
