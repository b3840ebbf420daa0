//! The client's side of the heartbeat.

use std::time::{Duration, Instant};

use super::{Control, after, number, ping, pong, sooner};
use crate::excuse::Late;

/// How long a server may still be silent after this process stood still.
const GRACE: Duration = Duration::from_secs(10);

/// Which heartbeat the server expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMode {
    /// The server pings, as in Primus 7 and later.
    ServerPings {
        /// The connection is lost when no ping came for so long. `None`: never.
        /// Default 45 s.
        timeout: Option<Duration>,
    },
    /// The client must ping, as for Primus 2 to 6.
    ClientPings {
        /// The time from the opening, or from the last pong, to the next ping.
        /// `None`: never ping. Default 25 s.
        interval: Option<Duration>,
        /// The connection is lost when the pong takes longer than this. Default
        /// 10 s.
        timeout: Duration,
    },
}

impl ClientMode {
    /// The defaults for a server that pings.
    pub const SERVER_PINGS: ClientMode =
        ClientMode::ServerPings { timeout: Some(Duration::from_secs(45)) };

    /// The defaults for a server that must be pinged.
    #[cfg(test)]
    pub const CLIENT_PINGS: ClientMode = ClientMode::ClientPings {
        interval: Some(Duration::from_secs(25)),
        timeout: Duration::from_secs(10),
    };
}

impl Default for ClientMode {
    fn default() -> Self {
        ClientMode::SERVER_PINGS
    }
}

/// What a control message is to the client.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientReceived<'a> {
    /// The application's, after all.
    Data,
    /// Nothing.
    Ignored,
    /// The spark's id.
    Id(&'a str),
    /// The server means the coming end: do not reconnect after it.
    Close,
    /// The server's ping or its pong to ours.
    Heartbeat {
        /// To be sent.
        answer: Option<String>,
        /// The time from our ping to this pong, if it is the answer to it.
        latency: Option<Duration>,
        /// The next tick is needed at this time, earlier than asked for before.
        rearm: Option<Instant>,
    },
}

/// What a tick found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientTick {
    /// The connection lives, as far as can be told.
    Alive {
        /// To be sent.
        send: Option<String>,
        /// When the next tick is needed; `None` for never.
        next: Option<Instant>,
    },
    /// The connection is lost: emit `offline`, close it, reconnect.
    Offline,
}

/// The heartbeat of one connection.
#[derive(Clone, Debug)]
pub struct ClientHeartbeat {
    mode: ClientMode,
    /// When the next thing happens: our ping, or the verdict.
    due: Option<Instant>,
    /// Our ping that has no pong yet: when, and with which value.
    pinged: Option<(Instant, u64)>,
    /// When the timer was told to tick.
    deadline: Option<Instant>,
    late: Late,
}

impl ClientHeartbeat {
    /// The heartbeat of a connection that opens now.
    pub fn open(mode: ClientMode, now: Instant) -> Self {
        let due = match mode {
            ClientMode::ServerPings { timeout } => after(now, timeout),
            ClientMode::ClientPings { interval, .. } => after(now, interval),
        };
        ClientHeartbeat { mode, due, pinged: None, deadline: due, late: Late::default() }
    }

    /// When the next tick is needed; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// A control message came.
    pub fn control<'a>(&mut self, control: Control<'a>, now: Instant) -> ClientReceived<'a> {
        match (control, self.mode) {
            (Control::Ping(value), ClientMode::ServerPings { timeout }) => {
                self.due = after(now, timeout);
                self.heartbeat(Some(pong(value)), None)
            }
            (Control::Pong(value), ClientMode::ClientPings { interval, .. }) => {
                let latency = self
                    .pinged
                    .take()
                    .filter(|(_, wall_ms)| number(value) == *wall_ms as f64)
                    .map(|(at, _)| now.saturating_duration_since(at));
                self.due = after(now, interval);
                self.heartbeat(None, latency)
            }
            (Control::Ping(_) | Control::Pong(_), _) => ClientReceived::Data,
            (Control::Id(id), _) => ClientReceived::Id(id),
            (Control::Server("close"), _) => ClientReceived::Close,
            (Control::Server(_), _) => ClientReceived::Ignored,
        }
    }

    fn heartbeat<'a>(
        &mut self,
        answer: Option<String>,
        latency: Option<Duration>,
    ) -> ClientReceived<'a> {
        let rearm = sooner(self.due, &mut self.deadline);
        ClientReceived::Heartbeat { answer, latency, rearm }
    }

    /// The deadline has come. `busy` says that input may lie unread, because
    /// the client's thread is inside a listener or there is something in its
    /// socket: then the server is not judged this time. Nor is it when the tick
    /// comes so late that this process must have stood still, but not twice in
    /// a row.
    pub fn tick(&mut self, now: Instant, wall_ms: u64, busy: bool) -> ClientTick {
        let Some(due) = self.due else { return self.wait(None) };
        if now < due {
            return self.wait(None);
        }
        let excused = self.late.excuses(now, self.deadline) || busy;
        match self.mode {
            ClientMode::ClientPings { timeout, .. } if self.pinged.is_none() => {
                self.pinged = Some((now, wall_ms));
                self.due = after(now, Some(timeout));
                self.wait(Some(ping(wall_ms)))
            }
            ClientMode::ClientPings { timeout, .. } if excused => self.excuse(now, timeout),
            ClientMode::ServerPings { timeout: Some(timeout) } if excused => {
                self.excuse(now, timeout)
            }
            _ => ClientTick::Offline,
        }
    }

    fn excuse(&mut self, now: Instant, timeout: Duration) -> ClientTick {
        self.due = after(now, Some(timeout.min(GRACE)));
        self.wait(None)
    }

    fn wait(&mut self, send: Option<String>) -> ClientTick {
        self.deadline = self.due;
        ClientTick::Alive { send, next: self.due }
    }
}
