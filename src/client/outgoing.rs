//! Where a client's next connection goes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::options::Options;
use super::url::{Address, basic, check_header, check_host, check_path, query_string};
use crate::error::Result;
use crate::http::client::Target;
use crate::net::Waker;
use crate::net::dial::{Connector, Destination};
use crate::protocol::ClientMode;

/// Where the next connection goes and what it carries; listeners of
/// [`on_outgoing_url`](crate::Client::on_outgoing_url) may change it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OutgoingUrl {
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `user:password` for Basic authentication; without a colon, a user whose
    /// password is empty.
    pub auth: Option<String>,
    /// The path, with its leading slash.
    pub pathname: String,
    /// The query, not yet percent-encoded.
    pub query: Vec<(String, String)>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

impl OutgoingUrl {
    /// Where an attempt goes before listeners had a look at it.
    pub(crate) fn first(options: &Options, buster: String) -> Self {
        let Options { address, given, .. } = options;
        let Address { host, port, auth, query, .. } = address.clone();
        let mut query = query;
        query.push(("_primuscb".into(), buster));
        if let (true, ClientMode::ClientPings { interval, timeout }) =
            (given.happn, given.heartbeat)
        {
            let ping = interval.map_or("false".into(), |i| timer_ms(i).to_string());
            query.push(("ping".into(), ping));
            query.push(("pong".into(), timer_ms(timeout).to_string()));
        }
        let (pathname, headers) = (given.pathname.clone(), given.headers.clone());
        OutgoingUrl { host, port, auth, pathname, query, headers }
    }

    /// What a transport is told, if nothing in it can change the request
    /// around it.
    pub(crate) fn target(
        mut self,
        options: &Options,
        until: Option<Instant>,
        waker: Arc<Waker>,
    ) -> Result<Target> {
        check_path(&self.pathname)?;
        check_host(&self.host)?;
        for (name, value) in &self.headers {
            check_header(name, value)?;
        }
        let has = |name: &str| self.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let auth = self.auth.as_deref().map(basic).transpose()?.flatten();
        if let Some(auth) = auth.filter(|_| !has("authorization")) {
            self.headers.push(("Authorization".into(), auth));
        }
        let unix = || options.address.unix.clone().map(Arc::new).map(Connector::Unix);
        let connector = options.given.connector.clone().or_else(unix);
        let (host, port) = (self.host, self.port);
        Ok(Target {
            to: Destination { host, port, connector, until, secure: options.secure.clone(), waker },
            secure: options.address.secure,
            pathname: self.pathname,
            query: query_string(&self.query),
            headers: self.headers,
            compression: options.given.compression.clone(),
        })
    }

    /// Sets a parameter of the query, in place of any of the same name.
    pub fn set_query(&mut self, name: &str, value: &str) {
        self.query.retain(|(n, _)| n != name);
        self.query.push((name.to_owned(), value.to_owned()));
    }

    /// Sets a header, in place of any of the same name.
    pub fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }
}

/// Milliseconds, at most what a timer in JavaScript can hold: with more it
/// fires at once.
fn timer_ms(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX).min(i32::MAX as u32)
}
