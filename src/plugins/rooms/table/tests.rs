//! Held against the same rooms kept as simply as can be.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A member with a number, and what it is told of who it is for.
type Rooms = Table<u32, Arc<[u32]>>;

const BOUNDS: Bounds = Bounds { rooms: 1000, wildcards: 1000, name: 64 };

fn rooms() -> Rooms {
    Table::new(true, BOUNDS)
}

fn sorted(names: Vec<Arc<str>>) -> Vec<String> {
    let mut names: Vec<_> = names.iter().map(|name| name.to_string()).collect();
    names.sort_unstable();
    names
}

fn audience(rooms: &mut Rooms, names: &[&str], except: &[u32]) -> Arc<[u32]> {
    rooms.audience(names.iter().copied(), except, |members| members.copied().collect())
}

/// Who gets a message, in order of their numbers.
fn heard(rooms: &mut Rooms, names: &[&str], except: &[u32]) -> Vec<u32> {
    let mut heard = audience(rooms, names, except).to_vec();
    heard.sort_unstable();
    heard
}

#[test]
fn members_come_and_go() {
    let mut rooms = rooms();
    assert_eq!(rooms.join(&1, ["a", "b", "a"]).map(sorted), Ok(vec!["a".into(), "b".into()]));
    assert_eq!(rooms.join(&1, ["b", "c"]).map(sorted), Ok(vec!["c".into()]));
    rooms.join(&2, ["b"]).unwrap();
    assert_eq!(sorted(rooms.rooms_of(&1)), ["a", "b", "c"]);
    assert_eq!(sorted(rooms.names()), ["a", "b", "c"]);
    assert_eq!((rooms.count("b"), rooms.count("d")), (2, 0));
    assert!(rooms.is_in(&2, "b") && !rooms.is_in(&2, "a") && !rooms.is_in(&3, "b"));

    assert_eq!(rooms.leave(&1, "b").as_deref(), Some("b"));
    assert_eq!(rooms.leave(&1, "b"), None);
    assert_eq!(rooms.leave(&3, "b"), None);
    assert_eq!(sorted(rooms.leave_all(&1)), ["a", "c"]);
    assert!(rooms.leave_all(&1).is_empty());
    assert_eq!(sorted(rooms.names()), ["b"]);
}

#[test]
fn each_member_of_several_rooms_is_told_once_and_the_excepted_never() {
    let mut rooms = rooms();
    for (member, room) in [(1, "a"), (2, "a"), (2, "b"), (3, "b"), (4, "c")] {
        rooms.join(&member, [room]).unwrap();
    }
    assert_eq!(heard(&mut rooms, &["a", "b", "a", "none"], &[]), [1, 2, 3]);
    assert_eq!(heard(&mut rooms, &["a", "b"], &[2, 9]), [1, 3]);
    assert_eq!(heard(&mut rooms, &["a"], &[1, 1]), [2]);
    assert!(heard(&mut rooms, &["none"], &[]).is_empty());
    assert!(heard(&mut rooms, &[], &[]).is_empty());
    let mut everybody = rooms.everybody(&[2]);
    everybody.sort_unstable();
    assert_eq!(everybody, [1, 3, 4]);
    let mut members = rooms.members(["a", "b"]);
    members.sort_unstable();
    assert_eq!(members, [1, 2, 3]);
}

#[test]
fn the_audience_of_a_room_is_kept_until_somebody_comes_or_goes() {
    let mut rooms = rooms();
    for member in 0..3 {
        rooms.join(&member, ["a", "b"]).unwrap();
    }
    let first = audience(&mut rooms, &["a"], &[]);
    rooms.join(&3, ["b"]).unwrap();
    assert!(Arc::ptr_eq(&first, &audience(&mut rooms, &["a"], &[])));
    rooms.join(&3, ["a"]).unwrap();
    assert_eq!(heard(&mut rooms, &["a"], &[]), [0, 1, 2, 3]);
    rooms.leave(&0, "a");
    assert_eq!(heard(&mut rooms, &["a"], &[]), [1, 2, 3]);
    rooms.leave_all(&1);
    assert_eq!(heard(&mut rooms, &["a"], &[]), [2, 3]);
}

#[test]
fn a_name_with_a_star_hears_what_is_written_to_the_names_that_it_stands_for() {
    let mut rooms = rooms();
    for (member, room) in [(1, "user:*"), (2, "user:*:*"), (3, "user:*:*:123"), (4, "user:x")] {
        rooms.join(&member, [room]).unwrap();
    }
    assert_eq!(heard(&mut rooms, &["user:jb:abc:123"], &[]), [1, 2, 3]);
    assert_eq!(heard(&mut rooms, &["user:x"], &[]), [1, 4]);
    assert_eq!(heard(&mut rooms, &["user:x:y", "user:x"], &[1]), [2, 4]);
    assert_eq!(heard(&mut rooms, &["user:*"], &[]), [1]);
    assert!(heard(&mut rooms, &["other"], &[]).is_empty());
    // Otherwise a name is only itself.
    assert_eq!(rooms.count("user:jb:abc:123"), 0);
    assert!(rooms.members(["user:x:y"]).is_empty());

    rooms.join(&4, ["user:y"]).unwrap();
    assert_eq!(sorted(rooms.leave_like(&4, "user:*")), ["user:x", "user:y"]);
    assert_eq!(sorted(rooms.leave_like(&1, "user:*")), ["user:*"]);
    assert!(heard(&mut rooms, &["user:x"], &[]).is_empty());

    let mut literal: Rooms = Table::new(false, BOUNDS);
    literal.join(&1, ["user:*"]).unwrap();
    assert!(heard(&mut literal, &["user:x"], &[]).is_empty());
    assert_eq!(heard(&mut literal, &["user:*"], &[]), [1]);
}

#[test]
fn a_room_is_emptied_of_all_and_only_its_members() {
    let mut rooms = rooms();
    for member in 0..5 {
        rooms.join(&member, ["a"]).unwrap();
    }
    rooms.join(&2, ["b"]).unwrap();
    let (name, out) = rooms.empty("a").unwrap();
    assert_eq!((&*name, out), ("a", vec![0, 1, 2, 3, 4]));
    assert_eq!(rooms.empty("a"), None);
    assert_eq!(sorted(rooms.names()), ["b"]);
    assert_eq!(heard(&mut rooms, &["a", "b"], &[]), [2]);
}

#[test]
fn what_is_too_much_is_refused_and_changes_nothing() {
    let mut rooms: Rooms = Table::new(true, Bounds { rooms: 3, wildcards: 1, name: 4 });
    assert_eq!(rooms.join(&1, ["a", ""]), Err(Refused::NoName));
    assert_eq!(rooms.join(&1, ["a", "12345"]), Err(Refused::LongName(4)));
    assert_eq!(rooms.join(&1, ["a", "b", "c", "d"]), Err(Refused::Rooms(3)));
    assert_eq!(rooms.join(&1, ["a*", "a", "b*"]), Err(Refused::Wildcards(1)));
    assert!(rooms.names().is_empty() && rooms.rooms_of(&1).is_empty());

    rooms.join(&1, ["a*", "a"]).unwrap();
    rooms.join(&1, ["a", "b", "a*"]).unwrap();
    assert_eq!(rooms.join(&1, ["a", "c"]), Err(Refused::Rooms(3)));
    assert_eq!(sorted(rooms.rooms_of(&1)), ["a", "a*", "b"]);
    rooms.leave(&1, "a*");
    rooms.join(&1, ["c*"]).unwrap();
    // A name that nobody can have is nobody's, with wildcards or not.
    rooms.join(&2, ["*"]).unwrap();
    assert_eq!(heard(&mut rooms, &["12345", "1234"], &[]), [2]);
}

#[test]
fn a_table_that_was_full_and_is_empty_keeps_nothing() {
    let mut rooms: Rooms = Table::new(true, Bounds { rooms: usize::MAX, ..BOUNDS });
    for member in 0..100 {
        for room in 0..100 {
            rooms.join(&member, [&*format!("{member}:{room}*"), &*format!("{room}")]).unwrap();
        }
    }
    audience(&mut rooms, &["1", "2"], &[]);
    for member in 0..100 {
        assert_eq!(rooms.leave_all(&member).len(), 200);
    }
    assert!(rooms.names().is_empty());
    assert!(rooms.names.capacity() < 64 && rooms.numbers.capacity() < 64);
}

#[test]
fn what_is_let_go_of_can_be_dropped_elsewhere() {
    let member = Arc::new(());
    let mut rooms: Table<Arc<()>, Arc<str>> = Table::new(true, BOUNDS);
    let audience: Arc<str> = "an audience".into();
    rooms.join(&member, ["a"]).unwrap();
    rooms.audience(["a"], &[], |_| audience.clone());
    rooms.leave_all(&member);
    assert_eq!((Arc::strong_count(&member), Arc::strong_count(&audience)), (3, 2));
    drop(std::mem::take(&mut rooms.dropped));
    assert_eq!((Arc::strong_count(&member), Arc::strong_count(&audience)), (1, 1));
}

/// The same with sets.
#[derive(Default)]
struct Model(BTreeSet<(u32, String)>);

impl Model {
    fn heard(&self, name: &str, except: u32) -> Vec<u32> {
        let in_it = self.0.iter().filter(|(_, room)| room == name || wildcard::matches(room, name));
        let heard: BTreeSet<_> =
            in_it.map(|(member, _)| *member).filter(|m| *m != except).collect();
        heard.into_iter().collect()
    }

    fn take(&mut self, out: impl Fn(u32, &str) -> bool) -> Vec<(u32, String)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(m, r)| out(*m, r));
        self.0 = left;
        BTreeSet::into_iter(taken).collect()
    }
}

#[test]
fn whatever_is_done_it_is_as_with_sets() {
    const NAMES: &[&str] = &["a", "b", "ab", "a*", "*b", "*", "a*b", "abc", "c", "*c*"];
    let mut random = fastrand::Rng::with_seed(7);
    let (mut rooms, mut model) = (rooms(), Model::default());
    let mut counts = BTreeMap::new();
    for _ in 0..20_000 {
        let (member, name) = (random.u32(0..12), NAMES[random.usize(0..NAMES.len())]);
        let done = random.u32(0..100);
        *counts.entry(done).or_insert(0) += 1;
        match done {
            0..55 => {
                let new = model.0.insert((member, name.into()));
                assert_eq!(rooms.join(&member, [name]).unwrap().len(), usize::from(new));
            }
            55..80 => {
                let was = !model.take(|m, room| m == member && room == name).is_empty();
                assert_eq!(rooms.leave(&member, name).is_some(), was);
            }
            80..85 => {
                let out = model.take(|m, _| m == member).into_iter().map(|(_, room)| room);
                assert_eq!(sorted(rooms.leave_all(&member)), out.collect::<Vec<_>>());
            }
            85..90 => {
                let like = |m, room: &str| m == member && wildcard::matches(name, room);
                let out = model.take(like).into_iter().map(|(_, room)| room);
                assert_eq!(sorted(rooms.leave_like(&member, name)), out.collect::<Vec<_>>());
            }
            90..92 => {
                let out = model.take(|_, room| room == name).into_iter().map(|(m, _)| m);
                let mut emptied = rooms.empty(name).map_or(Vec::new(), |(_, out)| out);
                emptied.sort_unstable();
                assert_eq!(emptied, out.collect::<Vec<_>>());
            }
            _ => {
                assert_eq!(heard(&mut rooms, &[name], &[]), model.heard(name, u32::MAX));
                assert_eq!(heard(&mut rooms, &[name], &[member]), model.heard(name, member));
                let all: BTreeSet<_> = model.0.iter().map(|(_, room)| room.clone()).collect();
                assert_eq!(sorted(rooms.names()), all.into_iter().collect::<Vec<_>>());
                let count = model.0.iter().filter(|(_, room)| room == name).count();
                assert_eq!(rooms.count(name), count);
                let wild = rooms.numbers.get(&member).map_or(0, |at| rooms.seats[*at].wildcards);
                let starred = model.0.iter().filter(|(m, room)| *m == member && room.contains('*'));
                assert_eq!(wild, starred.count());
            }
        }
    }
    assert!(counts.len() == 100 && !model.0.is_empty());
}
