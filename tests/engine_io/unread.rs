//! Clients that do not read the answers to their polls, or not all of them.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use primus::{Destroy, Ended, ManualClock, Primus, Spark};

use crate::client::*;
use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);

/// More than the buffers of two sockets take.
const LONG: usize = 12 << 20;

/// A client whose poll is answered with more than it reads.
fn unread(server: &Server) -> (Client, Spark) {
    let mut client = Client::open(server.addr);
    let spark = server.primus.spark(&client.sid).unwrap();
    client.ask_poll();
    spark.write(&"x".repeat(LONG)).unwrap();
    // It has been taken by the poll.
    wait_for("bytes that wait", 0, || spark.buffered());
    (client, spark)
}

/// The session went on without what was lost.
#[test]
fn an_answer_that_is_lost_on_its_way_ends_the_session() {
    let _turn = shared();
    let server = echo(Primus::builder());
    for reset in [false, true] {
        for _ in 0..5 {
            let (client, spark) = unread(&server);
            let Client { get, post, sid, addr, .. } = client;
            // It ends its direction, or everything.
            let kept = match reset {
                true => {
                    get.reset();
                    None
                }
                false => {
                    get.shutdown(Shutdown::Write);
                    Some(get)
                }
            };
            wait_until("it has ended", || spark.close_reason().is_some());
            assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
            server.wait_empty();
            let query = format!("EIO=4&transport=polling&sid={sid}");
            assert_eq!(ask(addr, request("GET", &query, "")).status, 400);
            drop((kept, post));
        }
    }
}

/// The socket stayed open for as long as nothing else happened: the flusher
/// waited for room in it.
#[test]
fn a_client_that_ends_without_reading_leaves_nothing_behind() {
    let _turn = alone();
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
#[test]
fn an_answer_that_nobody_reads_is_given_up_some_time_after_the_session() {
    let _turn = alone();
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

#[test]
fn a_server_that_ends_waits_for_an_answer_that_is_being_read() {
    let _turn = alone();
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
        thread::sleep(Duration::from_millis(300));
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

/// It was told that the connection was lost.
#[test]
fn a_client_that_polls_too_slowly_is_called_slow() {
    let _turn = shared();
    let server = echo(Primus::builder().backlog(1 << 10));
    let client = Client::open(server.addr);
    let spark = server.spark();
    while spark.write(&"x".repeat(400)).is_ok() {}
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    server.wait_empty();
    client.wait_forgotten();
    assert_eq!(server.primus.metrics().slow_consumers_cut, 1);
}

/// Clients wait for the answer to their last poll.
#[test]
fn a_client_that_goes_over_without_its_answer_loses_the_session() {
    let _turn = shared();
    let server = echo(Primus::builder());
    let (client, spark) = unread(&server);
    let mut socket = client.probe();
    socket.text("5");
    socket.expect_close(None);
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
    server.wait_empty();
    client.wait_forgotten();
}
