//! The plugin, and what it is told to do.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::live::{Live, OnMissed, Options, Seat, ToAll};
use super::rooms::Store;
use super::status::ClusterStatus;
use super::{node, tidy};
use crate::error::{BoxError, Error, Result};
use crate::events::{ListenerId, Listeners};
use crate::link::RedisLink;
use crate::plugins::Plugin;
use crate::plugins::calls::missing;
use crate::plugins::metroplex::Metroplex;
use crate::plugins::rooms::RoomStore;
use crate::server::Primus;
use crate::sync::Lock;

/// The plugin `cluster`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin), behind
/// [`Metroplex`](crate::plugins::metroplex::Metroplex). A clone is another handle of the
/// same.
#[derive(Clone)]
pub struct Cluster {
    options: Options,
    seat: Seat,
    missed: Arc<Listeners<OnMissed>>,
    live: Arc<OnceLock<Arc<Live>>>,
    listeners: Arc<Lock<Vec<ListenerId>>>,
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster::new()
    }
}

impl Cluster {
    /// With all options at their defaults.
    pub fn new() -> Self {
        Cluster {
            options: Options {
                message: 8 << 20,
                timeout: Duration::from_secs(2),
                node_servers: false,
                buses: Vec::new(),
                heard_buses: Vec::new(),
            },
            seat: Seat::default(),
            missed: Arc::default(),
            live: Arc::default(),
            listeners: Arc::default(),
        }
    }

    /// Bytes of a message as the servers exchange it, at most: a larger one is not sent
    /// to the others, which is an error of the writer, and not accepted from them. All
    /// servers should have the same. Defaults to 8 MiB; above 30 MB Redis, as it comes,
    /// cuts those who hear it.
    pub fn message(mut self, bytes: usize) -> Self {
        self.options.message = bytes;
        self
    }

    /// How long a question waits for the answers of other servers, and of Redis. Defaults
    /// to 2 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// Whether what is written to everybody is forwarded to servers of Node.js that are in
    /// the registry, with metroplex and omega-supreme, and whether
    /// [`write_spark`](super::PrimusCluster::write_spark) reaches their connections.
    /// The plugin [`Omega`](crate::plugins::omega::Omega) must be registered. It is done
    /// on a thread of its own, for which at most 1,000 messages wait; what does not come is
    /// in [`unforwarded`](ClusterStatus::unforwarded). Messages for rooms are not forwarded:
    /// their members are not known here.
    ///
    /// Defaults to false: it sends omega-supreme's password to every address that stands
    /// in Redis.
    pub fn node_servers(mut self, are_there: bool) -> Self {
        self.options.node_servers = are_there;
        self
    }

    /// Shares the messages for rooms out among several Redis: adds one to that of metroplex,
    /// and may be called for more. By the name of a room it is settled on which of them its
    /// messages are published. All servers have to have the same, in the same order; see
    /// [the page](super#several-redis) for what changes, and how one is added.
    pub fn bus(mut self, link: &RedisLink) -> Self {
        self.options.buses.push(link.clone());
        self
    }

    /// One that is heard already, and not used yet: what [`bus`](Self::bus) adds, before the
    /// last server hears it. It has the place behind those that are used.
    pub fn heard_bus(mut self, link: &RedisLink) -> Self {
        self.options.heard_buses.push(link.clone());
        self
    }

    /// The store that joins the rooms of this server to those of the others, for
    /// [`Rooms::store`](crate::plugins::rooms::Rooms::store). The two plugins can be
    /// registered in either order.
    pub fn rooms(&self) -> impl RoomStore + use<> {
        Store { seat: self.seat.clone(), live: self.live.clone() }
    }

    /// Messages of another server have not come: `listener` gets its address, and how
    /// many. They were lost on their way, because a connection to Redis broke for longer
    /// than it could be made good, or because a queue was full. Told when the next
    /// message comes, or sign of life, and so at most one interval of metroplex later.
    ///
    /// It runs on the link's thread of subscriptions, and must not block. Returns what
    /// [`off`](Self::off) takes to remove the listener.
    pub fn on_missed(&self, listener: impl Fn(&str, u64) + Send + Sync + 'static) -> ListenerId {
        self.missed.add(Arc::new(listener), false)
    }

    /// Removes a listener; false when it was not there.
    pub fn off(&self, id: ListenerId) -> bool {
        self.missed.remove(id)
    }

    /// Whether this server hears the others now, and they find its connections: the links
    /// to Redis are up, their subscriptions stand, and the server is registered.
    pub fn is_joined(&self) -> bool {
        self.live.get().is_some_and(|live| live.is_joined())
    }

    /// How it stands, and what it has done so far. Does not ask Redis.
    pub fn status(&self) -> ClusterStatus {
        self.live.get().map(|live| live.status()).unwrap_or_default()
    }

    fn check(&self) -> Result<()> {
        match (self.options.message, self.options.timeout) {
            (0..1_024, _) => Err(Error::Option(format!(
                "cluster: messages of at most {} bytes: 1,024 and more are possible",
                self.options.message
            ))),
            (_, Duration::ZERO) => Err(Error::Option("cluster: a timeout of nothing".into())),
            _ => Ok(()),
        }
    }
}

/// What a message has on its way beside its own bytes, and the name of its channel.
const WRAPPING: usize = 1_024;

impl Cluster {
    /// Whether messages fit through the links.
    fn fit(&self, metroplex: &Metroplex) -> Result<()> {
        let Options { buses, heard_buses, .. } = &self.options;
        let mut links = [metroplex.link()].into_iter().chain(buses).chain(heard_buses);
        links.try_for_each(|link| self.fits(metroplex, link))
    }

    fn fits(&self, metroplex: &Metroplex, link: &RedisLink) -> Result<()> {
        let (queue, reply) = link.bounds();
        let wrapping = WRAPPING + metroplex.own_namespace().len();
        let needed = self.options.message.saturating_add(wrapping);
        match needed > queue.min(reply) {
            false => Ok(()),
            true => Err(Error::Option(format!(
                "cluster: messages of up to {} bytes need a link that takes {needed}: its queue \
                 has {queue}, and what it receives may have {reply} (`Cluster::message`, \
                 `LinkBuilder::queue`, `LinkBuilder::reply`)",
                self.options.message
            ))),
        }
    }
}

impl Plugin for Cluster {
    fn name(&self) -> &str {
        "cluster"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        self.check()?;
        let Some(metroplex) = primus.plugin::<Metroplex>() else {
            return Err(Error::Misuse(
                "the plugin `cluster` needs `metroplex`, registered before it".into(),
            )
            .into());
        };
        if self.live.get().is_some() {
            let text = "a `Cluster` is one server's: each makes a new one";
            return Err(Error::Misuse(text.into()).into());
        }
        self.fit(&metroplex)?;
        let (options, seat) = (self.options.clone(), self.seat.clone());
        let live = Live::new(primus, metroplex, options, seat, self.missed.clone())?;
        let weak = Arc::downgrade(&live);
        live.chores.start(move || tidy::run(&weak))?;
        if self.options.node_servers {
            let weak = Arc::downgrade(&live);
            live.forwards.start(move || node::run(&weak)).inspect_err(|_| live.end())?;
        }
        if self.live.set(live.clone()).is_err() {
            live.end();
            return Err(Error::Misuse("a `Cluster` was registered twice at once".into()).into());
        }
        *self.listeners.lock() = listen(primus, &live);
        if live.metroplex.is_registered() {
            live.is_registered();
        }
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        let listeners = std::mem::take(&mut *self.listeners.lock());
        for id in listeners {
            primus.off(id);
        }
        if let Some(live) = self.live.get() {
            live.end();
        }
    }
}

/// Has a server told what it needs to know.
fn listen(primus: &Primus, live: &Arc<Live>) -> Vec<ListenerId> {
    let [syncs, ticks, goes, ends] = std::array::from_fn(|_| Arc::downgrade(live));
    let metroplex = &live.metroplex;
    metroplex.on_sync(move || syncs.upgrade().into_iter().for_each(|live| live.is_registered()));
    metroplex.on_tick(move || ticks.upgrade().into_iter().for_each(|live| live.ticks()));
    metroplex.on_gone(move |address| {
        goes.upgrade().into_iter().for_each(|live| live.gone(address));
    });
    let end = move |_: &Primus| ends.upgrade().into_iter().for_each(|live| live.end());
    vec![primus.add_relay(ToAll(live.clone())), primus.on_close(end)]
}

/// A server that is in a cluster.
pub(super) fn live_of(primus: &Primus) -> Result<Arc<Live>> {
    let cluster = primus.plugin::<Cluster>();
    let live = cluster.as_deref().and_then(|cluster| cluster.live.get());
    live.cloned().ok_or_else(|| missing("cluster"))
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("joined", &self.is_joined()).finish_non_exhaustive()
    }
}
