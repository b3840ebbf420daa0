//! The client's `socket.io` against the JavaScript Primus 3 and 2 with Socket.IO 0.9.

use std::time::Duration;

use primus::{Client, ClientBuilder, Ended, Value};

use crate::common::node;
use crate::tap::Tap;
use crate::{Node, SOON, asked, converse, echoed, expect, in_order, words};

const WAYS: [&str; 2] = ["websocket", "xhr-polling"];

/// The projects with a server of that time.
const PROJECTS: [&str; 2] = ["client-v3", "client-v2"];

/// A server of this project.
fn start(project: &str, args: &[&str]) -> Option<Node> {
    if node::is_skipped() {
        return None;
    }
    let folder = node::project(project);
    let modules = ["--transformer", "socket.io", "--modules", folder.to_str().unwrap()];
    Node::start(&[&modules[..], args].concat())
}

/// A client for it that uses these transports, each of which has time. The server waits
/// for its pings.
fn client(port: u16, transports: &str) -> ClientBuilder {
    Client::builder(&format!("http://127.0.0.1:{port}"))
        .reconnect_min(Duration::from_millis(50))
        .client_pings(Duration::from_secs(25), Duration::from_secs(10))
        .transformer("socket.io")
        .transport("transports", transports)
        .transport("connect timeout", "20000")
}

#[test]
fn every_way_and_parser() {
    for project in PROJECTS {
        let Some(node) = start(project, &[]) else { return };
        for way in WAYS {
            let client = client(node.port, way).connect().unwrap();
            converse(&client, &format!("{project} {way}"));
        }
    }
}

#[test]
fn half_a_mebibyte_both_ways() {
    let Some(node) = start("client-v3", &[]) else { return };
    for way in WAYS {
        let client = client(node.port, way).connect().unwrap();
        echoed(&client, &Value::from("x".repeat(512 << 10)));
        // npm's server spoils characters of a POST that come in two reads.
        if way == "websocket" {
            echoed(&client, &Value::from("€".repeat(100 << 10)));
        }
        client.end();
        assert!(client.wait_end(SOON), "{way}");
    }
}

#[test]
fn order_is_kept() {
    let Some(node) = start("client-v3", &[]) else { return };
    for way in WAYS {
        let client = client(node.port, way).connect().unwrap();
        in_order(&client, 1_000, "😀", way);
    }
}

#[test]
fn what_goes_over_the_wire() {
    let Some(node) = start("client-v3", &[]) else { return };
    for way in WAYS {
        let tap = Tap::to(node.port);
        let client = client(tap.port, way).connect().unwrap();
        for n in 0..20 {
            echoed(&client, &Value::from(n));
        }
        client.end();
        assert!(client.wait_end(SOON));
        assert_eq!(tap.requests("GET /primus/1/?_primuscb="), 1);
        let receivers = tap.requests(&format!("GET /primus/1/{way}/"));
        let posts = tap.requests("POST /primus/1/xhr-polling/");
        if way == "websocket" {
            assert_eq!((receivers, posts), (1, 0));
        } else {
            assert!(receivers > 20 && posts > 20, "{receivers} {posts}");
        }
        assert_eq!(tap.connections(), 2, "one for what comes, one for what goes");
    }
}

#[test]
fn the_server_ends() {
    for project in PROJECTS {
        let Some(node) = start(project, &[]) else { return };
        for way in WAYS {
            let why = asked::ends(client(node.port, way));
            assert_eq!((why.by, why.code), (Ended::Remote, 1005), "{project} {way}");
        }
    }
}

#[test]
fn the_server_ends_and_wants_us_back() {
    let Some(node) = start("client-v3", &[]) else { return };
    WAYS.into_iter().for_each(|way| asked::comes_back(client(node.port, way)));
}

#[test]
fn a_cut_connection_is_made_anew() {
    let Some(node) = start("client-v3", &[]) else { return };
    for way in WAYS {
        let tap = Tap::to(node.port);
        asked::is_made_anew(&tap, client(tap.port, way));
    }
}

/// What was written before the end arrives.
#[test]
fn the_end_is_prompt_and_loses_nothing() {
    let Some(node) = start("client-v3", &[]) else { return };
    let witness = client(node.port, "websocket").connect().unwrap();
    for way in WAYS {
        asked::loses_nothing(&witness, client(node.port, way), Duration::ZERO, way);
    }
}

#[test]
fn refusals() {
    let Some(node) = start("client-v3", &["--authorization", "me:p@ss"]) else { return };
    for way in WAYS {
        asked::is_refused(client(node.port, way), "/primus/1/");
        let url = format!("http://me:p%40ss@127.0.0.1:{}", node.port);
        let client = Client::builder(&url).transformer("Socket.IO").transport("transports", way);
        let client = client.transport("timeout", "20000").connect().unwrap();
        echoed(&client, &Value::from("in"));
    }
}

/// Also that it waits for our pings.
#[test]
fn discovered() {
    let args = ["--timeout", "1500", "--pathname", "/else"];
    let Some(node) = start("client-v3", &args) else { return };
    asked::is_found(&node);
}

#[test]
fn heartbeats() {
    let args = ["--timeout", "2000"];
    let Some(node) = start("client-v3", &args) else { return };
    for way in WAYS {
        let client = client(node.port, way)
            .client_pings(Duration::from_millis(500), Duration::from_secs(10))
            .build()
            .unwrap();
        let told = words(&client);
        expect(&told, &["open"]);
        assert!(told.recv_timeout(Duration::from_secs(3)).is_err());
        echoed(&client, &Value::from("alive"));
    }
}

/// Those of Socket.IO itself.
#[test]
fn heartbeats_of_socket_io() {
    let args = ["--transport", "heartbeat interval=1", "--transport", "heartbeat timeout=2"];
    let Some(node) = start("client-v3", &args) else { return };
    for way in WAYS {
        let client = client(node.port, way).build().unwrap();
        let told = words(&client);
        expect(&told, &["open"]);
        assert!(told.recv_timeout(Duration::from_secs(4)).is_err());
        echoed(&client, &Value::from("alive"));
    }
}
