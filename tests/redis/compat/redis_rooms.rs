//! `primus-redis-rooms`.

use primus::plugins::Rooms;
use primus::plugins::compat::NpmRedisRooms;
use primus::plugins::rooms::PrimusRooms;
use primus::{Primus, RedisLink, Value};

use super::{come, hasty, heard_by, link, listen, published, server, under_way};
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
    let recorded = published("primus-redis-rooms/redis-commands");
    for ((recorded, text), number) in recorded[..2].iter().zip(1..) {
        let (channel, ours) = told.recv_timeout(PATIENCE).expect("a message");
        let text = text.strip_suffix('}').expect("an object");
        assert_eq!(ours, format!(r#"{text},"seq":{number}}}"#), "as recorded, and numbered");
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

#[test]
fn what_is_sent_again_is_heard_once() {
    let Some(redis) = Redis::start() else { return };
    let hasty = hasty(&redis);
    let first = server(1, Primus::builder().plugin(Rooms::new().store(NpmRedisRooms::new(&hasty))));
    let (own, second) = in_fleet(&redis, 2);
    let (told, _subscription) = listen(&own, "primus.*");
    let mut client = come(&second, "foo,bar");
    heard_by(&redis, 2);
    under_way(&redis, &hasty, || {
        first.primus.room("foo").write("once").unwrap();
        first.primus.room(["foo", "bar"]).write("to both").unwrap();
    });
    first.primus.room("foo").write("last").unwrap();
    let mut texts = [client.expect_text(), client.expect_text()];
    texts.sort();
    assert_eq!(texts, ["\"once\"", "\"to both\""]);
    assert_eq!(client.expect_text(), "\"last\"");
    let sent = (0..7).map(|_| told.recv_timeout(PATIENCE).expect("a message").1);
    let again = sent.filter(|text| text.contains("once")).count();
    assert_eq!(again, 2, "it was published twice");
}

#[test]
fn any_room_reaches_all_of_ours_once_and_nobody_else() {
    let Some(redis) = Redis::start() else { return };
    let (_one, first) = in_fleet(&redis, 1);
    let (own, second) = in_fleet(&redis, 2);
    let (told, _subscription) = listen(&own, "primus.*");
    heard_by(&redis, 2);
    let mut both = come(&second, "foo,bar");
    let mut other = come(&second, "other");
    let mut none = come(&second, "");
    // Also from a server where nobody is in a room.
    first.primus.any_room().except("s2-2").write("not to the other").unwrap();
    let mut here = come(&first, "foo");
    let _with = come(&first, "third");
    first.primus.any_room().write("any").unwrap();
    first.primus.room("foo").write("last").unwrap();
    assert_eq!(both.expect_text(), "\"not to the other\"");
    for peer in [&mut both, &mut other, &mut here] {
        assert_eq!(peer.expect_text(), "\"any\"");
    }
    for peer in [&mut both, &mut here] {
        assert_eq!(peer.expect_text(), "\"last\"");
    }
    second.primus.write_here("the end").unwrap();
    for peer in [&mut other, &mut none] {
        assert_eq!(peer.expect_text(), "\"the end\"");
    }
    // Servers in JavaScript get it once for each room that is known here.
    let sent: Vec<String> =
        (0..4).map(|_| told.recv_timeout(PATIENCE).expect("a message").1).collect();
    assert!(sent[0].contains(r#""rooms":[],"part":0"#), "{}", sent[0]);
    let mut rooms: Vec<_> = sent[1..3].iter().map(|text| text.split('"').nth(3).unwrap()).collect();
    rooms.sort_unstable();
    assert_eq!(rooms, ["foo", "third"]);
}
