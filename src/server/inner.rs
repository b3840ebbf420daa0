//! What the handles of a server share.

use std::io::Read;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

use tiny_http::ResponseBox;

use crate::codec::Codec;
use crate::error::Result;
use crate::http::server::{self as http, Acceptor, Bounds, Connections, Request, Rules};
use crate::id;
use crate::library::Library;
use crate::limits::Limits;
use crate::middleware::Middleware;
use crate::options::Options;
use crate::plugins::Plugin;
use crate::protocol::HeartbeatOptions;
use crate::server::broadcaster::Broadcaster;
use crate::server::destroy::Latch;
use crate::server::events::ServerEvents;
use crate::server::flusher::Flusher;
use crate::server::metrics::Metrics;
use crate::server::registry::Registry;
use crate::server::wakers::Wakers;
use crate::server::{Destroy, Primus, Spark, connection};
use crate::sync::{Lock, rank};
use crate::timer::Timer;
use crate::transformers::serve::Transformer;

/// The stack of the server's own threads, which run no listeners.
const OWN_STACK: usize = 128 << 10;

pub(crate) type Fallback = dyn Fn(&Request, &mut dyn Read) -> ResponseBox + Send + Sync;

pub(crate) struct Inner {
    pub options: Options,
    pub limits: Arc<Limits>,
    pub heartbeat: Arc<HeartbeatOptions>,
    pub transformer: Box<dyn Transformer>,
    pub started: Instant,
    pub registry: Arc<Registry>,
    pub broadcaster: Broadcaster,
    pub flusher: Flusher,
    pub wakers: Wakers,
    pub timer: Timer,
    pub metrics: Arc<Metrics>,
    pub events: ServerEvents,
    pub codec: Codec<Spark>,
    pub middleware: Middleware,
    pub library: Arc<Library>,
    pub fallback: RwLock<Option<Arc<Fallback>>>,
    pub connections: Arc<Connections>,
    pub roster: Lock<Roster, rank::Roster>,
    pub served: AtomicBool,
    pub closing: AtomicBool,
    pub reconnect_at_end: AtomicBool,
    pub destroyed: Latch,
    pub warned: AtomicBool,
}

/// What is stopped, or called off, at the end.
#[derive(Default)]
pub(crate) struct Roster {
    pub acceptors: Vec<Acceptor>,
    pub addresses: Vec<SocketAddr>,
    pub threads: Vec<JoinHandle<()>>,
    pub plugins: Vec<Arc<dyn Plugin>>,
}

impl Primus {
    pub(crate) fn start(options: Options, transformer: Box<dyn Transformer>) -> Result<Primus> {
        let registry = Arc::new(Registry::default());
        let limits = Arc::new(options.limits.clone());
        let bound = limits
            .connections
            .unwrap_or_else(|| http::default_connection_bound(options.stack_size));
        let metrics = Arc::new(Metrics::new(options.transformer));
        // Each of these threads ends with its last handle, so none is left over
        // when the next cannot be made.
        let (broadcaster, broadcasting) = Broadcaster::start(
            registry.clone(),
            metrics.clone(),
            limits.broadcast_queue,
            OWN_STACK,
        )?;
        let timer = Timer::start(options.clock.clone(), "primus-timer", OWN_STACK)?;
        let (flusher, flushing) = Flusher::start(metrics.clone(), OWN_STACK)?;
        let plugins = options.plugins.clone();
        let library = Arc::new(Library::new(&options, &connection::spec(&options)));
        let primus = Primus(Arc::new(Inner {
            limits,
            heartbeat: Arc::new(options.heartbeat.clone()),
            transformer,
            started: timer.now(),
            registry,
            broadcaster,
            flusher,
            wakers: Wakers::beside(bound),
            timer,
            metrics,
            events: ServerEvents::default(),
            codec: Codec::new(options.parser.clone(), options.limits.values),
            middleware: connection::default_middleware(&options, library.clone()),
            library,
            fallback: RwLock::default(),
            connections: Connections::new(bound, options.stack_size),
            roster: Lock::new(Roster {
                threads: vec![flushing, broadcasting],
                ..Roster::default()
            }),
            served: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            reconnect_at_end: AtomicBool::new(false),
            destroyed: Latch::default(),
            warned: AtomicBool::new(false),
            options,
        }));
        primus.0.share_out(bound);
        if primus.0.options.authorization.is_set() {
            primus.0.warn_of_origins();
        }
        for plugin in plugins {
            if let Err(error) = primus.register(plugin) {
                primus.destroy(Destroy::default());
                return Err(error);
            }
        }
        Ok(primus)
    }
}

impl Inner {
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Gives each address its share of so many places.
    pub fn share_out(self: &Arc<Self>, places: usize) {
        let (server, proxies) = (Arc::downgrade(self), self.options.trusted_proxies.clone());
        self.connections.set_rules(Rules {
            bounds: Bounds::new(&self.limits, places),
            is_proxy: Box::new(move |ip| proxies.lists(ip)),
            make_room: Box::new(move |of| {
                server.upgrade().is_some_and(|server| server.transformer.make_room(of))
            }),
        });
    }

    pub fn set_fallback(&self, answer: Option<Arc<Fallback>>) -> Option<Arc<Fallback>> {
        let mut fallback = self.fallback.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut fallback, answer)
    }

    /// Whoever installs an authorization wants to keep somebody out.
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
