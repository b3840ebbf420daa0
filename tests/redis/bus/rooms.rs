//! How rooms are kept in Redis.

use super::*;

/// Signs of life that another server has heard, where nothing else is said.
fn ticks(heard_by: &Member) -> u64 {
    heard_by.cluster.status().received
}

#[test]
fn rooms_that_come_and_go_do_not_have_all_written_again() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (_peer, spark) = one.come("a", &["stays"]);
    wait_until("known", || two.primus().room("stays").ids().is_ok_and(|ids| ids == ["a"]));
    let (rewrites, start) = (one.cluster.status().rewrites, ticks(&two));
    for n in 0_i32.. {
        if ticks(&two) >= start + 4 {
            break;
        }
        // There is always one that Redis does not know yet.
        spark.join(format!("room {n}")).unwrap();
        spark.leave(format!("room {}", n - 20));
        crate::common::pause(Duration::from_millis(1));
        if n % 50 == 0 {
            assert_eq!(two.primus().room("stays").ids().unwrap(), ["a"]);
        }
    }
    assert_eq!(one.cluster.status().rewrites, rewrites);
    spark.leave_all();
    spark.join("stays").unwrap();
    wait_for("names", vec!["stays".to_owned()], || two.primus().cluster_room_names().unwrap());
}

#[test]
fn a_room_with_a_wrong_count_is_put_right_alone() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (_peers, _) = one.come("a", &["news", "sport"]);
    let (_peer, _) = one.come("b", &["news"]);
    let ids = |room: &str| two.primus().room(room).ids().unwrap();
    let both = ["a", "b"].map(str::to_owned).to_vec();
    wait_for("members", both.clone(), || ids("news"));
    let rewrites = one.cluster.status().rewrites;
    let key = |rest: &str| format!("metroplex:{}:{rest}", one.address());
    redis.cli(&["SADD", &key("room:news"), "ghost"]);
    wait_for("members", both.clone(), || ids("news"));
    redis.cli(&["SREM", &key("room:news"), "a"]);
    wait_for("members", both, || ids("news"));
    // A name too many, and one too few.
    redis.cli(&["SREM", &key("rooms"), "sport"]);
    redis.cli(&["SADD", &key("rooms"), "nothing", "nothing else"]);
    let names = || two.primus().cluster_room_names().unwrap();
    wait_for("names", vec!["news".to_owned(), "sport".to_owned()], names);
    let status = one.cluster.status();
    assert_eq!(status.rewrites, rewrites, "{status}");
    assert!(status.mended >= 3, "{status}");
}

#[test]
fn all_rooms_are_asked_about_together() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let rooms: Vec<_> = (0..60).map(|n| format!("room {n}")).collect();
    let names: Vec<_> = rooms.iter().map(String::as_str).collect();
    let (_peer, _) = one.come("a", &names);
    wait_for("names", 60, || two.primus().cluster_room_names().unwrap().len());
    let asked = || {
        let stats = redis.cli(&["INFO", "commandstats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_sunion:calls="));
        line.map_or(0, |line| line.split(',').next().unwrap().parse::<u32>().unwrap())
    };
    let before = asked();
    assert_eq!(two.primus().any_room().ids().unwrap(), ["a"]);
    assert_eq!(asked() - before, 2);
}
