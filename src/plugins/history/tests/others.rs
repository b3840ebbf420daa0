//! Rooms that are counted elsewhere, and what is fetched of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{bounds, entry, log_of, numbers};
use crate::plugins::history::log::{Bounds, Elsewhere, Entry, Fetched, Log, Taken};
use crate::plugins::history::position::Position;

fn at(offset: u64) -> Position {
    Position::new("e", offset)
}

fn fetched(epoch: &str, range: std::ops::RangeInclusive<u64>, last: u64) -> Fetched {
    let entries = range.map(|n| (n, entry(n), Duration::ZERO)).collect();
    Fetched { last: Position::new(epoch, last), entries, complete: true, key: None }
}

fn offsets(filled: &[(Position, Arc<crate::plugins::history::log::Entry>)]) -> Vec<u64> {
    filled.iter().map(|(at, _)| at.offset).collect()
}

#[test]
fn messages_are_taken_in_their_order_and_holes_are_filled() {
    let (mut log, now, room) = (log_of(bounds(), ""), Instant::now(), Arc::from("r"));
    log = log.of_others();
    assert_eq!((log.place(&room), log.elsewhere("r", &at(1))), (None, Elsewhere::Everything));
    let take = |log: &mut Log, n| log.take(&room, &at(n), &entry(n), now);
    assert_eq!(take(&mut log, 5), Taken::Next);
    assert_eq!((take(&mut log, 5), take(&mut log, 4)), (Taken::Old, Taken::Old));
    assert_eq!(take(&mut log, 6), Taken::Next);
    assert_eq!(take(&mut log, 9), Taken::Early);
    assert_eq!(log.elsewhere("r", &at(2)), Elsewhere::Everything);
    assert_eq!(log.elsewhere("r", &at(7)), Elsewhere::Later);
    assert_eq!(log.elsewhere("r", &Position::new("x", 7)), Elsewhere::Nothing);

    let filled = log.fill(&room, fetched("e", 3..=9, 9), now);
    assert_eq!((offsets(&filled.new), filled.torn), (vec![7, 8, 9], None));
    assert_eq!(numbers(log.since("r", &at(2), now)), Some((3..=9).collect()));
    // There is no more of it.
    assert_eq!(log.elsewhere("r", &at(1)), Elsewhere::Nothing);
    // An answer that is late changes nothing.
    let filled = log.fill(&room, fetched("e", 3..=8, 8), now);
    assert_eq!((filled.new.len(), filled.torn), (0, None));
    assert_eq!(numbers(log.since("r", &at(2), now)), Some((3..=9).collect()));

    assert_eq!(log.take(&room, &Position::new("f", 1), &entry(1), now), Taken::Anew);
    assert_eq!(numbers(log.since("r", &at(9), now)), None);
    assert_eq!(numbers(log.since("r", &Position::new("f", 0), now)), Some(vec![1]));
}

#[test]
fn what_cannot_be_filled_is_torn() {
    let (now, room) = (Instant::now(), Arc::from("r"));
    let start = || {
        let mut log = log_of(bounds(), "").of_others();
        log.take(&room, &at(1), &entry(1), now);
        log
    };
    // The messages between are gone.
    let mut log = start();
    let filled = log.fill(&room, fetched("e", 5..=6, 6), now);
    assert_eq!((offsets(&filled.new), filled.torn), (vec![5, 6], Some(at(6))));
    assert_eq!(numbers(log.since("r", &at(3), now)), None);
    assert_eq!(numbers(log.since("r", &at(4), now)), Some(vec![5, 6]));
    // All are.
    let mut log = start();
    let none = Fetched { last: at(6), entries: Vec::new(), complete: true, key: None };
    let filled = log.fill(&room, none, now);
    assert_eq!((filled.new.len(), filled.torn), (0, Some(at(6))));
    assert_eq!(numbers(log.since("r", &at(6), now)), Some(vec![]));
    // It has begun anew: all that it has is new to those who are there.
    let mut log = start();
    let filled = log.fill(&room, fetched("f", 1..=2, 2), now);
    assert_eq!((offsets(&filled.new), filled.torn), (vec![1, 2], Some(Position::new("f", 2))));
    // To one that nobody knew it is what there is.
    let mut log = log_of(bounds(), "").of_others();
    let filled = log.fill(&room, fetched("f", 1..=2, 2), now);
    assert_eq!((filled.new.len(), filled.torn), (0, None));
    assert_eq!(numbers(log.since("r", &Position::new("f", 1), now)), Some(vec![2]));
}

#[test]
fn what_is_fetched_is_bounded_and_as_old_as_it_is() {
    let (now, room) = (Instant::now(), Arc::from("r"));
    let mut log = log_of(Bounds { messages: 3, ..bounds() }, "").of_others();
    log.take(&room, &at(10), &entry(10), now);
    let mut old = fetched("e", 1..=10, 10);
    old.entries[7].2 = Duration::from_secs(50);
    log.fill(&room, old, now);
    assert_eq!(numbers(log.since("r", &at(7), now)), Some(vec![8, 9, 10]));
    assert_eq!(numbers(log.since("r", &at(6), now)), None);
    let later = now + Duration::from_secs(20);
    assert_eq!(numbers(log.since("r", &at(7), later)), None);
    assert_eq!(numbers(log.since("r", &at(8), later)), Some(vec![9, 10]));
}

#[test]
fn what_has_the_place_of_another_message_is_known() {
    let one = |n: u64, id: &str| Entry::new(Some(id.into()), Vec::new(), n.into());
    let (now, room) = (Instant::now(), Arc::from("r"));
    let few = Bounds { messages: 3, window: Duration::from_secs(60), ..bounds() };
    let mut log = log_of(few, "").of_others();
    for n in 1..=5 {
        assert_eq!(log.take(&room, &at(n), &one(n, &format!("a.{n}")), now), Taken::Next);
    }
    for n in 3..=5 {
        assert!(!log.has_other("r", &at(n), &one(n, &format!("a.{n}"))), "{n}");
        assert!(log.has_other("r", &at(n), &one(n, "b.1")), "{n}");
    }
    // What is not kept any more, is to come yet, or is of another epoch or room.
    let new = one(1, "b.1");
    assert!(!log.has_other("r", &at(2), &new) && !log.has_other("r", &at(6), &new));
    assert!(!log.has_other("r", &Position::new("f", 5), &new) && !log.has_other("s", &at(5), &new));
    // Of a room that was quiet for so long that nothing is kept, nothing has just come.
    log.sweep(now + Duration::from_secs(61));
    assert!(log.has_other("r", &at(5), &new) && !log.has_other("r", &at(6), &new));
}
