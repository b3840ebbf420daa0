//! Events: their order, listeners that come and go.

use std::sync::{Arc, Mutex};

use crossbeam_channel::unbounded;
use primus::{Destroy, Error, Primus, ReadyState, Spark, Written};

use crate::Notes;
use crate::common::*;

#[test]
fn events_come_in_order() {
    let notes = Notes::default();
    let primus = Primus::builder().build().unwrap();
    let note = notes.clone();
    primus.on_initialised(move |_| note.add("initialised"));
    for n in 1..=2 {
        let note = notes.clone();
        primus.on_connection(move |spark| {
            note.add(format!("connection {n}"));
            let data = note.clone();
            spark.on_data(move |_, message| data.add(format!("data {n} {}", message.value())));
            let once = note.clone();
            spark.once_data(move |_, _| once.add(format!("once {n}")));
            let state = note.clone();
            spark.on_ready_state_change(move |_, to| state.add(format!("state {n} {to:?}")));
            let end = note.clone();
            spark.on_end(move |_, reason| end.add(format!("end {n} {:?}", reason.by)));
        });
        let note = notes.clone();
        primus.on_disconnection(move |spark| {
            assert_eq!(spark.ready_state(), ReadyState::Closed);
            note.add(format!("disconnection {n} {}", spark.primus().connected()));
        });
        let note = notes.clone();
        primus.on_close(move |_| note.add(format!("close {n}")));
    }
    let addr = primus.listen("127.0.0.1:0").unwrap();
    primus.listen("127.0.0.1:0").unwrap();
    assert_eq!(primus.local_addr(), Some(addr));
    let mut peer = Peer::open(addr);
    peer.text("1");
    peer.text("2");
    peer.close();
    wait_until("the spark is gone", || notes.all().iter().any(|n| n == "disconnection 2 0"));
    primus.destroy(Destroy::default());
    primus.destroy(Destroy::default());
    notes.wait(&[
        "initialised",
        "connection 1",
        "connection 2",
        "data 1 1",
        "once 1",
        "data 2 1",
        "once 2",
        "data 1 2",
        "data 2 2",
        "state 1 Closed",
        "state 2 Closed",
        "end 1 Remote",
        "end 2 Remote",
        "disconnection 1 0",
        "disconnection 2 0",
        "close 1",
        "close 2",
    ]);
    assert!(matches!(primus.listen("127.0.0.1:0"), Err(Error::Closed)));
    assert!(matches!(primus.write("x"), Err(Error::Closed)));
}

#[test]
fn listeners_can_be_removed_also_by_themselves() {
    let server = Server::start(Primus::builder());
    let (seen, saw) = unbounded();
    server.primus.on_connection(move |spark| {
        let own: Arc<Mutex<Option<primus::ListenerId>>> = Arc::default();
        let (id, first) = (own.clone(), seen.clone());
        *own.lock().unwrap() = Some(spark.on_data(move |spark, _| {
            assert!(spark.off(id.lock().unwrap().take().unwrap()));
            first.send("removes itself").unwrap();
        }));
        let second = seen.clone();
        spark.on_data(move |_, _| second.send("stays").unwrap());
        let never = spark.on_data(|_, message| assert!(message.frame().is_empty(), "was removed"));
        assert!(spark.off(never));
        assert!(!spark.off(never));
    });
    let mut peer = server.open();
    peer.text("1");
    peer.text("2");
    let three: Vec<_> = (0..3).map(|_| saw.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(three, ["removes itself", "stays", "stays"]);
}

#[test]
fn a_listener_dropped_by_off_may_use_the_spark() {
    struct AtDrop(Spark);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            self.0.on_data(|_, _| ());
        }
    }
    let server = Server::echo(Primus::builder());
    let mut peer = server.open();
    let spark = server.spark();
    in_time("off", move || {
        let held = AtDrop(spark.clone());
        let id = spark.on_data(move |_, _| assert!(!held.0.id().is_empty()));
        assert!(spark.off(id));
    });
    peer.text("1");
    assert_eq!(peer.expect_text(), "1");
}

#[test]
fn drain_comes_to_a_listener_that_was_set_on_the_sparks_own_thread() {
    let server = Server::start(Primus::builder().send_buffer(16 << 10));
    let (drained, drain) = unbounded();
    server.primus.on_connection(move |spark| {
        let drained = drained.clone();
        spark.on_drain(move |_| tell(&drained, ()));
    });
    let mut peer = server.open();
    let spark = server.spark();
    let text = "x".repeat(100_000);
    let mut count = 1;
    while spark.write(&text).unwrap() == Written::Sent {
        count += 1;
    }
    (0..count).for_each(|_| assert_eq!(peer.expect_frame().payload.len(), 100_002));
    drain.recv_timeout(PATIENCE).unwrap();
}
