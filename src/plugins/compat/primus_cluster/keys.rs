//! The lists of members that `primus-cluster` keeps in Redis.
//!
//! `<prefix>room:<room>:<n>` has the ids of a room's members, and `<prefix>socket:<id>:<n>`
//! the rooms of a connection, where `n` is the number of the tenth of a lifetime in which
//! they were written. Who reads takes the last ten together.

use std::time::Duration;

use crate::link::Batch;
use crate::plugins::compat::replies::escaped;

/// So many keys are read together.
const GENERATIONS: u64 = 10;

/// Where the lists are, and how long they last.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub prefix: String,
    pub ttl: Duration,
}

impl Keys {
    /// How long one generation is.
    pub fn span(&self) -> Duration {
        self.ttl / GENERATIONS as u32
    }

    /// The number of the generation at this time, in ms since 1970.
    pub fn generation(&self, now_ms: u64) -> u64 {
        // A lifetime has whole seconds, and at least one: never 0.
        now_ms / u64::try_from(self.span().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn room(&self, room: &str, generation: u64) -> String {
        format!("{}room:{room}:{generation}", self.prefix)
    }

    fn spark(&self, id: &str, generation: u64) -> String {
        format!("{}socket:{id}:{generation}", self.prefix)
    }

    /// The generations that count.
    fn all(now: u64) -> impl Iterator<Item = u64> {
        (0..GENERATIONS).map(move |age| now.saturating_sub(age))
    }

    /// Somebody has come into a room, or is there still.
    pub fn join(&self, batch: &mut Batch, id: &str, room: &str, now: u64) {
        let (spark, members) = (self.spark(id, now), self.room(room, now));
        let ttl = self.ttl.as_secs().to_string();
        batch.add(&["SADD", &spark, room]);
        batch.add(&["SADD", &members, id]);
        batch.add(&["EXPIRE", &spark, &ttl]);
        batch.add(&["EXPIRE", &members, &ttl]);
    }

    /// Somebody has left a room.
    pub fn leave(&self, batch: &mut Batch, id: &str, room: &str, now: u64) {
        for generation in Self::all(now) {
            batch.add(&["SREM", &self.room(room, generation), id]);
            batch.add(&["SREM", &self.spark(id, generation), room]);
        }
    }

    /// The lists in which the members of these rooms are.
    pub fn members(&self, rooms: &[String], now: u64) -> Vec<String> {
        let of = |room: &String| {
            Self::all(now).map(|generation| self.room(room, generation)).collect::<Vec<_>>()
        };
        rooms.iter().flat_map(of).collect()
    }

    /// The pattern of all keys of rooms, as Redis matches it.
    pub fn rooms_pattern(&self) -> String {
        format!("{}room:*", escaped(&self.prefix))
    }

    /// The room whose key this is, if it is one that counts.
    pub fn room_of<'a>(&self, key: &'a str, now: u64) -> Option<&'a str> {
        let (room, generation) =
            key.strip_prefix(&self.prefix)?.strip_prefix("room:")?.rsplit_once(':')?;
        let generation: u64 = generation.parse().ok()?;
        Self::all(now).any(|one| one == generation).then_some(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys { prefix: "primus-cluster:".into(), ttl: Duration::from_secs(86_400) }
    }

    #[test]
    fn names_are_those_that_were_recorded() {
        let keys = keys();
        let now = keys.generation(207_782 * 8_640_000 + 5);
        assert_eq!(now, 207_782);
        assert_eq!(keys.room("news", now), "primus-cluster:room:news:207782");
        assert_eq!(keys.spark("s1-1", now), "primus-cluster:socket:s1-1:207782");
        let lists = keys.members(&["news".into(), "sport".into()], now);
        assert_eq!((lists.len(), &*lists[0]), (20, "primus-cluster:room:news:207782"));
        assert_eq!(lists[19], "primus-cluster:room:sport:207773");
        assert_eq!(keys.rooms_pattern(), "primus-cluster:room:*");
        assert_eq!(keys.room_of("primus-cluster:room:news:207782", now), Some("news"));
        assert_eq!(keys.room_of("primus-cluster:room:a:b:207773", now), Some("a:b"));
        for other in [
            "primus-cluster:room:news:207772",
            "primus-cluster:room:news",
            "primus-cluster:socket:a:207782",
            "room:news:207782",
            "",
        ] {
            assert_eq!(keys.room_of(other, now), None, "{other}");
        }
    }

    #[test]
    fn who_leaves_is_taken_out_of_all_ten() {
        let (keys, mut joins, mut leaves) = (keys(), Batch::new(), Batch::new());
        keys.join(&mut joins, "s1-1", "news", 207_782);
        assert_eq!(joins.len(), 4);
        keys.leave(&mut leaves, "s1-1", "news", 207_782);
        assert_eq!(leaves.len(), 20);
        // At the very beginning of time there are fewer, and one of them ten times.
        keys.leave(&mut leaves, "s1-1", "news", 0);
        let short = Keys { prefix: String::new(), ttl: Duration::from_secs(1) };
        assert_eq!(short.generation(1_000), 10);
    }
}
