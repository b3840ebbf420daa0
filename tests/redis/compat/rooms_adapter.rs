//! `primus-rooms-redis-adapter`.

use std::time::Duration;

use primus::plugins::compat::NpmRoomsAdapter;
use primus::plugins::rooms::{PrimusRooms, RoomStore};
use primus::plugins::{Metroplex, Omega, Rooms};
use primus::{Destroy, Primus, RedisLink};

use super::{come, link, members, recorded, server};
use crate::common::{PATIENCE, Server, wait_until};
use crate::server::Redis;

fn in_fleet(redis: &Redis, number: usize) -> (RedisLink, Server) {
    let link = link(redis);
    let adapter = NpmRoomsAdapter::new(&link).forward(true);
    let builder = Primus::builder()
        .plugin(Omega::new("omega", "a secret"))
        .plugin(Metroplex::new(&link))
        .plugin(Rooms::new().store(adapter.rooms()))
        .plugin(adapter);
    (link, server(number, builder))
}

#[test]
fn members_are_kept_as_recorded_and_leave_nothing_behind() {
    let Some(redis) = Redis::start() else { return };
    let (one, first) = in_fleet(&redis, 1);
    let (_two, second) = in_fleet(&redis, 2);
    let (_a, _c, _b) = (come(&first, "news"), come(&second, "news,sport"), come(&first, "sport"));
    let state = recorded("primus-rooms-redis-adapter/redis-state");
    let state = state.as_object().expect("keys");
    for (key, expected) in state.iter().filter(|(key, _)| key.starts_with("bumblebee:")) {
        let expected: Vec<&str> =
            expected["v"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        wait_until("the members are there", || members(&redis, key) == expected);
        assert_eq!(redis.cli(&["TTL", key]).trim(), "-1", "{key}");
    }
    let store = NpmRoomsAdapter::new(&one).rooms();
    assert_eq!(store.members("news").unwrap(), ["s1-1", "s2-1"]);
    assert_eq!(store.names().unwrap(), ["news", "sport"]);
    // Of several rooms: each once.
    let rooms = ["news", "sport"].map(str::to_owned);
    assert_eq!(store.members_of(&rooms).unwrap(), ["s1-1", "s1-2", "s2-1"]);
    assert_eq!(first.primus.room(rooms).ids().unwrap(), ["s1-1", "s1-2", "s2-1"]);
    assert_eq!(second.primus.any_room().ids().unwrap(), ["s1-1", "s1-2", "s2-1"]);
    // Whom Redis still has, though it has left here, is not taken for another server's.
    redis.cli(&["SADD", "bumblebee:rooms:news", "s1-2", "s9-9"]);
    assert_eq!(first.primus.room("news").ids().unwrap(), ["s1-1", "s2-1", "s9-9"]);
    redis.cli(&["SREM", "bumblebee:rooms:news", "s1-2", "s9-9"]);
    second.primus.destroy(Destroy::default());
    wait_until("its members are gone", || members(&redis, "bumblebee:rooms:news") == ["s1-1"]);
    first.primus.destroy(Destroy::default());
    wait_until("nothing is left", || redis.lines(&["KEYS", "bumblebee:*"]).is_empty());
}

#[test]
fn rooms_reach_members_on_other_servers_once() {
    let Some(redis) = Redis::start() else { return };
    let (_one, first) = in_fleet(&redis, 1);
    let (_two, second) = in_fleet(&redis, 2);
    let mut a = come(&first, "news");
    let mut c = come(&second, "news,sport");
    let mut d = come(&second, "sport");
    let registered = || redis.cli(&["HLEN", "metroplex:sparks"]).trim() == "3";
    wait_until("all are registered", registered);
    wait_until("all are members", || members(&redis, "bumblebee:rooms:sport").len() == 2);
    first.primus.room(["news", "sport"]).except(["s1-1", "s2-2"]).write("two rooms").unwrap();
    first.primus.room("news").write("to news").unwrap();
    first.primus.any_room().write("to all in rooms").unwrap();
    assert_eq!(a.expect_text(), "\"to news\"");
    assert_eq!(a.expect_text(), "\"to all in rooms\"");
    for text in ["\"two rooms\"", "\"to news\"", "\"to all in rooms\""] {
        assert_eq!(c.expect_text(), text);
    }
    assert_eq!(d.expect_text(), "\"to all in rooms\"");
}

#[test]
fn who_leaves_while_redis_does_not_answer_is_taken_out() {
    let Some(redis) = Redis::start() else { return };
    let link = RedisLink::builder(&redis.url())
        .response_timeout(Duration::from_millis(200))
        .ping_interval(Duration::from_millis(200))
        .open()
        .expect("a link");
    assert!(link.wait_connected(PATIENCE));
    let adapter = NpmRoomsAdapter::new(&link);
    let rooms = Rooms::new().store(adapter.rooms());
    let ours = server(1, Primus::builder().plugin(rooms).plugin(adapter));
    let (a, _b) = (come(&ours, "news"), come(&ours, "news"));
    let kept = || members(&redis, "bumblebee:rooms:news");
    wait_until("both are kept", || kept().len() == 2);
    redis.pause();
    wait_until("the link is down", || !link.is_connected());
    a.close();
    wait_until("it has left", || ours.primus.connected() == 1);
    redis.resume();
    wait_until("it is taken out", || kept() == ["s1-2"]);
    // And everybody, when rooms are taken out.
    assert!(ours.primus.plugout("rooms"));
    wait_until("nothing is left", || redis.lines(&["KEYS", "bumblebee:*"]).is_empty());
}

#[test]
fn what_it_needs_has_to_be_there() {
    let Some(redis) = Redis::start() else { return };
    let link = link(&redis);
    let with = |builder: primus::Builder| {
        builder.plugin(NpmRoomsAdapter::new(&link).forward(true)).build().expect_err("an error")
    };
    let error = with(Primus::builder()).to_string();
    assert!(error.contains("omega-supreme"), "{error}");
    let error = with(Primus::builder().plugin(Omega::new("a", "b"))).to_string();
    assert!(error.contains("metroplex"), "{error}");
}
