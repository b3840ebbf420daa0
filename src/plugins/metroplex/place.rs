//! The address of a server, as others are to reach it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use crate::error::{Error, Result};

/// Longest address of another server, in bytes.
const LONGEST: usize = 2_048;

/// Whether this is the base URL of a server: nothing else is forwarded to, whatever
/// stands in Redis.
pub(super) fn is_url(address: &str) -> bool {
    let rest = address.strip_prefix("http://").or_else(|| address.strip_prefix("https://"));
    let host = rest.and_then(|rest| rest.split(['/', '?', '#']).next()).unwrap_or_default();
    // What may be read as two hosts is none.
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '@' | '\\');
    !host.is_empty() && address.len() <= LONGEST && !address.contains(is_odd)
}

/// An address of the application's own.
///
/// # Errors
/// [`Error::Option`] for what is no base URL.
pub(super) fn checked(address: &str) -> Result<()> {
    match is_url(address) {
        true => Ok(()),
        false => Err(Error::Option(format!(
            "metroplex: the address `{}` is no base URL such as `http://10.0.0.1:8080`",
            address.escape_default()
        ))),
    }
}

/// The URL of a server that listens there: `scheme` is `http` or `https`, and an address
/// that stands for all gives way to one of the machine's.
pub(super) fn url(scheme: &str, listens: SocketAddr, machine: impl FnOnce() -> Ipv4Addr) -> String {
    let ip = match listens.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(machine()),
        ip => ip.to_canonical(),
    };
    format!("{scheme}://{}", SocketAddr::new(ip, listens.port()))
}

/// The first IPv4 address of the machine that is not only its own: that by which it
/// reaches others, or any that it has.
pub(super) fn of_this_machine() -> Ipv4Addr {
    let table = || std::fs::read_to_string("/proc/net/fib_trie").ok();
    outgoing().or_else(|| first_in(&table()?)).unwrap_or(Ipv4Addr::LOCALHOST)
}

/// Asks for the way to an address that nobody has (RFC 5737); nothing is sent.
fn outgoing() -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        IpAddr::V4(ip) if is_of_machine(ip) => Some(ip),
        _ => None,
    }
}

fn is_of_machine(ip: Ipv4Addr) -> bool {
    !ip.is_loopback() && !ip.is_unspecified()
}

/// The first address in the kernel's table of routes that is the machine's own: a line
/// `|-- 10.0.0.1` before one with `host LOCAL`.
fn first_in(table: &str) -> Option<Ipv4Addr> {
    let lines = table.lines().map(str::trim);
    let pairs = lines.clone().zip(lines.skip(1));
    let local = pairs.filter(|(_, next)| next.ends_with("host LOCAL"));
    let mut addresses = local.filter_map(|(line, _)| line.rsplit(' ').next()?.parse().ok());
    addresses.find(|ip| is_of_machine(*ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_where_it_listens_and_never_everywhere() {
        let machine = || Ipv4Addr::new(10, 0, 0, 7);
        for (scheme, listens, expected) in [
            ("http", "127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https", "0.0.0.0:443", "https://10.0.0.7:443"),
            ("http", "[::]:80", "http://10.0.0.7:80"),
            ("http", "[2001:db8::1]:80", "http://[2001:db8::1]:80"),
            ("http", "[::ffff:10.1.2.3]:80", "http://10.1.2.3:80"),
        ] {
            assert_eq!(url(scheme, listens.parse().unwrap(), machine), expected);
        }
    }

    #[test]
    fn an_address_of_ones_own_is_a_base_url() {
        for good in ["http://a", "https://a.example:8443", "http://[::1]:80/x", "http://10.0.0.1:1"]
        {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "servers",
            "a:80",
            "ftp://a",
            "http://",
            "http:///x",
            "http://a b",
            "http://a\n",
            "unix:/run/docker.sock",
            "ws://a",
            "HTTP://a",
            "http://a@b",
            "http://a\\@b",
            "http+unix://a",
        ] {
            let error = checked(bad).unwrap_err().to_string();
            assert!(error.contains("no base URL"), "{error}");
        }
    }

    #[test]
    fn the_table_of_routes_has_the_addresses_of_the_machine() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     \
                     +-- 127.0.0.0/8 2 0 2\n        |-- 127.0.0.1\n           /32 host LOCAL\n     \
                     |-- 172.17.0.0\n        /16 link UNICAST\n     |-- 172.17.0.2\n           \
                     /32 host LOCAL\n     |-- 172.17.255.255\n           /32 link BROADCAST\n";
        assert_eq!(first_in(table), Some(Ipv4Addr::new(172, 17, 0, 2)));
        assert_eq!(first_in("no table"), None);
        // Whatever machine this is.
        assert!(!of_this_machine().is_unspecified());
    }
}
