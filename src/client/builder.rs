//! A client before it is built.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Client;
use super::machine::Strategy;
use super::options::{Given, Options};
use super::outgoing::OutgoingUrl;
use super::plugins::ClientHalf;
use super::url::{Address, check_header, check_path};
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::http::client::Target;
use crate::net::dial::Connector;
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;
use crate::net::tls::Secure;
use crate::net::{Stream, Waker};
use crate::parsers::Parser;
use crate::protocol::ClientMode;
use crate::timer::{Clock, ManualClock};
use crate::transformers::chosen::Chosen;
use crate::transformers::{Kind, Transformers};

/// A client before it is built: its options, each with its default.
///
/// ```no_run
/// use std::time::Duration;
///
/// # fn main() -> primus::Result<()> {
/// let client = primus::Client::builder("http://localhost:8080?token=abc")
///     .reconnect_retries(None)
///     .reconnect_max(Duration::from_secs(30))
///     .header("X-Client", "probe/1")
///     .connect()?;
/// # client.write("hello")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing before `connect` or `build`"]
pub struct ClientBuilder {
    url: String,
    transformers: Transformers,
    /// Why an option cannot be used; told when the client is built.
    fault: Option<String>,
    transport: Vec<(String, String)>,
    strategy: String,
    manual: bool,
    server_plugins: Vec<String>,
    given: Given,
}

impl ClientBuilder {
    /// The defaults, for a server at `url`: see [`Client::builder`].
    pub(crate) fn new(url: &str) -> Self {
        ClientBuilder {
            url: url.to_owned(),
            transformers: Kind::Websockets.name().into(),
            fault: None,
            transport: Vec::new(),
            strategy: "disconnect, online, timeout".into(),
            manual: false,
            server_plugins: Vec::new(),
            given: Given::default(),
        }
    }

    /// The wire protocol, by its name in Primus; the same as the server's;
    /// case does not matter. `websockets` (which `faye`, `uws`, `lws` and `ws` name,
    /// too), `engine.io`, `sockjs`, `browserchannel` or `socket.io`. Default
    /// `websockets`.
    ///
    /// A list, or `all`, is for a server that speaks several: they are tried in this
    /// order, without those that cannot carry what the parser makes, until one opens.
    /// What counts as failed, and with which the next attempt begins, is told in
    /// [`docs::port`](crate::docs::port#which-one-a-client-speaks).
    ///
    /// # engine.io
    /// A session polls over HTTP and goes over to a WebSocket if the server
    /// offers that; [`transport`](Self::transport) says otherwise. While it
    /// polls:
    ///
    /// - [`Client::write`] returns when the message waits for the next POST,
    ///   or is in it; it waits while more than 256 KiB do. Messages are sent
    ///   together, as many as the server takes at a time.
    /// - What is written while a listener runs long may have to wait for its
    ///   end: the client's thread sends it.
    /// - After [`Client::end`], [`Client::wait_end`] is worth its while: the
    ///   goodbye takes a request of its own.
    /// - No request is sent twice. One that fails loses the connection, and the
    ///   client reconnects.
    ///
    /// # sockjs
    /// A session is opened by a WebSocket, or where that fails by a stream of HTTP,
    /// or where that fails too by polling; it stays with what has opened it. Each has
    /// a few times as long as the server's first answer took, at least 600 ms;
    /// [`transport`](Self::transport) says otherwise. Without a WebSocket it is as
    /// above, but for the goodbye: there is none. Only text goes, so the parser is
    /// `json`, `ejson` or one that makes text. A server that has clients go on
    /// elsewhere (`base_url`) is not followed.
    ///
    /// # browserchannel
    /// A session is requests of HTTP alone: one that waits, and one at a time that
    /// sends. The first finds out whether answers come piece by piece. When a
    /// connection breaks it is made again, and what was lost with it comes again, both
    /// ways and nothing twice; after three failures in a row, some seconds, the session
    /// is lost. [`Client::write`] is as with `engine.io`. Only text goes, as with
    /// `sockjs`.
    ///
    /// # socket.io
    /// That of version 0.9, for servers of Primus up to version 5, and for this
    /// crate's. A session is opened by a WebSocket, or where that fails by polling, of
    /// which the above is true; the time for each is as with sockjs. Only text goes. The
    /// client sends no acknowledgements, for which servers of Primus never ask.
    pub fn transformer(mut self, names: impl Into<Transformers>) -> Self {
        self.transformers = names.into();
        self
    }

    /// How messages are encoded; the same as the server's. Default
    /// [`Parser::JSON`].
    pub fn parser(mut self, parser: Parser) -> Self {
        self.given.parser = parser;
        self
    }

    /// How messages are encoded, by name; case does not matter.
    pub fn parser_name(mut self, name: impl Into<String>) -> Self {
        match name.into().parse() {
            Ok(parser) => self.given.parser = parser,
            Err(error) => self.fault = Some(Error::to_string(&error)),
        }
        self
    }

    /// `transport`: an option of the transformer, by its name in Primus; may
    /// be called repeatedly. An option that the transformer does not know is
    /// logged and otherwise ignored, as in Primus; a value that cannot be used
    /// is an error when the client is built. Case does not matter in names. With
    /// several transformers it goes to all that know it, or to the one that is named
    /// before it: `sockjs:transports`.
    ///
    /// `websockets` has none. Those of `engine.io`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | a list of `polling` and `websocket`: the first opens the session, and if that is `polling` and `websocket` is in the list, it goes over to that. `polling` alone is what Primus's `websockets: false` does | `polling,websocket` |
    /// | `upgrade` | `false`: a session that polls keeps polling | `true` |
    /// | `protocol` (or `EIO`) | the revision of Engine.IO: `4` for Primus 8, `3` for Primus 2.4 to 7 | `4`, or what [`discover`](Self::discover) found |
    /// | `doubleEncoding` | `true` for engine.io 1.x (Primus 2.4 to 6.0), which encodes what is not ASCII twice in polling | `false`, or what [`discover`](Self::discover) found |
    /// | `forceBase64` | `false`: the server may send bytes as bytes | `true`, as Primus sets it |
    /// | `withCredentials` | `true`: each session keeps the cookies that the answers to its requests set, and sends them with the next: for load balancers that tell by a cookie which server has the session | `false` |
    ///
    /// Those of `sockjs`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | a list of `websocket`, `xhr-streaming` and `xhr-polling`: what is tried, in this order | `websocket,xhr-streaming,xhr-polling` |
    /// | `timeout` | how long each is given at least, in milliseconds | what the server's first answer allows |
    /// | `withCredentials` | `false`: cookies are not kept (see above) | `true`, as browsers do |
    ///
    /// Those of `socket.io`:
    ///
    /// | name | value | default |
    /// |---|---|---|
    /// | `transports` | a list of `websocket` and `xhr-polling`: what is tried, in this order | `websocket,xhr-polling` |
    /// | `connect timeout` (or `timeout`) | how long each is given at least, in milliseconds | what the server's first answer allows |
    /// | `withCredentials` | `false`: cookies are not kept | `true`, as browsers do |
    ///
    /// `browserchannel` has `withCredentials` alone.
    pub fn transport(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.push((name.into(), value.into()));
        self
    }

    /// The path that the server's Primus answers on; a missing leading slash
    /// is added. Default `/primus`. (As in Primus, the path of the URL says
    /// nothing.)
    pub fn pathname(mut self, pathname: impl Into<String>) -> Self {
        self.given.pathname = pathname.into();
        self
    }

    /// Adds a header to every request that opens a connection. For values that
    /// change, see [`Client::on_outgoing_url`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.given.headers.push((name.into(), value.into()));
        self
    }

    /// `reconnect.min`: the delay before the first attempt to reconnect.
    /// Default 500 ms.
    pub fn reconnect_min(mut self, min: Duration) -> Self {
        self.given.reconnect.min = min;
        self
    }

    /// `reconnect.max`: the longest delay before an attempt; `None` for no
    /// bound. Default `None`, as in Primus, where the tenth attempt comes
    /// after 4 to 9 minutes.
    pub fn reconnect_max(mut self, max: impl Into<Option<Duration>>) -> Self {
        self.given.reconnect.max = max.into();
        self
    }

    /// `reconnect.retries`: how many attempts in a row may fail before the
    /// client ends; `None` to never give up. Default 10.
    pub fn reconnect_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.given.reconnect.retries = retries.into();
        self
    }

    /// `reconnect['reconnect timeout']`: the time one attempt may take; `None`
    /// or zero for no limit but the system's. Default 30 s.
    pub fn reconnect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.given.reconnect.timeout = limit(timeout);
        self
    }

    /// `reconnect.factor`: by how much the delay grows with each attempt.
    /// Default 2.
    pub fn reconnect_factor(mut self, factor: f64) -> Self {
        self.given.reconnect.factor = factor;
        self
    }

    /// Makes the random part of the delays repeatable, for tests. Default:
    /// random.
    pub fn reconnect_seed(mut self, seed: u64) -> Self {
        self.given.seed = Some(seed);
        self
    }

    /// `timeout`: the time the first connection may take; `None` or zero for no
    /// limit but the system's. Default 10 s.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.given.timeout = limit(timeout);
        self
    }

    /// `pingTimeout`: the connection is lost when the server has not pinged
    /// for so long; `None` or zero: never. Default 45 s, one and a half of the
    /// server's default `ping_interval`.
    ///
    /// A server of Primus 7 or later pings; for older ones, see
    /// [`client_pings`](Self::client_pings).
    pub fn ping_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.given.heartbeat = ClientMode::ServerPings { timeout: limit(timeout) };
        self.given.happn = false;
        self
    }

    /// For servers of Primus 2 to 6: the client pings, `interval` after the
    /// opening and after each answer (`ping`, 25 s there; `None` or zero:
    /// never), and the connection is lost when an answer takes longer than
    /// `timeout` (`pong`, 10 s there; `None` or zero: no limit).
    pub fn client_pings(
        mut self,
        interval: impl Into<Option<Duration>>,
        timeout: impl Into<Option<Duration>>,
    ) -> Self {
        let timeout = limit(timeout).unwrap_or(Duration::MAX);
        self.given.heartbeat = ClientMode::ClientPings { interval: limit(interval), timeout };
        self.given.happn = false;
        self
    }

    /// For servers of happn-primus: as [`client_pings`](Self::client_pings),
    /// and both times are told to the server in the query, as it expects.
    pub fn happn(
        mut self,
        interval: impl Into<Option<Duration>>,
        timeout: impl Into<Option<Duration>>,
    ) -> Self {
        self = self.client_pings(interval, timeout);
        self.given.happn = true;
        self
    }

    /// `strategy`: when to connect by itself, as a list of names: `disconnect`
    /// (a connection was lost), `online` (the network came back), `timeout`
    /// (the first connection could not be made). Case does not matter;
    /// `"false"` or `""`: never. Default `"disconnect, online, timeout"`.
    ///
    /// A refusal with 401 or 403 is final whatever the strategy.
    pub fn strategy(mut self, names: impl Into<String>) -> Self {
        self.strategy = names.into();
        self
    }

    /// `manual`: [`build`](Self::build) does not open the connection, but
    /// waits for [`Client::open`]. Default false.
    pub fn manual(mut self, manual: bool) -> Self {
        self.manual = manual;
        self
    }

    /// `network`: whether [`Client::network`] has an effect. Default true.
    pub fn network(mut self, network: bool) -> Self {
        self.given.network = network;
        self
    }

    /// `queueSize`: how many messages written while there is no connection are
    /// kept for the next one; the oldest make room. Default 10,000 (in Primus:
    /// unlimited).
    pub fn queue_size(mut self, messages: usize) -> Self {
        self.given.queue_size = messages;
        self
    }

    /// Longest message in bytes that is accepted; a longer one loses the
    /// connection (1009). `usize::MAX` for no bound; 0, with which nothing could
    /// be received, is refused when the client is built. Default 10 MiB.
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.given.max_length = bytes;
        self
    }

    /// permessage-deflate (RFC 7692): messages on WebSockets are compressed if the
    /// server has it on as well. `true`, or a [`Compression`]. Needs the feature
    /// `compression` of the crate. Default false.
    pub fn compression(mut self, compression: impl Into<Compression>) -> Self {
        self.given.compression = compression.into();
        self
    }

    /// Bytes of received messages that wait for [`Client::recv`] while there
    /// is no `data` listener; beyond it the socket is not read, which in time
    /// also keeps the heartbeat from being answered. With 0, messages that
    /// nobody listens for are thrown away, as in Primus: right for a client
    /// that only writes. Default 1 MiB.
    pub fn inbox(mut self, bytes: usize) -> Self {
        self.given.inbox = bytes;
        self
    }

    /// Most values in a received message: the elements of all arrays and the
    /// entries of all objects in it. One with more is dropped, with an error of the
    /// parser. As [`Limits::values`](crate::Limits::values) of a server. Default
    /// 1,000,000.
    pub fn values(mut self, values: usize) -> Self {
        self.given.values = values;
        self
    }

    /// Answers of the server that plugins wait for at a time: acknowledgements, or
    /// responses, each as many, and on each stream inside the connection. Beyond it: to
    /// ask for one more is an error. As [`Limits::answers`](crate::Limits::answers) of a
    /// server. Default 1,000.
    pub fn answers(mut self, answers: usize) -> Self {
        self.given.answers = answers;
        self
    }

    /// How long a connection that was ended is looked after in the background,
    /// for the server to read what was written and to answer the closing
    /// handshake. Default 5 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.given.close_timeout = timeout;
        self
    }

    /// Where connections come from, in place of TCP to the URL's host and port
    /// (which `connect` is called with) or its Unix socket: a tunnel, a stream of
    /// a test. It is asked anew for every connection, reconnects
    /// included; its errors are failed attempts.
    ///
    /// It runs on the client's thread. While it blocks, neither time-outs nor
    /// [`Client::end`] can break it off.
    ///
    /// ```no_run
    /// use std::net::TcpStream;
    ///
    /// // What a tunnel forwards from here.
    /// let client = primus::Client::builder("http://server.internal")
    ///     .connector(|_host, _port| TcpStream::connect("127.0.0.1:9000"))
    ///     .connect()?;
    /// # client.end();
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn connector<S: Into<Stream>>(
        mut self,
        connect: impl Fn(&str, u16) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let connect = move |host: &str, port| connect(host, port).map(Into::into);
        self.given.connector = Some(Connector::Application(Arc::new(connect)));
        self
    }

    /// The clock by which the heartbeat, the delays between attempts, the time-outs of
    /// connections and those of answers that plugins wait for run; a manual one makes
    /// tests of them instant, and may be the server's as well. What waits for the system or in the
    /// caller ([`close_timeout`](Self::close_timeout),
    /// [`Client::recv_timeout`], [`Client::wait_open`] and the like) stays in
    /// real time. Default: the system's.
    ///
    /// Moving the clock waits for the client's thread to take notice, and so
    /// for a listener that runs on it.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.given.clock = Clock::Manual(clock.clone());
        self
    }

    /// How TLS is spoken with an `https` or `wss` server: whom to trust, and the
    /// client's own certificate. Default: as [`ClientTls::new`]. With a
    /// [`connector`](Self::connector), TLS goes over the stream that it makes.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.given.tls = tls;
        self
    }

    /// Connects and waits until the connection is open. The first failure is
    /// final here; later losses follow the [`strategy`](Self::strategy):
    /// [`Client::recv`] waits through the reconnects. A program that asks and
    /// waits may want `strategy("")`, with which a loss ends the client.
    ///
    /// # Errors
    /// | error | |
    /// |---|---|
    /// | [`Error::Option`] | an option cannot be used |
    /// | [`Error::Io`] | no server there: refused, unreachable, no such name, or cut off while connecting |
    /// | [`Error::Timeout`] | nobody answered within [`timeout`](Self::timeout) |
    /// | [`Error::Refused`] | the server answered with another HTTP status |
    /// | [`Error::Protocol`] | what answered is no such server |
    ///
    /// By [`build`](Self::build), which goes on trying, the statuses 401 and 403
    /// alone are final; all else is tried again. Later the client ends with
    /// [`Error::Ended`], whose [`may_reconnect`](crate::CloseReason::may_reconnect)
    /// is false when the end is meant (by the server, or by [`Client::end`]), and
    /// true after a loss, when to connect again may help.
    pub fn connect(self) -> Result<Client> {
        self.connect_with(|_| {})
    }

    /// [`connect`](Self::connect), after `setup`, which adds listeners in time
    /// for the first event.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn connect_with(self, setup: impl FnOnce(&Client)) -> Result<Client> {
        let client = Client::new(self.checked()?)?;
        setup(&client);
        client.connect_once()?;
        Ok(client)
    }

    /// Builds the client, and begins to connect unless it is
    /// [`manual`](Self::manual).
    ///
    /// # Errors
    /// [`Error::Option`] for an unusable option, [`Error::Io`] when the
    /// process has no descriptor or thread left.
    pub fn build(self) -> Result<Client> {
        self.build_with(|_| {})
    }

    /// [`build`](Self::build), after `setup`, which adds listeners in time for
    /// the first event.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_with(self, setup: impl FnOnce(&Client)) -> Result<Client> {
        let manual = self.manual;
        let client = Client::new(self.checked()?)?;
        setup(&client);
        if !manual {
            client.open()?;
        }
        Ok(client)
    }

    /// The names of the server's plugins, if it told them: what
    /// [`discover`](Self::discover) and [`options`](Self::options) have found.
    /// Servers in JavaScript do not tell.
    pub fn server_plugins(&self) -> &[String] {
        &self.server_plugins
    }

    pub(crate) fn set_server_plugins(&mut self, names: &[String]) {
        names.clone_into(&mut self.server_plugins);
    }

    /// Registers a plugin with the client when it is built.
    pub(crate) fn with_plugin(mut self, plugin: Arc<dyn ClientHalf>) -> Self {
        self.given.plugins.add(plugin);
        self
    }

    /// The transport options that were set.
    pub(crate) fn transport_options(&self) -> &[(String, String)] {
        &self.transport
    }

    pub(crate) fn connect_timeout(&self) -> Option<Duration> {
        self.given.timeout
    }

    /// Where the spec document is.
    pub(crate) fn spec_target(&self, until: Option<Instant>, waker: Arc<Waker>) -> Result<Target> {
        let options = self.clone().checked()?;
        let mut url = OutgoingUrl::first(&options, String::new());
        url.pathname.push_str("/spec");
        url.query = options.address.query.clone();
        url.target(&options, until, waker)
    }

    /// How `https` is spoken.
    #[cfg(feature = "tls")]
    fn secure(&self) -> Result<Secure> {
        self.given.tls.secure()
    }

    #[cfg(not(feature = "tls"))]
    #[allow(clippy::unused_self)]
    fn secure(&self) -> Result<Secure> {
        let text = "https and wss need TLS: the feature `tls` of the crate `primus`";
        Err(Error::Option(text.into()))
    }

    fn checked(mut self) -> Result<Options> {
        if let Some(fault) = self.fault {
            return Err(Error::Option(fault));
        }
        let address = Address::parse(&self.url)?;
        let secure = if address.secure { Some(self.secure()?) } else { None };
        for (name, value) in &self.given.headers {
            check_header(name, value)?;
        }
        self.given.compression.check()?;
        self.given.plugins.check()?;
        if self.given.max_length == 0 {
            let text = "max_length 0 lets no message in; `usize::MAX` is no bound";
            return Err(Error::Option(text.into()));
        }
        let slash = if self.given.pathname.starts_with('/') { "" } else { "/" };
        let mut pathname = format!("{slash}{}", self.given.pathname);
        if address.unix.is_some() && !address.path.is_empty() {
            pathname.clone_from(&address.path);
        }
        check_path(&pathname)?;
        if !address.path.is_empty() && address.path != pathname {
            let path = address.path.escape_debug();
            log::warn!("the URL's path `{path}` is not used, but the pathname `{pathname}`");
        }
        let chosen = Chosen::of(&self.transformers)?;
        let (chosen, parser) = chosen.speaking(self.given.parser)?;
        self.given.parser = parser;
        Ok(Options {
            address,
            transport: chosen.client(&self.transport)?,
            secure,
            strategy: parse_strategy(&self.strategy)?,
            given: Given { pathname, ..self.given },
        })
    }
}

/// # Making one
impl Client {
    /// Connects to a server with the default options, and waits until the
    /// connection is open: [`builder`](Self::builder) and
    /// [`ClientBuilder::connect`]. A path in the URL is ignored, as in Primus;
    /// [`ClientBuilder::pathname`] sets another than `/primus`.
    ///
    /// # Errors
    /// As [`ClientBuilder::connect`].
    pub fn connect(url: &str) -> Result<Self> {
        Self::builder(url).connect()
    }

    /// The options of a client that is to connect to the server at `url`:
    /// `http`, `https`, `ws` or `wss`, host, port (80 or 443 if left out), `user:password@` for Basic
    /// authentication (RFC 7617), and a query that the server gets to see. The
    /// path says nothing, and if there is one, a line in the log says so: see
    /// [`ClientBuilder::pathname`]. `https` and `wss` need the feature `tls`.
    ///
    /// A server on a Unix socket is `unix:/run/app.sock`, or
    /// `unix:/run/app.sock:/live` with its pathname, which counts here; one whose
    /// name is abstract, `unix:@app`. With TLS it is `wss+unix:/run/app.sock`, and the
    /// name in its certificate `localhost`, unless `ClientTls::server_name` says
    /// another. Characters that mean something in a URL are
    /// percent-encoded: `:` before `/`, `?`, `#`, `%`.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(url)
    }

    /// The options that the server at `url` asks for in its spec document:
    /// [`builder`](Self::builder) and [`ClientBuilder::discover`].
    ///
    /// # Errors
    /// As [`ClientBuilder::discover`].
    pub fn discover(url: &str) -> Result<ClientBuilder> {
        Self::builder(url).discover()
    }
}

/// A span that may also be given as none, or as zero, which is the same.
fn limit(span: impl Into<Option<Duration>>) -> Option<Duration> {
    span.into().filter(|span| !span.is_zero())
}

fn parse_strategy(names: &str) -> Result<Strategy> {
    let mut strategy = Strategy { disconnect: false, online: false, timeout: false };
    let split = names.split(|c: char| c == ',' || c.is_whitespace());
    for name in split.filter(|name| !name.is_empty()) {
        match name.to_ascii_lowercase().as_str() {
            "disconnect" => strategy.disconnect = true,
            "online" => strategy.online = true,
            "timeout" => strategy.timeout = true,
            "false" | "off" | "none" => {}
            _ => {
                let text = format!(
                    "strategy: unknown name `{name}`; known names: disconnect, online, timeout"
                );
                return Err(Error::Option(text));
            }
        }
    }
    Ok(strategy)
}
