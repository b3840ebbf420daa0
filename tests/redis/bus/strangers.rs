//! Whoever else publishes on the channels, and writes to the keys.

use std::sync::{Arc, Mutex};

use super::*;

const BUS: &str = "metroplex:bus";

#[test]
fn garbage_is_counted_and_does_no_harm() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut peer, _) = two.come("a", &["news"]);
    let stranger = RedisLink::open(&redis.url()).unwrap();
    assert!(stranger.wait_connected(crate::common::PATIENCE));
    let process = redis.cli(&["GET", &format!("metroplex:{}:boot", two.address())]);
    let own = format!("{BUS}:{}:{process}", two.address());
    let head = r#"{"v":1,"from":"x","boot":"b","seq":"#;
    let wrong = [
        "".to_owned(),
        "null".into(),
        "{".into(),
        "\u{0}\u{1}".into(),
        "[".repeat(100_000),
        format!(r#"{head}1,"kind":"all"}}"#),
        format!(r#"{head}-1,"kind":"alive"}}"#),
        format!(r#"{head}1,"kind":"rooms","rooms":"news","except":[],"data":[1]}}"#),
        format!(r#"{head}2,"kind":"got","ask":1,"got":[7]}}"#),
    ];
    let before = two.cluster.status().garbage;
    for text in &wrong {
        stranger.publish(BUS, text.clone().into_bytes()).unwrap();
        stranger.publish(&own, text.clone().into_bytes()).unwrap();
    }
    stranger.publish(BUS, vec![0xff, 0xfe]).unwrap();
    // Of later days.
    stranger.publish(BUS, br#"{"v":2,"kind":"all","data":[1]}"#.to_vec()).unwrap();
    let later = format!(r#"{head}1,"kind":"history"}}"#);
    stranger.publish(BUS, later.into_bytes()).unwrap();
    let expected = before + 2 * wrong.len() as u64 + 1;
    wait_for("garbage", expected, || two.cluster.status().garbage);
    wait_for("unknown", 2, || two.cluster.status().unknown);
    // Answers that nobody has asked for are nothing.
    let answer = format!(r#"{head}9,"kind":"got","ask":1,"got":[1]}}"#);
    stranger.publish(&own, answer.into_bytes()).unwrap();
    one.primus().room("news").write("still").unwrap();
    assert_eq!(peer.expect_text(), r#""still""#);
}

#[test]
fn what_is_published_twice_is_heard_once_and_gaps_are_told() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (mut peer, _) = two.come("a", &[]);
    let (missed, told) = crossbeam_channel::unbounded();
    two.cluster.on_missed(move |from, count| missed.send((from.to_owned(), count)).unwrap());
    let recorded: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let stranger = RedisLink::open(&redis.url()).unwrap();
    let kept = recorded.clone();
    let _hears = stranger.subscribe(BUS, move |heard| {
        if let primus::link::Heard::Message { payload, .. } = heard {
            kept.lock().unwrap().push(payload.to_vec());
        }
    });
    assert!(stranger.wait_connected(crate::common::PATIENCE));
    one.primus().write("first").unwrap();
    one.primus().write("second").unwrap();
    let is_data = |payload: &&Vec<u8>| String::from_utf8_lossy(payload).contains("\"data\"");
    wait_for("recorded", 2, || recorded.lock().unwrap().iter().filter(is_data).count());
    let recorded: Vec<_> = recorded.lock().unwrap().iter().filter(is_data).cloned().collect();
    for payload in recorded.iter().chain(&recorded) {
        stranger.publish(BUS, payload.clone()).unwrap();
    }
    wait_for("doubles", 4, || two.cluster.status().doubles);
    // One that skips numbers.
    let skips = String::from_utf8(recorded[1].clone()).unwrap();
    let skips = skips.replace("\"seq\":2,", "\"seq\":5,").replace("second", "fifth");
    stranger.publish(BUS, skips.into_bytes()).unwrap();
    assert_eq!(texts(&mut peer, 3), [r#""first""#, r#""second""#, r#""fifth""#]);
    let (from, count) = told.recv_timeout(crate::common::PATIENCE).unwrap();
    assert_eq!((from, count), (one.address(), 2));
    assert_eq!(two.cluster.status().missed, 2);
}

#[test]
fn keys_of_the_wrong_type_are_put_right_within_an_interval() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (Member::start(&redis), Member::start(&redis));
    let (_a, spark) = one.come("a", &["news", "sport"]);
    let ids = |room: &str| two.primus().room(room).ids();
    wait_until("known", || ids("news").is_ok_and(|ids| ids == ["a"]));
    let key = |rest: &str| format!("metroplex:{}:{rest}", one.address());
    redis.cli(&["SET", &key("room:news"), "x"]);
    redis.cli(&["DEL", &key("room:sport")]);
    assert!(ids("news").is_err());
    wait_until("put right", || ids("news").is_ok_and(|ids| ids == ["a"]));
    wait_until("put right", || ids("sport").is_ok_and(|ids| ids == ["a"]));
    redis.cli(&["SET", &key("rooms"), "x"]);
    spark.join("more").unwrap();
    let names = || two.primus().cluster_room_names();
    wait_until("put right", || names().is_ok_and(|names| names == ["more", "news", "sport"]));
    redis.cli(&["FLUSHALL"]);
    wait_until("put right", || ids("more").is_ok_and(|ids| ids == ["a"]));
    wait_until("put right", || names().is_ok_and(|names| names.len() == 3));
}
