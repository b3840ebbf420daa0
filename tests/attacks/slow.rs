//! Peers that do not read.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Ended, Error, ManualClock, Primus, SlowConsumer};

use crate::common::*;

#[test]
fn a_slow_peer_is_cut_after_the_grace_period() {
    let clock = ManualClock::new();
    let grace = Duration::from_secs(10);
    let builder = Primus::builder()
        .clock(&clock)
        .backlog(1 << 20)
        .send_buffer(16 << 10)
        .slow_consumer(SlowConsumer::Close { grace });
    let server = Server::echo(builder);
    let mute = server.open();
    let spark = server.spark();
    let text = "x".repeat(10_000);
    while spark.buffered() <= 600_000 {
        spark.write(&text).unwrap();
    }
    clock.advance(grace - Duration::from_millis(1));
    assert!(spark.close_reason().is_none());
    clock.advance(Duration::from_millis(1));
    server.wait_empty();
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    drop(mute);
}

#[test]
fn a_listener_that_writes_to_a_peer_that_never_reads() {
    let server = Server::start(Primus::builder().backlog(1 << 20).send_buffer(16 << 10));
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| ended.send(reason.by).unwrap());
        loop {
            spark.write(&"x".repeat(100_000))?;
        }
        #[allow(unreachable_code)]
        Ok::<(), Error>(())
    });
    let _mute = server.open();
    assert_eq!(end.recv_timeout(PATIENCE), Ok(Ended::SlowConsumer));
}
