//! What becomes of a link when something happens to Redis.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use primus::Error;
use primus::link::{Batch, Keep, LinkState};

use super::*;
use crate::common::*;
use crate::server::Redis;

#[test]
fn a_redis_that_is_killed_and_started_again_is_found_again() {
    let Some(mut redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let states = states(&link);
    let complaints = Complaints::of(&link);
    let ear = Ear::new(&link, "a");
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    redis.stop();
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Down);
    ear.expect("Cut");
    complaints.expect("Redis at 127.0.0.1");
    wait_until("the link is down", || !link.is_connected());
    let set = |key: &str| Batch::new().cmd(&["SET", key, "v"]);
    wait_until("nothing is asked any more", || {
        matches!(link.post(set("dropped"), Keep::No), Err(Error::Unavailable(_)))
    });
    assert!(matches!(link.fetch(set("asked"), PATIENCE), Err(Error::Unavailable(_))));
    link.post(set("kept"), Keep::Yes).unwrap();
    let metrics = link.metrics();
    assert_eq!((metrics.queue_commands, metrics.connected_since), (1, None));
    redis.restart();
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    ear.expect("Back");
    assert_eq!(one(&link, &["GET", "kept"]).unwrap(), text("v"));
    assert_eq!(one(&link, &["EXISTS", "dropped", "asked"]).unwrap(), Reply::Int(0));
    link.publish("a", b"x".to_vec()).unwrap();
    ear.expect("a: x");
    assert_eq!(link.metrics().reconnects, 1);
}

#[test]
fn a_redis_that_hangs_is_noticed() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let ear = Ear::new(&link, "a");
    let states = states(&link);
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    let complaints = Complaints::of(&link);
    // While commands wait, and then while all is silent.
    for silent in [false, true] {
        redis.pause();
        let begun = Instant::now();
        if !silent {
            let answer = one(&link, &["PING"]);
            assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        }
        assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Down);
        let time = begun.elapsed();
        assert!(time < Duration::from_secs(4), "{time:?}");
        complaints.expect("within 700ms");
        ear.expect("Cut");
        redis.resume();
        assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
        ear.expect("Back");
    }
}

#[test]
fn each_connection_may_be_cut_for_itself() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let ear = Ear::new(&link, "a");
    let states = states(&link);
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    ear.expect("Cut");
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Down);
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    ear.expect("Back");
    redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Down);
    assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    link.publish("a", b"x".to_vec()).unwrap();
    // The subscription stood all the time.
    ear.expect("a: x");
}

/// Numbers are appended to a list that Redis keeps over its restarts: each is there,
/// and the first time that it is, it comes after all before it.
#[test]
fn what_is_kept_keeps_its_order_over_twenty_restarts() {
    let Some(mut redis) = Redis::with(&["--appendonly", "yes", "--appendfsync", "always"]) else {
        return;
    };
    let link = connected(&redis.url());
    let over = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                let batch = Batch::new().cmd(&["RPUSH", "list", &number.to_string()]);
                link.post(batch, Keep::Yes).unwrap();
                number += 1;
                if number % 5 == 0 {
                    crate::common::pause(Duration::from_millis(1));
                }
            }
            number
        });
        for round in 0..20 {
            wait_until("the link is up", || link.is_connected());
            // At various moments of its work.
            crate::common::pause(Duration::from_millis(7 * (round % 5)));
            redis.restart();
        }
        over.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    assert!(link.wait_connected(PATIENCE));
    wait_for("queue", 0, || link.metrics().queue_commands);
    let mut seen = HashSet::new();
    let list = redis.cli(&["LRANGE", "list", "0", "-1"]);
    let numbers = list.lines().map(|line| line.parse::<usize>().unwrap());
    let first: Vec<_> = numbers.filter(|&number| seen.insert(number)).collect();
    assert!(first.is_sorted(), "out of order");
    assert_eq!(first.len(), sent, "of so many");
    assert_eq!((link.metrics().dropped, link.metrics().reconnects >= 20), (0, true));
}

#[test]
fn a_full_redis_refuses_and_the_link_goes_on() {
    let options = ["--maxmemory", "1mb", "--maxmemory-policy", "noeviction"];
    let Some(redis) = Redis::with(&options) else { return };
    let link = connected(&redis.url());
    let ear = Ear::new(&link, "a");
    let complaints = Complaints::of(&link);
    for number in 0..200 {
        let key = format!("key{number}");
        let batch = Batch::new().cmd(&["SET", &key, &"x".repeat(20_000)]);
        link.post(batch, Keep::Yes).unwrap();
    }
    let error = complaints.expect("OOM");
    assert!(error.contains("(SET)"), "{error}");
    assert!(matches!(one(&link, &["SET", "k", "v"]), Ok(Reply::ServerError(_))));
    // Publishing needs no room.
    link.publish("a", b"x".to_vec()).unwrap();
    ear.expect("a: x");
    let metrics = link.metrics();
    assert!(metrics.connected && metrics.refused > 10 && metrics.dropped == 0, "{metrics:?}");
    // A flood of the same is told a few times, and counted.
    assert!(complaints.0.try_iter().count() < 20);
}

#[test]
fn a_subscriber_that_falls_behind_hears_that_it_was_cut() {
    let limit = ["--client-output-buffer-limit", "pubsub 256kb 128kb 1"];
    let Some(redis) = Redis::with(&limit) else { return };
    let (reader, writer) = (connected(&redis.url()), connected(&redis.url()));
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let _slow = reader.subscribe("slow", move |heard| {
        if matches!(heard, primus::link::Heard::Message { .. }) {
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        }
    });
    let ear = Ear::new(&reader, "a");
    wait_until("both stand", || redis.cli(&["PUBSUB", "NUMSUB", "slow"]).ends_with('1'));
    writer.publish("slow", vec![]).unwrap();
    wait_until("it is thrown out", || {
        for _ in 0..50 {
            // What its own queue does not take is not needed.
            let _ = writer.publish("a", vec![b'x'; 50_000]);
        }
        crate::common::pause(Duration::from_millis(5));
        redis.cli(&["PUBSUB", "NUMSUB", "slow"]).ends_with('0')
    });
    drop(let_go);
    while ear.next() != "Cut" {}
    ear.expect("Back");
    wait_for("queue", 0, || writer.metrics().queue_commands);
    writer.publish("a", b"after".to_vec()).unwrap();
    while ear.next() != "a: after" {}
}
