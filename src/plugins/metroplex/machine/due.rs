//! What is due, and when.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::{Exchange, Machine, Member, Pulse, State, Step};

/// So many ids are told in one exchange.
pub(super) const TOLD: usize = 2_000;

/// How long changes are collected after some were told.
pub(super) const PACE: Duration = Duration::from_millis(5);

/// So many servers look at each other as often as they are asked to; more, less often.
const CROWD: u32 = 16;

/// What is under way.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Register,
    Change,
    /// With so many sparks to be found, where all was told before.
    Tick(Option<usize>),
    Look,
    Reap,
    Scan,
    Leave,
}

#[derive(Default)]
pub(super) struct Due {
    pub register: bool,
    pub tick: bool,
    pub look: bool,
    pub tick_at: Option<Instant>,
    pub look_at: Option<Instant>,
    pub change_at: Option<Instant>,
    /// Somebody comes back at `change_at`.
    pub waits: bool,
}

/// A look at all that Redis has of this server, in parts.
pub(super) struct Scan {
    /// Where it goes on.
    pub cursor: String,
    /// Its turn comes before that of changes.
    pub first: bool,
}

impl<M: Member> Machine<M> {
    /// What the clock says. Gives when to come back.
    pub fn time(&mut self, now: Instant) -> Option<Instant> {
        if matches!(self.state, State::Leaving | State::Left) {
            return None;
        }
        if self.due.tick_at.is_some_and(|at| at <= now) {
            self.due.tick = true;
            self.due.register |= self.state == State::Out;
            self.hasty = true;
            self.due.tick_at = Some(now + self.pulse.tick);
        }
        if self.due.look_at.is_some_and(|at| at <= now) {
            self.due.look = true;
            self.due.look_at = Some(now + self.patience());
        }
        [self.due.tick_at, self.due.look_at].into_iter().flatten().min()
    }

    /// How long the others are not looked at: all together do it no more often than a
    /// few would.
    fn patience(&self) -> Duration {
        let Pulse { tick, look } = self.pulse;
        let crowd = u32::try_from(self.others.len()).unwrap_or(u32::MAX) / CROWD;
        look.saturating_mul(crowd.max(1)).min(tick.max(look))
    }

    /// What to do next, while nothing is under way. What it says to ask is under way
    /// then, until it is [`answered`](Self::answered).
    pub fn next(&mut self, now: Instant) -> Step {
        if self.asked.is_some() {
            return Step::Rest;
        }
        let step = match self.state {
            State::In => self.due(now),
            State::Leaving => Step::Ask(Exchange::Leave),
            State::Out if self.connected && std::mem::take(&mut self.due.register) => {
                Step::Ask(Exchange::Register { takes: !self.known })
            }
            State::Apart | State::Out | State::Left => Step::Rest,
        };
        if let Step::Ask(exchange) = &step {
            let all_told = self.is_all_told();
            self.asked = Some(match exchange {
                Exchange::Register { .. } => Asked::Register,
                Exchange::Change { .. } => Asked::Change,
                Exchange::Tick { .. } => Asked::Tick(all_told.then_some(self.members.len())),
                Exchange::Look { .. } => Asked::Look,
                Exchange::Reap { .. } => Asked::Reap,
                Exchange::Scan { .. } => Asked::Scan,
                Exchange::Leave => Asked::Leave,
            });
        }
        step
    }

    /// What is due of a server that is registered.
    fn due(&mut self, now: Instant) -> Step {
        if std::mem::take(&mut self.due.tick) {
            let all_told = self.is_all_told();
            let probe = self.members.any().filter(|_| all_told).map(str::to_owned);
            Step::Ask(Exchange::Tick { probe })
        } else if !self.silent.is_empty() {
            Step::Ask(Exchange::Reap { silent: std::mem::take(&mut self.silent) })
        } else if std::mem::take(&mut self.due.look) && !self.others.is_empty() {
            Step::Ask(Exchange::Look { others: self.others.clone() })
        } else if let Some(scan) = &mut self.scan
            && (self.changed.is_empty() || scan.first)
        {
            scan.first = false;
            Step::Ask(Exchange::Scan { cursor: scan.cursor.clone() })
        } else if self.changed.is_empty() {
            Step::Rest
        } else {
            self.due_changes(now)
        }
    }

    /// What Redis has is what is here, if it has lost nothing.
    fn is_all_told(&self) -> bool {
        self.changed.is_empty() && self.scan.is_none()
    }

    fn due_changes(&mut self, now: Instant) -> Step {
        if let Some(at) = self.due.change_at.filter(|at| *at > now)
            && self.changed.len() < TOLD
        {
            let waits = std::mem::replace(&mut self.due.waits, true);
            return if waits { Step::Rest } else { Step::Wait(at) };
        }
        self.due.change_at = Some(now + PACE);
        self.scan.iter_mut().for_each(|scan| scan.first = true);
        let mut ids: Vec<Box<str>> = self.changed.extract_if(|_| true).take(TOLD).collect();
        if self.changed.is_empty() {
            // Whatever there was room for in a rush.
            self.changed = HashSet::new();
        }
        let gone = ids.extract_if(.., |id| !self.members.contains(id)).map(String::from).collect();
        let come = ids.into_iter().map(String::from).collect();
        Step::Ask(Exchange::Change { come, gone })
    }

    /// The time of a [`Step::Wait`] has come.
    pub fn waited(&mut self) {
        self.due.waits = false;
    }
}
