//! Messages of this server that Redis has not published yet, as far as is known here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::plugins::history::log::Entry;

/// How long Redis may take before the members here get a message without its place.
pub(super) const EARLY: Duration = Duration::from_secs(1);

/// How long after a later one a message is heard of that Redis has not refused.
const REFUSED: Duration = Duration::from_secs(10);

/// So many may wait; beyond it the oldest counts as refused.
const MOST_PENDING: usize = 20_000;

/// A message on its way.
#[derive(Debug)]
pub(super) struct Pending {
    /// Its number among those that were sent to Redis, and among all of this server's.
    pub sent: u64,
    pub number: u64,
    pub entry: Arc<Entry>,
    pub names: Arc<[String]>,
    pub rooms: Arc<[Arc<str>]>,
    pub at: Instant,
    /// The members here have it.
    pub early: bool,
    /// Since when a later one is published.
    pub passed: Option<Instant>,
}

/// Those on their way, in order.
#[derive(Debug, Default)]
pub(super) struct Pendings {
    list: VecDeque<Pending>,
    /// Those that the members here do not have.
    not_early: usize,
}

impl Pendings {
    pub fn push(&mut self, pending: Pending) {
        self.not_early += usize::from(!pending.early);
        self.list.push_back(pending);
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    fn remove(&mut self, at: usize) -> Option<Pending> {
        let pending = self.list.remove(at)?;
        self.not_early -= usize::from(!pending.early);
        Some(pending)
    }

    /// One is published: it, if it was on its way.
    pub fn published(&mut self, sent: u64, now: Instant) -> Option<Pending> {
        for before in self.list.iter_mut().take_while(|pending| pending.sent < sent) {
            before.passed.get_or_insert(now);
        }
        let at = self.list.binary_search_by_key(&sent, |pending| pending.sent).ok()?;
        self.remove(at)
    }

    /// The one of this id was found where it is kept.
    pub fn found(&mut self, id: &str) -> Option<Pending> {
        let at = self.list.iter().position(|pending| pending.entry.id.as_deref() == Some(id))?;
        self.remove(at)
    }

    /// Those that the members here are to have now, because Redis takes too long or is
    /// away; they stay.
    pub fn late(&mut self, now: Instant, away: bool) -> Vec<&Pending> {
        let is_late = |pending: &Pending| {
            !pending.early && (away || now.saturating_duration_since(pending.at) >= EARLY)
        };
        let mut late = Vec::new();
        if self.not_early == 0 {
            return late;
        }
        for pending in &mut self.list {
            if is_late(pending) {
                pending.early = true;
                late.push(&*pending);
            }
        }
        self.not_early -= late.len();
        late
    }

    /// Takes out those that Redis has refused, and those that are too many.
    pub fn refused(&mut self, now: Instant) -> Vec<Pending> {
        let mut refused = Vec::new();
        let is_refused = |pending: &Pending| {
            pending.passed.is_some_and(|at| now.saturating_duration_since(at) >= REFUSED)
        };
        while self.list.len() > MOST_PENDING || self.list.front().is_some_and(is_refused) {
            refused.extend(self.remove(0));
        }
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(sent: u64, at: Instant) -> Pending {
        let entry = Entry::new(Some(format!("w.{sent}").into()), Vec::new(), sent.into());
        let (names, rooms) = (Arc::from([]), Arc::from([]));
        Pending { sent, number: sent, entry, names, rooms, at, early: false, passed: None }
    }

    #[test]
    fn each_is_published_found_late_or_refused() {
        let (mut all, now) = (Pendings::default(), Instant::now());
        (1..=5).for_each(|sent| all.push(pending(sent, now)));
        assert_eq!(all.published(2, now).unwrap().sent, 2);
        assert!(all.published(2, now).is_none() && all.published(9, now).is_none());
        assert_eq!(all.found("w.4").unwrap().sent, 4);
        assert!(all.found("w.4").is_none());
        assert!(all.late(now, false).is_empty());
        let late = |late: Vec<&Pending>| late.iter().map(|one| one.sent).collect::<Vec<_>>();
        assert_eq!(late(all.late(now, true)), [1, 3, 5]);
        assert!(all.late(now + EARLY, false).is_empty());
        all.push(pending(6, now));
        assert_eq!(late(all.late(now + EARLY, false)), [6]);
        // The number 9 passed them all.
        assert!(all.refused(now).is_empty());
        let refused = all.refused(now + REFUSED);
        assert_eq!(refused.iter().map(|one| one.sent).collect::<Vec<_>>(), [1, 3, 5]);
        assert!(!all.is_empty());
        (0..MOST_PENDING as u64 + 10).for_each(|n| all.push(pending(10 + n, now)));
        assert_eq!(all.refused(now).len(), 11);
    }
}
