//! What happens to a session, how its requests are refused, and what it says itself.

use super::order::Brought;
use crate::transformers::browserchannel::options::Options;
use crate::transformers::browserchannel::server::owed::Owed;
use crate::transformers::polled::protocol;

/// What all sessions of a server have.
pub(in crate::transformers::browserchannel) struct Shared {
    pub options: Options,
    /// What is owed to sessions that are no more.
    pub owed: Owed,
}

/// What happens to a session.
#[derive(Debug)]
pub(in crate::transformers::browserchannel) enum Input {
    /// A back channel has come.
    Wait {
        /// What was received last.
        aid: Option<u64>,
        /// It stays open.
        stays: bool,
    },
    /// A request has come that brings something.
    Bring { rid: u64, aid: Option<u64>, what: Brought },
    /// What was brought is to be handled, as far as there still is something.
    More,
    /// Its client has opened another one in its place.
    Replaced,
    /// What happens to every session.
    Common(protocol::Input),
}

impl From<protocol::Input> for Input {
    fn from(input: protocol::Input) -> Self {
        Input::Common(input)
    }
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transformers::browserchannel) enum Refusal {
    /// What it acknowledges was never sent.
    Ahead,
    /// There is no room for it before its turn.
    TooEarly,
    /// The session is over.
    Gone,
}

/// What the protocol itself has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transformers::browserchannel) enum Say {
    /// That the server is there.
    Noop,
    /// What was sent to a back channel before.
    Again,
    /// That the spark has ended.
    Stop,
    /// That the back channel ends.
    Last,
}
