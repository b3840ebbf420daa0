//! The channels on which all servers hear each other: one, and on other Redis as many more
//! as messages for rooms are shared out among.
//!
//! | bus | has |
//! |---|---|
//! | the first, of metroplex's link | messages for everybody and for any room, and its share of the rooms |
//! | the others | their share of the rooms |
//!
//! Each has numbers of its own. Whatever comes on any of them is heard, wherever a server
//! would say it itself: so servers need not all share out alike while they are restarted.

use super::peers::Peers;
use crate::link::RedisLink;
use crate::sync::{Lock, rank};

/// One of them.
pub(super) struct Bus {
    pub link: RedisLink,
    pub channel: String,
    /// The last number that this server has said.
    pub said: Lock<u64, rank::Bus>,
    pub peers: Lock<Peers>,
}

impl Bus {
    fn new(link: &RedisLink, channel: String) -> Self {
        Bus { link: link.clone(), channel, said: Lock::default(), peers: Lock::default() }
    }
}

/// All of them, at least one.
pub(super) struct Buses {
    all: Vec<Bus>,
    /// Rooms are shared out among so many; the others are only heard.
    used: usize,
}

impl Buses {
    /// The first, with those that are used beside it, and those that are only heard.
    pub fn new(
        first: &RedisLink,
        used: &[RedisLink],
        heard: &[RedisLink],
        namespace: &str,
    ) -> Self {
        let mut all = vec![Bus::new(first, format!("{namespace}:bus"))];
        // By its number each has a channel of its own, also where two are on the same Redis.
        let more = used.iter().chain(heard).zip(1..);
        all.extend(more.map(|(link, n)| Bus::new(link, format!("{namespace}:bus:{n}"))));
        Buses { all, used: 1 + used.len() }
    }

    /// That of messages for everybody.
    pub fn first(&self) -> &Bus {
        &self.all[0]
    }

    /// That of this number.
    pub fn at(&self, at: usize) -> &Bus {
        &self.all[at]
    }

    /// That of messages for these rooms.
    pub fn of(&self, rooms: &[String]) -> &Bus {
        let place = |room: &String| (spread(room) % self.used as u64) as usize;
        &self.all[rooms.first().map_or(0, place)]
    }

    pub fn iter(&self) -> impl Iterator<Item = &Bus> {
        self.all.iter()
    }

    /// How many servers are heard on the one on which the fewest are.
    pub fn servers(&self) -> usize {
        self.iter().map(|bus| bus.peers.lock().len()).min().unwrap_or(0)
    }
}

/// By which of them a room's messages go: the same on every server, whatever it was built
/// by. The last bits of FNV-1a come from the last bits of the characters alone, and of
/// `chat:7:7` each is there twice; with those from higher up they come from all.
fn spread(room: &str) -> u64 {
    let hash = hash(room);
    hash ^ (hash >> 32)
}

/// FNV-1a, of 64 bits.
fn hash(room: &str) -> u64 {
    room.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_go_everywhere_and_each_always_the_same_way() {
        // As FNV's authors have it.
        assert_eq!((hash(""), hash("foobar")), (0xcbf2_9ce4_8422_2325, 0x8594_4171_f739_67e8));
        let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
        let more = [link.clone(), link.clone()];
        let buses = Buses::new(&link, &more, &more[..1], "ns");
        let channels: Vec<_> = buses.iter().map(|bus| &*bus.channel).collect();
        assert_eq!(channels, ["ns:bus", "ns:bus:1", "ns:bus:2", "ns:bus:3"]);
        let mut counts = std::collections::BTreeMap::<&str, usize>::new();
        for n in 0..3_000 {
            let rooms = [format!("room {n}"), "another".to_owned()];
            let channel = &*buses.of(&rooms).channel;
            assert_eq!(channel, buses.of(&rooms[..1]).channel);
            *counts.entry(channel).or_default() += 1;
        }
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), channels[..3]);
        assert!(counts.values().all(|count| (800..1_200).contains(count)), "{counts:?}");
        assert_eq!(buses.of(&[]).channel, "ns:bus");
    }

    /// As the ids of many applications do, of which the last bits say little.
    #[test]
    fn names_that_are_like_each_other_go_everywhere_too() {
        let link = RedisLink::open("redis://127.0.0.1:1").unwrap();
        let even: fn(usize) -> String = |n| format!("room:{}", 2 * n);
        let twice = |n| format!("chat:{n}:{n}");
        let fours = |n| format!("{:08x}", n << 4);
        for names in [even, twice, fours] {
            for more in 1..8 {
                let buses = Buses::new(&link, &vec![link.clone(); more], &[], "ns");
                let mut counts = std::collections::BTreeMap::<&str, usize>::new();
                for n in 0..8_000 {
                    *counts.entry(&*buses.of(&[names(n)]).channel).or_default() += 1;
                }
                let share = 8_000 / (more + 1);
                let near = share * 4 / 5..share * 6 / 5;
                let even = counts.len() == more + 1 && counts.values().all(|n| near.contains(n));
                assert!(even, "{}: {counts:?}", names(1));
            }
        }
    }
}
