//! The plugin, and what it is told to do.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::endpoint::{Endpoint, LAYER, Reader, Route};
use super::forward::{Forwarder, Settings};
use super::trust::Trust;
use crate::client::url::{basic, is_path};
use crate::error::{BoxError, Error, Result};
use crate::events::ListenerId;
use crate::http::is_token;
use crate::middleware::{Exchange, HttpError, On};
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;
use crate::plugins::Plugin;
use crate::plugins::calls::missing;
use crate::server::Primus;

/// Methods by which no answer with a body comes to a request with one.
const UNFIT: [&str; 4] = ["CONNECT", "HEAD", "OPTIONS", "TRACE"];

/// The plugin `omega`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin).
pub struct Omega {
    user: String,
    password: String,
    url: String,
    method: String,
    reader: Option<Arc<Reader>>,
    trusted: Option<Vec<String>>,
    concurrently: usize,
    connect_timeout: Duration,
    timeout: Duration,
    #[cfg(feature = "tls")]
    tls: Option<ClientTls>,
    installed: OnceLock<Installed>,
}

struct Installed {
    forwarder: Arc<Forwarder>,
    closed: ListenerId,
}

impl Omega {
    /// With the name and the password by which servers let each other in: the same on
    /// all of them. There is no default, as anybody who knows both and reaches the port
    /// can write to every client; make the password with a generator.
    ///
    /// Neither may be empty or have control characters, and the name no colon: it is
    /// not registered then.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Omega {
            user: user.into(),
            password: password.into(),
            url: "/primus/omega/supreme".into(),
            method: "PUT".into(),
            reader: None,
            trusted: None,
            concurrently: 20,
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            #[cfg(feature = "tls")]
            tls: None,
            installed: OnceLock::new(),
        }
    }

    /// The path of the end point, here and on the servers that messages are forwarded
    /// to. It must begin with this server's [`pathname`](crate::Builder::pathname), and
    /// is taken literally. Defaults to `/primus/omega/supreme`.
    pub fn url(mut self, path: impl Into<String>) -> Self {
        self.url = path.into();
        self
    }

    /// The method of requests to it, in any case; not `CONNECT`, `HEAD`, `OPTIONS` or
    /// `TRACE`. Defaults to `PUT`.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_ascii_uppercase();
        self
    }

    /// Reads the bodies of requests in place of the plugin, which reads at most
    /// [`Limits::body`](crate::Limits::body) bytes: what it gives is taken for the body, as
    /// if that had come. It can check a signature, say, or decipher. It is asked when
    /// method, path and credentials are right, on the thread of the connection. An error
    /// is the answer.
    ///
    /// ```
    /// use primus::middleware::HttpError;
    /// use primus::plugins::Omega;
    ///
    /// let omega = Omega::new("omega", "a long secret").reader(|exchange| {
    ///     let body = exchange.read_body(10_000)?;
    ///     // What is not signed is not taken.
    ///     match exchange.request().header("x-signature") {
    ///         Some(signature) if is_right(signature, &body) => Ok(body),
    ///         _ => Err(HttpError::new(403, "the signature is missing or wrong")),
    ///     }
    /// });
    /// # fn is_right(_: &str, _: &[u8]) -> bool { true }
    /// ```
    pub fn reader(
        mut self,
        reader: impl Fn(&mut Exchange<'_>) -> Result<Vec<u8>, HttpError> + Send + Sync + 'static,
    ) -> Self {
        self.reader = Some(Arc::new(reader));
        self
    }

    /// The servers that may see name and password: to others nothing is forwarded, wherever
    /// their address comes from, and the attempt is in
    /// [`Forwarded::failed`](super::Forwarded::failed). Defaults to all that
    /// [`forward`](super::PrimusForward::forward) is told of, and with `metroplex` to all
    /// that stand in Redis with a URL of `http` or `https`.
    ///
    /// Each is written as `10.0.0.0/8`, `10.0.0.1`, `fd00::/8`, `host.example`,
    /// `*.example` or `*`, with a scheme before it where only that one will do, and a port
    /// behind it where only that one will. An address is compared with addresses and a
    /// name with names: no name is looked up. With this option nothing is forwarded to
    /// Unix sockets.
    ///
    /// ```
    /// # use primus::plugins::Omega;
    /// let omega = Omega::new("omega", "a long secret").trusted(["https://*.fleet.example"]);
    /// let omega = Omega::new("omega", "a long secret").trusted(["10.1.0.0/16", "[::1]:8080"]);
    /// ```
    pub fn trusted(mut self, servers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.trusted = Some(servers.into_iter().map(Into::into).collect());
        self
    }

    /// To how many servers at a time one call forwards a message; at least one. Defaults
    /// to 20.
    pub fn concurrently(mut self, servers: usize) -> Self {
        self.concurrently = servers;
        self
    }

    /// How long a server to which messages are forwarded may take to accept a connection,
    /// the TLS handshake included; more than nothing. Defaults to 2 s.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// How long it may take all in all, until it has answered; more than nothing. Defaults
    /// to 5 s.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How TLS is spoken with servers whose address is one of `https`. Defaults to
    /// [`ClientTls::new`].
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The `Authorization` header, if all that was given can be used.
    ///
    /// # Errors
    /// [`Error::Option`] that names what cannot.
    fn check(&self, pathname: &str) -> Result<String> {
        let bad = |text: String| Err(Error::Option(format!("omega: {text}")));
        let Omega { user, password, url, method, .. } = self;
        if user.is_empty() || password.is_empty() {
            return bad("the name and the password must not be empty".into());
        }
        if user.contains(':') {
            return bad("the name must not have a colon".into());
        }
        if !is_path(url) || Route::new(url).is_empty() {
            return bad(format!("url `{}` cannot be the path of a request", url.escape_debug()));
        }
        if !url.starts_with(pathname) {
            return bad(format!(
                "url `{url}` must begin with the server's pathname, which is `{pathname}`: \
                 no request would come to it"
            ));
        }
        if !is_token(method) || UNFIT.contains(&&**method) {
            return bad(format!("method `{}` cannot be used", method.escape_debug()));
        }
        if self.concurrently == 0 {
            return bad("concurrently must be at least 1".into());
        }
        if self.connect_timeout.is_zero() || self.timeout.is_zero() {
            return bad("the time-outs must be more than nothing".into());
        }
        match basic(&format!("{user}:{password}")) {
            Ok(Some(authorization)) => Ok(authorization),
            _ => bad("name and password must not have control characters".into()),
        }
    }

    fn settings<'a>(&'a self, primus: &'a Primus, authorization: String) -> Result<Settings<'a>> {
        Ok(Settings {
            line: format!("{} {}", self.method, self.url),
            authorization,
            trust: Trust::of(self.trusted.as_deref())?,
            at_most: self.concurrently,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            #[cfg(feature = "tls")]
            tls: self.tls.as_ref(),
            timer: &primus.0.timer,
        })
    }

    fn endpoint(&self, primus: &Primus, authorization: String) -> Endpoint {
        let limit = primus.0.limits.body;
        let read = || Arc::new(move |exchange: &mut Exchange<'_>| exchange.read_body(limit)) as _;
        Endpoint {
            primus: primus.downgrade(),
            route: Route::new(&self.url),
            method: self.method.clone(),
            authorization,
            reader: self.reader.clone().unwrap_or_else(read),
            values: primus.0.limits.values,
        }
    }
}

impl Plugin for Omega {
    fn name(&self) -> &str {
        "omega"
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let authorization = self.check(&primus.0.options.pathname)?;
        if (&*self.user, &*self.password) == ("omega", "supreme") {
            log::warn!("omega: this name and password are npm's default, which everybody knows");
        }
        let forwarder = Arc::new(Forwarder::new(self.settings(primus, authorization.clone())?)?);
        let endpoint = self.endpoint(primus, authorization);
        let at = primus.middleware().index_of("authorization").unwrap_or(usize::MAX);
        primus
            .middleware()
            .use_layer_at(at, LAYER, On::Requests, move |exchange| endpoint.layer(exchange));
        let of_server = forwarder.clone();
        let closed = primus.on_close(move |_| of_server.close());
        let _ = self.installed.set(Installed { forwarder, closed });
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        primus.middleware().remove(LAYER);
        if let Some(Installed { forwarder, closed }) = self.installed.get() {
            primus.off(*closed);
            forwarder.close();
        }
    }
}

impl fmt::Debug for Omega {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Omega")
            .field("url", &self.url)
            .field("method", &self.method)
            .field("trusted", &self.trusted)
            .field("concurrently", &self.concurrently)
            .finish_non_exhaustive()
    }
}

/// What forwards the messages of a server.
///
/// # Errors
/// [`Error::Misuse`] where the plugin is not registered.
pub(super) fn forwarder_of(primus: &Primus) -> Result<Arc<Forwarder>> {
    let omega = primus.plugin::<Omega>();
    let installed = omega.as_deref().and_then(|omega| omega.installed.get());
    installed.map(|installed| installed.forwarder.clone()).ok_or_else(|| missing("omega"))
}
