//! The share of the places that strangers have while one takes all it can.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::shares::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![others_are_served_while_one_opens_sessions_that_nobody_polls,];

/// A newcomer opens a session and has a message echoed.
fn is_served(server: &Server) -> Option<()> {
    let mut peer = server.connect();
    if !peer.try_send(polling("GET", "", "", "").as_bytes()) || peer.ends() {
        return None;
    }
    let answer = peer.read_response();
    let sid = answer.body.split("\"sid\":\"").nth(1)?.split('"').next()?.to_owned();
    let said = peer.ask(&polling("POST", &sid, "", "4\"hello\""));
    let got =
        if said.status == 200 { peer.ask(&polling("GET", &sid, "", "")).body } else { said.body };
    (got == "4\"hello\"").then(|| peer.ask(&polling("POST", &sid, "", "1"))).map(drop)
}

/// One connection opens sessions and never polls them. All come from the same
/// address, which has no limit of its own.
fn others_are_served_while_one_opens_sessions_that_nobody_polls() {
    let server = engine(|limits| limits.connections = Some(60));
    let mut old = server.connect();
    let sid = stay(&mut old, "").unwrap();
    let (over, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut flood = server.connect();
    let mut step = || {
        opened.fetch_add(usize::from(open(&mut flood, "").is_ok()), Ordering::Relaxed);
    };
    // All places are taken before the first newcomer.
    wait_until("all places are taken", || {
        step();
        opened.load(Ordering::Relaxed) > 80
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                step();
                crate::common::pause(Duration::from_millis(10));
            }
        });
        let newcomer = || {
            let start = Instant::now();
            wait_until("a newcomer is served", || is_served(&server).is_some());
            start.elapsed()
        };
        let mut times: Vec<_> = (0..20).map(|_| newcomer()).collect();
        wait_until("the attack goes on", || opened.load(Ordering::Relaxed) > 120);
        times.push(newcomer());
        over.store(true, Ordering::Relaxed);
        times.sort();
        assert!(times[10] < Duration::from_secs(1), "{times:?}");
    });
    // Who was there before is there still.
    assert_eq!(old.ask(&polling("GET", &sid, "", "")).body, "4\"x\"");
    assert!(server.primus.connected() <= 60);
    drop((flood, old));
}
