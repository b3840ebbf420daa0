//! The client against the JavaScript Primus 8 server, as users run it.
//!
//! Needs Node.js and npm, see `tests/interop/README.md`.

#[path = "../common/mod.rs"]
mod common;

mod asked;
mod browserchannel;
#[cfg(feature = "compression")]
mod deflate;
mod each_parser;
mod engine_io;
mod socket_io;
mod sockjs;
mod tap;

use std::process::Command;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, unbounded};
use primus::{Client, ClientBuilder, Ended, Error, Parser, Value};

use crate::common::node::{self, Process};

const SOON: Duration = Duration::from_secs(20);

/// The versions of Primus whose other transformers are tested.
const VERSIONS: [u32; 2] = [8, 7];

/// A running `echo.js`.
struct Node {
    process: Process,
    port: u16,
}

impl Node {
    /// Starts the server with these arguments; `None` when the test is to be
    /// skipped.
    fn start(args: &[&str]) -> Option<Node> {
        if node::is_skipped() {
            return None;
        }
        let mut command = Command::new("node");
        command.env("NODE_PATH", node::project("parsers").join("node_modules"));
        command.arg(node::project("node-server").join("echo.js"));
        command.args(["--port", "0"]).args(args);
        let process = Process::spawn(&mut command);
        let line = process.line();
        let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
        Some(Node { port: port.expect("it tells where it listens"), process })
    }

    /// A server of this version, with this transformer.
    fn of(version: u32, transformer: &str, args: &[&str]) -> Option<Node> {
        let mut all = vec!["--transformer", transformer];
        let old = (version == 7 && !node::is_skipped()).then(|| node::project("node-server-v7"));
        let old = old.map(|folder| folder.to_str().unwrap().to_owned());
        all.extend(old.iter().flat_map(|folder| ["--modules", folder]));
        all.extend(args);
        Node::start(&all)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn client(&self) -> ClientBuilder {
        Client::builder(&self.url()).reconnect_min(Duration::from_millis(50))
    }
}

fn words(client: &Client) -> Receiver<String> {
    let (tell, told) = unbounded();
    let say = tell.clone();
    client.on_open(move |_| say.send("open".into()));
    let say = tell.clone();
    client.on_close(move |_, _| say.send("close".into()));
    let say = tell.clone();
    client.on_reconnected(move |_, _| say.send("reconnected".into()));
    let say = tell.clone();
    client.on_offline(move |_| say.send("offline".into()));
    let say = tell.clone();
    client.on_error(move |_, error| say.send(error.to_string()));
    client.on_end(move |_, _| tell.send("end".into()));
    told
}

#[track_caller]
fn expect(told: &Receiver<String>, words: &[&str]) {
    for word in words {
        assert_eq!(told.recv_timeout(SOON).as_deref(), Ok(*word));
    }
}

/// Many messages are written while they come back: nothing is lost, doubled or overtaken.
#[track_caller]
fn in_order(client: &Client, count: usize, tail: &str, what: &str) {
    let text = |n: usize| format!("{n:0100}{tail}");
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..count {
                client.write(&text(n)).unwrap();
                if n % 50 == 0 {
                    common::pause(Duration::from_millis(1));
                }
            }
        });
        for n in 0..count {
            let message = client.recv_timeout(SOON).unwrap();
            assert_eq!(message.as_str(), Some(&*text(n)), "{what}");
        }
    });
}

fn echoed(client: &Client, value: &Value) {
    client.write(value).unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().value(), value);
}

/// Whatever there is to be said to a server, to its end.
#[track_caller]
fn converse(client: &Client, what: &str) {
    echoed(client, &json(r#"{"a":["b",1,null],"é":"😀\u2028漢\u0000\"\\"}"#));
    echoed(client, &Value::from("a string"));
    echoed(client, &Value::from("é😀".repeat(20 << 10)));
    let id = client.id(SOON).unwrap();
    client.write("id").unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some(id.as_str()), "{what}");
    echoed(client, &Value::from("last"));
    client.end();
    assert!(client.wait_end(SOON), "{what}");
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The parsers that this build has.
fn parsers() -> impl Iterator<Item = &'static str> {
    let names = ["json", "ejson", "binary", "msgpack"].into_iter();
    names.filter(|name| name.parse::<Parser>().is_ok())
}

#[test]
fn echo_of_every_shape() {
    let Some(node) = Node::start(&[]) else { return };
    let client = Client::connect(&node.url()).unwrap();
    for text in [
        r#"{"hello":"world","nested":{"a":[1,2.5,-3e10,null,true,false]},"empty":{}}"#,
        r#""plain string""#,
        "42",
        "-0.125",
        "null",
        "true",
        "[]",
        r#""""#,
        r#""\u2028\u2029 \u0000 \u001f \" \\ / é ∑ 😀 \ud83d\ude00""#,
        r#"{"ключ":"значение","__proto__":1}"#,
        r#""primus::not::ours""#,
    ] {
        // A literal `__proto__` does not survive JavaScript objects.
        let text = text.replace(",\"__proto__\":1", "");
        echoed(&client, &json(&text));
    }
    let large = Value::from("é".repeat(60 << 10));
    echoed(&client, &large);
    client.end();
    assert!(client.wait_end(SOON));
}

#[test]
fn id_query_and_headers() {
    let Some(node) = Node::start(&[]) else { return };
    let url = format!("{}?token=abc%20d&x=1", node.url());
    let client = Client::builder(&url).header("X-Mine", "yes").connect().unwrap();
    let id = client.id(SOON).unwrap();
    client.write("id").unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some(id.as_str()));
    client.write("query").unwrap();
    let query: serde_json::Value = client.recv_timeout(SOON).unwrap().parse().unwrap();
    assert_eq!((&query["token"], &query["x"]), (&"abc d".into(), &"1".into()));
    client.write("headers").unwrap();
    let headers: serde_json::Value = client.recv_timeout(SOON).unwrap().parse().unwrap();
    assert_eq!(headers["x-mine"], "yes");
}

#[test]
fn the_server_ends() {
    let Some(node) = Node::start(&[]) else { return };
    let client = node.client().build().unwrap();
    let told = words(&client);
    client.write("close").unwrap();
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.by == Ended::Remote));
    expect(&told, &["open", "close", "end"]);
}

#[test]
fn the_server_ends_and_wants_us_back() {
    let Some(node) = Node::start(&[]) else { return };
    let client = node.client().build().unwrap();
    let told = words(&client);
    client.write("reconnect").unwrap();
    expect(&told, &["open", "close", "reconnected", "open"]);
    echoed(&client, &Value::from("again"));
}

#[test]
fn the_server_restarts() {
    let Some(mut node) = Node::start(&[]) else { return };
    let port = node.port.to_string();
    let client = node.client().reconnect_max(Duration::from_millis(100)).reconnect_retries(None);
    let client = client.build().unwrap();
    let told = words(&client);
    expect(&told, &["open"]);
    node.process.kill();
    expect(&told, &["close"]);
    client.write("written meanwhile").unwrap();
    let _again = Node::start(&["--port", &port]).unwrap();
    expect(&told, &["reconnected", "open"]);
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("written meanwhile"));
}

#[test]
fn authorization() {
    let Some(node) = Node::start(&["--authorization", "me:p@ss"]) else { return };
    match Client::connect(&node.url()) {
        Err(Error::Refused { status: 401, message, authenticate, .. }) => {
            assert_eq!(message, "Authentication required");
            assert_eq!(authenticate.as_deref(), Some("Basic realm=\"primus\""));
        }
        other => panic!("{other:?}"),
    }
    let client = node.client().build().unwrap();
    let told = words(&client);
    let refusal = "unexpected server response: 401: Authentication required";
    expect(&told, &[&format!("{}/primus: {refusal}", node.url()), "close", "end"]);
    let client = Client::connect(&format!("http://me:p%40ss@127.0.0.1:{}", node.port)).unwrap();
    echoed(&client, &Value::from("in"));
}

#[test]
fn heartbeats() {
    let Some(node) = Node::start(&["--ping-interval", "300"]) else { return };
    let client = Client::discover(&node.url()).unwrap().build().unwrap();
    let told = words(&client);
    expect(&told, &["open"]);
    // A server with this interval kills within 600 ms who does not answer, and
    // this client would leave a silent one after 450 ms.
    crate::common::nothing_for(Duration::from_millis(1_500));
    echoed(&client, &Value::from("alive"));
    assert!(told.is_empty());
}

#[test]
fn a_plain_request_is_not_what_it_wants() {
    let Some(node) = Node::start(&["--pathname", "/else"]) else { return };
    match Client::discover(&node.url()) {
        Err(Error::Refused { status: 404, .. }) => {}
        other => panic!("{other:?}"),
    }
    let client = node.client().pathname("else").discover().unwrap().connect().unwrap();
    echoed(&client, &Value::from(1));
}

#[test]
fn a_message_over_the_servers_limit() {
    let Some(node) = Node::start(&["--max-length", "100"]) else { return };
    let client = node.client().strategy("off").connect().unwrap();
    client.write(&"x".repeat(200)).unwrap();
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.code == 1009));
}
