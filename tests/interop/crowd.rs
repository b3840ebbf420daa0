//! Many clients at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use primus::Primus;
use serde_json::json;

use crate::driver::{Driver, HAPPN, Kind, V8, need_node};
use crate::server::Server;

const CLIENTS: usize = 200;
const BROADCASTS: usize = 50;

fn crowd(kind: Kind) {
    let server = Server::start(kind.builder());
    let mut node = Driver::start(kind);
    node.command(json!({
        "command": "crowd", "url": server.url(), "socket": node.socket_options(),
        "transport": kind.transport,
        "clients": CLIENTS, "messages": 50, "broadcasts": 2 * BROADCASTS,
    }));
    assert_eq!(node.expect(0, "open"), CLIENTS);
    assert_eq!(node.expect(0, "echoed")["wrong"], json!([]));
    assert_eq!(server.primus.connected(), CLIENTS);
    broadcast(&server.primus);
    let result = node.expect(0, "broadcasts");
    assert_eq!(result["orders"], 1, "all of them see one order");
    assert_eq!(result["lengths"], json!([2 * BROADCASTS]), "and every broadcast");
    let first: Vec<String> = serde_json::from_value(result["first"].clone()).unwrap();
    for writer in ["a", "b"] {
        let own: Vec<_> = first.iter().filter(|text| text.starts_with(writer)).collect();
        let written: Vec<_> = (0..BROADCASTS).map(|n| format!("{writer}{n}")).collect();
        assert!(own.into_iter().eq(&written), "each thread's own order is kept");
    }
    assert!(server.none_ended());
}

/// Two threads broadcast at the same time.
fn broadcast(primus: &Primus) {
    let start = Arc::new(Barrier::new(2));
    let writers = ["a", "b"].map(|writer| {
        let (primus, start) = (primus.clone(), start.clone());
        thread::spawn(move || {
            start.wait();
            (0..BROADCASTS).for_each(|n| primus.write(&format!("{writer}{n}")).unwrap());
        })
    });
    for writer in writers {
        writer.join().unwrap();
    }
}

/// They begin with polling and change to a websocket while messages go both
/// ways.
fn changing_crowd(kind: Kind) {
    let server = Server::start(kind.builder());
    let mut node = Driver::start(kind);
    node.command(json!({
        "command": "upgrades", "url": server.url(), "socket": node.socket_options(),
        "clients": CLIENTS,
    }));
    let over = Arc::new(AtomicBool::new(false));
    let ticker = thread::spawn({
        let (primus, over) = (server.primus.clone(), over.clone());
        move || tick(&primus, &over)
    });
    let result = node.expect(0, "changed");
    over.store(true, Ordering::Relaxed);
    ticker.join().unwrap();
    assert_eq!(result["wrong"], json!([]));
    // How many depends on the machine.
    assert!(result["before"].as_u64() > Some(0), "they changed in between: {result}");
    assert!(result["ticks"].as_u64() > Some(1), "{result}");
    assert!(server.none_ended());
}

/// Writes numbers to all, by turns as a broadcast and to each of them.
fn tick(primus: &Primus, over: &AtomicBool) {
    for n in 1.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let text = format!("tick {n}");
        if n % 2 == 0 {
            primus.write(&text).unwrap();
        } else {
            // A spark may have ended just now; that is found out elsewhere.
            primus.for_each(|spark| drop(spark.write(&text)));
        }
        crate::common::pause(Duration::from_millis(20));
    }
}

#[test]
fn two_hundred_clients_lose_nothing() {
    need_node!();
    crowd(V8);
}

#[test]
fn two_hundred_old_clients_lose_nothing() {
    need_node!();
    crowd(HAPPN);
}

#[test]
fn two_hundred_clients_lose_nothing_in_an_upgrade() {
    need_node!();
    changing_crowd(Kind::engine("client-v8", "upgrade"));
}

#[test]
fn two_hundred_old_clients_lose_nothing_in_an_upgrade() {
    need_node!();
    changing_crowd(Kind::engine("client-v7", "upgrade"));
}

/// Whose upgrades never come.
#[test]
fn two_hundred_polling_clients_lose_nothing() {
    need_node!();
    crowd(Kind::engine("client-v8", "polling"));
}

#[test]
fn two_hundred_clients_of_sockjs_lose_nothing() {
    need_node!();
    crowd(Kind::sockjs("client-v8", "websocket"));
}

#[test]
fn two_hundred_streaming_clients_lose_nothing() {
    need_node!();
    crowd(Kind::sockjs("client-v8", "xhr-streaming"));
}

/// Each message costs a poll, and the way back another.
#[test]
fn two_hundred_clients_that_poll_sockjs_lose_nothing() {
    need_node!();
    crowd(Kind::sockjs("client-v7", "xhr-polling"));
}
