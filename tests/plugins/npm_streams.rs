//! Streams, channels and resources of our client with a Node server that has the
//! plugins of npm.
//!
//! Needs Node.js and npm, see `tests/interop/README.md`.

use std::process::Command;
use std::sync::mpsc::channel;

use primus::plugins::Emitter;
use primus::plugins::multiplex::{Multiplex, OpenChannel};
use primus::plugins::resource::{ClientResources, Resources};
use primus::plugins::substream::{OpenSubstream, Substreams};
use primus::{Client, Error};

use crate::common::PATIENCE;
use crate::common::node::{self, Process};

#[test]
fn streams_channels_and_resources_with_the_server_of_npm() {
    if node::is_skipped() {
        return;
    }
    let mut command = Command::new("node");
    command.env("NODE_PATH", node::project("library").join("node_modules"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/plugins/npm_streams.js"));
    let process = Process::spawn(&mut command);
    let line = process.line();
    let url = line.strip_prefix("listening on ").expect("it tells where it listens");
    let client = Client::builder(url).plugin(Substreams::new()).plugin(Multiplex::new());
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

    let creature = client.resource("creature").unwrap();
    assert_eq!(creature.wait_ready(PATIENCE).unwrap(), ["command"]);
    let answer = creature.call("command", "sleep", PATIENCE).unwrap();
    assert_eq!(answer.parse::<String>().unwrap(), "got sleep");
    assert!(client.try_recv().unwrap().is_none() && told.try_recv().is_err());
    client.end();
}
