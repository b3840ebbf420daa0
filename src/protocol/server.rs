//! The server's side of the heartbeat, for all generations of clients.
//!
//! The client's generation is found out per connection. Some show it when they
//! connect; for the others the first ping is held back until a client that
//! pings by itself would have done so (25 s by default), but not so long that
//! one which waits for pings gives up (45 s by default).

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::signals::{Generation, Signals, first_ping};
use super::{Control, after, number, ping, pong, sooner, unasked_pong};
use crate::excuse::{Late, is_late};

/// The options of the server's heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub struct HeartbeatOptions {
    /// The time between two pings; a client whose answer is missing at the next
    /// one is dead. `None`: the server does not ping. Default 30 s.
    pub ping_interval: Option<Duration>,
    /// Default: find out.
    pub generation: Generation,
    /// A client that pings is dead when nothing came from it for so long.
    /// `None`: never. Default 35 s.
    pub idle_timeout: Option<Duration>,
    /// How often in a row a happn client may fail to ping in time. Default 2.
    pub allow_skipped: u32,
    /// A happn client gets no two pongs within this time. Default 1 s.
    pub pong_skip: Duration,
}

impl Default for HeartbeatOptions {
    fn default() -> Self {
        HeartbeatOptions {
            ping_interval: Some(Duration::from_secs(30)),
            generation: Generation::Detect,
            idle_timeout: Some(Duration::from_secs(35)),
            allow_skipped: 2,
            pong_skip: Duration::from_secs(1),
        }
    }
}

/// What a control message is to the server.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// The application's, after all.
    Data,
    /// The client asks for its id.
    Id,
    /// A sign of life: emit `heartbeat`.
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
pub enum Tick {
    /// The client lives, as far as can be told.
    Alive {
        /// To be sent.
        send: Option<String>,
        /// Emit `heartbeat-skipped` with this count.
        skipped: Option<u32>,
        /// When the next tick is needed; `None` for never.
        next: Option<Instant>,
    },
    /// The client is dead: end without `primus::server::close`, it may
    /// reconnect.
    Dead {
        /// Emit `flatline` with this count.
        flatline: Option<u32>,
    },
}

/// The heartbeat of one connection.
#[derive(Debug)]
pub struct Heartbeat {
    options: Arc<HeartbeatOptions>,
    rules: Rules,
    /// When the timer was told to tick. What is due later than this is found
    /// out at the tick.
    deadline: Option<Instant>,
    late: Late,
}

#[derive(Debug)]
enum Rules {
    /// Nothing was sent, and nothing has come that would tell.
    Undecided,
    ServerPings {
        /// The client answered a ping once (or showed at the start that it
        /// will), so that its own pings are the application's.
        confirmed: bool,
        /// It was heard since the last ping.
        alive: bool,
        sent: Option<Sent>,
    },
    ClientPings {
        /// The last sign of life that is known here.
        heard: Instant,
    },
    Happn {
        /// `None`: the client does not ping.
        timeout: Option<Duration>,
        armed: Instant,
        skipped: u32,
        ponged: Option<Instant>,
    },
}

/// A ping that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: Instant,
    wall_ms: u64,
}

impl Heartbeat {
    /// The heartbeat of a connection that opens now.
    pub fn open(options: Arc<HeartbeatOptions>, signals: &Signals<'_>, now: Instant) -> Self {
        let rules = recognise(&options, signals, now);
        let first = options.ping_interval.map(first_ping);
        let wait = match &rules {
            Rules::Undecided => first,
            Rules::ServerPings { .. } => options.ping_interval,
            Rules::ClientPings { .. } => options.idle_timeout,
            Rules::Happn { timeout, .. } => *timeout,
        };
        Heartbeat { options, rules, deadline: after(now, wait), late: Late::default() }
    }

    /// That of a connection over which nobody pings.
    pub fn silent(options: Arc<HeartbeatOptions>, now: Instant) -> Self {
        let rules = Rules::Happn { timeout: None, armed: now, skipped: 0, ponged: None };
        Heartbeat { options, rules, deadline: None, late: Late::default() }
    }

    /// When the next tick is needed; `None` for never.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Which side pings, as far as is known.
    pub fn generation(&self) -> Generation {
        match self.rules {
            Rules::Undecided | Rules::ServerPings { confirmed: false, .. } => Generation::Detect,
            Rules::ServerPings { .. } => Generation::ServerPings,
            Rules::ClientPings { .. } | Rules::Happn { .. } => Generation::ClientPings,
        }
    }

    /// A WebSocket ping frame came: a sign of life in every generation. Emit
    /// `heartbeat`.
    pub fn alive(&mut self, now: Instant) {
        match &mut self.rules {
            Rules::Undecided => {}
            Rules::ServerPings { alive, .. } => *alive = true,
            Rules::ClientPings { heard } => *heard = now,
            Rules::Happn { armed, skipped, .. } => (*armed, *skipped) = (now, 0),
        }
    }

    /// A control message came.
    pub fn control(&mut self, control: Control<'_>, now: Instant) -> Received {
        match control {
            Control::Ping(value) => self.ping(value, now),
            Control::Pong(value) => self.pong(value, now),
            Control::Id(_) => Received::Id,
            Control::Server(_) => Received::Data,
        }
    }

    fn ping(&mut self, value: &str, now: Instant) -> Received {
        let mut answer = Some(pong(value));
        match &mut self.rules {
            Rules::ServerPings { confirmed: true, .. } => return Received::Data,
            Rules::Undecided | Rules::ServerPings { .. } | Rules::ClientPings { .. } => {
                self.rules = Rules::ClientPings { heard: now };
            }
            Rules::Happn { armed, skipped, ponged, .. } => {
                (*armed, *skipped) = (now, 0);
                answer = answer.filter(|_| may_pong(ponged, now, self.options.pong_skip));
            }
        }
        let due = self.due();
        let rearm = sooner(due, &mut self.deadline);
        Received::Heartbeat { answer, latency: None, rearm }
    }

    fn pong(&mut self, value: &str, now: Instant) -> Received {
        let mut latency = None;
        match &mut self.rules {
            Rules::Undecided => {
                self.rules = Rules::ServerPings { confirmed: true, alive: true, sent: None };
            }
            Rules::ServerPings { confirmed, alive, sent } => {
                (*confirmed, *alive) = (true, true);
                latency = sent
                    .take_if(|sent| number(value) == sent.wall_ms as f64)
                    .map(|sent| now.saturating_duration_since(sent.at));
            }
            Rules::ClientPings { .. } | Rules::Happn { .. } => return Received::Data,
        }
        Received::Heartbeat { answer: None, latency, rearm: None }
    }

    /// When something is due by the rules of a client that pings.
    fn due(&self) -> Option<Instant> {
        match self.rules {
            Rules::Undecided | Rules::ServerPings { .. } => self.deadline,
            Rules::ClientPings { heard } => after(heard, self.options.idle_timeout),
            Rules::Happn { timeout, armed, .. } => after(armed, timeout),
        }
    }

    /// The deadline has come.
    ///
    /// `last_inbound` is when the last message of any kind came. `busy` says
    /// that input may lie unread, because the spark's thread is inside a
    /// listener or there is something in its socket: then the client is not
    /// judged this time. Nor is it when the tick comes so late that this
    /// process must have stood still, but not twice in a row.
    pub fn tick(
        &mut self,
        now: Instant,
        wall_ms: u64,
        last_inbound: Option<Instant>,
        busy: bool,
    ) -> Tick {
        if let (Rules::ClientPings { heard }, Some(last)) = (&mut self.rules, last_inbound) {
            *heard = last.max(*heard);
        }
        let Some(due) = self.due() else { return self.wait(None) };
        if now < due {
            return self.wait(Some(due));
        }
        let excused = self.late.excuses(now, self.deadline) || busy;
        match self.rules {
            Rules::Undecided | Rules::ServerPings { alive: true, .. } => {
                self.send_ping(due, now, wall_ms)
            }
            Rules::ServerPings { .. } if excused => self.send_ping(due, now, wall_ms),
            Rules::ClientPings { .. } if excused => {
                self.rules = Rules::ClientPings { heard: now };
                self.wait(self.due())
            }
            Rules::ServerPings { .. } | Rules::ClientPings { .. } => Tick::Dead { flatline: None },
            Rules::Happn { .. } => self.skip(now, wall_ms, excused),
        }
    }

    fn wait(&mut self, next: Option<Instant>) -> Tick {
        self.deadline = next;
        Tick::Alive { send: None, skipped: None, next }
    }

    fn send_ping(&mut self, due: Instant, now: Instant, wall_ms: u64) -> Tick {
        let confirmed = matches!(self.rules, Rules::ServerPings { confirmed: true, .. });
        let sent = Some(Sent { at: now, wall_ms });
        self.rules = Rules::ServerPings { confirmed, alive: false, sent };
        let from = if is_late(now, Some(due)) { now } else { due };
        self.deadline = after(from, self.options.ping_interval);
        Tick::Alive { send: Some(ping(wall_ms)), skipped: None, next: self.deadline }
    }

    /// A happn client did not ping in time. An unasked pong keeps it from
    /// giving up the connection.
    fn skip(&mut self, now: Instant, wall_ms: u64, excused: bool) -> Tick {
        let Rules::Happn { timeout, armed, skipped, ponged } = &mut self.rules else {
            return self.wait(None);
        };
        if !excused {
            *skipped += 1;
        }
        if *skipped > self.options.allow_skipped {
            return Tick::Dead { flatline: Some(*skipped) };
        }
        let count = (!excused).then_some(*skipped);
        let send = may_pong(ponged, now, self.options.pong_skip).then(|| unasked_pong(wall_ms));
        *armed = now;
        self.deadline = after(now, *timeout);
        Tick::Alive { send, skipped: count, next: self.deadline }
    }
}

/// Whether a pong may be sent now; if so, remembers it.
fn may_pong(ponged: &mut Option<Instant>, now: Instant, skip: Duration) -> bool {
    let recent = ponged.is_some_and(|ponged| now.saturating_duration_since(ponged) < skip);
    if !recent {
        *ponged = Some(now);
    }
    !recent
}

fn recognise(options: &HeartbeatOptions, signals: &Signals<'_>, now: Instant) -> Rules {
    let client_pings = Rules::ClientPings { heard: now };
    let server_pings = Rules::ServerPings { confirmed: true, alive: true, sent: None };
    match options.generation {
        Generation::ClientPings => return client_pings,
        Generation::ServerPings => return server_pings,
        Generation::Detect => {}
    }
    if let Some(timeout) = signals.happn_timeout() {
        return Rules::Happn { timeout, armed: now, skipped: 0, ponged: None };
    }
    match signals.generation {
        Generation::ClientPings => client_pings,
        Generation::ServerPings => server_pings,
        Generation::Detect => Rules::Undecided,
    }
}
