//! The table of the server's session, row by row.

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

#[test]
fn a_poll_is_held_until_something_waits() {
    let mut run = Run::polling();
    assert_eq!(run.offer(true), (false, vec![]));
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert!(run.session.is_polled());
    assert_eq!(run.offer(false), (false, vec![]));
    assert_eq!(run.offer(true), (true, vec![]));
    assert!(!run.session.is_polled());
    assert_eq!(run.offer(true), (false, vec![]));
    assert_eq!(run.feed(Input::GetLost), []);
    assert_eq!(run.feed(Input::Get), [Accept]);
}

#[test]
fn a_second_poll_ends_the_session() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    let effects = run.feed(Input::Get);
    let expected = vec![CLOSE, Refuse(Refusal::Overlap)];
    assert_eq!(over(effects), (expected, Some(Ended::Protocol)));
    run.is_over();
}

#[test]
fn a_poll_that_is_lost_ends_the_session() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    run.feed(POST);
    assert_eq!(over(run.feed(Input::GetLost)), (vec![CutPost], Some(Ended::Lost)));
    run.is_over();
}

#[test]
fn a_post_is_delivered_and_answered() {
    let mut run = Run::polling();
    assert_eq!(run.feed(POST), [Accept]);
    assert_eq!(run.packet(message()), [Deliver(Frame::text("x"))]);
    for ignored in [Packet::Open("{}".into()), Packet::Upgrade, Packet::Noop] {
        assert_eq!(run.packet(ignored), []);
    }
    assert_eq!(run.feed(Input::Posted), [Answered]);
    assert_eq!(run.feed(Input::Posted), []);
    assert_eq!(run.feed(POST), [Accept]);
    assert_eq!(run.feed(Input::Posted), [Answered]);
}

#[test]
fn a_second_post_ends_the_session() {
    for read in [false, true] {
        let mut run = Run::polling();
        run.feed(Input::Get);
        run.feed(POST);
        if read {
            run.packet(message());
        }
        let effects = run.feed(POST);
        let expected = vec![CutPost, CLOSE, Refuse(Refusal::Overlap)];
        assert_eq!(over(effects), (expected, Some(Ended::Protocol)));
        run.is_over();
    }
}

#[test]
fn a_post_that_is_lost_ends_the_session_and_one_too_large_does_not() {
    let mut run = Run::polling();
    run.feed(POST);
    assert_eq!(run.feed(Input::PostTooLarge), [Refuse(Refusal::TooLarge)]);
    assert_eq!(run.feed(POST), [Accept]);
    run.feed(Input::Get);
    assert_eq!(over(run.feed(Input::PostLost)), (vec![CLOSE], Some(Ended::Lost)));
    run.is_over();
}

#[test]
fn a_post_is_binary_in_revision_3_only() {
    let binary = || Input::Post { binary: true };
    let mut run = Run::open(Revision::V3, Carrier::Polling);
    assert_eq!(run.feed(binary()), [Accept]);
    let mut run = Run::polling();
    run.feed(Input::Get);
    let expected = vec![CLOSE, Refuse(Refusal::Content)];
    assert_eq!(over(run.feed(binary())), (expected, Some(Ended::Protocol)));
    run.is_over();
}

#[test]
fn what_is_no_packet_ends_the_session_but_the_post_is_answered() {
    let bad = || Input::Packet(Err(Invalid("unknown packet type")));
    let mut run = Run::polling();
    run.feed(Input::Get);
    run.feed(POST);
    run.packet(message());
    assert_eq!(over(run.feed(bad())), (vec![CLOSE], Some(Ended::Protocol)));
    assert_eq!(run.feed(Input::Posted), [Answered]);
    run.is_over();
    let mut run = Run::websocket();
    assert_eq!(over(run.feed(bad())), (vec![], Some(Ended::Protocol)));
    run.is_over();
}

#[test]
fn the_client_closes_with_a_packet_when_it_polls() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    run.feed(POST);
    assert_eq!(over(run.packet(Packet::Close)), (vec![NOOP], Some(Ended::Remote)));
    // What follows it in the same body counts no more.
    assert_eq!(run.packet(message()), []);
    assert_eq!(run.feed(Input::Posted), [Answered]);
    run.is_over();
    // The poll is still on its way.
    let mut run = Run::polling();
    run.feed(POST);
    assert_eq!(over(run.packet(Packet::Close)), (vec![OWE_NOOP], Some(Ended::Remote)));
    run.is_over();
    for mut run in [Run::websocket(), Run::upgraded()] {
        assert_eq!(run.packet(Packet::Close), []);
        assert_eq!(run.packet(message()), [Deliver(Frame::text("x"))]);
        let reason = CloseReason::new(Ended::Remote, 1001, "bye", true);
        assert_eq!(run.feed(Input::Lost(reason.clone())), [Over(Some(reason))]);
        run.is_over();
    }
}

#[test]
fn requests_for_a_session_on_a_websocket() {
    for mut run in [Run::websocket(), Run::upgraded()] {
        assert_eq!(run.feed(Input::Get), [Refuse(Refusal::Mismatch)]);
        assert_eq!(run.feed(POST), [Refuse(Refusal::Mismatch)]);
        assert_eq!(run.feed(Input::Upgrade), [Refuse(Refusal::Close)]);
        assert_eq!(run.session.carrier(), Some(Carrier::Websocket));
    }
}

#[test]
fn a_probe_releases_polls_every_100_ms() {
    let mut run = Run::polling();
    run.at(10).feed(Input::Get);
    assert_eq!(run.at(1_000).feed(Input::Upgrade), [Accept]);
    assert_eq!(run.deadline(), Some(11_000));
    let answer = Effect::SendProbe(PacketRef::Pong(PROBE));
    assert_eq!(run.at(1_050).probe(ping(PROBE)), [answer]);
    assert_eq!(run.deadline(), Some(1_150));
    assert_eq!(run.at(1_149).feed(TICK), []);
    assert_eq!(run.at(1_150).feed(TICK), [NOOP]);
    // No ticks while there is no poll to release.
    assert_eq!(run.deadline(), Some(11_000));
    assert_eq!(run.at(1_430).feed(Input::Get), [Accept]);
    assert_eq!(run.deadline(), Some(1_450));
    // Messages release it as well.
    assert_eq!(run.offer(true), (true, vec![]));
    assert_eq!(run.deadline(), Some(11_000));
    run.at(1_450).feed(Input::Get);
    assert_eq!(run.deadline(), Some(1_550));
}

#[test]
fn the_websocket_takes_over() {
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.probe(ping(PROBE));
    run.feed(Input::Get);
    run.feed(POST);
    // The client should not have a poll open, nor a POST.
    assert_eq!(run.probe(Packet::Upgrade), [NOOP, CutPost, Switch]);
    assert_eq!(run.session.carrier(), Some(Carrier::Websocket));
    assert_eq!(run.packet(message()), [Deliver(Frame::text("x"))]);
    assert_eq!(run.feed(Input::PostLost), []);
    assert_eq!(run.feed(Input::GetLost), []);
    assert_eq!(run.feed(Input::ProbeLost), []);
    assert_eq!(run.offer(true), (false, vec![]));
    assert_eq!(run.deadline(), Some(25_000));
}

#[test]
fn a_probe_that_fails_leaves_the_session_as_it_was() {
    let mut run = Run::polling();
    for bad in [
        Ok(message()),
        Ok(ping("")),
        Ok(ping("probes")),
        Ok(pong()),
        Ok(Packet::Close),
        Err(Invalid("empty packet")),
    ] {
        assert_eq!(run.feed(Input::Upgrade), [Accept]);
        assert_eq!(run.feed(Input::Upgrade), [Refuse(Refusal::Close)]);
        assert_eq!(run.feed(Input::Probe(bad)), [CloseProbe]);
    }
    assert_eq!(run.probe(Packet::Upgrade), []);
    assert_eq!(run.feed(Input::Upgrade), [Accept]);
    assert_eq!(run.feed(Input::ProbeLost), []);
    assert_eq!(run.at(1_000).feed(Input::Upgrade), [Accept]);
    run.probe(ping(PROBE));
    assert_eq!(run.at(11_000).feed(TICK), [CloseProbe]);
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert_eq!(run.deadline(), Some(25_000));
    assert_eq!(run.feed(Input::Upgrade), [Accept]);
}

#[test]
fn a_probe_is_closed_with_its_session() {
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.feed(Input::Get);
    let effects = run.feed(Input::GetLost);
    assert_eq!(over(effects), (vec![CloseProbe], Some(Ended::Lost)));
    run.is_over();
}

#[test]
fn the_server_pings_over_whatever_carries_the_session() {
    for mut run in [Run::polling(), Run::websocket(), Run::upgraded()] {
        run.feed(Input::Get);
        assert_eq!(run.deadline(), Some(25_000));
        assert_eq!(run.at(25_000).feed(TICK), [PING]);
        assert_eq!(run.at(25_100).packet(pong()), []);
        assert_eq!(run.at(50_100).feed(TICK), [PING]);
        assert_eq!(run.deadline(), Some(70_100));
        assert_eq!(run.at(70_100).feed(Input::Tick { excused: true }), [PING]);
        let polls = run.session.is_polled();
        let expected = if polls { vec![CLOSE] } else { vec![] };
        assert_eq!(over(run.at(90_100).feed(TICK)), (expected, Some(Ended::Heartbeat)));
        run.is_over();
    }
}

#[test]
fn the_heartbeat_goes_on_while_a_websocket_probes() {
    let mut run = Run::polling();
    run.at(20_000).feed(Input::Get);
    run.feed(Input::Upgrade);
    run.probe(ping(PROBE));
    assert_eq!(run.at(20_100).feed(TICK), [NOOP]);
    assert_eq!(run.at(25_000).feed(TICK), [PING]);
    assert_eq!(run.at(26_000).probe(Packet::Upgrade), [Switch]);
    assert_eq!(run.deadline(), Some(45_000));
    assert_eq!(run.at(44_000).packet(pong()), []);
    assert_eq!(run.deadline(), Some(69_000));
}

#[test]
fn the_client_pings_in_revision_3() {
    for carrier in [Carrier::Polling, Carrier::Websocket] {
        let mut run = Run::open(Revision::V3, carrier);
        run.feed(POST);
        assert_eq!(run.at(25_000).packet(ping("")), [PONG]);
        assert_eq!(run.packet(ping("abc")), [PONG]);
        assert_eq!(run.at(30_000).packet(message()), [Deliver(Frame::text("x"))]);
        assert_eq!(run.deadline(), Some(75_000));
        run.feed(Input::Posted);
        let (_, by) = over(run.at(75_000).feed(TICK));
        assert_eq!(by, Some(Ended::Heartbeat));
        run.is_over();
    }
}

#[test]
fn heartbeats_of_the_wrong_side_end_the_session() {
    for (revision, wrong) in [(Revision::V3, pong()), (Revision::V4, ping(""))] {
        let mut run = Run::open(revision, Carrier::Polling);
        run.feed(Input::Get);
        run.feed(POST);
        assert_eq!(over(run.packet(wrong.clone())), (vec![CLOSE], Some(Ended::Protocol)));
        assert_eq!(run.feed(Input::Posted), [Answered]);
        run.is_over();
        let mut run = Run::open(revision, Carrier::Websocket);
        assert_eq!(over(run.packet(wrong)), (vec![], Some(Ended::Protocol)));
        run.is_over();
    }
}

#[test]
fn a_client_that_does_not_come_back_is_given_up() {
    let mut run = Run::polling();
    assert_eq!(run.deadline(), Some(15_000));
    assert_eq!(run.at(14_999).feed(TICK), []);
    assert_eq!(over(run.at(15_000).feed(TICK)), (vec![], Some(Ended::Lost)));
    run.is_over();
    for claim in [Input::Get, POST, Input::Upgrade] {
        let mut run = Run::polling();
        run.feed(claim);
        assert_ne!(run.deadline(), Some(15_000));
        assert!(run.at(15_000).feed(TICK).iter().all(|effect| *effect == CloseProbe));
        assert_eq!(run.deadline(), Some(25_000));
    }
}

#[test]
fn the_end_of_a_session_that_is_polled() {
    let mut run = Run::polling();
    run.feed(Input::Get);
    assert_eq!(run.offer(false), (false, vec![]));
    assert_eq!(run.feed(Input::End), [CLOSE, Over(None)]);
    run.is_over();
}

#[test]
fn the_end_of_a_session_waits_for_a_poll() {
    let mut run = Run::polling();
    run.feed(POST);
    assert_eq!(run.feed(Input::End), []);
    assert_eq!(run.packet(message()), []);
    assert_eq!(run.packet(pong()), []);
    assert_eq!(run.feed(Input::Posted), [Answered]);
    // The heartbeat rests.
    assert_eq!(run.deadline(), None);
    assert_eq!(run.at(99_000).feed(TICK), []);
    // Messages first.
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert_eq!(run.offer(true), (true, vec![]));
    assert_eq!(run.feed(Input::Get), [Accept]);
    assert_eq!(run.offer(false), (false, vec![NOOP_CLOSE, Over(None)]));
    run.is_over();
}

#[test]
fn the_end_of_a_session_that_nobody_polls() {
    let mut run = Run::polling();
    assert_eq!(run.feed(Input::End), []);
    assert_eq!(run.deadline(), Some(15_000));
    assert_eq!(run.at(15_000).feed(TICK), [Over(None)]);
    run.is_over();
}

#[test]
fn both_sides_close() {
    let mut run = Run::polling();
    run.feed(POST);
    run.feed(Input::End);
    assert_eq!(run.packet(Packet::Close), [OWE_NOOP, Over(None)]);
    assert_eq!(run.feed(Input::Posted), [Answered]);
    run.is_over();
    for mut run in [Run::websocket(), Run::upgraded()] {
        assert_eq!(run.feed(Input::End), []);
        assert_eq!(run.packet(message()), []);
        assert_eq!(run.deadline(), None);
        assert_eq!(run.feed(Input::Lost(CloseReason::lost(""))), [Over(None)]);
        run.is_over();
    }
}

/// Its client polls no more, and would not learn of the end otherwise.
#[test]
fn a_websocket_takes_over_a_session_that_ends() {
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.probe(ping(PROBE));
    assert_eq!(run.feed(Input::End), []);
    assert_eq!(run.probe(Packet::Upgrade), [Switch]);
    assert_eq!(run.packet(message()), []);
    assert_eq!(run.feed(Input::Lost(CloseReason::lost(""))), [Over(None)]);
    run.is_over();
    // But if it does poll, it learns of the end there.
    let mut run = Run::polling();
    run.feed(Input::Upgrade);
    run.feed(Input::End);
    run.feed(Input::Get);
    assert_eq!(run.offer(false), (false, vec![NOOP_CLOSE, CloseProbe, Over(None)]));
    run.is_over();
}

/// Whatever happens in whichever order, a session keeps its promises.
#[test]
fn no_order_of_events_confuses_a_session() {
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..20_000 {
        let revision = if random.bool() { Revision::V3 } else { Revision::V4 };
        let carrier = if random.u8(..8) > 0 { Carrier::Polling } else { Carrier::Websocket };
        let mut run = Run::open(revision, carrier);
        let (mut polled, mut posting, mut over, mut ended, mut ms) = (false, false, 0, false, 0);
        for _ in 0..random.usize(..40) {
            ms += random.u64(..3) * random.u64(..8_000);
            let input = any(&mut random);
            let get = matches!(input, Input::Get);
            let post = matches!(input, Input::Post { .. });
            let asks = get || post || matches!(input, Input::Upgrade);
            if matches!(input, Input::GetLost) {
                polled = false;
            }
            if matches!(input, Input::PostLost) {
                posting = false;
            }
            ended |= matches!(input, Input::End);
            let mut effects = run.at(ms).feed(input);
            let answers = effects.iter().filter(|effect| matches!(effect, Accept | Refuse(_)));
            assert!(answers.count() == 1 || !asks, "{round}: {effects:?}");
            if effects.contains(&Accept) {
                (polled, posting) = (polled || get, posting || post);
            }
            let (waits, mut more) = (random.bool(), Vec::new());
            if run.session.offer(waits, &mut more) {
                assert!(waits && polled && more.is_empty(), "{round}");
                polled = false;
            }
            effects.extend(more);
            for effect in effects {
                match effect {
                    Answer(_) => assert!(std::mem::take(&mut polled), "{round}: no poll"),
                    CutPost | Answered | Refuse(Refusal::TooLarge) => {
                        assert!(std::mem::take(&mut posting), "{round}: no POST");
                    }
                    Deliver(_) => assert!(over == 0 && !ended, "{round}"),
                    Over(reason) => {
                        over += 1;
                        assert!(!ended || reason.is_none(), "{round}");
                    }
                    _ => {}
                }
            }
            assert_eq!((over == 0, over < 2), (run.session.carrier().is_some(), true), "{round}");
            assert_eq!(run.session.is_polled(), polled, "{round}");
            let due = run.session.deadline();
            assert!(due.is_none() || over == 0, "{round}");
        }
    }
}

fn any(random: &mut fastrand::Rng) -> Input {
    let packet = |random: &mut fastrand::Rng| match random.u8(..9) {
        0 => Ok(Packet::Close),
        1 => Ok(ping("")),
        2 => Ok(ping(PROBE)),
        3 => Ok(pong()),
        4 => Ok(Packet::Upgrade),
        5 => Err(Invalid("")),
        _ => Ok(message()),
    };
    match random.u8(..20) {
        0..=3 => Input::Get,
        4 => Input::GetLost,
        5 | 6 => Input::Post { binary: random.u8(..20) == 0 },
        7 | 8 => Input::Packet(packet(random)),
        9 | 10 => Input::Posted,
        11 => Input::PostLost,
        12 => Input::PostTooLarge,
        13 => Input::Upgrade,
        14 | 15 => Input::Probe(packet(random)),
        16 => Input::ProbeLost,
        17 => Input::Lost(CloseReason::lost("")),
        18 if random.bool() => Input::End,
        _ => Input::Tick { excused: random.bool() },
    }
}
