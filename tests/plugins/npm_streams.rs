//! Streams, channels, resources and rooms of our client with a Node server that has the
//! plugins of npm.
//!
//! Needs Node.js and npm, see `tests/interop/README.md`.

use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use primus::plugins::multiplex::{ClientChannel, Multiplex, OpenChannel};
use primus::plugins::resource::{ClientResources, Resources};
use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::plugins::{Emitter, EmitterExt, EventExt};
use primus::{Client, Error};

use crate::common::PATIENCE;
use crate::common::node::{self, Process};

/// A Node server with a set of plugins, and where it listens.
fn server(set: &str) -> (Process, String) {
    let mut command = Command::new("node");
    command.env("NODE_PATH", node::project("library").join("node_modules"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/npm_streams.js")).arg(set);
    let process = Process::spawn(&mut command);
    let line = process.line();
    let url = line.strip_prefix("listening on ").expect("it tells where it listens");
    (process, url.to_owned())
}

#[test]
fn streams_channels_and_resources_with_the_server_of_npm() {
    if node::is_skipped() {
        return;
    }
    let (process, url) = server("all");
    let client = Client::builder(&url).plugin(Substreams::new()).plugin(Multiplex::new());
    let client = client.plugin(Emitter).plugin(Resources::new()).connect().unwrap();
    let (tell, told) = channel();
    let next = || told.recv_timeout(PATIENCE).unwrap();

    let chat = client.substream("chat").unwrap();
    let data = tell.clone();
    chat.on_data(move |_, message| data.send(message.to_string()));
    chat.write(&(1, "two")).unwrap();
    assert_eq!(next(), r#"{"got":[1,"two"]}"#);
    chat.end();
    assert_eq!(process.line(), "stream ended");

    for ours in [true, false] {
        let news = client.channel("news").unwrap();
        let (data, end) = (tell.clone(), tell.clone());
        news.on_data(move |_, message| data.send(message.to_string()));
        news.on_end(move |_| drop(end.send("end".into())));
        news.write("hello").unwrap();
        assert_eq!(next(), r#"{"got":"hello"}"#);
        if ours {
            news.end();
        } else {
            news.write("end it").unwrap();
            assert_eq!(next(), r#""bye""#);
        }
        assert_eq!(next(), "end");
        assert_eq!(process.line(), "subscription ended");
        assert!(matches!(news.write("late"), Err(Error::Closed)));
    }

    // Events in a channel, with acknowledgements of either side.
    let chat = client.channel("news").unwrap();
    chat.on_event("you", |_: &ClientChannel, event| event.ack(("yes", event[0].clone())));
    let news = tell.clone();
    chat.on_event("news", move |_: &ClientChannel, event| news.send(format!("news {}", event[0])));
    let ack = chat.send_ack("hello", "me", PATIENCE).unwrap();
    assert_eq!(ack.parse::<String>().unwrap(), "hello to me");
    assert_eq!(process.line(), "acked yes");
    assert_eq!(next(), r#"news "all""#);
    chat.end();
    assert_eq!(process.line(), "subscription ended");

    let creature = client.resource("creature").unwrap();
    assert_eq!(creature.wait_ready(PATIENCE).unwrap(), ["command"]);
    let answer = creature.call("command", "sleep", PATIENCE).unwrap();
    assert_eq!(answer.parse::<String>().unwrap(), "got sleep");
    assert!(client.try_recv().unwrap().is_none() && told.try_recv().is_err());
    client.end();
}

#[test]
fn channels_over_a_reconnect_with_the_server_of_npm() {
    if node::is_skipped() {
        return;
    }
    let (process, url) = server("multiplex");
    let client = Client::builder(&url).plugin(Multiplex::new());
    let client = client.reconnect_min(Duration::from_millis(5)).connect().unwrap();
    let (tell, told) = channel();
    let next = || told.recv_timeout(PATIENCE).unwrap();
    let news = client.channel("news").unwrap();
    let (data, lost) = (tell.clone(), tell);
    news.on_data(move |_, message| data.send(message.to_string()));
    client.on_close(move |_, _| lost.send("lost".to_owned()));
    for message in ["0", r#""""#, "false", "null", "[1,2]", r#"{"a":1}"#] {
        let value: serde_json::Value = serde_json::from_str(message).unwrap();
        news.write(&value).unwrap();
        assert_eq!(next(), format!(r#"{{"got":{message}}}"#));
    }
    news.write("away").unwrap();
    assert_eq!([process.line(), next()], ["subscription ended", "lost"]);
    news.write("while down").unwrap();
    assert_eq!(next(), r#"{"got":"while down"}"#);
    client.end();
    assert_eq!([process.line(), next()], ["subscription ended", "lost"]);
    // Opened again, the client has new channels.
    client.open().unwrap();
    assert!(matches!(news.write("three"), Err(Error::Closed)));
    let again = client.channel("news").unwrap();
    again.write("end it").unwrap();
    assert_eq!(process.line(), "subscription ended");
    client.end();
}

/// Of rooms a client sees nothing but messages.
#[test]
fn rooms_of_the_server_of_npm() {
    if node::is_skipped() {
        return;
    }
    let (_process, url) = server("rooms");
    let [a, b] = [(); 2].map(|()| {
        let client = Client::connect(&url).unwrap();
        client.write("in").unwrap();
        assert_eq!(client.recv().unwrap().as_str(), Some("in"));
        client
    });
    a.write("plain").unwrap();
    assert_eq!(b.recv().unwrap().value().to_string(), r#"{"from":"plain"}"#);
    b.write("wild").unwrap();
    assert_eq!(a.recv().unwrap().value().to_string(), r#"{"from":"wild"}"#);
    for client in [&a, &b] {
        assert_eq!(client.recv().unwrap().value().to_string(), r#"["wild"]"#);
        client.end();
    }
}
