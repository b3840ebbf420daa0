//! Bare engine.io clients of all generations, which know nothing of Primus.

use std::sync::mpsc;

use primus::Ended;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::driver::{Driver, Kind, need_node};
use crate::server::Server;

/// Everything goes back as it came, bytes too.
const RAW: [&str; 2] = ["--parser", "raw"];

/// Heartbeats that come often, and may take as long as a busy machine wants.
const OFTEN: [(&str, &str); 2] = [("pingInterval", "300"), ("pingTimeout", "20000")];

/// Heartbeats whose absence is soon found out.
const STRICT: [(&str, &str); 2] = [("pingInterval", "300"), ("pingTimeout", "300")];

/// Makes a module of each test with one `#[test]` for each generation of the
/// client and each way that it can take.
macro_rules! for_each_engine {
    ($($(#[$attribute:meta])* fn $test:ident($kind:ident) $body:block)*) => {
        $(mod $test {
            use super::*;

            $(#[$attribute])*
            fn run($kind: Kind) {
                need_node!();
                $body
            }

            for_each_engine! { @ v3_polling "client-v7" "polling" }
            for_each_engine! { @ v3_websocket "client-v7" "websocket" }
            for_each_engine! { @ v3_upgrade "client-v7" "upgrade" }
            for_each_engine! { @ v4_polling "client-engine-4" "polling" }
            for_each_engine! { @ v4_websocket "client-engine-4" "websocket" }
            for_each_engine! { @ v4_upgrade "client-engine-4" "upgrade" }
            for_each_engine! { @ v5_polling "client-engine-5" "polling" }
            for_each_engine! { @ v5_websocket "client-engine-5" "websocket" }
            for_each_engine! { @ v5_upgrade "client-engine-5" "upgrade" }
            for_each_engine! { @ v6_polling "client-v8" "polling" }
            for_each_engine! { @ v6_websocket "client-v8" "websocket" }
            for_each_engine! { @ v6_upgrade "client-v8" "upgrade" }
        })*
    };
    (@ $name:ident $project:literal $transport:literal) => {
        #[test]
        fn $name() {
            run(Kind::engine($project, $transport));
        }
    };
}

/// Such a client, which is open.
fn open(kind: Kind, url: &str, options: Value) -> (Driver, u64) {
    let mut node = Driver::start(kind);
    let client = node.engine(url, options, &[]);
    assert_eq!(node.expect(client, "open"), kind.first_transport());
    (node, client)
}

/// Sends messages of all kinds, which come back in order, and says what carried
/// the last one.
fn exchange(node: &mut Driver, client: u64) -> Value {
    node.command(json!({"command": "exchange", "client": client}));
    let result = node.expect(client, "exchanged");
    assert_eq!(result["wrong"], json!([]));
    result["transport"].clone()
}

for_each_engine! {
    /// Texts and bytes, small and large, before, during and after an upgrade.
    fn messages_keep_their_order(kind) {
        let server = kind.example(&RAW);
        for base64 in [false, true] {
            let mut node = Driver::start(kind);
            let client = node.engine(&server.url, json!({"forceBase64": base64}), &["early"]);
            assert_eq!(node.expect(client, "open"), kind.first_transport());
            exchange_behind(&mut node, client, "early");
            node.upgraded(client);
            assert_eq!(exchange(&mut node, client), kind.last_transport());
            node.write(client, "broadcast:20:10");
            for _ in 0..20 {
                assert_eq!(node.data(client), "xxxxxxxxxx");
            }
            node.end(client);
            assert_eq!(node.expect(client, "close"), "forced close");
        }
    }

    /// Messages are what Primus makes of values.
    fn messages_are_those_of_primus(kind) {
        let server = kind.example(&[]);
        let (mut node, client) = open(kind, &server.url, json!({}));
        node.speaks_primus(client);
    }

    fn an_end_of_the_server_comes_behind_its_messages(kind) {
        let server = kind.example(&RAW);
        let (mut node, client) = open(kind, &server.url, json!({}));
        for text in ["one", "broadcast:1:100000", "close"] {
            node.write(client, text);
        }
        assert_eq!(node.data(client), "one");
        assert_eq!(node.data(client), "x".repeat(100_000));
        assert_eq!(node.data(client), "primus::server::close");
        assert_eq!(node.expect(client, "close"), "transport close");
    }

    fn an_end_of_the_client_comes_behind_its_messages(kind) {
        const MESSAGES: usize = 20;
        let (tell, told) = mpsc::channel();
        let server = Server::start_with(kind.builder(), move |spark| {
            let tell = tell.clone();
            spark.on_data(move |_, message| tell.send(message.value().clone()));
            Ok(())
        });
        let (mut node, client) = open(kind, &server.url(), json!({}));
        for n in 0..MESSAGES {
            node.write(client, n.to_string());
        }
        node.end(client);
        node.skip_to(client, "close");
        assert_eq!(server.ended().1.by, Ended::Remote);
        let came: Vec<_> = told.try_iter().collect();
        let wanted: Vec<_> = (0..MESSAGES).map(primus::Value::from).collect();
        assert_eq!(came, wanted);
    }

    fn heartbeats_keep_a_client(kind) {
        let server = kind.example_with(&RAW, &OFTEN);
        let (mut node, client) = open(kind, &server.url, json!({}));
        node.upgraded(client);
        for _ in 0..3 {
            node.expect(client, "pong");
        }
        node.write(client, "alive");
        assert_eq!(node.data(client), "alive");
    }

    fn a_client_that_stands_still_is_given_up(kind) {
        let server = Server::start(kind.builder_with(&STRICT));
        let (mut node, client) = open(kind, &server.url(), json!({}));
        node.process().signal(Signal::STOP);
        assert_eq!(server.ended().1.by, Ended::Heartbeat);
        node.process().signal(Signal::CONT);
        node.skip_to(client, "close");
    }

    fn a_server_that_stands_still_is_given_up(kind) {
        // A busy machine may keep the client from answering for a while.
        let patient = [("pingInterval", "300"), ("pingTimeout", "3000")];
        let server = kind.example_with(&RAW, &patient);
        let (mut node, client) = open(kind, &server.url, json!({}));
        server.process.signal(Signal::STOP);
        assert_eq!(node.skip_to(client, "close"), "ping timeout");
    }
}

fn exchange_behind(node: &mut Driver, client: u64, first: &str) {
    assert_eq!(node.data(client), first);
    exchange(node, client);
}

/// Where the server offers none, a client asks for none.
#[test]
fn upgrades_can_be_switched_off() {
    need_node!();
    for project in ["client-v7", "client-v8"] {
        let kind = Kind::engine(project, "upgrade");
        let server = kind.example_with(&RAW, &[("allowUpgrades", "false")]);
        let (mut node, client) = open(kind, &server.url, json!({}));
        assert_eq!(exchange(&mut node, client), "polling");
    }
}

#[test]
fn the_third_revision_can_be_refused() {
    need_node!();
    for transport in ["polling", "websocket"] {
        let old = Kind::engine("client-v7", transport);
        let server = old.example_with(&RAW, &[("allowEIO3", "false")]);
        let mut node = Driver::start(old);
        let client = node.engine(&server.url, json!({}), &[]);
        let error = node.expect(client, "error");
        assert_eq!(
            error,
            if transport == "polling" { "xhr poll error" } else { "websocket error" }
        );
        let (mut node, client) = open(Kind::engine("client-v8", transport), &server.url, json!({}));
        node.write(client, "in");
        assert_eq!(node.data(client), "in");
    }
}
