//! Messages for rooms are shared out among several Redis.

use std::collections::HashMap;

use super::*;
use crate::common::PATIENCE;

/// A server with its links to the other Redis.
struct Wide {
    member: Member,
    more: Vec<RedisLink>,
}

impl std::ops::Deref for Wide {
    type Target = Member;

    fn deref(&self) -> &Member {
        &self.member
    }
}

/// One on the first of these, that uses so many of the others and only hears the rest.
fn begin(redis: &[&Redis], used: usize) -> Wide {
    let more: Vec<_> = redis[1..].iter().map(|redis| link(&redis.url())).collect();
    let member = Member::begin(&redis[0].url(), |mut cluster| {
        for (at, link) in more.iter().enumerate() {
            cluster = if at < used { cluster.bus(link) } else { cluster.heard_bus(link) };
        }
        cluster
    });
    Wide { member, more }
}

fn all_joined(servers: &[&Wide]) {
    for server in servers {
        wait_until("it joins", || server.cluster.is_joined());
        let others = servers.len() - 1;
        wait_until("it hears the others", || server.cluster.status().servers == others);
    }
}

fn rooms(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("room {n}")).collect()
}

fn come(server: &Wide, id: &str, rooms: &[String]) -> Peer {
    server.come(id, &rooms.iter().map(String::as_str).collect::<Vec<_>>()).0
}

/// Room and number, of each that comes; in a room they are in order, and each once.
fn in_order(peer: &mut Peer, rooms: usize, each: usize) {
    let mut last = HashMap::<String, usize>::new();
    for text in texts(peer, rooms * each) {
        let (room, n): (String, usize) = serde_json::from_str(&text).expect("room and number");
        let next = last.entry(room).or_default();
        assert_eq!(*next, n);
        *next += 1;
    }
    assert!(last.len() == rooms && last.values().all(|count| *count == each), "{last:?}");
}

#[test]
fn each_room_has_its_own_and_each_message_comes_once() {
    const EACH: usize = 20;
    let Some(first) = Redis::start() else { return };
    let (second, third) = (Redis::start().unwrap(), Redis::start().unwrap());
    let all = [&first, &second, &third];
    let (one, two) = (begin(&all, 2), begin(&all, 2));
    all_joined(&[&one, &two]);
    let rooms = rooms(30);
    let (mut here, mut there) = (come(&one, "here", &rooms), come(&two, "there", &rooms));
    let before: Vec<_> = two.more.iter().map(|link| link.metrics().messages_received).collect();
    for n in 0..EACH {
        for room in &rooms {
            one.primus().room(room).write(&(room, n)).unwrap();
        }
    }
    in_order(&mut here, rooms.len(), EACH);
    in_order(&mut there, rooms.len(), EACH);
    // Each of them has had its share: a third of the rooms, about.
    for (link, before) in two.more.iter().zip(before) {
        let share = (link.metrics().messages_received - before) as usize;
        assert!((3 * EACH..20 * EACH).contains(&share), "{share}");
    }
    // Several rooms, any, and everybody: once each.
    one.primus().room(&rooms).write("several").unwrap();
    let mut heard = |text: &str| assert_eq!(there.expect_text(), text);
    heard(r#""several""#);
    one.primus().any_room().write("any").unwrap();
    one.primus().write("all").unwrap();
    heard(r#""any""#);
    heard(r#""all""#);
    let status = two.cluster.status();
    assert_eq!((status.doubles, status.missed, status.garbage), (0, 0, 0), "{status}");
    // Members are asked of the first.
    wait_until("members are known", || {
        two.primus().room(&rooms).ids().is_ok_and(|ids| ids == ["here", "there"])
    });
}

#[test]
fn two_of_them_may_be_on_one_redis() {
    let Some(redis) = Redis::start() else { return };
    let all = [&redis, &redis, &redis];
    let (one, two) = (begin(&all, 2), begin(&all, 2));
    all_joined(&[&one, &two]);
    let rooms = rooms(10);
    let mut there = come(&two, "there", &rooms);
    for room in &rooms {
        one.primus().room(room).write(&(room, 0)).unwrap();
    }
    in_order(&mut there, rooms.len(), 1);
    one.primus().write("last").unwrap();
    assert_eq!(there.expect_text(), r#""last""#);
    assert_eq!(two.cluster.status().doubles, 0);
}

#[test]
fn a_stranger_is_looked_for_on_the_channel_on_which_it_was_heard() {
    let Some(redis) = Redis::start() else { return };
    let one = begin(&[&redis, &redis], 1);
    let (tell, told) = crossbeam_channel::unbounded();
    one.primus().on_log(move |_, line| tell.send(line.to_owned()).unwrap());
    all_joined(&[&one]);
    one.more[0].publish("metroplex:bus:1", b"garbage".to_vec()).unwrap();
    let is_complaint = |line: &String| line.contains("who publishes");
    let lines = std::iter::repeat_with(|| told.recv_timeout(PATIENCE).expect("a complaint"));
    let line = lines.into_iter().find(is_complaint).unwrap();
    assert!(line.ends_with("who publishes on `metroplex:bus:1`?"), "{line}");
}

#[test]
fn where_one_is_away_the_rooms_of_the_others_go_on() {
    let (Some(first), Some(mut second)) = (Redis::start(), Redis::start()) else { return };
    let (one, two) = (begin(&[&first, &second], 1), begin(&[&first, &second], 1));
    all_joined(&[&one, &two]);
    let rooms = rooms(20);
    let mut there = come(&two, "there", &rooms);
    second.stop();
    wait_until("it is told", || !one.cluster.is_joined() && !two.cluster.is_joined());
    assert!(one.link.is_connected());
    for room in &rooms {
        one.primus().room(room).write(&(room, 0)).unwrap();
    }
    let waiting = one.more[0].metrics().queue_commands;
    assert!((1..20).contains(&waiting), "{waiting}");
    let mut got = texts(&mut there, 20 - waiting);
    one.primus().write("to all").unwrap();
    assert_eq!(there.expect_text(), r#""to all""#);
    second.restart();
    joined(&[&one, &two]);
    for room in &rooms {
        one.primus().room(room).write(&(room, 1)).unwrap();
    }
    // What was published before the other one heard again is lost, and missed.
    let mut after = 0;
    while after < 20 {
        let text = there.expect_text();
        match text.ends_with(",1]") {
            true => after += 1,
            false => got.push(text),
        }
    }
    let (came, status) = (got.len(), two.cluster.status());
    got.sort();
    got.dedup();
    assert_eq!(got.len(), came, "each once");
    assert_eq!(came as u64 + status.missed, 20, "{status}");
}

#[test]
fn one_is_added_by_having_it_heard_before_it_is_used() {
    let (Some(first), Some(second)) = (Redis::start(), Redis::start()) else { return };
    let all = [&first, &second];
    let rooms = rooms(10);
    // Before: one server does not know of it, and the other says that it is alone there.
    let (old, hears) = (begin(&all[..1], 0), begin(&all, 0));
    wait_until("the old one hears it", || old.cluster.status().servers == 1);
    joined(&[&old, &hears]);
    assert_eq!(hears.cluster.status().servers, 0);
    drop(old);
    // When all hear it, some use it.
    let uses = begin(&all, 1);
    all_joined(&[&hears, &uses]);
    let (mut of_hears, mut of_uses) = (come(&hears, "a", &rooms), come(&uses, "b", &rooms));
    for (n, server) in [&hears, &uses].into_iter().enumerate() {
        for room in &rooms {
            server.primus().room(room).write(&(room, n)).unwrap();
        }
        one_of_each(&mut of_hears, rooms.len(), n);
        one_of_each(&mut of_uses, rooms.len(), n);
    }
    for server in [&hears, &uses] {
        let status = server.cluster.status();
        assert_eq!((status.doubles, status.missed), (0, 0), "{status}");
    }
}

/// One from each of so many rooms, with this number.
fn one_of_each(peer: &mut Peer, rooms: usize, n: usize) {
    let mut got: Vec<(String, usize)> =
        texts(peer, rooms).iter().map(|text| serde_json::from_str(text).expect("both")).collect();
    got.sort();
    got.dedup();
    assert!(got.len() == rooms && got.iter().all(|(_, number)| *number == n), "{got:?}");
}
