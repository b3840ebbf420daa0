//! A session whose client has no WebSocket: its life, as [`polled`] drives it.
//!
//! What waits to be sent is not here but in the spark's outbox.
//!
//! | what happens | nobody waits | the opener is to come | a poll waits | a stream waits | over |
//! |---|---|---|---|---|---|
//! | [`Opener`](Input::Opener) | – | stream waits | – | – | refused: gone |
//! | [`Receiver`](Input::Receiver) | it waits | refused: another | refused: another | refused: another | refused: gone |
//! | messages | wait | wait | it gets them → nobody | it gets them | – |
//! | its answer ends in peace | – | – | → nobody | → nobody | – |
//! | its connection is lost, or it did not read | – | – | → over | → over | – |
//! | `heartbeat_delay` since it came, or got something | – | – | `h` → nobody | `h` | – |
//! | `disconnect_delay` with nobody | → over | → over | – | – | – |
//! | the spark ends, and what was written before has gone out | → over | → over | `c` → over | `c`, end → over | – |
//! | the session is lost | → over | → over | → over | → over | – |
//!
//! A client that comes within a few seconds after the spark's end is told of it, as
//! often as it comes; see [`Act::Owe`].
//!
//! [`polled`]: crate::transformers::polled

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::frame::Close;
use super::options::Options;
use super::receivers::{Say, Shape};
use crate::close::CloseReason;
use crate::transformers::polled::farewells::Farewells;
use crate::transformers::polled::protocol::QuietEffect;
use crate::transformers::polled::protocol::{self, Dropped, Effect, End, Protocol, What};

/// What all sessions of a server have.
pub(super) struct Shared {
    pub options: Options,
    /// What is owed to sessions that are no more.
    pub farewells: Farewells<Close>,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    disconnect_delay: Duration,
    heartbeat_delay: Duration,
    waits: Waits,
    /// When the receiver gets a heartbeat.
    beat: Option<Instant>,
    /// Until when the client may be away.
    away: Option<Instant>,
    over: bool,
}

/// Who waits for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Nobody,
    /// The stream that opens the session is about to come.
    Opener,
    Poll,
    Stream,
}

/// What happens to a session.
#[derive(Debug)]
pub(super) enum Input {
    /// The stream that opens it has come.
    Opener,
    /// A receiver has come.
    Receiver { streams: bool },
    /// What happens to every session.
    Common(protocol::Input),
}

impl From<protocol::Input> for Input {
    fn from(input: protocol::Input) -> Self {
        Input::Common(input)
    }
}

/// How a receiver is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its client is told so.
    Close(Close),
    /// The session is over: the request is for another one of the same name.
    Gone,
}

/// What only this protocol does.
#[derive(Debug, PartialEq)]
pub(super) enum Act {
    /// Whoever comes soon is told that the session is over.
    Owe(Close),
}

impl Session {
    /// A session that a stream opens, which is about to come; or a poll, which has
    /// got its answer.
    pub fn open(options: &Options, streams: bool, now: Instant) -> Self {
        let Options { disconnect_delay, heartbeat_delay, .. } = *options;
        Session {
            disconnect_delay,
            heartbeat_delay,
            waits: if streams { Waits::Opener } else { Waits::Nobody },
            beat: None,
            away: now.checked_add(disconnect_delay),
            over: false,
        }
    }

    fn receiver(&mut self, waits: Waits, now: Instant, out: &mut Vec<Effect<Self>>) {
        (self.waits, self.away) = (waits, None);
        self.beat = now.checked_add(self.heartbeat_delay);
        out.push(Effect::Accept);
    }

    fn left(&mut self) {
        (self.waits, self.beat) = (Waits::Nobody, None);
    }

    fn over(&mut self, end: End) -> QuietEffect<Self> {
        self.left();
        (self.away, self.over) = (None, true);
        QuietEffect::Over(end)
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Effect<Self>>) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if is_due(self.away) {
            let reason = CloseReason::lost("the client has not come back");
            out.push(Effect::Quiet(self.over(End::Because(reason))));
        } else if is_due(self.beat) {
            self.beat = now.checked_add(self.heartbeat_delay);
            out.push(Effect::Quiet(QuietEffect::Answer(Say::Heartbeat)));
        }
    }
}

impl Protocol for Session {
    type Input = Input;
    type Effect = Effect<Self>;
    type Quiet = QuietEffect<Self>;
    type Own = Say;
    type Act = Act;
    type Refusal = Refusal;
    type Shape = Shape;
    type Fixed = Arc<Shared>;

    fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Effect<Self>>) {
        match (self.waits, input) {
            (_, Input::Opener | Input::Receiver { .. }) if self.over => {
                out.push(Effect::Refuse(Refusal::Gone));
            }
            (Waits::Opener, Input::Opener) => self.receiver(Waits::Stream, now, out),
            (Waits::Nobody, Input::Receiver { streams }) => {
                let waits = if streams { Waits::Stream } else { Waits::Poll };
                self.receiver(waits, now, out);
            }
            (_, Input::Opener | Input::Receiver { .. }) => {
                out.push(Effect::Refuse(Refusal::Close(Close::ANOTHER)));
            }
            (_, Input::Common(protocol::Input::Tick { .. })) => self.tick(now, out),
            (_, Input::Common(_)) => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.away.into_iter().chain(self.beat).min()
    }

    fn polls(&self) -> bool {
        !self.over
    }

    fn takes(&mut self, now: Instant) -> bool {
        match self.waits {
            Waits::Nobody | Waits::Opener => false,
            Waits::Poll => {
                self.left();
                true
            }
            Waits::Stream => {
                self.beat = now.checked_add(self.heartbeat_delay);
                true
            }
        }
    }

    fn idle(&mut self, _: &mut Vec<QuietEffect<Self>>) {}

    fn end(&mut self, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        if self.over {
            return;
        }
        // Nothing of this comes to a poll that has just got the last messages.
        out.push(QuietEffect::Answer(Say::Close(Close::NORMAL)));
        out.push(QuietEffect::Finish);
        out.push(QuietEffect::Act(Act::Owe(Close::NORMAL)));
        out.push(self.over(End::Told));
    }

    fn lost(&mut self, reason: CloseReason, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        if !self.over {
            out.push(self.over(End::Because(reason)));
        }
    }

    fn dropped(&mut self, how: Dropped, now: Instant, out: &mut Vec<QuietEffect<Self>>) {
        let text = match how {
            Dropped::Waiting => "the connection of a receiver was lost",
            Dropped::Unread => "the answer to a receiver could not be sent",
        };
        self.lost(CloseReason::lost(text), now, out);
    }

    fn detached(&mut self, now: Instant) {
        self.left();
        if !self.over {
            self.away = now.checked_add(self.disconnect_delay);
        }
    }

    /// What is lost of the answer will not be sent again.
    fn unread(&self) -> Option<Refusal> {
        Some(Refusal::Close(Close::INTERRUPTED))
    }

    fn refuse(refusal: &Refusal, shape: &Shape) -> (u16, &'static str, Vec<u8>) {
        let close = match refusal {
            Refusal::Close(close) => *close,
            Refusal::Gone => Close::INTERRUPTED,
        };
        (200, shape.content(), shape.answer(close))
    }

    fn body(
        &mut self,
        _: &Arc<Shared>,
        shape: &Shape,
        what: What<'_, Say>,
        out: &mut Vec<u8>,
    ) -> &'static str {
        shape.body(what, out);
        shape.content()
    }

    fn common(_: &Arc<Shared>, shape: &Shape) -> Option<&'static str> {
        shape.common()
    }

    fn act(shared: &Arc<Shared>, id: &str, act: Act, now: Instant) {
        match act {
            Act::Owe(close) => shared.farewells.owe(id, close, now),
        }
    }

    fn patience(shared: &Arc<Shared>) -> Duration {
        shared.options.disconnect_delay
    }
}

#[cfg(test)]
mod tests;
