//! `primus-redis-rooms`.

use primus::plugins::Rooms;
use primus::plugins::compat::NpmRedisRooms;
use primus::plugins::rooms::PrimusRooms;
use primus::{Primus, RedisLink, Value};

use super::{come, heard_by, link, listen, published, server};
use crate::common::{PATIENCE, Server};
use crate::server::Redis;

fn in_fleet(redis: &Redis, number: usize) -> (RedisLink, Server) {
    let link = link(redis);
    let rooms = Rooms::new().store(NpmRedisRooms::new(&link));
    (link, server(number, Primus::builder().plugin(rooms)))
}

#[test]
fn what_is_published_is_what_was_recorded() {
    let Some(redis) = Redis::start() else { return };
    let (own, ours) = in_fleet(&redis, 1);
    let (told, _subscription) = listen(&own, "primus.*");
    let object = Value::from([("our", Value::from("bar"))]);
    ours.primus.room("foo").write(&object).unwrap();
    ours.primus.room("foo").write("text").unwrap();
    for (recorded, text) in &published("primus-redis-rooms/redis-commands")[..2] {
        let (channel, ours) = told.recv_timeout(PATIENCE).expect("a message");
        assert_eq!(&ours, text);
        // `primus.` and a UUID.
        assert_eq!(channel.len(), recorded.len());
        assert!(channel.starts_with("primus."), "{channel}");
    }
}

#[test]
fn recorded_messages_reach_the_room() {
    let Some(redis) = Redis::start() else { return };
    let (own, ours) = in_fleet(&redis, 1);
    let (mut inside, mut outside) = (come(&ours, "foo"), come(&ours, ""));
    heard_by(&redis, 1);
    for garbage in ["", "null", "{\"room\":1}", "{\"room\":\"foo\"}", "[", "{\"data\":1}"] {
        own.publish("primus.somebody", garbage.into()).unwrap();
    }
    for (channel, text) in published("primus-redis-rooms/redis-commands") {
        own.publish(&channel, text.into_bytes()).unwrap();
    }
    for text in [r#"{"our":"bar"}"#, "\"text\"", "\"after leave\""] {
        assert_eq!(inside.expect_text(), text);
    }
    ours.primus.write("to all").unwrap();
    assert_eq!(outside.expect_text(), "\"to all\"");
}

#[test]
fn two_servers_reach_members_of_several_rooms_once() {
    let Some(redis) = Redis::start() else { return };
    let (_one, first) = in_fleet(&redis, 1);
    let (_two, second) = in_fleet(&redis, 2);
    heard_by(&redis, 2);
    let mut a = come(&first, "foo,bar");
    let mut c = come(&second, "foo,bar");
    let mut d = come(&second, "bar");
    first.primus.room(["foo", "bar"]).except("s2-2").write("once").unwrap();
    first.primus.room("bar").write("then").unwrap();
    for peer in [&mut a, &mut c] {
        assert_eq!(peer.expect_text(), "\"once\"");
        assert_eq!(peer.expect_text(), "\"then\"");
    }
    assert_eq!(d.expect_text(), "\"then\"", "it was excepted");
}
