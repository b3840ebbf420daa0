//! What is still owed to clients whose sparks have ended: the last that was written for
//! them, and that it was the last.
//!
//! The answer that has it may be lost with its connection, or the client may just have
//! had no back channel. It comes for it soon, or never: it has no reason to say that it
//! got it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::sync::Lock;
use crate::transformers::browserchannel::arrays::Arrays;

/// Bytes that are kept for all of them.
const OWED_MAX: usize = 16 << 20;

/// Bytes that each counts besides its own.
const COST: usize = 256;

/// The arrays that are owed, by session.
///
/// The table is locked for a look at it, and those of a session while a request is
/// answered with them: no client waits for the answer of another. Neither lock is taken
/// while the other is held, and nothing else is.
pub(in crate::transformers::browserchannel) struct Owed {
    span: Duration,
    table: Lock<Table>,
}

#[derive(Default)]
struct Table {
    owed: HashMap<String, Entry>,
    /// When each was put there, the oldest first; also of those that are gone.
    since: VecDeque<(Instant, String)>,
    /// [`COST`] for each of those, and what is owed.
    bytes: usize,
}

struct Entry {
    arrays: Arc<Lock<Arrays>>,
    /// Bytes of what is owed.
    bytes: usize,
}

impl Owed {
    /// Remembers each for so long.
    pub fn new(span: Duration) -> Self {
        Owed { span, table: Lock::default() }
    }

    /// The client of a session may still come for these.
    pub fn owe(&self, sid: &str, arrays: Arrays, now: Instant) {
        let bytes = arrays.kept();
        let Some(most) = OWED_MAX.checked_sub(COST + bytes) else { return };
        let entry = Entry { arrays: Arc::new(Lock::new(arrays)), bytes };
        let mut table = self.table.lock();
        table.forget(most, self.span, now);
        table.remove(sid);
        table.bytes += COST + bytes;
        table.owed.insert(sid.to_owned(), entry);
        table.since.push_back((now, sid.to_owned()));
    }

    /// Whether something is owed to this session.
    pub fn has(&self, sid: &str, now: Instant) -> bool {
        self.find(sid, now).is_some()
    }

    /// What a back channel gets that comes for the rest, as [`Arrays::put_unsent`] and
    /// [`Arrays::chunk`] have it; `None` where nothing is owed.
    pub fn take<R>(
        &self,
        sid: &str,
        aid: Option<u64>,
        now: Instant,
        take: impl FnOnce(&mut Arrays) -> R,
    ) -> Option<R> {
        let found = self.find(sid, now)?;
        let mut arrays = found.lock();
        let before = arrays.kept();
        let received = aid.map_or(Ok(()), |aid| arrays.acknowledge(aid));
        let freed = before - arrays.kept();
        arrays.begin();
        let taken = (received.is_ok() && arrays.has_unsent()).then(|| take(&mut arrays));
        drop(arrays);
        self.table.lock().free(sid, &found, freed);
        taken
    }

    /// What a request is answered that still sends something.
    pub fn status(&self, sid: &str, now: Instant) -> Option<String> {
        Some(self.find(sid, now)?.lock().status(false))
    }

    /// The client has no interest any more; whether something was owed to it.
    pub fn remove(&self, sid: &str, now: Instant) -> bool {
        let mut table = self.table.lock();
        table.forget(OWED_MAX, self.span, now);
        table.remove(sid)
    }

    fn find(&self, sid: &str, now: Instant) -> Option<Arc<Lock<Arrays>>> {
        let mut table = self.table.lock();
        table.forget(OWED_MAX, self.span, now);
        table.owed.get(sid).map(|entry| entry.arrays.clone())
    }
}

impl Table {
    /// Forgets those whose time is over, and the oldest beyond so many bytes.
    fn forget(&mut self, most: usize, span: Duration, now: Instant) {
        let late = |since: Instant| now.saturating_duration_since(since) >= span;
        while self.bytes > most || self.since.front().is_some_and(|(at, _)| late(*at)) {
            let Some((_, sid)) = self.since.pop_front() else { return };
            self.bytes -= COST;
            self.remove(&sid);
        }
    }

    fn remove(&mut self, sid: &str) -> bool {
        let removed = self.owed.remove(sid);
        self.bytes -= removed.as_ref().map_or(0, |entry| entry.bytes);
        removed.is_some()
    }

    /// So many bytes of these are owed no more.
    fn free(&mut self, sid: &str, of: &Arc<Lock<Arrays>>, bytes: usize) {
        // It may have been forgotten meanwhile.
        if let Some(entry) = self.owed.get_mut(sid).filter(|one| Arc::ptr_eq(&one.arrays, of)) {
            entry.bytes -= bytes;
            self.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(30);

    fn arrays(text: &str) -> Arrays {
        let mut arrays = Arrays::default();
        arrays.message(text);
        arrays.own("[\"stop\"]");
        arrays
    }

    fn chunk(owed: &Owed, sid: &str, aid: Option<u64>, now: Instant) -> Option<String> {
        owed.take(sid, aid, now, |arrays| {
            let mut out = Vec::new();
            arrays.chunk(&mut out);
            String::from_utf8(out).unwrap()
        })
    }

    #[test]
    fn what_is_owed_may_be_had_until_it_is_acknowledged_or_the_time_is_over() {
        let (owed, now) = (Owed::new(SPAN), Instant::now());
        owed.owe("a", arrays("x"), now);
        let all = Some("23\n[[0,\"x\"],[1,[\"stop\"]]]\n".to_owned());
        assert_eq!(chunk(&owed, "b", None, now), None);
        assert_eq!(chunk(&owed, "a", None, now), all);
        assert_eq!(chunk(&owed, "a", Some(5), now), None, "from the future");
        assert_eq!(chunk(&owed, "a", None, now), all);
        assert_eq!(owed.status("a", now), Some("8\n[0,1,14]".into()));
        assert_eq!(
            chunk(&owed, "a", Some(0), now + SPAN / 2),
            Some("15\n[[1,[\"stop\"]]]\n".into())
        );
        assert!(owed.has("a", now + SPAN / 2));
        assert_eq!(chunk(&owed, "a", Some(1), now), None);
        assert!(!owed.has("a", now + SPAN));
        assert_eq!(owed.table.lock().bytes, 0);
        owed.owe("a", arrays("x"), now);
        assert_eq!((owed.remove("a", now), owed.remove("a", now)), (true, false));
    }

    #[test]
    fn no_more_is_owed_than_there_is_room_for() {
        let (owed, now) = (Owed::new(SPAN), Instant::now());
        let long = "x".repeat(OWED_MAX / 4);
        for sid in ["a", "b", "c", "d"] {
            owed.owe(sid, arrays(&long), now);
        }
        assert_eq!(["a", "b", "c", "d"].map(|sid| owed.has(sid, now)), [false, true, true, true]);
        owed.owe("e", arrays(&"x".repeat(OWED_MAX)), now);
        assert!(!owed.has("e", now) && owed.has("b", now));
        for n in 0..3 * OWED_MAX / COST {
            owed.owe(&n.to_string(), Arrays::default(), now);
        }
        let table = owed.table.lock();
        assert_eq!(
            (table.bytes, table.owed.len(), table.since.len()),
            (OWED_MAX, OWED_MAX / COST, OWED_MAX / COST)
        );
    }

    #[test]
    fn what_is_acknowledged_or_given_up_leaves_room() {
        let (owed, now) = (Owed::new(SPAN), Instant::now());
        let half = "x".repeat(OWED_MAX / 2 - 4 * COST);
        for sid in ["a", "b"] {
            owed.owe(sid, arrays(&half), now);
        }
        assert!(chunk(&owed, "a", Some(0), now).is_some_and(|rest| rest.len() < COST));
        owed.owe("c", arrays(&half), now);
        assert!(owed.remove("b", now));
        owed.owe("d", arrays(&half), now);
        assert_eq!(["a", "b", "c", "d"].map(|sid| owed.has(sid, now)), [true, false, true, true]);
        assert!(!owed.has("d", now + SPAN));
        assert_eq!(owed.table.lock().bytes, 0);
    }

    /// It may take long to copy it.
    #[test]
    fn others_do_not_wait_for_one_that_gets_what_is_owed() {
        let (owed, now) = (Arc::new(Owed::new(SPAN)), Instant::now());
        for sid in ["a", "b"] {
            owed.owe(sid, arrays("x"), now);
        }
        let (tell, told) = std::sync::mpsc::channel();
        let other = owed.clone();
        let got = owed.take("a", None, now, |_| {
            std::thread::spawn(move || tell.send(chunk(&other, "b", None, now)));
            told.recv_timeout(Duration::from_secs(10))
        });
        assert!(got.unwrap().unwrap().is_some());
    }
}
