//! Answers that nobody reads, and what they leave behind.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use primus::{Destroy, Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    a_client_that_ends_without_reading_leaves_nothing_behind,
    an_answer_that_nobody_reads_is_given_up_some_time_after_the_session,
    a_server_that_ends_waits_for_an_answer_that_is_being_read,
];

const SECOND: Duration = Duration::from_secs(1);

/// The socket stayed open for as long as nothing else happened: the flusher
/// waited for room in it.
fn a_client_that_ends_without_reading_leaves_nothing_behind() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    let (client, spark) = unread(&server);
    let Client { get, post, .. } = client;
    get.shutdown(Shutdown::Write);
    wait_until("it has ended", || spark.close_reason().is_some());
    server.wait_empty();
    drop(post);
    // The client's end of it is all that is left.
    baseline.wait_beside(1);
    drop(get);
    baseline.wait();
}

/// The rest of an answer that nobody reads was kept for ever, with the socket
/// and the thread.
fn an_answer_that_nobody_reads_is_given_up_some_time_after_the_session() {
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock).ping_interval(None));
    let baseline = Baseline::of(&server);
    let (client, spark) = unread(&server);
    // No pong.
    clock.advance(25 * SECOND);
    clock.advance(20 * SECOND);
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Heartbeat);
    server.wait_empty();
    clock.advance(10 * SECOND);
    let Client { get, post, .. } = client;
    drop(post);
    baseline.wait_beside(1);
    drop(get);
    baseline.wait();
}

fn a_server_that_ends_waits_for_an_answer_that_is_being_read() {
    for reconnect in [false, true] {
        let server = echo(Primus::builder());
        let mut client = Client::open(server.addr);
        let spark = server.spark();
        spark.write(&"x".repeat(LONG)).unwrap();
        let primus = server.primus.clone();
        let options = Destroy::default().timeout(PATIENCE).reconnect(reconnect);
        let ending = thread::spawn(move || primus.destroy(options));
        wait_until("it ends", || spark.close_reason().is_some());
        client.ask_poll();
        wait_until("it is answered", || spark.buffered() < LONG);
        crate::common::pause(Duration::from_millis(300));
        let mut packets = client.packets();
        assert_eq!(packets[0].len(), 1 + 2 + LONG);
        // The poll may have come before the end was written.
        while packets.last().unwrap() != "1" {
            packets = client.poll();
        }
        client.get.expect_end();
        drop(client);
        let destroyed = ending.join().unwrap();
        assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (1, 0, 0));
    }
}
