//! The echo example does what its help says.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::driver::{Driver, V8, for_each_client, need_node};
use crate::server::Example;

for_each_client! {
    fn commands_are_obeyed(kind) {
        need_node!();
        let server = Example::start(&[]);
        let mut node = Driver::start(kind);
        let client = node.open(&format!("{}/?token=abc%20d&x=1", server.url));
        node.write(client, json!({"hello": "world"}));
        assert_eq!(node.data(client), json!({"hello": "world"}));
        let id = node.id(client);
        let mut ask = |command: &str| -> Value {
            node.write(client, command);
            node.data(client)
        };
        assert_eq!(ask("id"), id);
        let query = ask("query");
        assert_eq!((&query["token"], &query["x"]), (&json!("abc d"), &json!("1")));
        assert!(query["_primuscb"].is_string(), "{query}");
        let headers = ask("headers");
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(headers["host"], server.url.trim_start_matches("http://"));
        let address = ask("address");
        assert_eq!(address["ip"], "127.0.0.1");
        assert!(address["port"].as_u64() > Some(0), "{address}");
        assert_eq!(ask("broadcast:2:5"), "xxxxx");
        assert_eq!(node.data(client), "xxxxx");
        node.write(client, "reconnect");
        node.expect_all(client, &["close", "reconnect scheduled"]);
        node.skip_to(client, "open");
        node.write(client, "close");
        node.expect_all(client, &["close", "end"]);
    }
}

#[test]
fn messages_may_go_unparsed() {
    need_node!();
    let server = Example::start(&["--parser", "raw"]);
    let mut node = Driver::start(V8);
    let client = node.open(&server.url);
    node.write(client, json!([1, {"two": "three"}]));
    assert_eq!(node.data(client), json!([1, {"two": "three"}]));
}

#[test]
fn a_signal_ends_it_within_a_second() {
    need_node!();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Example::start(&[]);
        let mut node = Driver::start(V8);
        let client = node.open(&server.url);
        let id = i32::try_from(server.process.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, signal).unwrap();
        node.expect_all(client, &["close", "end"]);
        // It takes some milliseconds; what is more is the machine's.
        assert!(server.process.wait(Duration::from_secs(10)), "it succeeds");
    }
}
