//! Asking a server how it wants to be talked to: `GET <pathname>/spec`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::answer::{Answer, Reader};
use super::dial::Dialler;
use super::options::ClientBuilder;
use super::transport::Target;
use super::wait::{Ready, wait};
use crate::error::{Error, Result};
use crate::net::Waker;

/// What Primus 2 to 6 leave between the client's ping and the server's
/// time-out.
const PING_MARGIN: u64 = 10_000;

impl ClientBuilder {
    /// Reads the server's spec document and sets [`transformer`], [`parser`]
    /// and the heartbeat accordingly: [`ping_timeout`] for servers that ping,
    /// [`happn`] for older ones. Everything else stays as it is; so does the
    /// parser when the server has a custom one.
    ///
    /// [`transformer`]: Self::transformer
    /// [`parser`]: Self::parser
    /// [`ping_timeout`]: Self::ping_timeout
    /// [`happn`]: Self::happn
    ///
    /// # Blocking
    /// Until the server has answered, at most [`timeout`](Self::timeout).
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no spec document at the pathname,
    /// [`Error::Option`] when the server uses something that is not known
    /// here, else what failed.
    pub fn discover(self) -> Result<Self> {
        let waker = Arc::new(Waker::new()?);
        let target = self.spec_target(Arc::clone(&waker))?;
        let until = self.connect_timeout().and_then(|timeout| Instant::now().checked_add(timeout));
        let answer = fetch(&target, &waker, until)?;
        if answer.status != 200 {
            return Err(answer.refusal());
        }
        let spec: Value = serde_json::from_slice(&answer.body)
            .map_err(|e| Error::Protocol(format!("the spec document is no JSON: {e}")))?;
        self.configured(&spec)
    }

    fn configured(mut self, spec: &Value) -> Result<Self> {
        let text = |name: &str| spec.get(name).and_then(Value::as_str);
        if let Some(transformer) = text("transformer").filter(|name| *name != "custom") {
            crate::transformers::client(transformer)?;
            self = self.transformer(transformer);
        }
        if let Some(parser) = text("parser").filter(|name| *name != "custom") {
            self = self.parser(parser.parse()?);
        }
        let number = |value: &Value| value.as_f64().map(|ms| ms.clamp(1.0, 1e12) as u64);
        Ok(match (spec.get("pingInterval"), spec.get("timeout")) {
            (Some(interval), _) => {
                // As in the library that such a server generates.
                let timeout = number(interval).map(|ms| ms + ms.div_ceil(2));
                self.ping_timeout(timeout.map(Duration::from_millis))
            }
            (None, Some(timeout)) => {
                let ms = number(timeout).map(|ms| ms.saturating_sub(PING_MARGIN).max(1));
                self.happn(ms.map(Duration::from_millis), Duration::from_millis(PING_MARGIN))
            }
            (None, None) => self,
        })
    }
}

/// One request, one answer.
fn fetch(target: &Target, waker: &Arc<Waker>, until: Option<Instant>) -> Result<Answer> {
    let mut dialler = Dialler::new(&target.host, target.port, Arc::clone(waker))?;
    let in_time = || match until {
        Some(until) if until <= Instant::now() => Err(Error::Timeout("no spec document in time")),
        _ => Ok(()),
    };
    let stream = loop {
        if let Some(stream) = dialler.next(until)? {
            break stream;
        }
        in_time()?;
    };
    stream.write_all(target.request("Connection: close\r\n").as_bytes())?;
    let mut reader = Reader::default();
    loop {
        let want = Ready { read: true, write: false };
        if wait(waker, Some((&stream, want)), until)?.read
            && let Some(answer) = reader.read(&stream)?
        {
            return Ok(answer);
        }
        in_time()?;
    }
}
