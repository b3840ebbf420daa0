//! The `forwarded` layer: the client's address behind proxies.
//!
//! By default every forwarding header is believed, as in Primus: right behind
//! a proxy that sets it, wrong where clients can connect directly, because
//! they can write anything into it. [`TrustedProxies::list`] names the proxies
//! instead.

use std::net::IpAddr;
use std::str::FromStr;

use super::{Exchange, Flow, HttpError};
use crate::error::Error;
use crate::http::server::{Address, Request, is_local};

/// Whose forwarding headers are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Trust);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Trust {
    #[default]
    All,
    Listed(Vec<Network>),
}

impl TrustedProxies {
    /// Everybody's, the default: the client's address is the first one of the
    /// first header there is among `Fastly-Client-IP`, `X-Forwarded-For`,
    /// `Z-Forwarded-For`, `Forwarded` and `X-Real-IP`. A header with anything
    /// in it that is not an address is ignored.
    pub fn all() -> Self {
        TrustedProxies(Trust::All)
    }

    /// None: the address is the other end of the connection.
    pub fn none() -> Self {
        TrustedProxies(Trust::Listed(Vec::new()))
    }

    /// Those of proxies with these addresses or in these networks
    /// (`10.0.0.0/8`, `fd00::/8`, `192.0.2.7`). A peer on a Unix socket counts
    /// as one of them unless the list is empty.
    ///
    /// `X-Forwarded-For`, or `Forwarded` where the former is missing, is read
    /// from its end, where the nearest proxy wrote: the client's address is
    /// the first that is not a trusted proxy. Let the proxies remove the one
    /// of the two headers that they do not write.
    ///
    /// # Errors
    /// [`Error::Option`] names the entry that is no address or network.
    pub fn list<S: AsRef<str>>(proxies: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let networks = proxies.into_iter().map(|p| p.as_ref().trim().parse());
        Ok(TrustedProxies(Trust::Listed(networks.collect::<Result<_, _>>()?)))
    }

    /// The address of the client.
    pub(crate) fn address(&self, request: &Request) -> Address {
        let peer = request.remote_addr().map(Address::from);
        let found = match &self.0 {
            Trust::All => first_named(request),
            Trust::Listed(networks) if networks.is_empty() => None,
            Trust::Listed(networks) => nearest_untrusted(request, peer, listed(networks)),
        };
        found.unwrap_or_else(|| request.peer_address())
    }

    /// The address that a client counts by when places are shared out. It must not
    /// be able to choose it: where all headers are believed, those of peers that
    /// are no proxy of ours are not.
    pub(crate) fn counted(&self, request: &Request) -> IpAddr {
        let peer = request.remote_addr().map(Address::from);
        let found = match &self.0 {
            Trust::All => nearest_untrusted(request, peer, is_local),
            Trust::Listed(networks) if networks.is_empty() => None,
            Trust::Listed(networks) => nearest_untrusted(request, peer, listed(networks)),
        };
        found.or(peer).unwrap_or_default().ip
    }

    /// Whether the address is that of a proxy by name.
    pub(crate) fn lists(&self, ip: IpAddr) -> bool {
        match &self.0 {
            Trust::All => false,
            Trust::Listed(networks) => listed(networks)(ip.to_canonical()),
        }
    }
}

pub(super) fn layer(
    proxies: TrustedProxies,
) -> impl Fn(&mut Exchange<'_>) -> Result<Flow, HttpError> + Send + Sync + 'static {
    move |exchange| {
        let request = exchange.request();
        request.set_address(proxies.address(request));
        Ok(Flow::Next)
    }
}

/// The headers that Primus believes, and those with the port.
const HEADERS: [(&str, &str); 5] = [
    ("fastly-client-ip", "fastly-client-port"),
    ("x-forwarded-for", "x-forwarded-port"),
    ("z-forwarded-for", "z-forwarded-port"),
    ("forwarded", "forwarded-port"),
    ("x-real-ip", "x-real-port"),
];

/// A hop of a forwarding header.
type Hop = Option<Address>;

fn first_named(request: &Request) -> Option<Address> {
    let (name, port) = HEADERS.into_iter().find(|(name, _)| request.header(name).is_some())?;
    let hops = hops(request, name);
    if hops.iter().any(Option::is_none) {
        return None;
    }
    let mut first = hops.into_iter().next()??;
    if first.port == 0 {
        first.port = port_named(request, port);
    }
    Some(first)
}

fn port_named(request: &Request, header: &str) -> u16 {
    let ports = request.header(header).unwrap_or_default();
    ports.split(',').next().and_then(|port| port.trim().parse().ok()).unwrap_or(0)
}

/// Whether an address is in one of these networks.
fn listed(networks: &[Network]) -> impl Fn(IpAddr) -> bool {
    |ip| networks.iter().any(|network| network.contains(ip))
}

fn nearest_untrusted(
    request: &Request,
    peer: Option<Address>,
    trusted: impl Fn(IpAddr) -> bool,
) -> Option<Address> {
    if peer.is_some_and(|peer| !trusted(peer.ip)) {
        return None;
    }
    let header = ["x-forwarded-for", "forwarded"].into_iter();
    let name = header.into_iter().find(|name| request.header(name).is_some())?;
    let mut nearest = peer;
    for hop in hops(request, name).into_iter().rev() {
        // Beyond something that is no address nothing is trusted.
        let Some(address) = hop else { break };
        nearest = Some(address);
        if !trusted(address.ip) {
            break;
        }
    }
    nearest
}

/// The hops that a header names, the client's first.
fn hops(request: &Request, name: &str) -> Vec<Hop> {
    let values = request.headers().filter(|(n, _)| *n == name).map(|(_, value)| value);
    if name == "forwarded" {
        values.flat_map(|value| split_unquoted(value, ',')).map(forwarded_for).collect()
    } else {
        values.flat_map(|value| value.split(',')).map(node).collect()
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn forwarded_for(element: &str) -> Hop {
    let mut pairs = split_unquoted(element, ';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    node(value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value))
}

/// Splits outside double quotes. Addresses have no escapes to care about.
fn split_unquoted(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

/// An address, possibly with a port: `192.0.2.1`, `192.0.2.1:80`,
/// `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Hop {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Some(Address { ip: ip.to_canonical(), port: 0, unix: false });
    }
    text.parse().ok().map(|socket: std::net::SocketAddr| Address::from(socket))
}

/// A network such as 10.0.0.0/8.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    ip: IpAddr,
    /// How many leading bits count.
    prefix: u32,
}

impl Network {
    fn contains(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let differing = net.to_bits() ^ ip.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let differing = net.to_bits() ^ ip.to_bits();
                differing.leading_zeros() >= self.prefix
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = || {
            let (ip, prefix) = match text.split_once('/') {
                Some((ip, prefix)) => (ip, Some(prefix.parse::<u32>().ok()?)),
                None => (text, None),
            };
            let ip = ip.parse::<IpAddr>().ok()?;
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            let prefix = prefix.unwrap_or(bits);
            (prefix <= bits).then_some(Network { ip, prefix })
        };
        parsed().ok_or_else(|| {
            Error::Option(format!("trusted proxies: {text:?} is neither an address nor a network"))
        })
    }
}
