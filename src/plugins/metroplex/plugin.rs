//! The plugin, its options, and what it can be asked.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::keys::Keys;
use super::place;
use super::registry::{Registry, Times};
use super::talk;
use super::told::Told;
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::id;
use crate::link::{Batch, RedisLink, Reply, refusal};
use crate::plugins::{Plugin, Side};
use crate::server::Primus;

/// So many ids are asked about in one command.
const ASKED: usize = 1_000;

/// The plugin `metroplex`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin), and found with
/// [`Primus::plugin`](crate::Primus::plugin).
pub struct Metroplex {
    link: RedisLink,
    namespace: String,
    address: Option<String>,
    times: Times,
    told: Arc<Told>,
    installed: OnceLock<Installed>,
}

struct Installed {
    registry: Arc<Registry>,
    listeners: Vec<ListenerId>,
}

impl Metroplex {
    /// A registry in this Redis, with all options at their defaults.
    pub fn new(link: &RedisLink) -> Self {
        Metroplex {
            link: link.clone(),
            namespace: "metroplex".to_owned(),
            address: None,
            times: Times {
                interval: Duration::from_secs(30),
                latency: Duration::from_secs(2),
                timeout: Duration::from_secs(2),
            },
            told: Arc::default(),
            installed: OnceLock::new(),
        }
    }

    /// What the names of all keys begin with, before a colon: the servers of one
    /// namespace know each other. Defaults to `metroplex`.
    pub fn namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// The base URL under which the other servers reach this one, such as
    /// `http://10.0.0.1:8080`: no two have the same. With it the server is registered at
    /// once; without, when it listens on a TCP address for the first time, with that one
    /// (`http`, or `https` with [`Builder::tls`](crate::Builder)): `0.0.0.0` and `::`
    /// give way to the machine's IPv4 address, that by which it reaches others. Behind a
    /// proxy, in a container, or on a Unix socket alone it has to be given.
    pub fn address(mut self, address: &str) -> Self {
        self.address = Some(address.to_owned());
        self
    }

    /// How long a sign of life lasts. It is renewed [`latency`](Self::latency) earlier,
    /// and a server that has died is taken out of the registry by the others when it has
    /// run out, at most `latency` later. Defaults to 30 s; at least 100 ms, at most a
    /// day.
    ///
    /// JavaScript servers in the namespace judge a sign of life by *their* interval,
    /// which is 5 minutes unless they say otherwise: this one should not be longer than
    /// any of theirs.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.times.interval = interval;
        self
    }

    /// How long before a sign of life runs out it is renewed, and how often this server
    /// looks for others that give none. Longer than Redis ever takes to answer, and
    /// shorter than [`interval`](Self::interval). Defaults to 2 s.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.times.latency = latency;
        self
    }

    /// How long [`servers`](Self::servers), [`spark`](Self::spark) and
    /// [`sparks`](Self::sparks) wait for Redis, and the end of the server for being taken
    /// out of the registry: that no longer than half of
    /// [`Destroy::timeout`](crate::Destroy::timeout). Defaults to 2 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.times.timeout = timeout;
        self
    }

    fn check(&self) -> Result<()> {
        let wrong = |text: String| Err(Error::Option(format!("metroplex: {text}")));
        let Times { interval, latency, .. } = self.times;
        if self.namespace.is_empty() {
            return wrong("the namespace is empty".into());
        }
        if interval < Duration::from_millis(100) || interval > Duration::from_secs(24 * 3600) {
            return wrong(format!("an interval of {interval:?}: 100 ms to a day are possible"));
        }
        if latency.is_zero() || latency >= interval {
            return wrong(format!(
                "a latency of {latency:?}: more than nothing, and less than the interval of \
                 {interval:?}, is possible"
            ));
        }
        self.address.as_deref().map_or(Ok(()), place::checked)
    }
}

/// # The registry
impl Metroplex {
    /// The address of this server; `None` before it has one.
    pub fn own_address(&self) -> Option<&str> {
        self.installed.get()?.registry.address()
    }

    /// Whether this server is in the registry, as far as it knows: false before it has
    /// listened, when it could not tell Redis something because there is no connection
    /// or Redis refused, and while another server has its address.
    pub fn is_registered(&self) -> bool {
        self.installed.get().is_some_and(|installed| installed.registry.is_registered())
    }

    /// What the names of all keys begin with.
    pub fn own_namespace(&self) -> &str {
        &self.namespace
    }

    /// How long a sign of life lasts.
    pub(crate) fn own_interval(&self) -> Duration {
        self.times.interval
    }

    /// What stands in `<namespace>:<address>:boot` while this process has the address.
    pub(crate) fn own_boot(&self) -> Option<&str> {
        Some(self.installed.get()?.registry.boot())
    }

    /// The link that it uses.
    pub fn link(&self) -> &RedisLink {
        &self.link
    }

    /// The addresses of all servers, this one included, in order. Asks Redis, on the
    /// calling thread. What stands there and is no URL of `http` or `https` is left out;
    /// so for the others.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there is no connection to Redis, or it refuses;
    /// [`Error::Timeout`] when it does not answer within
    /// [`timeout`](Self::timeout); [`Error::Misuse`] on a thread of the link. So for
    /// the others.
    pub fn servers(&self) -> Result<Vec<String>> {
        let mut servers = self.registered()?;
        servers.retain(|server| place::is_url(server));
        Ok(servers)
    }

    /// All that stands in Redis for a server.
    pub(super) fn registered(&self) -> Result<Vec<String>> {
        let batch = Batch::new().cmd(&["SMEMBERS", &self.keys().servers()]);
        let replies = self.fetch(batch)?;
        let servers = replies.first().and_then(talk::texts).map(Iterator::collect);
        let mut servers: Vec<String> = servers.unwrap_or_default();
        servers.sort();
        Ok(servers)
    }

    /// [`servers`](Self::servers) without this one.
    ///
    /// # Errors
    /// As [`servers`](Self::servers).
    pub fn others(&self) -> Result<Vec<String>> {
        let mut servers = self.servers()?;
        servers.retain(|server| Some(&**server) != self.own_address());
        Ok(servers)
    }

    /// The address of the server that has the spark with this id; `None` when no server
    /// has it. Asks Redis, which for a moment may still know a spark that has ended.
    ///
    /// # Errors
    /// As [`servers`](Self::servers).
    pub fn spark(&self, id: &str) -> Result<Option<String>> {
        Ok(self.sparks([id])?.pop().flatten())
    }

    /// The addresses of the servers that have these sparks, in the order of the ids.
    ///
    /// # Errors
    /// As [`servers`](Self::servers).
    pub fn sparks<S: AsRef<str>>(
        &self,
        ids: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Option<String>>> {
        let places = self.places(ids)?.into_iter();
        Ok(places.map(|place| place.filter(|place| place::is_url(place))).collect())
    }

    /// What stands in Redis for the places of these sparks.
    pub(super) fn places<S: AsRef<str>>(
        &self,
        ids: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Option<String>>> {
        let (ids, sparks): (Vec<S>, _) = (ids.into_iter().collect(), self.keys().sparks());
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let batch = ids.chunks(ASKED).fold(Batch::new(), |batch, ids| {
            let ids = ids.iter().map(AsRef::as_ref);
            let command: Vec<_> = ["HMGET", &sparks].into_iter().chain(ids).collect();
            batch.cmd(&command)
        });
        let replies = self.fetch(batch)?;
        let places = replies.iter().filter_map(Reply::as_sequence).flatten();
        Ok(places.map(|place| talk::text(place).map(str::to_owned)).collect())
    }

    fn keys(&self) -> Keys {
        Keys::of(&self.namespace)
    }

    fn fetch(&self, batch: Batch) -> Result<Vec<Reply>> {
        let replies = self.link.fetch(batch, self.times.timeout)?;
        replies.iter().find_map(refusal).map_or(Ok(replies), Err)
    }
}

/// # Events
///
/// They run on a thread of their own, which is there while there are any.
impl Metroplex {
    /// This server, which has the address given, was put into the registry: at the
    /// beginning, and each time it had to be again, because it found itself missing, or
    /// may have lost something with a connection to Redis that broke.
    ///
    /// Returns what [`off`](Self::off) takes to remove the listener.
    pub fn on_register(&self, listener: impl Fn(&str) + Send + Sync + 'static) -> ListenerId {
        self.told.register.add(Arc::new(listener), false)
    }

    /// This server has taken the server with this address out of the registry: itself, at
    /// its end, or another that gave no sign of life, of which one of those that are left
    /// tells.
    ///
    /// Returns what [`off`](Self::off) takes to remove the listener.
    pub fn on_unregister(&self, listener: impl Fn(&str) + Send + Sync + 'static) -> ListenerId {
        self.told.unregister.add(Arc::new(listener), false)
    }

    /// Something is wrong: Redis refuses a command, or another server has the same
    /// address. Also a line of the log. That there is no connection, the link tells.
    ///
    /// Returns what [`off`](Self::off) takes to remove the listener.
    pub fn on_error(&self, listener: impl Fn(&Error) + Send + Sync + 'static) -> ListenerId {
        self.told.error.add(Arc::new(listener), false)
    }

    /// Removes a listener; false when it was not there.
    pub fn off(&self, id: ListenerId) -> bool {
        let Told { register, unregister, error, .. } = &*self.told;
        register.remove(id) || unregister.remove(id) || error.remove(id)
    }

    /// The server is registered, anew perhaps: whatever else Redis is to know of it can
    /// be told now. Runs on a thread of the link and does not wait; so do the others.
    #[allow(dead_code, reason = "for what is built on the registry")]
    pub(crate) fn on_sync(&self, hook: impl Fn() + Send + Sync + 'static) -> ListenerId {
        self.told.sync.add(Arc::new(hook), false)
    }

    /// The server has given a sign of life.
    #[allow(dead_code, reason = "for what is built on the registry")]
    pub(crate) fn on_tick(&self, hook: impl Fn() + Send + Sync + 'static) -> ListenerId {
        self.told.tick.add(Arc::new(hook), false)
    }

    /// Another server was found dead by this one, and is taken out; several may find it.
    #[allow(dead_code, reason = "for what is built on the registry")]
    pub(crate) fn on_gone(&self, hook: impl Fn(&str) + Send + Sync + 'static) -> ListenerId {
        self.told.gone.add(Arc::new(hook), false)
    }
}

impl Plugin for Metroplex {
    fn name(&self) -> &str {
        "metroplex"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &["register", "unregister", "error"],
            Side::Client => &[],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        self.check()?;
        self.told.of(primus);
        let (keys, told) = (self.keys(), self.told.clone());
        let registry = Registry::new(primus, &self.link, keys, self.times, id::spark_id()?, told);
        let [comes, goes, listens, ends] = std::array::from_fn(|_| Arc::downgrade(&registry));
        let mut listeners = vec![
            primus.on_connection(move |spark| {
                comes.upgrade().into_iter().for_each(|registry| registry.connect(spark));
            }),
            primus.on_disconnection(move |spark| {
                goes.upgrade().into_iter().for_each(|registry| registry.disconnect(spark));
            }),
            primus.on_closing(move |primus| {
                ends.upgrade().into_iter().for_each(|registry| registry.stop(primus));
            }),
        ];
        // Those who were there before; who has ended meanwhile was not told of.
        primus.for_each(|spark| {
            registry.connect(spark);
            if primus.spark(spark.id()).as_ref() != Some(spark) {
                registry.disconnect(spark);
            }
        });
        let scheme = primus.scheme();
        match (&self.address, primus.local_addr()) {
            (Some(address), _) => registry.start(address),
            (None, Some(address)) => {
                registry.start(&place::url(scheme, address, place::of_this_machine));
            }
            (None, None) => listeners.push(primus.on_listening(move |address| {
                let url = place::url(scheme, address, place::of_this_machine);
                listens.upgrade().into_iter().for_each(|registry| registry.start(&url));
            })),
        }
        let _ = self.installed.set(Installed { registry, listeners });
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        if let Some(Installed { registry, listeners }) = self.installed.get() {
            for listener in listeners {
                primus.off(*listener);
            }
            registry.stop(primus);
        }
    }
}

impl fmt::Debug for Metroplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metroplex")
            .field("namespace", &self.namespace)
            .field("address", &self.own_address().or(self.address.as_deref()))
            .field("interval", &self.times.interval)
            .finish_non_exhaustive()
    }
}
