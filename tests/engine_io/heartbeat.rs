//! The heartbeat of engine.io itself, which runs beside that of Primus.

use std::time::Duration;

use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

const MOMENT: Duration = Duration::from_millis(1);

#[test]
fn the_server_pings_in_revision_4() {
    let clock = ManualClock::new();
    let server = quiet(&clock);
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    seen(&mut client);
    for _ in 0..3 {
        clock.advance(25 * SECOND - MOMENT);
        // `buffered` has fallen after the last answer; no ping joins it.
        wait_for("bytes that wait", 0, || spark.buffered());
        // With a poll that waits, and without one.
        clock.advance(MOMENT);
        assert_eq!(client.poll(), ["2"]);
        client.say("3");
    }
    clock.advance(25 * SECOND);
    client.say("4\"no pong\"");
    assert_eq!(client.poll_for(2), ["2", "4\"no pong\""]);
    client.ask_poll();
    // Which gives it that time once more.
    clock.advance(20 * SECOND - MOMENT);
    assert!(spark.close_reason().is_none());
    clock.advance(MOMENT);
    assert_eq!(ended(&server, &spark), Ended::Heartbeat);
    let answer = client.get.read_response();
    assert!(answer.body == "1" || answer.body.contains("Session ID unknown"), "{answer:?}");
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
    client.wait_forgotten();
}

#[test]
fn the_client_pings_in_revision_3() {
    let clock = ManualClock::new();
    let server = quiet(&clock);
    let mut client = Client::open_with(server.addr, 3, "");
    let spark = server.spark();
    seen(&mut client);
    for _ in 0..3 {
        clock.advance(45 * SECOND - MOMENT);
        client.say("2");
        assert_eq!(client.poll(), ["3"]);
        client.say("2anything");
        assert_eq!(client.poll(), ["3"]);
    }
    clock.advance(45 * SECOND);
    assert_eq!(ended(&server, &spark), Ended::Heartbeat);
}

#[test]
fn heartbeats_go_on_over_a_websocket() {
    let clock = ManualClock::new();
    let server = quiet(&clock);
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.primus.spark(&client.sid).unwrap();
        seen(&mut client);
        let mut socket = client.probe();
        socket.text("5");
        for _ in 0..3 {
            // Whatever is said is a sign of life, or nothing.
            socket.text("4\"x\"");
            assert_eq!(socket.expect_text(), "4\"x\"");
            clock.advance(25 * SECOND);
            if revision == 4 {
                assert_eq!(socket.expect_text(), "2");
                socket.text("3");
            } else {
                socket.text("2");
                assert_eq!(socket.expect_text(), "3");
            }
            socket.text("4\"y\"");
            assert_eq!(socket.expect_text(), "4\"y\"");
        }
        // Silence.
        let mut passed = Duration::ZERO;
        while spark.close_reason().is_none() {
            assert!(passed < 100 * SECOND);
            clock.advance(SECOND);
            passed += SECOND;
            // Time for the spark's thread, which is not judged while it works.
            crate::common::pause(MOMENT);
        }
        // Messages count when the clock is looked at next.
        assert!((45 * SECOND..=90 * SECOND).contains(&passed), "{passed:?}");
        assert_eq!(ended(&server, &spark), Ended::Heartbeat);
        let before = socket.expect_close(None);
        assert_eq!(before.len(), if revision == 4 { 1 } else { 0 }, "{before:?}");
    }
}

#[test]
fn nobody_pings_the_wrong_way() {
    let server = echo(Primus::builder());
    for (revision, wrong) in [(3, "3"), (4, "2")] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        client.say(wrong);
        assert_eq!(ended(&server, &spark), Ended::Protocol);
        assert!(!client.is_known());
        let (mut socket, _) = Client::open_with(server.addr, revision, "").go_over();
        let spark = server.spark();
        socket.text(wrong);
        socket.expect_close(None);
        assert_eq!(ended(&server, &spark), Ended::Protocol);
    }
}

/// Primus's own heartbeat passes through, and counts for itself.
#[test]
fn primus_pings_too() {
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock).ping_interval(10 * SECOND));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    seen(&mut client);
    for _ in 0..5 {
        clock.advance(10 * SECOND);
        for packet in client.poll() {
            match packet.strip_prefix("4\"primus::ping::") {
                Some(rest) => client.say(&format!("4\"primus::pong::{rest}")),
                None => {
                    assert_eq!(packet, "2");
                    client.say("3");
                }
            }
        }
        seen(&mut client);
    }
    assert!(spark.close_reason().is_none());
    // A client that answers engine.io's alone.
    clock.advance(10 * SECOND);
    assert!(spark.close_reason().is_none());
    wait_until("it ends", || {
        // Its thread may still be at work, for which it is excused once.
        clock.advance(10 * SECOND);
        spark.close_reason().is_some()
    });
    assert_eq!(ended(&server, &spark), Ended::Heartbeat);
    let packets = client.get.ask(&get(&client.query("polling")));
    assert!(packets.body.contains("Session ID unknown") || packets.body.ends_with('1'));
}
