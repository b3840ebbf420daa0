//! Sending on what waits: to a socket that has room again, to a client that
//! polls again, or to the socket that takes the place of the polls.

use std::io::IoSlice;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Outbox, Phase, Spoken, State};
use crate::close::{CloseReason, Ended};
use crate::error::Result;
use crate::net::Stream;
use crate::transformers::polled::records::{Record, records};
use crate::transformers::serve::{Backlog, Sink, Wire};

/// Pieces of a backlog that one system call, or the answer to one poll, sends.
const PIECES_MAX: usize = 64;
/// So many bytes are enough for it, whatever pieces they are in.
const ENOUGH: usize = 1 << 20;

impl Outbox {
    /// The client polls: what waits is offered.
    pub fn writable(&self) {
        let mut state = self.lock();
        if state.backlog.is_empty() || !state.sink.is_poll() {
            return;
        }
        // A stream takes one part after the other; nobody would offer it the rest.
        let mut before = usize::MAX;
        while !state.backlog.is_empty() && self.waiting() < before {
            before = self.waiting();
            self.send_backlog(&mut state);
        }
        let emptied = state.backlog.is_empty() && state.phase != Phase::Lost;
        drop(state);
        if emptied {
            self.drained();
        }
    }

    /// From now on messages go to this socket by this wire, what waits included.
    pub fn switch(&self, stream: Arc<Stream>, wire: &'static dyn Wire) {
        let mut state = self.lock();
        if !state.sink.is_poll() {
            return;
        }
        // The wire of a socket is asked for once there is one: no other was set.
        let _ = self.switched.set(Box::new(Spoken::new(wire)));
        let waiting = std::mem::take(&mut state.backlog);
        let unsent = std::mem::take(&mut state.cork);
        state.sink = Sink::Socket(stream);
        let mut ends = false;
        state.cork_ends.clear();
        for record in records(&unsent) {
            ends |= self.encode_again(record, &mut state.cork);
            self.mark_end(&mut state);
        }
        self.shared.metrics.backlog.sub(self.waiting.swap(0, Ordering::Relaxed));
        state.packets = 0;
        let had = !waiting.is_empty();
        for record in waiting.pieces().flat_map(records) {
            let mut bytes = Vec::new();
            ends |= self.encode_again(record, &mut bytes);
            let length = bytes.len();
            self.push_own(&mut state, bytes, record.is_message());
            if matches!(record, Record::Packet(_)) {
                state.mark_packet(length);
            }
        }
        if had {
            self.send_backlog(&mut state);
        }
        if state.phase == Phase::Closing && !ends {
            // The session has taken the end for its next poll, which will not
            // come.
            let mut packet = Vec::new();
            self.wire().close(&CloseReason::new(Ended::Local, 1000, "", true), &mut packet);
            self.append(&mut state, &packet);
        }
        if state.fin && state.backlog.is_empty() {
            state.sink.shutdown(Shutdown::Write);
        }
    }

    /// Encodes a record for the socket; tells whether it is the end.
    fn encode_again(&self, record: Record<'_>, out: &mut Vec<u8>) -> bool {
        match (record.frame(), record) {
            (Some(frame), _) => self.wire().encode(&frame, out),
            (None, Record::Packet(packet)) => self.wire().packet(packet, out),
            (None, _) => self.wire().close(&CloseReason::new(Ended::Local, 1000, "", true), out),
        }
        matches!(record, Record::Close { .. })
    }

    fn drained(&self) {
        self.spark.upgrade().iter().for_each(|spark| spark.drained());
    }

    fn send_backlog(&self, state: &mut State) {
        if let Ok(sent) = self.try_send_backlog(state) {
            self.forget_sent(state, sent);
        }
    }

    fn try_send_backlog(&self, state: &mut State) -> Result<usize> {
        // On the stack they would stay for as long as the thread lives.
        let mut pieces = Vec::new();
        let mut length = 0;
        for bytes in state.backlog.pieces().take(PIECES_MAX) {
            pieces.push(IoSlice::new(bytes));
            length += bytes.len();
            if length >= ENOUGH {
                break;
            }
        }
        let sent = state.sink.offer_vectored(&pieces);
        sent.map_err(|error| self.failed(state, error))
    }

    /// Drops `sent` bytes from the front of the backlog.
    pub(super) fn forget_sent(&self, state: &mut State, sent: usize) {
        let waiting = self.waiting.fetch_sub(sent, Ordering::Relaxed) - sent;
        self.shared.metrics.backlog.sub(sent);
        let packets = state.backlog.advance(sent);
        state.packets = state.packets.saturating_sub(packets);
        if waiting <= self.shared.bound / 2 {
            state.over_since = None;
        }
        if state.backlog.is_empty() {
            state.control_waits = false;
            self.emptied.notify_all();
        }
    }
}

impl Backlog for Outbox {
    /// One system call per turn, so that writers and the other slow peers are
    /// not kept waiting by one that has just woken up.
    fn flush_backlog(&self, _: &Arc<Stream>) -> bool {
        let mut state = self.lock();
        if !state.backlog.is_empty() {
            self.send_backlog(&mut state);
        }
        if !state.backlog.is_empty() {
            return true;
        }
        state.flushing = false;
        if state.fin {
            state.sink.shutdown(Shutdown::Write);
        }
        let alive = state.phase != Phase::Lost;
        drop(state);
        if alive {
            self.drained();
        }
        false
    }
}
