//! Answers that are given later, and perhaps by another thread than that of
//! the connection.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiny_http::StatusCode;

use super::header_set::HeaderSet;
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

/// How an answer is given, whatever it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// The client speaks HTTP/1.0.
    pub http10: bool,
    /// The idle time that is announced when the connection stays.
    pub keep_alive: Option<Duration>,
    /// How a whole answer may be compressed.
    pub coder: Option<Coder>,
    /// Middleware has set the content type.
    pub typed: bool,
}

/// Bodies up to this size are sent together with their head.
const COPIED: usize = 16 << 10;

/// Room for the fields that every answer has.
const COMMON: usize = 256;

impl Manner {
    /// The whole of an answer in two pieces, of which the second is empty unless the
    /// body is a long one. `fields`: how many bytes those that middleware has set are,
    /// and what appends them.
    pub fn whole(
        self,
        status: u16,
        fields: (usize, impl FnOnce(&mut Vec<u8>)),
        content_type: &str,
        body: Vec<u8>,
    ) -> [Vec<u8>; 2] {
        let (mut body, coding) = match self.coder.filter(|_| status == 200) {
            Some(coder) => coder.encode(body),
            None => (body, ""),
        };
        let copied = if body.len() <= COPIED { body.len() } else { 0 };
        let mut head = self.head(status, fields, content_type.len() + coding.len() + copied);
        if !self.typed {
            put(&mut head, &["Content-Type: ", content_type, "\r\n"]);
        }
        put(&mut head, &[coding]);
        self.put_date_and_connection(&mut head);
        if !is_lengthless(status) {
            put(&mut head, &["Content-Length: "]);
            put_number(&mut head, body.len() as u64);
            put(&mut head, &["\r\n"]);
        }
        put(&mut head, &["\r\n"]);
        if copied > 0 {
            head.extend_from_slice(&body);
            body = Vec::new();
        }
        [head, body]
    }

    /// The status line, and the fields that middleware has set, with room for `more`.
    fn head(
        self,
        status: u16,
        (length, fields): (usize, impl FnOnce(&mut Vec<u8>)),
        more: usize,
    ) -> Vec<u8> {
        let mut head = Vec::with_capacity(COMMON + length + more);
        put(&mut head, &[if self.http10 { "HTTP/1.0 " } else { "HTTP/1.1 " }]);
        put_number(&mut head, status.into());
        put(&mut head, &[" ", StatusCode(status).default_reason_phrase(), "\r\n"]);
        fields(&mut head);
        head
    }

    fn put_date_and_connection(self, head: &mut Vec<u8>) {
        if let Some(date) = Date::now().http() {
            put(head, &["Date: "]);
            head.extend_from_slice(&date);
            put(head, &["\r\n"]);
        }
        match self.keep_alive {
            Some(time) => {
                put(head, &["Connection: keep-alive\r\nKeep-Alive: timeout="]);
                put_number(head, time.as_secs());
                put(head, &["\r\n"]);
            }
            None => put(head, &["Connection: close\r\n"]),
        }
    }
}

/// Whether answers of this status have no body, nor the length of one.
fn is_lengthless(status: u16) -> bool {
    matches!(status, 204 | 304)
}

/// A request whose answer is still to be given, by the owner of this.
#[derive(Debug)]
pub(crate) struct Held {
    stream: Arc<Stream>,
    /// When its connection was accepted, if it is the first request there.
    since: Option<Instant>,
    /// The fields that middleware has set.
    fields: Vec<u8>,
    manner: Manner,
}

impl Held {
    pub(super) fn new(
        stream: Arc<Stream>,
        since: Option<Instant>,
        extra: &HeaderSet,
        manner: Manner,
    ) -> Self {
        let mut fields = Vec::with_capacity(extra.length());
        extra.put(&mut fields);
        Held { stream, since, fields, manner }
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
        self.manner.keep_alive = None;
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
        let pieces = self.manner.whole(status, self.set(), content_type, body);
        let last = self.manner.keep_alive.is_none();
        Unsent { stream: self.stream, pieces, sent: 0, last }
    }

    /// What middleware has set, as [`Manner`] takes it.
    fn set(&self) -> (usize, impl FnOnce(&mut Vec<u8>)) {
        (self.fields.len(), |head: &mut Vec<u8>| head.extend_from_slice(&self.fields))
    }

    /// An answer in pieces, with this status and these fields, as far as
    /// middleware has not set them. Nothing is sent yet.
    pub(crate) fn begin(mut self, status: u16, fields: &[(&str, &str)]) -> Streaming {
        let framing = match status {
            _ if is_lengthless(status) => Framing::Empty,
            _ if self.manner.http10 => Framing::ToEnd,
            _ => Framing::Chunked,
        };
        if framing == Framing::ToEnd {
            self.close_after();
        }
        let mut head = self.manner.head(status, self.set(), 0);
        for (name, value) in fields.iter().filter(|(name, _)| !self.has(name)) {
            put(&mut head, &[name, ": ", value, "\r\n"]);
        }
        self.manner.put_date_and_connection(&mut head);
        if framing == Framing::Chunked {
            put(&mut head, &["Transfer-Encoding: chunked\r\n"]);
        }
        put(&mut head, &["\r\n"]);
        Streaming::new(self.stream, framing, head, self.manner.keep_alive.is_none())
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

fn put(to: &mut Vec<u8>, parts: &[&str]) {
    parts.iter().for_each(|part| to.extend_from_slice(part.as_bytes()));
}

/// Appends the digits of a number.
fn put_number(to: &mut Vec<u8>, number: u64) {
    let (mut digits, mut at, mut rest) = ([0; 20], 20, number);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    to.extend_from_slice(&digits[at..]);
}

/// An answer, or what is left of it to be sent.
#[derive(Debug)]
pub(crate) struct Unsent {
    stream: Arc<Stream>,
    pieces: [Vec<u8>; 2],
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
        let [first, second] = &self.pieces;
        let behind = self.sent.saturating_sub(first.len());
        let first_left = first.get(self.sent..).unwrap_or_default();
        let second_left = second.get(behind..).unwrap_or_default();
        self.sent += match second_left.is_empty() {
            true => self.stream.offer(first_left)?,
            false => {
                let left = [IoSlice::new(first_left), IoSlice::new(second_left)];
                self.stream.offer_vectored(&left)?
            }
        };
        let whole = self.sent >= first.len() + second.len();
        if whole && self.last {
            self.stream.shutdown(Shutdown::Write);
        }
        Ok(whole)
    }
}
