//! Requests for sessions that do not exist, counted by where they come from.
//!
//! Ids cannot be guessed; this tells clients that try, and tools that watch the
//! answers, that the attempt is seen (429), while clients whose session has
//! just ended are far from the bound.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::http::server::{Owner, Request};
use crate::sync::Lock;
use crate::transformers::serve::Host;

/// The time for which they count.
const SPAN: Duration = Duration::from_secs(60);

/// Most addresses that are remembered.
const ADDRESSES: usize = 1_024;

/// The counters. The lock is held for a look at the table; nothing else is
/// taken meanwhile.
#[derive(Default)]
pub(crate) struct Guesses {
    table: Lock<HashMap<Owner, Count>>,
}

struct Count {
    since: Instant,
    guesses: u32,
}

impl Guesses {
    /// Counts this request for a session that is unknown; true if it is one too many of
    /// those that come from there.
    pub fn is_one_too_many(&self, host: &dyn Host, request: &Request) -> bool {
        self.count(host.owner(request), host.limits().unknown_sessions, host.timer().now())
    }

    /// Counts one; true if there were more than `most` from this address
    /// within a minute.
    fn count(&self, from: Owner, most: u32, now: Instant) -> bool {
        let mut table = self.table.lock();
        if table.len() >= ADDRESSES && !table.contains_key(&from) {
            make_room(&mut table, now);
        }
        let count = table.entry(from).or_insert(Count { since: now, guesses: 0 });
        if now.saturating_duration_since(count.since) >= SPAN {
            *count = Count { since: now, guesses: 0 };
        }
        count.guesses = count.guesses.saturating_add(1);
        count.guesses > most
    }
}

/// Forgets the addresses whose minute is over, or else the one that came first.
fn make_room(table: &mut HashMap<Owner, Count>, now: Instant) {
    table.retain(|_, count| now.saturating_duration_since(count.since) < SPAN);
    if table.len() >= ADDRESSES {
        let first = table.iter().min_by_key(|(_, count)| count.since).map(|(from, _)| *from);
        first.and_then(|from| table.remove(&from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(n: u32) -> Owner {
        Owner::of(std::net::IpAddr::V4(n.into()))
    }

    #[test]
    fn each_address_has_so_many_in_a_minute() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for _ in 0..3 {
            assert!(!guesses.count(ip(1), 3, start));
        }
        assert!(guesses.count(ip(1), 3, start + SPAN / 2));
        assert!(!guesses.count(ip(2), 3, start));
        assert!(!guesses.count(ip(1), 3, start + SPAN));
        assert!(guesses.count(ip(3), 0, start));
    }

    #[test]
    fn the_table_is_bounded() {
        let (guesses, start) = (Guesses::default(), Instant::now());
        for n in 0..5_000 {
            guesses.count(ip(n), 1, start + Duration::from_micros(n.into()));
            assert!(guesses.table.lock().len() <= ADDRESSES);
        }
        // The latest are remembered, the first forgotten.
        assert!(guesses.count(ip(4_999), 1, start + SPAN / 2));
        assert!(!guesses.count(ip(0), 1, start + SPAN / 2));
        guesses.count(ip(7), 1, start + 2 * SPAN);
        assert_eq!(guesses.table.lock().len(), 1);
    }
}
