//! What is left to do when a session's lock is given back: one type for what may
//! be done while the spark's outbox is locked, and one for what may not.

use std::borrow::Cow;
use std::sync::Arc;

use crate::close::CloseReason;
use crate::net::Stream;
use crate::transformers::polled::protocol::{End, Protocol};

/// What is left to do, and may be done while the spark's outbox is locked: it
/// leaves the spark alone.
#[must_use]
#[derive(Default)]
pub(crate) struct Quiet {
    pub(super) over: Option<End>,
    /// A socket that has the rest of an answer to take.
    pub(super) unsent: Option<Arc<Stream>>,
}

/// What is left to do by a thread that has nothing locked.
#[must_use]
pub(crate) struct Todo<P: Protocol> {
    pub(super) quiet: Quiet,
    pub(super) accepted: bool,
    pub(super) refused: Option<P::Refusal>,
    pub(super) send: Vec<(Cow<'static, str>, bool)>,
    pub(super) die: Option<CloseReason>,
    pub(super) switch: bool,
}

impl<P: Protocol> Default for Todo<P> {
    fn default() -> Self {
        Quiet::default().into()
    }
}

impl<P: Protocol> From<Quiet> for Todo<P> {
    fn from(quiet: Quiet) -> Self {
        Todo { quiet, accepted: false, refused: None, send: Vec::new(), die: None, switch: false }
    }
}

impl<P: Protocol> Todo<P> {
    /// Whether the request goes on that was told of.
    pub(crate) fn accepted(&self) -> bool {
        self.accepted
    }

    /// Whether a socket is to carry the session.
    pub(crate) fn switches(&self) -> bool {
        self.switch
    }
}

/// What came of something that happened.
pub(crate) struct Outcome<P: Protocol> {
    /// The request is refused.
    pub(crate) refused: Option<P::Refusal>,
    /// It is over.
    pub(super) over: Option<End>,
}
