//! The bound on a backlog, and what happens at it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Batch, Outbox, Phase, Segment, State};
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::server::options::SlowConsumer;
use crate::timer::Task;

impl State {
    /// The packet of the wire protocol's own that was put into the backlog last counts
    /// until it is sent.
    pub(super) fn mark_packet(&mut self, length: usize) {
        self.packets += length;
        self.backlog.mark_packet(length);
    }
}

impl Outbox {
    /// Starts the grace period of a consumer that has become slow.
    pub(super) fn note_slow(&self, state: &mut State) {
        let SlowConsumer::Close { grace } = self.shared.policy else { return };
        if state.over_since.is_some() {
            return;
        }
        let now = self.shared.timer.now();
        state.over_since = Some(now);
        if !std::mem::replace(&mut state.judged, true) {
            self.shared.timer.schedule(after(now, grace), self.me.clone());
        }
    }

    /// How many bytes may wait.
    pub fn bound(&self) -> usize {
        self.shared.bound
    }

    /// Bytes that wait, here or until the client has acknowledged them.
    fn held(&self, state: &State) -> usize {
        self.waiting().saturating_add(state.sink.kept())
    }

    /// Applies the bound to one more message of `length` bytes. One is always
    /// accepted when nothing waits, and with `DropOldest` always.
    pub(super) fn admit(&self, state: &mut State, length: usize) -> Result<()> {
        let waiting = self.held(state);
        if state.backlog.is_empty() || waiting.saturating_add(length) <= self.shared.bound {
            return Ok(());
        }
        match self.shared.policy {
            SlowConsumer::Close { .. } => self.cut_slow(state),
            SlowConsumer::DropNewest => self.shared.metrics.dropped.add(1),
            SlowConsumer::DropOldest => {
                self.make_room(state, length);
                return Ok(());
            }
        }
        let cut = matches!(self.shared.policy, SlowConsumer::Close { .. });
        Err(Error::Full { waiting, bound: self.shared.bound, cut })
    }

    /// Drops whole messages that have not begun to be sent, oldest first,
    /// until `length` more bytes fit.
    fn make_room(&self, state: &mut State, length: usize) {
        while self.held(state).saturating_add(length) > self.shared.bound {
            let begun = state.sink.has_begun();
            let Some(dropped) = state.backlog.drop_oldest(begun) else { return };
            self.waiting.fetch_sub(dropped, Ordering::Relaxed);
            self.shared.metrics.backlog.sub(dropped);
            self.shared.metrics.dropped.add(1);
        }
    }

    /// Puts what was not `sent` of a batch behind the backlog, as far as the
    /// bound allows: message by message, as if each had been written by itself.
    /// Counts what is accepted.
    pub(super) fn keep_shared(&self, state: &mut State, batch: &Batch, sent: usize) {
        let segment = &batch.segment(self.format(state));
        let whole = segment.bytes.len();
        if sent == whole || self.held(state).saturating_add(whole - sent) <= self.shared.bound {
            if sent < whole {
                self.push_shared(state, segment, sent, whole);
            }
            self.count(segment.ends.len(), segment.payload);
        } else {
            let mut from = sent;
            for (frame, end) in batch.frames().iter().zip(&segment.ends) {
                if *end > from {
                    let admitted = self.admit(state, end - from);
                    if admitted.is_ok() {
                        self.push_shared(state, segment, from, *end);
                    } else if state.phase != Phase::Open {
                        return;
                    }
                    from = *end;
                    if admitted.is_err() {
                        continue;
                    }
                }
                self.count(1, frame.len());
            }
        }
        state.backlog.end_shared();
    }

    fn push_shared(&self, state: &mut State, segment: &Arc<Segment>, from: usize, to: usize) {
        state.backlog.push_shared(segment, from, to);
        self.grew(state, to - from);
    }

    pub(super) fn cut_slow(&self, state: &mut State) {
        self.shared.metrics.slow_consumers.add(1);
        state.slow = true;
        self.cut_locked(state);
    }

    /// True once the bound or the grace period has ended the connection.
    pub fn was_slow(&self) -> bool {
        self.lock().slow
    }
}

impl Task for Outbox {
    /// The grace period is over: cuts the consumer if it is still slow.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let SlowConsumer::Close { grace } = self.shared.policy else { return None };
        let mut state = self.lock();
        match state.over_since.map(|since| after(since, grace)) {
            Some(over) if over > now => return Some(over),
            Some(_) => self.cut_slow(&mut state),
            None => {}
        }
        state.judged = false;
        None
    }
}
