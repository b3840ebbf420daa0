//! The URL that a client is given, and the one that each attempt asks for.

use std::io;
use std::path::Path;

use crate::base64;
use crate::error::{Error, Result};
use crate::http::{decode, encode, is_text_byte, is_token, pairs};
use crate::net::unix::Name;

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
    /// The path, which nothing is asked of, but with a Unix socket; empty for `/`.
    pub path: String,
    /// The Unix socket in place of host and port.
    pub unix: Option<Name>,
}

impl Address {
    /// Takes an `http`, `https`, `ws`, `wss` or `unix` URL apart. The path of the
    /// former is not looked at: Primus clients ask for the `pathname` option.
    pub fn parse(url: &str) -> Result<Self> {
        if let Some((secure, rest)) = strip_unix(url) {
            let bad = |error| Error::Option(format!("url `{url}`: {error}"));
            return unix(secure, rest).map_err(bad);
        }
        let bad = |what: &str| Error::Option(format!("url `{}`: {what}", without_auth(url)));
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return Err(bad("the scheme must be http, https, ws, wss or unix")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path = if path == "/" { String::new() } else { path.to_owned() };
        let (auth, place) = match authority.rsplit_once('@') {
            Some((auth, place)) => (userinfo(auth).map_err(bad)?, place),
            None => (None, authority),
        };
        let (host, port) =
            host_and_port(place).ok_or_else(|| bad("the port is not a number from 1 to 65535"))?;
        if !is_host(host) {
            return Err(bad("the host is missing or malformed"));
        }
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let (host, query) = (host.to_owned(), owned_pairs(query));
        Ok(Address { secure, host, port, auth, query, path, unix: None })
    }
}

fn owned_pairs(query: &str) -> Vec<(String, String)> {
    pairs(query).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
}

/// What follows `unix:`, or `ws+unix:` as `ws` has it, with or without two slashes
/// more; and whether it is by TLS.
fn strip_unix(url: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "unix" | "ws+unix" | "http+unix" => false,
        "wss+unix" | "https+unix" => true,
        _ => return None,
    };
    Some((secure, rest.strip_prefix("//").unwrap_or(rest)))
}

/// `/socket`, or `/socket:/pathname`, and a query.
fn unix(secure: bool, rest: &str) -> io::Result<Address> {
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let at = rest.find(":/").unwrap_or(rest.len());
    let (socket, path) = rest.split_at(at);
    let socket = decode(&socket.replace('+', "%2B")).into_owned();
    if !socket.starts_with(['/', '@']) {
        let text = "a Unix socket is an absolute path, or a name that begins with `@`";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let name = Name::new(Path::new(&socket));
    name.check()?;
    Ok(Address {
        secure,
        host: "localhost".into(),
        port: if secure { 443 } else { 80 },
        auth: None,
        query: owned_pairs(query),
        path: path.strip_prefix(':').unwrap_or(path).to_owned(),
        unix: Some(name),
    })
}

/// `user:password` of the part before the `@`; `None` when both are empty. In
/// what is percent-encoded, `+` is no space.
fn userinfo(text: &str) -> Result<Option<String>, &'static str> {
    let decoded = |part: &str| decode(&part.replace('+', "%2B")).into_owned();
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let user = decoded(user);
    if user.contains(':') {
        return Err("a user name with a colon cannot be sent by Basic authentication");
    }
    let auth = format!("{user}:{}", decoded(password));
    if auth.contains(char::is_control) {
        return Err("user name and password must not have control characters");
    }
    Ok(Some(auth).filter(|auth| auth != ":"))
}

/// Splits off the port, if there is one; `None` when it cannot be one.
fn host_and_port(place: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, ""),
        Some((host, rest)) => (host, rest.strip_prefix(':')?),
        None => place.split_once(':').unwrap_or((place, "")),
    };
    if port.is_empty() {
        return Some((host, None));
    }
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some((host, Some(port)))
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

/// The value of an `Authorization` header for `user:password` (RFC 7617); none
/// for nobody. A user alone has an empty password.
pub(crate) fn basic(auth: &str) -> Result<Option<String>> {
    if auth.contains(char::is_control) {
        let text = "user name and password must not have control characters";
        return Err(Error::Option(text.into()));
    }
    let colon = if auth.contains(':') { "" } else { ":" };
    let auth = format!("{auth}{colon}");
    Ok((auth != ":").then(|| format!("Basic {}", base64::encode(auth.as_bytes()))))
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

/// Whether it can stand in a request as it is, with nothing behind it.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|b| b > b' ' && b < 0x7f && b != b'#' && b != b'?')
}

/// Nor must the path.
pub(crate) fn check_path(path: &str) -> Result<()> {
    if is_path(path) {
        return Ok(());
    }
    Err(Error::Option(format!("pathname `{}` cannot stand in a URL", path.escape_debug())))
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
    fn unix_sockets_are_paths_or_names_and_may_have_a_pathname() {
        let parsed = |url: &str| {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.secure, address.host.as_str()), (false, "localhost"));
            (address.unix.unwrap().to_string(), address.path, address.query.len())
        };
        let told = |name: &str, path: &str, query| (name.into(), path.into(), query);
        for url in ["wss+unix:/run/a.sock:/live", "HTTPS+UNIX:///run/a.sock:/live"] {
            let address = Address::parse(url).unwrap();
            let place =
                (address.secure, address.host.as_str(), address.port, address.path.as_str());
            assert_eq!(place, (true, "localhost", 443, "/live"));
            assert_eq!(address.unix.unwrap().to_string(), "unix:/run/a.sock");
        }
        assert_eq!(parsed("unix:/run/a.sock"), told("unix:/run/a.sock", "", 0));
        assert_eq!(parsed("unix:///run/a.sock"), told("unix:/run/a.sock", "", 0));
        assert_eq!(parsed("UNIX:/run/a:/live?x=1#y"), told("unix:/run/a", "/live", 1));
        assert_eq!(parsed("ws+unix:/run/a:b:/live"), told("unix:/run/a:b", "/live", 0));
        assert_eq!(parsed("unix:@app:/live?a=b&c"), told("unix:@app", "/live", 2));
        assert_eq!(parsed("unix:/a%3A%2Fb%3f+c"), told("unix:/a:/b?+c", "", 0));
        let long = format!("unix:/{}", "x".repeat(107));
        for (url, why) in [
            ("unix:", "an absolute path"),
            ("unix:run/a", "an absolute path"),
            ("unix:@", "the name is empty"),
            ("unix:/a%00b", "zero byte"),
            (&long, "at most 107 bytes, this one 108"),
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn nonsense_is_refused_without_telling_the_password() {
        for (url, why) in [
            ("http://x:99999", "the port is not a number from 1 to 65535"),
            ("http://x:0", "from 1 to 65535"),
            ("http://x:-1", "from 1 to 65535"),
            ("ftp://x", "the scheme must be http, https, ws, wss or unix"),
        ] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(error.contains(url) && error.contains(why), "{error}");
        }
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
        assert_eq!(auth("http://token@host"), Some("token:".into()));
        assert_eq!(auth("http://me:a:b@host"), Some("me:a:b".into()));
        assert_eq!(auth("http://:secret@host"), Some(":secret".into()));
        assert_eq!(auth("http://a+b:c%2Bd@host"), Some("a+b:c+d".into()));
        assert_eq!((auth("http://@host"), auth("http://:@host")), (None, None));
        for url in ["http://a%3Ab:secret@host", "http://a%0d:secret@host", "http://a:secret%00@h"] {
            let error = Address::parse(url).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    /// As RFC 7617 has it.
    #[test]
    fn credentials_are_a_user_a_colon_and_a_password() {
        let basic = |auth| basic(auth).unwrap();
        assert_eq!(
            basic("Aladdin:open sesame").as_deref(),
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
        assert_eq!(basic("test:123£").as_deref(), Some("Basic dGVzdDoxMjPCow=="));
        assert_eq!(basic("token").as_deref(), Some("Basic dG9rZW46"));
        assert_eq!((basic(""), basic(":")), (None, None));
        assert!(super::basic("a:b\n").is_err());
    }

    #[test]
    fn a_path_that_says_nothing_is_known() {
        let path = |url| Address::parse(url).unwrap().path;
        assert_eq!(path("http://host"), "");
        assert_eq!(path("http://host/?a=b"), "");
        assert_eq!(path("http://me@host:1/primus/x?a=b#c"), "/primus/x");
    }

    #[test]
    fn the_query_is_kept_in_order_and_encoded_anew() {
        let again = |url| query_string(&Address::parse(url).unwrap().query);
        assert_eq!(again("http://h?token=abc%20d&x=1"), "token=abc%20d&x=1");
        assert_eq!(again("http://h/?b=a+c&a=%2B&flag"), "b=a%20c&a=%2B&flag=");
        assert_eq!(again("http://h?e=é%zz&&"), "e=%C3%A9%25zz");
    }
}
