//! Channels that a user of Redis's may not hear.

use super::*;
use crate::common::wait_for;
use crate::server::Redis;

/// A Redis with a user who may hear nothing but these channels, and its URL.
fn with_user(channels: &[&str]) -> Option<(Redis, String)> {
    let redis = Redis::start()?;
    let user = ["ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~*", "resetchannels"];
    redis.cli(&[&user[..], channels].concat());
    let url = redis.url_as("ann:secret");
    Some((redis, url))
}

/// So many replies were errors, of which each time that a channel is asked for is one.
fn wait_for_refusals(link: &RedisLink, count: u64) {
    let before = link.metrics().refused;
    crate::common::wait_until("it is asked for again", || link.metrics().refused >= before + count);
}

fn ear(link: &RedisLink, channel: &str) -> Ear {
    let (tell, heard) = channel_of_texts();
    Ear { subscription: link.subscribe(channel, told(tell)), heard }
}

fn channel_of_texts() -> (Sender<String>, Receiver<String>) {
    std::sync::mpsc::channel()
}

#[test]
fn one_that_is_refused_is_told_once_and_holds_nobody_up() {
    let Some((redis, url)) = with_user(&["&good"]) else { return };
    let link = quick(&url).open().unwrap();
    let (states, complaints) = (states(&link), Complaints::of(&link));
    let (bad, good) = (ear(&link, "bad"), ear(&link, "good"));
    assert_eq!(states.recv_timeout(PATIENCE), Ok(LinkState::Up));
    complaints.expect("subscriptions: \"bad\": Redis: NOPERM");
    good.expect("Back");
    wait_for_refusals(&link, 3);
    // The others go on, those that come later too.
    let late = Ear::new(&link, "good");
    link.publish("good", b"x".to_vec()).unwrap();
    good.expect("good: x");
    late.expect("good: x");
    assert!(good.subscription.stands() && !good.subscription.is_refused());
    assert!(!bad.subscription.stands() && bad.subscription.is_refused());
    let metrics = link.metrics();
    assert!(metrics.connected && metrics.errors == 1, "{metrics:?}");
    assert_eq!((metrics.subscriptions, metrics.subscriptions_refused), (3, 1));
    // Nor is it told again on the next connection, which is up as well.
    redis.cli(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    good.expect("Cut");
    good.expect("Back");
    wait_for("refused", 1, || link.metrics().subscriptions_refused);
    assert!(link.wait_connected(PATIENCE));
    wait_for_refusals(&link, 3);
    assert_eq!(states.try_iter().collect::<Vec<_>>(), [LinkState::Down, LinkState::Up]);
    let others: Vec<_> = complaints.0.try_iter().filter(|one| one.contains("bad")).collect();
    assert!(others.is_empty(), "{others:?}");
    assert!(bad.heard.try_recv().is_err(), "there was nothing to hear of it");
}

#[test]
fn one_that_is_granted_stands_and_one_that_is_taken_away_is_told() {
    let Some((redis, url)) = with_user(&[]) else { return };
    let link = quick(&url).open().unwrap();
    let complaints = Complaints::of(&link);
    let ear = ear(&link, "a");
    complaints.expect("subscriptions: \"a\": Redis: NOPERM");
    assert!(link.wait_connected(PATIENCE));
    redis.cli(&["ACL", "SETUSER", "ann", "&a"]);
    ear.expect("Back");
    assert!(ear.subscription.stands());
    wait_for("refused", 0, || link.metrics().subscriptions_refused);
    link.publish("a", b"x".to_vec()).unwrap();
    ear.expect("a: x");
    // Redis throws those off who hear what they may not hear any more.
    redis.cli(&["ACL", "SETUSER", "ann", "resetchannels"]);
    ear.expect("Cut");
    complaints.expect("subscriptions: \"a\": Redis: NOPERM");
    wait_for("refused", 1, || link.metrics().subscriptions_refused);
    redis.cli(&["ACL", "SETUSER", "ann", "&a"]);
    ear.expect("Back");
}

#[test]
fn several_are_all_told_however_close_they_follow() {
    let Some((_redis, url)) = with_user(&["&good"]) else { return };
    let link = quick(&url).open().unwrap();
    let complaints = Complaints::of(&link);
    let _one = link.subscribe("one", |_| ());
    complaints.expect("subscriptions: \"one\": Redis: NOPERM");
    // Within the second in which the like of it is not told again.
    let _two = link.psubscribe("two*", |_| ());
    complaints.expect("subscriptions: \"one\", pattern \"two*\": Redis: NOPERM");
    wait_for_refusals(&link, 4);
    assert!(complaints.0.try_recv().is_err());
}
