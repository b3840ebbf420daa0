//! The bare client of browserchannel, which knows nothing of Primus, and what
//! Primus's own does only over it.

use std::time::Duration;

use primus::Ended;
use serde_json::{Value, json};

use crate::driver::{Driver, Kind, need_node};
use crate::each_parser::{compare_at, life};
use crate::server::{Example, Server};

/// Everything goes back as it came.
const RAW: [&str; 2] = ["--parser", "raw"];

/// Primus 8, with version 2.1.0 of the client.
const CHANNEL: Kind = Kind::channel("client-v8");

/// What a client is given.
fn base(url: &str) -> String {
    format!("{url}/primus")
}

/// A bare client, which is open.
fn open(server: &str) -> (Driver, u64) {
    let mut node = Driver::start(CHANNEL);
    let client = node.browserchannel(&base(server), json!({}), &[]);
    node.expect(client, "open");
    (node, client)
}

fn example(args: &[&str]) -> Example {
    CHANNEL.example(args)
}

/// Small and large ones, with every character there is.
#[test]
fn messages_keep_their_order() {
    need_node!();
    let server = example(&RAW);
    let mut node = Driver::start(CHANNEL);
    let client =
        node.browserchannel(&base(&server.url), json!({}), &[json!("early"), json!("too")]);
    node.expect(client, "open");
    assert_eq!(node.data(client), "early");
    assert_eq!(node.data(client), "too");
    node.command(json!({"command": "exchange", "client": client}));
    assert_eq!(node.expect(client, "exchanged")["wrong"], json!([]));
    node.write(client, "broadcast:200:1000");
    for _ in 0..200 {
        assert_eq!(node.data(client), "x".repeat(1000));
    }
    node.end(client);
    assert_eq!(node.expect(client, "close"), "Closed");
}

#[test]
fn messages_are_those_of_primus() {
    need_node!();
    let server = example(&[]);
    let (mut node, client) = open(&server.url);
    node.speaks_primus(client);
    // What is no text it sends as JSON.
    node.write(client, json!({"a": ["b", 1]}));
    assert_eq!(node.data(client), "{\"a\":[\"b\",1]}");
}

#[test]
fn an_end_of_the_server_comes_behind_its_messages() {
    need_node!();
    let server = example(&RAW);
    let (mut node, client) = open(&server.url);
    for text in ["one", "broadcast:1:100000", "close"] {
        node.write(client, text);
    }
    assert_eq!(node.data(client), "one");
    assert_eq!(node.data(client), "x".repeat(100_000));
    assert_eq!(node.data(client), "primus::server::close");
    assert_eq!(node.expect(client, "error")["message"], "Stopped by server");
    assert_eq!(node.expect(client, "close"), "Stopped by server");
}

/// What stands in the query of the first request is the spark's, and so is the version
/// of the application.
#[test]
fn the_query_is_that_of_the_session() {
    need_node!();
    let server = example(&RAW);
    let mut node = Driver::start(CHANNEL);
    let options = json!({"appVersion": "7", "extraParams": {"token": "abc d"}});
    let client = node.browserchannel(&base(&server.url), options, &[json!("query")]);
    node.expect(client, "open");
    let query: Value = serde_json::from_str(node.data(client).as_str().unwrap()).unwrap();
    assert_eq!((&query["token"], &query["CVER"]), (&json!("abc d"), &json!("7")));
}

/// Nothing but what the protocol itself says.
#[test]
fn heartbeats_keep_a_client() {
    need_node!();
    let options = [("keepAliveInterval", "100"), ("sessionTimeoutInterval", "2000")];
    let server = CHANNEL.example_with(&RAW, &options);
    let (mut node, client) = open(&server.url);
    assert!(node.is_quiet(client, Duration::from_millis(2_500)));
    node.write(client, "alive");
    assert_eq!(node.data(client), "alive");
}

#[test]
fn a_client_that_is_not_let_in_is_told_so() {
    need_node!();
    let server = example(&["--authorization", "mary:secret"]);
    let mut node = Driver::start(CHANNEL);
    let client = node.browserchannel(&base(&server.url), json!({}), &[]);
    assert_eq!(node.expect(client, "error"), json!({"message": "Request failed", "code": 2}));
    assert_eq!(node.expect(client, "close"), "Request failed");
}

#[test]
fn the_end_of_a_client_ends_its_spark() {
    need_node!();
    let server = Server::start(CHANNEL.builder());
    let (mut node, client) = open(&server.url());
    node.write(client, "1");
    assert_eq!(node.data(client), "1");
    node.end(client);
    assert_eq!(node.expect(client, "close"), "Closed");
    assert_eq!(server.ended().1.by, Ended::Remote);
}

#[test]
fn a_client_that_is_killed_ends_its_spark() {
    need_node!();
    let server = Server::start(CHANNEL.builder_with(&[("sessionTimeoutInterval", "300")]));
    let (mut node, _) = open(&server.url());
    server.spark();
    node.process().kill();
    assert_eq!(server.ended().1.by, Ended::Lost);
}

#[test]
fn values_and_lives_of_clients_with_text_parsers() {
    need_node!();
    // What is undefined its client sends as null, which `ejson` has no place for.
    let server = example(&[]);
    compare_at(CHANNEL, "json", &server.url, false);
    for parser in ["json", "ejson"] {
        life(CHANNEL, parser);
        life(Kind::channel("client-own"), parser);
    }
}
