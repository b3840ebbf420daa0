//! What a server has to tell the registry, and when: without input or output.
//!
//! The truth is here: who is connected, and what was not told yet. One [`Exchange`] with
//! Redis is under way at a time, so the order in which Redis hears of things is that in
//! which they are asked for.
//!
//! | state | what | goes on with |
//! |---|---|---|
//! | `Apart` | without an address | [`start`](Machine::start) |
//! | `Out` | not in the registry: an exchange failed, or the address is another's | `Register`, once there is a connection, and with every tick |
//! | `In` | registered | `Tick`, `Look`, `Reap`, `Change` and `Scan`, as they are due; `Out` when one fails |
//! | `Leaving` | it ends | `Leave`, behind what is under way |
//! | `Left` | over | – |
//!
//! What has changed is kept as the ids that it is about. Whether one of them has come or
//! gone is looked up when it is told, so it does not matter in which order the threads of
//! two connections with one id tell of them, and who ends while all are told anew is not
//! left behind. What changes while the server is `Out` is not kept at all: when it
//! registers, all that are here have changed, and what Redis has beside them is found by
//! `Scan`. So whoever is connected all the time is known all the time, as far as Redis
//! has not lost it.
//!
//! That the link is down does not say what is lost: the connection on which all this is
//! told may still stand, while that for subscriptions does not. A server that is `In`
//! therefore goes on, at once with a `Tick`: what fails tells it that it is `Out`.

mod due;
mod exchange;
mod members;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::error::Error;

use due::{Asked, Due, Scan};
#[cfg(test)]
use due::{PACE, TOLD};
pub(super) use exchange::{Alive, Answer, Exchange, News, Step};
pub(super) use members::{Member, Members};

/// So many may wait beside those that are connected; then all are told anew.
const WAITING: usize = 50_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Apart,
    Out,
    In,
    Leaving,
    Left,
}

/// How often it tells and looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    /// Between two signs of life.
    pub tick: Duration,
    /// Between two looks at few others.
    pub look: Duration,
}

pub(super) struct Machine<M> {
    state: State,
    pulse: Pulse,
    address: String,
    members: Members<M>,
    /// What was not told yet.
    changed: HashSet<Box<str>>,
    /// The other servers, as of the last tick.
    others: Vec<String>,
    /// Those of them who gave no sign of life.
    silent: Vec<String>,
    /// What Redis has was not all looked at since the server was registered.
    scan: Option<Scan>,
    connected: bool,
    asked: Option<Asked>,
    due: Due,
    /// It was registered before, and so has no more right to the address than others.
    known: bool,
    /// It may register at once when it is found missing: once between two ticks.
    hasty: bool,
    /// Another has the address, or wants it, and that was told.
    told: bool,
}

impl<M: Member> Machine<M> {
    pub fn new(pulse: Pulse) -> Self {
        Machine {
            state: State::Apart,
            pulse,
            address: String::new(),
            members: Members::default(),
            changed: HashSet::new(),
            others: Vec::new(),
            silent: Vec::new(),
            scan: None,
            connected: false,
            asked: None,
            due: Due::default(),
            known: false,
            hasty: false,
            told: false,
        }
    }

    /// It has an address now. False when it had one, or has ended.
    pub fn start(&mut self, address: &str, now: Instant) -> bool {
        if self.state != State::Apart {
            return false;
        }
        self.state = State::Out;
        self.address = address.to_owned();
        self.due.register = true;
        self.due.tick_at = Some(now + self.pulse.tick);
        self.due.look_at = Some(now + self.pulse.look);
        true
    }

    pub fn is_registered(&self) -> bool {
        self.state == State::In
    }

    pub fn has_left(&self) -> bool {
        self.state == State::Left
    }

    /// A spark has come. What is given back is let go of without a lock.
    pub fn connect(&mut self, member: M) -> Option<M> {
        if self.state == State::Left || self.state == State::Leaving {
            return Some(member);
        }
        let id: Box<str> = member.id().into();
        let before = self.members.insert(member);
        self.change(id);
        before
    }

    /// A spark has gone. What is given back is let go of without a lock.
    pub fn disconnect(&mut self, member: &M) -> Option<M> {
        let gone = self.members.remove(member)?;
        self.change(gone.id().into());
        Some(gone)
    }

    fn change(&mut self, id: Box<str>) {
        if self.state != State::In {
            return;
        }
        self.changed.insert(id);
        if self.changed.len() > self.members.len() + WAITING {
            self.out();
            self.due.register = true;
        }
    }

    /// There is a connection to Redis, a new one perhaps; or there is none.
    pub fn connected(&mut self, is: bool) {
        self.connected = is;
        if matches!(self.state, State::Out | State::In) {
            self.due.register = is;
            // Whether anything was lost with it.
            self.due.tick |= self.state == State::In;
        }
    }

    /// The end: the server is taken out, if it is in. What is given back is let go of
    /// without a lock.
    pub fn leave(&mut self) -> Members<M> {
        self.changed = HashSet::new();
        // Without our knowing it may be in: an answer may have been lost.
        let may_be_in = self.known || self.asked.is_some();
        self.state = match self.state {
            State::Out if self.connected && may_be_in => State::Leaving,
            State::In | State::Leaving => State::Leaving,
            _ => State::Left,
        };
        std::mem::take(&mut self.members)
    }

    /// What has come of the exchange that was under way: an answer, or none, for a reason
    /// that is to be told, or for want of a connection.
    pub fn answered(&mut self, answer: Result<Answer, Option<Error>>) -> Vec<News> {
        let Some(asked) = self.asked.take() else { return Vec::new() };
        if let Asked::Leave = asked {
            self.state = State::Left;
            return left(answer);
        }
        if !matches!(self.state, State::Out | State::In) {
            return Vec::new();
        }
        match (answer, asked) {
            (Ok(Answer::Done), Asked::Register) => self.registered(),
            (Ok(Answer::Taken), _) => self.taken(),
            // An answer that is older than the connection.
            (Ok(_), _) if self.state != State::In => Vec::new(),
            (Ok(Answer::Missing), _) => {
                self.out();
                self.due.register = std::mem::take(&mut self.hasty);
                Vec::new()
            }
            (Ok(Answer::Alive(alive)), Asked::Tick(expected)) => self.alive(alive, expected),
            (Ok(Answer::Silent(silent)), _) => {
                self.silent = silent;
                Vec::new()
            }
            (Ok(Answer::Found { cursor, ids }), _) => {
                self.found(cursor, ids);
                Vec::new()
            }
            (Ok(Answer::Reaped(reaped)), _) => {
                self.others.retain(|other| !reaped.iter().any(|(gone, _)| gone == other));
                let gone = |(other, by_this)| News::Gone { other, by_this };
                reaped.into_iter().map(gone).collect()
            }
            (Ok(_), _) => Vec::new(),
            (Err(error), _) => {
                self.out();
                error.map(News::Trouble).into_iter().collect()
            }
        }
    }

    fn registered(&mut self) -> Vec<News> {
        self.state = State::In;
        (self.known, self.told) = (true, false);
        self.changed = self.members.ids().map(Box::from).collect();
        self.scan = Some(Scan { cursor: "0".to_owned(), first: false });
        // It looks round.
        self.due.tick = true;
        self.due.register = false;
        vec![News::Registered]
    }

    /// A part of what Redis has: whoever is not here has gone.
    fn found(&mut self, cursor: Option<String>, ids: Vec<String>) {
        let ghosts = ids.into_iter().filter(|id| !self.members.contains(id));
        self.changed.extend(ghosts.map(String::into_boxed_str));
        self.scan = cursor.map(|cursor| Scan { cursor, first: false });
    }

    fn taken(&mut self) -> Vec<News> {
        self.out();
        self.conflict("has registered with it, so this one is not in the registry")
    }

    fn alive(&mut self, alive: Alive, expected: Option<usize>) -> Vec<News> {
        let Alive { sparks, forgot, wanted, servers } = alive;
        self.others = servers;
        self.others.retain(|server| *server != self.address);
        let is_whole = !forgot && expected.is_none_or(|expected| sparks == Some(expected));
        if !is_whole {
            self.out();
        }
        self.due.register = !is_whole;
        let mut news = vec![News::Ticked];
        match wanted {
            true => news.extend(self.conflict("wants to register with it, and is not let in")),
            false => self.told = false,
        }
        news
    }

    fn conflict(&mut self, what: &str) -> Vec<News> {
        if std::mem::replace(&mut self.told, true) {
            return Vec::new();
        }
        let text = format!(
            "metroplex: two servers have the address `{}`: another {what}; each needs an address \
             of its own (`Metroplex::address`)",
            self.address
        );
        vec![News::Trouble(Error::Option(text))]
    }

    /// It is not, or may not be, in the registry: what changes is told when it is.
    fn out(&mut self) {
        self.state = State::Out;
        self.changed = HashSet::new();
        self.silent = Vec::new();
        self.scan = None;
    }
}

fn left(answer: Result<Answer, Option<Error>>) -> Vec<News> {
    match answer {
        Ok(Answer::Done) => vec![News::Left],
        Ok(_) => Vec::new(),
        Err(error) => error.map(News::Trouble).into_iter().collect(),
    }
}
