//! A server among others: what it says to them on the bus, and what it hears.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::asks::Asks;
use super::bus::{Bus, Buses};
use super::chores::Chores;
use super::forwards::Forwards;
use super::status::{ClusterStatus, Counters};
use super::wire::{self, tail};
use crate::error::{BoxError, Error, Result};
use crate::events::Listeners;
use crate::link::{Batch, Heard, Keep, RedisLink, Subscription};
use crate::plugins::metroplex::Metroplex;
use crate::plugins::rooms::Here;
use crate::rate::PerSecond;
use crate::server::{HandOn, Primus, Relay, WeakPrimus};
use crate::sync::{Lock, rank};
use crate::value::Value;

/// How long a message that is being forwarded is waited for at the end.
const FORWARDING: Duration = Duration::from_secs(5);

/// What the plugin was told to do.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Bytes of a message at most.
    pub message: usize,
    /// How long answers are waited for.
    pub timeout: Duration,
    /// Messages are forwarded to servers of Node.js.
    pub node_servers: bool,
    /// Links to other Redis that have a share of the rooms, and those that are only heard.
    pub buses: Vec<RedisLink>,
    pub heard_buses: Vec<RedisLink>,
}

/// The rooms of this server, once the plugin `rooms` has them here.
#[derive(Clone, Default)]
pub(super) struct Seat(Arc<Lock<Option<Here>>>);

impl Seat {
    pub fn get(&self) -> Option<Here> {
        self.0.lock().clone()
    }

    pub fn set(&self, here: Option<Here>) {
        *self.0.lock() = here;
    }
}

/// Who is told of missed messages: whose they are, and how many.
pub(super) type OnMissed = dyn Fn(&str, u64) + Send + Sync;

/// A server that is registered, on the bus.
pub(super) struct Live {
    pub primus: WeakPrimus,
    pub metroplex: Arc<Metroplex>,
    pub options: Options,
    pub here: Seat,
    pub missed: Arc<Listeners<OnMissed>>,
    pub counters: Counters,
    pub asks: Asks,
    pub chores: Chores,
    pub forwards: Forwards,
    /// The channels of all servers.
    pub buses: Buses,
    pub boot: String,
    /// The name of this process in metroplex.
    pub registered_as: String,
    /// So many values may be in one message.
    pub values: usize,
    /// The beginning of what it says, once it has an address.
    head: OnceLock<Vec<u8>>,
    /// And before that.
    nameless: Vec<u8>,
    /// The last number of what was said to one server.
    said_to_one: Lock<u64, rank::Bus>,
    complaints: Lock<PerSecond>,
    subscriptions: Lock<Vec<Subscription>>,
    hears_own: AtomicBool,
    over: AtomicBool,
}

impl Live {
    pub fn new(
        primus: &Primus,
        metroplex: Arc<Metroplex>,
        options: Options,
        here: Seat,
        missed: Arc<Listeners<OnMissed>>,
    ) -> Result<Arc<Self>> {
        let boot = crate::id::spark_id()?;
        let (more, heard) = (&options.buses, &options.heard_buses);
        let buses = Buses::new(metroplex.link(), more, heard, metroplex.own_namespace());
        let live = Arc::new(Live {
            primus: primus.downgrade(),
            options,
            buses,
            here,
            missed,
            counters: Counters::default(),
            asks: Asks::new(primus.0.limits.answers),
            chores: Chores::default(),
            forwards: Forwards::default(),
            nameless: wire::head("", &boot),
            registered_as: metroplex.own_boot().unwrap_or_default().to_owned(),
            values: primus.0.limits.values,
            metroplex,
            boot,
            head: OnceLock::new(),
            said_to_one: Lock::default(),
            complaints: Lock::new(PerSecond::new(1)),
            subscriptions: Lock::default(),
            hears_own: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        for (at, bus) in live.buses.iter().enumerate() {
            live.listen(&bus.link, &bus.channel, move |live, _, payload| {
                live.message(live.buses.at(at), payload);
            });
        }
        live.settle();
        Ok(live)
    }

    pub fn link(&self) -> &RedisLink {
        self.metroplex.link()
    }

    /// The channel of one process at an address: for a moment there may be two. By the name
    /// that metroplex knows it by it is asked, and by the name of its run it is answered.
    pub fn channel_of(&self, address: &str, process: &str) -> String {
        format!("{}:bus:{address}:{process}", self.metroplex.own_namespace())
    }

    /// Takes its name, once it has an address, and hears what is said to it.
    pub fn settle(self: &Arc<Self>) {
        let Some(address) = self.metroplex.own_address() else { return };
        let _ = self.head.set(wire::head(address, &self.boot));
        if !self.hears_own.swap(true, Ordering::AcqRel) {
            for process in [&self.registered_as, &self.boot] {
                let channel = self.channel_of(address, process);
                self.listen(self.link(), &channel, Live::message_to_one);
            }
        }
    }

    fn listen(
        self: &Arc<Self>,
        link: &RedisLink,
        channel: &str,
        take: impl Fn(&Self, &str, &[u8]) + Send + Sync + 'static,
    ) {
        let live: Weak<Self> = Arc::downgrade(self);
        let subscription = link.subscribe(channel, move |heard| {
            let Some(live) = live.upgrade() else { return };
            match heard {
                Heard::Message { channel, payload } => take(&live, channel, payload),
                Heard::Cut => live.counters.cuts.add(1),
                Heard::Back => {}
            }
        });
        self.subscriptions.lock().push(subscription);
    }

    /// The server is in the registry, anew perhaps.
    pub fn is_registered(self: &Arc<Self>) {
        if !self.is_over() {
            self.settle();
            self.chores.rewrite();
            self.forwards.look();
            self.say_alive();
        }
    }

    /// It has given a sign of life.
    pub fn ticks(&self) {
        if !self.is_over() {
            self.chores.renew();
            self.forwards.look();
            self.say_alive();
        }
    }

    /// Hears nothing any more, answers nobody, and has no rooms.
    pub fn end(&self) {
        if self.over.swap(true, Ordering::AcqRel) {
            return;
        }
        let subscriptions = std::mem::take(&mut *self.subscriptions.lock());
        drop(subscriptions);
        self.asks.end();
        self.forwards.end(self.patience(FORWARDING));
        // What it does, and then what there is to do at the end.
        self.chores.end(self.patience(2 * self.options.timeout));
    }

    /// How long to wait for something: while the server ends, no longer than it lets.
    pub fn patience(&self, wish: Duration) -> Duration {
        self.primus.upgrade().map_or(wish, |primus| primus.0.time_to_end(wish))
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    fn head(&self) -> &[u8] {
        self.head.get().unwrap_or(&self.nameless)
    }

    /// Whether it has said this itself.
    pub fn is_own(&self, payload: &[u8]) -> bool {
        payload.starts_with(self.head()) || payload.starts_with(&self.nameless)
    }
}

/// # What it says
impl Live {
    /// Encodes a message for all servers, with so many names and ids beside the value.
    ///
    /// # Errors
    /// [`Error::Misuse`] when it is too large.
    pub fn prepare(
        &self,
        value: &Value,
        beside: usize,
        tail: impl FnOnce() -> Vec<u8>,
    ) -> Result<Vec<u8>> {
        let encode = || {
            wire::is_readable(value, beside, self.values)?;
            let tail = tail();
            self.fits(&tail).map(|()| tail)
        };
        encode().inspect_err(|_| self.counters.refused.add(1))
    }

    /// Says to all servers what was prepared, in the order of the calls on each bus.
    ///
    /// # Errors
    /// Those of the link: then it is missing to the others, who are told so by the numbers.
    pub fn publish(&self, bus: &Bus, tail: &[u8]) -> Result<()> {
        let mut said = bus.said.lock();
        *said += 1;
        let outcome = bus.link.publish(&bus.channel, wire::whole(self.head(), *said, tail));
        drop(said);
        match outcome {
            Ok(()) => self.counters.published.add(1),
            Err(_) => self.counters.refused.add(1),
        }
        outcome
    }

    /// Says what the last numbers are.
    pub fn say_alive(&self) {
        for bus in self.buses.iter() {
            let said = bus.said.lock();
            let message = wire::whole(self.head(), *said, &tail::alive());
            // Without a connection there is nobody to say it to.
            let _ = bus.link.post(Batch::new().publish(&bus.channel, &message), Keep::No);
        }
    }

    /// Says something to one server. `then` is told to how many it was said, on a thread
    /// of the link.
    pub fn say_to_one(
        &self,
        (address, process): (&str, &str),
        tail: &[u8],
        then: impl FnOnce(Result<i64>) + Send + 'static,
    ) {
        let mut said = self.said_to_one.lock();
        *said += 1;
        let message = wire::whole(self.head(), *said, tail);
        let batch = Batch::new().publish(&self.channel_of(address, process), &message);
        self.link().ask(batch, move |replies| then(replies.and_then(|replies| count(&replies))));
    }

    /// Whether the others would take what is so large.
    ///
    /// # Errors
    /// [`Error::Misuse`] when not.
    pub fn fits(&self, tail: &[u8]) -> Result<()> {
        let length = self.head().len() + wire::DIGITS + tail.len();
        let most = self.options.message;
        match length > most {
            false => Ok(()),
            true => Err(Error::Misuse(format!(
                "a message of {length} bytes for other servers: {most} are allowed \
                 (`Cluster::message`)"
            ))),
        }
    }
}

/// How many have heard what was published.
fn count(replies: &[crate::link::Reply]) -> Result<i64> {
    let reply = replies.first().unwrap_or(&crate::link::Reply::Nil);
    match (crate::link::refusal(reply), reply) {
        (Some(refusal), _) => Err(refusal),
        (None, crate::link::Reply::Int(count)) => Ok(*count),
        (None, _) => Err(Error::Unavailable("Redis: PUBLISH has no number".into())),
    }
}

/// # How it stands
impl Live {
    /// Logs what may come often, and then not always.
    pub fn warn(&self, text: &str) {
        let allowed = self.complaints.lock().allow(Instant::now());
        if let Some(primus) = self.primus.upgrade()
            && allowed
        {
            primus.0.log(log::Level::Warn, &format!("cluster: {text}"));
        }
    }

    /// Another server is gone.
    pub fn gone(&self, address: &str) {
        self.buses.iter().for_each(|bus| bus.peers.lock().gone(address));
        self.chores.gone(address);
    }

    pub fn is_joined(&self) -> bool {
        let hears = || self.subscriptions.lock().iter().all(Subscription::stands);
        let is_up = self.buses.iter().all(|bus| bus.link.is_connected());
        is_up && hears() && self.metroplex.is_registered()
    }

    pub fn status(&self) -> ClusterStatus {
        ClusterStatus {
            joined: self.is_joined(),
            address: self.metroplex.own_address().map(str::to_owned),
            servers: self.buses.servers(),
            asking: self.asks.len(),
            changes: self.chores.len(),
            link: self.link().metrics(),
            ..ClusterStatus::count(&self.counters)
        }
    }
}

/// What is written to everybody goes to the other servers.
pub(super) struct ToAll(pub Arc<Live>);

impl Relay for ToAll {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        self.prepare(message)?()
    }

    fn prepare<'a>(&'a self, message: &'a Value) -> Result<HandOn<'a>, BoxError> {
        let live = &self.0;
        let tail = live.prepare(message, 0, || tail::all(message))?;
        let forwarded = live.forwards.are_wanted().then(|| Arc::new(message.clone()));
        Ok(Box::new(move || {
            if let Some(forwarded) = forwarded {
                live.counters.unforwarded.add(live.forwards.push(forwarded, tail.len()));
            }
            Ok(live.publish(live.buses.first(), &tail)?)
        }))
    }
}
