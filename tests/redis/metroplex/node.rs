//! One namespace with a JavaScript server that has npm's metroplex and omega-supreme.

use std::process::Command;

use super::killed::Elsewhere;
use super::*;
use crate::common::node::{self, Process};
use primus::plugins::PrimusMetroplex;
use serde_json::{Value as Json, json};

/// A server of theirs, registered.
struct Node {
    process: Process,
    url: String,
}

impl Node {
    /// One whose sparks are called `node-1` and so on, and whose clock is so far ahead.
    /// `None` where there is to be no Node.js or no Redis.
    fn start(redis: &Redis, skew: i64) -> Option<Node> {
        if node::is_skipped() {
            return None;
        }
        let [interval, latency] = [INTERVAL, LATENCY].map(|time| time.as_millis().to_string());
        let mut command = Command::new("node");
        command.arg(node::project("node-server").join("metroplex.js"));
        command.args(["node", &redis.port().to_string(), "a secret", &interval, &latency]);
        let process = Process::spawn(command.arg(skew.to_string()));
        let line = process.line();
        let url = line.strip_prefix("listening on ").expect("it tells where it listens").to_owned();
        Some(Node { process, url })
    }

    /// What comes of a call of theirs: the result, or the error's message.
    fn call(&mut self, call: &str, args: Json) -> Result<Json, String> {
        self.process.send(&json!({ "call": call, "args": args }).to_string());
        let told: Json = serde_json::from_str(&self.process.line()).expect("what it tells is JSON");
        match told["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(told["result"].clone()),
        }
    }

    fn client(&self) -> Client {
        let client = Client::connect(&self.url).unwrap();
        client.id(PATIENCE).unwrap();
        client
    }
}

#[track_caller]
fn all_get(clients: &[&Client], expected: &str) {
    for client in clients {
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some(expected));
    }
}

/// Theirs with a client, ours with two; each knows all.
fn mixed(redis: &Redis) -> Option<(Node, Server, [Client; 3])> {
    let mut theirs = Node::start(redis, 0)?;
    let ours = Server::start(redis, "ours");
    let clients = [ours.client(), ours.client(), theirs.client()];
    ours.has(redis, &["ours-1", "ours-2"]);
    wait_for("their spark", Some(theirs.url.clone()), || ours.metroplex.spark("node-1").unwrap());
    assert_eq!(theirs.call("where", json!(["ours-2"])).unwrap(), *ours.url);
    let mut both = [ours.url.clone(), theirs.url.clone()];
    both.sort();
    assert_eq!(ours.metroplex.servers().unwrap(), both);
    let theirs_know = theirs.call("servers", json!([])).unwrap();
    let mut theirs_know: Vec<String> = serde_json::from_value(theirs_know).unwrap();
    theirs_know.sort();
    assert_eq!(theirs_know, both);
    Some((theirs, ours, clients))
}

#[test]
fn messages_go_both_ways_to_all_to_one_and_to_some() {
    let Some(redis) = Redis::start() else { return };
    let Some((mut theirs, ours, [a, b, c])) = mixed(&redis) else { return };
    let done = ours.primus.forward_all("from ours").unwrap();
    assert_eq!((done.local, done.remote, done.is_complete()), (2, 1, true));
    all_get(&[&a, &b, &c], "from ours");
    let done = theirs.call("broadcast", json!(["from theirs"])).unwrap();
    assert_eq!(done, json!({ "ok": true, "send": 3 }));
    all_get(&[&a, &b, &c], "from theirs");

    assert_eq!(ours.primus.forward_spark("node-1", "one").unwrap().remote, 1);
    all_get(&[&c], "one");
    let done = theirs.call("spark", json!(["ours-2", "another"])).unwrap();
    assert_eq!(done["send"], 1);
    all_get(&[&b], "another");

    let done = ours.primus.forward_sparks(["ours-1", "node-1", "zz"], "some").unwrap();
    assert_eq!((done.local, done.remote), (1, 1));
    all_get(&[&a, &c], "some");
    let done = theirs.call("sparks", json!([["node-1", "ours-1", "ours-2", "zz"], "more"]));
    assert_eq!(done.unwrap()["send"], 3);
    all_get(&[&a, &b, &c], "more");

    // Their end is as they have it; ours leaves nothing to them.
    let url = theirs.url.clone();
    theirs.call("destroy", json!([])).unwrap();
    assert_eq!(servers(&redis), [&*ours.url]);
    assert!(keys_of(&redis, &url).is_empty());
    ours.end(&redis);
}

#[test]
fn whoever_is_killed_is_taken_out_by_the_other() {
    let Some(redis) = Redis::start() else { return };
    let Some((mut theirs, ours, [a, b, _c])) = mixed(&redis) else { return };
    // One of ours, by theirs or by the other of ours; whoever sees it first.
    let mut killed = Elsewhere::start(&redis, 0);
    killed.kill();
    wait_until("it is gone", || sparks_at(&redis, &killed.url).is_empty());
    assert_eq!(servers(&redis).len(), 2);
    ours.primus.forward_all("both are left").unwrap();
    all_get(&[&a, &b], "both are left");

    let url = theirs.url.clone();
    theirs.process.kill();
    wait_until("theirs is gone", || ours.unregistered.try_iter().any(|gone| gone == url));
    assert_eq!(servers(&redis), [&*ours.url]);
    assert!(keys_of(&redis, &url).is_empty() && sparks_at(&redis, &url).is_empty());
    let done = ours.primus.forward_all("alone").unwrap();
    assert_eq!((done.local, done.remote, done.is_complete()), (2, 0, true));
    drop(theirs);
}

/// Theirs alone: nobody of ours is there to help.
#[test]
fn theirs_takes_out_one_of_ours() {
    let Some(redis) = Redis::start() else { return };
    let Some(theirs) = Node::start(&redis, 0) else { return };
    let mut killed = Elsewhere::start(&redis, 0);
    killed.kill();
    wait_for("servers", vec![theirs.url.clone()], || servers(&redis));
    wait_until("its sparks are gone", || sparks_at(&redis, &killed.url).is_empty());
    // What they do not know goes by itself.
    wait_for("keys", Vec::<String>::new(), || keys_of(&redis, &killed.url));
}

#[test]
fn after_flushall_ours_is_back_for_them() {
    let Some(redis) = Redis::start() else { return };
    let Some((mut theirs, ours, [a, b, _c])) = mixed(&redis) else { return };
    redis.cli(&["FLUSHALL"]);
    ours.has(&redis, &["ours-1", "ours-2"]);
    assert_eq!(theirs.call("where", json!(["ours-1"])).unwrap(), *ours.url);
    theirs.call("broadcast", json!(["still there"])).unwrap();
    all_get(&[&a, &b], "still there");
    theirs.call("spark", json!(["ours-2", "you too"])).unwrap();
    all_get(&[&b], "you too");
}

#[test]
fn a_clock_of_theirs_that_is_minutes_ahead_does_not_keep_ours_out() {
    let Some(redis) = Redis::start() else { return };
    let ours = Server::start(&redis, "ours");
    let _client = ours.client();
    ours.has(&redis, &["ours-1"]);
    let Some(theirs) = Node::start(&redis, 5 * 60 * 1_000) else { return };
    for _ in 0..3 {
        // They take it out with each look, and it comes back with its next tick.
        wait_until("it is out", || !servers(&redis).contains(&ours.url));
        wait_until("it is in", || servers(&redis).contains(&ours.url));
        wait_until("its spark is", || sparks_at(&redis, &ours.url) == ["ours-1"]);
    }
    assert!(servers(&redis).contains(&theirs.url));
    assert!(ours.errors.is_empty() && ours.unregistered.is_empty());
}

#[test]
fn a_clock_of_theirs_that_is_minutes_behind_does_no_harm() {
    let Some(redis) = Redis::start() else { return };
    let Some(theirs) = Node::start(&redis, -5 * 60 * 1_000) else { return };
    let ours = Server::start(&redis, "ours");
    let _client = ours.client();
    ours.has(&redis, &["ours-1"]);
    // One that is dead shows that it has looked, and at their clock's time.
    for n in 1..=2 {
        let dead = format!("http://127.0.0.1:{n}");
        redis.cli(&["SADD", "metroplex:servers", &dead]);
        wait_until("it looks", || !servers(&redis).contains(&dead));
    }
    let mut both = [ours.url.clone(), theirs.url.clone()];
    both.sort();
    assert_eq!(servers(&redis), both);
    assert_eq!(ours.registered.try_recv().ok(), None);
}
