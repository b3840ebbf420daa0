//! What a server is made of.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};

use tiny_http::Method;

use crate::channel::Reserved;
use crate::codec::Codec;
use crate::error::Result;
use crate::extensions::Extensions;
use crate::http::server::{self as http, Connections};
use crate::library::{Form, Library};
use crate::middleware::{Defaults, Middleware};
use crate::server::broadcaster::Broadcaster;
use crate::server::destroy::Destroy;
use crate::server::events::ServerEvents;
use crate::server::flusher::Flusher;
use crate::server::inner::{Inner, Latch, Roster};
use crate::server::metrics::Metrics;
use crate::server::options::Options;
use crate::server::outbox;
use crate::server::plugins::ServerHalf;
use crate::server::primus::Primus;
use crate::server::registry::Registry;
use crate::server::relay::Relays;
#[cfg(feature = "tls")]
use crate::server::secure::Current;
use crate::server::wakers::Wakers;
use crate::spec::Spec;
use crate::sync::Lock;
use crate::timer::Timer;
use crate::transformers::port::Port;

/// The stack of the server's own threads, which run no listeners.
const OWN_STACK: usize = 128 << 10;

impl Primus {
    pub(crate) fn start(
        options: Options,
        port: Port,
        plugins: Vec<Arc<dyn ServerHalf>>,
    ) -> Result<Primus> {
        #[cfg(feature = "tls")]
        let tls = Current::new(options.tls.as_ref())?;
        let registry = Arc::new(Registry::default());
        let limits = Arc::new(options.limits.clone());
        let bound = limits
            .connections
            .unwrap_or_else(|| http::default_connection_bound(options.stack_size));
        let metrics = Arc::new(Metrics::new(options.transformers.names()));
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
        let library = Arc::new(Library::new(&options, &options.spec()));
        let outboxes = Arc::new(outbox::Shared {
            bound: options.backlog,
            policy: options.slow_consumer,
            metrics: metrics.clone(),
            flusher: flusher.clone(),
            timer: timer.clone(),
        });
        let primus = Primus(Arc::new(Inner {
            limits,
            heartbeat: Arc::new(options.heartbeat.clone()),
            port,
            started: timer.now(),
            registry,
            broadcaster,
            flusher,
            outboxes,
            wakers: Wakers::beside(bound),
            timer,
            metrics,
            events: ServerEvents::default(),
            codec: Codec::new(options.parser.clone(), options.limits.values),
            relays: Relays::default(),
            extensions: Extensions::default(),
            reserved: Reserved::default(),
            middleware: default_middleware(&options, library.clone()),
            library,
            fallback: RwLock::default(),
            connections: Connections::new(bound, options.stack_size),
            roster: Lock::new(Roster {
                threads: vec![flushing, broadcasting],
                ..Roster::default()
            }),
            served: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            over: AtomicBool::new(false),
            patient_until: Lock::default(),
            reconnect_at_end: AtomicBool::new(false),
            destroyed: Latch::default(),
            warned: AtomicBool::new(false),
            #[cfg(feature = "tls")]
            tls,
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

/// The layers that every server begins with.
pub(super) fn default_middleware(options: &Options, library: Arc<Library>) -> Middleware {
    let (spec, plugins) = (options.spec(), options.plugins.clone());
    let compression = options.compression.clone();
    let defaults = Defaults {
        pathname: options.pathname.clone(),
        proxies: options.trusted_proxies.clone(),
        cors: options.cors.clone(),
        authorization: options.authorization.clone(),
        spec: Box::new(move || {
            let plugins = plugins.lock().clone();
            Spec { plugins, ..spec.clone() }.to_string()
        }),
        library: Box::new(move |file, request| {
            let form = Form::of(file)?;
            if !matches!(request.method(), Method::Get | Method::Head) {
                return Some(Form::refusal());
            }
            Some(form.answer(&library.forms(), request, &compression))
        }),
    };
    defaults.middleware()
}
