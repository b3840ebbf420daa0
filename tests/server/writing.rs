//! What becomes of what is written.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Error, Primus, SlowConsumer, Written};

use crate::common::*;

#[test]
fn write_says_what_became_of_the_message() {
    let builder = Primus::builder()
        .backlog(1 << 20)
        .send_buffer(16 << 10)
        .slow_consumer(SlowConsumer::DropNewest);
    let server = Server::start(builder);
    let mut peer = server.open();
    let spark = server.spark();
    assert_eq!(spark.write("small").unwrap(), Written::Sent);
    assert_eq!(peer.expect_text(), "\"small\"");
    let text = "x".repeat(50_000);
    let mut queued = 0;
    let full = loop {
        match spark.write(&text) {
            Ok(Written::Sent) => assert_eq!(queued, 0, "sent past the backlog"),
            Ok(Written::Queued(bytes)) => {
                assert!(bytes > 0 && bytes <= 1 << 20, "{bytes}");
                queued += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(
        matches!(full, Error::Full { bound, waiting, .. } if bound == 1 << 20 && waiting <= bound)
    );
    assert!(queued > 10 && spark.buffered() > 900_000);
    assert_eq!(server.primus.metrics().backlog_bytes, spark.buffered() as u64);
    assert_eq!(server.primus.metrics().messages_dropped, 1);
    // The client catches up.
    let (drained, drain) = unbounded();
    spark.on_drain(move |_| tell(&drained, ()));
    let waiting = spark.clone();
    let waiter = std::thread::spawn(move || waiting.wait_drain(PATIENCE));
    let expected = server.primus.metrics().messages_out - 1;
    let mut got = 0;
    while got < expected {
        match peer.expect_frame() {
            frame if frame.opcode() == PING => peer.frame(FIN | PONG, &frame.payload),
            _ => got += 1,
        }
    }
    assert!(waiter.join().unwrap());
    assert_eq!(spark.buffered(), 0);
    // The spark's thread may have to be woken by a ping.
    while drain.try_recv().is_err() {
        if let Some(frame) = peer.read_frame_within(Duration::from_millis(5)) {
            assert_eq!(frame.opcode(), PING);
            peer.frame(FIN | PONG, &frame.payload);
        }
    }
    spark.end();
    assert!(matches!(spark.write("late"), Err(Error::Closed)));
    assert!(!spark.wait_drain(Duration::ZERO) || spark.buffered() == 0);
}

/// Answers that were collected while more messages waited did not count against
/// a small bound; then they went into one piece that could not be dropped, the
/// newest was refused, and the listener's `?` ended the client.
#[test]
fn an_echo_to_a_client_that_does_not_read_keeps_the_newest_within_a_small_bound() {
    for bound in [4 << 10, 10_000] {
        let builder = Primus::builder().backlog(bound).send_buffer(4 << 10);
        let server = Server::start(builder.slow_consumer(SlowConsumer::DropOldest));
        let (most, seen) = (Arc::new(AtomicUsize::new(0)), unbounded());
        let highest = most.clone();
        server.primus.on_connection(move |spark| {
            let (highest, seen) = (highest.clone(), seen.0.clone());
            spark.on_data(move |spark, message| -> primus::Result<()> {
                spark.write(message.value())?;
                highest.fetch_max(spark.buffered(), SeqCst);
                if message.as_str() == Some("last") {
                    tell(&seen, ());
                }
                Ok(())
            });
        });
        let mut peer = server.open();
        let text = format!("\"{}\"", "x".repeat(100));
        (0..50_000).for_each(|_| peer.text(&text));
        peer.text("\"last\"");
        seen.1.recv_timeout(PATIENCE).unwrap();
        assert!(most.load(SeqCst) <= bound);
        assert!(server.primus.metrics().messages_dropped > 0);
        loop {
            match peer.expect_text() {
                last if last == "\"last\"" => break,
                whole => assert_eq!(whole, text),
            }
        }
        server.spark().write("on it goes").unwrap();
        assert_eq!(peer.expect_text(), "\"on it goes\"");
    }
}
