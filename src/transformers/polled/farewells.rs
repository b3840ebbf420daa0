//! What is still owed to the clients of sessions that are over.
//!
//! A poll that the network or the machine has kept back, or that is the client's
//! next one, comes when its session has ended. It gets what it would have got if it
//! had come before: in one protocol the answer that ended the one poll of a client
//! which has closed its session by a POST, in another the word of the end, which
//! every receiver gets that comes.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::sync::Lock;

/// How much later than the end a poll may come, by default.
const SPAN: Duration = Duration::from_secs(5);

/// So many are remembered, the latest, by default.
const MOST: usize = 1_024;

/// The answers that are owed, by session.
///
/// The lock is held for a look at the table; nothing else is taken meanwhile.
pub(crate) struct Farewells<A> {
    span: Duration,
    most: usize,
    table: Lock<Table<A>>,
}

struct Table<A> {
    owed: HashMap<String, A>,
    /// When each was put there, the oldest first; also of those that were taken.
    since: VecDeque<(Instant, String)>,
}

impl<A> Default for Farewells<A> {
    fn default() -> Self {
        Farewells::new(SPAN, MOST)
    }
}

impl<A> Farewells<A> {
    /// Remembers this many, each for so long.
    pub fn new(span: Duration, most: usize) -> Self {
        let table = Table { owed: HashMap::new(), since: VecDeque::new() };
        Farewells { span, most, table: Lock::new(table) }
    }

    /// Whoever comes soon for this session gets this answer: the first of them, or
    /// each, as [`take`](Self::take) or [`owed`](Self::owed) is asked.
    pub fn owe(&self, sid: &str, answer: A, now: Instant) {
        let mut table = self.table.lock();
        table.forget(self.most - 1, self.span, now);
        table.owed.insert(sid.to_owned(), answer);
        table.since.push_back((now, sid.to_owned()));
    }

    /// What every poll of a session that is over gets.
    pub fn owed(&self, sid: &str, now: Instant) -> Option<A>
    where
        A: Clone,
    {
        let mut table = self.table.lock();
        table.forget(self.most, self.span, now);
        table.owed.get(sid).cloned()
    }

    /// What the one poll of a session that is over gets.
    pub fn take(&self, sid: &str, now: Instant) -> Option<A> {
        let mut table = self.table.lock();
        table.forget(self.most, self.span, now);
        table.owed.remove(sid)
    }
}

impl<A> Table<A> {
    /// Forgets those whose time is over, and the oldest beyond so many.
    fn forget(&mut self, most: usize, span: Duration, now: Instant) {
        let late = |since: Instant| now.saturating_duration_since(since) >= span;
        while self.since.len() > most || self.since.front().is_some_and(|(at, _)| late(*at)) {
            let Some((_, sid)) = self.since.pop_front() else { return };
            self.owed.remove(&sid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_owed_once_and_for_a_time() {
        let farewells = Farewells::default();
        let now = Instant::now();
        let answer = || "6";
        farewells.owe("a", answer(), now);
        farewells.owe("b", answer(), now);
        assert_eq!(farewells.take("c", now), None);
        assert_eq!(farewells.take("a", now + SPAN / 2), Some(answer()));
        assert_eq!(farewells.take("a", now + SPAN / 2), None);
        assert_eq!(farewells.take("b", now + SPAN), None);
        assert!(farewells.table.lock().since.is_empty());
    }

    #[test]
    fn one_that_may_be_taken_often_is_owed_for_its_own_time() {
        let (farewells, now) = (Farewells::new(2 * SPAN, 2), Instant::now());
        ["a", "b", "c"].into_iter().for_each(|sid| farewells.owe(sid, sid, now));
        for _ in 0..3 {
            let owed = ["a", "b", "c"].map(|sid| farewells.owed(sid, now + SPAN));
            assert_eq!(owed, [None, Some("b"), Some("c")]);
        }
        assert_eq!(farewells.owed("c", now + 2 * SPAN), None);
    }

    #[test]
    fn no_more_are_remembered_than_the_bound() {
        let farewells = Farewells::default();
        let now = Instant::now();
        for n in 0..3 * MOST {
            farewells.owe(&n.to_string(), "", now);
        }
        let table = farewells.table.lock();
        assert_eq!((table.owed.len(), table.since.len()), (MOST, MOST));
        assert!(!table.owed.contains_key("0"));
    }
}
