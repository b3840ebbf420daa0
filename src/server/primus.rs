//! The server, as the application sees it.

use std::any::Any;
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Weak};

use tiny_http::ResponseBox;

use crate::channel::Handlers;
use crate::error::{BoxError, Result};
use crate::events::ListenerId;
use crate::extensions::Extensions;
use crate::http::server::Request;
use crate::middleware::{Exchange, HttpError, Middleware};
use crate::parsers::{Parser, Peer};
use crate::spec::Spec;
use crate::timer::Clock;
use crate::value::Value;

use crate::server::inner::Inner;
use crate::server::metrics::MetricsSnapshot;
use crate::server::spark::Spark;

/// A server: a cheap handle, usable from any thread and from every listener.
///
/// It runs until it is [destroyed](Self::destroy); dropping the handles does
/// not end it.
///
/// ```
/// use primus::{Client, Primus};
///
/// let primus = Primus::create_server("127.0.0.1:0", |spark| {
///     spark.on_data(|spark, message| spark.write(message.value()));
/// })?;
/// let address = primus.local_addr().expect("it listens");
///
/// let client = Client::connect(&format!("http://{address}"))?;
/// client.write("hello")?;
/// assert_eq!(client.recv()?.as_str(), Some("hello"));
/// client.end();
/// primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
///
/// # Shutting down
///
/// The server runs on threads of its own, so the main thread is free to wait for
/// what is to end it: a signal, say, with the crate `signal-hook` (0.4). Then it
/// destroys the server, and what it does after that is done before the program
/// exits. Here the clients may reconnect, to the program's next start:
///
/// ```no_run
/// use primus::{Destroy, Primus};
/// use signal_hook::consts::{SIGINT, SIGTERM};
/// use signal_hook::iterator::Signals;
///
/// let primus = Primus::create_server("127.0.0.1:8080", |spark| {
///     spark.on_data(|spark, message| spark.write(message.value()));
/// })?;
/// Signals::new([SIGINT, SIGTERM])?.forever().next();
/// // What was written is sent first, for at most a second by default.
/// primus.destroy(Destroy::default().reconnect(true));
/// println!("the server has ended"); // and whatever else there is to do at the end
/// # Ok::<(), primus::Error>(())
/// ```
///
/// A program whose server is destroyed from elsewhere has [`wait`](Self::wait)
/// as its last line.
#[derive(Clone)]
pub struct Primus(pub(crate) Arc<Inner>);

/// A server, for what it holds itself.
pub(crate) struct WeakPrimus(Weak<Inner>);

impl WeakPrimus {
    /// The server, while it is there.
    pub fn upgrade(&self) -> Option<Primus> {
        self.0.upgrade().map(Primus)
    }
}

impl Primus {
    /// A handle that does not keep it.
    pub(crate) fn downgrade(&self) -> WeakPrimus {
        WeakPrimus(Arc::downgrade(&self.0))
    }

    /// The address of the first TCP listener; `None` before `listen`.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.roster.lock().addresses.first().copied()
    }

    /// Answers every request outside the pathname, so that the application's
    /// own pages share the port. It gets the request and its body, of which at
    /// most [`Limits::body`](crate::Limits::body) bytes can be read, runs on the connection's thread
    /// and may block. Without it they are answered with 404. A second call
    /// replaces the first.
    ///
    /// [`authorize`](Self::authorize) does not cover these pages: they check for
    /// themselves who may see them.
    ///
    /// ```
    /// # let primus = primus::Primus::builder().build()?;
    /// use primus::tiny_http::{Header, Method, Response};
    ///
    /// primus.on_request(|request, body| match (request.method(), request.path()) {
    ///     (Method::Get, "/") => {
    ///         let html = Header::from_bytes("Content-Type", "text/html").expect("a header");
    ///         Response::from_string("<h1>Hello</h1>").with_header(html).boxed()
    ///     }
    ///     (Method::Post, "/shout") => {
    ///         let mut text = String::new();
    ///         match body.read_to_string(&mut text) {
    ///             Ok(_) => Response::from_string(text.to_uppercase()).boxed(),
    ///             Err(_) => Response::empty(400).boxed(),
    ///         }
    ///     }
    ///     _ => Response::empty(404).boxed(),
    /// });
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn on_request(
        &self,
        answer: impl Fn(&Request, &mut dyn Read) -> ResponseBox + Send + Sync + 'static,
    ) {
        let before = self.0.set_fallback(Some(Arc::new(answer)));
        // Dropped without the lock: what it holds may come back here.
        drop(before);
    }

    /// Decides for every request and every upgrade below the pathname whether
    /// it is let in, after the layers before `authorization`: the spec document
    /// and the browser client are for all. An error refuses it: with 401 and `{"error": message}`
    /// unless the error says otherwise. It runs on the connection's thread and
    /// may block. Clients that poll are asked about with every poll and everything that
    /// they send; with `socket.io` only the handshake has the query of the client's
    /// address, and the requests behind it have the session's id in their path. What it puts into the exchange's extensions can be read from
    /// the spark with [`Spark::extension`]. A second call replaces the first.
    ///
    /// The application's own pages ([`on_request`](Self::on_request)) are not
    /// covered.
    ///
    /// Authorization alone does not keep foreign pages out, which browsers let
    /// in with the user's cookies: set [`Builder::origins`](crate::Builder::origins) as well.
    ///
    /// ```
    /// use primus::middleware::HttpError;
    /// # let primus = primus::Primus::builder().origins(["https://example.com"]).build()?;
    /// primus.authorize(|exchange| match exchange.request().header("authorization") {
    ///     Some("Bearer secret") => Ok(()),
    ///     _ => Err(HttpError::from("who are you?").with_authenticate("Bearer")),
    /// });
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn authorize<F>(&self, authorize: F)
    where
        F: Fn(&mut Exchange<'_>) -> Result<(), HttpError> + Send + Sync + 'static,
    {
        self.0.options.authorization.set(authorize);
        self.0.warn_of_origins();
    }

    /// The state of the server: values of the application's and of plugins, by their
    /// type, which can be added and read from any thread without a lock.
    ///
    /// ```
    /// use std::sync::Mutex;
    /// use primus::Primus;
    ///
    /// #[derive(Default)]
    /// struct Best(Mutex<u64>);
    ///
    /// let primus = Primus::builder().build()?;
    /// primus.on_connection(|spark| {
    ///     spark.on_data(|spark, message| -> primus::Result<()> {
    ///         let bid: u64 = message.parse()?;
    ///         let primus = spark.primus();
    ///         let mut best = primus.extensions().get_or_init(Best::default).0.lock().unwrap();
    ///         *best = bid.max(*best);
    ///         Ok(())
    ///     });
    /// });
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }

    /// What takes received messages before they are `data`: see
    /// [`Handler`](crate::Handler).
    pub fn handlers(&self) -> &Handlers {
        &self.0.codec.handlers
    }

    /// The middleware: named layers that every request below the pathname
    /// passes in order.
    pub fn middleware(&self) -> &Middleware {
        &self.0.middleware
    }

    /// Adds a transform that every received message passes before it is
    /// delivered: it gives the message back, changed or not, `None` to drop
    /// it, or an error, which is an `error` event on the spark. Transforms run
    /// in the order in which they were added. [`off`](Self::off) removes it.
    ///
    /// ```
    /// use primus::Value;
    /// # let primus = primus::Primus::builder().build()?;
    /// primus.transform_incoming(|_spark, message| match message {
    ///     Value::Null => Ok(None),                              // dropped
    ///     Value::String(text) => Ok(Some(Value::String(text.trim().to_owned()))),
    ///     other => Ok(Some(other)),
    /// });
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn transform_incoming(
        &self,
        transform: impl Fn(&Spark, Value) -> Result<Option<Value>, BoxError> + Send + Sync + 'static,
    ) -> ListenerId {
        self.0.codec.incoming.add(Arc::new(transform))
    }

    /// [`transform_incoming`](Self::transform_incoming) for messages that are
    /// written; an error is also returned from `write`.
    pub fn transform_outgoing(
        &self,
        transform: impl Fn(&Spark, Value) -> Result<Option<Value>, BoxError> + Send + Sync + 'static,
    ) -> ListenerId {
        self.0.codec.outgoing.add(Arc::new(transform))
    }

    /// The browser client for this server, as `<pathname>/primus.js` serves it: for
    /// script tags, CommonJS and AMD. It has the transformer, the parser, the
    /// heartbeat and the client halves of the plugins that the server has now.
    ///
    /// ```
    /// # let primus = primus::Primus::builder().build()?;
    /// let source = primus.library();
    /// assert!(source.contains(r#""pathname": "/primus""#));
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn library(&self) -> Arc<str> {
        self.0.library.forms().script.clone()
    }

    /// Writes the browser client to files, for a web server or a bundler: the
    /// [`library`](Self::library) to `path`, and beside it, under the same name,
    /// the ES module (`.mjs`) and their types (`.d.ts`, `.d.mts`). Save it again
    /// when the options of the server change.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when a file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        Ok(self.0.library.save(path.as_ref())?)
    }

    /// The server's counters now.
    pub fn metrics(&self) -> MetricsSnapshot {
        let metrics = &self.0.metrics;
        let mut snapshot = self.0.registry.count(|traffic| metrics.snapshot(traffic));
        snapshot.connections_refused += self.0.connections.refused();
        snapshot.panics_caught += self.0.connections.panicked() + self.0.timer.panicked();
        snapshot
    }

    /// The spec document, as `<pathname>/spec` serves it:
    /// [`client_options`](Self::client_options) as text.
    pub fn spec(&self) -> String {
        self.client_options().to_string()
    }

    /// How a client must be set up for this server, for a client in the same
    /// process: what [`Client::discover`](crate::Client::discover) asks a
    /// server over the network for. Transformer, parser (one of the
    /// application's own too), pathname and heartbeat; see
    /// [`ClientBuilder::options`](crate::ClientBuilder::options).
    pub fn client_options(&self) -> Spec {
        self.0.options.spec()
    }

    /// How messages are encoded: what [`Builder::parser`](crate::Builder::parser) set.
    pub fn parser(&self) -> &Parser {
        &self.0.options.parser
    }

    /// The clock by which it runs.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.options.clock
    }
}

impl Peer for Primus {
    fn id(&self) -> Option<&str> {
        None
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for Primus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Primus")
            .field("pathname", &self.0.options.pathname)
            .field("connected", &self.connected())
            .finish_non_exhaustive()
    }
}
