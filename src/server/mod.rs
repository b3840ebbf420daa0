//! The server: `Primus`, its sparks, and the threads between them.
//!
//! # Threads
//!
//! | thread | module | does |
//! |---|---|---|
//! | acceptor, one per listener | `http` | accepts |
//! | connection, one per connection | `connection`, then `life` | HTTP; after an upgrade the spark's listeners |
//! | watcher, while there is something to watch | `http` | waits with connections whose clients have been silent for half a second, held polls above all; they have no thread meanwhile |
//! | session, one per session whose client polls | `session`, `life` | the spark's listeners |
//! | broadcaster | `broadcaster` | writes a message to all sparks |
//! | flusher | `flusher` | sends on what a full socket did not take |
//! | timer | `crate::timer` | heartbeats, close time-outs, grace periods |
//!
//! # How a spark ends
//!
//! The first reason given counts; the events follow on the spark's own thread.
//!
//! | word | who says it | what it does | what is left |
//! |---|---|---|---|
//! | [`Spark::end`] | the application | `close` | as there |
//! | `Spark::close` | this side: `end`, [`destroy`](Primus::destroy), a failure, an inbox that is full | writes the closing packet behind what this thread wrote, broadcasts included | the peer answers, or the close time-out cuts it |
//! | `Spark::close_behind` | `destroy` | the same, behind all broadcasts | the same |
//! | `Spark::die` | a heartbeat, a session whose client is gone | writes the closing packet and shuts the socket at once | nobody is waited for |
//! | `Spark::lost` | the spark's thread | the connection broke, or was cut because its client reads too slowly | nothing more can be sent |
//! | `Inner::mark_closed` | all of these, and the spark's thread when the peer closes | notes the reason: from here writes are refused | `life::finish` |
//! | `life::finish` | the spark's thread, after its last listener | the events `error` and `end`; then it `linger`s for the rest of the closing handshake and lets go of everything | nothing |
//! | `admit::abandon` | whoever made a spark that may not live | lets go of it; no event is emitted | nothing |
//! | `Outbox::close` | `close`, `die`, `finish` | writes the closing packet; nothing may follow | `fin` |
//! | `Outbox::fin` | `linger`, when the peer's part is done | ends our direction when all has gone out | the peer ends its own |
//! | `Outbox::shutdown` | `die`, `finish` | ends both directions, behind what the kernel has taken | – |
//! | `Outbox::cut` | time-outs, [`SlowConsumer::Close`](crate::SlowConsumer::Close) | resets the connection and forgets what waits | – |
//! | `Outbox::release` | `finish`, `abandon` | lets go of the socket | – |
//!
//! # Locks
//!
//! Each is held for a few instructions. None is held while application code
//! runs, or during a system call that may block (sends are non-blocking), and a
//! thread that falls asleep holds none. They are taken in the order of this
//! table, each behind all that the thread holds already: debug builds check
//! that ([`crate::sync`]), with these names.
//!
//! | rank | lock | guards | is taken while these are held |
//! |---|---|---|---|
//! | `Turn` | `ManualClock`'s turn | nothing: one moves the clock at a time, and waits meanwhile | – |
//! | `Roster` | `Inner::roster` | acceptors, plugins, threads | – |
//! | `Heart` | `Spark`'s `heart` | heartbeat and timer keys of one spark | – |
//! | `Outbox` | `Outbox::state` | backlog, cork, phase of one spark; sends happen under it, which is what orders them | – |
//! | `Registry` | `Registry::table` | the sparks by id | `Outbox`, while a spark is registered |
//! | `Session` | `Live::state` of a session whose client polls | its state machine, and who is to be answered; answers are sent under it | `Outbox`, which offers what waits and ends the session |
//! | `Sessions` | the table of these sessions | sessions by id | `Outbox` |
//! | `Inlet` | the way in of a session | what was received and waits for the spark's thread | `Outbox`, `Session` |
//! | `Places` | `http::Connections` | connections and their threads | – |
//! | `Lot` | `http`'s parking lot | connections without a thread, and the epoll set that watches them | – |
//! | `Timer` | `Timer`'s wheel | deadlines | `Turn`, `Heart`, `Outbox`, `Session` |
//! | `Clock` | `ManualClock`'s time | what time it is | any before it |
//! | `Leaf` | `Spark`'s `waker`, `Inbox::state`, `Listeners`, `Metrics`' tables, the layers of `Middleware`, `Library`, ids, guesses, farewells, what a resting thread is told | each its own; nothing is taken while one is held, nor another of these | any before it |
//!
//! A session calls its spark only with its own lock given back: the spark's
//! outbox comes first.

mod admit;
mod asked;
mod audience;
mod broadcaster;
mod carried;
mod connection;
mod deliver;
mod destroy;
mod events;
mod failure;
mod flusher;
mod guard;
mod inbox;
mod inner;
mod life;
mod messages;
mod metrics;
mod outbox;
mod plugins;
mod registry;
mod session;
mod spark;
mod thread;
mod wakers;

use std::any::Any;
use std::fmt;
use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tiny_http::ResponseBox;

use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::http::server::{Accepted, Acceptor, Listener, Request};
use crate::middleware::{Exchange, HttpError, Middleware};
use crate::net::{self, Stream};
use crate::options::Builder;
use crate::outcome::Outcome;
use crate::parsers::{Parser, Peer};
use crate::spec::Spec;
use crate::timer::Clock;
use crate::value::Value;

pub(crate) use inner::{Fallback, Inner};

pub use destroy::{Destroy, Destroyed};
pub use messages::{Messages, SparkReader, SparkWriter};
pub use metrics::{ConnectionCounts, MetricsSnapshot};
pub use spark::{EndOptions, Spark};

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

impl Primus {
    /// The options, to be set.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// A server with the default options, listening on `address`, with one
    /// `connection` listener: the one-call convenience.
    ///
    /// # Errors
    /// Those of [`Builder::build`] and [`listen`](Self::listen).
    pub fn create_server<R: Outcome>(
        address: impl ToSocketAddrs + fmt::Debug,
        connection: impl Fn(&Spark) -> R + Send + Sync + 'static,
    ) -> Result<Primus> {
        let primus = Primus::builder().build()?;
        primus.on_connection(connection);
        match primus.listen(address) {
            Ok(_) => Ok(primus),
            Err(error) => {
                primus.destroy(Destroy::default());
                Err(error)
            }
        }
    }

    /// Listens on an address and serves everybody who connects, on other
    /// threads. Port 0 lets the system choose; the address that came of it is
    /// returned. May be called for several addresses.
    ///
    /// # Errors
    /// [`Error::Io`] when the address cannot be used, which the text names, or the
    /// acceptor's thread not be started; [`Error::Closed`] after `destroy`.
    pub fn listen(&self, address: impl ToSocketAddrs + fmt::Debug) -> Result<SocketAddr> {
        self.listen_on(net::bind(&address)?)
    }

    /// Serves everybody who connects to a listener of the application's. As many
    /// connections as with [`listen`](Self::listen) may wait to be accepted, 4,096
    /// if the kernel allows them (`net.core.somaxconn`): the number that the
    /// listener was made with is raised.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn listen_on(&self, listener: TcpListener) -> Result<SocketAddr> {
        let address = listener.local_addr()?;
        self.accept(Listener::Tcp(listener))?;
        self.0.roster.lock().addresses.push(address);
        Ok(address)
    }

    /// Serves everybody who connects to a Unix domain socket.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn listen_unix(&self, listener: UnixListener) -> Result<()> {
        self.accept(Listener::Unix(listener))
    }

    fn accept(&self, listener: Listener) -> Result<()> {
        self.serving()?;
        let server = self.0.clone();
        let acceptor = Acceptor::start(listener, self.0.connections.clone(), move |accepted| {
            connection::serve(&server, accepted)
        })?;
        self.0.roster.lock().acceptors.push(acceptor);
        if self.0.is_closing() {
            // `destroy` may have come between and not have seen this one.
            self.0.stop_accepting();
            return Err(Error::Closed);
        }
        Ok(())
    }

    /// Serves one connection that the application accepted itself, on a thread
    /// of its own.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no thread for it or the bound on connections
    /// is reached, [`Error::Closed`] after `destroy`.
    pub fn serve(&self, stream: impl Into<Stream>) -> Result<()> {
        self.serving()?;
        let stream = stream.into();
        stream.set_blocking()?;
        let server = self.0.clone();
        let accepted = Accepted::new(Arc::new(stream));
        let spawned = self
            .0
            .connections
            .spawn(accepted, move |accepted| connection::serve(&server, accepted));
        spawned.map_err(|refused| Error::Io(io::Error::other(refused.to_string())))
    }

    /// Checks that the server is alive, and announces its first use.
    fn serving(&self) -> Result<()> {
        if self.0.is_closing() {
            return Err(Error::Closed);
        }
        if !self.0.served.swap(true, Ordering::AcqRel) {
            for listener in self.0.events.initialised.snapshot().iter() {
                self.0.report("initialised", || listener(self));
            }
        }
        Ok(())
    }

    /// The address of the first TCP listener; `None` before `listen`.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.0.roster.lock().addresses.first().copied()
    }

    /// Answers every request outside the pathname, so that the application's
    /// own pages share the port. It gets the request and its body, of which at
    /// most [`Limits::body`] bytes can be read, runs on the connection's thread
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
    /// may block. What it puts into the exchange's extensions can be read from
    /// the spark with [`Spark::extension`]. A second call replaces the first.
    ///
    /// The application's own pages ([`on_request`](Self::on_request)) are not
    /// covered.
    ///
    /// Authorization alone does not keep foreign pages out, which browsers let
    /// in with the user's cookies: set [`Builder::origins`] as well.
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
    /// [`Error::Io`] when a file cannot be written.
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
        connection::spec(&self.0.options)
    }

    /// How messages are encoded: what [`Builder::parser`] set.
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
