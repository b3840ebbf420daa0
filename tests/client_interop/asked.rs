//! What every transformer is asked: the same with each of its transports.

use std::time::Duration;

use primus::{Client, ClientBuilder, CloseReason, Error, Value};
use rustix::process::{Pid, Signal, kill_process};

use crate::tap::Tap;
use crate::{Node, SOON, echoed, expect, words};

/// The server ends the connection when it is told so: why, as the client has it.
#[track_caller]
pub fn ends(client: ClientBuilder) -> CloseReason {
    let client = client.build().unwrap();
    let told = words(&client);
    client.write("close").unwrap();
    let why = match client.recv_timeout(SOON) {
        Err(Error::Ended(why)) => *why,
        other => panic!("{other:?}"),
    };
    expect(&told, &["open", "close", "end"]);
    assert!(client.wait_end(SOON));
    why
}

/// The server ends it, and wants the client back.
#[track_caller]
pub fn comes_back(client: ClientBuilder) {
    let client = client.build().unwrap();
    let told = words(&client);
    client.write("reconnect").unwrap();
    expect(&told, &["open", "close", "reconnected", "open"]);
    echoed(&client, &Value::from("again"));
}

/// A connection that is cut is made anew.
#[track_caller]
pub fn is_made_anew(tap: &Tap, client: ClientBuilder) {
    let client = client.build().unwrap();
    let told = words(&client);
    echoed(&client, &Value::from("before"));
    expect(&told, &["open"]);
    tap.cut();
    expect(&told, &["close", "reconnected", "open"]);
    echoed(&client, &Value::from("after"));
}

/// A client outlives its server, which another one follows at the same port.
#[track_caller]
pub fn outlives(mut node: Node, client: ClientBuilder, again: impl Fn(&[&str]) -> Option<Node>) {
    let port = node.port.to_string();
    let client = client.reconnect_max(Duration::from_millis(100)).reconnect_retries(None);
    let client = client.build().unwrap();
    let told = words(&client);
    expect(&told, &["open"]);
    node.process.kill();
    expect(&told, &["close"]);
    client.write("written meanwhile").unwrap();
    let _again = again(&["--port", &port]).unwrap();
    expect(&told, &["reconnected", "open"]);
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("written meanwhile"));
}

/// What is written before the end arrives, which another client of the server sees, and
/// the end is soon.
#[track_caller]
pub fn loses_nothing(witness: &Client, client: ClientBuilder, pause: Duration, what: &str) {
    let client = client.inbox(0).close_timeout(SOON * 2).connect().unwrap();
    crate::common::pause(pause);
    client.write(&"x".repeat(100_000)).unwrap();
    for _ in 0..20 {
        client.write("broadcast:1:10").unwrap();
    }
    client.end();
    assert!(client.wait_end(SOON), "{what}");
    for _ in 0..20 {
        assert_eq!(witness.recv_timeout(SOON).unwrap().as_str(), Some("xxxxxxxxxx"));
    }
}

/// The server wants a name, of which the client has none: at a place that ends like this.
#[track_caller]
pub fn is_refused(client: ClientBuilder, place: &str) {
    match client.connect() {
        Err(Error::Refused { url, status: 401, message, authenticate }) => {
            assert!(url.ends_with(place), "{url}");
            assert_eq!(message, "Authentication required");
            assert_eq!(authenticate.as_deref(), Some("Basic realm=\"primus\""));
        }
        other => panic!("{other:?}"),
    }
}

/// A client that finds out by itself what this server, which is below `/else`, speaks.
#[track_caller]
pub fn is_found(node: &Node) {
    let client = Client::builder(&node.url()).pathname("/else");
    let client = client.discover().unwrap().connect().unwrap();
    echoed(&client, &Value::from("found"));
}

/// A client that does not reconnect is told this when the server stands still. It is as
/// it was then.
#[track_caller]
pub fn is_left(node: &Node, client: ClientBuilder, told: &[&str]) -> Client {
    let client = client.strategy("off").build().unwrap();
    let heard = words(&client);
    expect(&heard, &["open"]);
    let process = Pid::from_raw(node.process.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    expect(&heard, told);
    kill_process(process, Signal::CONT).unwrap();
    client
}
