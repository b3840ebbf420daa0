//! The client's side of a session: what came and the time go in, what is to be
//! done comes out.
//!
//! ```text
//!            open packet             3probe, poll and POST at rest
//!  Opening ──────────────▶ Polling ───────────────────────────────▶ WebSocket
//!     │                       │  the probe fails: goes on polling       │
//!     └──────────────────────────────▶ Over ◀───────────────────────────┘
//! ```
//!
//! What is written does not come by here; the thread that sends it asks
//! [`is_pausing`](Session::is_pausing).

use std::time::{Duration, Instant};

use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::transformers::engine_io::handshake::Handshake;
use crate::transformers::engine_io::packet::{Invalid, PROBE, Packet};
use crate::transformers::engine_io::{Carrier, Revision};

/// How long the attempt to go over to a WebSocket may take: as long as servers
/// give it.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a server may at least be silent that could not be listened to.
const BUSY: Duration = Duration::from_secs(1);

/// What a session needs to know of the options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub revision: Revision,
    /// What opens it.
    pub first: Carrier,
    /// A polling session may go over to a WebSocket.
    pub upgrade: bool,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    /// A packet came on whatever carries the session, or what should have been
    /// one.
    Packet(Result<Packet, Invalid>),
    /// A poll was answered; its packets came before.
    Polled,
    /// No POST is under way, and none will begin: asked for by
    /// [`is_pausing`](Session::is_pausing).
    Rested,
    /// The WebSocket that probes is open.
    ProbeOpened,
    /// A packet came on it.
    Probe(Result<Packet, Invalid>),
    /// It could not be opened, or has ended.
    ProbeLost,
    /// Bytes have come from the server.
    Alive,
    /// The time of [`deadline`](Session::deadline) has come. `busy`: the
    /// server's words may lie unread.
    Tick { busy: bool },
    /// The application ends the session.
    End,
}

/// What is to be done, in order.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// The session is open.
    Open(Handshake),
    /// A message for the application.
    Deliver(Frame),
    /// Poll.
    Poll,
    /// Send a packet of the protocol's own, on whatever carries the session.
    Send(Packet),
    /// Open a WebSocket with the session's id beside it.
    Probe,
    /// Send a packet on that.
    SendProbe(Packet),
    /// Close it.
    DropProbe,
    /// It carries the session from now on.
    Switch,
    /// The session could not be opened; the text says why.
    Fail(&'static str),
    /// The session is over.
    End(CloseReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open(Carrier),
    /// The application has ended it; the goodbye is on its way.
    Closing,
    Over,
}

/// Where the WebSocket stands that may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// There is none, or none any more.
    None,
    Dialling,
    Asked,
    /// The server has answered; polling comes to rest.
    Pausing,
}

/// What a server of another revision than was chosen leads to, above all: those of
/// Engine.IO 3 and before answer a client of revision 4 in their own way.
const NO_OPEN: &str = "no open packet; it may speak another revision (`protocol`)";

/// The heartbeat: which side pings depends on the revision.
#[derive(Clone, Copy, Debug)]
struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    /// When our ping, or the verdict, is due.
    due: Instant,
    /// Our ping has no answer yet.
    asked: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    settings: Settings,
    state: State,
    /// A poll is under way.
    polling: bool,
    probe: Probe,
    /// Until when the probe must be done.
    probe_until: Option<Instant>,
    heartbeat: Option<Heartbeat>,
}

impl Session {
    /// A session whose first request, poll or upgrade, is on its way.
    pub fn new(settings: Settings) -> Self {
        Session {
            settings,
            state: State::Opening,
            polling: settings.first == Carrier::Polling,
            probe: Probe::None,
            probe_until: None,
            heartbeat: None,
        }
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let State::Open(_) = self.state else { return None };
        [self.probe_until, self.heartbeat.map(|beat| beat.due)].into_iter().flatten().min()
    }

    /// Whether the session goes over as soon as no POST is under way: none
    /// must be begun, and [`Input::Rested`] is awaited.
    pub fn is_pausing(&self) -> bool {
        self.probe == Probe::Pausing && !self.polling
    }

    /// Whether messages may still come.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Opening | State::Open(_))
    }

    /// Takes in what happened.
    pub fn handle(&mut self, input: Input, now: Instant, out: &mut Vec<Effect>) {
        match (self.state, input) {
            (State::Over, _) | (State::Closing, _) => {}
            (_, Input::End) => {
                let opening = self.state == State::Opening;
                self.drop_probe(out);
                self.state = if opening { State::Over } else { State::Closing };
            }
            (State::Opening, Input::Packet(Ok(Packet::Open(data)))) => self.open(&data, now, out),
            (State::Opening, Input::Packet(_)) => self.fail(NO_OPEN, out),
            (State::Opening, Input::Polled) => self.fail("an empty answer", out),
            (State::Opening, _) => {}
            (State::Open(_), Input::Packet(Ok(packet))) => self.packet(packet, now, out),
            (State::Open(_), Input::Packet(Err(invalid))) => self.end(
                CloseReason::new(Ended::Protocol, 1002, format!("engine.io: {}", invalid.0), true),
                out,
            ),
            (State::Open(_), Input::Polled) => {
                self.polling = false;
                self.poll(out);
            }
            (State::Open(_), Input::Rested) if self.is_pausing() => {
                self.probe = Probe::None;
                self.probe_until = None;
                self.state = State::Open(Carrier::Websocket);
                out.push(Effect::SendProbe(Packet::Upgrade));
                out.push(Effect::Switch);
            }
            (State::Open(_), Input::Rested) => {}
            (State::Open(_), Input::ProbeOpened) if self.probe == Probe::Dialling => {
                self.probe = Probe::Asked;
                out.push(Effect::SendProbe(Packet::Ping(PROBE.into())));
            }
            (State::Open(_), Input::Probe(Ok(Packet::Pong(data))))
                if self.probe == Probe::Asked && data == PROBE =>
            {
                self.probe = Probe::Pausing;
            }
            (State::Open(_), Input::ProbeOpened | Input::Probe(_)) => {
                self.drop_probe(out);
                self.poll(out);
            }
            (State::Open(_), Input::ProbeLost) => {
                self.probe = Probe::None;
                self.probe_until = None;
                self.poll(out);
            }
            (State::Open(_), Input::Alive) => self.alive(now),
            (State::Open(_), Input::Tick { busy }) => self.tick(now, busy, out),
        }
    }

    fn open(&mut self, data: &str, now: Instant, out: &mut Vec<Effect>) {
        let handshake = match Handshake::parse(data) {
            Ok(handshake) => handshake,
            Err(invalid) => return self.fail(invalid.0, out),
        };
        self.state = State::Open(self.settings.first);
        let (interval, timeout) = (handshake.ping_interval, handshake.ping_timeout);
        let due =
            now + if self.settings.revision == Revision::V4 { timeout } else { Duration::ZERO };
        self.heartbeat = Some(Heartbeat { interval, timeout, due: due + interval, asked: false });
        let probes = self.settings.first == Carrier::Polling && self.settings.upgrade;
        let probes = probes && handshake.upgrade;
        out.push(Effect::Open(handshake));
        if probes {
            self.probe = Probe::Dialling;
            self.probe_until = Some(now + PROBE_TIMEOUT);
            out.push(Effect::Probe);
        }
    }

    fn packet(&mut self, packet: Packet, now: Instant, out: &mut Vec<Effect>) {
        match (packet, self.settings.revision, &mut self.heartbeat) {
            (Packet::Message(frame), ..) => out.push(Effect::Deliver(frame)),
            (Packet::Ping(_), Revision::V4, Some(beat)) => {
                beat.due = now + beat.interval + beat.timeout;
                out.push(Effect::Send(Packet::Pong(String::new())));
            }
            (Packet::Pong(_), Revision::V3, Some(beat)) => {
                beat.asked = false;
                beat.due = now + beat.interval;
            }
            (Packet::Close, ..) => {
                self.end(CloseReason::new(Ended::Remote, 1005, "", true), out);
            }
            // What JavaScript clients pass over too.
            _ => {}
        }
    }

    /// Polls, unless a poll is under way or polling is to come to rest.
    fn poll(&mut self, out: &mut Vec<Effect>) {
        if self.state == State::Open(Carrier::Polling)
            && !self.polling
            && self.probe != Probe::Pausing
        {
            self.polling = true;
            out.push(Effect::Poll);
        }
    }

    fn drop_probe(&mut self, out: &mut Vec<Effect>) {
        self.probe_until = None;
        if std::mem::replace(&mut self.probe, Probe::None) != Probe::None {
            out.push(Effect::DropProbe);
        }
    }

    /// A server that sends lives, be it in the midst of a long message.
    fn alive(&mut self, now: Instant) {
        let waits = |beat: &&mut Heartbeat| self.settings.revision == Revision::V4 || beat.asked;
        if let Some(beat) = self.heartbeat.as_mut().filter(waits) {
            beat.due = beat.due.max(now + beat.timeout);
        }
    }

    fn tick(&mut self, now: Instant, busy: bool, out: &mut Vec<Effect>) {
        if self.probe_until.is_some_and(|until| until <= now) {
            self.drop_probe(out);
            self.poll(out);
        }
        let Some(beat) = self.heartbeat.as_mut().filter(|beat| beat.due <= now) else { return };
        if self.settings.revision == Revision::V3 && !beat.asked {
            beat.asked = true;
            beat.due = now + beat.timeout;
            out.push(Effect::Send(Packet::Ping(String::new())));
        } else if busy {
            // Not for ever without a look at it, whatever the server says.
            beat.due = now + beat.timeout.max(BUSY);
        } else {
            let text = "no engine.io heartbeat in time";
            self.end(CloseReason::new(Ended::Heartbeat, 1006, text, true), out);
        }
    }

    fn fail(&mut self, why: &'static str, out: &mut Vec<Effect>) {
        self.state = State::Over;
        out.push(Effect::Fail(why));
    }

    fn end(&mut self, reason: CloseReason, out: &mut Vec<Effect>) {
        self.drop_probe(out);
        self.state = State::Over;
        out.push(Effect::End(reason));
    }
}

#[cfg(test)]
mod tests;
