//! What the way out knows.

use std::sync::Arc;
use std::time::Instant;

use crate::close::CloseReason;
use crate::http::client::Exchanger;
use crate::transformers::polled::client::Queue;
use crate::transformers::websockets::client::SocketWriter;

/// Bytes that may wait for the next POST before writers wait too.
const AHEAD: usize = 256 << 10;

pub(super) struct State<O> {
    pub way: Way,
    /// What the POSTs go by.
    pub lane: Exchanger,
    /// The POST that goes out again, and when.
    pub again: Option<(Instant, Vec<u8>)>,
    pub queue: Queue,
    /// Something of the protocol's own that is to be sent.
    pub own: Option<O>,
    /// The session is about to go over to a WebSocket: no POST is begun that
    /// can wait for it.
    pub hold: bool,
    pub goodbye: Goodbye,
    /// Why nothing can be sent any more.
    pub failure: Option<CloseReason>,
    /// Threads that wait for room.
    pub waiters: usize,
    pub patience: Option<Instant>,
}

pub(super) enum Way {
    Polling,
    /// Polling is at rest, and the WebSocket about to be told so.
    Switching,
    WebSocket(Arc<SocketWriter>),
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Goodbye {
    None,
    /// It follows what is queued.
    Due,
    Sent,
    Answered,
}

impl<O> State<O> {
    /// Bytes of messages, and what goes with them, that no socket has.
    pub fn waiting(&self) -> usize {
        let again = self.again.as_ref().map_or(0, |(_, post)| post.len());
        self.queue.bytes() + self.lane.unsent() + again
    }

    /// Whether a POST is under way.
    pub fn is_busy(&self) -> bool {
        self.lane.is_busy() || self.again.is_some()
    }

    /// When a POST is to go out again.
    pub fn due(&self) -> Option<Instant> {
        self.again.as_ref().map(|(at, _)| *at)
    }

    /// Begins with the POST that goes out again, if its time has come.
    pub fn begin_again(&mut self) -> bool {
        let due = self.again.take_if(|(at, _)| *at <= Instant::now());
        let begins = due.is_some();
        if let Some((_, post)) = due {
            self.lane.begin(post, false);
        }
        begins
    }

    /// Forgets what is under way.
    pub fn drop_lane(&mut self) {
        self.lane = Exchanger::default();
        self.again = None;
    }

    pub fn has_room(&self, length: usize) -> bool {
        self.queue.bytes() == 0 || self.queue.bytes().saturating_add(length) <= AHEAD
    }

    /// Whether no writer has a reason to wait for a POST any more.
    pub fn is_settled(&self) -> bool {
        matches!(self.way, Way::WebSocket(_) | Way::Gone) || self.goodbye != Goodbye::None
    }

    /// Compared before and after, tells whether anything has changed for the
    /// writers that wait.
    pub fn mark(&self) -> (usize, usize, bool) {
        (self.waiting(), self.queue.len(), matches!(self.way, Way::Polling))
    }
}
