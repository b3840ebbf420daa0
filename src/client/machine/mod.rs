//! The life of a client: what happened and the time go in, what is to be done
//! comes out. Knows no socket, no thread and no clock.
//!
//! ```text
//!             open()                     Opened
//!   Closed ───────────────▶ Opening ───────────────▶ Open
//!     ▲ ▲                    │  ▲                     │
//!     │ │  failed, timed out │  │ the delay is over   │ lost
//!     │ └────────────────────┤  │                     │
//!     │        end()         ▼  │                     │
//!     └──────────────── back-off (Closed) ◀───────────┘
//! ```
//!
//! Events come out in the order in which Primus emits them.

mod vocabulary;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::recovery::{Attempt, Recovery};
use crate::close::{CloseReason, Ended};
use crate::error::Error;
use crate::protocol::{ClientHeartbeat, ClientReceived, ClientTick, Control};
use crate::ready_state::ReadyState;
pub use vocabulary::Reconnected;
pub(crate) use vocabulary::{Effect, Effects, Event, Heard, Input, Settings, Strategy};

/// Where a reconnection stands.
#[derive(Clone, Copy, Debug)]
struct Reconnecting {
    since: Instant,
    attempt: Attempt,
    /// The end of the delay, or of the attempt.
    until: Option<Instant>,
    trying: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Machine {
    settings: Settings,
    recovery: Recovery,
    state: ReadyState,
    online: bool,
    /// Neither connected nor about to be.
    over: bool,
    /// The server said that the coming end is meant.
    server_close: bool,
    /// A failure of the first connection is final.
    once: bool,
    /// Until when the first connection must be open.
    connect: Option<Instant>,
    /// When the present session was begun.
    dialled: Option<Instant>,
    /// Since when it is open.
    opened: Option<Instant>,
    heartbeat: Option<ClientHeartbeat>,
    reconnecting: Option<Reconnecting>,
    latency: Option<Duration>,
    reason: Option<CloseReason>,
}

impl Machine {
    /// A client before its first `open`.
    pub fn new(settings: Settings, recovery: Recovery) -> Self {
        Machine {
            settings,
            recovery,
            state: ReadyState::Closed,
            online: true,
            over: false,
            server_close: false,
            once: false,
            connect: None,
            dialled: None,
            opened: None,
            heartbeat: None,
            reconnecting: None,
            latency: None,
            reason: None,
        }
    }

    /// Whether there is a connection.
    pub fn state(&self) -> ReadyState {
        self.state
    }

    /// True after the end: what is written now would never be sent.
    pub fn over(&self) -> bool {
        self.over
    }

    /// False from the loss of the network until a connection stands again.
    pub fn online(&self) -> bool {
        self.online
    }

    /// The time from ping to pong, or else of the last opening.
    pub fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// Why the last connection ended.
    pub fn reason(&self) -> Option<&CloseReason> {
        self.reason.as_ref()
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let heartbeat = self.heartbeat.as_ref().and_then(ClientHeartbeat::deadline);
        let reconnect = self.reconnecting.and_then(|r| r.until);
        [self.connect, heartbeat, reconnect].into_iter().flatten().min()
    }

    /// Takes in what happened. What it returns matters only for
    /// [`Input::Control`].
    pub fn input(&mut self, now: Instant, input: Input<'_>, out: &mut Effects) -> Heard {
        match input {
            Input::Open { once } => self.open(now, once, out),
            Input::End => self.end(out),
            Input::Opened => self.opened(now, out),
            Input::Failed(error) => self.failed(now, error, out),
            Input::Lost(reason) => self.lost(now, reason, out),
            Input::Control(control) => return self.control(now, control, out),
            Input::Network(true) => self.network_came(now, out),
            Input::Network(false) => self.network_went(out),
            Input::Tick { wall_ms, busy } => self.tick(now, wall_ms, busy, out),
        }
        Heard::Protocol
    }

    fn open(&mut self, now: Instant, once: bool, out: &mut Effects) {
        if self.state != ReadyState::Closed {
            return;
        }
        self.over = false;
        match self.reconnecting {
            // The application does not want to wait for the delay.
            Some(waiting) => self.attempt(now, waiting, out),
            None => {
                self.once = once;
                self.connect = self.settings.timeout.and_then(|timeout| now.checked_add(timeout));
                self.dial(now, out);
            }
        }
    }

    fn dial(&mut self, now: Instant, out: &mut Effects) {
        self.server_close = false;
        self.dialled = Some(now);
        self.enter(ReadyState::Opening, out);
        out.push_back(Effect::Dial);
    }

    fn opened(&mut self, now: Instant, out: &mut Effects) {
        if self.state != ReadyState::Opening {
            return;
        }
        self.connect = None;
        self.latency = self.dialled.map(|at| now.saturating_duration_since(at));
        if let Some(done) = self.reconnecting.take() {
            let duration = now.saturating_duration_since(done.since);
            let attempt = done.attempt.attempt;
            emit(out, Event::Reconnected(Reconnected { attempt, duration }));
        }
        self.opened = Some(now);
        if !self.online {
            self.online = true;
            emit(out, Event::Online);
        }
        self.enter(ReadyState::Open, out);
        self.heartbeat = Some(ClientHeartbeat::open(self.settings.heartbeat, now));
        out.push_back(Effect::Flush);
        emit(out, Event::Open);
    }

    fn failed(&mut self, now: Instant, error: Arc<Error>, out: &mut Effects) {
        if self.state != ReadyState::Opening {
            return;
        }
        out.push_back(Effect::Hangup { graceful: false });
        let final_refusal = matches!(*error, Error::Refused { status: 401 | 403, .. });
        let reason = CloseReason::new(Ended::Lost, 1006, error.to_string(), !final_refusal);
        self.reason = Some(reason.caused_by(&error).unmade());
        match self.reconnecting {
            Some(failed) if !final_refusal => self.again(now, failed, out),
            _ => {
                emit(out, Event::Error(error));
                self.not_connected(now, final_refusal, out);
            }
        }
    }

    /// The first connection could not be made.
    fn not_connected(&mut self, now: Instant, is_final: bool, out: &mut Effects) {
        if is_final || self.once || !self.settings.strategy.timeout {
            self.finish(self.reason.clone(), out);
        } else {
            self.enter(ReadyState::Closed, out);
            self.connect = None;
            self.reconnect(now, out);
        }
    }

    fn lost(&mut self, now: Instant, mut reason: CloseReason, out: &mut Effects) {
        if self.state != ReadyState::Open {
            return;
        }
        out.push_back(Effect::Hangup { graceful: false });
        if reason.by == Ended::Protocol {
            emit(out, Event::Error(Arc::new(Error::Protocol(reason.text.clone()))));
        }
        if std::mem::take(&mut self.server_close) {
            reason.may_reconnect = false;
            return self.finish(Some(reason), out);
        }
        self.reason = Some(reason.clone());
        self.enter(ReadyState::Closed, out);
        self.heartbeat = None;
        emit(out, Event::Close(reason.clone()));
        if self.settings.strategy.disconnect {
            self.once = false;
            let stood = self.opened.map(|since| now.saturating_duration_since(since));
            self.recovery.lost_after(stood.unwrap_or_default());
            self.schedule(now, now, out);
        } else {
            self.over = true;
            emit(out, Event::End(reason));
        }
    }

    fn end(&mut self, out: &mut Effects) {
        match (self.state, self.reconnecting.take()) {
            (ReadyState::Closed, None) => {
                if !std::mem::replace(&mut self.over, true) {
                    self.reason = Some(CloseReason::new(Ended::Local, 1000, "", false));
                }
            }
            (ReadyState::Closed, Some(_)) => {
                self.recovery.reset();
                self.over = true;
                let reason = CloseReason::new(Ended::Local, 1000, "", false);
                self.reason = Some(reason.clone());
                emit(out, Event::End(reason));
            }
            (_, _) => {
                out.push_back(Effect::Hangup { graceful: true });
                self.finish(None, out);
            }
        }
    }

    /// Everything is over: `close`, then `end`.
    fn finish(&mut self, reason: Option<CloseReason>, out: &mut Effects) {
        let reason = reason.unwrap_or_else(|| CloseReason::new(Ended::Local, 1000, "", false));
        self.over = true;
        self.connect = None;
        self.heartbeat = None;
        self.reconnecting = None;
        self.recovery.reset();
        self.reason = Some(reason.clone());
        self.enter(ReadyState::Closed, out);
        emit(out, Event::Close(reason.clone()));
        emit(out, Event::End(reason));
    }

    fn control(&mut self, now: Instant, control: Control<'_>, out: &mut Effects) -> Heard {
        let Some(heartbeat) = &mut self.heartbeat else { return Heard::Protocol };
        match heartbeat.control(control, now) {
            ClientReceived::Data => return Heard::Data,
            ClientReceived::Ignored => {}
            ClientReceived::Id(id) => emit(out, Event::Id(id.to_owned())),
            ClientReceived::Close => self.server_close = true,
            ClientReceived::Heartbeat { answer, latency, .. } => {
                self.online = true;
                self.latency = latency.or(self.latency);
                out.extend(answer.map(Effect::Send));
            }
        }
        Heard::Protocol
    }

    fn network_went(&mut self, out: &mut Effects) {
        if !self.online {
            return;
        }
        self.online = false;
        emit(out, Event::Offline);
        let ended = self.over;
        self.end(out);
        // It comes back with the network, unless it had ended before.
        self.over = ended || !self.settings.strategy.online;
    }

    fn network_came(&mut self, now: Instant, out: &mut Effects) {
        if self.online {
            return;
        }
        self.online = true;
        emit(out, Event::Online);
        let idle = self.state == ReadyState::Closed && self.reconnecting.is_none();
        if self.settings.strategy.online && idle && !self.over {
            self.reconnect(now, out);
        }
    }

    fn tick(&mut self, now: Instant, wall_ms: u64, busy: bool, out: &mut Effects) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.connect) {
            self.connect = None;
            self.timed_out(now, out);
        }
        if let Some(reconnecting) = self.reconnecting.filter(|r| due(r.until)) {
            if reconnecting.trying {
                emit(out, Event::ReconnectTimeout(reconnecting.attempt));
                out.push_back(Effect::Hangup { graceful: false });
                self.again(now, reconnecting, out);
            } else {
                self.attempt(now, reconnecting, out);
            }
        }
        if let Some(heartbeat) = self.heartbeat.as_mut().filter(|h| due(h.deadline())) {
            match heartbeat.tick(now, wall_ms, busy) {
                ClientTick::Alive { send, .. } => out.extend(send.map(Effect::Send)),
                ClientTick::Offline => self.offline(now, out),
            }
        }
    }

    fn timed_out(&mut self, now: Instant, out: &mut Effects) {
        out.push_back(Effect::Hangup { graceful: false });
        let text = format!("no connection to {} in time", self.settings.place);
        self.reason = Some(CloseReason::lost(text).unmade());
        emit(out, Event::Timeout);
        self.not_connected(now, false, out);
    }

    fn offline(&mut self, now: Instant, out: &mut Effects) {
        if self.online {
            self.online = false;
            emit(out, Event::Offline);
        }
        // Whatever the server announced, this is not the end it meant.
        self.server_close = false;
        self.lost(now, CloseReason::new(Ended::Heartbeat, 1006, "no heartbeat in time", true), out);
    }

    /// Schedules the first attempt.
    fn reconnect(&mut self, now: Instant, out: &mut Effects) {
        self.once = false;
        self.recovery.reset();
        self.schedule(now, now, out);
    }

    /// The next attempt, after one failed.
    fn again(&mut self, now: Instant, failed: Reconnecting, out: &mut Effects) {
        self.enter(ReadyState::Closed, out);
        self.schedule(failed.since, now, out);
    }

    fn schedule(&mut self, since: Instant, now: Instant, out: &mut Effects) {
        let Some(attempt) = self.recovery.next() else {
            self.reconnecting = None;
            self.recovery.reset();
            self.over = true;
            emit(out, Event::ReconnectFailed);
            let reason = self.reason.clone().unwrap_or_else(|| CloseReason::lost(""));
            return emit(out, Event::End(reason));
        };
        let until = now.checked_add(attempt.delay);
        self.reconnecting = Some(Reconnecting { since, attempt, until, trying: false });
        emit(out, Event::ReconnectScheduled(attempt));
    }

    fn attempt(&mut self, now: Instant, waiting: Reconnecting, out: &mut Effects) {
        let timeout = self.recovery.options().timeout;
        let until = timeout.and_then(|timeout| now.checked_add(timeout));
        self.reconnecting = Some(Reconnecting { until, trying: true, ..waiting });
        emit(out, Event::Reconnect(waiting.attempt));
        self.dial(now, out);
    }

    fn enter(&mut self, state: ReadyState, out: &mut Effects) {
        if self.state != state {
            self.state = state;
            emit(out, Event::ReadyState(state));
        }
    }
}

fn emit(out: &mut Effects, event: Event) {
    out.push_back(Effect::Emit(event));
}

#[cfg(test)]
mod tests;
