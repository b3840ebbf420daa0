//! How an outbox ends: in the protocol's own way, at once, or because the socket
//! is broken.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::queue::Queue;
use super::{Outbox, Phase, State};
use crate::close::CloseReason;
use crate::deadline::after;
use crate::error::Error;
use crate::frame::Frame;
use crate::transformers::serve::Sink;

impl Outbox {
    /// Ends both directions of the socket, behind what the kernel has taken.
    pub fn shutdown(&self) {
        self.lock().sink.shutdown(Shutdown::Both);
    }

    /// Lets go of the socket at the end of the connection.
    pub fn release(&self) {
        let mut state = self.lock();
        self.forget(&mut state);
        if state.flushing {
            // The flusher waits for room in the socket, and keeps it open until
            // it is woken.
            state.sink.shutdown(Shutdown::Both);
        }
        state.sink = Sink::Nowhere;
    }

    /// Blocks until nothing waits; false when the time is over or the
    /// connection is lost.
    pub fn wait_empty(&self, timeout: Duration) -> bool {
        self.uncork();
        let deadline = after(Instant::now(), timeout);
        let mut state = self.lock();
        while !state.backlog.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = state.wait_for(&self.emptied, left);
        }
        state.phase != Phase::Lost
    }

    /// Writes the closing packet behind everything else, and before it the
    /// message that announces it; no bound keeps either back. Later writes are
    /// refused. False when the outbox was closed before.
    pub fn close(&self, reason: &CloseReason, goodbye: Option<&Frame>) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return false;
        }
        let mut packet = Vec::new();
        let format = self.format(&state);
        goodbye.iter().for_each(|frame| format.encode(frame, &mut packet));
        format.close(reason, &mut packet);
        let hangs_up = format.hangs_up();
        self.append(&mut state, &packet);
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
            if hangs_up {
                Self::fin_locked(&mut state);
            }
        }
        true
    }

    /// Cuts the connection and forgets what waits.
    pub fn cut(&self) {
        let mut state = self.lock();
        self.cut_locked(&mut state);
    }

    /// Ends our direction of the socket once everything has gone out.
    pub fn fin(&self) {
        Self::fin_locked(&mut self.lock());
    }

    fn fin_locked(state: &mut State) {
        state.fin = true;
        if state.backlog.is_empty() {
            state.sink.shutdown(Shutdown::Write);
        }
    }

    /// The socket failed: the spark's thread is woken to end the spark.
    pub(super) fn failed(&self, state: &mut State, error: io::Error) -> Error {
        log::debug!("write failed: {error}");
        self.forget(state);
        state.sink.shutdown(Shutdown::Both);
        Error::Closed
    }

    /// Nothing more can be sent, so nothing waits any more.
    fn forget(&self, state: &mut State) {
        state.phase = Phase::Lost;
        state.backlog = Queue::default();
        state.cork = Vec::new();
        state.cork_ends = Vec::new();
        state.over_since = None;
        self.shared.metrics.backlog.sub(self.waiting.swap(0, Ordering::Relaxed));
        self.emptied.notify_all();
    }

    /// [`cut`](Self::cut), with the lock held.
    pub(super) fn cut_locked(&self, state: &mut State) {
        self.forget(state);
        state.sink.abort();
    }

    /// True once the socket is broken or cut.
    pub fn is_lost(&self) -> bool {
        self.lock().phase == Phase::Lost
    }

    /// Whether the session of a client that polls is over. Its spark is told
    /// behind what the client has sent before.
    pub fn is_over(&self) -> bool {
        matches!(&self.lock().sink, Sink::Poll(session) if session.is_over())
    }
}
