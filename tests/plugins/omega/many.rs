//! Many servers, many calls, and the connections that are kept between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use primus::plugins::omega::{PrimusForward, To};
use primus::{ManualClock, Primus};

use super::stub::{Stub, sent};
use super::*;

#[test]
fn a_hundred_servers_are_asked_a_few_at_a_time() {
    const AT_MOST: usize = 7;
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = (under_way, most.clone());
    let stub = Stub::start(move |_| {
        let now = counts.0.fetch_add(1, Ordering::SeqCst) + 1;
        counts.1.fetch_max(now, Ordering::SeqCst);
        crate::common::pause(Duration::from_millis(20));
        counts.0.fetch_sub(1, Ordering::SeqCst);
        (sent(1).into_bytes(), true)
    });
    let port = stub.addr.port();
    let urls: Vec<_> = (1..=100).map(|n| format!("http://127.0.0.{n}:{port}")).collect();
    let here = serving("here", Primus::builder(), omega().concurrently(AT_MOST));
    let done = here.primus.forward(&urls, "x", To::All).unwrap();
    assert!(done.is_complete(), "{done:?}");
    assert_eq!((done.remote, done.taken.len()), (100, 100));
    assert!(done.taken.iter().zip(&urls).all(|((taken, _), url)| taken == url));
    assert_eq!(most.load(Ordering::SeqCst), AT_MOST);
    assert_eq!((stub.connections(), stub.requests().len()), (100, 100));
    let done = here.primus.forward(&urls, "again", To::All).unwrap();
    assert_eq!((done.remote, stub.connections()), (100, 100));
}

#[test]
fn the_slow_ones_do_not_hold_the_others_up() {
    let slow = Stub::start(|_| {
        crate::common::pause(Duration::from_secs(2));
        (sent(1).into_bytes(), false)
    });
    let quick = Stub::saying(&sent(1), true);
    let mut urls = vec![slow.url(); 3];
    urls.extend(vec![quick.url(); 50]);
    let omega = omega().concurrently(4).timeout(Duration::from_millis(500));
    let here = serving("here", Primus::builder(), omega);
    let done = here.primus.forward(&urls, "x", To::All).unwrap();
    assert_eq!((done.remote, done.failed.len()), (50, 3));
    assert!(quick.connections() < 3, "{}", quick.connections());
}

#[test]
fn connections_are_kept_used_again_and_ended() {
    let clock = ManualClock::new();
    let stub = Stub::saying(&sent(1), true);
    let here = serving("here", Primus::builder().clock(&clock), omega());
    for _ in 0..10 {
        assert_eq!(here.primus.forward([stub.url()], "x", "id").unwrap().remote, 1);
    }
    assert_eq!((stub.connections(), stub.open()), (1, 1));
    // Of those to one server not all are kept.
    let all = vec![stub.url(); 20];
    assert_eq!(here.primus.forward(&all, "x", "id").unwrap().remote, 20);
    wait_until("some are ended", || stub.open() <= 4);
    assert!(here.primus.plugout("omega"));
    wait_for("all are ended", 0, || stub.open());
    here.primus.add_plugin(omega()).unwrap();
    assert_eq!(here.primus.forward([stub.url()], "x", "id").unwrap().remote, 1);
    here.destroy();
    wait_for("all are ended", 0, || stub.open());
}

#[test]
fn connections_that_have_rested_long_enough_are_ended() {
    let clock = ManualClock::new();
    // A second before the server would do so.
    let stub = Stub::saying(&sent(1).replace("timeout=60", "timeout=2"), true);
    let here = serving("here", Primus::builder().clock(&clock), omega());
    assert_eq!(here.primus.forward([stub.url()], "x", "id").unwrap().remote, 1);
    assert_eq!(stub.open(), 1);
    wait_until("it is ended", || {
        clock.advance(Duration::from_secs(5));
        stub.open() == 0
    });
    assert_eq!(here.primus.forward([stub.url()], "x", "id").unwrap().remote, 1);
    assert_eq!(stub.connections(), 2);
}

#[test]
fn a_kept_connection_that_the_server_ends_is_not_used() {
    // It promises to keep it, and does not.
    let liar = Stub::saying(&sent(1), false);
    let here = serving("here", Primus::builder(), omega());
    for n in 1..=20 {
        let done = here.primus.forward([liar.url()], "x", "id").unwrap();
        assert_eq!(done.remote, 1, "{done:?}");
        wait_for("it has ended it", 0, || liar.open());
        assert_eq!((liar.requests().len(), liar.connections()), (n, n));
    }
}

#[test]
fn what_a_server_has_taken_is_not_sent_again() {
    let count = AtomicUsize::new(0);
    // It ends the connection with the second request, unanswered.
    let stub = Stub::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => (sent(1).into_bytes(), true),
        _ => (Vec::new(), false),
    });
    let here = serving("here", Primus::builder(), omega());
    assert_eq!(here.primus.forward([stub.url()], "x", "id").unwrap().remote, 1);
    let done = here.primus.forward([stub.url()], "x", "id").unwrap();
    assert_eq!((done.remote, done.failed.len()), (0, 1));
    assert_eq!((stub.requests().len(), stub.connections()), (2, 1));
}

#[test]
fn many_threads_forward_at_the_same_time_also_to_themselves() {
    let [here, there] = ["here", "there"].map(|name| serving(name, Primus::builder(), omega()));
    let mut peers = clients(&there, 1);
    let urls = [&here, &there].map(|server| format!("http://{}", server.addr));
    thread::scope(|scope| {
        for thread in 0..8 {
            let (here, urls) = (&here.primus, &urls);
            scope.spawn(move || {
                for n in 0..25 {
                    let done = here.forward(urls, &(thread, n), To::All).unwrap();
                    assert_eq!((done.total(), done.is_complete()), (1, true), "{done:?}");
                }
            });
        }
    });
    let mut next = [0; 8];
    for _ in 0..200 {
        let (thread, n): (usize, u32) = serde_json::from_str(&peers[0].expect_text()).unwrap();
        // Each call returns when it is written: those of one thread are in order.
        assert_eq!(n, next[thread]);
        next[thread] += 1;
    }
}

#[test]
fn a_listener_may_forward_to_its_own_server() {
    let server = server();
    let url = format!("http://{}", server.addr);
    server.primus.on_connection(move |spark| {
        let url = url.clone();
        spark.on_data(move |spark, message| -> primus::Result<()> {
            let done = spark.primus().forward([&url], message.value(), "spark-9")?;
            spark.write(&(done.total(), done.is_complete()))?;
            Ok(())
        });
    });
    let mut peer = clients(&server, 1).remove(0);
    peer.text("1");
    assert_eq!(peer.expect_text(), "[0,true]");
}
