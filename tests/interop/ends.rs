//! Ends of either side, and what the other makes of them.

use std::time::Duration;

use primus::{Destroy, EndOptions, Ended};
use serde_json::json;

use crate::driver::{Driver, for_each_client, need_node};
use crate::server::Server;

/// Longer than the first wait before a reconnect.
const A_WHILE: Duration = Duration::from_millis(300);

for_each_client! {
    fn a_spark_that_ends_ends_its_client(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        server.spark().end();
        node.expect_all(client, &["close", "end"]);
        assert!(node.is_quiet(client, A_WHILE), "it does not reconnect");
        assert_eq!(server.ended().1.by, Ended::Local);
        assert_eq!(server.primus.connected(), 0);
    }

    fn data_arrives_before_the_end(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        let spark = server.spark();
        spark.write("before").unwrap();
        spark.end_with(&json!({"bye": "x".repeat(100_000)})).unwrap();
        assert_eq!(node.data(client), "before");
        assert_eq!(node.data(client)["bye"].as_str().map(str::len), Some(100_000));
        node.expect_all(client, &["close", "end"]);
    }

    fn a_spark_may_end_in_the_connection_listener(kind) {
        need_node!();
        let server = Server::start_with(kind.builder(), |spark| {
            spark.end_with("not now").map(drop)
        });
        let mut node = Driver::start(kind);
        let client = node.open_with(&server.url(), &[json!("hello")]);
        node.expect(client, "open");
        assert_eq!(node.data(client), "not now");
        node.expect_all(client, &["close", "end"]);
        assert!(node.is_quiet(client, A_WHILE));
    }

    fn an_end_may_ask_for_a_reconnect(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        let first = server.spark();
        first.end_options(EndOptions::default().reconnect(true));
        node.expect_all(client, &["close", "reconnect scheduled", "reconnect"]);
        node.expect_all(client, &["reconnected", "open"]);
        let second = server.spark();
        assert_ne!(first.id(), second.id());
        second.write("again").unwrap();
        assert_eq!(node.data(client), "again");
    }

    fn the_end_of_a_client_ends_its_spark(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        let spark = server.spark();
        node.write(client, "last");
        assert_eq!(node.data(client), "last");
        node.end(client);
        node.expect_all(client, &["close", "end"]);
        let (ended, reason) = server.ended();
        assert_eq!(ended.id(), spark.id());
        assert_eq!(reason.by, kind.end_of_the_client());
    }

    fn a_destroyed_server_ends_its_clients(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let clients = [node.open(&server.url()), node.open(&server.url())];
        server.spark();
        server.spark();
        // A client that polls may be about to poll again, which it can do only
        // while the server listens.
        let listens = !kind.is_websocket();
        let destroyed = server.primus.destroy(Destroy::default().close(!listens));
        assert_eq!((destroyed.sparks, destroyed.stuck), (2, 0));
        for client in clients {
            node.expect_all(client, &["close", "end"]);
        }
    }
}
