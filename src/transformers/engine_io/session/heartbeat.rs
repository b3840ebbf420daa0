//! The server's heartbeat.
//!
//! | | revision 3 | revision 4 |
//! |---|---|---|
//! | `2` | from the client: `3` is the answer | to the client, an interval after the session began or the last pong |
//! | `3` | from the client: a breach | from the client, within the time-out: from the ping, if that goes out at once, else from when it was due |
//! | dead | no packet for interval and time-out | no pong in time; the first other packet meanwhile gives it that time once more |
//!
//! Revision 3 is judged by all packets, on either carrier, as engine.io 3
//! does; engine.io 6 looks at pings only, and forgets about them once the
//! session has gone over to a WebSocket.

use std::time::{Duration, Instant};

use super::super::Revision;
use super::super::packet::{Packet, PacketRef};
use crate::excuse::Late;

/// The heartbeat of one session.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    state: State,
    /// When the client is dead, or to be pinged. `None`: never.
    due: Option<Instant>,
    late: Late,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Revision 3: the client pings.
    Listening,
    /// Revision 4: between two pings.
    Resting,
    /// Revision 4: a pong is due.
    Waiting {
        /// Some other packet came meanwhile.
        heard: bool,
    },
}

/// What a packet is to the heartbeat.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// It shows life, nothing more.
    Life,
    /// A ping: to be answered.
    Ping,
    /// The answer to our ping.
    Pong,
    /// The side that does not ping has pinged, or the other way round.
    Wrong,
}

/// What a tick found.
#[derive(Debug, PartialEq)]
pub(crate) enum Tick {
    /// There is nothing to be done.
    Wait,
    /// Send this.
    Ping(PacketRef<'static>),
    /// The client is dead.
    Dead,
}

impl Heartbeat {
    /// The heartbeat of a session that begins now.
    pub fn open(revision: Revision, interval: Duration, timeout: Duration, now: Instant) -> Self {
        let state = match revision {
            Revision::V3 => State::Listening,
            Revision::V4 => State::Resting,
        };
        let mut heart = Heartbeat { interval, timeout, state, due: None, late: Late::default() };
        heart.due = heart.next(now, now);
        heart
    }

    /// When the next tick is needed.
    pub fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.due = None;
    }

    /// A packet came.
    pub fn heard(&mut self, packet: &Packet, now: Instant) -> Heard {
        match (self.state, packet) {
            (State::Listening, Packet::Pong(_)) => return Heard::Wrong,
            (State::Resting | State::Waiting { .. }, Packet::Ping(_)) => return Heard::Wrong,
            (State::Listening, _) => {}
            (_, Packet::Pong(_)) => self.state = State::Resting,
            (State::Waiting { heard: false }, _) => self.state = State::Waiting { heard: true },
            (State::Resting | State::Waiting { heard: true }, _) => return Heard::Life,
        }
        self.due = self.due.and(self.next(now, now));
        match packet {
            Packet::Ping(_) => Heard::Ping,
            Packet::Pong(_) => Heard::Pong,
            _ => Heard::Life,
        }
    }

    /// The deadline has come. `excused`: what the client sent may lie unread,
    /// so that it cannot be judged; it is given another round, as it is when
    /// the tick comes so late that this process must have stood still, but
    /// that not twice in a row. `reached`: a ping goes out at once, so that the
    /// client's time begins now, however late we are; it is not the client that
    /// keeps it back.
    pub fn tick(&mut self, now: Instant, excused: bool, reached: bool) -> Tick {
        let Some(due) = self.due.filter(|due| *due <= now) else { return Tick::Wait };
        if self.state != State::Resting {
            let late = self.late.excuses(now, Some(due));
            if !excused && !late {
                return Tick::Dead;
            }
        }
        let pings = self.state != State::Listening;
        if pings {
            self.state = State::Waiting { heard: false };
        }
        self.due = self.next(if pings && reached { now } else { due }, now);
        if pings { Tick::Ping(PacketRef::Ping("")) } else { Tick::Wait }
    }

    /// When something is due after what happens now and was to happen then. A
    /// tick that comes late takes no more than a quarter of the client's time.
    fn next(&self, then: Instant, now: Instant) -> Option<Instant> {
        let wait = match self.state {
            State::Listening => self.interval.saturating_add(self.timeout),
            State::Resting => self.interval,
            State::Waiting { .. } => self.timeout,
        };
        // A span of nothing would tick without end.
        let wait = wait.max(Duration::from_millis(1));
        Some(then.checked_add(wait)?.max(now.checked_add(wait / 4 * 3)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(20);
    const PING: Tick = Tick::Ping(PacketRef::Ping(""));

    fn open(revision: Revision) -> (Heartbeat, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let heart = Heartbeat::open(revision, INTERVAL, TIMEOUT, start);
        (heart, move |secs| start + Duration::from_secs(secs))
    }

    fn ping() -> Packet {
        Packet::Ping(String::new())
    }

    fn pong() -> Packet {
        Packet::Pong(String::new())
    }

    fn message() -> Packet {
        Packet::Message(Frame::text("x"))
    }

    #[test]
    fn the_server_pings_in_revision_4() {
        let (mut heart, at) = open(Revision::V4);
        assert_eq!(heart.deadline(), Some(at(25)));
        assert_eq!(heart.tick(at(24), false, false), Tick::Wait);
        assert_eq!(heart.tick(at(25), false, false), PING);
        assert_eq!(heart.deadline(), Some(at(45)));
        assert_eq!(heart.heard(&pong(), at(30)), Heard::Pong);
        assert_eq!(heart.deadline(), Some(at(55)));
        assert_eq!(heart.tick(at(55), false, false), PING);
        assert_eq!(heart.tick(at(75), false, false), Tick::Dead);
    }

    #[test]
    fn another_packet_gives_a_pong_more_time_once() {
        let (mut heart, at) = open(Revision::V4);
        assert_eq!(heart.heard(&message(), at(5)), Heard::Life);
        assert_eq!(heart.deadline(), Some(at(25)));
        assert_eq!(heart.tick(at(25), false, false), PING);
        assert_eq!(heart.heard(&message(), at(30)), Heard::Life);
        assert_eq!(heart.deadline(), Some(at(50)));
        assert_eq!(heart.heard(&message(), at(40)), Heard::Life);
        assert_eq!(heart.deadline(), Some(at(50)));
        assert_eq!(heart.tick(at(50), false, false), Tick::Dead);
    }

    #[test]
    fn the_client_pings_in_revision_3() {
        let (mut heart, at) = open(Revision::V3);
        assert_eq!(heart.deadline(), Some(at(45)));
        assert_eq!(heart.heard(&ping(), at(25)), Heard::Ping);
        assert_eq!(heart.deadline(), Some(at(70)));
        assert_eq!(heart.heard(&message(), at(30)), Heard::Life);
        assert_eq!(heart.tick(at(74), false, false), Tick::Wait);
        assert_eq!(heart.tick(at(75), false, false), Tick::Dead);
    }

    #[test]
    fn nobody_pings_the_other_way() {
        let (mut heart, at) = open(Revision::V4);
        assert_eq!(heart.heard(&ping(), at(1)), Heard::Wrong);
        heart.tick(at(25), false, false);
        assert_eq!(heart.heard(&ping(), at(26)), Heard::Wrong);
        let (mut heart, at) = open(Revision::V3);
        assert_eq!(heart.heard(&pong(), at(1)), Heard::Wrong);
    }

    #[test]
    fn a_client_that_cannot_be_judged_gets_another_round() {
        let (mut heart, at) = open(Revision::V4);
        heart.tick(at(25), true, false);
        // It is pinged all the same, else it would give up.
        for round in 1..10 {
            assert_eq!(heart.tick(at(25 + 20 * round), true, false), PING);
        }
        assert_eq!(heart.tick(at(225), false, false), Tick::Dead);

        let (mut heart, at) = open(Revision::V3);
        assert_eq!(heart.tick(at(45), true, false), Tick::Wait);
        assert_eq!(heart.deadline(), Some(at(90)));
        assert_eq!(heart.tick(at(90), false, false), Tick::Dead);
    }

    #[test]
    fn a_process_that_stood_still_gives_one_round_of_grace() {
        let (mut heart, at) = open(Revision::V4);
        assert_eq!(heart.tick(at(1_000), false, false), PING);
        assert_eq!(heart.deadline(), Some(at(1_015)));
        assert_eq!(heart.tick(at(2_000), false, false), PING);
        assert_eq!(heart.tick(at(3_000), false, false), Tick::Dead);

        let (mut heart, at) = open(Revision::V3);
        assert_eq!(heart.tick(at(1_000), false, false), Tick::Wait);
        assert_eq!(heart.tick(at(1_045), false, false), Tick::Dead);
    }

    /// Late ticks added up: a client was dead later than its time was over.
    #[test]
    fn a_tick_that_comes_a_little_late_puts_nothing_off() {
        let (mut heart, at) = open(Revision::V4);
        assert_eq!(heart.tick(at(25) + Duration::from_millis(900), false, false), PING);
        assert_eq!(heart.deadline(), Some(at(45)));
        assert_eq!(heart.tick(at(45), false, false), Tick::Dead);
    }

    /// Half of the time that a client has for its pong was gone before it could
    /// know of the ping, where we were late with it.
    #[test]
    fn a_client_has_its_whole_time_from_a_ping_that_goes_out_at_once() {
        let (mut heart, at) = open(Revision::V4);
        assert_eq!(heart.tick(at(33), false, true), PING);
        assert_eq!(heart.deadline(), Some(at(53)));
        assert_eq!(heart.tick(at(53), false, true), Tick::Dead);
    }

    #[test]
    fn odd_intervals_neither_spin_nor_overflow() {
        let now = Instant::now();
        let heart = Heartbeat::open(Revision::V4, Duration::ZERO, Duration::ZERO, now);
        assert!(heart.deadline() > Some(now));
        let mut heart = Heartbeat::open(Revision::V3, Duration::MAX, Duration::MAX, now);
        assert_eq!(heart.deadline(), None);
        assert_eq!(heart.tick(now + INTERVAL, false, false), Tick::Wait);
        assert_eq!(heart.heard(&ping(), now), Heard::Ping);
    }
}
