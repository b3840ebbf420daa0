//! Where Redis is, and as whom to go in: what a URL says.

use std::path::PathBuf;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::error::{Error, Result};

/// What a URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub place: Place,
    pub secure: bool,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(String, u16),
    Unix(PathBuf),
}

impl Address {
    pub fn parse(url: &str) -> Result<Address> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| refused("a URL such as redis://127.0.0.1:6379 is expected"))?;
        let kind = scheme.to_ascii_lowercase().replace("valkey", "redis");
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let hosts = authority.rsplit('@').next().unwrap_or_default();
        if kind.contains("sentinel") || kind.contains("cluster") || hosts.contains(',') {
            return Err(refused(
                "sentinels and clusters are not supported; give it the URL of one primary",
            ));
        }
        let (secure, scheme) = match kind.as_str() {
            "redis" => (false, "redis"),
            "rediss" => (true, "redis"),
            "unix" | "redis+unix" => (false, "redis+unix"),
            _ => {
                let text = format!("`{scheme}` is none of redis, rediss, redis+unix and unix");
                return Err(refused(&text));
            }
        };
        if secure && !cfg!(feature = "tls") {
            return Err(refused("rediss needs the feature `tls`"));
        }
        if rest.contains('#') {
            return Err(refused("what stands behind # means nothing (in a password: %23)"));
        }
        let info = format!("{scheme}://{rest}").into_connection_info();
        // None of its texts repeats the URL.
        let info = info.map_err(|error| {
            let text = error.detail().map(str::to_owned);
            refused(&text.unwrap_or_else(|| error.to_string()))
        })?;
        Address::of(&info, secure)
    }

    fn of(info: &ConnectionInfo, secure: bool) -> Result<Address> {
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Tcp(host.clone(), *port),
            ConnectionAddr::Unix(path) => Place::Unix(path.clone()),
            _ => return Err(refused("neither a port nor a Unix socket")),
        };
        let settings = info.redis_settings();
        let (user, password) = (settings.username(), settings.password());
        if user.is_some() && password.is_none() {
            return Err(refused("a user needs a password"));
        }
        if settings.db() < 0 {
            return Err(refused("the database must not be negative"));
        }
        Ok(Address {
            place,
            secure,
            user: user.map(str::to_owned),
            password: password.map(str::to_owned),
            database: settings.db(),
        })
    }
}

/// The URL itself is not repeated: it may have a password in it.
fn refused(text: &str) -> Error {
    Error::Option(format!("URL of Redis: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        let place = Place::Tcp(host.into(), port);
        Address { place, secure: false, user: None, password: None, database: 0 }
    }

    #[test]
    fn a_url_says_where_and_as_whom() {
        let of = |url: &str| Address::parse(url).unwrap();
        assert_eq!(of("redis://localhost"), tcp("localhost", 6379));
        assert_eq!(of("valkey://10.0.0.1:7000/"), tcp("10.0.0.1", 7000));
        assert_eq!(of("redis://[::1]:7000"), tcp("::1", 7000));
        let expected = Address {
            user: Some("ann".into()),
            password: Some("a:b@c#".into()),
            database: 3,
            ..tcp("host", 6380)
        };
        assert_eq!(of("redis://ann:a%3Ab%40c%23@host:6380/3"), expected);
        let expected = Address { user: None, password: Some("x".into()), ..tcp("host", 6379) };
        assert_eq!(of("redis://:x@host"), expected);
        let place = Place::Unix("/run/redis.sock".into());
        let unix = Address { place, ..tcp("", 0) };
        assert_eq!(of("unix:///run/redis.sock"), unix);
        let expected = Address { database: 2, password: Some("p".into()), ..unix };
        assert_eq!(of("redis+unix:///run/redis.sock?db=2&pass=p"), expected);
    }

    #[test]
    #[cfg(feature = "tls")]
    fn one_more_s_is_tls() {
        let expected = Address { secure: true, ..tcp("host", 6379) };
        assert_eq!(Address::parse("rediss://host").unwrap(), expected);
        assert_eq!(Address::parse("VALKEYS://host").unwrap(), expected);
    }

    #[test]
    #[cfg(not(feature = "tls"))]
    fn without_the_feature_there_is_no_tls() {
        let error = Address::parse("rediss://host").unwrap_err().to_string();
        assert!(error.contains("needs the feature `tls`"), "{error}");
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_telling_the_password() {
        for (url, why) in [
            ("127.0.0.1:6379", "is expected"),
            ("", "is expected"),
            ("http://secret@host", "is none of"),
            ("redis+sentinel://:secret@host", "sentinels and clusters"),
            ("redis-cluster://:secret@host", "sentinels and clusters"),
            ("redis://:secret@one:1,two:2", "sentinels and clusters"),
            ("redis://:secret@host/x", "database"),
            ("redis://:secret@host/-1", "negative"),
            ("redis://:secret@host:99999", "parse"),
            ("redis://:secret@", "parse"),
            ("redis://secret@host", "a user needs a password"),
            ("redis://:sec#ret@host", "behind #"),
            ("redis+unix://?pass=secret", ""),
        ] {
            let Err(Error::Option(text)) = Address::parse(url) else { panic!("{url}") };
            assert!(text.contains(why) && !text.contains("secret"), "{url}: {text}");
        }
    }
}
