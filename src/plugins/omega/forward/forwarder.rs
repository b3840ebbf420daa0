//! The requests to other servers.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::forwarded::Forwarded;
use crate::client::url::Address;
use crate::error::{Error, Result};
use crate::http::client::{Answer, Call, Patience, Pool, authority, call_all, place};
use crate::net::Waker;
use crate::net::dial::{Connector, Destination};
#[cfg(feature = "tls")]
use crate::net::tls::ClientTls;
use crate::net::tls::Secure;
use crate::plugins::omega::to::To;
use crate::plugins::omega::trust::Trust;
use crate::plugins::omega::wire::{self, Said};
use crate::timer::Timer;

/// What a server is told of asking others.
pub(in crate::plugins::omega) struct Settings<'a> {
    /// Method and path.
    pub line: String,
    pub authorization: String,
    pub trust: Trust,
    pub at_most: usize,
    pub connect_timeout: Duration,
    pub timeout: Duration,
    #[cfg(feature = "tls")]
    pub tls: Option<&'a ClientTls>,
    pub timer: &'a Timer,
}

/// What asks other servers, over connections that it keeps.
pub(in crate::plugins::omega) struct Forwarder {
    line: String,
    path: String,
    authorization: String,
    trust: Trust,
    at_most: usize,
    patience: Patience,
    pool: Arc<Pool>,
    secure: OnceLock<Secure>,
}

impl Forwarder {
    /// Without any connection yet.
    ///
    /// # Errors
    /// TLS cannot be spoken as it was told.
    pub fn new(settings: Settings<'_>) -> Result<Self> {
        let secure = OnceLock::new();
        #[cfg(feature = "tls")]
        if let Some(tls) = settings.tls {
            let _ = secure.set(tls.secure()?);
        }
        let Settings { line, authorization, trust, at_most, connect_timeout, timeout, .. } =
            settings;
        let path = line.split_once(' ').map_or("", |(_, path)| path).to_owned();
        let patience = Patience { connect: connect_timeout, total: timeout };
        let pool = Pool::new(settings.timer);
        Ok(Forwarder { line, path, authorization, trust, at_most, patience, pool, secure })
    }

    /// Ends the connections that it keeps.
    pub fn close(&self) {
        self.pool.close();
    }

    /// Sends a message, which was written to so many sparks here, to servers, each with
    /// those whom it is for there.
    pub fn send(
        &self,
        letters: impl IntoIterator<Item = (String, To)>,
        message: &str,
        local: usize,
    ) -> Forwarded {
        let mut forwarded = Forwarded { local, ..Forwarded::default() };
        let has_readers = |to: &To| !matches!(to, To::Sparks(ids) if ids.is_empty());
        let letters = letters.into_iter();
        let letters: Vec<_> =
            letters.filter(|(server, to)| !server.is_empty() && has_readers(to)).collect();
        if letters.is_empty() {
            return forwarded;
        }
        let answers = match Waker::new() {
            Ok(waker) => self.call(&letters, message, &Arc::new(waker)),
            Err(error) => {
                let failed =
                    |_: &_| Err(std::io::Error::new(error.kind(), error.to_string()).into());
                letters.iter().map(failed).collect()
            }
        };
        for ((server, to), answer) in letters.into_iter().zip(answers) {
            match answer.and_then(|answer| self.count(&server, &answer)) {
                Ok(count) => {
                    let count = count.min(to.most());
                    forwarded.remote = forwarded.remote.saturating_add(count);
                    forwarded.taken.push((server, count));
                }
                Err(error) => forwarded.failed.push((server, error)),
            }
        }
        forwarded
    }

    fn call(
        &self,
        letters: &[(String, To)],
        message: &str,
        waker: &Arc<Waker>,
    ) -> Vec<Result<Answer>> {
        let calls = letters.iter().map(|(server, to)| {
            let address = Address::parse(server)?;
            self.trust.check(&address)?;
            let body = wire::encode(message, to)?;
            Ok(Call {
                server: self.place(&address),
                bytes: self.request(&address, &body),
                to: self.destination(address, waker)?,
            })
        });
        call_all(&self.pool, waker, calls, self.at_most, self.patience)
    }

    /// With the headers of npm's, in the same order.
    fn request(&self, address: &Address, body: &str) -> Vec<u8> {
        let Forwarder { line, authorization, .. } = self;
        let host = authority(address.secure, &address.host, address.port);
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\n\
             accept: application/json\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\nConnection: keep-alive\r\n\r\n"
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }

    fn destination(&self, address: Address, waker: &Arc<Waker>) -> Result<Destination> {
        let secure = if address.secure { Some(self.secure()?) } else { None };
        let Address { host, port, unix, .. } = address;
        let connector = unix.map(Arc::new).map(Connector::Unix);
        Ok(Destination { host, port, connector, until: None, secure, waker: Arc::clone(waker) })
    }

    #[cfg(feature = "tls")]
    fn secure(&self) -> Result<Secure> {
        if let Some(secure) = self.secure.get() {
            return Ok(secure.clone());
        }
        let secure = ClientTls::new().secure()?;
        Ok(self.secure.get_or_init(|| secure).clone())
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self) -> Result<Secure> {
        let text = "https needs TLS: the feature `tls` of the crate `primus`";
        self.secure.get().cloned().ok_or_else(|| Error::Option(text.into()))
    }

    fn place(&self, address: &Address) -> String {
        match &address.unix {
            Some(name) if address.secure => format!("https+{name}:{}", self.path),
            Some(name) => format!("{name}:{}", self.path),
            None => place(address.secure, &address.host, address.port, &self.path),
        }
    }

    /// To how many a server has written it.
    ///
    /// # Errors
    /// What the answer is, if it does not say so.
    fn count(&self, server: &str, answer: &Answer) -> Result<usize> {
        let place = || Address::parse(server).map_or(String::new(), |address| self.place(&address));
        let said = wire::read(&answer.body);
        match (answer.status, said) {
            (200, Said::Sent(count)) => Ok(count),
            (200, Said::Failed(reason)) => {
                let reason = reason.unwrap_or_else(|| "it was not able to".into());
                Err(Error::Protocol(format!("{}: {reason}", place())))
            }
            (404 | 405 | 426, Said::Nonsense) => Err(Error::Protocol(format!(
                "{}: no omega-supreme answers there (status {}); has the server the plugin, with \
                 this url and method?",
                place(),
                answer.status
            ))),
            (200, Said::Nonsense) => {
                Err(Error::Protocol(format!("{}: the answer is not one of omega-supreme", place())))
            }
            (status, Said::Failed(Some(message))) => {
                Err(Error::Refused { url: place().into(), status, message, authenticate: None })
            }
            _ => Err(shorter(answer.refusal()).at(&place())),
        }
    }
}

/// Whoever answers, the error is of a size that can be logged.
fn shorter(error: Error) -> Error {
    match error {
        Error::Refused { url, status, message, .. } => {
            Error::Refused { url, status, message: wire::reason(&message), authenticate: None }
        }
        error => error,
    }
}
