//! What listeners may do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use primus::link::{Batch, Heard, Keep, LinkState};
use primus::{Error, RedisLink};

use super::*;
use crate::common::*;
use crate::server::Redis;

#[test]
fn a_listener_that_panics_ends_no_thread() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let complaints = Complaints::of(&link);
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let _bad = link.subscribe("a", move |heard: Heard<'_>| {
        if let Heard::Message { .. } = heard {
            count.fetch_add(1, Ordering::Relaxed);
            panic!("in hear");
        }
    });
    let good = Ear::new(&link, "a");
    link.on_error(|_| panic!("in on_error"));
    link.ask(Batch::new().cmd(&["PING"]), |_| panic!("in ask"));
    complaints.expect("in ask");
    for _ in 0..3 {
        link.publish("a", b"x".to_vec()).unwrap();
        good.expect("a: x");
    }
    wait_for("heard", 3, || heard.load(Ordering::Relaxed));
    link.on_state(|_| panic!("in on_state"));
    assert_eq!(one(&link, &["ECHO", "x"]).unwrap(), text("x"));
    assert!(link.is_connected());
    assert!(link.metrics().errors >= 4, "{:?}", link.metrics());
}

#[test]
fn listeners_may_call_everything_but_what_waits_for_themselves() {
    let Some(redis) = Redis::start() else { return };
    let own: Arc<OnceLock<RedisLink>> = Arc::default();
    let link = connected(&redis.url());
    own.set(link.clone()).unwrap();
    let (tell, told) = channel();
    let everything = {
        let own = own.clone();
        move |_: Heard<'_>| {
            let link = own.get().unwrap();
            let fetched = link.fetch(Batch::new().cmd(&["PING"]), PATIENCE);
            assert!(matches!(fetched, Err(Error::Misuse(_))), "{fetched:?}");
            assert!(link.wait_connected(PATIENCE));
            link.post(Batch::new().cmd(&["SET", "k", "v"]), Keep::No).unwrap();
            drop(link.subscribe("c", |_| ()));
            link.on_error(|_| ());
            link.on_state(|_| ());
            let tell = tell.clone();
            let own = own.clone();
            link.ask(Batch::new().cmd(&["GET", "k"]), move |answer| {
                assert!(own.get().unwrap().wait_connected(PATIENCE));
                let _ = tell.send(answer.unwrap());
            });
            let _ = link.metrics();
        }
    };
    let _subscription = link.subscribe("a", everything);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), [text("v")]);
    // One that ends the link does not wait for itself either.
    let ends = own.clone();
    link.ask(Batch::new().cmd(&["PING"]), move |_| ends.get().unwrap().close(PATIENCE));
    in_time("close", move || link.close(PATIENCE));
}

#[test]
fn one_that_comes_late_hears_that_the_link_is_up() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let (first, second) = (states(&link), states(&link));
    for states in [&first, &second] {
        assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Up);
    }
    link.close(PATIENCE);
    for states in [first, second] {
        assert_eq!(states.recv_timeout(PATIENCE).unwrap(), LinkState::Down);
        assert!(states.try_recv().is_err());
    }
}

/// A listener of errors may take locks that whoever posts holds.
#[test]
fn that_the_queue_is_full_is_told_on_a_thread_of_the_link() {
    let link = quick("redis://127.0.0.1:1").queue(1000).open().unwrap();
    let complaints = Complaints::of(&link);
    let (tell, told) = channel();
    link.on_error(move |error| {
        if error.to_string().contains("full") {
            let _ = tell.send(std::thread::current().id());
        }
    });
    let full = loop {
        match link.publish("a", vec![0; 100]) {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    let Error::Full { waiting, bound: 1000, cut: false } = full else { panic!("{full}") };
    assert!(waiting <= 1000 && waiting > 500, "{waiting}");
    complaints.expect("the queue is full; 1 commands were dropped so far");
    assert_ne!(told.recv_timeout(PATIENCE).unwrap(), std::thread::current().id());
    let metrics = link.metrics();
    assert_eq!((metrics.queue_bytes, metrics.dropped), (waiting, 1));
    assert!(metrics.queue_commands >= 3);
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let Some(redis) = Redis::start() else { return };
    let link = connected(&redis.url());
    let (tell, told) = channel();
    redis.pause();
    link.ask(Batch::new().cmd(&["PING"]), move |answer| {
        let _ = tell.send(answer);
    });
    let begun = Instant::now();
    link.close(Duration::from_millis(100));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(matches!(told.recv_timeout(PATIENCE).unwrap(), Err(Error::Closed)));
    // Nor for a listener that does not return.
    redis.resume();
    let link = connected(&redis.url());
    let (let_go, wait) = channel::<()>();
    link.ask(Batch::new().cmd(&["PING"]), move |_| {
        let _ = wait.recv_timeout(PATIENCE);
    });
    let begun = Instant::now();
    link.close(Duration::from_millis(100));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(let_go);
}
