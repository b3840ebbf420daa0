//! Very many sparks.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use primus::Primus;

use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![a_thousand_sparks_under_writes_and_broadcasts_lose_nothing,];

/// Reads the messages of one spark of the test below, checking their order.
fn check_spark(peer: &mut Peer, broadcasts: &mut Vec<u32>, total: usize, writers: usize) {
    let mut next = vec![0u32; writers];
    for _ in 0..total {
        let text = peer.expect_text();
        let message: (String, u32) = serde_json::from_str(&text).unwrap();
        match message.0.strip_prefix('w') {
            Some(writer) => {
                let next = &mut next[writer.parse::<usize>().unwrap()];
                assert_eq!(message.1, *next, "direct writes out of order");
                *next += 1;
            }
            None => broadcasts.push(message.0[1..].parse::<u32>().unwrap() << 16 | message.1),
        }
    }
}

fn a_thousand_sparks_under_writes_and_broadcasts_lose_nothing() {
    const SPARKS: usize = 1000;
    const WRITERS: usize = 3;
    const EACH: u32 = 5;
    const BROADCASTS: u32 = 10;
    let server = Server::start(Primus::builder());
    let mut peers: Vec<_> = (0..SPARKS).map(|_| server.open()).collect();
    wait_for("sparks", SPARKS, || server.primus.connected());
    let failed = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..WRITERS + 2)
        .map(|thread| {
            let (primus, failed) = (server.primus.clone(), failed.clone());
            std::thread::spawn(move || {
                let mut sparks = Vec::new();
                primus.for_each(|spark| sparks.push(spark.clone()));
                let writes = thread < WRITERS;
                for n in 0..if writes { EACH } else { BROADCASTS } {
                    let result = if writes {
                        sparks
                            .iter()
                            .try_for_each(|s| s.write(&(format!("w{thread}"), n)).map(drop))
                    } else {
                        primus.write(&(format!("b{thread}"), n))
                    };
                    failed.fetch_or(result.is_err(), SeqCst);
                }
            })
        })
        .collect();
    let total = WRITERS * EACH as usize + 2 * BROADCASTS as usize;
    let mut first: Option<Vec<u32>> = None;
    for peer in &mut peers {
        let mut broadcasts = Vec::new();
        check_spark(peer, &mut broadcasts, total, WRITERS);
        let first = first.get_or_insert_with(|| broadcasts.clone());
        assert_eq!(*first, broadcasts, "broadcasts in another order");
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(!failed.load(SeqCst));
    let expected = (SPARKS * total) as u64;
    wait_for("messages", expected, || server.primus.metrics().messages_out);
    // The order between one thread's broadcasts and its direct writes.
    let spark = server.primus.clone();
    let sent = AtomicUsize::new(0);
    spark.for_each_while(|spark| {
        spark.primus().write(&("b9", 1)).unwrap();
        spark.write(&("w0", EACH)).unwrap();
        spark.primus().write(&("b9", 2)).unwrap();
        sent.fetch_add(1, SeqCst) < 3
    });
    server.destroy();
}
