//! JavaScript clients in a process of their own (`driver/index.js`).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) use crate::kinds::{HAPPN, Kind, OWN, V6, V6_WS1, V8, for_each_client};
use crate::libraries;
use crate::node::{self, Process};

/// Leaves the test when it is to be skipped.
macro_rules! need_node {
    () => {
        if $crate::node::is_skipped() {
            return;
        }
    };
}
pub(crate) use need_node;

/// Some events come in between the others and are left out unless asked for:
/// heartbeats of Primus, those of the protocol, and the upgrade of engine.io.
fn sort_of(event: &str) -> u8 {
    match event {
        "incoming::ping" | "incoming::pong" => 1,
        "pong" | "heartbeat" => 2,
        "upgrade" => 3,
        _ => 0,
    }
}

/// What a client told.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    client: u64,
    pub name: String,
    pub value: Value,
}

/// A Node.js process with clients in it.
pub struct Driver {
    process: Process,
    kind: Kind,
    /// Read, but not asked for yet.
    waiting: VecDeque<Event>,
    clients: u64,
    /// What else clients are created with; see `open`.
    pub socket: Value,
    pub options: Value,
    /// Whether messages are left out of the events.
    pub quiet: bool,
    /// Whether messages are told as Node.js shows them, types and all.
    pub inspects: bool,
}

impl Driver {
    /// Starts one.
    pub fn start(kind: Kind) -> Driver {
        let script = node::project(kind.project).with_file_name("driver");
        let mut command = Command::new("node");
        command.arg(script).arg(kind.project);
        if kind.project == OWN {
            static LIBRARIES: OnceLock<PathBuf> = OnceLock::new();
            command.env("PRIMUS_LIBRARY", LIBRARIES.get_or_init(libraries::save_all));
        }
        let process = Process::spawn(&mut command);
        let mut driver = Driver {
            process,
            kind,
            waiting: VecDeque::new(),
            clients: 0,
            socket: json!({}),
            options: json!({"reconnect": {"min": 20, "max": 500, "retries": 60}}),
            quiet: false,
            inspects: false,
        };
        driver.expect(0, "ready");
        driver
    }

    /// The process, to be stopped and continued.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Creates a client, which connects at once. `writes` is written before it
    /// can be open.
    pub fn open_with(&mut self, url: &str, writes: &[Value]) -> u64 {
        self.clients += 1;
        let client = self.clients;
        let socket = self.socket_options();
        self.command(json!({
            "command": "open", "client": client, "url": url, "socket": socket,
            "transport": self.kind.transport, "options": self.options, "writes": writes, "quiet": self.quiet,
            "inspects": self.inspects,
        }));
        client
    }

    /// Creates a bare client of engine.io, which is no Primus client.
    pub fn engine(&mut self, url: &str, mut options: Value, writes: &[&str]) -> u64 {
        self.clients += 1;
        let client = self.clients;
        let (first, last) = (self.kind.first_transport(), self.kind.last_transport());
        options["transports"] = if first == last { json!([first]) } else { json!([first, last]) };
        self.command(json!({
            "command": "engine", "client": client, "url": url, "options": options,
            "writes": writes,
        }));
        client
    }

    /// Creates a bare client of sockjs, which is no Primus client, with the
    /// transport of its kind. It writes as soon as it is open.
    pub fn sockjs(&mut self, url: &str, mut options: Value, writes: &[&str]) -> u64 {
        self.clients += 1;
        let client = self.clients;
        if !self.kind.transport.is_empty() {
            options["transports"] = json!([self.kind.transport]);
        }
        self.command(json!({
            "command": "sockjs", "client": client, "url": url, "options": options,
            "writes": writes,
        }));
        client
    }

    /// Creates a bare client of browserchannel, which is no Primus client. What it
    /// writes goes with the request that opens its session.
    pub fn browserchannel(&mut self, url: &str, options: Value, writes: &[Value]) -> u64 {
        self.clients += 1;
        let client = self.clients;
        self.command(json!({
            "command": "browserchannel", "client": client, "url": url, "options": options,
            "writes": writes,
        }));
        client
    }

    /// Creates a client and waits until it is open.
    pub fn open(&mut self, url: &str) -> u64 {
        let client = self.open_with(url, &[]);
        self.expect(client, "open");
        client
    }

    /// Waits until a client that begins with polling has its websocket.
    pub fn upgraded(&mut self, client: u64) {
        if self.kind.transport == "upgrade" {
            assert_eq!(self.expect(client, "upgrade"), "websocket");
        }
    }

    /// The options of `Primus.createSocket`.
    pub fn socket_options(&self) -> Value {
        let mut socket = self.socket.clone();
        socket["transformer"] = json!(self.kind.transformer);
        socket
    }

    /// Has a client write a value.
    pub fn write(&mut self, client: u64, value: impl Into<Value>) {
        self.command(json!({"command": "write", "client": client, "value": value.into()}));
    }

    /// Has a client end.
    pub fn end(&mut self, client: u64) {
        self.command(json!({"command": "end", "client": client}));
    }

    /// Has it do something, see `driver/index.js`.
    pub fn command(&mut self, command: Value) {
        self.process.send(&command.to_string());
    }

    /// The id that the server has for a client.
    pub fn id(&mut self, client: u64) -> Value {
        self.command(json!({"command": "id", "client": client}));
        self.expect(client, "id")
    }

    /// What an HTTP request with Node's `fetch` is answered.
    pub fn fetch(&mut self, url: &str, options: Value) -> Value {
        self.command(json!({"command": "fetch", "url": url, "options": options}));
        self.expect(0, "fetch")
    }

    /// The next message of a client.
    #[track_caller]
    pub fn data(&mut self, client: u64) -> Value {
        self.expect(client, "data")
    }

    /// Whether messages of a client that is no Primus client are what Primus makes of
    /// values, and of what it says itself.
    #[track_caller]
    pub fn speaks_primus(&mut self, client: u64) {
        self.write(client, r#"{"a":[1,"é😀"]}"#);
        assert_eq!(self.data(client), r#"{"a":[1,"é😀"]}"#);
        self.write(client, r#""primus::id::""#);
        let told = self.data(client);
        let id = told.as_str().and_then(|text| text.strip_prefix(r#""primus::id::"#));
        self.write(client, r#""id""#);
        assert_eq!(id, self.data(client).as_str().and_then(|text| text.strip_prefix('"')));
    }

    /// The next event of a client of the same sort, which must be this one.
    #[track_caller]
    pub fn expect(&mut self, client: u64, name: &str) -> Value {
        let event = self.next(client, |event| sort_of(&event.name) == sort_of(name));
        assert_eq!(event.name, name, "{event:?}");
        event.value
    }

    /// The next events of a client, which must be these.
    #[track_caller]
    pub fn expect_all(&mut self, client: u64, names: &[&str]) {
        for name in names {
            self.expect(client, name);
        }
    }

    /// Skips the events of a client until this one. That it was upgraded can
    /// still be asked for.
    #[track_caller]
    pub fn skip_to(&mut self, client: u64, name: &str) -> Value {
        loop {
            let event = self.next(client, |event| event.name != "upgrade");
            if event.name == name {
                return event.value;
            }
        }
    }

    /// Whether a client has nothing to tell for a time, but of heartbeats and the like.
    pub fn is_quiet(&mut self, client: u64, time: Duration) -> bool {
        let end = Instant::now() + time;
        while let Some(line) =
            self.process.line_within(end.saturating_duration_since(Instant::now()))
        {
            self.waiting.push_back(parse(&line));
        }
        !self.waiting.iter().any(|e| e.client == client && sort_of(&e.name) == 0)
    }

    #[track_caller]
    fn next(&mut self, client: u64, wanted: impl Fn(&Event) -> bool) -> Event {
        let wanted = |event: &Event| event.client == client && wanted(event);
        if let Some(at) = self.waiting.iter().position(&wanted) {
            return self.waiting.remove(at).expect("it is there");
        }
        loop {
            let event = parse(&self.process.line());
            if wanted(&event) {
                return event;
            }
            self.waiting.push_back(event);
        }
    }
}

fn parse(line: &str) -> Event {
    let told: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    Event {
        client: told["client"].as_u64().expect("a client"),
        name: told["event"].as_str().expect("an event").to_owned(),
        value: told["value"].clone(),
    }
}
