//! Answers that are given piece by piece, by whichever thread has one.

use std::io::{self, IoSlice, Write};
use std::net::Shutdown;
use std::ops::Range;
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

/// A piece that goes into many answers, as it stands in a chunked one.
#[derive(Debug)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Where the piece itself is.
    body: Range<usize>,
}

impl Chunk {
    /// A chunk with this in it.
    pub(crate) fn new(body: &[u8]) -> Self {
        let head = format!("{:x}\r\n", body.len());
        let mut bytes = room::take(head.len() + body.len() + 2);
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(b"\r\n");
        Chunk { bytes, body: head.len()..head.len() + body.len() }
    }

    /// The piece without what makes it a chunk.
    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.body.clone()]
    }

    /// As it stands in an answer.
    fn framed(&self, framing: Framing) -> &[u8] {
        match framing {
            // An empty chunk would be the end.
            _ if self.body.is_empty() => &[],
            Framing::Chunked => &self.bytes,
            Framing::ToEnd => self.body(),
            Framing::Empty => &[],
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        room::give(std::mem::take(&mut self.bytes));
    }
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
                // To memory it does not fail.
                let _ = write!(self.unsent, "{:x}\r\n", bytes.len());
                room::append(&mut self.unsent, bytes);
                self.unsent.extend_from_slice(b"\r\n");
            }
            Framing::ToEnd => room::append(&mut self.unsent, bytes),
            Framing::Empty => {}
        }
    }

    /// Adds a piece that others get too, and the end if it is the last, and
    /// [sends](Self::send). What the socket takes at once is not copied.
    pub(crate) fn send_chunk(&mut self, chunk: &Chunk, ends: bool) -> io::Result<bool> {
        if self.finished || !self.is_sent() {
            self.chunk(chunk.body());
            if ends {
                self.finish();
            }
            return Ok(self.is_sent());
        }
        let (bytes, end) = (chunk.framed(self.framing), self.end(ends));
        let sent = match (bytes.is_empty(), end.is_empty()) {
            (true, true) => 0,
            (_, true) => self.stream.offer(bytes)?,
            (_, false) => self.stream.offer_vectored(&[IoSlice::new(bytes), IoSlice::new(end)])?,
        };
        room::append(&mut self.unsent, bytes.get(sent..).unwrap_or_default());
        room::append(&mut self.unsent, &end[sent.saturating_sub(bytes.len())..]);
        self.finished = ends;
        self.close_if_over();
        Ok(self.is_sent())
    }

    /// What says that an answer ends, if it does.
    fn end(&self, ends: bool) -> &'static [u8] {
        if ends && self.framing == Framing::Chunked { b"0\r\n\r\n" } else { b"" }
    }

    /// Nothing follows an answer that is out and was the last.
    fn close_if_over(&self) {
        if self.finished && self.last && self.is_sent() {
            self.stream.shutdown(Shutdown::Write);
        }
    }

    /// Adds the end.
    pub(crate) fn finish(&mut self) {
        let end = self.end(!self.finished);
        self.unsent.extend_from_slice(end);
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
        self.close_if_over();
        Ok(true)
    }
}
