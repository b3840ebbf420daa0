//! What the protocols share whose clients poll: sessions that live over many
//! HTTP requests.
//!
//! A protocol of this kind writes its part without input, output or a clock, as
//! a state machine ([`Protocol`]), and the routes of its requests. The rest is
//! here, the server's half and the client's (`client`):
//!
//! | file | what |
//! |---|---|
//! | `protocol` | what a protocol says of its sessions: what happens, and what follows |
//! | `live` | a session between the HTTP connections and its spark; `live/receive` the way to the client |
//! | `receiver` | what a client waits with: a poll, which is a stream limited to one frame, or a stream |
//! | `cast` | what many receivers get of the same broadcasts, put together once |
//! | `inlet`, `pile` | what the client sends, on its way to the spark's thread |
//! | `outlet` | that thread's end of it, or the WebSocket that takes the polls' place |
//! | `records` | how messages wait for a client that polls |
//! | `sessions`, `fresh` | all sessions, and those whose clients have not come back |
//! | `guesses` | requests for sessions that do not exist |
//! | `farewells` | what is owed to sessions that are no more |
//! | `serve` | the requests: to open a session, to wait, to send |
//! | `timed` | answers that come piece by piece by the clock, and belong to no session |
//!
//! # A new protocol
//!
//! Its server needs, in this order:
//!
//! 1. what its requests ask for, as data: method, path or query, and what that is
//!    (`request` of engine.io is one);
//! 2. its messages and what it says itself, as bytes and back;
//! 3. the machine: `handle` with a table of what happens and what follows, the
//!    methods `takes`, `idle`, `end`, `lost`, `dropped` and, where receivers leave
//!    in peace, `detached`; `deadline` and `polls`;
//! 4. [`Protocol`] for it: `body`, which puts a frame together for each shape of
//!    receiver, and `common` for shapes whose frames many can share; `refuse`, `unread`, `kept` and `act` as far as it has such;
//! 5. a [`Transformer`](super::serve::Transformer) with its [`sessions`] and
//!    [`guesses`], whose requests go through [`serve`]: `open` for one that opens a
//!    session, `receive` with a poll or a stream for one that waits, `read` and
//!    then [`Live::posted`] for one that sends, or [`Live::deliver`] where any
//!    number may send at a time; and `timed::answer` for what comes by the clock
//!    alone;
//! 6. a line in [`Kind`](super::Kind).
//!
//! Its client needs the requests by which it sends ([`Requests`](client::Requests)),
//! what it makes of the server's words ([`Hears`](client::Hears)), a
//! [`Dials`](super::connect::Dials) that puts both into [`Polls`](client::Polls), and
//! its line there.
//!
//! When another receiver comes the machine chooses: `Refuse`; `Replace`; or `Over`,
//! then `Refuse`. The tests of this module have a protocol of a hundred lines that
//! does each.
//!
//! # Two kinds of consequences
//!
//! A spark's outbox offers what waits, and ends the session, with its own lock
//! held, and orders what it sends by that. So what the session does then must
//! not come back to the outbox. Types see to it: what a machine may want then is
//! a [`QuietEffect`], and what is left to do of that a `Quiet`, which knows no
//! spark; only a thread that holds nothing gets [`Effect`]s and a `Todo`. And the locks
//! have ranks ([`crate::sync`]): the outbox's comes before the session's.

pub(crate) mod cast;
pub(crate) mod client;
pub(crate) mod farewells;
mod fresh;
pub(crate) mod guesses;
mod inlet;
pub(crate) mod live;
pub(crate) mod outlet;
mod pile;
pub(crate) mod protocol;
pub(crate) mod receiver;
pub(crate) mod records;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod timed;

#[cfg(test)]
mod tests;

pub(crate) use live::Live;
pub(crate) use protocol::{Dropped, Effect, Input, Protocol, QuietEffect, Read, What};
pub(crate) use receiver::Receiver;
