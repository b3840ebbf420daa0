//! What happens to a session, and what is to be done about it.

use std::time::Duration;

use crate::close::CloseReason;
use crate::frame::Frame;
use crate::transformers::engine_io::packet::{Invalid, Packet, PacketRef};
use crate::transformers::engine_io::request::Refusal;

/// The times that a session keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// `pingInterval`
    pub ping_interval: Duration,
    /// `pingTimeout`
    pub ping_timeout: Duration,
    /// `upgradeTimeout`
    pub upgrade_timeout: Duration,
}

/// What happens to a session.
#[derive(Debug)]
pub(crate) enum Input {
    /// A poll has come.
    Get,
    /// The connection of the held poll was lost.
    #[cfg_attr(not(test), expect(dead_code, reason = "told by `get_lost`"))]
    GetLost,
    /// A POST begins.
    Post {
        /// Its content type says that it is binary.
        binary: bool,
    },
    /// A packet: of the POST, whose body has come whole, or of the WebSocket
    /// that carries the session. After an error none follows from the same
    /// body.
    Packet(Result<Packet, Invalid>),
    /// All packets of the POST were handed over.
    Posted,
    /// The connection of the POST was lost before its body had come, or it came
    /// too slowly.
    PostLost,
    /// The body of the POST is longer than allowed.
    PostTooLarge,
    /// A WebSocket request has come.
    Upgrade,
    /// A frame on the WebSocket that probes. Not from one that was closed.
    Probe(Result<Packet, Invalid>),
    /// The WebSocket that probes was lost, or has closed.
    ProbeLost,
    /// What carries the session was lost, or has closed.
    #[cfg_attr(not(test), expect(dead_code, reason = "told by `lose`"))]
    Lost(CloseReason),
    /// The [deadline](super::Session::deadline) has come.
    Tick {
        /// What the client sent may lie unread, because a listener keeps the
        /// thread that would read it. Never twice in a row, except where the
        /// thread has not moved since.
        excused: bool,
    },
    /// The spark ends, and the outbox has offered what was written before.
    #[cfg_attr(not(test), expect(dead_code, reason = "told by `end`"))]
    End,
}

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// The request that has just come goes on: a GET is held, and what waits is
    /// to be offered; the body of a POST is to be read; an upgrade is answered
    /// with 101, and what comes on the WebSocket is a [`Input::Probe`].
    Accept,
    /// The request that has just come is answered so; for
    /// [`Input::PostTooLarge`], the POST.
    Refuse(Refusal),
    /// The held poll gets these packets, and is held no more.
    Answer(&'static [PacketRef<'static>]),
    /// The POST that is being read: its connection is cut.
    CutPost,
    /// The POST gets 200, `ok`.
    Ok,
    /// A message for the spark.
    Deliver(Frame),
    /// To be put with what waits to be sent.
    Send(PacketRef<'static>),
    /// To be sent on the WebSocket that probes.
    SendProbe(PacketRef<'static>),
    /// The WebSocket that probes gets an empty close frame.
    CloseProbe,
    /// The WebSocket that probes carries the session from now on: what waits
    /// goes there.
    Switch,
    /// The poll that was on its way when the session ended, if one comes soon,
    /// gets these packets.
    Owe(&'static [PacketRef<'static>]),
    /// The session is over, and its id unknown from now on. The spark is to end
    /// for this reason, if it has not been told to before.
    Over(Option<CloseReason>),
}

/// What may be done while the spark's outbox is locked.
#[derive(Debug, PartialEq)]
pub(crate) enum Quiet {
    /// [`Effect::Answer`]
    Answer(&'static [PacketRef<'static>]),
    /// [`Effect::CutPost`]
    CutPost,
    /// [`Effect::CloseProbe`]
    CloseProbe,
    /// [`Effect::Owe`]
    Owe(&'static [PacketRef<'static>]),
    /// [`Effect::Over`]
    Over(Option<CloseReason>),
}

impl From<Quiet> for Effect {
    fn from(quiet: Quiet) -> Self {
        match quiet {
            Quiet::Answer(packets) => Effect::Answer(packets),
            Quiet::CutPost => Effect::CutPost,
            Quiet::CloseProbe => Effect::CloseProbe,
            Quiet::Owe(packets) => Effect::Owe(packets),
            Quiet::Over(reason) => Effect::Over(reason),
        }
    }
}

impl Extend<Quiet> for Vec<Effect> {
    fn extend<I: IntoIterator<Item = Quiet>>(&mut self, all: I) {
        all.into_iter().for_each(|quiet| self.push(quiet.into()));
    }
}
