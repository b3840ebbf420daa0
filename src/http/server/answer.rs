//! Answers that are given later, and perhaps by another thread than that of
//! the connection.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiny_http::StatusCode;

use super::response::HeaderSet;
use super::streaming::{Framing, Streaming};
use crate::http::Coder;
use crate::net::Stream;
use crate::value::Date;

/// What is to answer a request that is held. Dropped when the answer was
/// given and the client goes on, or when the client is gone.
pub(crate) trait Holder: Send {
    /// Whether the answer is still to be given.
    fn holds(&self) -> bool;
}

/// A request whose answer is still to be given, by the owner of this.
#[derive(Debug)]
pub(crate) struct Held {
    stream: Arc<Stream>,
    /// When its connection was accepted, if it is the first request there.
    since: Option<Instant>,
    /// The client speaks HTTP/1.0.
    http10: bool,
    /// The fields that middleware has set.
    fields: Vec<u8>,
    /// The idle time that is announced when the connection stays.
    keep_alive: Option<Duration>,
    /// How a whole answer may be compressed.
    coder: Option<Coder>,
}

impl Held {
    pub(super) fn new(
        stream: Arc<Stream>,
        since: Option<Instant>,
        http10: bool,
        extra: &HeaderSet,
        keep_alive: Option<Duration>,
        coder: Option<Coder>,
    ) -> Self {
        let mut fields = Vec::new();
        for (name, value) in extra.iter() {
            put(&mut fields, &[name, ": ", value, "\r\n"]);
        }
        fields.shrink_to_fit();
        Held { stream, since, http10, fields, keep_alive, coder }
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
    pub(crate) fn refuse(mut self, status: u16, content_type: &str, body: Vec<u8>) -> Unsent {
        self.close_after();
        self.whole(status, content_type, body)
    }

    /// The whole answer, with status 200 and this content type.
    pub(crate) fn answer(self, content_type: &str, body: Vec<u8>) -> Unsent {
        self.whole(200, content_type, body)
    }

    fn whole(self, status: u16, content_type: &str, body: Vec<u8>) -> Unsent {
        let mut head = self.head(status);
        let (body, coding) = match self.coder.filter(|_| status == 200) {
            Some(coder) => coder.encode(body),
            None => (body, ""),
        };
        put(&mut head, &["Content-Type: ", content_type, "\r\n", coding]);
        date_and_connection(&mut head, self.keep_alive);
        put(&mut head, &["Content-Length: ", &body.len().to_string(), "\r\n\r\n"]);
        Unsent { stream: self.stream, head, body, sent: 0, last: self.keep_alive.is_none() }
    }

    /// An answer in pieces, with this status and these fields, as far as
    /// middleware has not set them. Nothing is sent yet.
    pub(crate) fn begin(self, status: u16, fields: &[(&str, &str)]) -> Streaming {
        let framing = match status {
            204 | 304 => Framing::Empty,
            _ if self.http10 => Framing::ToEnd,
            _ => Framing::Chunked,
        };
        let keep_alive = self.keep_alive.filter(|_| framing != Framing::ToEnd);
        let mut head = self.head(status);
        for (name, value) in fields.iter().filter(|(name, _)| !self.has(name)) {
            put(&mut head, &[name, ": ", value, "\r\n"]);
        }
        date_and_connection(&mut head, keep_alive);
        if framing == Framing::Chunked {
            put(&mut head, &["Transfer-Encoding: chunked\r\n"]);
        }
        put(&mut head, &["\r\n"]);
        Streaming::new(self.stream, framing, head, keep_alive.is_none())
    }

    /// The status line, and the fields that middleware has set.
    fn head(&self, status: u16) -> Vec<u8> {
        let mut head = Vec::with_capacity(256 + self.fields.len());
        let version = if self.http10 { "HTTP/1.0 " } else { "HTTP/1.1 " };
        let reason = StatusCode(status).default_reason_phrase();
        match status {
            200 => put(&mut head, &[version, "200 OK\r\n"]),
            _ => put(&mut head, &[version, &status.to_string(), " ", reason, "\r\n"]),
        }
        head.extend_from_slice(&self.fields);
        head
    }

    /// Whether middleware has set this field.
    fn has(&self, name: &str) -> bool {
        let mut lines = self.fields.split(|byte| *byte == b'\n');
        lines.any(|line| {
            let set = line.split(|byte| *byte == b':').next().unwrap_or_default();
            set.eq_ignore_ascii_case(name.as_bytes())
        })
    }
}

fn date_and_connection(head: &mut Vec<u8>, keep_alive: Option<Duration>) {
    if let Some(date) = Date::now().to_http() {
        put(head, &["Date: ", &date, "\r\n"]);
    }
    match keep_alive {
        Some(time) => {
            let seconds = time.as_secs().to_string();
            put(head, &["Connection: keep-alive\r\nKeep-Alive: timeout=", &seconds, "\r\n"]);
        }
        None => put(head, &["Connection: close\r\n"]),
    }
}

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
