//! Clients come back.

use primus::{Destroy, Ended, Primus};
use serde_json::json;

use crate::driver::{Driver, V8, for_each_client, need_node};
use crate::server::Server;

for_each_client! {
    fn clients_come_back_after_a_restart(kind) {
        need_node!();
        let server = Server::start(kind.builder());
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        server.spark();
        server.primus.destroy(Destroy::default().reconnect(true));
        // One that was about to poll again has an error to tell of first.
        node.skip_to(client, "close");
        node.expect(client, "reconnect scheduled");
        // Kept until the server is there again.
        node.write(client, "written between");
        let server = Server::restart(kind.builder(), server.address());
        node.skip_to(client, "open");
        server.spark().write("welcome back").unwrap();
        let mut both = [node.data(client), node.data(client)];
        both.sort_by_key(|value| value.to_string());
        assert_eq!(both, ["welcome back", "written between"]);
    }

    fn a_killed_server_is_come_back_to(kind) {
        need_node!();
        let often = ["--ping-interval", "700"];
        let mut server = kind.example(&often);
        let mut node = Driver::start(kind);
        if kind.misses_cuts() {
            // It finds out by the heartbeats of Primus, its own or the server's.
            if kind.project == "client-v6" {
                node.options["ping"] = json!(700);
                node.options["pong"] = json!(3000);
            } else {
                node.options["pingTimeout"] = json!(3000);
            }
        }
        let client = node.open(&server.url);
        server.process.kill();
        // One that polls also tells of the request that failed.
        node.skip_to(client, "close");
        node.expect(client, "reconnect scheduled");
        let server = kind.example(&[often[0], often[1], "--port", server.port()]);
        node.skip_to(client, "open");
        node.write(client, "here");
        assert_eq!(node.data(client), "here");
        drop(server);
    }

    fn a_message_over_the_limit_costs_the_connection(kind) {
        need_node!();
        let server = Server::start(kind.builder().max_length(1000));
        let mut node = Driver::start(kind);
        let client = node.open(&server.url());
        server.spark();
        node.upgraded(client);
        // With its quotes it is just within the limit, unless the transport has
        // something to add.
        let longest = "x".repeat(if kind.wraps() { 900 } else { 998 });
        node.write(client, longest.as_str());
        assert_eq!(node.data(client), longest);
        node.write(client, "x".repeat(999));
        node.skip_to(client, "close");
        node.expect(client, "reconnect scheduled");
        let (_, reason) = server.ended();
        if kind.is_websocket() || kind.transport == "upgrade" {
            assert_eq!((reason.by, reason.code), (Ended::Protocol, 1009));
        }
        node.skip_to(client, "open");
        node.write(client, "fits");
        assert_eq!(node.data(client), "fits");
    }
}

#[test]
fn a_client_gives_up_after_its_retries() {
    need_node!();
    let server = Server::start(Primus::builder());
    let mut node = Driver::start(V8);
    node.options = json!({"reconnect": {"min": 1, "max": 5, "retries": 3}});
    let client = node.open(&server.url());
    server.spark();
    server.primus.destroy(Destroy::default().reconnect(true));
    node.skip_to(client, "end");
    assert_eq!(node.expect(client, "reconnect failed"), "Unable to recover");
}
