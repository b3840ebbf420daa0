//! Which servers may see the credentials.

use std::net::IpAddr;

use crate::client::url::Address;
use crate::error::{Error, Result};

/// All servers, or those that one of the rules is for.
#[derive(Debug, Default)]
pub(super) struct Trust(Option<Vec<Rule>>);

/// `[scheme://]who[:port]`
#[derive(Debug, PartialEq)]
struct Rule {
    secure: Option<bool>,
    who: Who,
    port: Option<u16>,
}

#[derive(Debug, PartialEq)]
enum Who {
    /// `*`
    Anybody,
    /// `a.example`
    Host(String),
    /// `*.example`, without the asterisk
    Below(String),
    /// `10.0.0.0/8`, or an address alone
    Net(IpAddr, u32),
}

impl Trust {
    /// In all servers, when there are no texts.
    ///
    /// # Errors
    /// [`Error::Option`] for a text that names none.
    pub fn of(texts: Option<&[String]>) -> Result<Self> {
        let rule = |text: &String| {
            Rule::of(text).ok_or_else(|| {
                Error::Option(format!(
                    "omega: `{}` names no servers to trust: it may be `10.0.0.0/8`, \
                     `https://*.example` or `http://10.0.0.1:8080`",
                    text.escape_debug()
                ))
            })
        };
        let rules = texts.map(|texts| texts.iter().map(rule).collect::<Result<_>>());
        rules.transpose().map(Trust)
    }

    /// # Errors
    /// [`Error::Option`] for one that is not trusted.
    pub fn check(&self, server: &Address) -> Result<()> {
        let Some(rules) = &self.0 else { return Ok(()) };
        // A Unix socket is on no network that a rule could be about.
        if server.unix.is_none() && rules.iter().any(|rule| rule.is_for(server)) {
            return Ok(());
        }
        let text = "omega: it is none of the servers that are trusted (`Omega::trusted`)";
        Err(Error::Option(text.into()))
    }
}

impl Rule {
    fn of(text: &str) -> Option<Self> {
        let (secure, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some(false), rest),
            Some(("https", rest)) => (Some(true), rest),
            Some(_) => return None,
            None => (None, text),
        };
        // An IPv6 address has colons of its own.
        let (who, port) = match (Who::of(rest), rest.rsplit_once(':')) {
            (Some(who), _) => (who, None),
            (None, Some((who, port))) => (Who::of(who)?, Some(port.parse().ok()?)),
            (None, None) => return None,
        };
        Some(Rule { secure, who, port })
    }

    fn is_for(&self, server: &Address) -> bool {
        self.secure.is_none_or(|secure| secure == server.secure)
            && self.port.is_none_or(|port| port == server.port)
            && self.who.is_for(&server.host.to_ascii_lowercase())
    }
}

impl Who {
    fn of(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Who::Anybody);
        }
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inner = inner.unwrap_or(text);
        let (ip, bits) = inner.split_once('/').map_or((inner, None), |(ip, bits)| (ip, Some(bits)));
        if let Ok(ip) = ip.parse::<IpAddr>() {
            let bits = bits.map_or(Some(width(ip)), |bits| bits.parse().ok())?;
            return (bits <= width(ip)).then_some(Who::Net(ip, bits));
        }
        let name = text.to_ascii_lowercase();
        let (below, host) = match name.strip_prefix('*') {
            Some(rest) => (true, rest.strip_prefix('.')?),
            None => (false, &*name),
        };
        let is_name = |host: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            !host.is_empty() && host.chars().all(is_part)
        };
        match (is_name(host), below) {
            (false, _) => None,
            (true, true) => Some(Who::Below(format!(".{host}"))),
            (true, false) => Some(Who::Host(name)),
        }
    }

    /// The host is in small letters.
    fn is_for(&self, host: &str) -> bool {
        match self {
            Who::Anybody => true,
            Who::Host(name) => name == host,
            Who::Below(end) => host.len() > end.len() && host.ends_with(end),
            Who::Net(net, bits) => {
                host.parse::<IpAddr>().is_ok_and(|ip| is_within(ip.to_canonical(), *net, *bits))
            }
        }
    }
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn is_within(ip: IpAddr, net: IpAddr, bits: u32) -> bool {
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()) << 96,
        IpAddr::V6(ip) => ip.to_bits(),
    };
    let differs = (number(ip) ^ number(net)).leading_zeros();
    ip.is_ipv4() == net.is_ipv4() && differs >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusts(rule: &str, server: &str) -> bool {
        let trust = Trust::of(Some(&[rule.to_owned()])).unwrap();
        trust.check(&Address::parse(server).unwrap()).is_ok()
    }

    #[test]
    fn a_rule_is_for_what_it_says_and_nothing_more() {
        for (rule, yes, no) in [
            ("*", &["http://a", "https://10.0.0.1:1"][..], &["unix:/run/docker.sock"][..]),
            ("https://*", &["https://a:1"], &["http://a", "ws://a", "unix:/a"]),
            ("a.example", &["http://a.example", "https://A.Example:7"], &["http://b.a.example"]),
            ("*.example", &["http://a.example"], &["http://example", "http://aexample"]),
            (
                "10.0.0.0/8",
                &["http://10.1.2.3:1", "http://10.255.0.1", "http://[::ffff:10.0.0.1]"],
                &["http://11.0.0.1", "http://10.0.0.1.evil.example", "http://[a00::1]"],
            ),
            ("http://10.0.0.1", &["http://10.0.0.1:9"], &["https://10.0.0.1", "http://10.0.0.11"]),
            ("http://10.0.0.1:80", &["http://10.0.0.1"], &["http://10.0.0.1:81"]),
            ("fd00::/8", &["http://[fd12::1]:8080"], &["http://[fe80::1]", "http://1.2.3.4"]),
            ("http://[::1]:8080", &["http://[::1]:8080"], &["http://[::1]:1"]),
            ("0.0.0.0/0", &["http://1.2.3.4"], &["http://a", "http://[::1]"]),
        ] {
            yes.iter().for_each(|server| assert!(trusts(rule, server), "{rule}: {server}"));
            no.iter().for_each(|server| assert!(!trusts(rule, server), "{rule}: {server}"));
        }
        let none = Trust::of(Some(&[])).unwrap();
        assert!(none.check(&Address::parse("http://a").unwrap()).is_err());
        let all = Trust::of(None).unwrap();
        assert!(all.check(&Address::parse("unix:/a").unwrap()).is_ok());
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in [
            "",
            "http://",
            "ftp://a",
            "a/b",
            "http://a/",
            "10.0.0.0/33",
            "10.0.0.0/x",
            "a:b",
            "a:99999",
            "*a",
            "*.",
            "a*",
            "u@a",
            "a b",
            "unix:/a",
            "[a",
            "10.0.0.0/8/8",
        ] {
            let error = Trust::of(Some(&[text.to_owned()])).unwrap_err().to_string();
            assert!(error.contains("names no servers to trust"), "{text}: {error}");
        }
    }
}
