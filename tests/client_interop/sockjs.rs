//! The client's `sockjs` against the JavaScript Primus 8 and 7, and against sockjs without
//! Primus.

use std::time::Duration;

use primus::{Client, ClientBuilder, Ended, Error, Value};

use crate::common::node::{self, Process};
use crate::tap::Tap;
use crate::{Node, SOON, VERSIONS, asked, converse, echoed, expect, in_order, words};

/// A server of Primus 8 with sockjs.
fn start(args: &[&str]) -> Option<Node> {
    Node::of(8, "sockjs", args)
}

/// A server of sockjs alone.
fn plain(args: &[&str]) -> Option<Node> {
    if node::is_skipped() {
        return None;
    }
    let script = node::project("node-server").join("sockjs.js");
    let args: Vec<_> = ["--port", "0"].iter().chain(args).map(Into::into).collect();
    let process = Process::start("node", &[vec![script.into_os_string()], args].concat());
    let line = process.line();
    let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
    Some(Node { port: port.expect("it tells where it listens"), process })
}

/// A client for it that uses these transports, each of which has time.
fn client(port: u16, transports: &str) -> ClientBuilder {
    Client::builder(&format!("http://127.0.0.1:{port}"))
        .reconnect_min(Duration::from_millis(50))
        .transformer("sockjs")
        .transport("transports", transports)
        .transport("timeout", "20000")
}

const WAYS: [&str; 3] = ["websocket", "xhr-streaming", "xhr-polling"];

#[test]
fn every_way_and_parser() {
    for version in VERSIONS {
        for parser in ["json", "ejson"] {
            let args = ["--parser", parser, "--ping-interval", "200"];
            let Some(node) = Node::of(version, "sockjs", &args) else { return };
            for way in WAYS {
                let client = client(node.port, way).parser_name(parser).connect().unwrap();
                converse(&client, &format!("{version} {parser} {way}"));
            }
        }
    }
}

#[test]
fn three_mebibytes_both_ways() {
    let Some(node) = start(&[]) else { return };
    for way in WAYS {
        let client = client(node.port, way).connect().unwrap();
        echoed(&client, &Value::from("x".repeat(3 << 20)));
        echoed(&client, &Value::from("€".repeat(1 << 20)));
        client.end();
        assert!(client.wait_end(SOON), "{way}");
    }
}

/// Many streams end, and many polls: nothing is lost, doubled or overtaken.
#[test]
fn order_is_kept() {
    let Some(node) = start(&[]) else { return };
    for way in WAYS {
        let client = client(node.port, way).connect().unwrap();
        in_order(&client, 2_000, "", way);
    }
}

#[test]
fn what_goes_over_the_wire() {
    let Some(node) = start(&[]) else { return };
    for (way, receivers) in
        [("websocket", 1..=1), ("xhr-streaming", 1..=1), ("xhr-polling", 20..=60)]
    {
        let tap = Tap::to(node.port);
        let client = client(tap.port, way).connect().unwrap();
        for n in 0..20 {
            echoed(&client, &Value::from(n));
        }
        client.end();
        assert!(client.wait_end(SOON));
        let path = match way {
            "websocket" => "/websocket?",
            "xhr-streaming" => "/xhr_streaming?",
            _ => "/xhr?",
        };
        assert_eq!(tap.requests("GET /primus/info?_primuscb="), 1);
        assert!(receivers.contains(&tap.requests(path)), "{way}: {}", tap.requests(path));
        let sends = tap.requests("/xhr_send?_primuscb=");
        assert_eq!(sends > 0, way != "websocket");
        assert_eq!(tap.connections(), 2, "one for what comes, one for what goes");
    }
}

#[test]
fn without_a_websocket() {
    let Some(node) = start(&["--transport", "websocket=false"]) else { return };
    let tap = Tap::to(node.port);
    let client = client(tap.port, "websocket,xhr-polling").connect().unwrap();
    echoed(&client, &Value::from("polled"));
    assert_eq!(tap.requests("/websocket"), 0);
    let error = self::client(node.port, "websocket").connect().unwrap_err();
    assert!(matches!(&error, Error::Protocol(text) if text.contains("WebSocket")), "{error}");
}

#[test]
fn the_server_ends() {
    for version in VERSIONS {
        let Some(node) = Node::of(version, "sockjs", &[]) else { return };
        for way in WAYS {
            let why = asked::ends(client(node.port, way));
            let told = (why.by, why.code, &*why.text);
            assert_eq!(told, (Ended::Remote, 1000, "Normal closure"), "{version} {way}");
        }
    }
}

#[test]
fn the_server_ends_and_wants_us_back() {
    let Some(node) = start(&[]) else { return };
    WAYS.into_iter().for_each(|way| asked::comes_back(client(node.port, way)));
}

#[test]
fn a_cut_connection_is_made_anew() {
    let Some(node) = start(&[]) else { return };
    for way in WAYS {
        let tap = Tap::to(node.port);
        asked::is_made_anew(&tap, client(tap.port, way));
    }
}

#[test]
fn the_server_restarts() {
    for way in WAYS {
        let Some(node) = start(&[]) else { return };
        let client = client(node.port, way);
        asked::outlives(node, client, start);
    }
}

/// What was written before the end arrives.
#[test]
fn the_end_is_prompt_and_loses_nothing() {
    let Some(node) = start(&[]) else { return };
    let witness = client(node.port, "websocket").connect().unwrap();
    for way in WAYS {
        asked::loses_nothing(&witness, client(node.port, way), Duration::ZERO, way);
    }
}

#[test]
fn refusals() {
    let Some(node) = start(&["--authorization", "me:p@ss"]) else { return };
    for way in WAYS {
        asked::is_refused(client(node.port, way), "/primus/info");
        let url = format!("http://me:p%40ss@127.0.0.1:{}", node.port);
        let client = Client::builder(&url).transformer("SockJS").transport("transports", way);
        let client =
            client.transport("timeout", "20000").header("X-Mine", "yes").connect().unwrap();
        echoed(&client, &Value::from("in"));
    }
}

#[test]
fn discovered() {
    let args = ["--ping-interval", "300", "--parser", "ejson", "--pathname", "/else"];
    let Some(node) = start(&args) else { return };
    asked::is_found(&node);
}

#[test]
fn heartbeats() {
    let Some(node) = start(&["--ping-interval", "200"]) else { return };
    for way in WAYS {
        let client = client(node.port, way).ping_timeout(Duration::from_secs(5)).build().unwrap();
        let told = words(&client);
        expect(&told, &["open"]);
        assert!(told.recv_timeout(Duration::from_secs(1)).is_err());
        echoed(&client, &Value::from("alive"));
    }
}

#[test]
fn a_silent_server_is_left() {
    for way in WAYS {
        let Some(node) = start(&["--ping-interval", "100"]) else { return };
        let client = client(node.port, way).ping_timeout(Duration::from_millis(700));
        asked::is_left(&node, client, &["offline", "close", "end"]);
    }
}

#[test]
fn sockjs_without_primus() {
    // Each stream ends soon.
    let Some(node) = plain(&["--response-limit", "1000"]) else { return };
    for way in WAYS {
        let client = client(node.port, way).build().unwrap();
        for n in 0..100 {
            echoed(&client, &Value::from(format!("{n}😀\"\u{2028}")));
        }
        client.write("burst").unwrap();
        for n in 0..1000 {
            assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), n, "{way}");
        }
        let told = words(&client);
        client.write("close").unwrap();
        expect(&told, &["close", "reconnected", "open"]);
        let why = client.close_reason().unwrap();
        assert_eq!((why.by, why.code, &*why.text), (Ended::Remote, 4001, "as you wish"), "{way}");
    }
}

#[test]
fn what_a_plain_server_may_say_of_itself() {
    let Some(node) = plain(&["--no-websocket", "--jsessionid"]) else { return };
    let tap = Tap::to(node.port);
    let client = client(tap.port, "websocket,xhr-streaming").connect().unwrap();
    echoed(&client, &Value::from("streamed"));
    assert_eq!(tap.requests("/websocket"), 0);
    assert_eq!(tap.requests("/xhr_streaming"), 1);
}
