//! The life of a session, as [`polled`] drives it.
//!
//! What waits to be sent is not here but in the spark's outbox.
//!
//! | what happens | nobody waits | the stream is to come | a poll waits | a stream waits | a WebSocket | over |
//! |---|---|---|---|---|---|---|
//! | [`Stream`](Input::Stream) | – | it waits | – | – | – | refused |
//! | [`Receiver`](Input::Receiver) of its transport | it waits | refused | it waits, the other one gets `8::` | it waits, the other one ends | refused | refused |
//! | … of another one | refused | refused | refused | refused | refused | refused |
//! | messages | wait | wait | it gets them → nobody | it gets them | the outbox sends them | – |
//! | [`Said`](Input::Said): `2::`, [`Alive`](protocol::Input::Alive) | see [`heart`] | | | see [`heart`] | see [`heart`] | – |
//! | … `0::` | → over | → over | `0::` → over | `0::`, end → over | `0::` → over | – |
//! | … what it may not | → over | → over | `0::` → over | `0::`, end → over | → over | – |
//! | … what is to be acknowledged | `6::` waits | | | it gets `6::` | `6::` | – |
//! | [`Leave`](Input::Leave) | → over | → over | `0::` → over | `0::`, end → over | `0::` → over | – |
//! | its connection is lost | – | – | → nobody | → over | → over | – |
//! | it did not read its answer | – | – | → over | → over | – | – |
//! | `polling duration` since it came | – | – | `8::` → nobody | – | – | – |
//! | `close timeout` with nobody | → over | → over | – | – | – | – |
//! | the heartbeat | – | – | – | `2::`, or → over | `2::`, or → over | – |
//! | the spark ends, and what was written before has gone out | → over | → over | `0::` → over | `0::`, end → over | `0::`, by the outbox | – |
//! | the session is lost | → over | → over | → over | → over | → over | – |
//!
//! A client that comes within a few seconds after the end is told `0::`, if it has not
//! said so itself; see [`Act::Owe`].
//!
//! [`polled`]: crate::transformers::polled

mod heart;

use std::sync::Arc;
use std::time::{Duration, Instant};

use self::heart::{Heart, Tick};
use super::options::Options;
use super::packet::{HEARTBEAT, Kind as Type, MESSAGE, Packet};
use super::route::Kind;
use super::shapes::{Say, Shape};
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::transformers::polled::farewells::Farewells;
use crate::transformers::polled::protocol::QuietEffect;
use crate::transformers::polled::protocol::{self, Dropped, Effect, End, Protocol, Read, What};

/// How long a spark that does nothing but write is not told that its session is over.
const PATIENCE: Duration = Duration::from_secs(5);

/// The code of an end by `0::`, which has none.
pub(super) const NO_CODE: u16 = 1005;

/// What all sessions of a server have.
pub(super) struct Shared {
    pub options: Options,
    /// What is owed to sessions that are no more.
    pub farewells: Farewells<Say>,
}

/// What goes with a session and does not change.
pub(super) struct Fixed {
    pub shared: Arc<Shared>,
    /// Longest message in bytes.
    pub max_length: usize,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    kind: Kind,
    close_timeout: Duration,
    polling_duration: Duration,
    waits: Waits,
    heart: Heart,
    /// When the poll is answered that there is nothing for.
    release: Option<Instant>,
    /// Until when the client may be away.
    away: Option<Instant>,
    /// The spark has ended.
    ending: bool,
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
    Socket,
}

/// What happens to a session.
#[derive(Debug)]
pub(super) enum Input {
    /// The stream that opens it has come.
    Stream,
    /// A receiver has come.
    Receiver(Kind),
    /// The client says something beside messages.
    Said(Said),
    /// The client asks for the end in a request of its own.
    Leave,
    /// What happens to every session.
    Common(protocol::Input),
}

/// What a client says beside messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing, but it is alive.
    Nothing,
    Heartbeat,
    Disconnect,
    /// What is to be acknowledged, by this packet.
    Ack(String),
    /// Bytes where only text goes.
    Bytes,
    /// A message over the limit.
    TooLong,
}

impl From<protocol::Input> for Input {
    fn from(input: protocol::Input) -> Self {
        Input::Common(input)
    }
}

/// A receiver is refused: there is no such session for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unknown;

/// What only this protocol does.
#[derive(Debug, PartialEq)]
pub(super) enum Act {
    /// Whoever comes soon is told this.
    Owe(Say),
}

/// What is in a text that is said to be a packet; a message may have so many bytes.
pub(super) fn read(text: &str, max_length: usize) -> Read<Session> {
    if let Some(message) = text.strip_prefix(MESSAGE).filter(|text| text.len() <= max_length) {
        // As all of Primus's are.
        return Read::Message(Frame::text(message));
    }
    let Some(packet) = Packet::parse(text) else { return Read::Input(Input::Said(Said::Nothing)) };
    let ack = packet.ack();
    let said = match (packet.message(), ack) {
        (Some(message), _) if message.len() > max_length => Said::TooLong,
        (Some(message), None) => return Read::Message(Frame::text(message)),
        (Some(message), Some(ack)) => {
            return Read::Both(Frame::text(message), Input::Said(Said::Ack(ack)));
        }
        (None, Some(ack)) => Said::Ack(ack),
        (None, None) if packet.kind == Type::Heartbeat => Said::Heartbeat,
        (None, None) if packet.is(Type::Disconnect) => Said::Disconnect,
        (None, None) => Said::Nothing,
    };
    Read::Input(Input::Said(said))
}

impl Session {
    /// A session that begins on a WebSocket, with a stream, which is about to come, or
    /// with a poll, which has got its answer.
    pub fn open(kind: Kind, options: &Options, now: Instant) -> Self {
        let Options { close_timeout, polling_duration, .. } = *options;
        let (waits, beats) = match kind {
            Kind::Websocket => (Waits::Socket, true),
            Kind::HtmlFile => (Waits::Opener, true),
            Kind::XhrPolling | Kind::JsonpPolling => (Waits::Nobody, false),
        };
        let times = (options.heartbeat_interval, options.heartbeat_timeout);
        let away = now.checked_add(close_timeout).filter(|_| waits != Waits::Socket);
        Session {
            kind,
            close_timeout,
            polling_duration,
            waits,
            heart: Heart::new(Some(times).filter(|_| beats && options.heartbeats), now),
            release: None,
            away,
            ending: false,
            over: false,
        }
    }

    /// What carries it.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    fn receiver(&mut self, now: Instant, out: &mut Vec<Effect<Self>>) {
        let (waits, replaced, last) = match self.kind {
            Kind::HtmlFile => (Waits::Stream, self.waits == Waits::Stream, None),
            _ => (Waits::Poll, self.waits == Waits::Poll, Some(Say::Noop)),
        };
        (self.waits, self.away) = (waits, None);
        self.release = now.checked_add(self.polling_duration).filter(|_| waits == Waits::Poll);
        out.push(if replaced { Effect::Replace(last) } else { Effect::Accept });
    }

    fn said(&mut self, said: Said, now: Instant, out: &mut Vec<Effect<Self>>) {
        self.heart.heard(said == Said::Heartbeat, now);
        match said {
            Said::Nothing | Said::Heartbeat => {}
            Said::Disconnect => self.leave(out),
            Said::Ack(ack) if !self.ending => {
                out.push(Effect::Send { packet: ack.into(), asked: false });
            }
            Said::Ack(_) => {}
            Said::Bytes => self.breach(1003, "bytes where only text goes", out),
            Said::TooLong => self.breach(1009, "message over the limit", out),
        }
    }

    fn breach(&mut self, code: u16, text: &str, out: &mut Vec<Effect<Self>>) {
        self.farewell(Say::Unknown, |quiet| out.push(Effect::Quiet(quiet)));
        let reason = CloseReason::new(Ended::Protocol, code, text, true);
        out.push(Effect::Quiet(self.over(End::Because(reason))));
    }

    /// The client has told its end.
    fn leave(&mut self, out: &mut Vec<Effect<Self>>) {
        self.farewell(Say::Unknown, |quiet| out.push(Effect::Quiet(quiet)));
        let end = CloseReason::new(Ended::Remote, NO_CODE, "", true);
        out.push(Effect::Quiet(self.over(End::Because(end))));
    }

    /// Tells whoever waits of the end, and whoever comes soon what is owed.
    fn farewell(&mut self, owed: Say, mut out: impl FnMut(QuietEffect<Self>)) {
        if self.waits == Waits::Socket {
            return;
        }
        // Nothing of this comes to a poll that has just got the last messages.
        out(QuietEffect::Answer(Say::Disconnect));
        out(QuietEffect::Finish);
        out(QuietEffect::Act(Act::Owe(owed)));
    }

    fn over(&mut self, end: End) -> QuietEffect<Self> {
        (self.waits, self.over) = (Waits::Nobody, true);
        (self.release, self.away) = (None, None);
        self.heart.stop();
        QuietEffect::Over(end)
    }

    fn tick(&mut self, now: Instant, excused: bool, out: &mut Vec<Effect<Self>>) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        match self.heart.tick(now, excused) {
            Tick::Wait => {}
            Tick::Ask => out.push(Effect::Send { packet: HEARTBEAT.into(), asked: false }),
            Tick::Dead => {
                self.farewell(Say::Disconnect, |quiet| out.push(Effect::Quiet(quiet)));
                self.over(End::Told);
                let text = "the client's heartbeat stopped";
                return out.push(Effect::Die(CloseReason::new(Ended::Heartbeat, 1000, text, true)));
            }
        }
        if is_due(self.away) {
            let reason = CloseReason::lost("the client has not come back");
            out.push(Effect::Quiet(self.over(End::Because(reason))));
        } else if is_due(self.release) {
            (self.waits, self.release) = (Waits::Nobody, None);
            out.push(Effect::Quiet(QuietEffect::Answer(Say::Noop)));
        }
    }
}

impl Protocol for Session {
    type Input = Input;
    type Effect = Effect<Self>;
    type Quiet = QuietEffect<Self>;
    type Own = Say;
    type Act = Act;
    type Refusal = Unknown;
    type Shape = Shape;
    type Fixed = Fixed;

    fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Effect<Self>>) {
        match (self.waits, input) {
            (_, Input::Stream | Input::Receiver(_)) if self.over => {
                out.push(Effect::Refuse(Unknown));
            }
            (Waits::Opener, Input::Stream) => self.receiver(now, out),
            (Waits::Nobody | Waits::Poll | Waits::Stream, Input::Receiver(kind))
                if kind == self.kind =>
            {
                self.receiver(now, out);
            }
            (_, Input::Stream | Input::Receiver(_)) => out.push(Effect::Refuse(Unknown)),
            _ if self.over => {}
            (_, Input::Said(said)) => self.said(said, now, out),
            // Whoever reads from the WebSocket knows nothing of other requests.
            (Waits::Socket, Input::Leave) => {
                self.over(End::Told);
                out.push(Effect::Die(CloseReason::new(Ended::Remote, NO_CODE, "", true)));
            }
            (_, Input::Leave) => self.leave(out),
            (_, Input::Common(protocol::Input::Alive)) => self.heart.heard(false, now),
            (_, Input::Common(protocol::Input::Tick { excused })) => self.tick(now, excused, out),
            (_, Input::Common(_)) => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.away.into_iter().chain(self.release).chain(self.heart.due()).min()
    }

    fn polls(&self) -> bool {
        !self.over && self.waits != Waits::Socket
    }

    fn takes(&mut self, _: Instant) -> bool {
        match self.waits {
            Waits::Nobody | Waits::Opener | Waits::Socket => false,
            Waits::Poll => {
                (self.waits, self.release) = (Waits::Nobody, None);
                true
            }
            Waits::Stream => true,
        }
    }

    fn idle(&mut self, _: &mut Vec<QuietEffect<Self>>) {}

    fn end(&mut self, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        if !self.over {
            self.ending = true;
            self.farewell(Say::Disconnect, |quiet| out.push(quiet));
            out.push(self.over(End::Told));
        }
    }

    fn lost(&mut self, reason: CloseReason, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        if !self.over {
            out.push(self.over(End::Because(reason)));
        }
    }

    fn dropped(&mut self, how: Dropped, now: Instant, out: &mut Vec<QuietEffect<Self>>) {
        let text = match (how, self.kind) {
            (Dropped::Waiting, Kind::HtmlFile) => "the connection of the stream was lost",
            // Nothing was on its way.
            (Dropped::Waiting, _) => return self.detached(now),
            (Dropped::Unread, _) => "the answer to a request could not be sent",
        };
        self.lost(CloseReason::lost(text), now, out);
    }

    fn detached(&mut self, now: Instant) {
        if !self.over {
            (self.waits, self.release) = (Waits::Nobody, None);
            self.away = now.checked_add(self.close_timeout);
        }
    }

    /// What is lost of the answer will not be sent again.
    fn unread(&self) -> Option<Unknown> {
        Some(Unknown)
    }

    fn refuse(_: &Unknown, shape: &Shape) -> (u16, &'static str, Vec<u8>) {
        (200, shape.content(), shape.answer(Say::Unknown))
    }

    fn body(
        &mut self,
        _: &Fixed,
        shape: &Shape,
        what: What<'_, Say>,
        out: &mut Vec<u8>,
    ) -> &'static str {
        shape.body(what, self.ending, out);
        shape.content()
    }

    fn common(_: &Fixed, shape: &Shape) -> Option<&'static str> {
        shape.common()
    }

    fn act(fixed: &Fixed, id: &str, act: Act, now: Instant) {
        match act {
            Act::Owe(say) => fixed.shared.farewells.owe(id, say, now),
        }
    }

    fn read(fixed: &Fixed, frame: Frame) -> Read<Self> {
        match frame {
            Frame::Text(text) => read(&text, fixed.max_length),
            Frame::Binary(_) => Read::Input(Input::Said(Said::Bytes)),
        }
    }

    fn patience(_: &Fixed) -> Duration {
        PATIENCE
    }
}

#[cfg(test)]
mod tests;
