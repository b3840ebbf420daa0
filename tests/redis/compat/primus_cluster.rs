//! `primus-cluster`.

use std::time::Duration;

use primus::plugins::compat::NpmCluster;
use primus::plugins::rooms::{PrimusRooms, RoomStore};
use primus::plugins::{Emitter, EmitterServerExt, Rooms};
use primus::{Primus, RedisLink, Value};
use serde_json::Value as Json;

use super::{come, hasty, heard_by, link, listen, members, published, recorded, server, under_way};
use crate::common::{PATIENCE, Server, wait_until};
use crate::server::Redis;

const CHANNEL: &str = "primus-cluster:pubsub";

fn joined(number: usize, cluster: NpmCluster) -> Server {
    let rooms = Rooms::new().store(cluster.rooms());
    server(number, Primus::builder().plugin(Emitter).plugin(rooms).plugin(cluster))
}

fn in_fleet(redis: &Redis, number: usize) -> (RedisLink, Server) {
    let link = link(redis);
    let server = joined(number, NpmCluster::new(&link));
    (link, server)
}

/// A message without the number of its server, and its own.
fn anonymous(text: &str) -> Json {
    let mut json: Json = serde_json::from_str(text).expect("JSON");
    let fields = json.as_object_mut().expect("an object");
    fields.remove("seq");
    let id = fields.remove("id");
    let id = id.and_then(|id| id.as_f64());
    assert!(id.is_some_and(|id| id > 0.0 && id < 1.0), "{text}");
    json
}

#[test]
fn what_is_published_is_what_was_recorded() {
    let Some(redis) = Redis::start() else { return };
    let (own, ours) = in_fleet(&redis, 1);
    let (told, _subscription) = listen(&own, "primus-cluster:*");
    let primus = &ours.primus;
    let object = Value::from([("all", Value::from(1))]);
    primus.write(&object).unwrap();
    primus.send_all("hi", ("there", 2)).unwrap();
    primus.room("news").write("to news").unwrap();
    primus.room(["news", "sport"]).except("s1-1").write("two rooms").unwrap();
    primus.room("news").send_all("hi", 1).unwrap();
    let recorded: Vec<Json> =
        published("primus-cluster/redis-commands").iter().map(|one| anonymous(&one.1)).collect();
    for (at, expected) in recorded.iter().take(5).enumerate() {
        let (channel, text) = told.recv_timeout(PATIENCE).expect("a message");
        assert_eq!(channel, CHANNEL);
        let ours = anonymous(&text);
        if expected["opts"]["method"] == "send" {
            // As the message that clients get, which a server without emitter can pass on.
            assert_eq!(ours["opts"]["method"], "write");
            let event = serde_json::json!([{ "type": 0, "data": expected["data"] }]);
            assert_eq!(ours["data"], event);
            continue;
        }
        assert_eq!(&ours, expected, "message {at}");
        if at == 0 {
            let id = text.find(",\"data\"").expect("the data");
            let rest = r#","data":[{"all":1}],"type":"primus","opts":{"method":"write"},"seq":1}"#;
            assert_eq!(&text[id..], rest, "in the order in which it was recorded, and numbered");
        }
    }
}

#[test]
fn recorded_messages_reach_clients_as_recorded() {
    let Some(redis) = Redis::start() else { return };
    let (own, ours) = in_fleet(&redis, 2);
    let mut client = come(&ours, "news,sport");
    heard_by(&redis, 1);
    for (channel, text) in published("primus-cluster/redis-commands") {
        own.publish(&channel, text.into_bytes()).unwrap();
    }
    // Client c of the recording, but for what it gets twice there, for its two rooms.
    let frames = recorded("primus-cluster/client-frames");
    let frames = frames.as_array().unwrap().iter().filter(|frame| frame["conn"] == "s2:c");
    let mut frames: Vec<&str> = frames.map(|frame| frame["text"].as_str().unwrap()).collect();
    let twice = frames.iter().filter(|text| **text == "\"two rooms\"").count();
    assert_eq!(twice, 2, "the recording has it twice");
    frames.dedup();
    // To everybody in any room, which reaches nobody there.
    frames.insert(frames.len() - 1, "\"no room given\"");
    for frame in frames {
        assert_eq!(client.expect_text(), frame);
    }
    ours.primus.write_here("the end").unwrap();
    assert_eq!(client.expect_text(), "\"the end\"");
}

#[test]
fn servers_reach_each_others_clients_once() {
    let Some(redis) = Redis::start() else { return };
    let (_one, first) = in_fleet(&redis, 1);
    let (_two, second) = in_fleet(&redis, 2);
    heard_by(&redis, 2);
    let mut a = come(&first, "news");
    let mut c = come(&second, "news,sport");
    first.primus.write("to all").unwrap();
    second.primus.room(["news", "sport"]).write("to two rooms").unwrap();
    first.primus.room("news").except("s2-1").write("not to c").unwrap();
    first.primus.write("last").unwrap();
    let seen = |peer: &mut crate::common::Peer, count| -> Vec<String> {
        (0..count).map(|_| peer.expect_text()).collect()
    };
    let (mut of_a, mut of_c) = (seen(&mut a, 4), seen(&mut c, 3));
    // What the second server writes may come anywhere among what the first does.
    let at = of_a.iter().position(|text| text == "\"to two rooms\"").expect("it came");
    of_a.remove(at);
    assert_eq!(of_a, ["\"to all\"", "\"not to c\"", "\"last\""]);
    let at = of_c.iter().position(|text| text == "\"to two rooms\"").expect("it came");
    of_c.remove(at);
    assert_eq!(of_c, ["\"to all\"", "\"last\""]);
}

#[test]
fn what_is_sent_again_is_heard_once() {
    let Some(redis) = Redis::start() else { return };
    let hasty = hasty(&redis);
    let first = joined(1, NpmCluster::new(&hasty));
    let (own, second) = in_fleet(&redis, 2);
    let (told, _subscription) = listen(&own, CHANNEL);
    let mut client = come(&second, "news");
    heard_by(&redis, 2);
    under_way(&redis, &hasty, || {
        first.primus.write("to all").unwrap();
        first.primus.room("news").write("to news").unwrap();
    });
    first.primus.write("last").unwrap();
    let mut texts = [client.expect_text(), client.expect_text()];
    texts.sort();
    assert_eq!(texts, ["\"to all\"", "\"to news\""]);
    assert_eq!(client.expect_text(), "\"last\"");
    let sent = (0..5).map(|_| told.recv_timeout(PATIENCE).expect("a message").1);
    let again = sent.filter(|text| text.contains("to news")).count();
    assert_eq!(again, 2, "it was published twice");
}

#[test]
fn what_is_no_message_disturbs_nobody() {
    let Some(redis) = Redis::start() else { return };
    let (own, ours) = in_fleet(&redis, 1);
    let mut client = come(&ours, "news");
    heard_by(&redis, 1);
    let deep = "[".repeat(100_000);
    for garbage in [
        "",
        "{",
        "null",
        "[]",
        "\u{0}",
        r#"{"id":null,"data":null,"type":null,"opts":null}"#,
        r#"{"id":0.1,"data":[1],"type":"constructor","opts":{"method":"write"}}"#,
        r#"{"id":0.1,"data":[1],"type":"primus","opts":{"method":"destroy"}}"#,
        r#"{"id":0.1,"data":[1],"type":"room","opts":{"method":"write","rooms":{"a":1}}}"#,
        &deep,
    ] {
        own.publish(CHANNEL, garbage.as_bytes().to_vec()).unwrap();
    }
    own.publish(CHANNEL, vec![0xff, 0xfe, 0x00]).unwrap();
    let right = r#"{"id":0.1,"data":["right"],"type":"primus","opts":{"method":"write"}}"#;
    own.publish(CHANNEL, right.into()).unwrap();
    assert_eq!(client.expect_text(), "\"right\"");
}

#[test]
fn members_are_kept_as_recorded_and_leave_nothing_behind() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (link(&redis), link(&redis));
    let [first, second] =
        [(1, &one), (2, &two)].map(|(n, link)| joined(n, NpmCluster::new(link).store(true)));
    let _a = come(&first, "news");
    let c = come(&second, "news,sport");
    let _b = come(&first, "sport");
    let state = recorded("primus-cluster/redis-state");
    let state = state.as_object().expect("keys");
    let generation = |key: &str| key.rsplit_once(':').map(|(name, _)| name.to_owned()).unwrap();
    let now = || -> Vec<String> { redis.lines(&["KEYS", "primus-cluster:*"]) };
    wait_until("all keys are there", || now().len() == state.len());
    for key in now() {
        let (_, expected) =
            state.iter().find(|(name, _)| generation(name) == generation(&key)).expect(&key);
        let expected: Vec<&str> =
            expected["members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        wait_until("the members are there", || members(&redis, &key) == expected);
        let ttl: u64 = redis.cli(&["TTL", &key]).trim().parse().unwrap();
        assert!((86_000..=86_400).contains(&ttl), "{key}: {ttl}");
    }
    let store = NpmCluster::new(&one).store(true).rooms();
    let known = |room: &str| {
        let mut ids = store.members(room).expect("members");
        ids.sort();
        ids
    };
    assert_eq!(known("news"), ["s1-1", "s2-1"]);
    // Of several rooms: each once, and none of those here.
    let rooms = ["news", "sport"].map(str::to_owned);
    assert_eq!(store.members_of(&rooms).unwrap(), ["s1-1", "s1-2", "s2-1"]);
    assert_eq!(first.primus.room(rooms).ids().unwrap(), ["s1-1", "s1-2", "s2-1"]);
    assert_eq!(second.primus.any_room().ids().unwrap(), ["s1-1", "s1-2", "s2-1"]);
    let mut names = store.names().unwrap();
    names.sort();
    assert_eq!(names, ["news", "sport"]);
    c.close();
    wait_until("its memberships are gone", || known("news") == ["s1-1"]);
    first.primus.destroy(Default::default());
    second.primus.destroy(Default::default());
    wait_until("nothing is left", || now().is_empty());
}

#[test]
fn members_are_written_again_when_redis_has_lost_them() {
    let Some(mut redis) = Redis::start() else { return };
    let link = link(&redis);
    let ours = joined(1, NpmCluster::new(&link).store(true));
    let mut client = come(&ours, "news");
    let kept = |redis: &Redis| !redis.lines(&["KEYS", "primus-cluster:room:news:*"]).is_empty();
    wait_until("it is kept", || kept(&redis));
    redis.stop();
    // Members here are reached all the same.
    wait_until("the link is down", || !link.is_connected());
    ours.primus.room("news").write("alone").unwrap();
    ours.primus.write("all alone").unwrap();
    assert_eq!(client.expect_text(), "\"alone\"");
    assert_eq!(client.expect_text(), "\"all alone\"");
    redis.restart();
    wait_until("it is kept again", || kept(&redis));
}

#[test]
fn memberships_outlive_their_time() {
    let Some(redis) = Redis::start() else { return };
    let link = link(&redis);
    let ttl = Duration::from_secs(2);
    let ours = joined(1, NpmCluster::new(&link).store(true).ttl(ttl));
    let _client = come(&ours, "news");
    let generations = || redis.lines(&["KEYS", "primus-cluster:room:news:*"]);
    wait_until("it is kept", || !generations().is_empty());
    let first = generations()[0].clone();
    wait_until("the first one has ended", || !generations().contains(&first));
    assert!(!generations().is_empty(), "and others have come");
}
