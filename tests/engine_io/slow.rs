//! Clients that do not take what is written to them.

use std::sync::mpsc;
use std::time::Duration;

use primus::{Ended, ManualClock, Primus, SlowConsumer};

use crate::client::*;
use crate::common::*;

const BOUND: usize = 1 << 20;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_client_that_polls_too_slowly_is_cut_after_the_grace_period() {
    let clock = ManualClock::new();
    let grace = 5 * SECOND;
    let builder = Primus::builder().clock(&clock).ping_interval(None).backlog(BOUND);
    let server = echo(builder.slow_consumer(SlowConsumer::Close { grace }));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    let fill = || {
        while spark.buffered() <= BOUND / 2 {
            spark.write(&"x".repeat(10_000)).unwrap();
        }
    };
    fill();
    clock.advance(grace - Duration::from_millis(1));
    // In time.
    client.poll();
    wait_for("bytes that wait", 0, || spark.buffered());
    clock.advance(grace);
    fill();
    clock.advance(grace - Duration::from_millis(1));
    assert!(spark.close_reason().is_none());
    clock.advance(Duration::from_millis(1));
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    client.wait_forgotten();
}

#[test]
fn a_poll_that_takes_all_that_waits_drains_the_spark() {
    let server = echo(Primus::builder());
    let (tell, drained) = mpsc::channel();
    server.primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_drain(move |spark| {
            let _ = tell.send(spark.buffered());
        });
    });
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        for _ in 0..3 {
            for n in 0..100 {
                spark.write(&n).unwrap();
            }
            assert!(!spark.wait_drain(Duration::from_millis(5)));
            assert!(drained.try_recv().is_err());
            client.poll_for(100);
            assert!(spark.wait_drain(PATIENCE));
            assert_eq!(drained.recv_timeout(PATIENCE), Ok(0));
        }
        // As does the WebSocket that takes over.
        spark.write("waits").unwrap();
        let mut socket = client.probe();
        socket.text("5");
        assert_eq!(socket.expect_text(), "4\"waits\"");
        assert_eq!(drained.recv_timeout(PATIENCE), Ok(0));
        socket.close();
        server.wait_empty();
    }
}

/// Who waits for the drain of a session that ends waits no longer.
#[test]
fn nobody_waits_for_the_drain_of_a_session_that_is_over() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    spark.write("waits").unwrap();
    let waiting = std::thread::spawn(move || spark.wait_drain(PATIENCE));
    client.say("1");
    assert!(!waiting.join().unwrap());
}

/// As on a WebSocket: what a listener writes while more messages wait counts
/// against the bound, too.
#[test]
fn an_echo_to_a_client_that_does_not_poll_keeps_the_newest_within_a_small_bound() {
    for bound in [4 << 10, 10_000] {
        let server = echo(patient().backlog(bound).slow_consumer(SlowConsumer::DropOldest));
        let mut client = Client::open(server.addr);
        let packets: Vec<_> = (0..1_000).map(|n| format!("4[{n},{}]", "9".repeat(100))).collect();
        let packets: Vec<_> = packets.iter().map(String::as_str).collect();
        client.send(&packets);
        client.send(&["4\"end\""]);
        wait_for("echoes", 1_001, || server.primus.metrics().messages_out);
        let waiting = server.spark().buffered();
        assert!((bound - 200..=bound).contains(&waiting), "{waiting}");
        let came = numbers(&poll_to_end(&mut client));
        assert_eq!(came.last(), Some(&999));
        assert!(came.is_sorted());
        client.close();
    }
}
