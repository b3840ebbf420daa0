//! Where a request is sent: the same host, path and query by `https`.

use std::fmt::Write;
use std::net::Ipv6Addr;

use crate::http::Request;
use crate::http::server::is_scheme;

/// Longest name of a host, in bytes (RFC 1035), with the dot that may end it.
const NAME: usize = 254;

/// The host that a request is for, without its port; `None` when it names none, an
/// error when what it names is no host.
///
/// A target in absolute form counts before `Host` (RFC 9112 section 3.2.2).
pub(super) fn host(request: &Request) -> Result<Option<String>, ()> {
    let named = match request.url().split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            Some(rest.get(..end).unwrap_or_default())
        }
        _ => request.header("host").filter(|host| !host.is_empty()),
    };
    named.map(|named| sound(named).ok_or(())).transpose()
}

/// A host in the form in which it is sent back, if it is one: a name, an IPv4
/// address, an IPv6 address in brackets.
fn sound(authority: &str) -> Option<String> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        return is_port(port).then(|| format!("[{address}]"));
    }
    let colon = authority.find(':').unwrap_or(authority.len());
    let (name, port) = authority.split_at(colon);
    let labels = name.strip_suffix('.').unwrap_or(name).split('.');
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let whole = |label: &str| !label.is_empty() && label.bytes().all(byte);
    let is_name = name.len() <= NAME && labels.into_iter().all(whole);
    (is_name && is_port(port)).then(|| name.to_ascii_lowercase())
}

/// Whether this may follow a host: nothing, or a colon and a number.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':');
    text.is_empty()
        || digits.is_some_and(|digits| digits.parse::<u16>().is_ok() || digits.is_empty())
}

/// The address that the client is sent to. `None` for a target without a path, as
/// `OPTIONS *` has it.
pub(super) fn location(request: &Request, host: &str, port: u16) -> Option<String> {
    let path = request.path();
    if !path.starts_with('/') {
        return None;
    }
    let mut location = format!("https://{host}");
    if port != 443 {
        // Writing to a `String` does not fail.
        let _ = write!(location, ":{port}");
    }
    put(&mut location, path);
    if !request.query().is_empty() {
        location.push('?');
        put(&mut location, request.query());
    }
    Some(location)
}

/// Appends a part of a target, and escapes what no URL has (RFC 3986): a client may
/// send anything.
fn put(to: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]".contains(&byte) {
            to.push(char::from(byte));
        } else {
            let _ = write!(to, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (given, host) in [
            ("example.com", "example.com"),
            ("Example.COM:8080", "example.com"),
            ("example.com.", "example.com."),
            ("a_b-c.d", "a_b-c.d"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[2001:DB8:0::1]:80", "[2001:db8::1]"),
            ("[::1]", "[::1]"),
            ("localhost:", "localhost"),
        ] {
            assert_eq!(sound(given).as_deref(), Some(host), "{given}");
        }
        let long = "a.".repeat(128);
        for given in [
            "",
            ".",
            "a..b",
            ".a",
            ":80",
            "a:b",
            "a:65536",
            "a:8:8",
            "a b",
            "a/b",
            "a?b",
            "a#b",
            "a@b",
            "user:1@b",
            "a\\b",
            "ä.de",
            "a%2e",
            "[::1",
            "::1",
            "[::1]x",
            "[fe80::1%1]",
            "[1.2.3.4]",
            "[]",
            "a,b",
            "a;b",
            "\"a\"",
            "<a>",
            "a\tb",
            &long,
        ] {
            assert_eq!(sound(given), None, "{given}");
        }
    }

    #[test]
    fn what_no_url_has_is_escaped() {
        let mut to = String::new();
        put(&mut to, "/a%20b/\"<>\\^`{|}é'()[]~");
        assert_eq!(to, "/a%20b/%22%3C%3E%5C%5E%60%7B%7C%7D%C3%A9'()[]~");
    }
}
