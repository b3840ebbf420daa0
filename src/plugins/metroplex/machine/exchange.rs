//! What is said between a server and the registry.

use std::time::Instant;

use crate::error::Error;

/// Something to ask of Redis.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) enum Exchange {
    /// Begin. It takes the address from whoever has it, if so, and then without the
    /// sparks of that one; otherwise what Redis has stays for now.
    Register { takes: bool },
    /// These sparks have come, and these have gone.
    Change { come: Vec<String>, gone: Vec<String> },
    /// A sign of life; and whether Redis still knows this spark.
    Tick { probe: Option<String> },
    /// Who of these gives none.
    Look { others: Vec<String> },
    /// Take these out, if they really give none.
    Reap { silent: Vec<String> },
    /// Which sparks Redis has of this server, from there on.
    Scan { cursor: String },
    /// The end.
    Leave,
}

/// What Redis says to an [`Exchange`].
#[derive(Debug, PartialEq)]
pub(in super::super) enum Answer {
    /// To `Register`, `Change` and `Leave`.
    Done,
    /// The address is another server's.
    Taken,
    /// The server is not in the registry.
    Missing,
    /// To `Tick`.
    Alive(Alive),
    /// To `Look`: who is silent.
    Silent(Vec<String>),
    /// To `Reap`: who is gone, and whether it was taken out just now.
    Reaped(Vec<(String, bool)>),
    /// To `Scan`: some of them, and where it goes on, if it does.
    Found { cursor: Option<String>, ids: Vec<String> },
}

/// What a tick finds.
#[derive(Debug, Default, PartialEq)]
pub(in super::super) struct Alive {
    /// How many sparks Redis knows; `None` when it cannot say.
    pub sparks: Option<usize>,
    /// It does not know the spark that it was asked for.
    pub forgot: bool,
    /// Another server wants the address.
    pub wanted: bool,
    /// All servers.
    pub servers: Vec<String>,
}

/// What there is to tell others.
#[derive(Debug)]
pub(in super::super) enum News {
    /// The server is registered, anew perhaps: what else Redis has of it may be old.
    Registered,
    /// It has given a sign of life.
    Ticked,
    /// It was taken out.
    Left,
    /// This other server was found dead, and is taken out: by this one, or by another
    /// before, if not by itself.
    Gone { other: String, by_this: bool },
    /// Something is wrong.
    Trouble(Error),
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub(in super::super) enum Step {
    Ask(Exchange),
    /// Come back then.
    Wait(Instant),
    Rest,
}
