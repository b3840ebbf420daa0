//! The heartbeat of a spark: its timer, and what comes from the client.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{Inner, Spark};
use crate::close::{CloseReason, Ended};
use crate::excuse::Busy;
use crate::protocol::{self, Heartbeat, Signals};
use crate::timer::{Key, Task};
use crate::transformers::serve::Opening;

/// The heartbeat, and the timers of a connection.
pub(super) struct Heart {
    pub beat: Heartbeat,
    pub timer: Option<Key>,
    /// Cuts the connection when closing takes too long.
    pub closing: Option<Key>,
    /// Judged by how often the thread has waited for input.
    pub busy: Busy,
}

impl Spark {
    /// Starts the heartbeat's timer.
    pub(in crate::server) fn start_heart(&self) {
        let mut heart = self.0.heart.lock();
        if let Some(at) = heart.beat.deadline() {
            self.tick_at(&mut heart, at);
        }
        self.watch_inbound(&heart);
    }

    /// Sets the heartbeat's timer, anew if it has run out.
    fn tick_at(&self, heart: &mut Heart, at: Instant) {
        let timer = &self.0.server.timer;
        let at = timer.coarse(at);
        if !heart.timer.is_some_and(|key| timer.reschedule(key, at)) {
            heart.timer = Some(timer.schedule(at, Arc::downgrade(&self.0)));
        }
    }

    fn watch_inbound(&self, heart: &Heart) {
        let pinging = heart.beat.generation() == protocol::Generation::ClientPings;
        self.0.keep_inbound.store(pinging, Ordering::Relaxed);
    }

    /// Passes a protocol message to the heartbeat.
    pub(in crate::server) fn heartbeat(
        &self,
        control: protocol::Control<'_>,
    ) -> protocol::Received {
        let now = self.0.server.timer.now();
        let mut heart = self.0.heart.lock();
        let received = heart.beat.control(control, now);
        self.watch_inbound(&heart);
        if let protocol::Received::Heartbeat { latency, rearm, .. } = &received {
            if let Some(latency) = latency {
                self.0.latency.store(latency.as_micros() as u64, Ordering::Relaxed);
            }
            if let Some(at) = *rearm {
                self.tick_at(&mut heart, at);
            }
        }
        received
    }

    /// A sign of life of the wire protocol.
    pub(in crate::server) fn alive(&self) {
        let now = self.0.server.timer.now();
        self.0.heart.lock().beat.alive(now);
    }

    /// Notes that a message came, if the heartbeat wants to know.
    pub(in crate::server) fn note_inbound(&self) {
        if self.0.keep_inbound.load(Ordering::Relaxed) {
            let now = self.0.server.timer.now();
            let since = now.saturating_duration_since(self.0.server.started);
            self.0.last_inbound.store(since.as_millis() as u64, Ordering::Relaxed);
        }
    }

    /// Cancels the timers of a connection that is over.
    pub(in crate::server) fn stop_timers(&self) {
        let mut heart = self.0.heart.lock();
        for key in [heart.timer.take(), heart.closing.take()].into_iter().flatten() {
            self.0.server.timer.cancel(key);
        }
    }
}

pub(super) fn signals(opening: &Opening) -> Signals<'_> {
    let query = opening.request.query();
    Signals {
        ping: raw_parameter(query, "ping"),
        pong: raw_parameter(query, "pong"),
        generation: opening.generation,
    }
}

/// A query parameter as it stands; the values looked for need no decoding.
fn raw_parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|pair| pair.0 == name)
        .map(|pair| pair.1)
}

impl Inner {
    fn last_inbound(&self) -> Option<Instant> {
        match self.last_inbound.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(self.server.started + Duration::from_millis(millis)),
        }
    }
}

impl Task for Inner {
    /// The heartbeat's deadline.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        if !self.is_open() {
            return None;
        }
        let wall_ms = self.server.timer.wall_ms();
        let busy = self.busy.load(Ordering::Acquire);
        let mut heart = self.heart.lock();
        let excused = heart.busy.excuses(busy, self.waits.value());
        let tick = heart.beat.tick(now, wall_ms, self.last_inbound(), excused);
        drop(heart);
        match tick {
            protocol::Tick::Alive { send, next, .. } => {
                let next = next.map(|at| self.server.timer.coarse(at));
                if let Some(frame) = send.and_then(|text| Spark(self.clone()).encode_control(&text))
                {
                    self.outbox.offer_ping(&frame);
                }
                next
            }
            protocol::Tick::Dead { flatline } => {
                log::debug!("spark {} is dead (pings skipped: {flatline:?})", self.id);
                self.server.metrics.heartbeats_missed.add(1);
                self.die(CloseReason::new(Ended::Heartbeat, 1000, "no heartbeat in time", true));
                None
            }
        }
    }
}
