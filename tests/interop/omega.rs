//! omega-supreme of npm, and ours: each forwards to the other.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use primus::plugins::omega::{Omega, PrimusForward, To};
use primus::{Client, Error, Primus};
use serde_json::{Value as Json, json};

use crate::driver::need_node;
use crate::node::{self, Process};

const SOON: Duration = Duration::from_secs(20);

const SECRET: &str = "a long secret: ü\u{1f600}";

/// A server of theirs.
struct Node {
    process: Process,
    url: String,
}

impl Node {
    fn start(name: &str, password: &str) -> Node {
        let mut command = Command::new("node");
        command.arg(node::project("node-server").join("omega.js"));
        let process = Process::spawn(command.args([name, "somebody", password]));
        let line = process.line();
        let url = line.strip_prefix("listening on ").expect("it tells where it listens").to_owned();
        Node { process, url }
    }

    /// What comes of what it forwards.
    fn forward(&mut self, servers: &[&str], msg: &Json, sparks: &Json) -> Json {
        let line = json!({ "servers": servers, "msg": msg, "sparks": sparks });
        self.process.send(&line.to_string());
        serde_json::from_str(&self.process.line()).expect("what it tells is JSON")
    }
}

/// A server of ours, and where it listens.
fn ours(omega: Omega) -> (Primus, String) {
    let count = AtomicUsize::new(0);
    let next = move |_: &_| format!("ours-{}", count.fetch_add(1, Ordering::Relaxed) + 1);
    let primus = Primus::builder().id_generator(next).plugin(omega).build().unwrap();
    let url = format!("http://{}", primus.listen("127.0.0.1:0").unwrap());
    (primus, url)
}

/// So many clients, whose ids are in order.
fn clients(url: &str, count: usize) -> Vec<Client> {
    let open = |_| {
        let client = Client::connect(url).unwrap();
        // It is connected when it is answered.
        client.id(SOON).unwrap();
        client
    };
    (0..count).map(open).collect()
}

#[track_caller]
fn gets(client: &Client, expected: &Json) {
    let message = client.recv_timeout(SOON).unwrap();
    assert_eq!(&message.parse::<Json>().unwrap(), expected);
}

#[test]
fn messages_go_both_ways() {
    need_node!();
    let (primus, ours) = ours(Omega::new("somebody", SECRET));
    let mut node = Node::start("theirs", SECRET);
    let here = clients(&ours, 2);
    let there = clients(&node.url, 2);
    for message in [
        json!("text"),
        json!(1.5e300),
        json!(true),
        json!([1, [null, {}], "\u{2028} é 😀 \" \\ \n"]),
        json!({ "emit": ["event", 1] }),
        json!({ "type": 0, "data": ["event", { "10": 1, "2": [] }] }),
        json!("x".repeat(200_000)),
    ] {
        // Ours to theirs.
        let forward = |to: To| {
            let done = primus.forward([&node.url], &message, to).unwrap();
            assert!(done.is_complete(), "{:?}", done.failed);
            (done.local, done.remote)
        };
        assert_eq!(forward(To::All), (2, 2));
        here.iter().chain(&there).for_each(|client| gets(client, &message));
        assert_eq!(forward("theirs-2".into()), (0, 1));
        assert_eq!(forward(["theirs-2", "nobody", "ours-1", "theirs-1"].into()), (1, 2));
        assert_eq!(forward("nobody".into()), (0, 0));
        gets(&there[1], &message);
        [&there[0], &there[1], &here[0]].iter().for_each(|client| gets(client, &message));
        // Theirs to ours.
        let mut forward = |sparks: Json| {
            let told = node.forward(&[&ours], &message, &sparks);
            assert_eq!(told["error"], Json::Null, "{told}");
            told["result"]["send"].as_u64().unwrap()
        };
        assert_eq!(forward(json!("")), 4);
        here.iter().chain(&there).for_each(|client| gets(client, &message));
        assert_eq!(forward(json!("ours-2")), 1);
        assert_eq!(forward(json!(["ours-2", "nobody", "theirs-1", "ours-1"])), 3);
        assert_eq!(forward(json!("nobody")), 0);
        gets(&here[1], &message);
        [&here[0], &here[1], &there[0]].iter().for_each(|client| gets(client, &message));
    }
    primus.destroy(Default::default());
}

#[test]
fn each_understands_what_the_other_refuses() {
    need_node!();
    let (primus, ours) = ours(Omega::new("somebody", SECRET));
    let mut node = Node::start("theirs", "another secret");
    let done = primus.forward([&node.url], "x", "far").unwrap();
    let (_, error) = &done.failed[0];
    assert!(matches!(error, Error::Refused { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("I am programmed to protect"), "{error}");
    let told = node.forward(&[&ours], &json!("x"), &json!("far"));
    assert_eq!(told["status"], 401);
    assert!(told["error"].as_str().unwrap().contains("I am programmed to protect"), "{told}");

    let mut node = Node::start("theirs", SECRET);
    let done = primus.forward([&node.url], &false, "far").unwrap();
    assert!(done.failed[0].1.to_string().ends_with("invalid data structure"), "{done:?}");
    let told = node.forward(&[&ours], &json!(false), &json!("far"));
    assert_eq!((&told["status"], &told["error"]), (&json!(500), &json!("invalid data structure")));
    let long = json!("x".repeat(2 << 20));
    let told = node.forward(&[&ours], &long, &json!("far"));
    assert_ne!(told["error"], Json::Null, "{told}");
    let told = node.forward(&[&ours], &json!("x"), &json!("far"));
    assert_eq!((&told["error"], &told["result"]["send"]), (&Json::Null, &json!(0)));
    primus.destroy(Default::default());
    let told = node.forward(&[&ours], &json!("x"), &json!("far"));
    assert!(told["error"].as_str().unwrap().contains("ECONNREFUSED"), "{told}");
}
