//! The options of a client.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::machine::Strategy;
use super::recovery::Reconnect;
use super::url::Address;
use super::{Client, OutgoingUrl};
use crate::error::{Error, Result};
use crate::http::client::{Target, place};
use crate::http::{is_text_byte, is_token};
use crate::net::dial::Connector;
use crate::net::{Stream, Waker};
use crate::parsers::Parser;
use crate::protocol::ClientMode;
use crate::timer::{Clock, ManualClock};
use crate::transformers::Kind;
use crate::transformers::connect::Dials;

/// The options as the client uses them.
pub(crate) struct Options {
    pub address: Address,
    pub transport: Arc<dyn Dials>,
    pub parser: Parser,
    pub pathname: String,
    pub headers: Vec<(String, String)>,
    pub reconnect: Reconnect,
    pub seed: Option<u64>,
    pub timeout: Option<Duration>,
    pub heartbeat: ClientMode,
    pub happn: bool,
    pub strategy: Strategy,
    pub network: bool,
    pub queue_size: usize,
    pub max_length: usize,
    pub inbox: usize,
    pub values: usize,
    pub close_timeout: Duration,
    pub connector: Option<Connector>,
    pub clock: Clock,
}

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
    transformer: String,
    parser: Parser,
    /// Why an option cannot be used; told when the client is built.
    fault: Option<String>,
    transport: Vec<(String, String)>,
    pathname: String,
    headers: Vec<(String, String)>,
    reconnect: Reconnect,
    seed: Option<u64>,
    timeout: Option<Duration>,
    heartbeat: ClientMode,
    happn: bool,
    strategy: String,
    manual: bool,
    network: bool,
    queue_size: usize,
    max_length: usize,
    inbox: usize,
    values: usize,
    close_timeout: Duration,
    connector: Option<Connector>,
    clock: Clock,
}

impl ClientBuilder {
    /// The defaults, for a server at `url`: see [`Client::builder`].
    pub(crate) fn new(url: &str) -> Self {
        ClientBuilder {
            url: url.to_owned(),
            transformer: Kind::Websockets.name().into(),
            parser: Parser::JSON,
            fault: None,
            transport: Vec::new(),
            pathname: "/primus".into(),
            headers: Vec::new(),
            reconnect: Reconnect::default(),
            seed: None,
            timeout: Some(Duration::from_secs(10)),
            heartbeat: ClientMode::default(),
            happn: false,
            strategy: "disconnect, online, timeout".into(),
            manual: false,
            network: true,
            queue_size: 10_000,
            max_length: 10 << 20,
            inbox: 1 << 20,
            values: 1_000_000,
            close_timeout: Duration::from_secs(5),
            connector: None,
            clock: Clock::System,
        }
    }

    /// The wire protocol, by its name in Primus; the same as the server's;
    /// case does not matter. `websockets` (which also serves `faye`, `uws` and
    /// `lws`) or `engine.io`. Default `websockets`.
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
    /// - After [`Client::end`], call [`Client::wait_end`]: the goodbye takes a
    ///   request of its own.
    /// - No request is sent twice. One that fails loses the connection, and the
    ///   client reconnects.
    pub fn transformer(mut self, name: impl Into<String>) -> Self {
        self.transformer = name.into();
        self
    }

    /// How messages are encoded; the same as the server's. Default
    /// [`Parser::JSON`].
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// How messages are encoded, by name; case does not matter.
    pub fn parser_name(mut self, name: impl Into<String>) -> Self {
        match name.into().parse() {
            Ok(parser) => self.parser = parser,
            Err(error) => self.fault = Some(Error::to_string(&error)),
        }
        self
    }

    /// `transport`: an option of the transformer, by its name in Primus; may
    /// be called repeatedly. An option that the transformer does not know is
    /// logged and otherwise ignored, as in Primus; a value that cannot be used
    /// is an error when the client is built. Case does not matter in names.
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
    pub fn transport(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.transport.push((name.into(), value.into()));
        self
    }

    /// The path that the server's Primus answers on; a missing leading slash
    /// is added. Default `/primus`. (As in Primus, the path of the URL says
    /// nothing.)
    pub fn pathname(mut self, pathname: impl Into<String>) -> Self {
        self.pathname = pathname.into();
        self
    }

    /// Adds a header to every request that opens a connection. For values that
    /// change, see [`Client::on_outgoing_url`].
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// `reconnect.min`: the delay before the first attempt to reconnect.
    /// Default 500 ms.
    pub fn reconnect_min(mut self, min: Duration) -> Self {
        self.reconnect.min = min;
        self
    }

    /// `reconnect.max`: the longest delay before an attempt; `None` for no
    /// bound. Default `None`, as in Primus, where the tenth attempt comes
    /// after 4 to 9 minutes.
    pub fn reconnect_max(mut self, max: impl Into<Option<Duration>>) -> Self {
        self.reconnect.max = max.into();
        self
    }

    /// `reconnect.retries`: how many attempts in a row may fail before the
    /// client ends; `None` to never give up. Default 10.
    pub fn reconnect_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.reconnect.retries = retries.into();
        self
    }

    /// `reconnect['reconnect timeout']`: the time one attempt may take; `None`
    /// or zero for no limit but the system's. Default 30 s.
    pub fn reconnect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.reconnect.timeout = limit(timeout);
        self
    }

    /// `reconnect.factor`: by how much the delay grows with each attempt.
    /// Default 2.
    pub fn reconnect_factor(mut self, factor: f64) -> Self {
        self.reconnect.factor = factor;
        self
    }

    /// Makes the random part of the delays repeatable, for tests. Default:
    /// random.
    pub fn reconnect_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// `timeout`: the time the first connection may take; `None` or zero for no
    /// limit but the system's. Default 10 s.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = limit(timeout);
        self
    }

    /// `pingTimeout`: the connection is lost when the server has not pinged
    /// for so long; `None` or zero: never. Default 45 s, one and a half of the
    /// server's default `ping_interval`.
    ///
    /// A server of Primus 7 or later pings; for older ones, see
    /// [`client_pings`](Self::client_pings).
    pub fn ping_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.heartbeat = ClientMode::ServerPings { timeout: limit(timeout) };
        self.happn = false;
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
        self.heartbeat = ClientMode::ClientPings { interval: limit(interval), timeout };
        self.happn = false;
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
        self.happn = true;
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
        self.network = network;
        self
    }

    /// `queueSize`: how many messages written while there is no connection are
    /// kept for the next one; the oldest make room. Default 10,000 (in Primus:
    /// unlimited).
    pub fn queue_size(mut self, messages: usize) -> Self {
        self.queue_size = messages;
        self
    }

    /// Longest message in bytes that is accepted; a longer one loses the
    /// connection (1009). `usize::MAX` for no bound; 0, with which nothing could
    /// be received, is refused when the client is built. Default 10 MiB.
    pub fn max_length(mut self, bytes: usize) -> Self {
        self.max_length = bytes;
        self
    }

    /// Bytes of received messages that wait for [`Client::recv`] while there
    /// is no `data` listener; beyond it the socket is not read, which in time
    /// also keeps the heartbeat from being answered. With 0, messages that
    /// nobody listens for are thrown away, as in Primus: right for a client
    /// that only writes. Default 1 MiB.
    pub fn inbox(mut self, bytes: usize) -> Self {
        self.inbox = bytes;
        self
    }

    /// Most values in a received message: the elements of all arrays and the
    /// entries of all objects in it. One with more is dropped, with an error of the
    /// parser. As [`Limits::values`](crate::Limits::values) of a server. Default
    /// 1,000,000.
    pub fn values(mut self, values: usize) -> Self {
        self.values = values;
        self
    }

    /// How long a connection that was ended is looked after in the background,
    /// for the server to read what was written and to answer the closing
    /// handshake. Default 5 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Where connections come from, in place of TCP to the URL's host and port
    /// (which `connect` is called with): a Unix domain socket, a tunnel, a
    /// stream of a test. It is asked anew for every connection, reconnects
    /// included; its errors are failed attempts.
    ///
    /// It runs on the client's thread. While it blocks, neither time-outs nor
    /// [`Client::end`] can break it off.
    ///
    /// ```no_run
    /// use std::os::unix::net::UnixStream;
    ///
    /// let client = primus::Client::builder("http://localhost")
    ///     .connector(|_host, _port| UnixStream::connect("/run/app/primus.sock"))
    ///     .connect()?;
    /// # client.end();
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn connector<S: Into<Stream>>(
        mut self,
        connect: impl Fn(&str, u16) -> io::Result<S> + Send + Sync + 'static,
    ) -> Self {
        let connect = move |host: &str, port| connect(host, port).map(Into::into);
        self.connector = Some(Connector(Arc::new(connect)));
        self
    }

    /// The clock by which the heartbeat, the delays between attempts and the
    /// time-outs of connections run; a manual one makes tests of them instant,
    /// and may be the server's as well. What waits for the system or in the
    /// caller ([`close_timeout`](Self::close_timeout),
    /// [`Client::recv_timeout`], [`Client::wait_open`] and the like) stays in
    /// real time. Default: the system's.
    ///
    /// Moving the clock waits for the client's thread to take notice, and so
    /// for a listener that runs on it.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Clock::Manual(clock.clone());
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

    /// The transport options that were set.
    pub(crate) fn transport_options(&self) -> &[(String, String)] {
        &self.transport
    }

    pub(crate) fn connect_timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Where the spec document is.
    pub(crate) fn spec_target(&self, until: Option<Instant>, waker: Arc<Waker>) -> Result<Target> {
        let options = self.clone().checked()?;
        let mut url = options.outgoing_url(String::new());
        url.pathname.push_str("/spec");
        url.query = options.address.query.clone();
        url.target(&options, until, waker)
    }

    fn checked(self) -> Result<Options> {
        if let Some(fault) = self.fault {
            return Err(Error::Option(fault));
        }
        let address = Address::parse(&self.url)?;
        if address.secure {
            let text = "https and wss need TLS, which this version does not have";
            return Err(Error::Option(text.into()));
        }
        for (name, value) in &self.headers {
            check_header(name, value)?;
        }
        if self.max_length == 0 {
            let text = "max_length 0 lets no message in; `usize::MAX` is no bound";
            return Err(Error::Option(text.into()));
        }
        let slash = if self.pathname.starts_with('/') { "" } else { "/" };
        let pathname = format!("{slash}{}", self.pathname);
        check_path(&pathname)?;
        if !address.path.is_empty() && address.path != pathname {
            let path = address.path.escape_debug();
            log::warn!("the URL's path `{path}` is not used, but the pathname `{pathname}`");
        }
        Ok(Options {
            address,
            transport: Kind::of_name(&self.transformer)?.client(&self.transport)?,
            parser: self.parser,
            pathname,
            headers: self.headers,
            reconnect: self.reconnect,
            seed: self.seed,
            timeout: self.timeout,
            heartbeat: self.heartbeat,
            happn: self.happn,
            strategy: parse_strategy(&self.strategy)?,
            network: self.network,
            queue_size: self.queue_size,
            max_length: self.max_length,
            inbox: self.inbox,
            values: self.values,
            close_timeout: self.close_timeout,
            connector: self.connector,
            clock: self.clock,
        })
    }
}

impl Options {
    /// What an attempt asks for before listeners had a look at it.
    /// What is connected to, as errors call it.
    pub fn place(&self) -> String {
        let Address { secure, host, port, .. } = &self.address;
        place(*secure, host, *port, &self.pathname)
    }

    /// Where the next connection goes.
    pub fn outgoing_url(&self, buster: String) -> OutgoingUrl {
        let Address { host, port, auth, query, .. } = self.address.clone();
        let mut query = query;
        query.push(("_primuscb".into(), buster));
        if let (true, ClientMode::ClientPings { interval, timeout }) = (self.happn, self.heartbeat)
        {
            let ping = interval.map_or("false".into(), |i| timer_ms(i).to_string());
            query.push(("ping".into(), ping));
            query.push(("pong".into(), timer_ms(timeout).to_string()));
        }
        let (pathname, headers) = (self.pathname.clone(), self.headers.clone());
        OutgoingUrl { host, port, auth, pathname, query, headers }
    }
}

/// A span that may also be given as none, or as zero, which is the same.
fn limit(span: impl Into<Option<Duration>>) -> Option<Duration> {
    span.into().filter(|span| !span.is_zero())
}

/// Milliseconds, at most what a timer in JavaScript can hold: with more it
/// fires at once.
fn timer_ms(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX).min(i32::MAX as u32)
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

/// Header fields that belong to the handshake.
const RESERVED: [&str; 6] =
    ["connection", "content-length", "host", "te", "transfer-encoding", "upgrade"];

/// A header must not be able to change the request around it.
pub(crate) fn check_header(name: &str, value: &str) -> Result<()> {
    let lower = name.to_ascii_lowercase();
    let text = if !is_token(name) {
        format!("header `{}`: not a header name", name.escape_debug())
    } else if RESERVED.contains(&lower.as_str()) || lower.starts_with("sec-websocket-") {
        format!("header `{name}` belongs to the handshake")
    } else if !value.bytes().all(is_text_byte) {
        format!("header `{name}`: the value has a control character")
    } else {
        return Ok(());
    };
    Err(Error::Option(text))
}

/// Nor must the path.
pub(crate) fn check_path(path: &str) -> Result<()> {
    if path.starts_with('/') && path.bytes().all(|b| b > b' ' && b < 0x7f && b != b'#' && b != b'?')
    {
        return Ok(());
    }
    Err(Error::Option(format!("pathname `{}` cannot stand in a URL", path.escape_debug())))
}
