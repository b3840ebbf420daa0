//! The options of a client.

use std::sync::Arc;
use std::time::Duration;

use super::machine::Strategy;
use super::plugins::Plugins;
use super::recovery::Reconnect;
use super::url::Address;
use crate::compression::Compression;
use crate::http::client::place;
use crate::net::dial::Connector;
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;
use crate::net::tls::Secure;
use crate::parsers::Parser;
use crate::protocol::ClientMode;
use crate::timer::Clock;
use crate::transformers::connect::Dials;

/// The options as the client uses them.
pub(crate) struct Options {
    pub address: Address,
    pub transport: Arc<dyn Dials>,
    /// For `https`.
    pub secure: Option<Secure>,
    pub strategy: Strategy,
    pub given: Given,
}

/// Those that are used as they are given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub parser: Parser,
    pub pathname: String,
    pub headers: Vec<(String, String)>,
    pub reconnect: Reconnect,
    pub seed: Option<u64>,
    pub timeout: Option<Duration>,
    pub heartbeat: ClientMode,
    pub happn: bool,
    pub network: bool,
    pub queue_size: usize,
    pub max_length: usize,
    pub compression: Compression,
    pub inbox: usize,
    pub values: usize,
    pub answers: usize,
    pub close_timeout: Duration,
    pub connector: Option<Connector>,
    pub clock: Clock,
    pub plugins: Plugins,
    #[cfg(feature = "tls")]
    pub tls: ClientTls,
}

impl Default for Given {
    fn default() -> Self {
        Given {
            parser: Parser::JSON,
            pathname: "/primus".into(),
            headers: Vec::new(),
            reconnect: Reconnect::default(),
            seed: None,
            timeout: Some(Duration::from_secs(10)),
            heartbeat: ClientMode::default(),
            happn: false,
            network: true,
            queue_size: 10_000,
            max_length: 10 << 20,
            compression: false.into(),
            inbox: 1 << 20,
            values: 1_000_000,
            answers: 1_000,
            close_timeout: Duration::from_secs(5),
            connector: None,
            clock: Clock::System,
            plugins: Plugins::default(),
            #[cfg(feature = "tls")]
            tls: ClientTls::default(),
        }
    }
}

impl Options {
    /// What is connected to, as errors call it.
    pub fn place(&self) -> String {
        let Address { secure, host, port, unix, .. } = &self.address;
        if let Some(name) = unix {
            return format!("{name}:{}", self.given.pathname);
        }
        place(*secure, host, *port, &self.given.pathname)
    }
}
