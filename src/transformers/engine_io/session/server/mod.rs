//! The server's side of one session.
//!
//! What waits to be sent is not here but in the spark's outbox, which
//! [offers](Session::takes) it whenever a poll is held; and what is answered
//! is known outside too: the session says *the* poll, *the* POST and *the*
//! probe, of which it allows one each.
//!
//! The table, with the sections of the protocol notes that it follows. `over`
//! stands for: the held poll gets a close packet (or what is said), the probe
//! is closed, a POST that is still being read is cut, the session is forgotten.
//!
//! | input | polling | on the WebSocket | over |
//! |---|---|---|---|
//! | [`Get`](Input::Get) (4) | accepted and held; if one is held: over, refused | refused (code 3) | refused (code 1) |
//! | [`GetLost`](Input::GetLost) (4) | over | | |
//! | [`Post`](Input::Post) (4) | accepted; if one is read: that is cut, over, refused; binary in revision 4: over, refused | refused (code 3) | refused (code 1) |
//! | [`Packet`](Input::Packet): message | delivered | delivered | |
//! | … `1` (7) | over, the poll gets a noop; if none is held, the first that comes soon | ignored | |
//! | … `2`, `3` (6) | see [`heartbeat`]; the wrong one: over | the same | |
//! | … `0`, `5`, `6` | ignored | ignored | |
//! | … none (3) | over | over | |
//! | [`Posted`](Input::Posted) | `ok` | `ok` | `ok`, if not cut |
//! | [`PostLost`](Input::PostLost) (4) | over | | |
//! | [`PostTooLarge`](Input::PostTooLarge) (4) | 413, nothing else | 413 | |
//! | [`Upgrade`](Input::Upgrade) (5) | accepted, the time-out begins; if one probes: 101 and closed | 101 and closed | refused (code 1) |
//! | [`Probe`](Input::Probe) (5): `2probe` | `3probe`; from now on a held poll gets a noop every 100 ms | | |
//! | … `5` | a held poll gets a noop, and a POST that is not answered is cut; the WebSocket takes over | | |
//! | … other | the probe is closed | | |
//! | [`ProbeLost`](Input::ProbeLost) (5) | polls on | | |
//! | [`Lost`](Input::Lost) (7) | over | over | |
//! | [`Tick`](Input::Tick): heartbeat (6) | ping, or over | ping, or over | |
//! | … upgrade time-out (5) | the probe is closed | | |
//! | … no request yet | over | | |
//! | [`End`](Input::End) (7) | a held poll gets `1`, over; else the first poll that nothing waits for gets `6`, `1`, over | its close frame is the outbox's | |
//!
//! After `End` nothing is delivered any more, and the heartbeat rests; the
//! outbox cuts a client that does not come for the close packet. A probe may
//! still take over, for its client polls no more.

mod vocabulary;

use std::time::{Duration, Instant};

pub(crate) use self::vocabulary::{Effect, Input, Quiet, Timing};
use super::heartbeat::{self, Heard, Heartbeat};
use crate::close::{CloseReason, Ended};
use crate::transformers::engine_io::packet::{Invalid, PROBE, Packet, PacketRef};
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::{Carrier, Revision};

/// How often a poll is released while a WebSocket probes.
const RELEASE: Duration = Duration::from_millis(100);
/// Time in which the client must come back after the handshake.
const CLAIM: Duration = Duration::from_secs(15);

const CLOSE: &[PacketRef<'static>] = &[PacketRef::Close];
const NOOP: &[PacketRef<'static>] = &[PacketRef::Noop];
const NOOP_CLOSE: &[PacketRef<'static>] = &[PacketRef::Noop, PacketRef::Close];

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    revision: Revision,
    upgrade_timeout: Duration,
    phase: Phase,
    /// The spark has ended.
    closing: bool,
    /// A poll is held, since then.
    poll: Option<Instant>,
    post: Option<Post>,
    probe: Option<Probe>,
    heart: Heartbeat,
    /// When a session that no request has come for is given up.
    claim: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    On(Carrier),
    Over,
}

const POLLING: Phase = Phase::On(Carrier::Polling);
const WEBSOCKET: Phase = Phase::On(Carrier::Websocket);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Post {
    /// Its body is on the way.
    Reading,
    /// Its body has come.
    Read,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    /// When it is given up. `None`: never.
    until: Option<Instant>,
    /// When it last said `2probe`.
    since: Option<Instant>,
}

impl Session {
    /// A session that begins with a poll, which gets the handshake, or on a
    /// WebSocket.
    pub fn open(revision: Revision, carrier: Carrier, timing: &Timing, now: Instant) -> Self {
        let Timing { ping_interval, ping_timeout, upgrade_timeout } = *timing;
        Session {
            revision,
            upgrade_timeout,
            phase: Phase::On(carrier),
            closing: false,
            poll: None,
            post: None,
            probe: None,
            heart: Heartbeat::open(revision, ping_interval, ping_timeout, now),
            claim: now.checked_add(CLAIM).filter(|_| carrier == Carrier::Polling),
        }
    }

    /// Which revision its client speaks.
    #[cfg(test)]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What carries it; `None` when it is over.
    pub fn carrier(&self) -> Option<Carrier> {
        match self.phase {
            Phase::On(carrier) => Some(carrier),
            Phase::Over => None,
        }
    }

    /// Whether a poll is held.
    #[cfg(test)]
    pub fn is_polled(&self) -> bool {
        self.poll.is_some()
    }

    /// When a tick is needed; an earlier one does no harm.
    pub fn deadline(&self) -> Option<Instant> {
        let probe = self.probe.and_then(|probe| probe.until);
        let all = [self.heart.deadline(), self.claim, probe, self.release()];
        all.into_iter().flatten().min()
    }

    /// When the held poll is released for a WebSocket that probes.
    fn release(&self) -> Option<Instant> {
        let (held, since) = (self.poll?, self.probe?.since?);
        let periods = held.saturating_duration_since(since).as_millis() / RELEASE.as_millis();
        since.checked_add(RELEASE.saturating_mul(u32::try_from(periods).ok()?.checked_add(1)?))
    }

    /// Something waits to be sent: whether the held poll gets all of it, and is
    /// held no more.
    pub fn takes(&mut self) -> bool {
        self.poll.take().is_some()
    }

    /// A poll is held, and nothing waits to be sent.
    pub fn idle(&mut self, out: &mut impl Extend<Quiet>) {
        if self.closing && self.poll.is_some() {
            self.over(None, NOOP_CLOSE, out);
        }
    }

    /// [`takes`](Self::takes) or [`idle`](Self::idle).
    #[cfg(test)]
    pub fn offer(&mut self, waits: bool, out: &mut Vec<Effect>) -> bool {
        if waits {
            return self.takes();
        }
        self.idle(out);
        false
    }

    /// Something happens; see the table above.
    pub fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Effect>) {
        match (self.phase, input) {
            (POLLING, Input::Get) if self.poll.is_some() => {
                self.over(breach("two polls at a time"), CLOSE, out);
                out.push(Effect::Refuse(Refusal::Overlap));
            }
            (POLLING, Input::Get) => {
                (self.claim, self.poll) = (None, Some(now));
                out.push(Effect::Accept);
            }
            (_, Input::GetLost) => self.get_lost(out),

            (POLLING, Input::Post { .. }) if self.post.take().is_some() => {
                out.push(Effect::CutPost);
                self.over(breach("two POSTs at a time"), CLOSE, out);
                out.push(Effect::Refuse(Refusal::Overlap));
            }
            (POLLING, Input::Post { binary: true }) if self.revision == Revision::V4 => {
                self.over(breach("binary POST in revision 4"), CLOSE, out);
                out.push(Effect::Refuse(Refusal::Content));
            }
            (POLLING, Input::Post { .. }) => {
                (self.claim, self.post) = (None, Some(Post::Reading));
                out.push(Effect::Accept);
            }
            (POLLING, Input::PostLost) if self.post.take().is_some() => {
                self.over(lost("the connection of a POST was lost"), CLOSE, out);
            }
            (_, Input::PostLost) => self.post = None,
            (_, Input::PostTooLarge) => {
                out.extend(self.post.take().map(|_| Effect::Refuse(Refusal::TooLarge)));
            }
            (_, Input::Posted) => out.extend(self.post.take().map(|_| Effect::Ok)),

            (Phase::On(carrier), Input::Packet(packet)) => {
                self.post = self.post.and(Some(Post::Read));
                self.packet(packet, carrier, now, out);
            }

            (POLLING, Input::Upgrade) if self.probe.is_none() => {
                let until = now.checked_add(self.upgrade_timeout);
                (self.claim, self.probe) = (None, Some(Probe { until, since: None }));
                out.push(Effect::Accept);
            }
            (Phase::On(_), Input::Upgrade) => out.push(Effect::Refuse(Refusal::Close)),
            (POLLING, Input::Probe(packet)) if self.probe.is_some() => {
                self.probe(packet, now, out);
            }
            (_, Input::ProbeLost) => self.probe = None,

            (_, Input::Lost(reason)) => self.lose(reason, out),
            (Phase::On(_), Input::Tick { excused }) => self.tick(now, excused, out),
            (_, Input::End) => self.end(out),

            (WEBSOCKET, Input::Get | Input::Post { .. }) => {
                out.push(Effect::Refuse(Refusal::Mismatch));
            }
            (Phase::Over, Input::Get | Input::Post { .. } | Input::Upgrade) => {
                out.push(Effect::Refuse(Refusal::UnknownSession));
            }
            // It arrived after its session or probe had ended.
            (_, Input::Probe(_)) | (Phase::Over, Input::Packet(_) | Input::Tick { .. }) => {}
        }
    }

    /// [`Input::GetLost`]
    pub fn get_lost(&mut self, out: &mut impl Extend<Quiet>) {
        if self.phase == POLLING && self.poll.take().is_some() {
            self.over(lost("the connection of a poll was lost"), CLOSE, out);
        }
    }

    /// [`Input::Lost`]
    pub fn lose(&mut self, reason: CloseReason, out: &mut impl Extend<Quiet>) {
        if self.phase != Phase::Over {
            self.over(Some(reason), CLOSE, out);
        }
    }

    /// [`Input::End`]
    pub fn end(&mut self, out: &mut impl Extend<Quiet>) {
        let Phase::On(carrier) = self.phase else { return };
        self.closing = true;
        self.heart.stop();
        if carrier == Carrier::Polling && self.poll.is_some() {
            self.over(None, CLOSE, out);
        }
    }

    fn packet(
        &mut self,
        packet: Result<Packet, Invalid>,
        carrier: Carrier,
        now: Instant,
        out: &mut Vec<Effect>,
    ) {
        let packet = match packet {
            Ok(packet) => packet,
            Err(Invalid(text)) => return self.over(breach(text), CLOSE, out),
        };
        match self.heart.heard(&packet, now) {
            Heard::Wrong => return self.over(breach("wrong heartbeat direction"), CLOSE, out),
            Heard::Ping if !self.closing => out.push(Effect::Send(PacketRef::Pong(""))),
            Heard::Ping | Heard::Pong | Heard::Life => {}
        }
        match packet {
            Packet::Message(frame) if !self.closing => out.push(Effect::Deliver(frame)),
            Packet::Close if carrier == Carrier::Polling => {
                let reason = CloseReason::new(Ended::Remote, 1005, "", true);
                out.extend(self.poll.is_none().then_some(Effect::Owe(NOOP)));
                self.over(Some(reason), NOOP, out);
            }
            _ => {}
        }
    }

    /// A frame on the WebSocket that probes.
    fn probe(&mut self, packet: Result<Packet, Invalid>, now: Instant, out: &mut Vec<Effect>) {
        match packet {
            Ok(Packet::Ping(data)) if data == PROBE => {
                let probe = self.probe.iter_mut();
                probe.for_each(|probe| probe.since = Some(now));
                out.push(Effect::SendProbe(PacketRef::Pong(PROBE)));
            }
            Ok(Packet::Upgrade) => {
                (self.probe, self.phase) = (None, WEBSOCKET);
                out.extend(self.poll.take().map(|_| Effect::Answer(NOOP)));
                // No client does that. It notices a POST that is cut; messages that
                // are lost or reordered without a word it would not.
                out.extend(self.post.take().map(|_| Effect::CutPost));
                out.push(Effect::Switch);
            }
            _ => {
                self.probe = None;
                out.push(Effect::CloseProbe);
            }
        }
    }

    fn tick(&mut self, now: Instant, excused: bool, out: &mut Vec<Effect>) {
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let reached = self.phase == WEBSOCKET || self.poll.is_some();
        match self.heart.tick(now, excused, reached) {
            heartbeat::Tick::Wait => {}
            heartbeat::Tick::Ping(ping) => out.push(Effect::Send(ping)),
            heartbeat::Tick::Dead => {
                let text = "the client's heartbeat stopped";
                let reason = CloseReason::new(Ended::Heartbeat, 1000, text, true);
                return self.over(Some(reason), CLOSE, out);
            }
        }
        if is_due(self.claim) {
            return self.over(lost("no request after the handshake"), CLOSE, out);
        }
        if is_due(self.release()) {
            self.poll = None;
            out.push(Effect::Answer(NOOP));
        }
        if is_due(self.probe.and_then(|probe| probe.until)) {
            self.probe = None;
            out.push(Effect::CloseProbe);
        }
    }

    /// Ends it. `answer`: what a held poll gets.
    fn over(
        &mut self,
        reason: Option<CloseReason>,
        answer: &'static [PacketRef<'static>],
        out: &mut impl Extend<Quiet>,
    ) {
        self.phase = Phase::Over;
        self.heart.stop();
        self.claim = None;
        out.extend(self.poll.take().map(|_| Quiet::Answer(answer)));
        out.extend(self.probe.take().map(|_| Quiet::CloseProbe));
        let cut = self.post.take_if(|post| *post == Post::Reading);
        out.extend(cut.map(|_| Quiet::CutPost));
        out.extend([Quiet::Over(reason.filter(|_| !self.closing))]);
    }
}

/// The client broke engine.io's own protocol, which has no codes for that: a
/// WebSocket is closed with an empty frame (1005).
fn breach(text: &str) -> Option<CloseReason> {
    Some(CloseReason::new(Ended::Protocol, 1005, text, true))
}

fn lost(text: &str) -> Option<CloseReason> {
    Some(CloseReason::lost(text))
}
