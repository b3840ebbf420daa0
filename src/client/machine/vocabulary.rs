//! What goes into the machine, and what comes out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::client::recovery::Attempt;
use crate::close::CloseReason;
use crate::error::Error;
use crate::protocol::{ClientMode, Control};
use crate::ready_state::ReadyState;

/// When a client connects by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strategy {
    /// After a connection was lost.
    pub disconnect: bool,
    /// When the network is there again.
    pub online: bool,
    /// When the first connection could not be made.
    pub timeout: bool,
}

/// What the machine needs to know of the options.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub strategy: Strategy,
    /// Time for the first connection.
    pub timeout: Option<Duration>,
    pub heartbeat: ClientMode,
    /// Where it connects to, as it is told.
    pub place: String,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    /// The application calls `open`; with `once`, a failure is final.
    Open { once: bool },
    /// The application calls `end`.
    End,
    /// The transport is open.
    Opened,
    /// The transport could not be opened. The caller keeps the error until no
    /// lock is held: its destructor may be the application's.
    Failed(Arc<Error>),
    /// The transport was open and has ended.
    Lost(CloseReason),
    /// A message that has the form of Primus's own.
    Control(Control<'a>),
    /// The network went or came.
    Network(bool),
    /// The time of [`Machine::deadline`](super::Machine::deadline) has come. `busy`: the peer's words
    /// may lie unread.
    Tick { wall_ms: u64, busy: bool },
}

/// What is to be done, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Begin a transport session from zero.
    Dial,
    /// Drop the transport: in its own way, or at once because it is dead.
    Hangup { graceful: bool },
    /// Send what was queued; from now on writes go to the transport.
    Flush,
    /// Send a message of Primus's own.
    Send(String),
    /// Tell the application.
    Emit(Event),
}

/// What the application is told.
#[derive(Debug)]
pub(crate) enum Event {
    ReadyState(ReadyState),
    Open,
    Error(Arc<Error>),
    Timeout,
    ReconnectScheduled(Attempt),
    Reconnect(Attempt),
    Reconnected(Reconnected),
    ReconnectTimeout(Attempt),
    ReconnectFailed,
    Online,
    Offline,
    Id(String),
    Close(CloseReason),
    End(CloseReason),
    Destroy,
}

/// A reconnection that worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnected {
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The time since the connection was lost.
    pub duration: Duration,
}

/// Whether a message of Primus's form was one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was; the application does not see it.
    Protocol,
    /// It is the application's.
    Data,
}

/// Effects in order.
pub(crate) type Effects = VecDeque<Effect>;
