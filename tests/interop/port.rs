//! Clients of every kind and age at one server, on one port, at the same time.

use std::sync::Barrier;
use std::thread;

use primus::{Client, Destroy, Primus};
use serde_json::{Value, json};

use crate::driver::{Driver, HAPPN, Kind, OWN, V6, V6_WS1, V8, need_node};
use crate::node::TEST_TIMEOUT;
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

/// How many of them have come by each.
const COME: [(&str, u64); 5] =
    [("browserchannel", 3), ("engine.io", 6), ("socket.io", 4), ("sockjs", 6), ("websockets", 9)];

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

    /// All hear the same broadcasts in the same order.
    fn hears_broadcasts(&mut self, primus: &Primus) {
        broadcast(primus);
        let heard = self.hear(2 * EACH);
        let (_, first) = &heard[0];
        for (who, heard) in &heard {
            assert_eq!(heard, first, "{who}");
        }
        for writer in 0..2 {
            let own: Vec<_> = first.iter().filter(|told| told[0] == writer).collect();
            let made: Vec<_> = (0..EACH).map(|n| json!([writer, n])).collect();
            assert!(own.into_iter().eq(&made), "{first:?}");
        }
    }
}

const SOON: std::time::Duration = std::time::Duration::from_millis(20);

#[test]
fn clients_of_every_kind_and_age_share_a_server_a_restart_and_an_end() {
    need_node!();
    let server_before = Server::start(server());
    let address = server_before.address();
    let mut crowd = Crowd::open(&server_before.url());
    for _ in 0..crowd.len() {
        server_before.spark();
    }
    crowd.echoes();
    crowd.hears_broadcasts(&server_before.primus);
    // None was taken for another.
    let counts = server_before.primus.metrics().connections;
    let now = COME.map(|(name, _)| (name, counts[name].now));
    assert_eq!(now, COME);
    for (node, client, _) in &mut crowd.nodes {
        node.upgraded(*client);
    }

    server_before.primus.destroy(Destroy::default().reconnect(true));
    for (node, client, _) in &mut crowd.nodes {
        node.skip_to(*client, "close");
        // Kept until the server is there again.
        node.write(*client, "kept");
    }
    let server_after = Server::restart(server(), address);
    for _ in 0..crowd.len() {
        server_after.spark();
    }
    for (node, client, kind) in &mut crowd.nodes {
        node.skip_to(*client, "open");
        assert_eq!(node.data(*client), "kept", "{kind:?}");
    }
    crowd.echoes();
    crowd.hears_broadcasts(&server_after.primus);

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
}
