//! The machine of a session as [`polled`] drives it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::probing::Probing;
use super::{Answer, wire};
use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, room};
use crate::transformers::engine_io::options::Options;
use crate::transformers::engine_io::packet::{Packet, PacketRef};
use crate::transformers::engine_io::payload::{self, Content};
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::{Effect, Input, Quiet, Session};
use crate::transformers::engine_io::{Carrier, Format};
use crate::transformers::polled::farewells::Farewells;
use crate::transformers::polled::records::Record;
use crate::transformers::polled::{self, Dropped, Protocol, QuietEffect, Read, What};

/// A session between its connections and its spark.
pub(super) type Live = polled::Live<Session>;

/// What goes with a session.
pub(crate) struct Fixed {
    pub format: Format,
    /// The number of the client's function, if it polls by JSONP.
    pub jsonp: Option<String>,
    pub shared: Arc<Shared>,
    /// The WebSocket that is to take the polls' place.
    pub probing: Probing,
}

/// What all sessions of a server have.
pub(crate) struct Shared {
    pub options: Options,
    /// What is owed to sessions that are no more.
    pub farewells: Farewells<Answer>,
}

impl Fixed {
    /// The body of an answer with these packets.
    #[inline(never)]
    pub fn payload<'a, I>(&self, packets: I, out: &mut Vec<u8>) -> Content
    where
        I: Iterator<Item = PacketRef<'a>> + Clone,
    {
        let length = packets.clone().map(|packet| payload::item_len(packet, self.format)).sum();
        room::reserve(out, length);
        payload::answer(packets, self.format, self.jsonp.as_deref(), out)
    }
}

/// What only Engine.IO does.
pub(crate) enum Act {
    /// To be sent on the WebSocket that probes.
    SendProbe(PacketRef<'static>),
    /// The WebSocket that probes is to be closed.
    CloseProbe,
    /// The poll that was on its way when the session ended, if one comes soon,
    /// gets these packets.
    Owe(&'static [PacketRef<'static>]),
}

impl Protocol for Session {
    type Input = Input;
    type Effect = Effect;
    type Quiet = Quiet;
    type Own = &'static [PacketRef<'static>];
    type Act = Act;
    type Refusal = Refusal;
    type Shape = ();
    type Fixed = Fixed;

    fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Effect>) {
        Session::handle(self, input, now, out);
    }

    fn deadline(&self) -> Option<Instant> {
        Session::deadline(self)
    }

    fn polls(&self) -> bool {
        self.carrier() == Some(Carrier::Polling)
    }

    fn takes(&mut self, _: Instant) -> bool {
        Session::takes(self)
    }

    fn idle(&mut self, out: &mut Vec<Quiet>) {
        Session::idle(self, out);
    }

    fn end(&mut self, _: Instant, out: &mut Vec<Quiet>) {
        Session::end(self, out);
    }

    fn lost(&mut self, reason: CloseReason, _: Instant, out: &mut Vec<Quiet>) {
        self.lose(reason, out);
    }

    fn dropped(&mut self, how: Dropped, _: Instant, out: &mut Vec<Quiet>) {
        match how {
            Dropped::Waiting => self.get_lost(out),
            // Only a noop is on its way to a client that has gone over.
            Dropped::Unread if self.polls() => {
                self.lose(CloseReason::lost("the answer to a poll could not be sent"), out);
            }
            Dropped::Unread => {}
        }
    }

    fn unread(&self) -> Option<Refusal> {
        Some(Refusal::Overlap)
    }

    fn refuse(refusal: &Refusal, (): &()) -> (u16, &'static str, Vec<u8>) {
        (400, "application/json", refusal.body().into_bytes())
    }

    fn body(
        &mut self,
        fixed: &Fixed,
        (): &(),
        what: What<'_, Self::Own>,
        out: &mut Vec<u8>,
    ) -> &'static str {
        let content = match what {
            What::Own(packets) => fixed.payload(packets.iter().copied(), out),
            What::Waiting { records, parting } => {
                let close = parting.then_some(PacketRef::Close);
                fixed.payload(records.iter().filter_map(packet).chain(close), out)
            }
        };
        content.mime()
    }

    fn act(fixed: &Fixed, id: &str, act: Act, now: Instant) {
        match act {
            Act::SendProbe(packet) => {
                let mut frame = Vec::new();
                wire::wire(fixed.format).put(packet, &mut frame);
                fixed.probing.say(&frame);
            }
            Act::CloseProbe => fixed.probing.close(),
            Act::Owe(packets) => {
                let mut body = Vec::new();
                let content = fixed.payload(packets.iter().copied(), &mut body);
                fixed.shared.farewells.owe(id, (content, body), now);
            }
        }
    }

    fn read(fixed: &Fixed, frame: Frame) -> Read<Self> {
        match Packet::from_frame(frame, fixed.format.revision) {
            Ok(Packet::Message(frame)) => Read::Message(frame),
            packet => Read::Input(Input::Packet(packet)),
        }
    }

    fn turn(fixed: &Fixed) {
        fixed.probing.catch_up();
    }

    fn patience(fixed: &Fixed) -> Duration {
        fixed.shared.options.timing.ping_timeout
    }
}

impl From<polled::Input> for Input {
    fn from(input: polled::Input) -> Self {
        match input {
            polled::Input::Posted => Input::Posted,
            polled::Input::PostFailed { too_large: true } => Input::PostTooLarge,
            polled::Input::PostFailed { too_large: false } => Input::PostLost,
            polled::Input::Alive => Input::Packet(Ok(Packet::Noop)),
            polled::Input::Tick { excused } => Input::Tick { excused },
        }
    }
}

impl From<Effect> for polled::Effect<Session> {
    fn from(effect: Effect) -> Self {
        let quiet = match effect {
            Effect::Accept => return polled::Effect::Accept,
            Effect::Refuse(refusal) => return polled::Effect::Refuse(refusal),
            Effect::Ok => return polled::Effect::Posted,
            Effect::Deliver(frame) => return polled::Effect::Deliver(frame),
            Effect::Send(packet) => return send(packet),
            Effect::Switch => return polled::Effect::Switch,
            Effect::Over(Some(reason)) if reason.by == Ended::Heartbeat => {
                return polled::Effect::Die(reason);
            }
            Effect::SendProbe(packet) => QuietEffect::Act(Act::SendProbe(packet)),
            Effect::Answer(packets) => Quiet::Answer(packets).into(),
            Effect::CutPost => Quiet::CutPost.into(),
            Effect::CloseProbe => Quiet::CloseProbe.into(),
            Effect::Owe(packets) => Quiet::Owe(packets).into(),
            Effect::Over(reason) => Quiet::Over(reason).into(),
        };
        polled::Effect::Quiet(quiet)
    }
}

impl From<Quiet> for QuietEffect<Session> {
    fn from(quiet: Quiet) -> Self {
        match quiet {
            Quiet::Answer(packets) => QuietEffect::Answer(packets),
            Quiet::CutPost => QuietEffect::CutPost,
            Quiet::CloseProbe => QuietEffect::Act(Act::CloseProbe),
            Quiet::Owe(packets) => QuietEffect::Act(Act::Owe(packets)),
            Quiet::Over(reason) => QuietEffect::Over(reason.into()),
        }
    }
}

/// A packet of the heartbeat, among what waits to be sent.
fn send(packet: PacketRef<'_>) -> polled::Effect<Session> {
    let (kind, data, asked) = match packet {
        PacketRef::Pong(data) => ("3", data, true),
        PacketRef::Ping(data) => ("2", data, false),
        _ => ("6", "", false),
    };
    let packet = if data.is_empty() { Cow::Borrowed(kind) } else { [kind, data].concat().into() };
    polled::Effect::Send { packet, asked }
}

/// What has waited.
fn packet<'a>(record: &Record<'a>) -> Option<PacketRef<'a>> {
    match *record {
        Record::Text(text) => Some(PacketRef::Text(text)),
        Record::Binary(bytes) => Some(PacketRef::Binary(bytes)),
        Record::Packet(text) => {
            let (kind, data) = text.split_at_checked(1)?;
            match kind {
                "2" => Some(PacketRef::Ping(data)),
                "3" => Some(PacketRef::Pong(data)),
                _ => None,
            }
        }
        Record::Close { .. } => None,
    }
}
