//! What a client may read of a room: nothing from before it came, whatever it says.

use std::sync::Arc;
use std::time::Instant;

use super::{bounds, entry, log_of};
use crate::plugins::history::log::{Bounds, Log};
use crate::plugins::history::position::Position;
use crate::plugins::history::seat::{Ready, Replay, Seat};
use crate::plugins::history::wire::{Claim, Hello, How, Report};

const ROOM: &str = "r";

fn room() -> Arc<str> {
    ROOM.into()
}

/// A connection of a client that says this of where it was, in the room.
fn come(log: &mut Log, client: &str, claim: Option<Claim>) -> (Seat, Replay) {
    let (mut seat, now) = (Seat::new(client, "s"), Instant::now());
    seat.greet(Hello { at: claim.into_iter().collect(), ..Hello::default() });
    let place = log.place(&room());
    seat.came(&room(), place, now);
    match seat.bring(&room(), log, now, 0, false) {
        Some(Ready::Yes(replay)) => (seat, replay),
        _ => panic!("it is brought there"),
    }
}

fn claim(epoch: &str, offset: u64, ticket: Option<&str>) -> Option<Claim> {
    let position = Position::new(epoch, offset);
    Some(Claim { room: room(), position, ticket: ticket.map(str::to_owned) })
}

fn numbers(replay: &Replay) -> Vec<u64> {
    replay.entries.iter().map(|entry| entry.value.as_u64().unwrap()).collect()
}

fn write(log: &mut Log, range: std::ops::RangeInclusive<u64>) {
    range.for_each(|n| drop(log.append(&room(), &entry(n), Instant::now())));
}

#[test]
fn a_client_reads_what_came_since_it_came_and_nothing_before_that() {
    let mut log = log_of(bounds(), "e");
    let (_, first) = come(&mut log, "first", None);
    write(&mut log, 1..=3);
    let (_, late) = come(&mut log, "late", None);
    assert_eq!((late.report.how, numbers(&late)), (How::New, vec![]));
    let Report { position, ticket, .. } = late.report;
    let (epoch, ticket) = (&*position.epoch, ticket.unwrap());
    write(&mut log, 4..=6);
    // As it was, and as it is when it comes back once more: the right stays the same.
    for from in [3, 5] {
        let (_, back) = come(&mut log, "late", claim(epoch, from, Some(&ticket)));
        assert_eq!((back.report.how, numbers(&back)), (How::Whole, (from + 1..=6).collect()));
        assert_eq!(back.report.ticket.as_ref(), Some(&ticket));
    }
    let of_first = first.report.ticket.unwrap();
    assert_eq!(numbers(&come(&mut log, "first", claim(epoch, 0, Some(&of_first))).1).len(), 6);
    let hash = ticket.split_once('.').unwrap().1;
    let forged = [
        (2, Some(&*ticket)),
        (0, Some(&*ticket)),
        (0, Some(&*of_first)),
        (3, None),
        (0, None),
        (0, Some("0.")),
        (0, Some(&format!("0.{hash}"))),
    ];
    for (from, shown) in forged {
        let (_, back) = come(&mut log, "late", claim(epoch, from, shown));
        assert_eq!((back.report.how, numbers(&back)), (How::Torn, vec![]), "{from} {shown:?}");
        // From now on, and no further back.
        let ticket = back.report.ticket.unwrap();
        let (_, again) = come(&mut log, "late", claim(epoch, 5, Some(&ticket)));
        assert_eq!(again.report.how, How::Torn);
        let (_, again) = come(&mut log, "late", claim(epoch, 6, Some(&ticket)));
        assert_eq!(again.report.how, How::Whole);
    }
}

/// What came while it was forgotten, or the room had no ticket for it, is a new beginning.
#[test]
fn a_room_that_begins_anew_has_new_tickets_for_those_who_are_there() {
    let mut log = log_of(Bounds { rooms: 1, ..bounds() }, "e");
    write(&mut log, 1..=3);
    let (mut seat, replay) = come(&mut log, "c", None);
    let old = replay.report.ticket.unwrap();
    // Another one is used, and this one forgotten.
    log.append(&"other".into(), &entry(0), Instant::now());
    let at = (room(), log.append(&room(), &entry(4), Instant::now()));
    assert!(seat.follows(&at) && !seat.follows(&at));
    let told = seat.news(&room(), &log, false).unwrap();
    assert_eq!((told.how, told.position.offset, told.count), (How::New, 1, 0));
    assert!(seat.news(&room(), &log, false).is_none());
    let (epoch, ticket) = (told.position.epoch, told.ticket.unwrap());
    write(&mut log, 5..=6);
    let (_, back) = come(&mut log, "c", claim(&epoch, 1, Some(&ticket)));
    assert_eq!((back.report.how, numbers(&back)), (How::Whole, vec![5, 6]));
    let (_, back) = come(&mut log, "c", claim(&epoch, 1, Some(&old)));
    assert_eq!((back.report.how, numbers(&back)), (How::Torn, vec![]));
}

/// The servers of a room that is kept elsewhere have to be told its key.
#[cfg(feature = "redis")]
#[test]
fn without_the_key_of_a_room_it_is_asked_for_and_then_nothing_is_shown() {
    use crate::plugins::history::log::{Elsewhere, Fetched};
    use crate::plugins::history::ticket::Key;

    let mut log = log_of(bounds(), "").of_others();
    let (now, at) = (Instant::now(), |offset| Position::new("e", offset));
    log.take(&room(), &at(1), &entry(1), now);
    let come = |offset, ticket: Option<String>| {
        let mut seat = Seat::new("c", "s");
        seat.greet(Hello {
            at: claim("e", offset, ticket.as_deref()).into_iter().collect(),
            ..Hello::default()
        });
        seat.came(&room(), Some(at(1)), now);
        seat
    };
    let key = Key::new().unwrap();
    let ticket = Some(key.ticket("c", ROOM, &at(0)));
    let mut early = come(0, ticket.clone());
    let ready = early.bring(&room(), &mut log, now, 0, false);
    assert!(matches!(ready, Some(Ready::Not(Elsewhere::Later))));
    // Redis is away: nothing can be proved.
    let Some(Ready::Yes(replay)) = early.bring(&room(), &mut log, now, 0, true) else { panic!() };
    assert_eq!((replay.report.how, replay.report.ticket), (How::Torn, None));
    assert!(early.news(&room(), &log, false).is_none());
    let fetched = Fetched { last: at(1), entries: Vec::new(), complete: false, key: Some(key) };
    log.fill(&room(), fetched, now);
    let told = early.news(&room(), &log, false).unwrap();
    assert!(told.how == How::New && told.ticket.is_some());
    let Some(Ready::Yes(replay)) = come(0, ticket).bring(&room(), &mut log, now, 0, false) else {
        panic!()
    };
    assert_eq!((replay.report.how, numbers(&replay)), (How::Whole, vec![1]));
    // It is the key of that epoch, and of no other.
    log.take(&room(), &Position::new("f", 1), &entry(1), now);
    assert!(log.key(ROOM).is_none());
}
