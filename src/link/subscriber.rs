//! The thread of subscriptions: sees to it that Redis says what is wanted, and hands
//! it on.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::batch::Batch;
use super::connection::Connection;
use super::errors::Kind;
use super::exchange::is_away;
use super::hear::Heard;
use super::news::News;
use super::pause::Pauses;
use super::reply::{Reply, refusal};
use super::shared::Shared;
use super::standing::Stands;
use super::topics::{Asked, Hearer, Key, Wire};
use crate::deadline::after;
use crate::error::{Error, Result, caught};
use crate::net::wait::wait;

/// So many of the subscriptions that were refused are named.
const NAMES: usize = 10;

/// See the [module](self).
pub(super) struct Subscriber<'a> {
    shared: &'a Shared,
    pauses: Pauses,
    name: String,
    /// What was told to be refused, and has not been granted since.
    told: HashSet<Key>,
}

impl<'a> Subscriber<'a> {
    pub fn new(shared: &'a Arc<Shared>) -> Self {
        let options = shared.route.options();
        let (min, max) = options.pauses;
        let name = format!("{}-sub", options.name);
        Subscriber { shared, pauses: Pauses::new(min, max), name, told: HashSet::new() }
    }

    /// Until the link ends.
    pub fn run(mut self) {
        while !self.is_over() {
            let begun = Instant::now();
            let (route, waker) = (&self.shared.route, &self.shared.subscriber);
            let result = match route.connect(&self.name, waker, &|| self.is_over()) {
                Ok(None) => Ok(()),
                Ok(Some(connection)) => {
                    let result = self.serve(connection);
                    self.pauses.stood(begun.elapsed());
                    result
                }
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.failed(&error);
            }
        }
    }

    fn is_over(&self) -> bool {
        self.shared.ends().is_some()
    }

    /// Waits before the next attempt.
    fn failed(&mut self, error: &Error) {
        self.shared.errors.tell(Kind::Connection, error);
        let until = after(Instant::now(), self.pauses.next());
        while Instant::now() < until && !self.is_over() {
            if wait(&self.shared.subscriber, None, Some(until)).is_err() {
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }

    fn serve(&mut self, mut connection: Connection) -> Result<()> {
        let mut wire = Wire::default();
        let result = self.talk(&mut connection, &mut wire);
        drop(connection);
        self.shared.topics.lock().connected(false);
        self.shared.change(|state, now| state.subscriber(false, now));
        for (_, hearers) in self.all() {
            hearers.iter().for_each(|hearer| self.stands(hearer, Stands::NotYet));
        }
        result.map_err(|error| self.shared.route.named("subscriptions: ", error))
    }

    fn talk(&mut self, connection: &mut Connection, wire: &mut Wire) -> Result<()> {
        let options = self.shared.route.options();
        {
            let mut topics = self.shared.topics.lock();
            topics.connected(true);
            self.told.retain(|key| topics.has(key));
        }
        for (key, _) in self.all() {
            self.want(&key, true, connection, wire);
        }
        let (mut last, mut is_told) = (Instant::now(), false);
        // When what was refused is asked for again.
        let mut again = after(last, options.ping_interval);
        while !self.is_over() {
            let is_refused = !wire.refused().is_empty();
            if !is_told && wire.is_settled() {
                is_told = true;
                self.shared.change(|state, now| state.subscriber(true, now));
            }
            let now = Instant::now();
            if is_refused && now >= again {
                again = after(now, options.ping_interval);
                let was_settled = wire.is_settled();
                for key in wire.refused().clone() {
                    self.want(&key, true, connection, wire);
                }
                if was_settled && !wire.is_settled() {
                    last = now;
                }
            }
            let mut waits = !wire.is_settled();
            if !waits && last.elapsed() >= options.ping_interval {
                Batch::new().cmd(&["PING"]).steps()[0].write(true, &mut connection.out);
                wire.ping();
                (last, waits) = (now, true);
            }
            let time = if waits { options.response_timeout } else { options.ping_interval };
            let until = after(last, time);
            let turn = if is_refused { until.min(again) } else { until };
            connection.turn(&self.shared.subscriber, Some(turn))?;
            if connection.has_moved() || !connection.replies.is_empty() {
                last = Instant::now();
            } else if waits && Instant::now() >= until {
                let text = format!("no sign of life within {:?}", options.response_timeout);
                return Err(Error::Timeout(text));
            }
            let mut refused = None;
            while let Some(reply) = connection.replies.pop_front() {
                refused = self.receive(reply, wire)?.or(refused);
            }
            if let Some(error) = refused {
                if !is_refused {
                    again = after(Instant::now(), options.ping_interval);
                }
                self.refused(error, wire);
            }
            let was_settled = wire.is_settled();
            self.change(connection, wire);
            if was_settled && !wire.is_settled() {
                last = Instant::now();
            }
        }
        Ok(())
    }

    /// Somebody may have come or gone.
    fn change(&mut self, connection: &mut Connection, wire: &mut Wire) {
        let changed = self.shared.topics.lock().take_changed();
        for key in changed {
            let hearers = self.shared.topics.lock().hearers(&key);
            if hearers.is_none() {
                self.told.remove(&key);
            }
            self.want(&key, hearers.is_some(), connection, wire);
            if wire.stands(&key) {
                let hearers = hearers.iter().flat_map(|all| all.iter());
                hearers.for_each(|one| self.stands(one, Stands::Yes));
            }
        }
    }

    fn want(&self, key: &Key, wanted: bool, connection: &mut Connection, wire: &mut Wire) {
        let Some(subscribe) = wire.want(key, wanted) else { return };
        let command = match (subscribe, key.pattern) {
            (true, false) => "SUBSCRIBE",
            (true, true) => "PSUBSCRIBE",
            (false, false) => "UNSUBSCRIBE",
            (false, true) => "PUNSUBSCRIBE",
        };
        // Each for itself, so that a refusal is known to be of this one.
        let batch = Batch::new().cmd(&[command, &*key.name]);
        batch.steps().iter().for_each(|step| step.write(true, &mut connection.out));
    }

    /// With the error by which a subscription was refused.
    fn receive(&mut self, reply: Reply, wire: &mut Wire) -> Result<Option<Error>> {
        if let Some(error) = refusal(&reply) {
            self.shared.counts.refused.fetch_add(1, Ordering::Relaxed);
            let is_away = matches!(&reply, Reply::ServerError(error) if is_away(error.code()));
            return match wire.refuse().filter(|_| !is_away) {
                Some(Asked::Subscribe(key)) => {
                    if wire.refused().contains(&key) {
                        self.all_stand(&key, Stands::Refused);
                    }
                    Ok(Some(error))
                }
                // To say so is a sign of life as well.
                Some(Asked::Ping) => Ok(None),
                // On the next connection it is not asked for any more.
                Some(Asked::Unsubscribe(_)) | None => Err(error),
            };
        }
        match News::of(reply).map_err(Error::Protocol)? {
            News::Pong => wire.pong(),
            News::Confirmed(key) => {
                if !wire.confirmed(&key) {
                    let text = format!("{:?} was confirmed, which nobody wants", key.name);
                    return Err(Error::Protocol(text));
                }
                if wire.stands(&key) {
                    self.told.remove(&key);
                    self.all_stand(&key, Stands::Yes);
                }
            }
            News::Message { key, channel, payload } => {
                self.shared.counts.received.fetch_add(1, Ordering::Relaxed);
                let hearers = self.shared.topics.lock().hearers(&key);
                let channel = channel.as_deref().unwrap_or(&key.name);
                let message = Heard::Message { channel, payload: &payload };
                let hearers = hearers.iter().flat_map(|all| all.iter());
                hearers.filter(|one| one.hears()).for_each(|one| self.hear(one, message));
            }
        }
        Ok(None)
    }

    /// Tells which subscriptions are refused, if it has not: they are asked for again for
    /// as long as somebody wants them.
    fn refused(&mut self, error: Error, wire: &Wire) {
        if wire.refused().is_subset(&self.told) {
            return;
        }
        let mut names: Vec<_> = wire.refused().iter().map(Key::to_string).collect();
        names.sort();
        let more = names.len().saturating_sub(NAMES);
        names.truncate(NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let about = format!("subscriptions: {}{more}: ", names.join(", "));
        if self.shared.errors.tell(Kind::Subscription, &self.shared.route.named(&about, error)) {
            self.told.extend(wire.refused().iter().cloned());
        }
    }

    /// A subscription stands, or does not.
    fn all_stand(&self, key: &Key, stands: Stands) {
        let hearers = self.shared.topics.lock().hearers(key);
        let hearers = hearers.iter().flat_map(|all| all.iter());
        hearers.for_each(|hearer| self.stands(hearer, stands));
    }

    fn stands(&self, hearer: &Hearer, stands: Stands) {
        if let Some(heard) = hearer.news(stands) {
            self.hear(hearer, heard);
        }
    }

    fn hear(&self, hearer: &Hearer, heard: Heard<'_>) {
        if let Err(error) = caught(|| hearer.hear(heard)) {
            self.shared.errors.tell(Kind::Panic, &error);
        }
    }

    fn all(&self) -> Vec<(Key, super::topics::Hearers)> {
        self.shared.topics.lock().all()
    }
}
