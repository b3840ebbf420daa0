//! The options of a server.

use std::sync::Arc;
use std::time::Duration;

use crate::compression::Compression;
use crate::http::server::Request;
use crate::limits::Limits;
use crate::middleware::{Authorization, Cors, TrustedProxies};
#[cfg(feature = "tls")]
use crate::net::tls::Tls;
use crate::parsers::Parser;
use crate::protocol::{Generation, HeartbeatOptions};
use crate::spec::{Heartbeat, PRIMUS_VERSION, Spec};
use crate::sync::Lock;
use crate::timer::Clock;
use crate::transformers::chosen::Chosen;

/// What happens to a client that does not read what is written to it, once
/// its backlog reaches the bound (see [`Builder::backlog`](crate::Builder::backlog)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowConsumer {
    /// The connection is cut: at once when a write would go over the bound, and
    /// when the backlog has been over half the bound for `grace`. So a client
    /// that is connected has been sent every message; one that was cut
    /// reconnects. A burst that is larger than the bound cuts healthy clients
    /// too: pace it with [`Spark::wait_drain`](crate::Spark::wait_drain). The
    /// default, with a grace of 10 s.
    Close {
        /// How long the backlog may stay over half the bound.
        grace: Duration,
    },
    /// A new message that does not fit is refused with
    /// [`Error::Full`](crate::Error::Full); broadcasts skip the spark.
    DropNewest,
    /// The oldest whole messages that wait are dropped to make room, so that no
    /// write is refused for it. What cannot be dropped is a message of which the
    /// client has been sent a part: the newest goes behind it, and a message
    /// that is larger than the bound waits there alone.
    DropOldest,
}

impl Default for SlowConsumer {
    fn default() -> Self {
        SlowConsumer::Close { grace: Duration::from_secs(10) }
    }
}

/// What becomes of a connection when one of its listeners returns an error.
///
/// Either way the error is an `error` event on the spark and a line of the log;
/// where nobody listens for `error` and there is no logger, it is told on
/// stderr, once for each connection. The error of a `connection` listener
/// always ends the connection: the client is refused. So does a panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenerErrors {
    /// The connection goes on, as in Primus; the next listener runs. The
    /// default.
    #[default]
    Report,
    /// The connection ends with close code 1011. The client may reconnect.
    End,
}

pub(crate) type IdGenerator = dyn Fn(&Request) -> String + Send + Sync;

/// The options of a server, as [`Builder`] made them.
pub(crate) struct Options {
    pub transformers: Chosen,
    pub parser: Parser,
    pub pathname: String,
    pub authorization: Authorization,
    pub heartbeat: HeartbeatOptions,
    pub max_length: usize,
    pub compression: Compression,
    pub cors: Cors,
    pub global: String,
    pub id_generator: Option<Arc<IdGenerator>>,
    pub transport: Vec<(String, String)>,
    /// The names of the plugins that there are now.
    pub plugins: Arc<Lock<Vec<String>>>,
    pub limits: Limits,
    pub stack_size: usize,
    pub backlog: usize,
    pub slow_consumer: SlowConsumer,
    pub listener_errors: ListenerErrors,
    pub send_buffer: Option<usize>,
    pub trusted_proxies: TrustedProxies,
    pub clock: Clock,
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
}

impl Options {
    /// What clients must know of a server with these self.
    pub fn spec(&self) -> Spec {
        let beat = &self.heartbeat;
        Spec {
            transformers: self.transformers.names().map(str::to_owned).collect(),
            parser: Some(self.parser.clone()),
            pathname: Some(self.pathname.clone()),
            heartbeat: match beat.generation {
                Generation::ClientPings => Heartbeat::ClientPings(beat.idle_timeout),
                _ => Heartbeat::ServerPings(beat.ping_interval),
            },
            version: PRIMUS_VERSION.to_owned(),
            plugins: self.plugins.lock().clone(),
        }
    }
}
