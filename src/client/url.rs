//! The URL that a client is given, and the one that each attempt asks for.

use std::fmt::Write;

use crate::base64;
use crate::error::{Error, Result};
use crate::http::{decode, pairs};

/// Where a client connects to, taken from the user's URL.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Address {
    pub secure: bool,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: u16,
    /// `user:password`, decoded.
    pub auth: Option<String>,
    /// Decoded.
    pub query: Vec<(String, String)>,
}

impl Address {
    /// Takes an `http`, `https`, `ws` or `wss` URL apart. Its path is not
    /// looked at: Primus clients ask for the `pathname` option.
    pub fn parse(url: &str) -> Result<Self> {
        let bad = |what: &str| Error::Option(format!("url `{}`: {what}", without_auth(url)));
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(bad("the scheme must be http, https, ws or wss")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let authority = rest.split('/').next().unwrap_or_default();
        let (auth, place) = match authority.rsplit_once('@') {
            Some((auth, place)) => (Some(userinfo(auth)), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place).ok_or_else(|| bad("the port is not a number"))?;
        if !is_host(host) {
            return Err(bad("the host is missing or malformed"));
        }
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let query = pairs(query).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        Ok(Address { secure, host: host.to_owned(), port, auth, query })
    }
}

/// Percent-decodes credentials, in which `+` is no space.
fn userinfo(text: &str) -> String {
    decode(&text.replace('+', "%2B")).into_owned()
}

/// Splits off the port, if there is one; `None` when it is not a number.
fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, ""),
        Some((host, rest)) => (host, rest.strip_prefix(':')?),
        None => place.split_once(':').unwrap_or((place, "")),
    };
    if port.is_empty() { Some((host, None)) } else { Some((host, Some(port.parse().ok()?))) }
}

/// Refuses what is no host, and what would change the request around it.
pub(crate) fn check_host(host: &str) -> Result<()> {
    if is_host(host) {
        return Ok(());
    }
    Err(Error::Option(format!("host `{}` cannot stand in a URL", host.escape_debug())))
}

fn is_host(host: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b >= 0x80 || b"-._~:%".contains(&b);
    !host.is_empty() && host.bytes().all(legal)
}

/// For error texts, which end up in logs.
fn without_auth(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((before, place)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://…@{place}")
        }
        None => url.to_owned(),
    }
}

/// Writes a query string, percent-encoded as `encodeURIComponent` does.
pub(crate) fn query_string(query: &[(String, String)]) -> String {
    let pairs: Vec<_> = query.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
    pairs.join("&")
}

/// Percent-encodes as `encodeURIComponent` does.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The value of an `Authorization` header for `user:password`.
pub(crate) fn basic(auth: &str) -> String {
    format!("Basic {}", base64::encode(auth.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str) -> (bool, String, u16) {
        let address = Address::parse(url).unwrap();
        (address.secure, address.host, address.port)
    }

    #[test]
    fn every_url_form_is_understood() {
        assert_eq!(place("http://example.org"), (false, "example.org".into(), 80));
        assert_eq!(place("https://example.org/x/y"), (true, "example.org".into(), 443));
        assert_eq!(place("ws://127.0.0.1:8080/primus?a=b"), (false, "127.0.0.1".into(), 8080));
        assert_eq!(place("WSS://example.org:1?x"), (true, "example.org".into(), 1));
        assert_eq!(place("http://[::1]:8080"), (false, "::1".into(), 8080));
        assert_eq!(place("http://[::1]"), (false, "::1".into(), 80));
        assert_eq!(place("localhost:8080"), (false, "localhost".into(), 8080));
    }

    #[test]
    fn nonsense_is_refused_without_telling_the_password() {
        for url in [
            "",
            "http://",
            "ftp://x",
            "http://a b",
            "http://x:99999",
            "http://x:y/",
            "http://[::1]x",
        ] {
            assert!(matches!(Address::parse(url), Err(Error::Option(_))), "{url}");
        }
        let error = Address::parse("ftp://me:secret@host/").unwrap_err().to_string();
        assert!(error.contains("host") && !error.contains("secret"), "{error}");
        assert!(Address::parse("http://x\r\nInjected: 1").is_err());
    }

    #[test]
    fn credentials_are_decoded() {
        let auth = |url| Address::parse(url).unwrap().auth;
        assert_eq!(auth("http://me:p%40ss@host:1/"), Some("me:p@ss".into()));
        assert_eq!(auth("http://host"), None);
    }

    #[test]
    fn the_query_is_kept_in_order_and_encoded_anew() {
        let again = |url| query_string(&Address::parse(url).unwrap().query);
        assert_eq!(again("http://h?token=abc%20d&x=1"), "token=abc%20d&x=1");
        assert_eq!(again("http://h/?b=a+c&a=%2B&flag"), "b=a%20c&a=%2B&flag=");
        assert_eq!(again("http://h?e=é%zz&&"), "e=%C3%A9%25zz");
    }
}
