//! A small pretend protocol, for what the first real one does not do: what comes
//! next must be able to.

mod casts;
mod receivers;
mod rig;
mod streams;

use std::convert::Infallible;
use std::io::{IoSlice, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::cast::Cast;
use super::protocol::{Dropped, Effect, End, Input, Protocol, QuietEffect, What};
use super::receiver::Limit;
use super::records::{Record, Records};
use super::sessions::Sessions;
use super::{Live, Receiver, serve};
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::http::server::{Accepted, Connection, HeaderSet, Held, Next};
use crate::limits::Limits;
use crate::net::Stream;
use crate::sync::{Lock, rank};
use crate::timer::{Clock, ManualClock, Timer};
use crate::transformers::nobody::Nobody;
use crate::transformers::serve::{Carried, Host, Polled, Session, Wire};

use self::rig::Rig;

/// What happens when a receiver comes while another waits.
#[derive(Clone, Copy, PartialEq)]
enum Second {
    Refused,
    Replaces,
    Ends,
}

/// The rules of the protocol, which differ from test to test.
#[derive(Clone, Copy)]
struct Rules {
    second: Second,
    /// How long the client may be away.
    grace: Duration,
    /// The loss of a receiver is the end.
    fragile: bool,
    /// What was sent is kept until it is acknowledged.
    keeps: bool,
}

const RULES: Rules =
    Rules { second: Second::Refused, grace: Duration::from_secs(5), fragile: false, keeps: false };

/// The shape whose frames are the same for all.
const BRACKETS: (&str, &str) = ("[", "]");

/// The machine. Messages go out as `m<text>;`, what it says itself as `<text>;`.
struct Pretend {
    rules: Rules,
    /// A receiver waits; whether it is a stream.
    waits: Option<bool>,
    /// Until when the client may be away.
    away: Option<Instant>,
    kept: Vec<u8>,
    closing: bool,
    over: bool,
    /// The id under which it was told that it is over.
    parted: Option<String>,
}

enum Happened {
    /// A receiver has come.
    Receiver {
        streams: bool,
    },
    /// The client has acknowledged all.
    Acknowledged,
    Post,
    Message(&'static str),
    Common(Input),
}

impl From<Input> for Happened {
    fn from(input: Input) -> Self {
        Happened::Common(input)
    }
}

impl Pretend {
    fn new(rules: Rules, now: Instant) -> Self {
        let away = now.checked_add(rules.grace);
        let (kept, parted) = (Vec::new(), None);
        Pretend { rules, waits: None, away, kept, closing: false, over: false, parted }
    }

    fn receiver(&mut self, streams: bool, out: &mut Vec<Effect<Self>>) {
        match (self.waits, self.rules.second) {
            _ if self.over => return out.push(Effect::Refuse("gone")),
            (Some(_), Second::Refused) => return out.push(Effect::Refuse("another")),
            (Some(_), Second::Ends) => {
                out.push(Effect::Quiet(QuietEffect::Answer("two".into())));
                out.extend(self.end_for("two receivers").map(Effect::Quiet));
                return out.push(Effect::Refuse("two"));
            }
            (Some(true), Second::Replaces) => out.push(Effect::Replace(None)),
            (Some(false), Second::Replaces) => {
                out.push(Effect::Replace(Some("replaced".into())));
            }
            (None, _) => out.push(Effect::Accept),
        }
        (self.waits, self.away) = (Some(streams), None);
    }

    fn end_for(&mut self, why: &str) -> impl Iterator<Item = QuietEffect<Self>> + use<> {
        self.over = true;
        let reason = CloseReason::new(Ended::Lost, 1006, why, true);
        [QuietEffect::Over(End::Because(reason))].into_iter()
    }
}

impl Protocol for Pretend {
    type Input = Happened;
    type Effect = Effect<Self>;
    type Quiet = QuietEffect<Self>;
    type Own = String;
    type Act = Infallible;
    type Refusal = &'static str;
    /// What each frame is put between.
    type Shape = (&'static str, &'static str);
    type Fixed = ();

    const KEEPS: bool = true;

    fn handle(&mut self, input: Happened, now: Instant, out: &mut Vec<Effect<Self>>) {
        match input {
            Happened::Receiver { streams } => self.receiver(streams, out),
            Happened::Acknowledged => self.kept.clear(),
            Happened::Post => out.push(Effect::Accept),
            Happened::Message("ping") => {
                out.push(Effect::Send { packet: "pong".into(), asked: true });
            }
            Happened::Message("die") => {
                out.push(Effect::Die(CloseReason::new(Ended::Heartbeat, 1000, "dead", true)));
            }
            Happened::Message(text) => out.push(Effect::Deliver(Frame::text(text))),
            Happened::Common(Input::Posted) => out.push(Effect::Posted),
            Happened::Common(Input::Tick { .. }) if self.away.is_some_and(|at| at <= now) => {
                self.away = None;
                out.extend(self.end_for("the client stayed away").map(Effect::Quiet));
            }
            Happened::Common(_) => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.away
    }

    fn polls(&self) -> bool {
        !self.over
    }

    fn takes(&mut self, _: Instant) -> bool {
        self.waits.is_some()
    }

    fn idle(&mut self, out: &mut Vec<QuietEffect<Self>>) {
        if !self.kept.is_empty() {
            out.push(QuietEffect::Answer("again".into()));
        } else if self.closing {
            out.push(QuietEffect::Answer("bye".into()));
            out.push(QuietEffect::Finish);
            out.push(QuietEffect::Over(End::Told));
            self.over = true;
        }
    }

    fn end(&mut self, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        self.closing = true;
        if self.waits == Some(true) {
            self.idle(out);
        }
    }

    fn lost(&mut self, _: CloseReason, _: Instant, out: &mut Vec<QuietEffect<Self>>) {
        // After its end the client may still come for the goodbye.
        if !self.closing && !self.over {
            out.extend(self.end_for("lost"));
        }
    }

    fn dropped(&mut self, _: Dropped, now: Instant, out: &mut Vec<QuietEffect<Self>>) {
        self.waits = None;
        match self.rules.fragile {
            true => out.extend(self.end_for("a receiver was lost")),
            false => self.away = now.checked_add(self.rules.grace),
        }
    }

    fn detached(&mut self, now: Instant) {
        self.waits = None;
        self.away = now.checked_add(self.rules.grace);
    }

    fn refuse(refusal: &&'static str, _: &Self::Shape) -> (u16, &'static str, Vec<u8>) {
        (200, "text/pretend", refusal.as_bytes().to_vec())
    }

    fn body(
        &mut self,
        (): &(),
        shape: &Self::Shape,
        what: What<'_, String>,
        out: &mut Vec<u8>,
    ) -> &'static str {
        let mut frame = String::new();
        match what {
            What::Own(own) if own == "again" => frame = String::from_utf8_lossy(&self.kept).into(),
            What::Own(own) => frame.extend([own, ";"]),
            What::Waiting { records, .. } => {
                for record in records {
                    match record {
                        Record::Text(text) => frame.extend(["m", text, ";"]),
                        Record::Packet(packet) => frame.extend([packet, ";"]),
                        // It carries text only: a parser that makes bytes is refused
                        // when the server is built.
                        Record::Binary(_) | Record::Close { .. } => {}
                    }
                }
                if self.rules.keeps {
                    self.kept.extend_from_slice(frame.as_bytes());
                }
            }
        }
        out.extend_from_slice([shape.0, &frame, shape.1].concat().as_bytes());
        "text/pretend"
    }

    fn common((): &(), shape: &Self::Shape) -> Option<&'static str> {
        (*shape == BRACKETS).then_some("brackets")
    }

    fn kept(&self) -> usize {
        self.kept.len()
    }

    fn act((): &(), _: &str, act: Infallible, _: Instant) {
        match act {}
    }

    fn over(&mut self, (): &(), id: &str, _: Instant) {
        assert_eq!(self.parted.replace(id.to_owned()), None);
    }

    fn patience((): &()) -> Duration {
        Duration::from_secs(20)
    }
}
