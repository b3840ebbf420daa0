//! Listeners that call everything, or never return.

use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Destroy, Primus, Spark};

use crate::common::everything::{everything, everything_within};
use crate::common::*;

#[test]
fn a_listener_that_never_returns_is_reported_by_destroy() {
    let mut server = Server::start(Primus::builder());
    server.may_be_stuck = true;
    let (release, released) = unbounded::<()>();
    let (entered, inside) = unbounded();
    server.primus.on_connection(move |_| {
        entered.send(()).unwrap();
        let _ = released.recv();
    });
    let _peers = [server.open(), server.open()];
    (0..2).for_each(|_| inside.recv_timeout(PATIENCE).unwrap());
    let primus = server.primus.clone();
    let options = Destroy::default().timeout(Duration::from_millis(20));
    let destroyed = in_time("destroy", move || primus.destroy(options));
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (2, 2, 2));
    drop(release);
    wait_for("connections", 0, || server.primus.metrics().connections["websockets"].now);
}

#[test]
fn every_call_is_allowed_in_every_listener() {
    for place in ["connection", "data", "end", "error", "heartbeat", "state", "disconnection"] {
        for destroys in [false, true] {
            let server = Server::start(Primus::builder().origins(["*"]));
            let result = everything_within(&server.primus, place, destroys);
            let mut peer = server.open();
            peer.try_send(&masked(FIN | PING, b""));
            peer.try_send(&masked(FIN | TEXT, b"not json"));
            peer.try_send(&masked(FIN | TEXT, b"1"));
            peer.try_send(&masked(FIN | CLOSE, b""));
            let came = result.recv_timeout(PATIENCE);
            assert!(came.is_ok(), "hangs in {place}, destroys: {destroys}");
            while peer.read_frame().is_some() {}
        }
    }
}

#[test]
fn a_listener_dropped_at_the_end_may_use_everything() {
    struct AtDrop(Spark, crossbeam_channel::Sender<()>);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            everything(&self.0);
            let _ = self.1.send(());
        }
    }
    let server = Server::start(Primus::builder().origins(["*"]));
    let (dropped, drops) = unbounded();
    server.primus.on_connection(move |spark| {
        let held = AtDrop(spark.clone(), dropped.clone());
        spark.on_data(move |_, _| assert!(!held.0.id().is_empty()));
    });
    server.open().close();
    drops.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_server_that_listens_goes_on_without_handles() {
    let primus = Primus::builder().build().unwrap();
    let (met, meet) = unbounded();
    primus.on_connection(move |spark| {
        met.send(spark.clone()).unwrap();
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let addr = primus.listen("127.0.0.1:0").unwrap();
    drop(primus);
    let mut peer = Peer::open(addr);
    let spark = meet.recv_timeout(PATIENCE).unwrap();
    let primus = spark.primus();
    drop(spark);
    peer.text("\"a\"");
    assert_eq!(peer.expect_text(), "\"a\"");
    primus.write("b").unwrap();
    assert_eq!(peer.expect_text(), "\"b\"");
    primus.destroy(Destroy::default());
}
