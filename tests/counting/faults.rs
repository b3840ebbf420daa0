//! Faults of the wire at random, for days, and what they leave behind.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use primus::testing::{Link, pair_with};

use crate::common::descriptors;
use crate::common::kit::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![random_faults_lose_nothing_that_had_a_connection,];

/// The threads of servers, clients and links.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("primus")).collect()
}

/// What one direction of the soak has seen.
#[derive(Default)]
struct Seen(Mutex<HashSet<u64>>);

impl Seen {
    /// Nothing comes twice; within a connection nothing is left out.
    fn take(&self, number: u64, before: &mut Option<u64>) {
        assert!(self.0.lock().unwrap().insert(number), "{number} came twice");
        if let Some(before) = before.replace(number) {
            assert_eq!(number, before + 1, "lost within a connection");
        }
    }

    fn has(&self, number: u64) -> bool {
        self.0.lock().unwrap().contains(&number)
    }
}

/// One fault, drawn at random, and its end.
fn fault(link: &Link, random: &mut fastrand::Rng) {
    let lane = if random.bool() { link.up() } else { link.down() };
    match random.u32(..10) {
        0 => link.cut(),
        1 => link.reset(),
        2 => lane.cut_after(random.u64(..2_000)),
        3 => lane.hold(),
        4 => lane.split(random.usize(1..20)),
        5 => link.refuse(true),
        6 => lane.delay(ms(random.u64(..300))),
        7 => link.black_hole(),
        _ => link.heal(),
    }
}

/// Writes from both sides through random faults, until hours have passed.
fn soak(server: &Echo, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (up, down) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
    let failed = Arc::new(Mutex::new(None));
    let seen = up.clone();
    let note = failed.clone();
    server.primus.on_connection(move |spark| {
        let (seen, first, note) = (seen.clone(), Mutex::new(None), note.clone());
        spark.on_error(move |_, error| *note.lock().unwrap() = Some(error.to_string()));
        spark.on_data(move |_, message| -> primus::Result<()> {
            seen.take(message.parse()?, &mut first.lock().unwrap());
            Ok(())
        });
    });
    let (seen, note) = (down.clone(), failed.clone());
    let retries = |client: primus::ClientBuilder| {
        client.reconnect_retries(None).reconnect_max(secs(30)).reconnect_seed(seed)
    };
    let pair = pair_with(&server.primus, retries, |client| {
        let first = Arc::new(Mutex::new(None));
        let reset = first.clone();
        client.on_close(move |_, _| *reset.lock().unwrap() = None);
        client.on_error(move |_, error| *note.lock().unwrap() = Some(error.to_string()));
        client.on_data(move |_, message| -> primus::Result<()> {
            seen.take(message.parse()?, &mut first.lock().unwrap());
            Ok(())
        });
    })
    .unwrap();
    let (mut written, mut pushed) = (0, 0);
    for _ in 0..150 {
        for _ in 0..random.u32(..20) {
            written += 1;
            // A message that is torn by the end of its connection is lost, and
            // the writer told.
            let _ = pair.client().write(&written);
            pushed += 1;
            server.primus.write(&pushed).unwrap();
        }
        fault(pair.link(), &mut random);
        pair.advance(ms(random.u64(..20_000))).unwrap();
        assert_eq!(*failed.lock().unwrap(), None, "seed {seed}");
    }
    pair.link().heal();
    for _ in 0..3 {
        pair.advance(secs(120)).unwrap();
    }
    let spark = pair.spark().unwrap();
    assert_eq!(server.primus.connected(), 1, "seed {seed}");
    // On a sound connection everything arrives.
    let numbers = (written + 1..=written + 100, pushed + 1..=pushed + 100);
    for (up, down) in numbers.0.clone().zip(numbers.1.clone()) {
        pair.client().write(&up).unwrap();
        server.primus.write(&down).unwrap();
    }
    eventually("the last", || up.has(written + 100) && down.has(pushed + 100));
    assert!(numbers.0.into_iter().all(|number| up.has(number)), "seed {seed}");
    assert!(numbers.1.into_iter().all(|number| down.has(number)), "seed {seed}");
    assert_eq!(pair.spark().unwrap(), spark);
    assert_eq!(*failed.lock().unwrap(), None, "seed {seed}");
    pair.client().end();
    assert!(pair.client().wait_end(SOON));
}

fn random_faults_lose_nothing_that_had_a_connection() {
    eventually("no threads", || threads().is_empty());
    let before = descriptors();
    for seed in 0..4 {
        soak(&plain(|builder| builder), seed);
    }
    eventually("the threads are gone", || threads().is_empty());
    eventually("the descriptors are closed", || descriptors() <= before);
}
