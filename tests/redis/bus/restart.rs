//! Two processes with one address, as for a moment at a restart.

use std::time::Instant;

use super::*;

const ADDRESS: &str = "http://127.0.0.1:1";

/// A process at that address, which does not notice of itself that another has it.
fn process(redis: &Redis) -> Member {
    let member = Member::of(&redis.url(), |metroplex| metroplex.address(ADDRESS), Cluster::new());
    wait_until("it joins", || member.cluster.is_joined());
    member
}

#[test]
fn the_rooms_of_the_second_are_left_alone_by_the_first() {
    let Some(redis) = Redis::start() else { return };
    let third = Member::start(&redis);
    let ids = || third.primus().room("news").ids().unwrap();
    let first = process(&redis);
    let (_peers, spark) = first.come("old", &["news", "other"]);
    wait_for("members", vec!["old".to_owned()], ids);
    let second = process(&redis);
    let (_peer, _) = second.come("new", &["news"]);
    wait_for("members", vec!["new".to_owned()], ids);
    // It writes what has changed, as it thinks.
    spark.leave("news");
    spark.join("more").unwrap();
    wait_for("changes", 0, || first.cluster.status().changes);
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(300) {
        assert_eq!(ids(), ["new"]);
    }
    // And it ends.
    first.server.destroy();
    assert_eq!(ids(), ["new"]);
    assert_eq!(third.primus().cluster_room_names().unwrap(), ["news"]);
    second.server.destroy();
    assert!(redis.lines(&["KEYS", &format!("*{ADDRESS}*")]).is_empty());
}

#[test]
fn of_two_with_one_address_the_one_answers_that_is_registered() {
    let Some(redis) = Redis::start() else { return };
    let third = Member::start(&redis);
    let first = process(&redis);
    let second = process(&redis);
    let (mut peer, _) = second.come("new", &[]);
    let (mut asked, _) = third.come("third", &[]);
    let primus = third.primus();
    wait_until("it is known", || primus.cluster_spark("new").unwrap().is_some());
    wait_until("it is known", || second.primus().cluster_spark("third").unwrap().is_some());
    for n in 0..50 {
        assert!(primus.write_spark("new", &n).unwrap(), "{n}");
        // Both ask, and have as many questions; each gets its own answers.
        assert!(second.primus().write_spark("third", &n).unwrap(), "{n}");
        assert!(first.primus().write_spark("third", &n).unwrap(), "{n}");
    }
    let expected: Vec<_> = (0..50).map(|n: i32| n.to_string()).collect();
    assert_eq!(texts(&mut peer, 50), expected);
    let expected: Vec<_> = expected.iter().flat_map(|n| [n.clone(), n.clone()]).collect();
    assert_eq!(texts(&mut asked, 100), expected);
    assert_eq!(first.cluster.status().asked, 0);
}

#[test]
fn a_server_that_is_started_anew_counts_once() {
    let Some(redis) = Redis::start() else { return };
    let third = Member::start(&redis);
    let (mut peer, _) = third.come("third", &[]);
    for _ in 0..3 {
        let process = process(&redis);
        process.primus().write("hello").unwrap();
        assert_eq!(peer.expect_text(), r#""hello""#);
        wait_for("servers", 1, || third.cluster.status().servers);
        process.server.destroy();
    }
}
