//! Defects that were found by reading, each with its story.

#[path = "../common/mod.rs"]
mod common;

use std::fmt;

use common::*;
use primus::Primus;

/// An error of the application's that cannot even be shown.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("nobody can say it")
    }
}

impl std::error::Error for Unspeakable {}

fn connected(server: &Server) -> u64 {
    server.primus.metrics().connections.values().map(|counts| counts.now).sum()
}

/// The text of an `end` listener's error was asked for outside the guard around
/// the listener. A `Display` that panicked ended the thread in the midst of the
/// spark's end: it was counted as connected for ever and its socket never
/// closed.
#[test]
fn an_error_that_cannot_be_shown_does_not_keep_a_spark() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_data(|_, _| Err::<(), _>(Unspeakable));
        spark.on_end(|_, _| Err::<(), _>(Unspeakable));
    });
    let mut peer = server.open();
    peer.text("1");
    peer.expect_ended(Some(1011));
    wait_for("connected", 0, || connected(&server));
}

/// Only the bytes of messages counted while they waited, and `json` lets empty
/// binary frames pass: a peer could send them without end to a spark to which
/// nobody listens, at a hundred bytes of memory each.
#[test]
fn empty_messages_do_not_wait_without_end() {
    let server = Server::start(limited(|limits| limits.inbox = 64 << 10));
    let mut peer = server.open();
    for _ in 0..1_000 {
        peer.try_send(&masked(FIN | BINARY, b""));
    }
    peer.expect_ended(Some(1008));
    wait_for("connected", 0, || connected(&server));
}

/// A message that cannot be encoded.
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not this one"))
    }
}

/// A write that fails is an `error` event; a listener to it whose own write
/// failed the same way called itself until the stack, and the process, was at
/// its end.
#[test]
fn an_error_listener_that_causes_the_error_does_not_call_itself_for_ever() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        spark.on_error(|spark, _| drop(spark.write(&Unwritable)));
        spark.on_data(|spark, _| {
            drop(spark.write(&Unwritable));
            spark.write("still here")
        });
    });
    let mut peer = server.open();
    peer.text("1");
    assert_eq!(peer.expect_text(), "\"still here\"");
}
