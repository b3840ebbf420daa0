//! The options of a link, as they are used.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;

/// See [`LinkBuilder`](crate::link::LinkBuilder), which sets them.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub url: Url,
    pub queue: usize,
    pub reply: usize,
    pub connect_timeout: Duration,
    pub response_timeout: Duration,
    pub ping_interval: Duration,
    /// The shortest and the longest.
    pub pauses: (Duration, Duration),
    pub name: String,
    #[cfg(feature = "tls")]
    pub tls: ClientTls,
}

/// A URL that is not shown: it may have a password in it.
#[derive(Clone)]
pub(super) struct Url(pub String);

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Options {
    pub fn new(url: &str) -> Self {
        Options {
            url: Url(url.to_owned()),
            queue: 16 << 20,
            reply: 64 << 20,
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(5),
            pauses: (Duration::from_millis(50), Duration::from_secs(2)),
            name: "primus".to_owned(),
            #[cfg(feature = "tls")]
            tls: ClientTls::new(),
        }
    }

    /// Whether they can be used.
    pub fn check(&self) -> Result<()> {
        let times = [
            ("connect_timeout", self.connect_timeout),
            ("response_timeout", self.response_timeout),
            ("ping_interval", self.ping_interval),
        ];
        if let Some((name, _)) = times.iter().find(|(_, time)| time.is_zero()) {
            return Err(Error::Option(format!("{name} of a link must not be zero")));
        }
        if self.pauses.0 > self.pauses.1 {
            return Err(Error::Option("pauses of a link: min must not be over max".into()));
        }
        if self.pauses.1.is_zero() {
            return Err(Error::Option("pauses of a link: max must not be zero".into()));
        }
        let name = &self.name;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Error::Option(format!("name of a link: {name:?} has a blank, or nothing")));
        }
        Ok(())
    }
}
