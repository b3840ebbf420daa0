//! Answers that are given piece by piece, by whichever thread has one.

use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use crate::frame::room;
use crate::net::Stream;

/// An answer of which pieces are still to come.
#[derive(Debug)]
pub(crate) struct Streaming {
    stream: Arc<Stream>,
    framing: Framing,
    /// What the socket has not taken, and how much of it it has.
    unsent: Vec<u8>,
    sent: usize,
    finished: bool,
    /// Nothing follows it on this connection.
    last: bool,
}

/// How the end of an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// By an empty chunk.
    Chunked,
    /// By the end of the connection.
    ToEnd,
    /// By its status: it has no body.
    Empty,
}

impl Streaming {
    pub(super) fn new(stream: Arc<Stream>, framing: Framing, head: Vec<u8>, last: bool) -> Self {
        let last = last || framing == Framing::ToEnd;
        Streaming { stream, framing, unsent: head, sent: 0, finished: false, last }
    }

    /// The socket that it goes to.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Adds a piece, to be [sent](Self::send). After the end nothing is added.
    pub(crate) fn chunk(&mut self, bytes: &[u8]) {
        if self.finished || bytes.is_empty() {
            return;
        }
        match self.framing {
            Framing::Chunked => {
                self.unsent.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                room::append(&mut self.unsent, bytes);
                self.unsent.extend_from_slice(b"\r\n");
            }
            Framing::ToEnd => room::append(&mut self.unsent, bytes),
            Framing::Empty => {}
        }
    }

    /// Adds the end.
    pub(crate) fn finish(&mut self) {
        if !self.finished && self.framing == Framing::Chunked {
            self.unsent.extend_from_slice(b"0\r\n\r\n");
        }
        self.finished = true;
    }

    /// Whether the end was added.
    pub(crate) fn is_finished(&self) -> bool {
        self.finished
    }

    /// The connection ends with the answer.
    pub(crate) fn close_after(&mut self) {
        self.last = true;
    }

    /// Whether the socket has all that was added.
    pub(crate) fn is_sent(&self) -> bool {
        self.unsent.is_empty()
    }

    /// Sends what the socket takes of it, without blocking; true when that was
    /// all that was added.
    pub(crate) fn send(&mut self) -> io::Result<bool> {
        let unsent = self.unsent.get(self.sent..).unwrap_or_default();
        if !unsent.is_empty() {
            self.sent += self.stream.offer(unsent)?;
        }
        if self.sent < self.unsent.len() {
            return Ok(false);
        }
        // Between two pieces it may wait for long.
        room::give(std::mem::take(&mut self.unsent));
        self.sent = 0;
        if self.finished && self.last {
            self.stream.shutdown(Shutdown::Write);
        }
        Ok(true)
    }
}
