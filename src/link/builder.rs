//! The options of a link.

use std::time::Duration;

use super::RedisLink;
use super::options::Options;
use super::shared::Handle;
use crate::error::Result;
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;

/// Options of a [`RedisLink`]; made by [`RedisLink::builder`].
#[derive(Clone, Debug)]
#[must_use = "call `open` to begin"]
pub struct LinkBuilder {
    options: Options,
}

impl LinkBuilder {
    pub(super) fn new(url: &str) -> Self {
        LinkBuilder { options: Options::new(url) }
    }

    /// How many bytes of commands may wait, those that were sent and not answered
    /// included; a command counts 64 bytes more than it has. What comes then gets
    /// [`Error::Full`](crate::Error::Full). Default: 16 MiB.
    pub fn queue(mut self, bytes: usize) -> Self {
        self.options.queue = bytes;
        self
    }

    /// How many bytes one reply, or one published message, may have; a longer one
    /// breaks the connection. Default: 64 MiB.
    pub fn reply(mut self, bytes: usize) -> Self {
        self.options.reply = bytes;
        self
    }

    /// How long it may take to connect, up to the point where Redis has let the link
    /// in. Default: 5 s.
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.options.connect_timeout = time;
        self
    }

    /// How long Redis may owe a reply while nothing moves; then the connection counts as
    /// broken. A large batch that goes out slowly, or a large reply that comes in slowly,
    /// may take longer, as long as 16 KiB of it do not. Default: 5 s.
    pub fn response_timeout(mut self, time: Duration) -> Self {
        self.options.response_timeout = time;
        self
    }

    /// How long a connection may be silent before Redis is asked for a sign of life.
    /// Default: 5 s.
    pub fn ping_interval(mut self, time: Duration) -> Self {
        self.options.ping_interval = time;
        self
    }

    /// The pauses between attempts to connect: the first is `min`, each is about twice
    /// as long as the one before, and none longer than `max`. Default: 50 ms and 2 s.
    pub fn pauses(mut self, min: Duration, max: Duration) -> Self {
        self.options.pauses = (min, max);
        self
    }

    /// What Redis shows the connections as in `CLIENT LIST`, without blanks; the one
    /// with subscriptions has `-sub` behind it. Default: `primus`.
    pub fn name(mut self, name: &str) -> Self {
        self.options.name = name.to_owned();
        self
    }

    /// What a Redis behind `rediss://` is trusted by. Default: Mozilla's list of
    /// authorities.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: ClientTls) -> Self {
        self.options.tls = tls;
        self
    }

    /// Begins to connect, and does not wait for it.
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) for a URL or an option that cannot be used, [`Error::Io`](crate::Error::Io) when
    /// there are no threads to be had.
    pub fn open(self) -> Result<RedisLink> {
        self.options.check()?;
        Ok(RedisLink { handle: Handle::open(self.options)? })
    }
}
