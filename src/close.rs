//! Why a connection ended.

use std::fmt;
use std::sync::Arc;

use crate::error::Error;

/// What ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// `end` was called on this side.
    Local,
    /// The other side closed the connection in the protocol's own way.
    Remote,
    /// The connection broke: end of stream or an input/output error.
    Lost,
    /// The heartbeat went unanswered.
    Heartbeat,
    /// The peer broke the wire protocol or went over a limit.
    Protocol,
    /// The peer did not read what was written and was cut (see
    /// `SlowConsumer`).
    SlowConsumer,
    /// A listener, middleware, parser or plugin failed or panicked.
    Application,
    /// The server was destroyed.
    Shutdown,
}

/// Why a spark or client ended: by whom, with which code and text, and whether
/// the client may reconnect.
///
/// The codes are those of RFC 6455 section 7.4.1, whatever the transformer. The
/// code of an end that the peer decided is the one it sent; that of one decided
/// here need not have gone over the wire (Primus closes with none):
///
/// | code | meaning here |
/// |---|---|
/// | 1000 | normal end |
/// | 1001 | the server goes away |
/// | 1002 | protocol error |
/// | 1005 | the peer closed without a code; or broke the rules of engine.io, which has no codes |
/// | 1006 | the connection was lost without a closing handshake |
/// | 1007 | text that is not UTF-8 |
/// | 1008 | policy: flood of control frames, slow consumer |
/// | 1009 | message over `max_length` |
/// | 1011 | a listener failed |
///
/// Primus itself never looks at the code: a client reconnects after every end
/// that was not announced by `primus::server::close`.
#[derive(Clone, Debug)]
pub struct CloseReason {
    /// What ended the connection.
    pub by: Ended,
    /// The close code, see the table above.
    pub code: u16,
    /// A human-readable cause; empty when there is nothing to say.
    pub text: String,
    /// Whether the client may reconnect.
    pub may_reconnect: bool,
    cause: Option<Arc<Error>>,
    /// There was no connection yet.
    unmade: bool,
}

/// The cause is told by the text.
impl PartialEq for CloseReason {
    fn eq(&self, other: &Self) -> bool {
        let parts = |reason: &Self| (reason.by, reason.code, reason.may_reconnect);
        parts(self) == parts(other) && self.text == other.text
    }
}

impl Eq for CloseReason {}

impl CloseReason {
    /// A reason with the given parts.
    pub fn new(by: Ended, code: u16, text: impl Into<String>, may_reconnect: bool) -> Self {
        CloseReason { by, code, text: text.into(), may_reconnect, cause: None, unmade: false }
    }

    /// [`Error::Refused`], with status, message and what the server asks for,
    /// when a client ended because a server refused it; `None` in all other
    /// cases, which `by`, `code` and `text` tell.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_deref()
    }

    /// With this cause, if that is a refusal. Other errors may hold values of
    /// the application, which nothing that is kept must.
    pub(crate) fn caused_by(mut self, error: &Arc<Error>) -> Self {
        self.cause = Some(error).filter(|e| matches!(***e, Error::Refused { .. })).cloned();
        self
    }

    /// The end of an attempt that made no connection.
    pub(crate) fn unmade(self) -> Self {
        CloseReason { unmade: true, ..self }
    }

    /// A connection that broke without a closing handshake (1006).
    pub fn lost(text: impl Into<String>) -> Self {
        Self::new(Ended::Lost, 1006, text, true)
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self.by {
            Ended::Local => "ended by this side",
            Ended::Remote => "closed by the peer",
            Ended::Lost if self.unmade => "not connected",
            Ended::Lost => "connection lost",
            Ended::Heartbeat => "heartbeat unanswered",
            Ended::Protocol => "protocol error",
            Ended::SlowConsumer => "slow consumer",
            Ended::Application => "listener failed",
            Ended::Shutdown => "server shut down",
        };
        write!(f, "{by} ({})", self.code)?;
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}
