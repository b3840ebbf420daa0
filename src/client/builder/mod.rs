//! A client before it is built: what it is, and how it is made.
//!
//! The options stand in files by what they are about: `wire` what is spoken and over
//! what, `life` when it connects and for how long it waits, `bounds` how much it keeps;
//! `checked` is what becomes of them.

mod bounds;
mod checked;
mod life;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use super::Client;
use super::options::Given;
use super::plugins::ClientHalf;
use crate::error::Result;
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
    /// Beside what is in the URL.
    query: Vec<(String, String)>,
    strategy: String,
    manual: bool,
    server_plugins: Vec<String>,
    given: Given,
}

impl ClientBuilder {
    /// The defaults, for a server at `url`: see [`Client::builder`](crate::Client::builder).
    pub(crate) fn new(url: &str) -> Self {
        ClientBuilder {
            url: url.to_owned(),
            transformers: Kind::Websockets.name().into(),
            fault: None,
            transport: Vec::new(),
            query: Vec::new(),
            strategy: "disconnect, online, timeout".into(),
            manual: false,
            server_plugins: Vec::new(),
            given: Given::default(),
        }
    }

    /// Connects and waits until the connection is open. The first failure is
    /// final here; later losses follow the [`strategy`](Self::strategy):
    /// [`Client::recv`](crate::Client::recv) waits through the reconnects. A program that asks and
    /// waits may want `strategy("")`, with which a loss ends the client.
    ///
    /// # Errors
    /// | error | |
    /// |---|---|
    /// | [`Error::Option`](crate::Error::Option) | an option cannot be used |
    /// | [`Error::Io`](crate::Error::Io) | no server there: refused, unreachable, no such name, or cut off while connecting |
    /// | [`Error::Timeout`](crate::Error::Timeout) | nobody answered within [`timeout`](Self::timeout) |
    /// | [`Error::Refused`](crate::Error::Refused) | the server answered with another HTTP status |
    /// | [`Error::Protocol`](crate::Error::Protocol) | what answered is no such server |
    ///
    /// By [`build`](Self::build), which goes on trying, the statuses 401 and 403
    /// alone are final; all else is tried again. Later the client ends with
    /// [`Error::Ended`](crate::Error::Ended), whose [`may_reconnect`](crate::CloseReason::may_reconnect)
    /// is false when the end is meant (by the server, or by [`Client::end`](crate::Client::end)), and
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
    /// [`Error::Option`](crate::Error::Option) for an unusable option, [`Error::Io`](crate::Error::Io) when the
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
