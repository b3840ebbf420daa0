//! What is kept, and what each end knows, by themselves.

mod cuts;
#[cfg(feature = "redis")]
mod others;
mod tickets;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::log::{Bounds, Entry, Log, Since};
use super::position::Position;
use super::seat::{Ready, Seat};
use super::ticket::Key;
use super::tracker::Tracker;
use super::wire::{At, How};
use crate::value::Value;

fn bounds() -> Bounds {
    let (bytes, total) = (1 << 20, 1 << 30);
    Bounds { messages: 1_000, bytes, window: Duration::from_secs(60), rooms: 100, total }
}

fn log_of(bounds: Bounds, boot: &str) -> Log {
    Log::new(bounds, boot.to_owned(), Key::new().unwrap())
}

fn entry(n: u64) -> Arc<Entry> {
    Entry::new(None, Vec::new(), Value::from(n))
}

fn numbers(since: Since) -> Option<Vec<u64>> {
    match since {
        Since::All(entries) => {
            Some(entries.iter().map(|entry| entry.value.as_u64().unwrap()).collect())
        }
        Since::Lost => None,
    }
}

#[test]
fn a_room_gives_what_came_since_a_position_or_says_that_it_cannot() {
    let (mut log, now, room) = (log_of(bounds(), "e"), Instant::now(), Arc::from("r"));
    let start = log.position(&room);
    assert_eq!(start.offset, 0);
    for n in 1..=5 {
        assert_eq!(log.append(&room, &entry(n), now), start.after(n));
    }
    for from in 0..=5 {
        let since = numbers(log.since("r", &start.after(from), now));
        assert_eq!(since, Some((from + 1..=5).collect()));
    }
    let mut lost = |room: &str, at: Position| assert!(numbers(log.since(room, &at, now)).is_none());
    lost("r", start.after(6));
    lost("r", start.after(u64::MAX));
    lost("r", Position::new("another", 3));
    lost("nobody", start.clone());
}

#[test]
fn what_is_kept_is_bounded_in_messages_bytes_time_rooms_and_in_all() {
    let now = Instant::now();
    let room: Arc<str> = "r".into();
    let mut log = log_of(Bounds { messages: 3, ..bounds() }, "e");
    let start = log.position(&room);
    (1..=10).for_each(|n| drop(log.append(&room, &entry(n), now)));
    assert_eq!(numbers(log.since("r", &start.after(7), now)), Some(vec![8, 9, 10]));
    assert_eq!(numbers(log.since("r", &start.after(6), now)), None);
    // Each by its time, and where it stood is known for longer.
    let later = now + Duration::from_secs(61);
    assert_eq!(log.sweep(later), None);
    assert_eq!(log.bytes(), 0);
    assert_eq!(numbers(log.since("r", &start.after(9), later)), None);
    assert_eq!(numbers(log.since("r", &start.after(10), later)), Some(vec![]));

    let text = Value::from("x".repeat(1_000));
    let large = Entry::new(None, Vec::new(), text);
    let mut log = log_of(Bounds { bytes: 5_000, total: 12_000, ..bounds() }, "e");
    for n in 0..100 {
        log.append(&format!("r{}", n % 50).into(), &large, now);
        assert!(log.bytes() <= 12_000);
    }
    let mut log = log_of(Bounds { bytes: 5_000, ..bounds() }, "e");
    (0..100).for_each(|_| drop(log.append(&room, &large, now)));
    assert!(log.bytes() <= 5_000 && log.bytes() > 3_000);
    // One that is too large by itself leaves nothing behind, and counts nevertheless.
    let at = log.append(&room, &Entry::new(None, Vec::new(), "x".repeat(6_000).into()), now);
    assert_eq!((log.bytes(), at.offset), (0, 101));

    let mut log = log_of(Bounds { rooms: 10, ..bounds() }, "e");
    let first = log.append(&room, &entry(1), now);
    for n in 0..1_000 {
        log.append(&format!("r{n}").into(), &entry(n), now);
    }
    assert!(log.rooms() <= 10);
    // It was forgotten, so its epoch is another.
    assert_ne!(log.append(&room, &entry(2), now).epoch, first.epoch);
    assert_eq!(numbers(log.since("r", &first, now)), None);
}

#[test]
fn a_client_is_bounded_and_says_what_it_forgot() {
    let mut tracker = Tracker::new(3);
    for n in 0..100 {
        let at = [(format!("r{n}").into(), Position::new("e", 1))];
        assert!(tracker.judge(Some(format!("m{n}")), &at).is_new);
        tracker.is_spark(format!("s{n}"));
    }
    let hello = tracker.hello();
    let mut rooms: Vec<_> = hello.at.iter().map(|claim| &*claim.room).collect();
    rooms.sort_unstable();
    assert_eq!((rooms, hello.more), (vec!["r97", "r98", "r99"], true));
    assert_eq!((hello.ids.len(), &*hello.ids[0]), (16, "s99"));
    // Whoever forgot rooms may have been in the one that it comes into now.
    let mut seat = Seat::new("c", "s");
    let (mut log, now, room) = (log_of(bounds(), "e"), Instant::now(), Arc::from("r"));
    seat.greet(hello);
    seat.came(&room, log.place(&room), now);
    let Some(Ready::Yes(replay)) = seat.bring(&room, &mut log, now, 0, true) else {
        panic!("it is brought there");
    };
    assert_eq!(replay.report.how, How::Torn);
}

#[test]
fn a_client_takes_each_message_once_and_notices_gaps() {
    let mut tracker = Tracker::new(10);
    let mut judge = |id: Option<&str>, at: &[(&str, &str, u64)]| {
        let at: Vec<At> =
            at.iter().map(|(room, epoch, n)| ((*room).into(), Position::new(*epoch, *n))).collect();
        let judged = tracker.judge(id.map(str::to_owned), &at);
        (judged.is_new, judged.torn.len())
    };
    assert_eq!(judge(None, &[("r", "e", 7)]), (true, 0));
    assert_eq!(judge(None, &[("r", "e", 8)]), (true, 0));
    assert_eq!(judge(None, &[("r", "e", 8)]), (false, 0));
    assert_eq!(judge(None, &[("r", "e", 3)]), (false, 0));
    assert_eq!(judge(None, &[("r", "e", 10)]), (true, 1));
    assert_eq!(judge(None, &[("r", "f", 1)]), (true, 1));
    assert_eq!(judge(Some("x"), &[("r", "f", 2), ("s", "e", 1)]), (true, 0));
    assert_eq!(judge(Some("x"), &[("s", "e", 2)]), (false, 0));
    // Without a place at first, and with one later.
    assert_eq!(judge(Some("y"), &[]), (true, 0));
    assert_eq!(judge(Some("y"), &[("r", "f", 3)]), (false, 0));
    assert_eq!(judge(None, &[("r", "f", 4)]), (true, 0));
}

#[test]
fn a_client_knows_what_came_early_until_it_has_its_place() {
    let mut tracker = Tracker::new(10);
    let id = |n: u64| Some(format!("w.{n}"));
    assert!((1..=5_000).all(|n| tracker.judge(id(n), &[]).is_new));
    for n in 1..=5_000 {
        let at = [("r".into(), Position::new("e", n))];
        assert!(!tracker.judge(id(n), &at).is_new, "{n}");
    }
    // And all of it within bounds.
    (0..50_000).for_each(|n| assert!(tracker.judge(Some(format!("x.{n}")), &[]).is_new));
    assert!(tracker.judge(id(1), &[]).is_new, "the oldest is forgotten");
}
