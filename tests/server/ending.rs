//! How sparks end, and what arrives before.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{EndOptions, Ended, Error, Primus, ReadyState};

use crate::common::*;

#[test]
fn end_flushes_what_was_written_to_a_slow_reader() {
    let server = Server::start(Primus::builder().send_buffer(16 << 10));
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| tell(&ended, reason.clone()));
        for n in 0..32 {
            spark.write(&(n, "x".repeat(100_000)))?;
        }
        spark.end();
        assert_eq!(spark.ready_state(), ReadyState::Closed);
        Ok::<(), Error>(())
    });
    let mut peer = server.open();
    for n in 0..32 {
        if n % 8 == 0 {
            crate::common::pause(Duration::from_millis(2)); // it is slow
        }
        assert!(peer.expect_text().starts_with(&format!("[{n},")));
    }
    assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
    assert_eq!(peer.expect_frame().head, FIN | CLOSE);
    peer.frame(FIN | CLOSE, b"");
    peer.expect_end();
    let reason = end.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.may_reconnect), (Ended::Local, false));
}

#[test]
fn end_with_writes_a_last_message_and_may_let_reconnect() {
    for reconnect in [false, true] {
        let server = Server::start(Primus::builder());
        server.primus.on_connection(move |spark| {
            if !reconnect {
                return spark.end_with("bye");
            }
            let written = spark.write("bye");
            spark.end_options(EndOptions::default().reconnect(true));
            written
        });
        let mut peer = server.open();
        assert_eq!(peer.expect_text(), "\"bye\"");
        if !reconnect {
            assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
        }
        assert_eq!(peer.expect_frame().head, FIN | CLOSE);
        peer.frame(FIN | CLOSE, b"");
        peer.expect_end();
    }
}

#[test]
fn a_broadcast_before_end_arrives_before_the_close() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, _| {
            spark.primus().write("to all")?;
            spark.write("to one")?;
            spark.end();
            Ok::<(), Error>(())
        });
    });
    for _ in 0..100 {
        let mut peer = server.open();
        peer.text("1");
        assert_eq!(peer.expect_text(), "\"to all\"");
        assert_eq!(peer.expect_text(), "\"to one\"");
        assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
        peer.close();
        server.wait_empty();
    }
}
