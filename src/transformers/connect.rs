//! What the client asks of a wire protocol.

use std::sync::Arc;
use std::time::Instant;

use crate::close::CloseReason;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::http::client::Target;

/// The client's side of one wire protocol.
pub(crate) trait Dials: Send + Sync {
    /// Begins one session from zero, in which messages of at most `max_length`
    /// bytes are accepted. Nothing happens before the first
    /// [`Session::next`].
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn Session>;

    /// Whether messages may be bytes; else no other than text is ever written.
    fn takes_bytes(&self) -> bool {
        true
    }
}

/// One session, driven by the client's thread alone.
pub(crate) trait Session: Send {
    /// Goes on until there is something to tell, the waker wakes or the time
    /// is `until`. With `paused` nothing is read; what waits to be written is
    /// written.
    fn next(&mut self, until: Option<Instant>, paused: bool) -> News;
    /// Begins to close: what was written goes first. Then [`next`](Self::next)
    /// is called until it tells the end, or until the patience is over.
    fn close(&mut self);
}

/// What a session tells.
pub(crate) enum News {
    /// Nothing; the waker woke, or the time was up.
    Waited,
    /// Open for messages. Once, before any message.
    Open(Arc<dyn Writer>),
    /// A message.
    Message(Frame),
    /// It could not be opened. The last news.
    Failed(Error),
    /// It was open and ended. The last news.
    Closed(CloseReason),
}

/// The way out of an open session, used by any thread.
pub(crate) trait Writer: Send + Sync {
    /// Sends a message, and waits while the peer does not read.
    ///
    /// # Errors
    /// [`Error::Closed`]: nothing of it was sent. Others: part of it may be.
    fn write(&self, frame: &Frame) -> Result<()>;
    /// Waits until nothing waits, or the socket takes it, but no longer than
    /// until then; queues a message, and says how many bytes now wait.
    ///
    /// # Errors
    /// As [`write`](Self::write); [`Error::Timeout`]: nothing of it was sent.
    fn write_until(&self, frame: &Frame, until: Option<Instant>) -> Result<usize>;
    /// Sends a message, never waits, and says how many bytes now wait; the
    /// session sends those as the peer reads.
    fn queue(&self, frame: &Frame) -> Result<usize>;
    /// How many bytes of messages wait.
    fn waiting(&self) -> usize;
    /// Waits until everything queued is sent.
    fn drain(&self) -> Result<()>;
    /// Sends the protocol's goodbye behind what was written; never waits.
    fn close(&self);
    /// Until when a blocked [`write`](Self::write) may wait.
    fn patience(&self, until: Option<Instant>);
}
