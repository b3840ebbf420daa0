//! Ids, and the sparks that are connected.

use primus::Primus;

use crate::common::*;

#[test]
fn unknown_protocol_messages_and_the_question_for_the_id() {
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    peer.text("\"primus::id::\"");
    let id = server.spark().id().to_owned();
    assert_eq!(peer.expect_text(), format!("\"primus::id::{id}\""));
    assert!(server.primus.spark(&id).is_some());
    assert_eq!(id.len(), 21);
    peer.close();
    server.wait_empty();
    assert!(server.primus.spark(&id).is_none());
}

#[test]
fn an_id_is_free_again_only_for_the_spark_that_took_it_next() {
    let server = Server::start(Primus::builder().id_generator(|_| "same".to_owned()));
    let mut old = server.open();
    let spark = server.spark();
    // Refused while it is taken.
    server.open().expect_ended(Some(1011));
    spark.end();
    wait_for("sparks", 0, || server.primus.connected());
    let mut new = server.open();
    wait_for("sparks", 1, || server.primus.connected());
    // The first one completes its closing; the second stays.
    old.expect_close_after_goodbye();
    wait_for("connections", 1, || server.primus.metrics().connections["websockets"].now);
    assert_eq!(server.primus.connected(), 1);
    server.primus.write("still there").unwrap();
    assert_eq!(new.expect_text(), "\"still there\"");
}

#[test]
fn for_each_may_stop_early() {
    let server = Server::start(Primus::builder());
    let _peers: Vec<_> = (0..5).map(|_| server.open()).collect();
    wait_for("sparks", 5, || server.primus.connected());
    let mut count = 0;
    server.primus.for_each(|_| count += 1);
    assert_eq!(count, 5);
    server.primus.for_each_while(|_| {
        count += 1;
        count < 7
    });
    assert_eq!(count, 7);
}
