//! Clients of every kind and age at one server, on one port, at the same time.

use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use primus::{Client, Destroy, Primus};
use serde_json::{Value, json};

use crate::driver::{Driver, HAPPN, Kind, OWN, V6, V6_WS1, V8, need_node};
use crate::node::{Process, TEST_TIMEOUT};
use crate::server::Server;

/// How many broadcasts each of two threads makes.
const EACH: usize = 20;

fn kinds() -> Vec<Kind> {
    vec![
        Kind { project: OWN, ..V8 },
        Kind::engine(OWN, "upgrade"),
        Kind::sockjs(OWN, "xhr-streaming"),
        V8,
        Kind { transformer: "faye", ..V8 },
        Kind::engine("client-v8", "upgrade"),
        Kind::sockjs("client-v8", "websocket"),
        Kind::sockjs("client-v8", "xhr-polling"),
        Kind { project: "client-v7", ..V8 },
        Kind::engine("client-v7", "polling"),
        Kind::sockjs("client-v7", "xhr-streaming"),
        V6,
        V6_WS1,
        Kind::engine("client-v6", "upgrade"),
        Kind::sockjs("client-v6", "xhr-polling"),
        Kind::engine("client-v5", "polling"),
        HAPPN,
        Kind::channel(OWN),
        Kind::channel("client-v8"),
        Kind::socket_io(OWN, "xhr-polling"),
        Kind::socket_io("client-v3", "websocket"),
        Kind::socket_io("client-v3", "xhr-polling"),
    ]
}

/// The transformers of clients in Rust.
const RUST: [&str; 6] = ["all", "websockets", "engine.io", "sockjs", "browserchannel", "socket.io"];

/// How many of these clients have come by each transformer; a page comes beside them.
const COME: [(&str, u64); 5] =
    [("browserchannel", 3), ("engine.io", 6), ("socket.io", 4), ("sockjs", 6), ("websockets", 9)];

/// Pages in Chromium, one for each transformer; none where the browser is left out.
struct Pages {
    process: Option<Process>,
    heard: Vec<Vec<(String, Value)>>,
}

impl Pages {
    fn open(url: &str) -> Pages {
        if std::env::var_os("PRIMUS_SKIP_BROWSER").is_some_and(|value| value == "1") {
            return Pages { process: None, heard: Vec::new() };
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crowd");
        std::fs::create_dir_all(&folder).unwrap();
        for (transformer, _) in COME {
            let primus = Primus::builder().transformer(transformer).build().unwrap();
            std::fs::write(folder.join(format!("{transformer}.js")), primus.library().as_bytes())
                .unwrap();
            primus.destroy(Destroy::default());
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/crowd.js");
        let process = Process::spawn(
            Command::new("node").arg(script).arg(url).arg(folder).args(COME.map(|(name, _)| name)),
        );
        Pages { process: Some(process), heard: COME.map(|_| Vec::new()).into() }
    }

    fn len(&self) -> usize {
        self.heard.len()
    }

    /// Waits until each has heard this event.
    fn until(&mut self, event: &str) {
        let has = |heard: &Vec<(String, Value)>| heard.iter().any(|(one, _)| one == event);
        while !self.heard.iter().all(has) {
            let process = self.process.as_ref().unwrap();
            let line = process.line_within(TEST_TIMEOUT).expect("a page says something");
            let (page, event, data): (usize, String, Value) = match serde_json::from_str(&line) {
                Ok(whole) => whole,
                Err(_) => {
                    let (page, event) = serde_json::from_str(&line).unwrap();
                    (page, event, Value::Null)
                }
            };
            self.heard[page].push((event, data));
        }
    }

    /// Each has heard these broadcasts, in this order, and what was its own.
    fn have_heard(&self, broadcasts: &[Value]) {
        for (page, heard) in self.heard.iter().enumerate() {
            let data = heard.iter().filter(|(event, _)| event == "data").map(|(_, data)| data);
            let (all, own): (Vec<_>, Vec<_>) = data.partition(|data| data.is_array());
            assert!(all.into_iter().eq(broadcasts), "{}", COME[page].0);
            assert_eq!(own, [&json!({ "mine": page }), &json!("kept"), &json!("the last")]);
        }
    }
}

fn server() -> primus::Builder {
    Primus::builder().transformer("all")
}

/// Two threads write to all at the same time.
fn broadcast(primus: &Primus) {
    let start = Barrier::new(2);
    thread::scope(|scope| {
        for writer in 0..2 {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                (0..EACH).for_each(|n| primus.write(&(writer, n)).unwrap());
            });
        }
    });
}

struct Crowd {
    nodes: Vec<(Driver, u64, Kind)>,
    rust: Vec<Client>,
}

impl Crowd {
    fn open(url: &str) -> Crowd {
        let open = |kind| {
            let mut node = Driver::start(kind);
            let client = node.open(url);
            (node, client, kind)
        };
        let connect = |transformer| {
            Client::builder(url).transformer(transformer).reconnect_min(SOON).connect().unwrap()
        };
        Crowd { nodes: kinds().into_iter().map(open).collect(), rust: RUST.map(connect).into() }
    }

    fn len(&self) -> usize {
        self.nodes.len() + self.rust.len()
    }

    /// Each says something of its own, which comes back.
    fn echoes(&mut self) {
        for (at, (node, client, kind)) in self.nodes.iter_mut().enumerate() {
            node.write(*client, json!({ "mine": at }));
            assert_eq!(node.data(*client), json!({ "mine": at }), "{kind:?}");
        }
        for (at, client) in self.rust.iter().enumerate() {
            client.write(&("rust", at)).unwrap();
            let (_, told): (String, usize) =
                client.recv_timeout(TEST_TIMEOUT).unwrap().parse().unwrap();
            assert_eq!(told, at);
        }
    }

    /// What each hears next.
    fn hear(&mut self, count: usize) -> Vec<(String, Vec<Value>)> {
        let mut all = Vec::new();
        for (node, client, kind) in &mut self.nodes {
            let heard = (0..count).map(|_| node.data(*client)).collect();
            all.push((format!("{kind:?}"), heard));
        }
        for (client, transformer) in self.rust.iter().zip(RUST) {
            let next =
                |_| -> (u32, usize) { client.recv_timeout(TEST_TIMEOUT).unwrap().parse().unwrap() };
            all.push((transformer.into(), (0..count).map(next).map(|two| json!(two)).collect()));
        }
        all
    }

    /// All hear the same broadcasts in the same order: these.
    fn hears_broadcasts(&mut self, primus: &Primus) -> Vec<Value> {
        broadcast(primus);
        let mut heard = self.hear(2 * EACH);
        let first = &heard[0].1;
        for (who, heard) in &heard {
            assert_eq!(heard, first, "{who}");
        }
        for writer in 0..2 {
            let own: Vec<_> = first.iter().filter(|told| told[0] == writer).collect();
            let made: Vec<_> = (0..EACH).map(|n| json!([writer, n])).collect();
            assert!(own.into_iter().eq(&made), "{first:?}");
        }
        heard.swap_remove(0).1
    }
}

const SOON: std::time::Duration = std::time::Duration::from_millis(20);

#[test]
fn clients_of_every_kind_and_age_share_a_server_a_restart_and_an_end() {
    need_node!();
    let server_before = Server::start(server());
    let address = server_before.address();
    let mut crowd = Crowd::open(&server_before.url());
    let mut pages = Pages::open(&server_before.url());
    for _ in 0..crowd.len() + pages.len() {
        server_before.spark();
    }
    crowd.echoes();
    pages.until("data");
    let mut broadcasts = crowd.hears_broadcasts(&server_before.primus);
    // None was taken for another.
    let counts = server_before.primus.metrics().connections;
    let page = u64::from(pages.len() > 0);
    for (name, come) in COME {
        assert_eq!(counts[name].now, come + page, "{name}");
    }
    for (node, client, _) in &mut crowd.nodes {
        node.upgraded(*client);
    }

    server_before.primus.destroy(Destroy::default().reconnect(true));
    for (node, client, _) in &mut crowd.nodes {
        node.skip_to(*client, "close");
        // Kept until the server is there again.
        node.write(*client, "kept");
    }
    pages.until("close");
    let server_after = Server::restart(server(), address);
    for _ in 0..crowd.len() + pages.len() {
        server_after.spark();
    }
    for (node, client, kind) in &mut crowd.nodes {
        node.skip_to(*client, "open");
        assert_eq!(node.data(*client), "kept", "{kind:?}");
    }
    crowd.echoes();
    broadcasts.extend(crowd.hears_broadcasts(&server_after.primus));

    server_after.primus.write("the last").unwrap();
    server_after.primus.destroy(Destroy::default().timeout(TEST_TIMEOUT / 4));
    for (node, client, kind) in &mut crowd.nodes {
        assert_eq!(node.data(*client), "the last", "{kind:?}");
        node.skip_to(*client, "end");
    }
    for client in &crowd.rust {
        assert_eq!(client.recv_timeout(TEST_TIMEOUT).unwrap().as_str(), Some("the last"));
        assert!(client.wait_end(TEST_TIMEOUT));
    }
    pages.until("end");
    pages.have_heard(&broadcasts);
}
