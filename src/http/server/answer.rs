//! Answers that are given later, and perhaps by another thread than that of
//! the connection.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::response::HeaderSet;
use crate::net::Stream;
use crate::value::Date;

/// Whoever is to answer a request that is held. Dropped when the answer was
/// given and the client goes on, or when the client is gone.
pub(crate) trait Holder: Send {
    /// Whether the answer is still to be given.
    fn holds(&self) -> bool;
}

/// A request whose answer is still to be given. Whoever has this answers it.
#[derive(Debug)]
pub(crate) struct Held {
    stream: Arc<Stream>,
    /// When its connection was accepted, if it is the first request there.
    since: Option<Instant>,
    /// The status line and the fields that middleware has set.
    head: Vec<u8>,
    /// The idle time that is announced when the connection stays.
    keep_alive: Option<Duration>,
}

impl Held {
    pub(super) fn new(
        stream: Arc<Stream>,
        since: Option<Instant>,
        http10: bool,
        extra: &HeaderSet,
        keep_alive: Option<Duration>,
    ) -> Self {
        let mut head = Vec::with_capacity(256);
        let version = if http10 { "HTTP/1.0 " } else { "HTTP/1.1 " };
        put(&mut head, &[version, OK, "\r\n"]);
        for (name, value) in extra.iter() {
            put(&mut head, &[name, ": ", value, "\r\n"]);
        }
        head.shrink_to_fit();
        Held { stream, since, head, keep_alive }
    }

    /// The connection that waits.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// When it came, if that is known: when its connection was accepted, of which
    /// it is the first request.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// Whether it was sent before another, as far as can be told: both are the
    /// first of their connections, and its own was accepted before. The threads
    /// that read the two may come to it in either order.
    pub(crate) fn came_before(&self, other: &Held) -> bool {
        self.since.zip(other.since).is_some_and(|(own, other)| own < other)
    }

    /// The connection ends with the answer.
    pub(crate) fn close_after(&mut self) {
        self.keep_alive = None;
    }

    /// Refuses it, and ends the connection with that.
    pub(crate) fn refuse(mut self, content_type: &str, body: Vec<u8>) -> Unsent {
        self.head.splice(STATUS..STATUS + OK.len(), *b"400 Bad Request");
        self.close_after();
        self.answer(content_type, body)
    }

    /// The whole answer, with status 200 and this content type.
    pub(crate) fn answer(self, content_type: &str, body: Vec<u8>) -> Unsent {
        let Held { stream, head: mut bytes, keep_alive, .. } = self;
        let length = body.len().to_string();
        put(&mut bytes, &["Content-Type: ", content_type, "\r\n"]);
        if let Some(date) = Date::now().to_http() {
            put(&mut bytes, &["Date: ", &date, "\r\n"]);
        }
        match keep_alive {
            Some(time) => {
                let seconds = time.as_secs().to_string();
                put(&mut bytes, &["Connection: keep-alive\r\nKeep-Alive: timeout=", &seconds]);
            }
            None => put(&mut bytes, &["Connection: close"]),
        }
        put(&mut bytes, &["\r\nContent-Length: ", &length, "\r\n\r\n"]);
        Unsent { stream, head: bytes, body, sent: 0, last: keep_alive.is_none() }
    }
}

/// The status of an answer that is no refusal.
const OK: &str = "200 OK";

/// Where the status stands in an answer.
const STATUS: usize = "HTTP/1.1 ".len();

fn put(to: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| to.extend_from_slice(part.as_bytes()));
}

/// An answer, or what is left of it to be sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    stream: Arc<Stream>,
    head: Vec<u8>,
    body: Vec<u8>,
    sent: usize,
    /// Nothing follows it on this connection.
    last: bool,
}

impl Unsent {
    /// The socket that it goes to.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// Sends what the socket takes, without blocking; true when that was all.
    pub(crate) fn send(&mut self) -> io::Result<bool> {
        let in_body = self.sent.saturating_sub(self.head.len());
        let pieces = [
            IoSlice::new(self.head.get(self.sent..).unwrap_or_default()),
            IoSlice::new(self.body.get(in_body..).unwrap_or_default()),
        ];
        self.sent += self.stream.offer_vectored(&pieces)?;
        let whole = self.sent >= self.head.len() + self.body.len();
        if whole && self.last {
            self.stream.shutdown(Shutdown::Write);
        }
        Ok(whole)
    }

    /// Head and body, to be sent by a thread that may block.
    pub(super) fn pieces(&self) -> [&[u8]; 2] {
        [&self.head, &self.body]
    }
}
