//! A server before it is built.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::http::server::Request;
use crate::library;
use crate::limits::Limits;
use crate::middleware::{Authorization, Cors, Exchange, HttpError, Origins, TrustedProxies};
use crate::parsers::Parser;
use crate::protocol::{Generation, HeartbeatOptions};
use crate::server::options::{ListenerErrors, Options, SlowConsumer};
use crate::server::plugins::ServerHalf;
use crate::server::primus::Primus;
use crate::timer::{Clock, ManualClock};
use crate::transformers::chosen::Chosen;
use crate::transformers::{CustomTransformer, Kind, Transformers};
use crate::unheard;

/// Makes a [`Primus`] from options. Every option has a default; those of
/// Primus have its names and defaults.
///
/// ```
/// use std::time::Duration;
///
/// let primus = primus::Primus::builder()
///     .pathname("/live")
///     .ping_interval(Duration::from_secs(10))
///     .max_length(64 * 1024)
///     .build()?;
/// # primus.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[must_use = "nothing happens before `build`"]
pub struct Builder {
    pub(super) options: Options,
    plugins: Vec<Arc<dyn ServerHalf>>,
    transformers: Transformers,
    custom: Vec<Arc<dyn CustomTransformer>>,
    parser: Result<Parser>,
    origins: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            options: Options {
                transformers: Chosen::default(),
                parser: Parser::JSON,
                pathname: "/primus".into(),
                authorization: Authorization::default(),
                heartbeat: HeartbeatOptions::default(),
                max_length: 10 << 20,
                compression: false.into(),
                cors: Cors::default(),
                global: "Primus".into(),
                id_generator: None,
                transport: Vec::new(),
                plugins: Arc::default(),
                limits: Limits::default(),
                stack_size: 1 << 20,
                backlog: 16 << 20,
                slow_consumer: SlowConsumer::default(),
                listener_errors: ListenerErrors::default(),
                send_buffer: None,
                trusted_proxies: TrustedProxies::default(),
                clock: Clock::System,
                #[cfg(feature = "tls")]
                tls: None,
            },
            plugins: Vec::new(),
            transformers: Kind::Websockets.name().into(),
            custom: Vec::new(),
            parser: Ok(Parser::JSON),
            origins: None,
        }
    }
}

impl Builder {
    /// The wire protocols, by name; case does not matter: `websockets`, `engine.io`,
    /// `sockjs`, `browserchannel`, `socket.io`, a list of them, or `all`. With several,
    /// each kind of client is served at the same path at the same time, see
    /// [`docs::port`](crate::docs::port).
    ///
    /// `faye`, `uws`, `lws` and `ws` are [other names](crate::docs::port) of
    /// `websockets`, which is the default. `sockjs`, `browserchannel` and `socket.io`
    /// carry text, so they do not go with a parser that makes bytes:
    /// [`build`](Self::build) refuses `binary` and `msgpack`, and with one of the
    /// application's own such a write is an error.
    ///
    /// ```
    /// # use primus::Primus;
    /// let one = Primus::builder().transformer("engine.io").build()?;
    /// let two = Primus::builder().transformer(["engine.io", "websockets"]).build()?;
    /// let all = Primus::builder().transformer("all").build()?;
    /// # for primus in [one, two, all] { primus.destroy(Default::default()); }
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn transformer(mut self, names: impl Into<Transformers>) -> Self {
        self.transformers = names.into();
        self
    }

    /// Adds a wire protocol of the application's own, beside the
    /// [others](Self::transformer), for streams that are handed to
    /// [`Primus::serve_as`].
    pub fn custom_transformer(mut self, transformer: impl CustomTransformer) -> Self {
        self.custom.push(Arc::new(transformer));
        self
    }

    /// How messages are encoded: a [`Parser`], see
    /// [`parser_name`](Self::parser_name) for its name. Default `json`.
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = Ok(parser);
        self
    }

    /// How messages are encoded, by name; case does not matter.
    pub fn parser_name(mut self, name: impl Into<String>) -> Self {
        self.parser = name.into().parse();
        self
    }

    /// The path that belongs to Primus; a missing leading slash is added.
    /// Every path that begins with it is served by Primus, every other by the
    /// application's own pages ([`Primus::on_request`]). Default `/primus`.
    /// With `/` all paths are Primus's and there can be no pages: as in
    /// JavaScript that is no error, but a warning.
    pub fn pathname(mut self, pathname: impl Into<String>) -> Self {
        let pathname = pathname.into();
        self.options.pathname =
            if pathname.starts_with('/') { pathname } else { format!("/{pathname}") };
        self
    }

    /// Decides for every request and every upgrade below the pathname whether
    /// it is let in (the spec document and the browser client are for all); see
    /// [`Primus::authorize`]. Default: all are let in.
    pub fn authorization<F>(self, authorize: F) -> Self
    where
        F: Fn(&mut Exchange<'_>) -> Result<(), HttpError> + Send + Sync + 'static,
    {
        self.options.authorization.set(authorize);
        self
    }

    /// How often the server pings; a client that has not answered by the next
    /// ping is ended. `None` (or zero) switches it off. Default 30 s.
    pub fn ping_interval(mut self, interval: impl Into<Option<Duration>>) -> Self {
        self.options.heartbeat.ping_interval =
            interval.into().filter(|interval| !interval.is_zero());
        self
    }

    /// Which heartbeat generation of clients is served. By default each
    /// connection is recognised by itself.
    pub fn generation(mut self, generation: Generation) -> Self {
        self.options.heartbeat.generation = generation;
        self
    }

    /// When a client that pings by itself (Primus 2 to 6) is taken for dead
    /// because nothing came from it. `None` (or zero) switches it off. Default
    /// 35 s.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.options.heartbeat.idle_timeout = timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }

    /// The longest message in bytes that a client may send, not 0; a longer one
    /// ends the connection (close code 1009). Default 10 MiB.
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.options.max_length = bytes;
        self
    }

    /// The origins that may connect, such as `https://example.com`,
    /// `https://*.example.com:8443` or `null`. Once set, it binds plain requests
    /// and upgrades alike. Default `*`, any.
    ///
    /// It keeps out pages of other sites, in browsers. Clients that say no origin
    /// are let in, as every Rust client is: to keep out clients, see
    /// [`Primus::authorize`].
    pub fn origins<I: IntoIterator<Item: Into<String>>>(mut self, origins: I) -> Self {
        self.origins = Some(split(origins).join(" "));
        self
    }

    /// CORS: the methods that other origins may use. Default `GET, HEAD,
    /// PUT, POST, DELETE, OPTIONS`.
    pub fn methods<I: IntoIterator<Item: Into<String>>>(mut self, methods: I) -> Self {
        self.options.cors.methods = split(methods);
        self
    }

    /// CORS: whether other origins may send credentials. Default true.
    pub fn credentials(mut self, allowed: bool) -> Self {
        self.options.cors.credentials = allowed;
        self
    }

    /// CORS: how long a browser may keep the answer to a preflight. Default
    /// 30 days.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.options.cors.max_age = age;
        self
    }

    /// CORS: the request headers that other origins may send. Default: those
    /// asked for.
    pub fn headers<I: IntoIterator<Item: Into<String>>>(mut self, headers: I) -> Self {
        self.options.cors.headers = split(headers);
        self
    }

    /// CORS: the response headers that other origins may read. Default:
    /// none.
    pub fn exposed<I: IntoIterator<Item: Into<String>>>(mut self, headers: I) -> Self {
        self.options.cors.exposed = split(headers);
        self
    }

    /// The name of the client class in the served browser client: the global
    /// variable of script tags and the named export of the module. One that is no
    /// identifier of ASCII is an error from [`build`](Self::build). Default
    /// `Primus`.
    pub fn global(mut self, name: impl Into<String>) -> Self {
        self.options.global = name.into();
        self
    }

    /// permessage-deflate (RFC 7692): messages on WebSockets are compressed for
    /// clients that offer it, and so are [answers over HTTP](Compression#over-http) for
    /// those that accept it. `true`, or a [`Compression`]. Without the feature
    /// `compression` of the crate it is an error from [`build`](Self::build).
    /// Default false.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.options.compression = compression.into();
        self
    }

    /// Makes the ids of sparks. Ids must be hard to guess unless
    /// knowing one is of no use. Default: 21 random characters of `A-Za-z0-9_-` from
    /// the operating system.
    pub fn id_generator(
        mut self,
        generate: impl Fn(&Request) -> String + Send + Sync + 'static,
    ) -> Self {
        self.options.id_generator = Some(Arc::new(generate));
        self
    }

    /// Registers a plugin when the server is built.
    pub(crate) fn with_plugin(mut self, plugin: Arc<dyn ServerHalf>) -> Self {
        self.plugins.push(plugin);
        self
    }

    /// An option of the transformer, by its Primus name, whose case does not
    /// matter; may be called repeatedly. One that the transformer does not know
    /// is logged and otherwise ignored, as in Primus; a value that makes no sense
    /// is an error from [`build`](Self::build). With several transformers it goes to
    /// all that know it, or to the one that is named before it:
    /// `engine.io:transports`.
    ///
    /// `websockets` has none. Those of `engine.io`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `pingInterval` | ms between two pings of Engine.IO's own | 25000 |
    /// | `pingTimeout` | ms in which they must be answered | 20000 |
    /// | `upgradeTimeout` | ms in which an upgrade must be done | 10000 |
    /// | `maxHttpBufferSize` | longest POST and message in bytes | [`max_length`](Self::max_length) |
    /// | `transports` | `polling,websocket` or one of them | both |
    /// | `allowUpgrades` | whether clients that poll are offered a WebSocket | `true` |
    /// | `allowEIO3` | whether clients of revision 3 are served (Primus 2 to 7) | `true` |
    /// | `cookie` | a cookie with the session's id: `true`, a name, or an object as for engine.io | `false` |
    /// | `doubleEncoding` | clients of revision 3 are engine.io 1.x (Primus 2.4 to 6.0) | `false` |
    ///
    /// Those of `sockjs`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `response_limit` | UTF-16 units of a stream after which its client must come again; `0`: none | 131072 |
    /// | `heartbeat_delay` | ms without a frame after which a client that waits gets a heartbeat | 25000 |
    /// | `disconnect_delay` | ms that a client may be away between two requests | 5000 |
    /// | `websocket` | whether clients may use a WebSocket | `true` |
    /// | `jsessionid` | whether a cookie `JSESSIONID` is set, for load balancers | `false` |
    /// | `sockjs_url` | where the pages of iframes get `sockjs-client` from | its version 1 on jsDelivr |
    /// | `base_url` | where `/info` sends clients for all else | where they are |
    ///
    /// Those of `browserchannel`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `keepAliveInterval` | ms after which a request that waits is told something | 20000 |
    /// | `sessionTimeoutInterval` | ms that a session lives without one | 30000 |
    /// | `hostPrefixes` | a list of names in front of the host's, of which each client is told one; the clients of this crate do not use it | none |
    /// | `cors` | `Access-Control-Allow-Origin` for requests that say no origin (the others: [`origins`](Self::origins)) | none |
    /// | `corsAllowCredentials` | `Access-Control-Allow-Credentials`, likewise | `false` |
    ///
    /// Those of `socket.io`, in whose names `_` or `-` may stand for a space:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | those that are offered, in order: `websocket`, `htmlfile`, `xhr-polling`, `jsonp-polling` | all |
    /// | `heartbeats` | whether Socket.IO's own heartbeat goes over WebSockets and streams | `true` |
    /// | `heartbeat interval` | seconds from an answer to the next question | 25 |
    /// | `heartbeat timeout` | seconds in which it must be answered | 60 |
    /// | `close timeout` | seconds that a client may be away between two polls | 60 |
    /// | `polling duration` | seconds after which a poll is answered that there is nothing for | 20 |
    pub fn transport(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.transport.push((name.into(), value.into()));
        self
    }

    /// The bounds on what one peer may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.options.limits = limits;
        self
    }

    /// The stack in bytes of connection threads, on which listeners run. Only
    /// what is touched costs memory, and 2 KiB of page tables for each MiB.
    /// Recursion, or variables, that overflow it abort the process: Rust cannot
    /// do otherwise. Default 1 MiB (`std`'s threads have 2 MiB); at least
    /// 64 KiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.options.stack_size = bytes;
        self
    }

    /// How many bytes may wait for a spark whose client does not read, beyond
    /// what the kernel takes (see [`send_buffer`](Self::send_buffer)). One
    /// message is always accepted when nothing waits, however large. Default
    /// 16 MiB.
    pub fn backlog(mut self, bytes: usize) -> Self {
        self.options.backlog = bytes;
        self
    }

    /// What happens when the backlog is full. Default: the connection is closed.
    pub fn slow_consumer(mut self, policy: SlowConsumer) -> Self {
        self.options.slow_consumer = policy;
        self
    }

    /// What becomes of a connection when a listener of its spark returns an
    /// error. Default: an `error` event, after which it goes on.
    pub fn listener_errors(mut self, errors: ListenerErrors) -> Self {
        self.options.listener_errors = errors;
        self
    }

    /// Caps the kernel's send buffer of each connection, in bytes: without it
    /// the kernel takes up to 4 MiB for a client that does not read, which no
    /// backlog counts. Default: the kernel's own choice.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.options.send_buffer = Some(bytes);
        self
    }

    /// The proxies whose `X-Forwarded-For` and `Forwarded` headers are
    /// believed. Default: all, as in Primus; set it where clients can reach
    /// the server past the proxy, for they can claim any address then.
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.options.trusted_proxies = proxies;
        self
    }

    /// The clock by which heartbeats and deadlines run, those of answers that plugins
    /// wait for among them; a manual one makes tests of them instant. Default: the
    /// system's.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.options.clock = Clock::Manual(clock.clone());
        self
    }

    /// Starts the server's own threads (broadcaster, flusher, timer). It serves
    /// nobody until it is given a port or a stream.
    ///
    /// # Errors
    /// [`Error::Option`] for an option that cannot be used, [`Error::Io`] when
    /// a thread cannot be started.
    pub fn build(mut self) -> Result<Primus> {
        let chosen = Chosen::of(&self.transformers)?.with(self.custom)?;
        self.options.parser = chosen.check_parser(self.parser?)?;
        if let Some(origins) = &self.origins {
            self.options.cors.origins = Origins::parse(origins)?;
        }
        self.options.cors.check()?;
        let Options { compression, slow_consumer, .. } = &self.options;
        compression.check()?;
        let drops = !matches!(slow_consumer, SlowConsumer::Close { .. });
        if compression.on && compression.server_takeover && drops {
            let text = "`compression`: `server_context_takeover` needs `SlowConsumer::Close`, \
                        for no message may be dropped that others refer to";
            return Err(Error::Option(text.into()));
        }
        if !library::is_identifier(&self.options.global) {
            let global = &self.options.global;
            return Err(Error::Option(format!("`global` must be an identifier, not {global:?}")));
        }
        if self.options.stack_size < 64 << 10 {
            return Err(Error::Option("`stack_size` must be at least 65536 bytes".into()));
        }
        if self.options.max_length == 0 {
            return Err(Error::Option("`max_length` must be at least 1 byte".into()));
        }
        if self.options.pathname == "/" {
            unheard::warn("`pathname` is `/`: every request is Primus's, own pages get none");
        }
        let port = chosen.port(&self.options.transport)?;
        self.options.transformers = chosen;
        Primus::start(self.options, port, self.plugins)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("transformer", &self.transformers).finish_non_exhaustive()
    }
}

/// # Making one
impl Primus {
    /// The options, to be set.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

fn split<I: IntoIterator<Item: Into<String>>>(items: I) -> Vec<String> {
    items
        .into_iter()
        .flat_map(|item| {
            let item: String = item.into();
            item.split([',', ' '])
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}
