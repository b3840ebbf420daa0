//! When a peer that seems dead is not judged, because its words may lie unread on
//! this side. Time is an argument.

use std::time::{Duration, Instant};

/// How late a tick must come to tell that this process stood still (suspended,
/// stopped, starved).
const LATE: Duration = Duration::from_secs(1);

/// True when a tick for `deadline` comes so late that something held up the
/// whole process.
pub(crate) fn is_late(now: Instant, deadline: Option<Instant>) -> bool {
    deadline.is_some_and(|deadline| now.saturating_duration_since(deadline) > LATE)
}

/// The excuse of a process that stood still, which is not valid twice in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Late {
    excused: bool,
}

impl Late {
    /// Whether a tick at `now` that was due at `deadline` excuses the peer.
    pub fn excuses(&mut self, now: Instant, deadline: Option<Instant>) -> bool {
        self.excused = is_late(now, deadline) && !self.excused;
        self.excused
    }
}

/// The excuse of a peer whose reader has other things to do: it is in a
/// listener since the tick before, or by chance just now, which counts once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Busy {
    moves: u64,
    excused: bool,
}

impl Busy {
    /// Whether a tick excuses the peer. `busy`: the reader does not read now;
    /// `moves`: how often it has begun to.
    pub fn excuses(&mut self, busy: bool, moves: u64) -> bool {
        let stuck = std::mem::replace(&mut self.moves, moves) == moves;
        self.excused = busy && (stuck || !self.excused);
        self.excused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_stands_still_excuses_every_other_round() {
        let start = Instant::now();
        let mut late = Late::default();
        let after = |secs| start + Duration::from_secs(secs);
        assert!(!late.excuses(after(1), Some(start)), "just late");
        let verdicts = [2, 3, 4, 5].map(|secs| late.excuses(after(secs), Some(start)));
        assert_eq!(verdicts, [true, false, true, false]);
        assert!(!late.excuses(after(9), None));
        assert!(!late.excuses(start, Some(after(9))), "early");
    }

    #[test]
    fn a_reader_that_is_stuck_excuses_always_and_one_that_is_busy_by_chance_once() {
        let mut busy = Busy::default();
        assert!(busy.excuses(true, 1), "by chance");
        assert!(!busy.excuses(true, 2), "by chance again");
        assert!(busy.excuses(true, 2) && busy.excuses(true, 2), "stuck");
        assert!(!busy.excuses(false, 2), "it reads");
        assert!(busy.excuses(true, 2));
    }
}
