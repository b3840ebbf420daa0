//! The request that a connection began with, as the application sees it.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::sync::OnceLock;

use tiny_http::{HTTPVersion, Method};

use crate::base64;
use crate::http::fields::Fields;
use crate::http::head::{BodyLength, RequestHead};
use crate::http::query;
use crate::net::Stream;
#[cfg(feature = "tls")]
use crate::net::tls::PeerCertificate;

/// Where a client is, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// The IP address; 127.0.0.1 when there is none (a Unix socket), as in
    /// Primus.
    pub ip: IpAddr,
    /// The port; 0 when it is not known.
    pub port: u16,
    /// The client is on a Unix socket, and no proxy has said whom it stands for.
    pub unix: bool,
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Address { ip: socket.ip().to_canonical(), port: socket.port(), unix: false }
    }
}

impl fmt::Display for Address {
    /// As socket addresses are written: `192.0.2.1:80`, `[2001:db8::1]:80`; and
    /// `unix`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.unix {
            return f.write_str("unix");
        }
        SocketAddr::new(self.ip, self.port).fmt(f)
    }
}

impl Default for Address {
    fn default() -> Self {
        Address { ip: Ipv4Addr::LOCALHOST.into(), port: 0, unix: false }
    }
}

/// The head of an HTTP request: method, target and header fields.
///
/// It never changes after it was read, and is kept in one compact buffer for
/// the life of the spark that it led to.
pub struct Request {
    method: Method,
    version: HTTPVersion,
    fields: Fields,
    body: BodyLength,
    path: Range<u32>,
    query: Range<u32>,
    remote: Option<SocketAddr>,
    is_unix: bool,
    address: OnceLock<Address>,
    #[cfg(feature = "tls")]
    secure: Secure,
}

/// What is known by TLS.
#[cfg(feature = "tls")]
#[derive(Default)]
struct Secure {
    is: bool,
    certificate: Option<Arc<PeerCertificate>>,
}

impl Request {
    pub(crate) fn new(head: RequestHead, remote: Option<SocketAddr>) -> Self {
        let RequestHead { method, version, fields, body } = head;
        let (path, query) = split_target(fields.lead());
        let (address, is_unix) = (OnceLock::new(), false);
        Request {
            method,
            version,
            fields,
            body,
            path,
            query,
            remote,
            is_unix,
            address,
            #[cfg(feature = "tls")]
            secure: Secure::default(),
        }
    }

    /// What stands for the request of a connection that began with none.
    pub(crate) fn none(remote: Option<SocketAddr>) -> Self {
        let head = RequestHead {
            method: Method::Get,
            version: HTTPVersion(1, 0),
            fields: Fields::none(),
            body: BodyLength::Known(0),
        };
        Request::new(head, remote)
    }

    /// Says what it came over.
    pub(crate) fn over(mut self, stream: &Stream) -> Self {
        self.is_unix = stream.is_unix();
        #[cfg(feature = "tls")]
        if stream.is_secure() {
            self.secure = Secure { is: true, certificate: stream.peer().cloned() };
        }
        self
    }

    /// Whether the connection itself is one of TLS (`https`); behind a proxy that
    /// speaks TLS in the server's stead it is not.
    #[cfg(feature = "tls")]
    pub fn is_secure(&self) -> bool {
        self.secure.is
    }

    /// The certificate that the client has shown, and the server has verified; see
    /// [`Tls::client_roots`](crate::Tls::client_roots).
    #[cfg(feature = "tls")]
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.secure.certificate.as_deref()
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The HTTP version: 1.0 or 1.1.
    pub fn version(&self) -> HTTPVersion {
        self.version.clone()
    }

    /// The request target as it was sent, usually path and query.
    pub fn url(&self) -> &str {
        self.fields.lead()
    }

    /// The path of the target, not decoded; without query. Of a target in
    /// absolute form (`http://host/path`) it is the path alone.
    pub fn path(&self) -> &str {
        match self.part(&self.path) {
            "" => "/",
            path => path,
        }
    }

    /// The query as it was sent, without `?`; empty when there is none.
    pub fn query(&self) -> &str {
        self.part(&self.query)
    }

    /// The decoded pairs of the query, in order, at most 1,000.
    ///
    /// They are read as Node's `querystring` reads them: percent-decoded, `+`
    /// is a space, a key without `=` has an empty value. Nothing is an error:
    /// broken escapes stay as they are, and what is not UTF-8 becomes U+FFFD.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        query::pairs(self.query())
    }

    /// The decoded value of the first query parameter of this name; see
    /// [`query_pairs`](Self::query_pairs).
    pub fn query_param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// User and password of an `Authorization: Basic` header (RFC 7617),
    /// decoded; `None` when there is none or it is not in order. What is not
    /// UTF-8 is taken for Latin-1, as the older clients send it.
    pub fn basic_auth(&self) -> Option<(String, String)> {
        let (scheme, digits) = self.header("authorization")?.split_once(' ')?;
        let bytes = base64::decode(digits.trim_matches(' '))?;
        let latin = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = String::from_utf8(bytes).unwrap_or_else(|error| latin(error.as_bytes()));
        let (user, password) = text.split_once(':')?;
        let sound = scheme.eq_ignore_ascii_case("basic") && !text.contains(char::is_control);
        sound.then(|| (user.to_owned(), password.to_owned()))
    }

    /// The value of a header field; case does not matter. Bytes that are not
    /// ASCII are decoded as Latin-1, as Node does.
    ///
    /// Of a field that was sent more than once the values come joined, in the
    /// order sent, as from Node: with `; ` those of `Cookie`, which HTTP/2 front
    /// ends often split, with `, ` those of every other, as they are lists. But
    /// the first alone counts of `Age`, `Authorization`, `Content-Type`, `ETag`,
    /// `Expires`, `From`, `If-Modified-Since`, `If-Unmodified-Since`,
    /// `Last-Modified`, `Location`, `Max-Forwards`, `Proxy-Authorization`,
    /// `Referer`, `Retry-After`, `Server`, `Set-Cookie` and `User-Agent`. A
    /// request with two of `Host`, `Content-Length` or `Transfer-Encoding` is
    /// refused with 400. [`headers`](Self::headers) has each as it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.get(name)
    }

    /// All header fields in the order received, as (lower-case name, value).
    /// A name occurs as often as it was sent.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter()
    }

    /// The elements of a list header such as `Accept` or
    /// `Sec-WebSocket-Protocol`, over all its fields, split at commas, trimmed,
    /// without empty ones. Quoted strings are not treated specially.
    pub fn header_list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.fields.list(name)
    }

    /// Whether the client has what has this tag (`If-None-Match`): weak tags count
    /// too, as RFC 9110 has it.
    pub(crate) fn knows(&self, etag: &str) -> bool {
        let mut known = self.header_list("if-none-match");
        known.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
    }

    /// The address of the other end of the connection itself, which may be a
    /// proxy; `None` for a Unix socket.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.remote
    }

    /// The client's address as the `forwarded` middleware worked it out; the
    /// other end of the connection when it did not run or found no proxy.
    pub fn address(&self) -> Address {
        self.address.get().copied().unwrap_or_else(|| self.peer_address())
    }

    /// The address of the other end of the connection itself.
    pub(crate) fn peer_address(&self) -> Address {
        let nowhere = Address { unix: self.is_unix, ..Address::default() };
        self.remote.map_or(nowhere, Address::from)
    }

    /// Settles [`address`](Self::address); what was set first stays.
    pub(crate) fn set_address(&self, address: Address) {
        let _ = self.address.set(address);
    }

    /// Whether the client asks for a WebSocket on this connection: `Upgrade`
    /// lists `websocket`, and `Connection` lists `upgrade`. A request that offers
    /// other protocols (`h2c`), or that has a body, is served as an ordinary
    /// request, as RFC 9110 section 7.8 allows.
    ///
    /// A request of HTTP/1.0 is one too if it is a GET with a
    /// `Sec-WebSocket-Key`. RFC 9110 would have `Upgrade` ignored there; but
    /// nginx speaks HTTP/1.0 to servers unless it is told otherwise, passes such
    /// handshakes on and understands the answer, and Node's servers accept them.
    pub fn is_upgrade(&self) -> bool {
        self.body == BodyLength::Known(0)
            && self.fields.lists("connection", "upgrade")
            && self.fields.lists("upgrade", "websocket")
            && (self.version >= (1, 1)
                || self.method == Method::Get && self.header("sec-websocket-key").is_some())
    }

    /// Whether the client will reuse the connection after the answer.
    pub fn keep_alive(&self) -> bool {
        if self.version >= (1, 1) {
            !self.fields.lists("connection", "close")
        } else {
            self.fields.lists("connection", "keep-alive")
                && !self.fields.lists("connection", "close")
        }
    }

    /// How long the body is.
    pub(crate) fn body(&self) -> BodyLength {
        self.body
    }

    fn part(&self, range: &Range<u32>) -> &str {
        self.url().get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

impl fmt::Debug for Request {
    /// Shows method, target and version, with control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} HTTP/{}", self.method, self.url().escape_debug(), self.version)
    }
}

/// Where path and query lie in a target. Targets are far below 4 GiB.
fn split_target(target: &str) -> (Range<u32>, Range<u32>) {
    // Nearly all are paths.
    let absolute = if target.starts_with('/') { None } else { target.split_once("://") };
    let start = match absolute {
        Some((scheme, rest)) if is_scheme(scheme) => {
            scheme.len() + 3 + rest.find(['/', '?', '#']).unwrap_or(rest.len())
        }
        _ => 0,
    };
    let end = target.find('#').filter(|&hash| hash >= start).unwrap_or(target.len());
    let mark = target.get(start..end).and_then(|t| t.find('?')).map(|at| start + at);
    let path = start as u32..mark.unwrap_or(end) as u32;
    let query = mark.map_or(end, |mark| mark + 1) as u32..end as u32;
    (path, query)
}

/// Whether the text may be the scheme of a URL.
pub(crate) fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}
