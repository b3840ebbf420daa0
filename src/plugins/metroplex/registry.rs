//! The registration of one server: its [`Machine`], the link, and the time.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::keys::Keys;
use super::machine::{Exchange, Machine, Member, Pulse, Step};
use super::talk::Identity;
use super::told::Told;
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::link::{LinkState, RedisLink, Reply};
use crate::server::{Primus, Spark};
use crate::sync::{Lock, Signal};
use crate::timer::{Task, Timer};

impl Member for Spark {
    fn id(&self) -> &str {
        Spark::id(self)
    }
}

/// How often, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    pub interval: Duration,
    pub latency: Duration,
    pub timeout: Duration,
}

pub(super) struct Registry {
    link: RedisLink,
    keys: Keys,
    times: Times,
    boot: String,
    timer: Timer,
    told: Arc<Told>,
    /// Who it is, once it has an address.
    identity: OnceLock<Identity>,
    machine: Lock<Machine<Spark>>,
    left: Signal,
}

impl Registry {
    pub fn new(
        primus: &Primus,
        link: &RedisLink,
        keys: Keys,
        times: Times,
        boot: String,
        told: Arc<Told>,
    ) -> Arc<Self> {
        let tick = times.interval.saturating_sub(times.latency);
        let registry = Arc::new(Registry {
            link: link.clone(),
            keys,
            times,
            boot,
            timer: primus.0.timer.clone(),
            told,
            identity: OnceLock::new(),
            machine: Lock::new(Machine::new(Pulse { tick, look: times.latency })),
            left: Signal::default(),
        });
        link.on_state_for(&Arc::downgrade(&registry), |registry, state| {
            registry.change(|machine| machine.connected(state == LinkState::Up));
        });
        registry
    }

    /// The address, once it has one.
    pub fn address(&self) -> Option<&str> {
        self.identity.get().map(|identity| &*identity.address)
    }

    /// The name of this process at its address.
    pub fn boot(&self) -> &str {
        &self.boot
    }

    pub fn is_registered(&self) -> bool {
        self.machine.lock().is_registered()
    }

    /// Begins, unless it has begun.
    pub fn start(self: &Arc<Self>, address: &str) {
        let identity = Identity {
            keys: self.keys.clone(),
            address: address.to_owned(),
            boot: self.boot.clone(),
            interval: self.times.interval.as_millis().to_string(),
        };
        if self.identity.set(identity).is_err() {
            return;
        }
        let now = self.timer.now();
        self.change(|machine| machine.start(address, now));
        self.timer.schedule(now, Arc::downgrade(self));
    }

    pub fn connect(self: &Arc<Self>, spark: &Spark) {
        drop(self.change(|machine| machine.connect(spark.clone())));
    }

    pub fn disconnect(self: &Arc<Self>, spark: &Spark) {
        drop(self.change(|machine| machine.disconnect(spark)));
    }

    /// Takes the server out, and waits for that as long as it waits for Redis, or the
    /// server lets it.
    pub fn stop(self: &Arc<Self>, primus: &Primus) {
        drop(self.change(Machine::leave));
        let patience = primus.0.time_to_end(self.times.timeout);
        let until = after(Instant::now(), patience);
        let left = self.machine.lock();
        drop(left.wait_while_for(&self.left, patience, |machine| !machine.has_left()));
        self.told.wait(until.saturating_duration_since(Instant::now()));
    }

    fn change<R>(self: &Arc<Self>, change: impl FnOnce(&mut Machine<Spark>) -> R) -> R {
        let result = change(&mut self.machine.lock());
        self.run();
        result
    }

    /// Does what is due.
    fn run(self: &Arc<Self>) {
        let mut machine = self.machine.lock();
        let (step, has_left) = (machine.next(self.timer.now()), machine.has_left());
        drop(machine);
        if has_left {
            self.left.notify_all();
        }
        let weak = Arc::downgrade(self);
        match step {
            Step::Rest => {}
            Step::Wait(at) => {
                let go_on = move || {
                    if let Some(registry) = weak.upgrade() {
                        registry.change(Machine::waited);
                    }
                };
                self.timer.schedule_fn(at, Box::new(go_on));
            }
            Step::Ask(exchange) => {
                let Some(identity) = self.identity.get() else { return };
                let batch = identity.batch(&exchange, self.timer.wall_ms());
                self.link.ask(batch, move |replies| {
                    if let Some(registry) = weak.upgrade() {
                        registry.answered(exchange, replies);
                    }
                });
            }
        }
    }

    fn answered(self: &Arc<Self>, exchange: Exchange, replies: Result<Vec<Reply>>) {
        let Some(identity) = self.identity.get() else { return };
        let answer = match replies {
            Ok(replies) => identity.answer(exchange, &replies).map_err(Some),
            // That there is no connection, the link tells.
            Err(Error::Unavailable(_) | Error::Timeout(_) | Error::Closed) => Err(None),
            Err(error) => Err(Some(error)),
        };
        let news = self.machine.lock().answered(answer);
        self.told.tell(news, &identity.address);
        self.run();
    }
}

impl Task for Registry {
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        self.change(|machine| machine.time(now))
    }
}
