//! What a link does while all is well.

use std::sync::mpsc::channel;
use std::time::Duration;

use primus::link::{Batch, Heard, Keep, Script, refusal};
use primus::{Error, RedisLink};

use super::*;
use crate::common::*;
use crate::server::Redis;

#[test]
fn what_is_published_is_heard() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (connected(&redis.url()), connected(&redis.url()));
    let ears = [Ear::new(&one, "news"), Ear::new(&two, "news")];
    one.publish("news", b"first".to_vec()).unwrap();
    two.publish("news", b"".to_vec()).unwrap();
    for ear in &ears {
        let mut heard = [ear.next(), ear.next()];
        heard.sort();
        assert_eq!(heard, ["news: ", "news: first"]);
    }
    let metrics = one.metrics();
    assert!(metrics.connected && metrics.connected_since.is_some());
    assert_eq!((metrics.messages_received, metrics.subscriptions, metrics.reconnects), (2, 1, 0));
    assert_eq!((metrics.errors, metrics.last_error, metrics.dropped), (0, None, 0));
    // Redis tells the connections apart.
    let clients = redis.cli(&["CLIENT", "LIST"]);
    assert!(clients.contains("name=primus ") && clients.contains("name=primus-sub "), "{clients}");
}

#[test]
fn a_pattern_hears_many_channels() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let (tell, heard) = channel();
    let subscription = link.psubscribe("room:*", told(tell));
    let ear = Ear { heard, subscription };
    ear.expect("Back");
    for name in ["room:a", "other", "room:b"] {
        link.publish(name, b"x".to_vec()).unwrap();
    }
    ear.expect("room:a: x");
    ear.expect("room:b: x");
}

#[test]
fn a_subscription_ends_when_it_is_dropped_and_others_go_on() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let (stays, goes) = (Ear::new(&link, "a"), Ear::new(&link, "a"));
    assert_eq!(redis.cli(&["PUBSUB", "NUMSUB", "a"]), "a\n1");
    drop(goes.subscription);
    link.publish("a", b"1".to_vec()).unwrap();
    stays.expect("a: 1");
    assert!(goes.heard.recv().is_err(), "it heard");
    stays.subscription.remove();
    wait_for("subscribers", "a\n0".to_owned(), || redis.cli(&["PUBSUB", "NUMSUB", "a"]));
    assert_eq!(link.metrics().subscriptions, 0);
    // And again.
    Ear::new(&link, "a");
    assert!(link.is_connected());
}

#[test]
fn questions_are_answered_each_for_itself() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let batch = Batch::new().cmd(&["SET", "k", "v"]).cmd(&["INCR", "k"]).cmd(&["GET", "k"]);
    let replies = link.fetch(batch, PATIENCE).unwrap();
    assert_eq!((&replies[0], &replies[2]), (&Reply::Okay, &text("v")));
    let error = refusal(&replies[1]).expect("an error").to_string();
    assert!(error.starts_with("unavailable: Redis: ERR value is not an integer"), "{error}");
    assert_eq!(link.fetch(Batch::new(), PATIENCE).unwrap(), []);
    let (tell, told) = channel();
    link.ask(Batch::new().cmd(&["GET", "k"]), move |answer| {
        let _ = tell.send(answer.unwrap());
    });
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [text("v")]);
    redis.pause();
    let late = link.fetch(Batch::new().cmd(&["GET", "k"]), Duration::from_millis(1));
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    redis.resume();
}

#[test]
fn an_atomic_batch_is_done_as_a_whole_or_not_at_all() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let batch = Batch::new().cmd(&["INCR", "n"]).cmd(&["INCR", "n"]).atomic();
    assert_eq!(link.fetch(batch, PATIENCE).unwrap(), [Reply::Int(1), Reply::Int(2)]);
    let batch = Batch::new().cmd(&["INCR", "n"]).cmd(&["NOSUCH", "n"]).atomic();
    let error = link.fetch(batch, PATIENCE).unwrap_err().to_string();
    assert!(error.contains("unknown command") && error.contains("(NOSUCH)"), "{error}");
    assert_eq!(one(&link, &["GET", "n"]).unwrap(), text("2"));
}

static ADD: Script = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");

#[test]
fn scripts_run_also_after_redis_has_forgotten_them() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let add = || Batch::new().script(&ADD, &["n"], &["2"]);
    for n in [2, 4] {
        assert_eq!(link.fetch(add(), PATIENCE).unwrap(), [Reply::Int(n)]);
    }
    redis.cli(&["SCRIPT", "FLUSH"]);
    let batch = Batch::new().cmd(&["GET", "n"]).script(&ADD, &["n"], &["1"]).cmd(&["PING"]);
    let replies = link.fetch(batch, PATIENCE).unwrap();
    assert_eq!(replies[..2], [text("4"), Reply::Int(5)]);
    redis.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(link.fetch(add().atomic(), PATIENCE).unwrap(), [Reply::Int(7)]);
    assert_eq!(link.metrics().refused, 0);
}

#[test]
fn what_redis_refuses_of_a_post_is_told() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let complaints = Complaints::of(&link);
    redis.cli(&["SET", "k", "v"]);
    link.post(Batch::new().cmd(&["SADD", "k", "m"]), Keep::Yes).unwrap();
    let error = complaints.expect("WRONGTYPE");
    assert!(error.ends_with("(SADD)"), "{error}");
    let metrics = link.metrics();
    assert_eq!((metrics.refused, metrics.errors, metrics.last_error), (1, 1, Some(error)));
    assert!(link.is_connected());
}

#[test]
fn what_is_queued_is_sent_before_the_end() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    for _ in 0..1000 {
        link.post(Batch::new().cmd(&["INCR", "n"]), Keep::Yes).unwrap();
    }
    link.close(PATIENCE);
    assert_eq!(redis.cli(&["GET", "n"]), "1000");
    assert!(!link.is_connected() && !link.wait_connected(PATIENCE));
    assert!(matches!(link.publish("a", vec![]), Err(Error::Closed)));
    assert!(matches!(one(&link, &["PING"]), Err(Error::Closed)));
    wait_for("clients", String::new(), || {
        let clients = redis.cli(&["CLIENT", "LIST"]);
        clients.lines().filter(|line| line.contains("name=primus")).collect()
    });
    link.close(PATIENCE);
}

/// What the threads have is dropped with the last handle.
#[test]
fn the_threads_end_with_the_last_handle() {
    let Some(redis) = Redis::start() else { return };
    for stands in [true, false] {
        let url = if stands { redis.url() } else { "redis://127.0.0.1:1".into() };
        let link = quick(&url).open().unwrap();
        let kept = std::sync::Arc::new(());
        let (a, b, c) = (kept.clone(), kept.clone(), kept.clone());
        let subscription = link.subscribe("a", move |_: Heard<'_>| drop(a.clone()));
        link.on_state(move |_| drop(b.clone()));
        link.on_error(move |_| drop(c.clone()));
        if stands {
            assert!(link.wait_connected(PATIENCE));
        }
        let other = RedisLink::clone(&link);
        drop(link);
        assert_eq!(other.is_connected(), stands);
        drop(other);
        wait_until("the threads end", || std::sync::Arc::strong_count(&kept) == 1);
        drop(subscription);
    }
}
