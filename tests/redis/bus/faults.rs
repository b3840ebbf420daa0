//! Redis goes, comes back, and hangs.

use super::*;

/// Of these messages the last ones have come, and the others are told to be missing.
fn the_last_came(one: &Member, two: &Member, there: &mut Peer, expected: &[String]) {
    one.primus().write("after").unwrap();
    let mut got = Vec::new();
    while got.last().is_none_or(|text| text != r#""after""#) {
        got.push(there.expect_text());
    }
    let (status, came) = (two.cluster.status(), got.len() - 1);
    assert_eq!(came + status.missed as usize, expected.len(), "{status}");
    assert_eq!(got[..came], expected[expected.len() - came..]);
}

#[test]
fn here_all_goes_on_and_what_was_queued_comes_when_redis_does() {
    let Some(mut redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut here, _) = one.come("here", &["news"]);
    let (mut there, spark) = two.come("there", &["news"]);
    one.primus().write("before").unwrap();
    assert_eq!(there.expect_text(), r#""before""#);
    redis.stop();
    wait_until("it is noticed", || !one.link.is_connected() && !two.link.is_connected());
    for n in 0..100 {
        one.primus().room("news").write(&n).unwrap();
    }
    spark.join("late").unwrap();
    let expected: Vec<_> = (0..100).map(|n: i32| n.to_string()).collect();
    assert_eq!(here.expect_text(), r#""before""#);
    assert_eq!(texts(&mut here, 100), expected);
    assert!(one.primus().write_spark("there", "x").is_err());
    assert!(one.primus().cluster_connected().is_err());
    assert!(one.primus().write_spark("here", "at once").unwrap());
    assert_eq!(here.expect_text(), r#""at once""#);
    redis.restart();
    joined(&[&one, &two]);
    // What was published before the other one heard again is lost, and missed.
    wait_until("the rooms are known", || {
        one.primus().room("late").ids().is_ok_and(|ids| ids == ["there"])
    });
    the_last_came(&one, &two, &mut there, &expected);
    assert!(one.primus().write_spark("there", "again").unwrap());
    assert_eq!(there.expect_text(), r#""again""#);
}

#[test]
fn a_redis_that_hangs_keeps_nobody_here() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut here, _) = one.come("here", &["news"]);
    let (mut there, _) = two.come("there", &["news"]);
    redis.pause();
    for n in 0..50 {
        one.primus().write(&n).unwrap();
        one.primus().room("news").write(&n).unwrap();
    }
    let expected: Vec<_> = (0..50).flat_map(|n: i32| [n.to_string(), n.to_string()]).collect();
    assert_eq!(texts(&mut here, 100), expected);
    assert!(one.primus().cluster_room_count("news").is_err());
    redis.resume();
    joined(&[&one, &two]);
    wait_until("the rooms are known", || {
        one.primus().cluster_room_count("news").is_ok_and(|count| count == 2)
    });
    the_last_came(&one, &two, &mut there, &expected);
}

#[test]
fn a_server_that_ends_without_redis_ends_soon() {
    let Some(mut redis) = Redis::start() else { return };
    let one = Member::start(&redis);
    let (_peer, _) = one.come("a", &["news"]);
    redis.stop();
    let start = std::time::Instant::now();
    one.server.destroy();
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_restart_in_mid_traffic_loses_nothing_unnoticed() {
    const COUNT: usize = 4_000;
    let Some(mut redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut here, _) = one.come("here", &["news"]);
    let (mut there, _) = two.come("there", &["news"]);
    one.primus().write("first").unwrap();
    assert_eq!(there.expect_text(), r#""first""#);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..COUNT {
                match n % 2 {
                    0 => one.primus().write(&n).map(|()| 1),
                    _ => one.primus().room("news").write(&n),
                }
                .unwrap();
                if n % 20 == 0 {
                    crate::common::pause(Duration::from_millis(2));
                }
            }
        });
        // Some have come when it goes, and some are still to be written.
        texts(&mut there, 100);
        redis.stop();
        redis.restart();
    });
    joined(&[&one, &two]);
    let expected: Vec<_> = (0..COUNT).map(|n| n.to_string()).collect();
    assert_eq!(here.expect_text(), r#""first""#);
    assert_eq!(texts(&mut here, COUNT), expected);
    // Heard when it is said that both hear again.
    wait_until("they hear each other", || one.primus().write_spark("there", "x").is_ok());
    one.primus().write("last").unwrap();
    let mut got = Vec::new();
    while got.last().is_none_or(|text| text != r#""last""#) {
        got.push(there.expect_text());
    }
    let numbers: Vec<usize> = got.iter().filter_map(|text| text.parse().ok()).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let status = two.cluster.status();
    assert_eq!(numbers.len() as u64 + 100 + status.missed, COUNT as u64, "{status}");
}
