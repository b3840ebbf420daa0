//! One connection while it speaks HTTP: requests in, answers out.

mod body_reader;
mod idle;
mod intake;
mod linger;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiny_http::{HTTPVersion, Method, ResponseBox};

use self::idle::{Heard, Idle, PATIENCE, Waited, Watched};
pub(crate) use self::linger::drain;
use super::answer::{Held, Holder, Manner};
use super::connections::{Accepted, PlaceId};
use super::header_set::HeaderSet;
use super::request::Request;
use super::response::{Printing, refusal, refusal_of};
use super::sink::Sink;
use crate::compression::Compression;
use crate::deadline::after;
use crate::http::body::BodyDecoder;
use crate::http::head::{BodyLength, Parsed, RequestHead, Scan, parse_request};
use crate::http::{Bad, Coder};
use crate::limits::Limits;
use crate::net::Stream;
use crate::net::wait::{PollFlags, wait_until};

/// Bytes asked of the socket at once.
const READ: usize = 2 << 10;

/// Bytes of an unread body that are read away to keep a connection.
const DRAIN: u64 = 4 << 10;

/// A kept connection is closed so much later than was announced: a request that
/// its client sends at the last moment is still on its way then.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// What came next on a connection.
#[derive(Debug)]
pub(crate) enum Next {
    /// A request; answer it, or take the connection over.
    Request(Request),
    /// Something that was answered with this status; the connection is closed.
    Refused(u16),
    /// Nothing has come for a while. The thread may go on with something else,
    /// and ask again when there is something to be read, but not later than this.
    Idle(Instant),
    /// The end: the peer is done, was idle for too long or broke off.
    Closed,
}

/// A connection that speaks HTTP.
///
/// Used by the one thread that serves the connection. Another thread ends it
/// by shutting the stream down.
pub(crate) struct Connection {
    accepted: Accepted,
    limits: Arc<Limits>,
    /// Read and not yet used: `buf[used..]`.
    buf: Vec<u8>,
    used: usize,
    requests: u64,
    exchange: Exchange,
    /// No further request is read.
    closing: bool,
    /// What is to answer the present request, or has.
    holder: Option<Box<dyn Holder>>,
    /// What it waits for: since when, and until when.
    idle: Option<Idle>,
    /// How long a thread waits with it.
    patience: Duration,
    /// Its blocking reads have a timeout.
    timeout: bool,
    /// How answers are compressed, if they are.
    compression: Option<Compression>,
}

/// What is to be remembered of the present request until it is answered.
struct Exchange {
    version: HTTPVersion,
    head_only: bool,
    keep_alive: bool,
    body: BodyDecoder,
    /// The client waits for `100 Continue` before it sends the body.
    expects: bool,
    coder: Option<Coder>,
}

impl Connection {
    /// Takes over a connection. The time for its first head counts from its
    /// accept.
    pub(crate) fn new(accepted: Accepted, limits: Arc<Limits>) -> Self {
        let exchange = Exchange {
            version: HTTPVersion(1, 1),
            head_only: false,
            keep_alive: false,
            body: BodyDecoder::new(BodyLength::Known(0)),
            expects: false,
            coder: None,
        };
        let buf = Vec::with_capacity(READ);
        Connection {
            accepted,
            limits,
            buf,
            used: 0,
            requests: 0,
            exchange,
            closing: false,
            holder: None,
            idle: None,
            patience: PATIENCE,
            timeout: false,
            compression: None,
        }
    }

    /// Compresses [whole answers](Held::answer) for clients that accept it.
    pub(crate) fn compressing(mut self, compression: &Compression) -> Self {
        self.compression = Some(compression.clone()).filter(|compression| compression.on);
        self
    }

    /// The socket.
    pub(crate) fn stream(&self) -> &Arc<Stream> {
        &self.accepted.stream
    }

    /// The number of its place among the connections.
    pub(crate) fn place(&self) -> Option<PlaceId> {
        self.accepted.place
    }

    /// Waits for the next request. What cannot be accepted is answered here:
    /// bad heads with 400, 414, 431 or 505, slow ones with 408.
    ///
    /// The unread rest of a body is read away first, if it is short.
    #[inline(never)]
    pub(crate) fn next_request(&mut self) -> Next {
        match self.watch() {
            Watched::Answered => {}
            Watched::Leave(until) => return Next::Idle(until),
            Watched::Gone => {
                self.close();
                return Next::Closed;
            }
        }
        if self.closing || self.drain().is_err() {
            self.linger();
            return Next::Closed;
        }
        let first = self.requests == 0;
        let mut scan = Scan::default();
        let mut timed = first;
        let mut deadline = after(self.accepted.at, self.limits.head_timeout);
        loop {
            match parse_request(&mut scan, self.unread(), &self.limits) {
                Parsed::Complete { head, consumed } => {
                    self.used += consumed;
                    return self.began(head);
                }
                Parsed::Bad(bad) => return self.refuse(bad),
                Parsed::Partial => {}
            }
            let idle = scan.is_idle(self.unread());
            if !timed && !idle {
                timed = true;
                deadline = after(Instant::now(), self.limits.head_timeout);
            }
            let read = match timed {
                true => self.fill(deadline),
                false => match self.hear(self.limits.keep_alive.saturating_add(ON_ITS_WAY)) {
                    Heard::Read(read) => read,
                    Heard::Nothing(Waited::Leave(until)) => return Next::Idle(until),
                    Heard::Nothing(_) => break,
                },
            };
            match read {
                Ok(0) => break,
                Ok(_) => {}
                // What has come was no part of a request.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut && !idle => {
                    return self.refuse(Bad { status: 408, text: "request head too slow" });
                }
                Err(_) => break,
            }
        }
        self.close();
        Next::Closed
    }

    fn began(&mut self, head: RequestHead) -> Next {
        self.requests += 1;
        self.idle = None;
        let request = Request::new(head, self.accepted.remote).over(&self.accepted.stream);
        let expect = request.header("expect").filter(|_| request.version() >= (1, 1));
        self.exchange = Exchange {
            version: request.version(),
            head_only: *request.method() == Method::Head,
            keep_alive: request.keep_alive() && !self.limits.keep_alive.is_zero(),
            body: BodyDecoder::new(request.body()),
            expects: expect.is_some(),
            coder: self.compression.as_ref().and_then(|compression| {
                Coder::new(compression, request.header_list("accept-encoding"))
            }),
        };
        match expect {
            Some(expect) if !expect.eq_ignore_ascii_case("100-continue") => {
                self.refuse(Bad { status: 417, text: "unknown expectation" })
            }
            _ => Next::Request(request),
        }
    }

    /// Answers the present request. The fields of `extra` win over those of
    /// the response where they are locked.
    ///
    /// An error says that the answer did not go out whole; the connection is
    /// then finished, as it is when the client does not keep it.
    pub(crate) fn respond(&mut self, response: ResponseBox, extra: &HeaderSet) -> io::Result<()> {
        let keeps = self.exchange.keep_alive && self.can_drain();
        let printing = Printing {
            version: self.exchange.version.clone(),
            head_only: self.exchange.head_only,
            keep_alive: keeps.then_some(self.limits.keep_alive),
            extra,
        };
        let mut sink = Sink::new(&self.accepted.stream, &self.limits);
        // Until the answer is out, a panic in its reader ends the connection.
        self.closing = true;
        let printed = printing.print(response, &mut sink);
        match &printed {
            Ok(stays) => self.closing = !stays,
            Err(error) => {
                // Ours, of a body that was not what it should be.
                if error.kind() == io::ErrorKind::Other {
                    log::error!("an answer was cut: {error}");
                }
                self.accepted.stream.shutdown(Shutdown::Both);
            }
        }
        printed.map(drop)
    }

    /// Answers the present request with this status, cheaper than
    /// [`respond`](Self::respond).
    pub(crate) fn reply(
        &mut self,
        status: u16,
        content_type: &str,
        body: Vec<u8>,
        extra: &HeaderSet,
    ) -> io::Result<()> {
        let set = (extra.length(), |head: &mut Vec<u8>| extra.put(head));
        let pieces = self.manner(extra).whole(status, set, content_type, body);
        let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
        let sent = pieces.try_for_each(|piece| self.send(piece));
        if sent.is_err() {
            self.close();
        }
        sent
    }

    /// How the present request is to be answered.
    fn manner(&mut self, extra: &HeaderSet) -> Manner {
        let keeps = self.exchange.keep_alive && self.can_drain();
        self.closing = !keeps;
        Manner {
            http10: self.exchange.version < (1, 1),
            keep_alive: keeps.then_some(self.limits.keep_alive),
            coder: self.exchange.coder,
            typed: extra.locks("content-type"),
        }
    }

    /// When the present request came, if that is known: when the connection was
    /// accepted, if it is the first.
    pub(crate) fn came(&self) -> Option<Instant> {
        (self.requests == 1).then_some(self.accepted.at)
    }

    /// Leaves the answer of the present request to others, on other threads
    /// perhaps. The connection is to be told [which](Self::set_holder).
    pub(crate) fn hold(&mut self, extra: &HeaderSet) -> Held {
        let manner = self.manner(extra);
        Held::new(Arc::clone(self.stream()), self.came(), extra, manner)
    }

    /// Says what is to answer the present request.
    pub(crate) fn set_holder(&mut self, holder: Box<dyn Holder>) {
        self.holder = Some(holder);
    }

    /// Refuses an upgrade with a response, in the raw form of Primus, and
    /// closes.
    pub(crate) fn refuse_upgrade(&mut self, response: ResponseBox, extra: &HeaderSet) {
        let bytes = refusal_of(&self.exchange.version, response, extra);
        self.finish(&bytes);
    }

    /// Sends these bytes, waiting for a slow peer no longer than for any answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        Sink::new(&self.accepted.stream, &self.limits).write_all(bytes)
    }

    /// Gives the peer a moment to take what was sent; less if it says something.
    pub(crate) fn await_peer(&self, time: Duration) {
        let _ = wait_until(self.stream(), PollFlags::IN, after(Instant::now(), time));
    }

    /// Sends these bytes and closes.
    pub(crate) fn finish(&mut self, bytes: &[u8]) {
        match self.send(bytes) {
            Ok(()) => self.linger(),
            Err(_) => self.close(),
        }
    }

    /// Gives the stream away, with what was read beyond the present request.
    pub(crate) fn into_parts(self) -> (Arc<Stream>, Vec<u8>) {
        if self.timeout {
            self.accepted.stream.set_read_timeout(None);
        }
        let leftover = self.unread().to_vec();
        (self.accepted.stream, leftover)
    }

    fn refuse(&mut self, bad: Bad) -> Next {
        let headers = [("Content-Type", "text/plain")];
        let version = self.exchange.version.clone();
        self.finish(&refusal(&version, bad.status, &headers, bad.text.as_bytes()));
        Next::Refused(bad.status)
    }

    /// Ends the connection so that the peer gets what was sent last.
    #[inline(never)]
    fn linger(&mut self) {
        self.accepted.stream.shutdown(Shutdown::Write);
        drain(&self.accepted.stream);
        self.close();
    }

    fn close(&mut self) {
        self.closing = true;
        self.accepted.stream.shutdown(Shutdown::Both);
    }

    fn unread(&self) -> &[u8] {
        self.buf.get(self.used..).unwrap_or_default()
    }

    /// Whether what is left of the body is little enough to keep the
    /// connection. A client that still waits for `100 Continue` may or may not
    /// send its body; only a new connection is safe then.
    fn can_drain(&self) -> bool {
        let body = &self.exchange.body;
        body.is_done() || !self.exchange.expects && body.announced() <= DRAIN
    }

    /// Reads away what is left of the body.
    #[inline(never)]
    fn drain(&mut self) -> io::Result<()> {
        if self.exchange.body.is_done() {
            return Ok(());
        }
        if !self.can_drain() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut body = self.body(DRAIN).map_err(|bad| io::Error::other(bad.text))?;
        // Little, and on the stack it would stay with the connection.
        body.read_to_end(&mut Vec::new()).map(drop)
    }
}
