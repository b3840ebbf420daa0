//! What was recorded of npm metroplex: the same scenario leaves the same in Redis.

use std::collections::BTreeMap;

use super::*;
use serde_json::Value as Json;

const STATE: &str = include_str!("../../vectors/plugins/metroplex/redis-state.json");
const COMMANDS: &str = include_str!("../../vectors/plugins/metroplex/redis-commands.json");
const CRASH: &str = include_str!("../../vectors/plugins/metroplex/redis-crash-cleanup.json");

/// Two servers with the addresses of the recording, and its clients.
fn scenario(redis: &Redis) -> (Server, Server, Vec<Client>) {
    let at = |name: &str, port: u16| {
        let address = format!("http://127.0.0.1:{port}");
        let server = Server::begin(&redis.url(), name, |plugin| plugin.address(&address));
        server.registers();
        server
    };
    let (first, second) = (at("s1:-spark", 8081), at("s2:-spark", 8082));
    let mut clients = first.clients(2);
    clients.extend(second.clients(1));
    (first, second, clients)
}

/// All keys with type and content, those of ours alone left out; times are no part of it.
fn state(redis: &Redis) -> BTreeMap<String, Json> {
    let ours = |key: &String| !key.ends_with(":boot") && !key.ends_with(":rival");
    let keys = redis.lines(&["KEYS", "*"]).into_iter().filter(ours);
    let describe = |key: String| {
        let kind = redis.cli(&["TYPE", &key]);
        let value = match &*kind {
            "string" => Json::Null,
            "set" => redis.lines(&["SMEMBERS", &key]).into(),
            "hash" => redis.lines(&["HGETALL", &key]).into(),
            other => panic!("{key} is a {other}"),
        };
        (key, serde_json::json!({ "type": kind, "value": value }))
    };
    keys.map(describe).collect()
}

/// The recording in the same form.
fn recorded_state() -> BTreeMap<String, Json> {
    let recorded: BTreeMap<String, Json> = serde_json::from_str(STATE).unwrap();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        Json::from(list)
    };
    let plain = |entry: Json| {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let value = match &entry["value"] {
            Json::Array(list) => sorted(list.iter().map(text).collect()),
            Json::Object(map) => {
                sorted(map.iter().flat_map(|(id, at)| [id.clone(), text(at)]).collect())
            }
            _ => Json::Null,
        };
        serde_json::json!({ "type": entry["type"], "value": value })
    };
    recorded.into_iter().map(|(key, entry)| (key, plain(entry))).collect()
}

#[test]
fn two_servers_and_three_sparks_are_in_redis_as_they_were_recorded() {
    let Some(redis) = Redis::start() else { return };
    let (first, second, mut clients) = scenario(&redis);
    wait_for("the state", recorded_state(), || state(&redis));
    for server in [&first, &second] {
        let address = server.metroplex.own_address().unwrap();
        let key = format!("metroplex:{address}");
        let left: i64 = redis.cli(&["PTTL", &key]).parse().unwrap();
        assert!(left > 0 && left <= INTERVAL.as_millis() as i64, "{left}");
        let stamp: u128 = redis.cli(&["GET", &key]).parse().unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        assert!(stamp <= now && now - stamp < 60_000, "{stamp}");
    }
    for key in ["metroplex:servers", "metroplex:sparks", "metroplex:http://127.0.0.1:8081:sparks"] {
        assert_eq!(redis.cli(&["PTTL", key]), "-1", "{key}");
    }

    // As it is asked in the recording.
    let (one, two) = ("http://127.0.0.1:8081".to_owned(), "http://127.0.0.1:8082".to_owned());
    let Server { metroplex, .. } = &first;
    assert_eq!(metroplex.others().unwrap(), [&*two]);
    assert_eq!(metroplex.servers().unwrap(), [&*one, &*two]);
    assert_eq!(metroplex.spark("s2:-spark-1").unwrap(), Some(two.clone()));
    assert_eq!(metroplex.spark("zz").unwrap(), None);
    let places = metroplex.sparks(["s1:-spark-1", "zz", "s2:-spark-1"]).unwrap();
    assert_eq!(places, [Some(one), None, Some(two)]);
    assert_eq!(metroplex.sparks([""; 0]).unwrap(), []);
    let many = metroplex.sparks((0..2_500).map(|n| format!("s1:-spark-{n}"))).unwrap();
    assert_eq!(many.len(), 2_500);
    assert_eq!(many.iter().flatten().count(), 2);

    // A client leaves, then a server.
    clients.remove(1).end();
    wait_for("its set", vec!["s1:-spark-1".to_owned()], || {
        redis.lines(&["SMEMBERS", "metroplex:http://127.0.0.1:8081:sparks"])
    });
    second.primus.destroy(Default::default());
    assert_eq!(second.unregistered.recv_timeout(PATIENCE).unwrap(), "http://127.0.0.1:8082");
    let of_first = state(&redis);
    let keys: Vec<_> = of_first.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "metroplex:http://127.0.0.1:8081",
            "metroplex:http://127.0.0.1:8081:sparks",
            "metroplex:servers",
            "metroplex:sparks"
        ]
    );
    assert_eq!(
        of_first["metroplex:servers"]["value"],
        serde_json::json!(["http://127.0.0.1:8081"])
    );
    assert_eq!(
        of_first["metroplex:sparks"]["value"],
        serde_json::json!(["http://127.0.0.1:8081", "s1:-spark-1"])
    );
}

/// What npm's scripts and pipelines did to Redis, done by hand in the order recorded, ends
/// in the same state as ours; and what it left behind by a crash, ours cleans up.
#[test]
fn what_was_recorded_of_npm_is_understood() {
    let Some(redis) = Redis::start() else { return };
    let recorded: Vec<Json> = serde_json::from_str(COMMANDS).unwrap();
    for entry in &recorded {
        let cmd: Vec<_> = entry["cmd"].as_array().unwrap().iter().flat_map(Json::as_str).collect();
        if entry["step"].as_str().unwrap().starts_with("client b") {
            break;
        }
        if !["info", "evalsha", "multi", "exec"].contains(&cmd[0]) {
            redis.cli(&cmd);
        }
    }
    // An alive key of theirs that lasts for the test, and one of a server that was killed.
    redis.cli(&["PSETEX", "metroplex:http://127.0.0.1:8081", "60000", "1795244410919"]);
    redis.cli(&["DEL", "metroplex:http://127.0.0.1:8082"]);
    assert_eq!(redis.lines(&["SMEMBERS", "metroplex:servers"]).len(), 2);

    let ours = Server::start(&redis, "ours");
    assert_eq!(ours.unregistered.recv_timeout(PATIENCE).unwrap(), "http://127.0.0.1:8082");
    // All that the recorded clean-up touched is as it left it.
    let crash: Vec<Json> = serde_json::from_str(CRASH).unwrap();
    let deleted = crash.iter().filter(|entry| entry["from"] == "lua" && entry["cmd"][0] == "DEL");
    for entry in deleted {
        assert_eq!(redis.cli(&["EXISTS", entry["cmd"][1].as_str().unwrap()]), "0");
    }
    assert_eq!(ours.metroplex.spark("s2:-spark-1").unwrap(), None);
    assert_eq!(
        ours.metroplex.spark("s1:-spark-2").unwrap().as_deref(),
        Some("http://127.0.0.1:8081")
    );
    let mut expected = vec!["http://127.0.0.1:8081".to_owned(), ours.url.clone()];
    expected.sort();
    assert_eq!(servers(&redis), expected);
    ours.end(&redis);
}
