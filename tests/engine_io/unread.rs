//! Clients that do not read the answers to their polls, or not all of them.

use std::net::Shutdown;

use primus::{Ended, Primus};

use crate::client::*;
use crate::common::*;

/// The session went on without what was lost.
#[test]
fn an_answer_that_is_lost_on_its_way_ends_the_session() {
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

/// It was told that the connection was lost.
#[test]
fn a_client_that_polls_too_slowly_is_called_slow() {
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
