//! Fleets of theirs and ours: two servers in JavaScript with the npm package, two of ours.

use std::process::Command;

use primus::Client;
use primus::plugins::compat::{NpmCluster, NpmRedisRooms, NpmRoomsAdapter};
use primus::plugins::rooms::{PrimusRooms, Room};
use primus::plugins::{Metroplex, Omega, PrimusMetroplex, Rooms};
use primus::{Builder, Primus, RedisLink};
use serde_json::{Value as Json, json};

use super::{heard_by, link, server};
use crate::common::node::{self, Process};
use crate::common::{PATIENCE, Server, wait_until};
use crate::server::Redis;

const PASSWORD: &str = "a secret";

/// A server of theirs.
struct Node {
    process: Process,
    url: String,
}

impl Node {
    fn start(redis: &Redis, name: &str, mode: &str) -> Node {
        let mut command = Command::new("node");
        command.arg(node::project("node-server").join("rooms.js"));
        command.args([name, &redis.port().to_string(), mode, PASSWORD]);
        let process = Process::spawn(&mut command);
        let line = process.line();
        let url = line.strip_prefix("listening on ").expect("it tells where it listens").to_owned();
        Node { process, url }
    }

    fn write(&mut self, what: Json) {
        self.process.send(&what.to_string());
        assert_eq!(self.process.line(), "done");
    }
}

/// Two of theirs and two of ours, each with a client in `news` and one in `news` and `sport`.
struct Fleet {
    theirs: Vec<Node>,
    ours: Vec<Server>,
    /// Those in `news` alone, then those in both.
    news: Vec<Client>,
    both: Vec<Client>,
    _links: Vec<RedisLink>,
}

impl Fleet {
    fn start(redis: &Redis, mode: &str, with: impl Fn(&RedisLink) -> Builder) -> Fleet {
        let theirs: Vec<_> = ["n1", "n2"].map(|name| Node::start(redis, name, mode)).into();
        let links: Vec<_> = [1, 2].map(|_| link(redis)).into();
        let ours: Vec<_> = links.iter().zip(1..).map(|(link, n)| server(n, with(link))).collect();
        for server in &ours {
            server.primus.on_connection(|spark| spark.write("joined").map(drop));
        }
        let mut fleet = Fleet { theirs, ours, news: vec![], both: vec![], _links: links };
        for url in fleet.urls() {
            fleet.news.push(join(&url, "news"));
            fleet.both.push(join(&url, "news,sport"));
        }
        fleet
    }

    fn urls(&self) -> Vec<String> {
        let ours = self.ours.iter().map(|server| format!("http://{}", server.addr));
        self.theirs.iter().map(|node| node.url.clone()).chain(ours).collect()
    }

    /// Each of these gets this next, and once: what follows is something else.
    #[track_caller]
    fn get(clients: &[Client], expected: &str) {
        for client in clients {
            assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some(expected));
        }
    }

    #[track_caller]
    fn all_get(&self, expected: &str) {
        Self::get(&self.news, expected);
        Self::get(&self.both, expected);
    }

    /// All get this next but the first of theirs and the first of ours.
    #[track_caller]
    fn but_some_get(&self, expected: &str) {
        Self::get(&self.both, expected);
        Self::get(&self.news[1..2], expected);
        Self::get(&self.news[3..], expected);
    }

    /// Ours know who is in which room, theirs included.
    fn ours_know_all(&self) {
        let expect = |numbers: &[u8]| -> Vec<String> {
            let of = |server| numbers.iter().map(move |number| format!("{server}-{number}"));
            ["n1", "n2", "s1", "s2"].into_iter().flat_map(of).collect()
        };
        for server in &self.ours {
            let ids = |room: Room| room.ids().expect("ids");
            let primus = &server.primus;
            wait_until("all are known", || ids(primus.room("news")) == expect(&[1, 2]));
            wait_until("all are known", || ids(primus.room("sport")) == expect(&[2]));
            assert_eq!(ids(primus.room(["sport", "news", "other"])), expect(&[1, 2]));
            assert_eq!(ids(primus.any_room().except("n1-2")).len(), 7);
        }
    }

    /// One message to a room from each server, heard by all of its members.
    fn rooms_reach_all(&mut self) {
        for at in 0..2 {
            self.theirs[at].write(json!({ "rooms": ["news"], "write": format!("theirs {at}") }));
            self.all_get(&format!("theirs {at}"));
            self.ours[at].primus.room("news").write(&format!("ours {at}")).unwrap();
            self.all_get(&format!("ours {at}"));
            self.ours[at].primus.room("sport").write("sport").unwrap();
            Self::get(&self.both, "sport");
        }
    }
}

/// A client in these rooms, when it is in them.
fn join(url: &str, rooms: &str) -> Client {
    let client = Client::connect(&format!("{url}?rooms={rooms}")).unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("joined"));
    client
}

#[test]
fn primus_cluster_joins_both_kinds() {
    let Some(redis) = Redis::start() else { return };
    if node::is_skipped() {
        return;
    }
    let mut fleet = Fleet::start(&redis, "primus-cluster", |link| {
        let cluster = NpmCluster::new(link).store(true);
        Primus::builder().plugin(Rooms::new().store(cluster.rooms())).plugin(cluster)
    });
    heard_by(&redis, 4);
    fleet.rooms_reach_all();
    fleet.ours_know_all();
    for at in 0..2 {
        fleet.theirs[at].write(json!({ "write": "theirs to all" }));
        fleet.all_get("theirs to all");
        fleet.ours[at].primus.write("ours to all").unwrap();
        fleet.all_get("ours to all");
    }
    // Except: whoever is left out is on any server. Theirs get what is for two of their
    // rooms twice, from another server.
    let except = ["n1-1", "s1-1"];
    fleet.ours[1].primus.room("news").except(except).write("not to some").unwrap();
    fleet.but_some_get("not to some");
    fleet.theirs[1].write(json!({ "rooms": ["news"], "except": except, "write": "nor this" }));
    fleet.but_some_get("nor this");
    // Two rooms of one client: once at ours, whoever writes it.
    fleet.theirs[0].write(json!({ "rooms": ["news", "sport"], "write": "both" }));
    fleet.theirs[0].write(json!({ "write": "the end" }));
    for client in &fleet.both[2..] {
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("both"));
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("the end"));
    }
}

#[test]
fn the_adapter_joins_both_kinds() {
    let Some(redis) = Redis::start() else { return };
    if node::is_skipped() {
        return;
    }
    let with = |link: &RedisLink| {
        let adapter = NpmRoomsAdapter::new(link).forward(true);
        Primus::builder()
            .plugin(Omega::new("omega", PASSWORD))
            .plugin(Metroplex::new(link))
            .plugin(Rooms::new().store(adapter.rooms()))
            .plugin(adapter)
    };
    let mut fleet = Fleet::start(&redis, "primus-rooms-redis-adapter", with);
    let count = |command: &str, key: &str| redis.cli(&[command, key]).trim().to_owned();
    wait_until("all are known", || {
        count("HLEN", "metroplex:sparks") == "8" && count("SCARD", "bumblebee:rooms:news") == "8"
    });
    fleet.rooms_reach_all();
    fleet.ours_know_all();
    let except = ["n1-1", "s1-1"];
    let rooms = ["news", "sport"];
    fleet.ours[1].primus.room(rooms).except(except).write("once").unwrap();
    fleet.but_some_get("once");
    fleet.theirs[1].write(json!({ "rooms": rooms, "except": except, "write": "once more" }));
    fleet.but_some_get("once more");

    // Everybody, and some by their ids, wherever they are.
    fleet.ours[0].primus.forward_all("ours to all").unwrap();
    fleet.all_get("ours to all");
    fleet.theirs[0].write(json!({ "write": "theirs to all" }));
    fleet.all_get("theirs to all");
    let ids = ["n1-1", "n2-1", "s1-1", "s2-1"];
    fleet.ours[1].primus.forward_sparks(ids, "ours to some").unwrap();
    Fleet::get(&fleet.news, "ours to some");
    fleet.theirs[1].write(json!({ "ids": ids, "write": "theirs to some" }));
    Fleet::get(&fleet.news, "theirs to some");

    // One of each kind ends and another one comes; those who stay hear everything.
    let (theirs, ours) = (fleet.theirs.remove(0), fleet.ours.remove(0));
    let gone = [format!("http://{}", ours.addr), theirs.url.clone()];
    ours.primus.destroy(Default::default());
    drop(ours);
    drop(theirs);
    fleet.ours[0].primus.room("news").write("while they are away").unwrap();
    for clients in [&mut fleet.news, &mut fleet.both] {
        drop((clients.remove(2), clients.remove(0)));
        Fleet::get(clients, "while they are away");
    }
    fleet.theirs.push(Node::start(&redis, "n3", "primus-rooms-redis-adapter"));
    let link = link(&redis);
    fleet.ours.push(server(3, with(&link)));
    fleet.ours[1].primus.on_connection(|spark| spark.write("joined").map(drop));
    for url in [fleet.theirs[1].url.clone(), format!("http://{}", fleet.ours[1].addr)] {
        assert!(!gone.contains(&url));
        fleet.news.push(join(&url, "news"));
        fleet.both.push(join(&url, "news,sport"));
    }
    wait_until("the new ones are known", || {
        let known = redis.lines(&["HKEYS", "metroplex:sparks"]);
        ["n3-1", "n3-2", "s3-1", "s3-2"].iter().all(|id| known.iter().any(|one| one == id))
    });
    fleet.rooms_reach_all();
}

#[test]
fn redis_rooms_joins_both_kinds() {
    let Some(redis) = Redis::start() else { return };
    if node::is_skipped() {
        return;
    }
    let mut fleet = Fleet::start(&redis, "primus-redis-rooms", |link| {
        Primus::builder().plugin(Rooms::new().store(NpmRedisRooms::new(link)))
    });
    heard_by(&redis, 4);
    fleet.rooms_reach_all();
    // To any room: once to everybody here, and there for each room that is known here.
    fleet.ours[0].primus.any_room().write("any").unwrap();
    fleet.all_get("any");
    Fleet::get(&fleet.both[..2], "any");
    fleet.rooms_reach_all();
    // Those in JavaScript do not say who is there.
    assert!(fleet.ours[0].primus.room("news").ids().is_err());
}
