//! When a client connects, and for how long it waits.

use std::time::Duration;

use super::ClientBuilder;
use crate::protocol::ClientMode;
use crate::timer::{Clock, ManualClock};

/// # When it connects, and for how long it waits
impl ClientBuilder {
    /// `reconnect.min`: the delay before the first attempt to reconnect.
    /// Default 500 ms.
    pub fn reconnect_min(mut self, min: Duration) -> Self {
        self.given.reconnect.min = min;
        self
    }

    /// `reconnect.max`: the longest delay before an attempt; `None` for no
    /// bound. Default `None`, as in Primus, where the tenth attempt comes
    /// after 4 to 9 minutes.
    pub fn reconnect_max(mut self, max: impl Into<Option<Duration>>) -> Self {
        self.given.reconnect.max = max.into();
        self
    }

    /// `reconnect.retries`: how many attempts in a row may fail before the
    /// client ends; `None` to never give up. Default 10.
    pub fn reconnect_retries(mut self, retries: impl Into<Option<u32>>) -> Self {
        self.given.reconnect.retries = retries.into();
        self
    }

    /// `reconnect['reconnect timeout']`: the time one attempt may take; `None`
    /// or zero for no limit but the system's. Default 30 s.
    pub fn reconnect_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.given.reconnect.timeout = limit(timeout);
        self
    }

    /// `reconnect.factor`: by how much the delay grows with each attempt.
    /// Default 2.
    pub fn reconnect_factor(mut self, factor: f64) -> Self {
        self.given.reconnect.factor = factor;
        self
    }

    /// Makes the random part of the delays repeatable, for tests. Default:
    /// random.
    pub fn reconnect_seed(mut self, seed: u64) -> Self {
        self.given.seed = Some(seed);
        self
    }

    /// `timeout`: the time the first connection may take; `None` or zero for no
    /// limit but the system's. Default 10 s.
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.given.timeout = limit(timeout);
        self
    }

    /// `pingTimeout`: the connection is lost when the server has not pinged
    /// for so long; `None` or zero: never. Default 45 s, one and a half of the
    /// server's default `ping_interval`.
    ///
    /// A server of Primus 7 or later pings; for older ones, see
    /// [`client_pings`](Self::client_pings).
    pub fn ping_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.given.heartbeat = ClientMode::ServerPings { timeout: limit(timeout) };
        self.given.happn = false;
        self
    }

    /// For servers of Primus 2 to 6: the client pings, `interval` after the
    /// opening and after each answer (`ping`, 25 s there; `None` or zero:
    /// never), and the connection is lost when an answer takes longer than
    /// `timeout` (`pong`, 10 s there; `None` or zero: no limit).
    pub fn client_pings(
        mut self,
        interval: impl Into<Option<Duration>>,
        timeout: impl Into<Option<Duration>>,
    ) -> Self {
        let timeout = limit(timeout).unwrap_or(Duration::MAX);
        self.given.heartbeat = ClientMode::ClientPings { interval: limit(interval), timeout };
        self.given.happn = false;
        self
    }

    /// For servers of happn-primus: as [`client_pings`](Self::client_pings),
    /// and both times are told to the server in the query, as it expects.
    pub fn happn(
        mut self,
        interval: impl Into<Option<Duration>>,
        timeout: impl Into<Option<Duration>>,
    ) -> Self {
        self = self.client_pings(interval, timeout);
        self.given.happn = true;
        self
    }

    /// `strategy`: when to connect by itself, as a list of names: `disconnect`
    /// (a connection was lost), `online` (the network came back), `timeout`
    /// (the first connection could not be made). Case does not matter;
    /// `"false"` or `""`: never. Default `"disconnect, online, timeout"`.
    ///
    /// A refusal with 401 or 403 is final whatever the strategy.
    pub fn strategy(mut self, names: impl Into<String>) -> Self {
        self.strategy = names.into();
        self
    }

    /// `manual`: [`build`](Self::build) does not open the connection, but
    /// waits for [`Client::open`](crate::Client::open). Default false.
    pub fn manual(mut self, manual: bool) -> Self {
        self.manual = manual;
        self
    }

    /// `network`: whether [`Client::network`](crate::Client::network) has an effect. Default true.
    pub fn network(mut self, network: bool) -> Self {
        self.given.network = network;
        self
    }

    /// How long a connection that was ended is looked after in the background,
    /// for the server to read what was written and to answer the closing
    /// handshake. Default 5 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.given.close_timeout = timeout;
        self
    }

    /// The clock by which the heartbeat, the delays between attempts, the time-outs of
    /// connections and those of answers that plugins wait for run; a manual one makes
    /// tests of them instant, and may be the server's as well. What waits for the system or in the
    /// caller ([`close_timeout`](Self::close_timeout),
    /// [`Client::recv_timeout`](crate::Client::recv_timeout), [`Client::wait_open`](crate::Client::wait_open) and the like) stays in
    /// real time. Default: the system's.
    ///
    /// Moving the clock waits for the client's thread to take notice, and so
    /// for a listener that runs on it.
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.given.clock = Clock::Manual(clock.clone());
        self
    }
}

/// A span that may also be given as none, or as zero, which is the same.
fn limit(span: impl Into<Option<Duration>>) -> Option<Duration> {
    span.into().filter(|span| !span.is_zero())
}
