//! The `cors` layer: which pages of other origins may use this server.
//!
//! By default any origin may, as in Primus, whose clients are often on another
//! host than the server. Once `origins` is set it binds plain requests and
//! upgrades alike: browsers do not apply CORS to WebSockets, so without that
//! any page could use its visitor's cookies to connect.

use std::time::Duration;

use super::{Exchange, Flow, HttpError};
use crate::error::Error;
use crate::http::server::{is_scheme, is_sound, text};

/// The CORS options, with the names and defaults of Primus.
#[derive(Clone, Debug)]
pub(crate) struct Cors {
    /// The origins that may use the server. Any.
    pub(crate) origins: Origins,
    /// The methods of plain requests that they may use. GET, HEAD, PUT, POST,
    /// DELETE, OPTIONS. Empty: all.
    pub(crate) methods: Vec<String>,
    /// Whether requests may carry cookies and the like. Yes.
    pub(crate) credentials: bool,
    /// How long a browser may remember the answer to a preflight. 30 days.
    pub(crate) max_age: Duration,
    /// The request headers that are allowed; empty: those that are asked for.
    pub(crate) headers: Vec<String>,
    /// The response headers that pages may read.
    pub(crate) exposed: Vec<String>,
}

impl Default for Cors {
    fn default() -> Self {
        let methods = ["GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"];
        Cors {
            origins: Origins::default(),
            methods: methods.map(str::to_owned).to_vec(),
            credentials: true,
            max_age: Duration::from_secs(30 * 24 * 3600),
            headers: Vec::new(),
            exposed: Vec::new(),
        }
    }
}

impl Cors {
    /// Whether the options can be put into headers.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let lists =
            [("methods", &self.methods), ("headers", &self.headers), ("exposed", &self.exposed)];
        for (option, values) in lists {
            if let Some(bad) = values.iter().find(|v| v.is_empty() || !is_sound("x", v)) {
                return Err(Error::Option(format!("{option}: {bad:?} cannot be sent in a header")));
            }
        }
        Ok(())
    }
}

pub(super) fn layer(
    cors: Cors,
) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static {
    move |exchange| {
        let request = exchange.request();
        let mut origins = request.headers().filter(|(name, _)| *name == "origin");
        let Some((_, origin)) = origins.next() else { return Ok(Flow::Next) };
        let method = request.method().as_str();
        let allowed = origins.next().is_none() && cors.origins.allow(origin);
        if exchange.is_upgrade() {
            return Ok(if allowed { Flow::Next } else { forbidden(origin, method) });
        }
        let listed = cors.methods.is_empty() || cors.methods.iter().any(|m| m == method);
        if !allowed || !listed {
            return Ok(forbidden(origin, method));
        }
        cors.name_origin(exchange, origin)?;
        if method == "OPTIONS" {
            let wanted = request.header("access-control-request-method");
            if wanted.is_some_and(|method| !method.is_empty()) {
                return cors.preflight(exchange);
            }
        }
        if !cors.exposed.is_empty() {
            exchange.set_header("access-control-expose-headers", &cors.exposed.join(", "))?;
        }
        Ok(Flow::Next)
    }
}

impl Cors {
    fn name_origin(&self, exchange: &mut Exchange<'_>, origin: &str) -> Result<(), HttpError> {
        if self.origins.is_any() && !self.credentials {
            exchange.set_own("access-control-allow-origin", "*");
            return Ok(());
        }
        exchange.set_header("access-control-allow-origin", origin)?;
        exchange.append_header("Vary", "Origin")?;
        if self.credentials {
            exchange.set_own("access-control-allow-credentials", "true");
        }
        Ok(())
    }

    fn preflight(&self, exchange: &mut Exchange<'_>) -> Result<Flow, HttpError> {
        let request = exchange.request();
        if !self.max_age.is_zero() {
            let seconds = self.max_age.as_secs().to_string();
            exchange.set_header("access-control-max-age", &seconds)?;
        }
        if !self.methods.is_empty() {
            exchange.set_header("access-control-allow-methods", &self.methods.join(", "))?;
        }
        let headers = match self.headers.is_empty() {
            true => request.header_list("access-control-request-headers").collect::<Vec<_>>(),
            false => self.headers.iter().map(String::as_str).collect(),
        };
        let headers = headers.join(", ");
        if !headers.is_empty() && is_sound("x", &headers) {
            exchange.set_header("access-control-allow-headers", &headers)?;
        }
        Ok(Flow::Respond(tiny_http::Response::empty(200).boxed()))
    }
}

/// The refusal, word for word that of Primus. It repeats what the client sent,
/// so no browser may take it for anything but text.
fn forbidden(origin: &str, method: &str) -> Flow {
    let body = format!(
        "Invalid HTTP Access Control (CORS) request:\n  Origin: {origin}\n  Method: {method}"
    );
    let response = text(403, body);
    let sniff = tiny_http::Header::from_bytes("X-Content-Type-Options", "nosniff");
    Flow::Respond(match sniff {
        Ok(header) => response.with_header(header),
        Err(()) => response,
    })
}

/// Which origins are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origins {
    /// Any.
    #[default]
    Any,
    /// Those that one of these matches.
    Listed(Vec<Pattern>),
}

impl Origins {
    /// Reads the `origins` option: `*`, or origins separated by commas or
    /// spaces. An origin is `scheme://host[:port]`, or `null`. The host may
    /// begin with `*.`, for all names below it but not itself; the port may be
    /// `*`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let mut listed = Vec::new();
        for origin in text.split([',', ' ']).filter(|origin| !origin.is_empty()) {
            if origin == "*" {
                return Ok(Origins::Any);
            }
            let pattern = Pattern::parse(origin).ok_or_else(|| {
                Error::Option(format!(
                    "origins: {origin:?} is not an origin such as `https://example.com`, \
                     `https://*.example.com:8443`, `null` or `*`"
                ))
            })?;
            listed.push(pattern);
        }
        if listed.is_empty() {
            return Err(Error::Option("origins: no origin is given; `*` allows any".into()));
        }
        Ok(Origins::Listed(listed))
    }

    /// Whether any origin is allowed.
    pub(crate) fn is_any(&self) -> bool {
        *self == Origins::Any
    }

    /// Whether an `Origin` header is acceptable.
    pub(crate) fn allow(&self, origin: &str) -> bool {
        if origin.contains('%') || !is_sound("origin", origin) {
            return false;
        }
        match self {
            Origins::Any => origin.eq_ignore_ascii_case("null") || names_scheme(origin),
            Origins::Listed(patterns) => patterns.iter().any(|pattern| pattern.matches(origin)),
        }
    }
}

/// Whether the text begins like a URL.
fn names_scheme(origin: &str) -> bool {
    let scheme = origin.split_once(':').map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// An allowed origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// What sandboxed pages and local files send.
    Null,
    /// Scheme, host and port.
    Url {
        /// In lower case.
        scheme: String,
        /// In lower case; without the `*` of `*.example.com`.
        host: String,
        /// Whether all hosts are meant that end in `host`.
        below: bool,
        /// `None`: any.
        port: Option<u16>,
    },
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("null") {
            return Some(Pattern::Null);
        }
        let text = text.strip_suffix('/').filter(|t| !t.ends_with('/')).unwrap_or(text);
        let (text, any_port) = match text.strip_suffix(":*") {
            Some(text) => (text, true),
            None => (text, false),
        };
        let lower = text.to_ascii_lowercase();
        let below = lower.contains("://*.");
        let plain = if below { lower.replacen("://*.", "://", 1) } else { lower };
        let (scheme, host, port) = split_origin(&plain)?;
        if below && host.is_empty() {
            return None;
        }
        let host = if below { format!(".{host}") } else { host.to_owned() };
        Some(Pattern::Url {
            scheme: scheme.to_owned(),
            host,
            below,
            port: (!any_port).then_some(port),
        })
    }

    fn matches(&self, origin: &str) -> bool {
        let lower = origin.to_ascii_lowercase();
        match self {
            Pattern::Null => lower == "null",
            Pattern::Url { scheme, host, below, port } => {
                split_origin(&lower).is_some_and(|(s, h, p)| {
                    let same = match below {
                        true => h.len() > host.len() && h.ends_with(host.as_str()),
                        false => h == host,
                    };
                    same && s == scheme && port.is_none_or(|port| port == p)
                })
            }
        }
    }
}

/// Splits `scheme://host[:port]` in lower case; the port is that of the scheme
/// when it is not named, 0 when that is unknown.
fn split_origin(origin: &str) -> Option<(&str, &str, u16)> {
    let (scheme, rest) = origin.split_once("://")?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
        None => match scheme {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => 0,
        },
    };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let host_sound = match bracketed {
        true => host.bytes().all(|b| b.is_ascii_hexdigit() || b"[]:.".contains(&b)),
        false if host.is_empty() => scheme == "file",
        false => host.bytes().all(sound) && !host.starts_with('.'),
    };
    (is_scheme(scheme) && host_sound).then_some((scheme, host, port))
}
