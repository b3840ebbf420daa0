//! What a JavaScript server with primus-rooms wrote, from this server.

use primus::Value;
use primus::plugins::rooms::{PrimusRooms, SparkRooms};

use super::{come, sorted, with_rooms};
use crate::common::Peer;

/// The frames that a connection got.
fn recorded(file: &str, connection: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/plugins/primus-rooms");
    let text = std::fs::read_to_string(format!("{folder}/{file}.json")).expect(file);
    let frames: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let of_it = frames.as_array().expect("frames").iter().filter(|frame| {
        assert_eq!(frame["dir"].as_str(), Some("s2c"));
        frame.get("conn").is_none_or(|conn| conn.as_str() == Some(connection))
    });
    of_it.map(|frame| frame["text"].as_str().expect("a text").to_owned()).collect()
}

/// Those, and nothing else.
fn expect(peer: &mut Peer, expected: &[String]) {
    for text in expected {
        assert_eq!(peer.expect_text(), *text);
    }
    assert!(peer.is_silent(std::time::Duration::from_millis(20)));
}

#[test]
fn basic() {
    let server = with_rooms();
    let primus = &server.primus;
    let (mut a, spark_a) = come(&server, "spark-a");
    let (mut b, spark_b) = come(&server, "spark-b");
    let (mut c, spark_c) = come(&server, "spark-c");
    spark_a.join("news").unwrap();
    spark_b.join_all("news sport".split(' ')).unwrap();
    spark_c.join_all(["sport", &40.to_string()]).unwrap();

    primus.room("news").write("1 from a.room(news).write (the sender gets it too)").unwrap();
    primus.room("news").except(&spark_a).write("2 except a").unwrap();
    primus.room("sport").write(&Value::from_iter([("n", Value::from(3))])).unwrap();
    let both = primus.room(["news", "sport"]);
    both.write("4 union, once each").unwrap();
    both.clone().except(["spark-a", "spark-c"]).write("5 except string list").unwrap();
    primus.room("40").write("7 numeric room").unwrap();
    assert_eq!(sorted(primus.room_names()), ["40", "news", "sport"]);
    assert_eq!(spark_a.rooms(), ["news"]);
    assert_eq!(sorted(spark_b.rooms()), ["news", "sport"]);
    assert_eq!(primus.room("news").ids().unwrap(), ["spark-a", "spark-b"]);
    assert!(!primus.room("news").is_empty() && primus.room("zzz").is_empty());
    assert!(spark_b.leave("news"));
    primus.room("news").write("8 b has left news").unwrap();
    assert!(!spark_b.leave("not-joined"));
    assert_eq!((spark_b.leave_all(), spark_b.leave_all()), (1, 0));
    assert_eq!(primus.room("sport").empty(), 1);
    assert_eq!(spark_c.rooms(), ["40"]);

    expect(&mut a, &recorded("basic", "a"));
    expect(&mut b, &recorded("basic", "b"));
    expect(&mut c, &recorded("basic", "c"));
}

/// But for the two in which something else than `*` stands for other text.
#[test]
fn wildcard() {
    let server = with_rooms();
    let primus = &server.primus;
    let (mut a, spark_a) = come(&server, "spark-a");
    let (mut b, spark_b) = come(&server, "spark-b");
    let (mut c, spark_c) = come(&server, "spark-c");
    spark_a.join("user:*").unwrap();
    spark_b.join("user:*:*").unwrap();
    spark_c.join("user:*:*:123").unwrap();
    let write = |room: &str, text| {
        primus.room(room).write(text).unwrap();
    };
    write("user:jb:abc:123", "1");
    write("user:x", "2");
    write("user:x:y", "3");
    write("user:*", "4 literal pattern name");
    write("other", "5");
    spark_a.join("re.gex*").unwrap();
    spark_b.join("a+*").unwrap();
    write("reXgexfoo", "6 dot is a regex dot");
    write("aaab", "7 plus is a regex plus");
    assert!(primus.room("user:jb:abc:123").is_empty());
    assert!(spark_a.leave("user:*"));
    assert_eq!(spark_a.rooms(), ["re.gex*"]);
    spark_a.join("bad(*").unwrap();
    write("bad", "harmless");

    for (peer, name) in [(&mut a, "a"), (&mut b, "b"), (&mut c, "c")] {
        let mut texts = recorded("wildcard", name);
        let all = texts.len();
        texts.retain(|text| !text.contains("is a regex"));
        assert_eq!(texts.len() + usize::from(name != "c"), all);
        expect(peer, &texts);
    }
}

#[test]
fn emitter_and_transform() {
    let server = with_rooms();
    let primus = &server.primus;
    let (mut a, spark_a) = come(&server, "spark-a");
    let (mut b, spark_b) = come(&server, "spark-b");
    primus.join([&spark_a, &spark_b], "r");
    let event = |args: Vec<Value>| {
        let data: Value = [Value::from("hi")].into_iter().chain(args).collect();
        Value::from_iter([("type", Value::from(0)), ("data", data)])
    };
    let one = |key: &str, value: Value| Value::from_iter([(key, value)]);
    let room = primus.room("r");
    room.write(&event(vec![one("n", 1.into()), 2.into()])).unwrap();
    room.write("w").unwrap();
    let to_a = room.clone().with(|spark, _| {
        let to = event(vec![one("to", spark.id().into())]);
        (spark.id() == "spark-a").then_some(to)
    });
    to_a.write("replaced").unwrap();
    room.clone().with(|_, value| Some(one("changed", value))).write("z").unwrap();
    let to_b = room.clone().with(|spark, value| {
        let text = format!("{} {}", value.as_str()?, spark.id());
        (spark.id() == "spark-b").then(|| text.into())
    });
    to_b.write("async").unwrap();
    primus.any_room().write("no room: all sparks that are in some room").unwrap();
    primus.any_room().except(&spark_b).write("a.except(b).write").unwrap();

    expect(&mut a, &recorded("emitter-and-transform", "a"));
    expect(&mut b, &recorded("emitter-and-transform", "b"));
}

#[test]
fn with_primus_emit() {
    let server = with_rooms();
    let (mut a, spark) = come(&server, "spark-a");
    spark.join("r").unwrap();
    let args: Value = [Value::from("hi"), Value::from(1)].into_iter().collect();
    server.primus.room("r").write(&Value::from_iter([("emit", args)])).unwrap();
    expect(&mut a, &recorded("with-primus-emit", "a"));
}
