//! The bound on a backlog, and what happens at it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Outbox, State};
use crate::error::{Error, Result};
use crate::options::SlowConsumer;
use crate::timer::Task;

impl Outbox {
    /// Starts the grace period of a consumer that has become slow.
    pub(super) fn note_slow(&self, state: &mut State) {
        let SlowConsumer::Close { grace } = self.policy else { return };
        if state.over_since.is_some() {
            return;
        }
        let now = self.timer.now();
        state.over_since = Some(now);
        if !std::mem::replace(&mut state.judged, true) {
            self.timer.schedule(now + grace, self.me.clone());
        }
    }

    /// Applies the bound to `length` more bytes on a backlog, which are so many
    /// messages.
    pub(super) fn admit(&self, state: &mut State, length: usize, messages: usize) -> Result<()> {
        let full = |waiting| Error::Full { waiting, bound: self.bound };
        let waiting = self.waiting();
        if waiting + length <= self.bound {
            return Ok(());
        }
        match self.policy {
            SlowConsumer::Close { .. } => {
                self.cut_slow(state);
                return Err(full(waiting));
            }
            SlowConsumer::DropNewest => {}
            SlowConsumer::DropOldest => self.drop_oldest(state, length),
        }
        let waiting = self.waiting();
        if waiting + length <= self.bound || state.backlog.is_empty() {
            return Ok(());
        }
        self.metrics.dropped.add(messages);
        Err(full(waiting))
    }

    /// Drops whole messages that have not begun to be sent, oldest first,
    /// until `length` more bytes fit.
    fn drop_oldest(&self, state: &mut State, length: usize) {
        let mut at = usize::from(state.sent > 0);
        while self.waiting() + length > self.bound {
            let Some(chunk) = state.backlog.get(at) else { return };
            if chunk.messages() == 0 {
                at += 1;
                continue;
            }
            let (bytes, messages) = (chunk.bytes().len(), chunk.messages());
            state.backlog.remove(at);
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.metrics.backlog.sub(bytes);
            self.metrics.dropped.add(messages);
        }
    }

    fn cut_slow(&self, state: &mut State) {
        self.metrics.slow_consumers.add(1);
        state.slow = true;
        self.abort(state);
    }

    /// True once the bound or the grace period has ended the connection.
    pub fn was_slow(&self) -> bool {
        self.lock().slow
    }
}

impl Task for Outbox {
    /// The grace period is over: cuts the consumer if it is still slow.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let SlowConsumer::Close { grace } = self.policy else { return None };
        let mut state = self.lock();
        match state.over_since {
            Some(since) if since + grace > now => return Some(since + grace),
            Some(_) => self.cut_slow(&mut state),
            None => {}
        }
        state.judged = false;
        None
    }
}
