//! Both ends together, without a socket: a server of rooms, clients whose connections are
//! cut at any point, and what came to each.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::{bounds, log_of};
use crate::plugins::history::core::{self, Job, Live, Reader, Recipients};
use crate::plugins::history::log::{Bounds, Entry, Log};
use crate::plugins::history::seat::Seat;
use crate::plugins::history::tracker::{Recovered, Tracker};
use crate::plugins::history::wire::{At, Heard, Hello, Report};
use crate::value::Value;

/// A connection of a client, on the server.
#[derive(Clone)]
struct Peer(Rc<Conn>);

struct Conn {
    id: String,
    number: usize,
    seat: Option<RefCell<Seat>>,
    /// What is on its way to it.
    wire: RefCell<VecDeque<Heard>>,
    rooms: RefCell<BTreeSet<String>>,
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Peer {}

impl Hash for Peer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl Reader for Peer {
    type Many = Vec<Peer>;

    fn many(those: Vec<Peer>) -> Vec<Peer> {
        those
    }

    fn id(&self) -> &str {
        &self.0.id
    }

    fn seat<R>(&self, look: impl FnOnce(&mut Seat) -> R) -> Option<R> {
        self.0.seat.as_ref().map(|seat| look(&mut seat.borrow_mut()))
    }
}

/// A client: what came to it, and what it was told.
struct User {
    tracker: Tracker,
    got: Vec<(String, u64)>,
    told: Vec<Recovered>,
    conn: Option<Peer>,
    hello: Option<Hello>,
}

struct World {
    log: Log,
    now: Instant,
    users: Vec<User>,
    /// What each should have got, by room.
    written: BTreeMap<String, Vec<u64>>,
    next: u64,
    conns: u64,
    rng: fastrand::Rng,
}

const ROOMS: [&str; 3] = ["a", "b", "c"];

impl World {
    fn new(seed: u64, users: usize, bounds: Bounds) -> Self {
        let user = |_| User {
            tracker: Tracker::new(10),
            got: Vec::new(),
            told: Vec::new(),
            conn: None,
            hello: None,
        };
        World {
            log: log_of(bounds, &format!("{seed}-")),
            now: Instant::now(),
            users: (0..users).map(user).collect(),
            written: BTreeMap::new(),
            next: 0,
            conns: 0,
            rng: fastrand::Rng::with_seed(seed),
        }
    }

    fn connected(&self) -> Vec<Peer> {
        self.users.iter().filter_map(|user| user.conn.clone()).collect()
    }

    fn connect(&mut self, user: usize) {
        if self.users[user].conn.is_some() {
            return;
        }
        self.conns += 1;
        let id = format!("spark {}", self.conns);
        let seat = Some(RefCell::new(Seat::new(&format!("client {user}"), &id)));
        let conn =
            Conn { id, number: user, seat, wire: RefCell::default(), rooms: RefCell::default() };
        let user = &mut self.users[user];
        user.hello = Some(user.tracker.hello());
        user.conn = Some(Peer(Rc::new(conn)));
    }

    fn greet(&mut self, user: usize) {
        let user = &mut self.users[user];
        let (Some(peer), Some(hello)) = (user.conn.clone(), user.hello.take()) else { return };
        let rooms = core::greet(&peer, hello).unwrap();
        let (replays, missing) = core::bring(&mut self.log, &peer, &rooms, (self.now, 0), true);
        assert!(missing.is_empty());
        perform(Job::Bring { reader: peer.clone(), replays, first: true });
        // Once more is once too often.
        assert!(core::greet(&peer, Hello::default()).is_none());
    }

    fn move_to(&mut self, user: usize, room: &str, inside: bool) {
        let Some(peer) = self.users[user].conn.clone() else { return };
        match inside {
            true => peer.0.rooms.borrow_mut().insert(room.to_owned()),
            false => peer.0.rooms.borrow_mut().remove(room),
        };
        let is_in = |room: &str| peer.0.rooms.borrow().contains(room);
        let (came, left) = core::moved(&mut self.log, &peer, &[room.into()], self.now, is_in);
        let (replays, _) = core::bring(&mut self.log, &peer, &came, (self.now, 0), true);
        if !replays.is_empty() {
            perform(Job::Bring { reader: peer.clone(), replays, first: false });
        }
        if !left.is_empty() {
            perform(Job::Left { reader: peer, rooms: left });
        }
    }

    fn write(&mut self, rooms: &[&str], except: Option<usize>) {
        self.next += 1;
        let peers = self.connected();
        let mut out = Vec::new();
        let left_out = except.and_then(|user| self.users[user].conn.clone());
        if let Some(peer) = left_out {
            out.extend([peer.id().to_owned(), peer.seat(|seat| seat.client().to_owned()).unwrap()]);
        }
        let id = (rooms.len() > 1).then(|| format!("m{}", self.next).into());
        let entry = Entry::new(id, out, Value::from(self.next));
        let kept: Vec<Arc<str>> = rooms.iter().map(|room| (*room).into()).collect();
        let members = |room: &str| {
            let is_in = |peer: &&Peer| peer.0.rooms.borrow().contains(room);
            peers.iter().filter(is_in).cloned().collect::<Vec<_>>()
        };
        let members: Vec<_> = rooms.iter().map(|room| members(room)).collect();
        let mut all: Vec<Peer> = Vec::new();
        for peer in members.iter().flatten() {
            if !all.contains(peer) {
                all.push(peer.clone());
            }
        }
        let recipients = Recipients { all, members };
        let places = core::keep(&mut self.log, &kept, &entry, self.now);
        let (mut live, _) = core::live(&entry, &places, &recipients, None, self.now);
        let anew = std::mem::take(&mut live.anew);
        perform(Job::Write(live, ()));
        for (peer, room) in anew {
            core::news(&self.log, &room, [&peer], false).into_iter().for_each(perform);
        }
        for room in rooms {
            self.written.entry((*room).to_owned()).or_default().push(self.next);
        }
    }

    /// Brings so many messages to a client.
    fn deliver(&mut self, user: usize, most: usize) {
        let user = &mut self.users[user];
        let Some(peer) = user.conn.clone() else { return };
        for _ in 0..most {
            let Some(heard) = peer.0.wire.borrow_mut().pop_front() else { return };
            match heard {
                Heard::Message { id, at, data } => {
                    let judged = user.tracker.judge(id, &at);
                    user.told.extend(judged.torn);
                    if let Some(data) = data.filter(|_| judged.is_new) {
                        let rooms: Vec<_> = at.iter().map(|(room, _)| &**room).collect();
                        user.got.push((rooms.join(","), data.as_u64().unwrap()));
                    }
                }
                Heard::Hello { spark, reports } => {
                    user.tracker.is_spark(spark);
                    user.told.extend(user.tracker.report(reports));
                }
                Heard::Rooms { reports } => user.told.extend(user.tracker.report(reports)),
                Heard::Left { rooms } => rooms.iter().for_each(|room| user.tracker.left(room)),
            }
        }
    }

    /// The connection is lost, with what is on its way.
    fn cut(&mut self, user: usize) {
        self.users[user].conn = None;
        self.users[user].hello = None;
    }
}

/// Puts on the wire what is to be done.
fn perform(job: Job<Peer, ()>) {
    let say = |peer: &Peer, heard| peer.0.wire.borrow_mut().push_back(heard);
    let message = |entry: &Entry, at: Vec<At>, without: bool| Heard::Message {
        id: entry.id.as_deref().map(str::to_owned),
        at,
        data: (!without).then(|| entry.value.clone()),
    };
    match job {
        Job::Write(Live { entry, plain, groups, .. }, ()) => {
            assert!(plain.is_none(), "all have the other half");
            for group in groups {
                for peer in group.readers {
                    say(&peer, message(&entry, group.at.clone(), group.without));
                }
            }
        }
        Job::Bring { reader, replays, first } => {
            let mut reports: Vec<Report> = Vec::new();
            for replay in replays {
                let mut report = replay.report;
                for (entry, n) in replay.entries.iter().zip(0..) {
                    let without = entry.leaves_out(&replay.ids);
                    let at = vec![(report.room.clone(), replay.from.after(n))];
                    say(&reader, message(entry, at, without));
                    report.count += u64::from(!without);
                }
                reports.push(report);
            }
            let heard = match first {
                true => Heard::Hello { spark: reader.id().to_owned(), reports },
                false => Heard::Rooms { reports },
            };
            say(&reader, heard);
        }
        Job::Tell { reader, report } => say(&reader, Heard::Rooms { reports: vec![report] }),
        Job::Left { reader, rooms } => {
            let rooms = rooms.iter().map(|room| (**room).to_owned()).collect();
            say(&reader, Heard::Left { rooms });
        }
    }
}

/// Whoever stays a member has, through any cuts, all messages once and in the order of
/// each room, but for those in which it was left out.
#[test]
fn members_have_everything_once_and_in_order_through_any_cuts() {
    for seed in 0..400 {
        let mut world = World::new(seed, 3, bounds());
        let mut out: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
        for user in 0..3 {
            world.connect(user);
            world.greet(user);
            ROOMS.iter().for_each(|room| world.move_to(user, room, true));
            world.deliver(user, usize::MAX);
        }
        for _ in 0..300 {
            let user = world.rng.usize(..3);
            match world.rng.u32(..12) {
                0 => world.cut(user),
                1 => world.connect(user),
                2 => world.greet(user),
                3 => {
                    let room = world.rng.choice(ROOMS).unwrap();
                    world.move_to(user, room, true);
                }
                4..=6 => {
                    let most = world.rng.usize(..6);
                    world.deliver(user, most);
                }
                7 => {
                    let pair = [["a", "b"], ["b", "c"], ["c", "a"]][world.rng.usize(..3)];
                    world.write(&pair, None);
                }
                8 => {
                    world.write(&["a"], Some(user));
                    if world.users[user].conn.is_some() {
                        out.entry(user).or_default().insert(world.next);
                    }
                }
                _ => {
                    let room = world.rng.choice(ROOMS).unwrap();
                    world.write(&[room], None);
                }
            }
        }
        for user in 0..3 {
            world.connect(user);
            world.greet(user);
            ROOMS.iter().for_each(|room| world.move_to(user, room, true));
            world.deliver(user, usize::MAX);
        }
        let all: BTreeSet<u64> = world.written.values().flatten().copied().collect();
        for (number, user) in world.users.iter().enumerate() {
            assert_eq!(user.conn.as_ref().unwrap().0.number, number);
            let left_out = out.remove(&number).unwrap_or_default();
            let wanted: Vec<u64> = all.difference(&left_out).copied().collect();
            let mut got: Vec<u64> = user.got.iter().map(|(_, n)| *n).collect();
            assert!(user.told.iter().all(|told| told.whole), "seed {seed}: {:?}", user.told);
            for room in &world.written {
                let of_room = |n: &&u64| room.1.contains(n);
                let list: Vec<u64> = got.iter().filter(of_room).copied().collect();
                // A message to two rooms may come with what was missed in either.
                let single =
                    |n: &&u64| world.written.values().filter(|w| w.contains(n)).count() == 1;
                assert!(list.iter().filter(single).is_sorted(), "seed {seed}: {list:?}");
            }
            got.sort_unstable();
            assert_eq!(got, wanted, "seed {seed}, user {number}");
        }
    }
}

/// With short bounds, and rooms that are left: what did not come was told.
#[test]
fn what_did_not_come_was_told() {
    for seed in 0..400 {
        let bounds = Bounds { messages: 4, rooms: 2, ..bounds() };
        let mut world = World::new(seed, 2, bounds);
        for _ in 0..400 {
            let user = world.rng.usize(..2);
            let room = *world.rng.choice(ROOMS.iter()).unwrap();
            match world.rng.u32(..10) {
                0 => world.cut(user),
                1 => {
                    world.connect(user);
                    world.greet(user);
                    ["a", "b"].iter().for_each(|room| world.move_to(user, room, true));
                }
                2..=4 => world.deliver(user, 20),
                _ => world.write(&[room], None),
            }
        }
        for user in &world.users {
            for room in ["a", "b"] {
                let Some(written) = world.written.get(room) else { continue };
                let got: Vec<u64> =
                    user.got.iter().filter(|(of, _)| of == room).map(|(_, n)| *n).collect();
                assert!(got.is_sorted_by(|a, b| a < b), "seed {seed}: {got:?}");
                let (Some(first), Some(last)) = (got.first(), got.last()) else { continue };
                let whole: Vec<u64> =
                    written.iter().filter(|n| *n >= first && *n <= last).copied().collect();
                let torn = user.told.iter().any(|told| told.room == room && !told.whole);
                assert!(got == whole || torn, "seed {seed}: {got:?}, {whole:?}");
            }
        }
    }
}

/// Nor is what is written when somebody is in a room, and nobody has told of that yet.
#[test]
fn what_is_written_before_it_is_told_who_came_is_not_lost() {
    for greeted in [true, false] {
        let mut world = World::new(1, 1, bounds());
        world.connect(0);
        if greeted {
            world.greet(0);
        }
        let peer = world.users[0].conn.clone().unwrap();
        peer.0.rooms.borrow_mut().insert("a".to_owned());
        world.write(&["a"], None);
        world.move_to(0, "a", true);
        world.write(&["a"], None);
        world.greet(0);
        world.deliver(0, usize::MAX);
        let got: Vec<u64> = world.users[0].got.iter().map(|(_, n)| *n).collect();
        assert_eq!((got, world.users[0].told.len()), (vec![1, 2], 0));
    }
}
