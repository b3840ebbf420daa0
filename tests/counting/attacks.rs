//! Attacks, after which no thread, descriptor or memory may be missing.

use std::net::Shutdown;
use std::time::Duration;

use primus::{Ended, Error, Primus, SlowConsumer, Spark};

use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    slow_read_of_response,
    a_peer_that_never_reads_is_cut_at_the_bound,
    a_peer_that_never_reads_misses_the_newest,
    a_peer_that_never_reads_misses_the_oldest,
    reset_at_each_byte,
    connect_and_close,
    churn_leaves_no_memory_behind,
    servers_that_are_built_and_dropped_leave_nothing,
];

const SHORT: Duration = Duration::from_millis(150);

fn slow_read_of_response() {
    let before = server_threads().len();
    let server = Server::echo(limited(|l| l.body_timeout = SHORT));
    server.primus.on_request(|_, _| tiny_http::Response::from_data(vec![b'x'; 32 << 20]).boxed());
    let mut peer = server.connect();
    peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_until("it is being answered", || server_threads().len() > before + 4);
    server.still_serves();
    wait_for("threads", before + 4, || server_threads().len());
}

/// Broadcasts to one spark that reads and one that never does.
fn broadcast_to_a_mute(policy: SlowConsumer, check: impl FnOnce(&Server, Peer, &Spark)) {
    const BOUND: usize = 2 << 20;
    let builder = Primus::builder().backlog(BOUND).send_buffer(64 << 10).slow_consumer(policy);
    let server = Server::echo(builder);
    let mute = server.open();
    let mute_spark = server.spark();
    let mut other = server.open();
    wait_for("sparks", 2, || server.primus.connected());
    let text = "x".repeat(50_000);
    let before = resident();
    for n in 0..400 {
        server.primus.write(&(n, &text)).unwrap();
        // The other one has everything, at once and in order.
        assert!(other.expect_text().starts_with(&format!("[{n},")));
        assert!(mute_spark.buffered() <= BOUND);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < BOUND + (8 << 20), "grew by {grown}");
    check(&server, mute, &mute_spark);
    server.still_serves_beside();
}

fn a_peer_that_never_reads_is_cut_at_the_bound() {
    broadcast_to_a_mute(SlowConsumer::default(), |server, mut mute, spark| {
        wait_for("sparks", 1, || server.primus.connected());
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
        assert_eq!(server.primus.metrics().slow_consumers_cut, 1);
        assert_eq!(server.primus.metrics().backlog_bytes, 0);
        // Cut with a reset: what the kernel had for it is thrown away.
        wait_until("a reset", || {
            rustix::net::sockopt::socket_error(&mute.stream).unwrap().is_err()
        });
        while mute.read_frame_or_noise() {}
        assert!(matches!(spark.write("late"), Err(Error::Closed)));
    });
}

fn a_peer_that_never_reads_misses_the_newest() {
    broadcast_to_a_mute(SlowConsumer::DropNewest, |server, mut mute, spark| {
        assert!(spark.close_reason().is_none());
        wait_for("messages accepted or dropped", 800, || {
            let metrics = server.primus.metrics();
            metrics.messages_out + metrics.messages_dropped
        });
        let dropped = server.primus.metrics().messages_dropped;
        assert!(dropped > 300, "{dropped}");
        let mut last = None;
        for _ in 0..400 - dropped {
            let (n, _): (u32, String) = serde_json::from_str(&mute.expect_text()).unwrap();
            assert!(last < Some(n), "out of order");
            last = Some(n);
        }
        server.primus.write("now").unwrap();
        assert_eq!(mute.expect_text(), "\"now\"");
    });
}

fn a_peer_that_never_reads_misses_the_oldest() {
    broadcast_to_a_mute(SlowConsumer::DropOldest, |server, mut mute, spark| {
        assert!(spark.close_reason().is_none());
        wait_for("messages accepted", 800, || server.primus.metrics().messages_out);
        let dropped = server.primus.metrics().messages_dropped;
        assert!(dropped > 300, "{dropped}");
        let mut last = None;
        for _ in 0..400 - dropped {
            let (n, _): (u32, String) = serde_json::from_str(&mute.expect_text()).unwrap();
            assert!(last < Some(n), "out of order");
            last = Some(n);
        }
        assert_eq!(last, Some(399));
    });
}

/// Threads and descriptors, once the server's own threads are all there.
fn settled() -> (usize, usize) {
    wait_for("own threads", 4, || server_threads().len());
    (4, descriptors())
}

fn reset_at_each_byte() {
    let server = Server::echo(Primus::builder());
    let before = settled();
    let session = [
        upgrade("/primus", ""),
        masked(FIN | TEXT, b"\"hello\""),
        masked(TEXT, b"\"half"),
        masked(FIN | CLOSE, b"\x03\xe8bye"),
    ]
    .concat();
    for end in (0..=session.len()).step_by(3).chain(session.len() - 12..session.len()) {
        let mut peer = server.connect();
        peer.try_send(&session[..end]);
        match end % 4 {
            0 => peer.shutdown(Shutdown::Write),
            1 => drop(peer),
            _ => peer.reset(),
        }
    }
    server.wait_empty();
    wait_for("threads", before.0, || server_threads().len());
    wait_for("descriptors", before.1, descriptors);
    server.still_serves();
    assert_eq!(server.primus.metrics().panics_caught, 0);
}

fn connect_and_close() {
    let server = Server::echo(Primus::builder());
    let before = settled();
    for n in 0..300 {
        let peer = server.connect();
        if n % 2 == 0 {
            peer.reset();
        }
    }
    server.still_serves();
    wait_for("threads", before.0, || server_threads().len());
    wait_for("descriptors", before.1, descriptors);
}

fn churn_leaves_no_memory_behind() {
    let server = Server::echo(Primus::builder());
    let churn = |rounds: usize| {
        for _ in 0..rounds {
            let mut peer = server.open();
            peer.text("\"churn\"");
            peer.expect_text();
            peer.close();
        }
    };
    churn(200);
    let before = resident();
    churn(1500);
    let grown = resident().saturating_sub(before);
    // Four KiB a connection would be six MiB.
    assert!(grown < 2 << 20, "grew by {grown}");
}

/// Each left a thread and a descriptor behind.
fn servers_that_are_built_and_dropped_leave_nothing() {
    let (threads, open) = (server_threads().len(), descriptors());
    for transformer in ["websockets", "engine.io", "sockjs"] {
        for _ in 0..25 {
            let primus = Primus::builder().transformer(transformer).build().unwrap();
            primus.on_connection(|spark| spark.write("hello").map(drop));
            primus.write("to nobody").unwrap();
            let other = primus.clone();
            drop(primus);
            other.write("to nobody").unwrap();
            drop(other);
        }
    }
    wait_for("threads", threads, || server_threads().len());
    wait_for("descriptors", open, descriptors);
}
