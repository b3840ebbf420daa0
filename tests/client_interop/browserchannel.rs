//! The client's `browserchannel` against the JavaScript Primus 8.

use std::time::Duration;

use primus::{Client, ClientBuilder, Ended, Value};

use crate::tap::Tap;
use crate::{Node, SOON, asked, converse, echoed, expect, in_order, words};

/// A server of Primus 8 with browserchannel.
fn start(args: &[&str]) -> Option<Node> {
    Node::of(8, "browserchannel", args)
}

fn client(port: u16) -> ClientBuilder {
    Client::builder(&format!("http://127.0.0.1:{port}"))
        .reconnect_min(Duration::from_millis(50))
        .transformer("browserchannel")
}

#[test]
fn every_parser() {
    for parser in ["json", "ejson"] {
        let args = ["--parser", parser, "--ping-interval", "200"];
        let Some(node) = start(&args) else { return };
        let client = client(node.port).parser_name(parser).connect().unwrap();
        converse(&client, parser);
    }
}

#[test]
fn three_mebibytes_both_ways() {
    let Some(node) = start(&[]) else { return };
    let client = client(node.port).connect().unwrap();
    echoed(&client, &Value::from("x".repeat(3 << 20)));
    echoed(&client, &Value::from("€😀".repeat(1 << 19)));
    client.end();
    assert!(client.wait_end(SOON));
}

/// Many streams end: nothing is lost, doubled or overtaken.
#[test]
fn order_is_kept() {
    let Some(node) = start(&[]) else { return };
    let client = client(node.port).connect().unwrap();
    in_order(&client, 2_000, "", "");
}

#[test]
fn what_goes_over_the_wire() {
    let Some(node) = start(&[]) else { return };
    let tap = Tap::to(node.port);
    let client = client(tap.port).connect().unwrap();
    for n in 0..20 {
        echoed(&client, &Value::from(n));
    }
    client.end();
    assert!(client.wait_end(SOON));
    assert_eq!(tap.requests("GET /primus/test?a="), 1);
    assert_eq!(tap.requests("&RID=rpc&CI=0&AID="), 1);
    assert_eq!(tap.requests("POST /primus/bind?a="), 21);
    assert_eq!(tap.requests("&TYPE=terminate&zx="), 1);
    assert_eq!(tap.requests("_primuscb"), 0);
    // That of the probe, one for what comes, one for what goes.
    assert_eq!(tap.connections(), 3);
}

#[test]
fn the_server_ends() {
    let Some(node) = start(&[]) else { return };
    let why = asked::ends(client(node.port));
    assert_eq!((why.by, why.code), (Ended::Remote, 1000));
}

#[test]
fn the_server_ends_and_wants_us_back() {
    let Some(node) = start(&[]) else { return };
    asked::comes_back(client(node.port));
}

/// A session outlives its connections.
#[test]
fn a_cut_connection_is_made_anew_and_nothing_is_lost() {
    let Some(node) = start(&[]) else { return };
    let tap = Tap::to(node.port);
    let client = client(tap.port).build().unwrap();
    let told = words(&client);
    for round in 0..5 {
        for n in 0..20 {
            client.write(&(round * 100 + n)).unwrap();
        }
        if round > 0 {
            tap.cut();
        }
        for n in 0..20 {
            let message = client.recv_timeout(SOON).unwrap();
            assert_eq!(message.parse::<i32>().unwrap(), round * 100 + n);
        }
    }
    expect(&told, &["open"]);
    assert!(told.is_empty(), "{:?}", told.try_recv());
}

#[test]
fn the_server_restarts() {
    let Some(mut node) = start(&[]) else { return };
    let port = node.port.to_string();
    let client = client(node.port)
        .reconnect_max(Duration::from_millis(100))
        .reconnect_retries(None)
        .build()
        .unwrap();
    let told = words(&client);
    expect(&told, &["open"]);
    node.process.kill();
    let _again = start(&["--port", &port]).unwrap();
    expect(&told, &["close"]);
    client.write("written meanwhile").unwrap();
    expect(&told, &["reconnected", "open"]);
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("written meanwhile"));
}

/// What was written before the end arrives.
#[test]
fn the_end_is_prompt_and_loses_nothing() {
    let Some(node) = start(&[]) else { return };
    let witness = client(node.port).connect().unwrap();
    asked::loses_nothing(&witness, client(node.port), Duration::ZERO, "");
}

#[test]
fn refusals() {
    let Some(node) = start(&["--authorization", "me:p@ss"]) else { return };
    asked::is_refused(client(node.port), "/primus/test");
    let url = format!("http://me:p%40ss@127.0.0.1:{}", node.port);
    let client = Client::builder(&url).transformer("browserchannel").connect().unwrap();
    echoed(&client, &Value::from("in"));
}

#[test]
fn discovered() {
    let args = ["--ping-interval", "300", "--parser", "ejson", "--pathname", "/else"];
    let Some(node) = start(&args) else { return };
    asked::is_found(&node);
}

#[test]
fn a_silent_server_is_left() {
    let Some(node) = start(&["--ping-interval", "100"]) else { return };
    let client = client(node.port).ping_timeout(Duration::from_millis(700));
    asked::is_left(&node, client, &["offline", "close", "end"]);
}
