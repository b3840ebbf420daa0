//! The heartbeat of a session with a WebSocket or a stream: `2::`, and the same back.
//!
//! A client that has answered is asked again after the interval. One that has not,
//! and from which nothing else came, is dead after the time-out.

use std::time::{Duration, Instant};

use crate::excuse::Late;

/// See the module. Without times it does nothing.
#[derive(Debug)]
pub(super) struct Heart {
    /// Interval and time-out.
    times: Option<(Duration, Duration)>,
    /// An answer is awaited.
    asked: bool,
    due: Option<Instant>,
    late: Late,
}

/// What a tick found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tick {
    Wait,
    Ask,
    Dead,
}

impl Heart {
    pub fn new(times: Option<(Duration, Duration)>, now: Instant) -> Self {
        let mut heart = Heart { times, asked: false, due: None, late: Late::default() };
        heart.arm(now);
        heart
    }

    /// When the next tick is needed.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Ends it.
    pub fn stop(&mut self) {
        (self.times, self.due) = (None, None);
    }

    /// Something came; `answer`: what was asked for.
    pub fn heard(&mut self, answer: bool, now: Instant) {
        if self.asked {
            self.asked = !answer;
            self.arm(now);
        }
    }

    /// The time has come. `excused`: what the client sent may lie unread, so that it
    /// cannot be judged; so it is when this process stood still, but not twice in a
    /// row.
    pub fn tick(&mut self, now: Instant, excused: bool) -> Tick {
        let Some(due) = self.due.filter(|due| *due <= now) else { return Tick::Wait };
        if self.asked {
            let late = self.late.excuses(now, Some(due));
            if !excused && !late {
                return Tick::Dead;
            }
            self.arm(now);
            return Tick::Wait;
        }
        self.asked = true;
        self.arm(now);
        Tick::Ask
    }

    fn arm(&mut self, now: Instant) {
        self.due = self.times.and_then(|(interval, timeout)| {
            now.checked_add(if self.asked { timeout } else { interval })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Option<(Duration, Duration)> =
        Some((Duration::from_secs(25), Duration::from_secs(60)));

    #[test]
    fn a_question_an_interval_after_each_answer() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut heart = Heart::new(TIMES, start);
        assert_eq!(heart.tick(at(24), false), Tick::Wait);
        assert_eq!(heart.tick(at(25), false), Tick::Ask);
        assert_eq!(heart.due(), Some(at(85)));
        heart.heard(true, at(30));
        assert_eq!(heart.due(), Some(at(55)));
        // What nobody has asked for changes nothing.
        heart.heard(true, at(40));
        heart.heard(false, at(41));
        assert_eq!(heart.due(), Some(at(55)));
        assert_eq!(heart.tick(at(55), false), Tick::Ask);
        assert_eq!(heart.tick(at(114), false), Tick::Wait);
        assert_eq!(heart.tick(at(115), false), Tick::Dead);
    }

    #[test]
    fn other_signs_of_life_give_an_answer_more_time() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut heart = Heart::new(TIMES, start);
        assert_eq!(heart.tick(at(25), false), Tick::Ask);
        heart.heard(false, at(80));
        assert_eq!(heart.tick(at(139), false), Tick::Wait);
        // It is not asked again meanwhile.
        assert_eq!(heart.tick(at(140), false), Tick::Dead);
    }

    #[test]
    fn who_cannot_be_judged_has_another_round() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut heart = Heart::new(TIMES, start);
        assert_eq!(heart.tick(at(25), true), Tick::Ask);
        assert_eq!(heart.tick(at(85), true), Tick::Wait);
        // The process stood still, once.
        assert_eq!(heart.tick(at(300), false), Tick::Wait);
        assert_eq!(heart.tick(at(600), false), Tick::Dead);
    }

    #[test]
    fn without_times_nothing_is_due() {
        let start = Instant::now();
        let mut heart = Heart::new(None, start);
        heart.heard(true, start);
        assert_eq!((heart.due(), heart.tick(start, false)), (None, Tick::Wait));
        let mut heart = Heart::new(TIMES, start);
        heart.stop();
        assert_eq!((heart.due(), heart.tick(start, false)), (None, Tick::Wait));
    }
}
