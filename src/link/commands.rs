//! The thread of commands: sends what is queued, and tells what has become of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::errors::Kind;
use super::exchange::{Done, Exchange};
use super::pause::Pauses;
use super::queue::{Blame, Cost, Entry, Lost};
use super::shared::Shared;
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::net::wait::wait;

/// So much is written ahead of what the socket takes.
const AHEAD: usize = 256 << 10;

/// See the [module](self).
pub(super) struct Commands<'a> {
    shared: &'a Shared,
    pauses: Pauses,
}

/// Why a connection is left.
enum Left {
    /// The link ends.
    Ended,
    /// It broke.
    Broken(Error),
}

impl<'a> Commands<'a> {
    pub fn new(shared: &'a Arc<Shared>) -> Self {
        let (min, max) = shared.route.options().pauses;
        Commands { shared, pauses: Pauses::new(min, max) }
    }

    /// Until the link ends.
    pub fn run(mut self) {
        while !self.is_over() {
            let name = &self.shared.route.options().name;
            let connected = self.shared.route.connect(name, &self.shared.commands, &|| {
                self.shared.tell();
                self.is_over()
            });
            match connected {
                Ok(None) => {}
                Ok(Some(connection)) => {
                    if let Left::Broken(error) = self.serve(connection) {
                        self.failed(&error);
                    }
                }
                Err(error) => self.failed(&error),
            }
        }
        let lost = self.shared.queue.lock().clear(Vec::new());
        self.closed(lost);
        self.shared.change(|state, _| state.end());
        self.shared.tell();
    }

    /// Whether there is nothing more to do, or no time for it.
    fn is_over(&self) -> bool {
        let Some(until) = self.shared.ends() else { return false };
        until <= Instant::now() || self.shared.queue.lock().is_empty()
    }

    /// Waits before the next attempt.
    fn failed(&mut self, error: &Error) {
        self.shared.errors.tell(Kind::Connection, error);
        let until = after(Instant::now(), self.pauses.next());
        while Instant::now() < until && !self.is_over() {
            self.shared.tell();
            let until = until.min(self.shared.ends().unwrap_or(until));
            if wait(&self.shared.commands, None, Some(until)).is_err() {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn serve(&mut self, mut connection: Connection) -> Left {
        let begun = Instant::now();
        self.shared.queue.lock().connect();
        self.shared.change(|state, now| state.commands(true, now));
        let mut exchange = Exchange::default();
        let left = self.talk(&mut connection, &mut exchange);
        self.shared.change(|state, now| state.commands(false, now));
        drop(connection);
        let answered = exchange.answered;
        let flights: Vec<Entry> = exchange.give_up().collect();
        if let Left::Broken(error) = &left {
            let blame = match error {
                // What Redis said may be due to what it was told.
                Error::Protocol(_) => Blame::Likely,
                _ if answered == 0 => Blame::Perhaps,
                _ => Blame::None,
            };
            let why = error.to_string();
            let lost = self.shared.queue.lock().disconnect(flights, blame, &why);
            self.lost(lost, &why);
            self.pauses.stood(begun.elapsed());
        } else {
            let lost = self.shared.queue.lock().clear(flights);
            self.closed(lost);
        }
        self.shared.tell();
        left
    }

    fn talk(&self, connection: &mut Connection, exchange: &mut Exchange) -> Left {
        let options = self.shared.route.options();
        // When Redis last gave a sign of life, or was given something to say.
        let mut last = Instant::now();
        loop {
            self.shared.tell();
            if self.shared.ends().is_some_and(|until| until <= Instant::now())
                || exchange.is_empty() && self.is_over()
            {
                return Left::Ended;
            }
            if exchange.is_empty() && last.elapsed() >= options.ping_interval {
                exchange.send(Entry::ping(), &mut connection.out);
                last = Instant::now();
            }
            let was_empty = exchange.is_empty();
            self.send(connection, exchange);
            if was_empty && !exchange.is_empty() {
                last = Instant::now();
            }
            let time = match exchange.is_empty() {
                true => options.ping_interval,
                false => options.response_timeout,
            };
            let until = after(last, time);
            let ends = self.shared.ends();
            if let Err(error) = connection
                .turn(&self.shared.commands, Some(ends.map_or(until, |ends| ends.min(until))))
            {
                return Left::Broken(self.named(error));
            }
            let has_moved = connection.has_moved();
            if connection.replies.is_empty() {
                if has_moved {
                    last = Instant::now();
                } else if !exchange.is_empty() && Instant::now() >= until {
                    let text = format!("no reply within {:?}", options.response_timeout);
                    return Left::Broken(self.named(Error::Timeout(text)));
                }
                continue;
            }
            last = Instant::now();
            if let Err(error) = self.receive(connection, exchange) {
                return Left::Broken(self.named(error));
            }
        }
    }

    /// Takes from the queue what can be sent soon.
    fn send(&self, connection: &mut Connection, exchange: &mut Exchange) {
        let before = exchange.sent;
        // What may have ended a connection is sent for itself, to know whether it did.
        while connection.unsent() < AHEAD && !exchange.is_suspect() {
            let Some(entry) = self.shared.queue.lock().pop() else { break };
            exchange.send(entry, &mut connection.out);
        }
        self.shared.counts.sent.fetch_add(exchange.sent - before, Ordering::Relaxed);
    }

    /// Finds out what the replies belong to, and tells.
    fn receive(&self, connection: &mut Connection, exchange: &mut Exchange) -> Result<()> {
        let (mut cost, refused) = (Cost::default(), exchange.refused);
        let mut dones = Vec::new();
        let mut received = Ok(());
        while let Some(reply) = connection.replies.pop_front() {
            match exchange.receive(reply) {
                Ok(None) => {}
                Ok(Some(done)) => dones.push(done),
                Err(error) => {
                    received = Err(error);
                    break;
                }
            }
        }
        self.shared.counts.refused.fetch_add(exchange.refused - refused, Ordering::Relaxed);
        let mut again = Vec::new();
        for done in &dones {
            if let Done::Answer(_, _, of) | Done::Posted(_, of) = done {
                cost += *of;
            }
        }
        // Before anything is told: who hears of it may write.
        self.shared.queue.lock().done(cost);
        self.shared.counts.full.end();
        for done in dones {
            match done {
                Done::Answer(then, answer, _) => self.shared.answer(then, answer),
                Done::Posted(Some(error), _) => {
                    self.shared.errors.tell(Kind::Refusal, &error);
                }
                Done::Posted(None, _) => {}
                Done::Again(entry) => again.push(entry),
            }
        }
        let mut queue = self.shared.queue.lock();
        again.into_iter().rev().for_each(|entry| queue.push_front(entry));
        received
    }

    fn named(&self, error: Error) -> Error {
        self.shared.route.named("", error)
    }

    /// The link has ended, and this with it.
    fn closed(&self, lost: Lost) {
        let commands = lost.commands;
        if commands > 0 {
            let text = format!("{commands} commands were lost when the link was closed");
            self.shared.errors.tell(Kind::Lost, &self.named(Error::Unavailable(text)));
        }
        self.answer(lost);
    }

    /// A connection has broken, and this with it.
    fn lost(&self, lost: Lost, why: &str) {
        let Lost { commands, struck, .. } = lost;
        if struck > 0 {
            let text = format!("{struck} commands were given up, which Redis does not take: {why}");
            self.shared.errors.tell(Kind::Lost, &Error::Unavailable(text));
        } else if commands > 0 {
            log::debug!("link to Redis: {commands} commands were dropped: {why}");
        }
        self.answer(lost);
    }

    fn answer(&self, lost: Lost) {
        let answers = lost.answers.into_iter();
        answers.for_each(|(then, answer)| self.shared.answer(then, answer));
    }
}
