//! Sending on what waits: to a socket that has room again, to a client that
//! polls again, or to the socket that takes the place of the polls.

use std::io::IoSlice;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Chunk, Outbox, Phase, State};
use crate::close::{CloseReason, Ended};
use crate::error::Result;
use crate::net::Stream;
use crate::transformers::records::{Record, records};
use crate::transformers::{Backlog, Sink};

/// Pieces of a backlog that one system call sends.
const PIECES_MAX: usize = 64;

impl Outbox {
    /// The client polls: what waits is offered.
    pub fn writable(&self) {
        let mut state = self.lock();
        if state.backlog.is_empty() || !state.sink.is_poll() {
            return;
        }
        self.send_backlog(&mut state);
        let emptied = state.backlog.is_empty() && state.phase != Phase::Lost;
        drop(state);
        if emptied {
            (self.drained)();
        }
    }

    /// From now on messages go to this socket, what waits included.
    pub fn switch(&self, stream: Arc<Stream>) {
        let mut state = self.lock();
        if !state.sink.is_poll() {
            return;
        }
        let waiting = std::mem::take(&mut state.backlog);
        let unsent = std::mem::take(&mut state.cork);
        state.sink = Sink::Socket(stream);
        let mut ends = self.encode_again(&unsent, &mut state.cork);
        self.metrics.backlog.sub(self.waiting.swap(0, Ordering::Relaxed));
        let had = !waiting.is_empty();
        for chunk in waiting {
            let mut bytes = Vec::with_capacity(chunk.bytes().len());
            ends |= self.encode_again(chunk.bytes(), &mut bytes);
            self.push(&mut state, Chunk::Own { bytes, messages: chunk.messages() });
        }
        if had {
            self.send_backlog(&mut state);
        }
        if state.phase == Phase::Closing && !ends {
            // The session has taken the end for its next poll, which will not
            // come.
            let mut packet = Vec::new();
            self.wire.close(&CloseReason::new(Ended::Local, 1000, "", true), &mut packet);
            self.append(&mut state, &packet);
        }
        if state.fin && state.backlog.is_empty() {
            state.sink.shutdown(Shutdown::Write);
        }
    }

    /// Encodes records for the socket; tells whether the end is among them.
    fn encode_again(&self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut ends = false;
        for record in records(bytes) {
            ends |= matches!(record, Record::Close { .. });
            match (record.frame(), record) {
                (Some(frame), _) => self.wire.encode(&frame, out),
                (None, Record::Packet(packet)) => self.wire.packet(packet, out),
                (None, _) => self.wire.close(&CloseReason::new(Ended::Local, 1000, "", true), out),
            }
        }
        ends
    }

    fn send_backlog(&self, state: &mut State) {
        if let Ok(sent) = self.try_send_backlog(state) {
            self.forget_sent(state, sent);
        }
    }

    fn try_send_backlog(&self, state: &mut State) -> Result<usize> {
        let skip = state.sent;
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let mut count = 0;
        for (piece, chunk) in pieces.iter_mut().zip(&state.backlog) {
            let bytes = chunk.bytes();
            *piece = IoSlice::new(if count == 0 { &bytes[skip..] } else { bytes });
            count += 1;
        }
        let sent = state.sink.offer_vectored(&pieces[..count]);
        sent.map_err(|error| self.broken(state, error))
    }

    /// Drops `sent` bytes from the front of the backlog.
    pub(super) fn forget_sent(&self, state: &mut State, sent: usize) {
        let waiting = self.waiting.fetch_sub(sent, Ordering::Relaxed) - sent;
        self.metrics.backlog.sub(sent);
        state.sent += sent;
        while let Some(first) = state.backlog.front() {
            let length = first.bytes().len();
            if state.sent < length {
                break;
            }
            state.sent -= length;
            state.backlog.pop_front();
        }
        if waiting <= self.bound / 2 {
            state.over_since = None;
        }
        if state.backlog.is_empty() {
            state.backlog.shrink_to(0);
            state.control_waits = false;
            self.emptied.notify_all();
        }
    }
}

impl Backlog for Outbox {
    fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().sink.stream()
    }

    /// One system call per turn, so that writers and the other slow peers are
    /// not kept waiting by one that has just woken up.
    fn flush_backlog(&self) -> bool {
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
            (self.drained)();
        }
        false
    }
}
