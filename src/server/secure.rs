//! TLS on the connections of a server.

use std::net::Shutdown;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use tiny_http::HTTPVersion;

use crate::deadline::after;
use crate::error::{Error, Result};
use crate::http::server::{self as http, Accepted};
use crate::limits::Limits;
use crate::net::tls::{Shaken, Tls, accept};
use crate::server::metrics::Metrics;

/// What new connections shake hands with, if the server speaks TLS.
#[derive(Default)]
pub(crate) struct Current(Option<RwLock<Arc<ServerConfig>>>);

impl Current {
    pub fn new(tls: Option<&Tls>) -> Result<Self> {
        Ok(Current(tls.map(Tls::config).transpose()?.map(RwLock::new)))
    }

    /// Whether the server speaks TLS.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    fn get(&self) -> Option<Arc<ServerConfig>> {
        let current = self.0.as_ref()?.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }

    /// New connections shake hands with this; the error of who asked for it when
    /// the server speaks no TLS.
    pub fn set(&self, tls: &Tls) -> Result<()> {
        let Some(current) = &self.0 else {
            let text = "set_tls: the server was built without `tls`";
            return Err(Error::Option(text.into()));
        };
        let config = tls.config()?;
        *current.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Shakes hands if the server speaks TLS; false when the connection is over.
    #[inline(never)]
    pub fn shake_hands(&self, accepted: &Accepted, limits: &Limits, metrics: &Metrics) -> bool {
        let Some(config) = self.get() else { return true };
        let stream = &accepted.stream;
        match accept(stream, config, after(accepted.at, limits.head_timeout)) {
            Shaken::Secured => return true,
            Shaken::PlainHttp => {
                metrics.refused(400);
                let text = b"This port speaks https; the request came without TLS.\n";
                let fields = [("Content-Type", "text/plain")];
                let _ = stream.offer(&http::refusal(&HTTPVersion(1, 1), 400, &fields, text));
            }
            Shaken::Failed(error) => log::debug!("TLS handshake failed: {error}"),
        }
        // What was said last is not to be overtaken by a reset.
        stream.shutdown(Shutdown::Write);
        http::drain(stream);
        stream.shutdown(Shutdown::Both);
        false
    }
}
