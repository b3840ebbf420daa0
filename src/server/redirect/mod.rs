//! From `http` to `https`.

mod location;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::http::server::{Accepted, Acceptor, Connection, Next, Request, Speaks, refusal};
use crate::net::{self, Listener};
use crate::server::inner::Inner;
use crate::server::primus::Primus;

/// What the answer has beside the address, as that of JavaScript's
/// `Primus.createServer`.
const SECURITY: (&str, &str) = ("Strict-Transport-Security", "max-age=8640000; includeSubDomains");

/// Where [`Primus::redirect_from`] listens, and where it sends clients to.
///
/// ```
/// use primus::Redirect;
///
/// // Clients reach the server's port 8443 as 443, and by these names alone.
/// let redirect = Redirect::from(8080).to_port(443).hosts(["example.com", "www.example.com"]);
/// ```
#[derive(Debug)]
#[must_use = "nothing happens before `Primus::redirect_from`"]
pub struct Redirect {
    from: Place,
    port: Option<u16>,
    hosts: Option<Vec<String>>,
}

/// Where it listens.
#[derive(Debug)]
enum Place {
    Port(u16),
    Address(SocketAddr),
    Listener(TcpListener),
}

impl From<u16> for Redirect {
    /// On this port of all addresses.
    fn from(port: u16) -> Self {
        Redirect::on(Place::Port(port))
    }
}

impl From<SocketAddr> for Redirect {
    /// On this address.
    fn from(address: SocketAddr) -> Self {
        Redirect::on(Place::Address(address))
    }
}

impl From<TcpListener> for Redirect {
    /// On a listener of the application's.
    fn from(listener: TcpListener) -> Self {
        Redirect::on(Place::Listener(listener))
    }
}

impl Redirect {
    fn on(from: Place) -> Self {
        Redirect { from, port: None, hosts: None }
    }

    /// The port that clients are sent to. Default: that of the first address that
    /// the server [listens](Primus::listen) on when a client comes; 443 if there is
    /// none.
    pub fn to_port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// The hosts that the server answers for; whoever asks for another gets 404.
    /// Case, and a dot at the end, do not matter; an IPv6 address has brackets.
    /// Default: all, and each client is sent to the one that it asked for.
    pub fn hosts<I: IntoIterator<Item: Into<String>>>(mut self, hosts: I) -> Self {
        let hosts = hosts.into_iter().map(|host| bare(&host.into()).to_ascii_lowercase());
        self.hosts = Some(hosts.collect());
        self
    }
}

/// A host without the dot that may end it.
fn bare(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

/// # `https` and `wss`
impl Primus {
    /// Listens on another port, without TLS, and sends all who come there to this
    /// server: every request is answered with 301 and the same address by `https`,
    /// whatever its method, and the connection ends with that. JavaScript's
    /// `Primus.createServer` has it as its option `redirect`. Returns the address on
    /// which it listens.
    ///
    /// ```no_run
    /// use primus::{Primus, Tls};
    ///
    /// let tls = Tls::from_pem_files("fullchain.pem", "privkey.pem");
    /// let primus = Primus::builder().tls(tls).build()?;
    /// primus.listen("[::]:443")?;
    /// primus.redirect_from(80)?;
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// It takes a port, a [`SocketAddr`], a [`TcpListener`], or a [`Redirect`] of them.
    ///
    /// Path and query stay as they are, but for characters that no URL has, which are
    /// escaped. The host is that of the request, without its port. One that is no
    /// name and no address is answered with 400, and never sent back; a request of
    /// HTTP/1.0 that names none, or any that names one which is not among the
    /// [hosts](Redirect::hosts), with 404. A request for a WebSocket is answered as any
    /// other: browsers do not follow, so pages say `wss`.
    ///
    /// The answer has `Strict-Transport-Security` as that of JavaScript has it.
    /// Browsers heed it over `https` only (RFC 6797): set it there, in your own
    /// pages or in a [layer](Primus::middleware).
    ///
    /// These connections count among [`Limits::connections`](crate::Limits), have its
    /// bounds on heads and the time of [`head_timeout`](crate::Limits::head_timeout),
    /// and end with the server.
    ///
    /// # Errors
    /// [`Error::Option`] when the server was built without [`tls`](crate::Builder::tls);
    /// [`Error::Io`] when the address cannot be used, which the text names;
    /// [`Error::Closed`] after [`destroy`](Self::destroy).
    #[doc(alias = "redirect")]
    pub fn redirect_from(&self, redirect: impl Into<Redirect>) -> Result<SocketAddr> {
        if !self.0.tls.is_on() {
            let text = "redirect_from: the server was built without `tls`";
            return Err(Error::Option(text.into()));
        }
        if self.0.is_closing() {
            return Err(Error::Closed);
        }
        let Redirect { from, port, hosts } = redirect.into();
        let listener = match from {
            Place::Port(port) => bind_all(port)?,
            Place::Address(address) => net::bind(&address)?,
            Place::Listener(listener) => listener,
        };
        let address = listener.local_addr()?;
        let rules = Rules { port, hosts };
        let server = self.0.clone();
        let serve = move |accepted| serve(&server, &rules, accepted);
        let listener = Listener::Tcp(listener);
        let connections = self.0.connections.clone();
        self.attend(Acceptor::start(listener, connections, Speaks::Http, serve)?)?;
        Ok(address)
    }
}

/// Binds a port of all addresses. Where there is IPv6, its socket takes IPv4 too.
fn bind_all(port: u16) -> io::Result<TcpListener> {
    let all: [SocketAddr; 2] =
        [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()];
    net::bind(&&all[..])
}

/// Where clients are sent to.
struct Rules {
    port: Option<u16>,
    hosts: Option<Vec<String>>,
}

/// Answers the one request of a connection.
fn serve(server: &Arc<Inner>, rules: &Rules, accepted: Accepted) {
    accepted.stream.set_nodelay();
    let mut connection = Connection::new(accepted, server.limits.clone());
    match connection.next_request() {
        Next::Request(request) => {
            let bytes = answer(server, rules, &request);
            connection.finish(&bytes);
        }
        Next::Refused(status) => server.metrics.refused(status),
        Next::Idle(_) | Next::Closed => {}
    }
}

fn answer(server: &Inner, rules: &Rules, request: &Request) -> Vec<u8> {
    match rules.location(server, request) {
        Ok(location) => refusal(&request.version(), 301, &[("Location", &location), SECURITY], b""),
        Err((status, text)) => {
            server.metrics.refused(status);
            let fields = [("Content-Type", "text/plain")];
            // An answer to HEAD has no body.
            let is_head = *request.method() == tiny_http::Method::Head;
            let text = if is_head { "" } else { text };
            refusal(&request.version(), status, &fields, text.as_bytes())
        }
    }
}

impl Rules {
    /// Where the client is sent to; else a status and a text.
    fn location(&self, server: &Inner, request: &Request) -> Result<String, (u16, &'static str)> {
        let host = location::host(request).map_err(|()| (400, "bad host"))?;
        let host = host.filter(|host| self.is_ours(host)).ok_or((404, "no such host here"))?;
        let port = self.port.or_else(|| Some(server.roster.lock().addresses.first()?.port()));
        let location = location::location(request, &host, port.unwrap_or(443));
        location.ok_or((404, "Not Found"))
    }

    fn is_ours(&self, host: &str) -> bool {
        let hosts = self.hosts.as_ref();
        hosts.is_none_or(|hosts| hosts.iter().any(|ours| ours == bare(host)))
    }
}
