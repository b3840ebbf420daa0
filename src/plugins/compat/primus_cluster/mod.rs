//! Joined to servers that have `primus-cluster`.

mod keys;
mod wire;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use keys::Keys;
use wire::Body;

use super::doubles::Doubles;
use super::foreign::Foreign;
use super::memberships::{Keeper, Lists};
use super::replies;
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::frame::Frame;
use crate::link::{Batch, Heard, RedisLink, Subscription};
use crate::parsers::Parser;
use crate::plugins::Plugin;
use crate::plugins::rooms::{Change, Here, RoomMessage, RoomStore};
use crate::server::{Primus, Relay, WeakPrimus};
use crate::sync::Lock;
use crate::timer::Clock;
use crate::value::Value;

/// The plugin `primus-cluster`: what is written to all sparks
/// ([`Primus::write`]) and to rooms reaches the servers that have the npm package of this
/// name, and those of this crate that have this plugin; and the other way about. See
/// [the page](super).
///
/// The parser of all servers must be the same, and one that makes text.
pub struct NpmCluster {
    options: Options,
    joint: Lock<Option<Arc<Joint>>>,
    relay: Lock<Option<ListenerId>>,
}

impl fmt::Debug for NpmCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpmCluster")
            .field("link", &self.options.link)
            .field("channel", &self.options.channel)
            .field("store", &self.options.store)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Options {
    link: RedisLink,
    channel: Option<String>,
    store: bool,
    keys: Keys,
}

impl NpmCluster {
    /// With the defaults of the npm package.
    pub fn new(link: &RedisLink) -> Self {
        let keys =
            Keys { prefix: "primus-cluster:".to_owned(), ttl: Duration::from_secs(24 * 60 * 60) };
        let options = Options { link: link.clone(), channel: None, store: false, keys };
        NpmCluster { options, joint: Lock::default(), relay: Lock::default() }
    }

    /// What the names of keys, and of the channel, begin with. Defaults to
    /// `primus-cluster:`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.options.keys.prefix);
        self
    }

    /// The channel. Defaults to the [`prefix`](Self::prefix) and `pubsub`.
    pub fn channel(mut self, channel: &str) -> Self {
        self.options.channel = Some(channel.to_owned());
        self
    }

    /// Whether the members of rooms here are written into Redis, and those elsewhere read
    /// from it. A server in JavaScript needs that only for its `clients`, `isEmpty` and
    /// `rooms`; for its messages none. Defaults to false: then
    /// [`RoomStore::members`], [`members_of`](RoomStore::members_of) and
    /// [`names`](RoomStore::names) of other servers are errors.
    pub fn store(mut self, store: bool) -> Self {
        self.options.store = store;
        self
    }

    /// How long memberships that nobody renews stay in Redis, in whole seconds and at
    /// least one; as the other servers have it. Defaults to a day.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.options.keys.ttl = Duration::from_secs(ttl.as_secs().max(1));
        self
    }

    /// What the plugin [`Rooms`](crate::plugins::Rooms) of the same server is given as
    /// its [`store`](crate::plugins::Rooms::store), when all options are set.
    pub fn rooms(&self) -> impl RoomStore + use<> {
        Store(self.joint())
    }

    /// What plugin and store share: made when the first of them is.
    fn joint(&self) -> Arc<Joint> {
        let mut joint = self.joint.lock();
        joint.get_or_insert_with(|| Arc::new(Joint::new(self.options.clone()))).clone()
    }
}

impl Plugin for NpmCluster {
    fn name(&self) -> &str {
        "primus-cluster"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let joint = self.joint();
        *joint.primus.lock() = Some(primus.downgrade());
        joint.listen();
        *self.relay.lock() = Some(primus.add_relay(ToAll(joint.clone())));
        if joint.options.store {
            joint.renew(primus);
        }
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        if let Some(relay) = self.relay.lock().take() {
            primus.off(relay);
        }
        if let Some(joint) = self.joint.lock().take() {
            joint.end();
        }
    }
}

struct Joint {
    options: Options,
    /// By which this server knows its own messages.
    id: f64,
    primus: Lock<Option<WeakPrimus>>,
    here: Lock<Option<Here>>,
    subscription: Lock<Option<Subscription>>,
    keeper: OnceLock<Keeper>,
    foreign: Foreign,
    /// The number of the last message that it has published.
    said: AtomicU64,
    /// What has come from the others.
    doubles: Lock<Doubles<u64>>,
    /// The generation in which all memberships were last written.
    written: AtomicU64,
}

impl Joint {
    fn new(options: Options) -> Self {
        Joint {
            options,
            id: fastrand::f64(),
            primus: Lock::default(),
            here: Lock::default(),
            subscription: Lock::default(),
            keeper: OnceLock::new(),
            foreign: Foreign::new("primus-cluster"),
            said: AtomicU64::new(0),
            doubles: Lock::default(),
            written: AtomicU64::new(0),
        }
    }

    fn channel(&self) -> String {
        let Options { channel, keys, .. } = &self.options;
        channel.clone().unwrap_or_else(|| format!("{}pubsub", keys.prefix))
    }

    fn primus(&self) -> Option<Primus> {
        self.primus.lock().as_ref()?.upgrade()
    }

    fn now_ms(&self) -> u64 {
        match self.primus() {
            Some(primus) => primus.clock().wall_ms(),
            None => Clock::default().wall_ms(),
        }
    }

    fn listen(self: &Arc<Self>) {
        let joint = Arc::downgrade(self);
        let hear = move |heard: Heard<'_>| {
            if let (Some(joint), Heard::Message { channel, payload }) = (joint.upgrade(), heard) {
                joint.hear(channel, payload);
            }
        };
        let subscription = self.options.link.subscribe(&self.channel(), hear);
        *self.subscription.lock() = Some(subscription);
    }

    fn hear(&self, channel: &str, payload: &[u8]) {
        let Some(primus) = self.primus() else { return };
        let message = match decode(primus.parser(), payload, &primus) {
            Ok(value) => wire::decode(self.id, value),
            Err(error) => return self.foreign.note(channel, &error.to_string()),
        };
        let message = match message {
            Ok(message) => message,
            Err(None) => return,
            Err(Some(why)) => return self.foreign.note(channel, why),
        };
        if let Some((server, number)) = message.number
            && self.doubles.lock().is_double(&server, number)
        {
            return;
        }
        let written = match message.body {
            Body::All(message) => primus.write_here(&message),
            Body::Rooms(message) => {
                let here = self.here.lock().clone();
                here.map_or(Ok(()), |here| here.write(&message).map(drop))
            }
        };
        if let Err(error) = written
            && !matches!(error, Error::Closed)
        {
            self.foreign.note(channel, &error.to_string());
        }
    }

    fn publish(&self, packet: impl FnOnce(wire::Sender) -> Value) -> Result<(), BoxError> {
        let primus = self.primus().ok_or("the plugin `primus-cluster` is not registered")?;
        let number = self.said.fetch_add(1, Ordering::Relaxed) + 1;
        let packet = packet((self.id, number));
        let Some(frame) = primus.parser().encode(&packet, &primus)? else { return Ok(()) };
        self.options.link.publish(&self.channel(), frame.as_bytes().to_vec())?;
        Ok(())
    }

    fn generation(&self) -> u64 {
        self.options.keys.generation(self.now_ms())
    }

    /// Writes all memberships into each generation, or they would end by themselves.
    fn renew(self: &Arc<Self>, primus: &Primus) {
        let timer = &primus.0.timer;
        let span = self.options.keys.span().max(Duration::from_millis(100));
        let joint: Weak<Joint> = Arc::downgrade(self);
        let again = move || {
            let Some(joint) = joint.upgrade() else { return };
            let Some(primus) = joint.primus() else { return };
            let now = joint.generation();
            if joint.written.swap(now, Ordering::Relaxed) != now
                && let Some(keeper) = joint.keeper.get()
            {
                keeper.write_all();
            }
            joint.renew(&primus);
        };
        timer.schedule_fn(timer.now() + span / 2, Box::new(again));
    }

    fn end(&self) {
        self.subscription.lock().take();
        self.primus.lock().take();
    }
}

/// The lists, in the generation that it is when they are written.
struct Generations(Weak<Joint>, Keys);

impl Generations {
    fn now(&self) -> u64 {
        self.0.upgrade().map_or_else(
            || self.1.generation(Clock::default().wall_ms()),
            |joint| joint.generation(),
        )
    }
}

impl Lists for Generations {
    fn join(&self, batch: &mut Batch, id: &str, room: &str) {
        self.1.join(batch, id, room, self.now());
    }

    fn leave(&self, batch: &mut Batch, id: &str, room: &str) {
        self.1.leave(batch, id, room, self.now());
    }
}

/// What was published, by the parser of the servers; it may have bytes, too.
fn decode(parser: &Parser, payload: &[u8], primus: &Primus) -> Result<Value> {
    let frame = match std::str::from_utf8(payload) {
        Ok(text) => Frame::text(text),
        Err(_) => Frame::binary(payload),
    };
    Ok(parser.decode(&frame, primus)?)
}

struct ToAll(Arc<Joint>);

impl Relay for ToAll {
    fn all(&self, message: &Value) -> Result<(), BoxError> {
        self.0.publish(|from| wire::all(from, message))
    }
}

struct Store(Arc<Joint>);

impl RoomStore for Store {
    fn attach(&self, here: Here) -> Result<(), BoxError> {
        *self.0.here.lock() = Some(here.clone());
        let Options { link, keys, store, .. } = &self.0.options;
        if *store {
            let lists = Generations(Arc::downgrade(&self.0), keys.clone());
            let _ = self.0.keeper.set(Keeper::start("primus-cluster", link, lists, here)?);
        }
        Ok(())
    }

    fn changed(&self, changes: &[Change]) -> Result<(), BoxError> {
        self.0.keeper.get().map_or(Ok(()), |keeper| keeper.note(changes))
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        self.0.publish(|from| wire::rooms(from, message))
    }

    fn members(&self, room: &str) -> Result<Vec<String>, BoxError> {
        self.members_of(&[room.to_owned()])
    }

    fn members_of(&self, rooms: &[String]) -> Result<Vec<String>, BoxError> {
        let Options { link, keys, store, .. } = &self.0.options;
        if !store {
            return Err(NO_STORE.into());
        }
        let here = self.0.here.lock().clone();
        replies::elsewhere(link, &keys.members(rooms, self.0.generation()), here)
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        let Options { link, keys, store, .. } = &self.0.options;
        if !store {
            return Err(NO_STORE.into());
        }
        let now = self.0.generation();
        let found = replies::keys(link, &keys.rooms_pattern())?;
        let rooms = found.iter().filter_map(|key| keys.room_of(key, now));
        let mut rooms: Vec<String> = rooms.map(str::to_owned).collect();
        rooms.sort_unstable();
        rooms.dedup();
        Ok(rooms)
    }

    fn detach(&self) {
        let here = self.0.here.lock().take();
        if let (Some(here), Some(keeper)) = (here, self.0.keeper.get()) {
            keeper.remove_all(&here);
        }
    }
}

const NO_STORE: &str =
    "members on other servers are not known without the option `store` of `NpmCluster`";
