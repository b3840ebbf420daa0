//! The heartbeat of a WebSocket: a ping, and a pong in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use crate::close::{CloseReason, Ended};
use crate::deadline::after;
use crate::excuse::Busy;
use crate::sync::Lock;
use crate::timer::{Key, Task, Timer};
use crate::transformers::serve::{Carried, Session};
use crate::transformers::sockjs::frame::Close;

/// Time for a pong.
const PATIENCE: Duration = Duration::from_secs(10);

/// The heartbeat of one WebSocket.
pub(super) struct Heartbeat {
    me: Weak<Heartbeat>,
    timer: Timer,
    delay: Duration,
    spark: OnceLock<Arc<dyn Carried>>,
    key: OnceLock<Key>,
    /// A pong has come since the last look.
    heard: AtomicBool,
    state: Lock<State>,
}

struct State {
    /// When the next ping is due.
    ping: Instant,
    /// Since when a ping is not answered.
    asked: Option<Instant>,
    busy: Busy,
}

impl Heartbeat {
    /// A heartbeat with a ping at this interval, from the spark's first moment on.
    pub(super) fn new(timer: &Timer, delay: Duration) -> Arc<Self> {
        let ping = after(timer.now(), delay);
        Arc::new_cyclic(|me| Heartbeat {
            me: me.clone(),
            timer: timer.clone(),
            delay,
            spark: OnceLock::new(),
            key: OnceLock::new(),
            heard: AtomicBool::new(false),
            state: Lock::new(State { ping, asked: None, busy: Busy::default() }),
        })
    }

    /// A pong has come.
    pub(super) fn pong(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// The connection is over.
    pub(super) fn stop(&self) {
        if let Some(key) = self.key.get() {
            self.timer.cancel(*key);
        }
    }
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
enum Beat {
    Nothing,
    Ping,
    Die,
}

impl State {
    /// What is to be done now, and when next. `busy`: whether the thread that would
    /// read a pong does something else, and how often it has waited.
    fn tick(
        &mut self,
        heard: bool,
        busy: (bool, u64),
        delay: Duration,
        now: Instant,
    ) -> (Beat, Instant) {
        if heard {
            self.asked = None;
        }
        let mut beat = Beat::Nothing;
        if let Some(asked) = self.asked
            && after(asked, PATIENCE) <= now
        {
            if !self.busy.excuses(busy.0, busy.1) {
                return (Beat::Die, now);
            }
            self.asked = Some(now);
        }
        if self.ping <= now {
            self.ping = after(now, delay);
            self.asked.get_or_insert(now);
            beat = Beat::Ping;
        }
        let judged = self.asked.map_or(self.ping, |asked| after(asked, PATIENCE));
        (beat, self.ping.min(judged))
    }
}

impl Session for Heartbeat {
    fn opened(&self, spark: Arc<dyn Carried>) {
        let at = self.timer.coarse(self.state.lock().ping);
        // Once only.
        if self.spark.set(spark).is_ok() {
            let _ = self.key.set(self.timer.schedule(at, self.me.clone()));
        }
    }
}

impl Task for Heartbeat {
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let spark = self.spark.get()?;
        let (busy, heard) = (spark.busy(), self.heard.swap(false, Ordering::Relaxed));
        let (beat, next) = self.state.lock().tick(heard, busy, self.delay, now);
        match beat {
            Beat::Nothing => {}
            Beat::Ping => spark.packet("", false),
            Beat::Die => {
                let Close { code, reason } = Close::SILENT;
                spark.die(CloseReason::new(Ended::Heartbeat, code, reason, true));
                return None;
            }
        }
        Some(self.timer.coarse(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(25);
    const IDLE: (bool, u64) = (false, 0);

    #[test]
    fn a_ping_every_interval_and_the_end_when_no_pong_comes_in_time() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut state = State { ping: at(25), asked: None, busy: Busy::default() };
        assert_eq!(state.tick(false, IDLE, DELAY, at(24)), (Beat::Nothing, at(25)));
        assert_eq!(state.tick(false, IDLE, DELAY, at(25)), (Beat::Ping, at(35)));
        assert_eq!(state.tick(false, IDLE, DELAY, at(34)), (Beat::Nothing, at(35)));
        assert_eq!(state.tick(true, IDLE, DELAY, at(35)), (Beat::Nothing, at(50)));
        assert_eq!(state.tick(false, IDLE, DELAY, at(50)), (Beat::Ping, at(60)));
        assert_eq!(state.tick(false, IDLE, DELAY, at(60)).0, Beat::Die);
    }

    /// As in sockjs-node, where the time for the first pong is what counts.
    #[test]
    fn short_intervals_ping_on_while_a_pong_is_awaited() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let delay = Duration::from_secs(4);
        let mut state = State { ping: at(4_000), asked: None, busy: Busy::default() };
        for ping in [4_000, 8_000, 12_000] {
            assert_eq!(state.tick(false, IDLE, delay, at(ping)).0, Beat::Ping);
        }
        assert_eq!(state.tick(false, IDLE, delay, at(13_999)), (Beat::Nothing, at(14_000)));
        assert_eq!(state.tick(false, IDLE, delay, at(14_000)).0, Beat::Die);
    }

    #[test]
    fn a_pong_that_lies_unread_behind_a_listener_is_waited_for() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut state = State { ping: at(25), asked: None, busy: Busy::default() };
        assert_eq!(state.tick(false, (true, 7), DELAY, at(25)).0, Beat::Ping);
        assert_eq!(state.tick(false, (true, 7), DELAY, at(35)), (Beat::Nothing, at(45)));
        assert_eq!(state.tick(false, (true, 7), DELAY, at(45)), (Beat::Nothing, at(50)));
        // It has returned, and nothing was there.
        assert_eq!(state.tick(false, (false, 8), DELAY, at(55)).0, Beat::Die);
    }
}
