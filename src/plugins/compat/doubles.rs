//! Which numbered messages have come from whom: one that was under way when its server's
//! connection to Redis broke is sent again, and is to be heard once.
//!
//! Only what has really come is a double. A number that somebody forges makes nobody deaf to
//! more than the one message that has it: nothing here says what the numbers of a server
//! really are, as the signs of life of `cluster` do.

use std::collections::HashMap;
use std::hash::Hash;

/// The server that was silent longest is forgotten for one more than so many.
const MOST_SERVERS: usize = 4_096;

/// So many stretches of numbers are kept of a server; numbers that are missing part them.
const MOST_STRETCHES: usize = 64;

/// See the [module](self).
pub(super) struct Doubles<K> {
    servers: HashMap<K, Server>,
    /// Counts what is heard.
    now: u64,
}

#[derive(Default)]
struct Server {
    /// First and last number of each, in order, apart.
    stretches: Vec<(u64, u64)>,
    heard: u64,
}

impl<K> Default for Doubles<K> {
    fn default() -> Self {
        Doubles { servers: HashMap::new(), now: 0 }
    }
}

impl<K: Clone + Eq + Hash> Doubles<K> {
    /// Whether the message of this server with this number has come before.
    pub fn is_double(&mut self, server: &K, number: u64) -> bool {
        self.now += 1;
        if !self.servers.contains_key(server) {
            self.make_room();
        }
        let server = self.servers.entry(server.clone()).or_default();
        server.heard = self.now;
        server.is_double(number)
    }

    fn make_room(&mut self) {
        if self.servers.len() < MOST_SERVERS {
            return;
        }
        let oldest = self.servers.iter().min_by_key(|(_, server)| server.heard);
        if let Some(oldest) = oldest.map(|(server, _)| server.clone()) {
            self.servers.remove(&oldest);
        }
    }
}

impl Server {
    fn is_double(&mut self, number: u64) -> bool {
        let all = &mut self.stretches;
        // The first that does not end before it.
        let at = all.partition_point(|(_, last)| *last < number);
        if all.get(at).is_some_and(|(first, _)| *first <= number) {
            return true;
        }
        let follows = at > 0 && all[at - 1].1 + 1 == number;
        let precedes = all.get(at).is_some_and(|(first, _)| *first - 1 == number);
        match (follows, precedes) {
            (true, true) => {
                all[at - 1].1 = all[at].1;
                all.remove(at);
            }
            (true, false) => all[at - 1].1 = number,
            (false, true) => all[at].0 = number,
            (false, false) => {
                all.insert(at, (number, number));
                if all.len() > MOST_STRETCHES {
                    all.remove(0);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_is_a_double_and_what_was_missing_is_none() {
        let mut doubles = Doubles::default();
        let mut is_double = |number| doubles.is_double(&1, number);
        assert_eq!([5, 6, 7].map(&mut is_double), [false; 3]);
        assert_eq!([6, 7, 8].map(&mut is_double), [true, true, false]);
        // Some are lost, and come after all.
        assert_eq!([12, 10, 11].map(&mut is_double), [false; 3]);
        assert_eq!([9, 4, 4].map(&mut is_double), [false, false, true]);
        for number in 4..=12 {
            assert!(is_double(number), "{number}");
        }
        assert_eq!([3, 13, u64::MAX, 0, u64::MAX, 0].map(is_double)[..4], [false; 4]);
        assert_eq!(doubles.servers[&1].stretches, [(0, 0), (3, 13), (u64::MAX, u64::MAX)]);
        assert!(!doubles.is_double(&2, 7), "that of another server");
    }

    #[test]
    fn forged_numbers_make_nobody_deaf() {
        let mut doubles = Doubles::default();
        assert!((0..1_000).all(|number| !doubles.is_double(&1, 1_000_000 + number * 2)));
        assert!((0..1_000).all(|number| !doubles.is_double(&1, number)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut doubles = Doubles::default();
        for number in 0..1_000 {
            doubles.is_double(&0, number * 2);
        }
        assert_eq!(doubles.servers[&0].stretches.len(), MOST_STRETCHES);
        assert!(doubles.is_double(&0, 1_998) && !doubles.is_double(&0, 1_999));
        for server in 1..=MOST_SERVERS {
            doubles.is_double(&server, 1);
        }
        assert_eq!(doubles.servers.len(), MOST_SERVERS);
        assert!(!doubles.servers.contains_key(&0));
    }
}
