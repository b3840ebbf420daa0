//! Messages for one connection, wherever it is.

use std::time::Instant;

use primus::plugins::PrimusCluster;
use primus::{EndOptions, Error};

use super::*;

#[test]
fn a_spark_is_written_to_wherever_it_is() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut a, _) = one.come("a", &[]);
    let (mut b, _) = two.come("b", &[]);
    let (mut c, _) = two.come("c", &[]);
    let primus = one.primus();
    wait_for("b is known", true, || primus.cluster_spark("b").unwrap().is_some());
    wait_for("c is known", true, || primus.cluster_spark("c").unwrap().is_some());
    assert!(primus.write_spark("a", "here").unwrap());
    assert!(primus.write_spark("b", "there").unwrap());
    assert!(!primus.write_spark("nobody", "nowhere").unwrap());
    let reached = primus.write_sparks(["c", "nobody", "a", "b"], &7).unwrap();
    assert_eq!(reached.absent, ["nobody"]);
    assert_eq!(reached.there.len(), 3, "{reached:?}");
    assert!(reached.failed.is_empty());
    assert_eq!(texts(&mut a, 2), [r#""here""#, "7"]);
    assert_eq!(texts(&mut b, 2), [r#""there""#, "7"]);
    assert_eq!(texts(&mut c, 1), ["7"]);
    // In a listener, too.
    let (asks, asked) = crossbeam_channel::unbounded();
    one.primus().spark("a").unwrap().on_data(move |spark, message| {
        let there = spark.primus().write_spark("b", message.value());
        asks.send(there.unwrap()).unwrap();
    });
    a.text("\"from a\"");
    assert!(asked.recv_timeout(crate::common::PATIENCE).unwrap());
    assert_eq!(b.expect_text(), r#""from a""#);
    assert_eq!(two.cluster.status().asked, 3);
}

#[test]
fn a_spark_is_ended_wherever_it_is() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut b, _) = two.come("b", &[]);
    let primus = one.primus();
    wait_for("it is known", true, || primus.cluster_spark("b").unwrap().is_some());
    assert!(primus.end_spark("b", EndOptions::default()).unwrap());
    b.expect_close_after_goodbye();
    wait_for("it is gone", false, || primus.end_spark("b", EndOptions::default()).unwrap());
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_no_longer_than_told() {
    let Some(redis) = Redis::start() else { return };
    let patience = std::time::Duration::from_millis(300);
    let one = Member::with(&redis, |cluster| cluster.timeout(patience));
    let primus = one.primus();
    // Somebody who hears what is said to it, and never answers.
    redis.cli(&["HSET", "metroplex:sparks", "far", "http://far"]);
    let error = primus.write_spark("far", "x").unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    let deaf = RedisLink::open(&redis.url()).unwrap();
    redis.cli(&["SET", "metroplex:http://far:boot", "process"]);
    let channel = "metroplex:bus:http://far:process";
    let _hears = deaf.subscribe(channel, |_| {});
    wait_until("it hears", || {
        redis.lines(&["PUBSUB", "NUMSUB", channel]).contains(&"1".to_owned())
    });
    let start = Instant::now();
    let error = primus.write_spark("far", "x").unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert!(start.elapsed() >= patience);
    assert_eq!(one.cluster.status().asking, 0);
    // It was here, as far as the registry knows.
    redis.cli(&["HSET", "metroplex:sparks", "ghost", &one.address()]);
    assert!(!primus.write_spark("ghost", "x").unwrap());
    let reached = primus.write_sparks(["far", "ghost"], "x").unwrap();
    assert_eq!((reached.absent.len(), reached.failed.len()), (1, 1));
    assert_eq!(reached.failed[0].server, "http://far");
}
