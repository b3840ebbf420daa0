//! What is still owed to clients whose sparks have ended: the last that was written for
//! them, and that it was the last.
//!
//! The answer that has it may be lost with its connection, or the client may just have
//! had no back channel. It comes for it soon, or never: it has no reason to say that it
//! got it.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::sync::Lock;
use crate::transformers::browserchannel::arrays::Arrays;

/// Bytes that are kept for all of them.
const OWED_MAX: usize = 16 << 20;

/// Bytes that each counts besides its own.
const COST: usize = 256;

/// The arrays that are owed, by session.
///
/// The lock is held for a look at the table; nothing else is taken meanwhile.
pub(in crate::transformers::browserchannel) struct Owed {
    span: Duration,
    table: Lock<Table>,
}

#[derive(Default)]
struct Table {
    owed: HashMap<String, Arrays>,
    /// When each was put there, the oldest first; also of those that are gone.
    since: VecDeque<(Instant, String, usize)>,
    bytes: usize,
}

impl Owed {
    /// Remembers each for so long.
    pub fn new(span: Duration) -> Self {
        Owed { span, table: Lock::default() }
    }

    /// The client of a session may still come for these.
    pub fn owe(&self, sid: &str, arrays: Arrays, now: Instant) {
        let bytes = COST + arrays.kept();
        if bytes > OWED_MAX {
            return;
        }
        let mut table = self.table.lock();
        table.forget(OWED_MAX - bytes, self.span, now);
        table.bytes += bytes;
        table.owed.insert(sid.to_owned(), arrays);
        table.since.push_back((now, sid.to_owned(), bytes));
    }

    /// Whether something is owed to this session.
    pub fn has(&self, sid: &str, now: Instant) -> bool {
        self.look(sid, now, |_| ()).is_some()
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
        self.look(sid, now, |arrays| {
            let received = aid.map_or(Ok(()), |aid| arrays.acknowledge(aid));
            arrays.begin();
            (received.is_ok() && arrays.has_unsent()).then(|| take(arrays))
        })?
    }

    /// What a request is answered that still sends something.
    pub fn status(&self, sid: &str, now: Instant) -> Option<String> {
        self.look(sid, now, |arrays| arrays.status(false))
    }

    /// The client has no interest any more; whether something was owed to it.
    pub fn remove(&self, sid: &str, now: Instant) -> bool {
        let mut table = self.table.lock();
        table.forget(OWED_MAX, self.span, now);
        table.owed.remove(sid).is_some()
    }

    fn look<R>(&self, sid: &str, now: Instant, look: impl FnOnce(&mut Arrays) -> R) -> Option<R> {
        let mut table = self.table.lock();
        table.forget(OWED_MAX, self.span, now);
        table.owed.get_mut(sid).map(look)
    }
}

impl Table {
    /// Forgets those whose time is over, and the oldest beyond so many bytes.
    fn forget(&mut self, most: usize, span: Duration, now: Instant) {
        let late = |since: Instant| now.saturating_duration_since(since) >= span;
        while self.bytes > most || self.since.front().is_some_and(|(at, ..)| late(*at)) {
            let Some((_, sid, bytes)) = self.since.pop_front() else { return };
            self.bytes -= bytes;
            self.owed.remove(&sid);
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
}
