//! What the spark's own thread writes while more has come in: kept together, and
//! sent with one call.

use std::io::IoSlice;

use super::{COPY_MAX, CORK_MAX, KEEP_MAX, Outbox, State};
use crate::error::Result;
use crate::frame::{Frame, room};
use crate::message::Written;
use crate::server::options::SlowConsumer;

impl State {
    /// Sees to it that a cork that outgrows what is kept has room for all that
    /// will be in it: growing step by step copies it again and again.
    pub(super) fn widen_cork(&mut self, more: usize) {
        let wanted = self.cork.len() + more;
        if wanted > KEEP_MAX && self.cork.capacity() <= KEEP_MAX {
            let mut wide = room::take(CORK_MAX + COPY_MAX);
            wide.extend_from_slice(&self.cork);
            self.cork = wide;
        }
    }
}

impl Outbox {
    /// Whether writes of the spark's own thread are kept together from now on.
    pub fn cork(&self, on: bool) {
        self.lock().corked = on;
    }

    /// Sends what was kept together.
    pub fn uncork(&self) {
        let mut state = self.lock();
        state.corked = false;
        // A failure shows when the spark's thread reads next.
        let _ = self.send_whole_cork(&mut state);
        // The thread may wait for long.
        state.cork = Vec::new();
    }

    /// A message ends here in the cork.
    pub(super) fn mark_end(&self, state: &mut State) {
        if self.shared.policy == SlowConsumer::DropOldest {
            state.cork_ends.push(state.cork.len());
        }
    }

    pub(super) fn send_large(&self, state: &mut State, frame: &Frame) -> Result<Written> {
        let newest = state.cork.len();
        if !self.wire().prefix(frame, &mut state.cork) {
            self.wire().encode(frame, &mut state.cork);
            self.mark_end(state);
            return self.send_cork(state, newest);
        }
        let mut cork = std::mem::take(&mut state.cork);
        let pieces = [IoSlice::new(&cork), IoSlice::new(frame.as_bytes())];
        let total = cork.len() + frame.len();
        let sent = self.try_send(state, |sink| sink.offer_vectored(&pieces))?;
        if sent < total {
            room::append(&mut cork, frame.as_bytes());
        }
        state.cork = cork;
        if sent < total {
            self.mark_end(state);
        }
        self.corked_sent(state, sent, total, newest)
    }

    /// Sends the corked bytes, if there are any.
    pub(super) fn send_whole_cork(&self, state: &mut State) -> Result<Written> {
        match state.cork.len() {
            0 => Ok(Written::Sent),
            length => self.send_cork(state, length),
        }
    }

    /// Sends the corked bytes, of which those from `newest` on are a message
    /// that is being written; what the kernel does not take becomes backlog.
    pub(super) fn send_cork(&self, state: &mut State, newest: usize) -> Result<Written> {
        let cork = std::mem::take(&mut state.cork);
        let sent = self.try_send(state, |sink| sink.offer(&cork))?;
        state.cork = cork;
        let total = state.cork.len();
        self.corked_sent(state, sent, total, newest)
    }

    /// So many of the `total` corked bytes were sent. The rest of what was
    /// corked before `newest` is within the bound; `newest` has to be if nothing
    /// of it was sent and other things wait.
    pub(super) fn corked_sent(
        &self,
        state: &mut State,
        sent: usize,
        total: usize,
        newest: usize,
    ) -> Result<Written> {
        let controls = std::mem::take(&mut state.controls_corked);
        if sent == total {
            if state.cork.capacity() > KEEP_MAX {
                // With all that is in it: how much was written says whether it is kept.
                room::give(std::mem::take(&mut state.cork));
                state.cork_ends = Vec::new();
            }
            state.cork.clear();
            state.cork_ends.clear();
            return Ok(Written::Sent);
        }
        state.control_waits |= controls;
        let mut rest = std::mem::take(&mut state.cork);
        // What waits may wait for long, and only its length is bounded.
        rest.shrink_to(2 * rest.len());
        let ends = std::mem::take(&mut state.cork_ends);
        let judged = newest > sent && total - sent > self.shared.bound;
        let last = if judged { rest.split_off(newest) } else { Vec::new() };
        let unsent = rest.len() - sent;
        state.backlog.begin(rest, sent, ends);
        self.grew(state, unsent);
        if !last.is_empty() {
            self.admit(state, last.len())?;
            self.push_own(state, last, true);
        }
        Ok(Written::Queued(self.waiting()))
    }
}
