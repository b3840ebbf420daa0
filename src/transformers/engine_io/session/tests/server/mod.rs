//! The table of the server's session, row by row.

mod end;
mod heartbeat;
mod random;
mod requests;
mod upgrade;

use std::time::{Duration, Instant};

use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::transformers::engine_io::packet::{Invalid, PROBE, Packet, PacketRef};
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::{Effect, Input, Session, Timing};
use crate::transformers::engine_io::{Carrier, Revision};

use Effect::{Accept, Answer, CloseProbe, CutPost, Deliver, Ok as Answered, Over, Refuse, Switch};

const CLOSE: Effect = Answer(&[PacketRef::Close]);
const NOOP: Effect = Answer(&[PacketRef::Noop]);
const OWE_NOOP: Effect = Effect::Owe(&[PacketRef::Noop]);
const NOOP_CLOSE: Effect = Answer(&[PacketRef::Noop, PacketRef::Close]);
const POST: Input = Input::Post { binary: false };
const TICK: Input = Input::Tick { excused: false };
const PING: Effect = Effect::Send(PacketRef::Ping(""));
const PONG: Effect = Effect::Send(PacketRef::Pong(""));

struct Run {
    session: Session,
    start: Instant,
    now: Instant,
}

impl Run {
    fn open(revision: Revision, carrier: Carrier) -> Self {
        let timing = Timing {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
        };
        let start = Instant::now();
        let session = Session::open(revision, carrier, &timing, start);
        Run { session, start, now: start }
    }

    fn polling() -> Self {
        Run::open(Revision::V4, Carrier::Polling)
    }

    fn websocket() -> Self {
        Run::open(Revision::V4, Carrier::Websocket)
    }

    /// With a WebSocket that has taken over.
    fn upgraded() -> Self {
        let mut run = Run::polling();
        assert_eq!(run.feed(Input::Upgrade), [Accept]);
        assert_eq!(run.probe(Packet::Upgrade), [Switch]);
        run
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = self.start + Duration::from_millis(ms);
        self
    }

    fn feed(&mut self, input: Input) -> Vec<Effect> {
        let mut out = Vec::new();
        self.session.handle(input, self.now, &mut out);
        out
    }

    fn packet(&mut self, packet: Packet) -> Vec<Effect> {
        self.feed(Input::Packet(Ok(packet)))
    }

    fn probe(&mut self, packet: Packet) -> Vec<Effect> {
        self.feed(Input::Probe(Ok(packet)))
    }

    fn offer(&mut self, waits: bool) -> (bool, Vec<Effect>) {
        let mut out = Vec::new();
        (self.session.offer(waits, &mut out), out)
    }

    /// Milliseconds from the session's start to the next tick.
    fn deadline(&self) -> Option<u64> {
        self.session.deadline().map(|at| (at - self.start).as_millis() as u64)
    }

    #[track_caller]
    fn is_over(&mut self) {
        assert_eq!(self.session.carrier(), None);
        assert_eq!(self.deadline(), None);
        for input in [Input::Get, POST, Input::Upgrade] {
            assert_eq!(self.feed(input), [Refuse(Refusal::UnknownSession)]);
        }
        for input in [
            Input::GetLost,
            Input::PostLost,
            Input::PostTooLarge,
            Input::Posted,
            Input::Probe(Ok(Packet::Upgrade)),
            Input::ProbeLost,
            Input::Lost(CloseReason::lost("")),
            Input::Packet(Ok(message())),
            TICK,
            Input::End,
        ] {
            assert_eq!(self.feed(input), []);
        }
        assert_eq!(self.offer(true), (false, vec![]));
        assert_eq!(self.offer(false), (false, vec![]));
    }
}

fn message() -> Packet {
    Packet::Message(Frame::text("x"))
}

fn ping(data: &str) -> Packet {
    Packet::Ping(data.to_owned())
}

fn pong() -> Packet {
    Packet::Pong(String::new())
}

/// What ended it, and the effects before that.
#[track_caller]
fn over(mut effects: Vec<Effect>) -> (Vec<Effect>, Option<Ended>) {
    let at = effects.iter().position(|effect| matches!(effect, Over(_))).expect("it is over");
    let Over(reason) = effects.remove(at) else { unreachable!() };
    assert!(reason.as_ref().is_none_or(|reason| reason.may_reconnect));
    (effects, reason.map(|reason| reason.by))
}
