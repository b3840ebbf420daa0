//! Beside servers in JavaScript that Redis joins: what they publish and keep, as recorded
//! from them, and what ours do with it.

mod node;
mod primus_cluster;
mod redis_rooms;
mod rooms_adapter;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use primus::link::{Heard, Subscription};
use primus::plugins::rooms::SparkRooms;
use primus::{Builder, RedisLink};
use serde_json::Value as Json;

use crate::common::{PATIENCE, Peer, Server, wait_until};
use crate::server::Redis;

/// A server whose sparks are called `s1-1`, `s1-2`, … by its number, and join the rooms that
/// their address names.
fn server(number: usize, builder: Builder) -> Server {
    let count = AtomicUsize::new(0);
    let id = move |_: &_| format!("s{number}-{}", 1 + count.fetch_add(1, Ordering::Relaxed));
    let server = Server::start(builder.id_generator(id));
    server.primus.on_connection(|spark| {
        let rooms = spark.query_param("rooms").unwrap_or_default();
        spark.join_all(rooms.split(',').filter(|room| !room.is_empty())).map(drop)
    });
    server
}

/// A client in these rooms, when it is in them.
fn come(server: &Server, rooms: &str) -> Peer {
    let before = server.primus.connected();
    let peer = Peer::open_with(server.addr, &format!("/primus?rooms={rooms}"), "");
    wait_until("the spark is in its rooms", || {
        let mut there = 0;
        server.primus.for_each(|spark| {
            there += usize::from(rooms.is_empty() || !spark.rooms().is_empty());
        });
        there > before
    });
    peer
}

/// A link that is up.
fn link(redis: &Redis) -> RedisLink {
    let link = RedisLink::open(&redis.url()).expect("a link");
    assert!(link.wait_connected(PATIENCE), "Redis is not reached");
    link
}

/// One that soon gives up a Redis that hangs.
fn hasty(redis: &Redis) -> RedisLink {
    let soon = Duration::from_millis(200);
    let link = RedisLink::builder(&redis.url()).response_timeout(soon).ping_interval(soon).open();
    let link = link.expect("a link");
    assert!(link.wait_connected(PATIENCE), "Redis is not reached");
    link
}

/// What is written meanwhile is under way when the link breaks: Redis reads it, and gets it
/// again on the next connection.
fn under_way(redis: &Redis, hasty: &RedisLink, write: impl FnOnce()) {
    redis.pause();
    write();
    wait_until("the link is down", || !hasty.is_connected());
    redis.resume();
    wait_until("all is sent", || hasty.is_connected() && hasty.metrics().queue_commands == 0);
}

/// All that is published on channels like this one.
fn listen(link: &RedisLink, pattern: &str) -> (Receiver<(String, String)>, Subscription) {
    let (tell, told) = channel();
    let (stands, standing) = channel();
    let subscription = link.psubscribe(pattern, move |heard| match heard {
        Heard::Message { channel, payload } => {
            let text = String::from_utf8_lossy(payload).into_owned();
            let _ = tell.send((channel.to_owned(), text));
        }
        Heard::Back => drop(stands.send(())),
        Heard::Cut => {}
    });
    standing.recv_timeout(PATIENCE).expect("a subscription");
    (told, subscription)
}

/// Waits until so many connections have subscribed.
fn heard_by(redis: &Redis, count: usize) {
    wait_until("the servers listen", || {
        let clients = redis.lines(&["CLIENT", "LIST", "TYPE", "pubsub"]);
        let silent = |line: &&String| line.contains(" sub=0 ") && line.contains(" psub=0 ");
        clients.iter().filter(|line| !line.is_empty() && !silent(line)).count() >= count
    });
}

/// The recording of a plugin.
fn recorded(name: &str) -> Json {
    let path = format!("{}/tests/vectors/plugins/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a recording")).expect("JSON")
}

/// What was published in a recording, in order: channel and message.
fn published(name: &str) -> Vec<(String, String)> {
    let commands = recorded(name);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let commands = commands.as_array().expect("a list").iter().map(|entry| &entry["cmd"]);
    commands.filter(|cmd| cmd[0] == "publish").map(|cmd| (text(&cmd[1]), text(&cmd[2]))).collect()
}

/// The members of a set, in order.
fn members(redis: &Redis, key: &str) -> Vec<String> {
    redis.lines(&["SMEMBERS", key])
}
