//! What only clients of socket.io do, those of Primus 2 and of happn, and browsers' ways
//! to leave.

use std::time::Duration;

use primus::{Ended, ManualClock, Primus};
use serde_json::json;

use crate::driver::{Driver, Kind, OWN, need_node};
use crate::server::Server;

const HAPPN: &str = "client-socket-io-happn";

/// Those of npm.
const CLIENTS: [Kind; 6] = [
    Kind::socket_io("client-v2", "websocket"),
    Kind::socket_io("client-v2", "xhr-polling"),
    Kind::socket_io("client-v3", "websocket"),
    Kind::socket_io("client-v3", "xhr-polling"),
    Kind::socket_io(HAPPN, "websocket"),
    Kind::socket_io(HAPPN, "xhr-polling"),
];

/// Primus 2 tells of `reconnected` and `open` in the other order, and knows no other
/// waits than its own.
#[test]
fn primus_2_and_happn() {
    need_node!();
    for kind in CLIENTS {
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        node.options = json!({});
        let client = node.open_with(&server.url(), &[json!("early"), json!({"é": "😀\u{2028}"})]);
        node.expect(client, "open");
        assert_eq!(node.data(client), "early");
        assert_eq!(node.data(client), json!({"é": "😀\u{2028}"}));
        let spark = server.spark();
        assert_eq!(node.id(client), spark.id(), "{kind:?}");
        for n in 0..100 {
            node.write(client, n);
        }
        for n in 0..100 {
            assert_eq!(node.data(client), n, "{kind:?}");
        }
        let long = "€".repeat(50_000);
        node.write(client, long.as_str());
        assert_eq!(node.data(client), long);
        spark.end();
        node.skip_to(client, "end");
        assert_eq!(server.ended().1.by, Ended::Local);
        let client = node.open(&server.url());
        node.write(client, "again");
        assert_eq!(node.data(client), "again");
        node.end(client);
        let (_, reason) = server.ended();
        assert_eq!((reason.by, reason.code), (Ended::Remote, 1005), "{kind:?}");
    }
}

/// They all ping by themselves, and get no ping of ours, however long they stay.
#[test]
fn nobody_sees_the_heartbeat_of_another_generation() {
    need_node!();
    for kind in CLIENTS {
        let server = Server::start(kind.builder().ping_interval(Duration::from_millis(300)));
        let mut node = Driver::start(kind);
        node.options = json!({"ping": 200, "pong": 5000});
        let client = node.open(&server.url());
        server.spark();
        if !kind.project.contains("happn") {
            for _ in 0..4 {
                node.skip_to(client, "incoming::pong");
            }
        }
        assert!(node.is_quiet(client, Duration::from_secs(1)), "{kind:?}");
        node.write(client, "alive");
        assert_eq!(node.data(client), "alive", "{kind:?}");
        assert!(server.none_ended(), "{kind:?}");
    }
}

/// That of Socket.IO itself, which is answered below Primus, by ours too.
#[test]
fn heartbeats_of_socket_io() {
    need_node!();
    let own = Kind::socket_io(OWN, "websocket");
    for kind in CLIENTS.into_iter().chain([own]).filter(|kind| kind.is_websocket()) {
        let clock = ManualClock::new();
        let options = [("heartbeat interval", "2"), ("heartbeat timeout", "3")];
        let builder = kind.builder_with(&options).clock(&clock).ping_interval(None);
        let server = Server::start(builder.idle_timeout(None));
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        server.spark();
        for n in 0..5 {
            clock.advance(Duration::from_secs(2));
            // Behind the answer to what was sent first.
            node.write(client, n);
            assert_eq!(node.data(client), n);
        }
        assert!(server.none_ended(), "{kind:?}");
    }
}

#[test]
fn without_websockets_clients_poll() {
    need_node!();
    for project in ["client-v3", OWN] {
        let kind = Kind { project, transformer: "socket.io", transport: "" };
        let builder = Primus::builder().transformer("socket.io");
        let server = Server::start(builder.transport("transports", "htmlfile, xhr-polling"));
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        node.write(client, "polled");
        assert_eq!(node.data(client), "polled");
    }
}
