//! What a client waits with: a poll, or a stream. A poll is a stream that ends
//! with its first frame, but for how the answer is put together.

use std::sync::Arc;
use std::time::Instant;

use super::cast::{Piece, units};
use crate::frame::room;
use crate::http::server::{Held, Streaming, Unsent};
use crate::net::Stream;

/// A request of a client that waits for what there is to tell.
pub(crate) struct Receiver<S> {
    /// Tells those of a session apart.
    pub(super) number: u64,
    shape: S,
    way: Way,
}

enum Way {
    /// Its answer is still to be given.
    Poll(Held),
    /// The rest of its answer.
    Rest(Unsent),
    /// An answer in pieces.
    Stream {
        to: Box<Streaming>,
        /// How much it may still get, before it has to come again.
        left: Limit,
    },
    /// It has got its answer, or is cut.
    Over,
}

/// How much a stream may get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(
    /// In UTF-16 units, as JavaScript counts text; `None`: as much as there is.
    pub Option<usize>,
);

impl Limit {
    /// This is sent too; false when nothing may follow it.
    pub(crate) fn take(&mut self, frame: &[u8]) -> bool {
        self.take_units(|| units(frame))
    }

    /// [`take`](Self::take) of what counts so much.
    fn take_units(&mut self, units: impl FnOnce() -> usize) -> bool {
        let Some(left) = &mut self.0 else { return true };
        *left = left.saturating_sub(units());
        *left > 0
    }
}

/// What became of something for a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Its socket has all of it.
    Whole,
    /// The rest is to be sent as its socket takes it.
    Rest,
    /// It waits behind such a rest.
    Behind,
    /// It could not be sent.
    Broken,
}

impl<S> Receiver<S> {
    /// A poll.
    pub(crate) fn poll(held: Held, shape: S) -> Self {
        Receiver { number: 0, shape, way: Way::Poll(held) }
    }

    /// A stream, which ends when it has got so much. What is in it already (a
    /// prelude) does not count.
    pub(crate) fn stream(to: Streaming, left: Limit, shape: S) -> Self {
        Receiver { number: 0, shape, way: Way::Stream { to: Box::new(to), left } }
    }

    /// When it came, if that is known.
    pub(super) fn since(&self) -> Option<Instant> {
        match &self.way {
            Way::Poll(held) => held.since(),
            _ => None,
        }
    }

    /// Whether it was sent before another, if both are polls and that is known.
    pub(super) fn came_before(&self, other: &Self) -> bool {
        match (&self.way, &other.way) {
            (Way::Poll(own), Way::Poll(other)) => own.came_before(other),
            _ => false,
        }
    }

    /// Refuses it, if it is a poll, and ends its connection.
    pub(super) fn refuse(self, status: u16, content: &str, body: Vec<u8>) {
        let Way::Poll(held) = self.way else { return self.cut() };
        let mut unsent = held.refuse(status, content, body);
        if !matches!(unsent.send(), Ok(true)) {
            unsent.stream().abort();
        }
    }

    /// In which form it waits.
    pub(super) fn shape(&self) -> &S {
        &self.shape
    }

    /// Its connection.
    pub(super) fn socket(&self) -> Option<&Arc<Stream>> {
        match &self.way {
            Way::Poll(held) => Some(held.stream()),
            Way::Rest(rest) => Some(rest.stream()),
            Way::Stream { to, .. } => Some(to.stream()),
            Way::Over => None,
        }
    }

    /// Whether it may get more.
    pub(super) fn is_open(&self) -> bool {
        match &self.way {
            Way::Poll(_) => true,
            Way::Stream { to, .. } => !to.is_finished(),
            Way::Rest(_) | Way::Over => false,
        }
    }

    /// Whether something for it waits for room in its socket.
    pub(super) fn is_behind(&self) -> bool {
        match &self.way {
            Way::Rest(_) => true,
            Way::Stream { to, .. } => !to.is_sent(),
            Way::Poll(_) | Way::Over => false,
        }
    }

    /// Whether it can take what waits now.
    pub(super) fn is_free(&self) -> bool {
        self.is_open() && !self.is_behind()
    }

    /// Whether there is nothing left to do for it.
    pub(super) fn is_done(&self) -> bool {
        !self.is_open() && !self.is_behind()
    }

    /// Sends what it gets before anything else.
    pub(super) fn begin(&mut self) -> Sent {
        match &mut self.way {
            Way::Stream { to, .. } => to.send().into(),
            _ => Sent::Whole,
        }
    }

    /// Sends a frame. With `last` its connection ends with the answer.
    pub(super) fn send(&mut self, content: &str, frame: Vec<u8>, last: bool) -> Sent {
        self.put(last, |way| match way {
            Way::Poll(held) => (Way::Rest(held.answer(content, frame)), false),
            Way::Stream { mut to, mut left } => {
                let behind = !to.is_sent();
                to.chunk(&frame);
                if !left.take(&frame) {
                    to.finish();
                }
                room::give(frame);
                (Way::Stream { to, left }, behind)
            }
            over => (over, false),
        })
    }

    /// [`send`](Self::send) of what others get too. A stream whose socket takes it
    /// at once is sent it from where it lies.
    pub(super) fn send_common(&mut self, piece: &Piece, last: bool) -> Sent {
        let Way::Stream { to, left } = &mut self.way else {
            return self.send(piece.content, piece.chunk.body().to_vec(), last);
        };
        if last {
            to.close_after();
        }
        let behind = !to.is_sent();
        let ends = !left.take_units(|| piece.units());
        match to.send_chunk(&piece.chunk, ends) {
            Err(_) => {
                self.way = Way::Over;
                Sent::Broken
            }
            Ok(_) if behind => Sent::Behind,
            Ok(true) => Sent::Whole,
            Ok(false) => Sent::Rest,
        }
    }

    /// Ends its answer.
    pub(super) fn finish(&mut self, last: bool) -> Sent {
        self.put(last, |way| match way {
            Way::Poll(held) => (Way::Rest(held.answer("text/plain", Vec::new())), false),
            Way::Stream { mut to, left } => {
                let behind = !to.is_sent();
                to.finish();
                (Way::Stream { to, left }, behind)
            }
            over => (over, false),
        })
    }

    fn put(&mut self, last: bool, put: impl FnOnce(Way) -> (Way, bool)) -> Sent {
        match &mut self.way {
            Way::Poll(held) if last => held.close_after(),
            Way::Stream { to, .. } if last => to.close_after(),
            _ => {}
        }
        let (way, behind) = put(std::mem::replace(&mut self.way, Way::Over));
        self.way = way;
        if behind { Sent::Behind } else { self.flush() }
    }

    /// Sends what waits for room in its socket.
    pub(super) fn flush(&mut self) -> Sent {
        let sent = match &mut self.way {
            Way::Rest(rest) => rest.send(),
            Way::Stream { to, .. } => to.send(),
            Way::Poll(_) | Way::Over => Ok(true),
        };
        let is_rest = matches!(self.way, Way::Rest(_));
        if sent.is_err() || is_rest && matches!(sent, Ok(true)) {
            self.way = Way::Over;
        }
        sent.into()
    }

    /// Cuts its connection.
    pub(super) fn cut(self) {
        if let Some(socket) = self.socket() {
            socket.abort();
        }
    }
}

impl From<std::io::Result<bool>> for Sent {
    fn from(sent: std::io::Result<bool>) -> Self {
        match sent {
            Ok(true) => Sent::Whole,
            Ok(false) => Sent::Rest,
            Err(_) => Sent::Broken,
        }
    }
}
