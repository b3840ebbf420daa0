//! What the handles of a server share.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tiny_http::ResponseBox;

use crate::channel::Reserved;
use crate::codec::Codec;
use crate::error::Result;
use crate::extensions::Extensions;
use crate::http::server::{Acceptor, Bounds, Connections, Owner, Request, Rules};
use crate::id;
use crate::library::Library;
use crate::limits::Limits;
use crate::middleware::Middleware;
use crate::protocol::HeartbeatOptions;
use crate::server::broadcaster::Broadcaster;
use crate::server::events::ServerEvents;
use crate::server::flusher::Flusher;
use crate::server::metrics::Metrics;
use crate::server::options::Options;
use crate::server::outbox;
use crate::server::plugins::ServerHalf;
use crate::server::registry::Registry;
use crate::server::relay::Relays;
#[cfg(feature = "tls")]
use crate::server::secure::Current;
use crate::server::spark::Spark;
use crate::server::wakers::Wakers;
use crate::sync::{Lock, Signal, rank};
use crate::timer::Timer;
use crate::transformers::port::Port;

pub(crate) type Fallback = dyn Fn(&Request, &mut dyn Read) -> ResponseBox + Send + Sync;

pub(crate) struct Inner {
    pub options: Options,
    pub limits: Arc<Limits>,
    pub heartbeat: Arc<HeartbeatOptions>,
    pub port: Port,
    pub started: Instant,
    pub registry: Arc<Registry>,
    pub broadcaster: Broadcaster,
    pub flusher: Flusher,
    pub outboxes: Arc<outbox::Shared>,
    pub wakers: Wakers,
    pub timer: Timer,
    pub metrics: Arc<Metrics>,
    pub events: ServerEvents,
    pub codec: Codec<Spark>,
    pub relays: Relays,
    /// What plugins and the application keep here.
    pub extensions: Extensions,
    pub reserved: Reserved,
    pub middleware: Middleware,
    pub library: Arc<Library>,
    pub fallback: RwLock<Option<Arc<Fallback>>>,
    pub connections: Arc<Connections>,
    pub roster: Lock<Roster, rank::Roster>,
    pub served: AtomicBool,
    /// Nobody new is let in.
    pub closing: AtomicBool,
    /// Nothing is written to everybody any more.
    pub over: AtomicBool,
    /// Until when plugins may wait for others, once the server ends.
    pub patient_until: Lock<Option<Instant>>,
    pub reconnect_at_end: AtomicBool,
    pub destroyed: Latch,
    pub warned: AtomicBool,
    #[cfg(feature = "tls")]
    pub tls: Current,
}

/// What is stopped, or called off, at the end.
#[derive(Default)]
pub(crate) struct Roster {
    pub acceptors: Vec<Acceptor>,
    pub addresses: Vec<SocketAddr>,
    pub threads: Vec<JoinHandle<()>>,
    pub plugins: Vec<Arc<dyn ServerHalf>>,
}

impl Inner {
    /// The client that a request counts for when places are shared out.
    pub fn owner(&self, request: &Request) -> Owner {
        Owner::of(self.options.trusted_proxies.counted(request))
    }

    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether it ends, and its [`closing`](crate::Primus::on_closing) listeners have
    /// returned: until then messages for everybody are sent.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// How long a plugin may wait for others that would do so for so long: while the
    /// server ends, all that wait, together, no longer than the part of
    /// [`Destroy::timeout`](crate::Destroy::timeout) that is theirs.
    #[cfg_attr(not(feature = "redis"), allow(dead_code, reason = "for plugins with Redis"))]
    pub fn time_to_end(&self, wish: Duration) -> Duration {
        let until = *self.patient_until.lock();
        let left = |until: Instant| until.saturating_duration_since(Instant::now());
        until.map_or(wish, |until| wish.min(left(until)))
    }

    /// Gives each address its share of so many places.
    pub fn share_out(self: &Arc<Self>, places: usize) {
        let (server, proxies) = (Arc::downgrade(self), self.options.trusted_proxies.clone());
        self.connections.set_rules(Rules {
            bounds: Bounds::new(&self.limits, places),
            is_proxy: Box::new(move |ip| proxies.lists(ip)),
            make_room: Box::new(move |of| {
                server.upgrade().is_some_and(|server| server.port.make_room(of))
            }),
        });
    }

    pub fn set_fallback(&self, answer: Option<Arc<Fallback>>) -> Option<Arc<Fallback>> {
        let mut fallback = self.fallback.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut fallback, answer)
    }

    /// An application that sets an authorization wants to keep somebody out.
    pub fn warn_of_origins(&self) {
        if self.options.cors.origins.is_any() && !self.warned.swap(true, Ordering::AcqRel) {
            let text = "authorization is set while `origins` allows any page to connect";
            self.log(log::Level::Warn, text);
        }
    }

    /// The id of a new spark: the application's, or its session's, or a new one.
    pub fn new_id(&self, request: &Request, session: Option<String>) -> Result<String> {
        match (&self.options.id_generator, session) {
            (Some(generate), _) => Ok(generate(request)),
            (None, Some(id)) => Ok(id),
            (None, None) => Ok(id::spark_id()?),
        }
    }
}

/// Something that happens once.
#[derive(Default)]
pub(crate) struct Latch {
    is_open: Lock<bool>,
    opened: Signal,
}

impl Latch {
    pub fn open(&self) {
        *self.is_open.lock() = true;
        self.opened.notify_all();
    }

    pub fn wait(&self) {
        let closed = |is_open: &mut bool| !*is_open;
        drop(self.is_open.lock().wait_while(&self.opened, closed));
    }
}
