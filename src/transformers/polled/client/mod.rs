//! The client's half. What a session that polls sends, by whichever thread
//! writes ([`Posts`]), is made by the protocol's [`Requests`]; what it is told,
//! all looked after by the client's thread ([`Polls`]), is understood by what
//! [`Hears`]. What its requests have in common with others' is their [`Base`]; those
//! of its transports that are tried in turn are its [`Tries`].

mod base;
mod polls;
mod posts;
mod tries;
mod ways;

use std::collections::VecDeque;
use std::time::Duration;

pub(in crate::transformers) use self::base::Base;
pub(in crate::transformers) use self::polls::{Hears, Polls};
pub(in crate::transformers) use self::posts::Posts;
pub(in crate::transformers) use self::tries::Tries;
pub(in crate::transformers) use self::ways::Ways;
use crate::close::{CloseReason, Ended};
use crate::error::Error;
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::net::dial::Destination;

/// How a protocol's requests look by which a client sends. Used by any thread,
/// with the way out locked: it takes no lock that another holds for long.
pub(in crate::transformers) trait Requests: Send + Sync {
    /// What the protocol itself has to say.
    type Own: Send;

    /// Where they go.
    fn to(&self) -> &Destination;

    /// The next POST: what the protocol itself says and messages of those that
    /// wait, the oldest first, as far as one takes them; at least one of both.
    fn post(&self, own: Option<Self::Own>, waiting: &mut Queue) -> Vec<u8>;

    /// The POST that was not answered, if it may go out again, and after what time: that
    /// nothing of it is heard twice is for the protocol to see to.
    fn again(&self) -> Option<(Duration, Vec<u8>)> {
        None
    }

    /// The request that tells of the client's end; `None` where the end of its
    /// connections does.
    fn goodbye(&self) -> Option<Vec<u8>>;

    /// Whether a request was taken; else how the session ends.
    fn accepted(&self, answer: &Answer) -> Result<(), CloseReason>;

    /// Appends a message as a frame of the WebSocket that takes the polls' place.
    fn frame(&self, message: &Frame, out: &mut Vec<u8>);

    /// Appends what the protocol itself says, likewise.
    fn own_frame(&self, own: &Self::Own, out: &mut Vec<u8>);

    /// Appends what tells of the client's end there, before the close frame, if that is
    /// not all.
    fn goodbye_frame(&self, out: &mut Vec<u8>) {
        let _ = out;
    }
}

/// Messages that wait for the next POST.
#[derive(Default)]
pub(in crate::transformers) struct Queue {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Queue {
    /// The oldest.
    pub fn front(&self) -> Option<&Frame> {
        self.frames.front()
    }

    /// Takes the oldest.
    pub fn pop(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    fn len(&self) -> usize {
        self.frames.len()
    }

    /// Bytes of the messages.
    fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What became of a session of which a request failed.
pub(in crate::transformers) fn lost(error: &Error) -> CloseReason {
    match error {
        Error::Protocol(text) => CloseReason::new(Ended::Protocol, 1002, text.as_str(), true),
        error => CloseReason::lost(error.to_string()),
    }
}

/// What became of a session of which the server takes no POST that long.
pub(in crate::transformers) fn over_limit() -> CloseReason {
    CloseReason::new(Ended::Remote, 1009, "message over the server's limit", true)
}

#[cfg(test)]
mod tests;
