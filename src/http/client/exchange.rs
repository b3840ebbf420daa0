//! HTTP requests, one after another, on a connection that is kept alive: in
//! steps that never wait, for a thread that has several of them to look after.
//!
//! # Requests are not repeated
//!
//! A server may close a connection that rests between two requests, just as
//! the next request is on its way. What was sent then may have been taken and
//! acted upon, and for the protocols that poll no request is without effect:
//! a POST delivers messages, and a poll fetches them, so that its repetition
//! would silently skip those that the first one got. Therefore a request is
//! repeated, on a new connection, only if the server cannot have had all of
//! it. To keep out of that race, a connection that has rested for almost as
//! long as the server keeps it (which `Keep-Alive` tells) is not used again,
//! nor one on which the end of the stream is already there.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::response::{Answer, BODY_MAX, Pieces};
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::http::ResponseHead;
use crate::net::Stream;
use crate::net::dial::Dialler;
use crate::net::wait::{Ready, Wants};

/// Bytes read at a time.
const PIECE: usize = 16 << 10;

/// How long before a server closes a resting connection it is left alone.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a server keeps a resting connection that does not say: as Node.
const KEEP: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Default)]
pub(crate) struct Exchanger {
    dialler: Option<Dialler>,
    connection: Option<Kept>,
    request: Option<Request>,
    /// Where the last connection went.
    address: Option<SocketAddr>,
}

struct Kept {
    stream: Arc<Stream>,
    pieces: Pieces,
    /// Since when it rests, if it has carried a request before.
    rested: Option<Instant>,
    /// How long it may rest.
    keep: Duration,
}

struct Request {
    bytes: Vec<u8>,
    sent: usize,
    /// The body of a good answer is told as it arrives.
    streamed: bool,
    /// The head of the answer, with what is to be kept of the body.
    answer: Option<Answer>,
    persistent: bool,
    /// The body is whole.
    whole: bool,
}

/// What a step has led to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Nothing.
    Waiting,
    /// Bytes of the body of an answer with status 200, of a request that
    /// wants them as they come.
    Body(Vec<u8>),
    /// The answer is whole; its body is not more than 64 KiB, and empty if it
    /// was told already. The next request may begin.
    Answer(Answer),
}

impl Exchanger {
    /// Another one to the server that this one has reached.
    pub fn beside(&self) -> Self {
        Exchanger { address: self.address, ..Exchanger::default() }
    }

    /// Begins with a request; the one before must be answered. `streamed`: the
    /// body of a good answer is wanted in pieces, of whatever length it is.
    pub fn begin(&mut self, bytes: Vec<u8>, streamed: bool) {
        debug_assert!(!self.is_busy());
        let begun =
            Request { bytes, sent: 0, streamed, answer: None, persistent: false, whole: false };
        self.request = Some(begun);
        if self.connection.as_ref().is_some_and(|connection| !connection.is_fresh()) {
            self.connection = None;
        }
    }

    /// Whether a request is under way.
    pub fn is_busy(&self) -> bool {
        self.request.is_some()
    }

    /// Bytes of the request that are not handed to the socket yet.
    pub fn unsent(&self) -> usize {
        self.request.as_ref().map_or(0, |request| request.bytes.len() - request.sent)
    }

    /// Whether the request needs a connection: [`dial`](Self::dial) is
    /// to make one.
    pub fn is_stranded(&self) -> bool {
        self.is_busy() && self.connection.is_none() && self.dialler.is_none()
    }

    /// Whether it still connects.
    pub fn is_connecting(&self) -> bool {
        self.dialler.is_some()
    }

    /// Until when its connection, which rests, may carry another request; `None` when
    /// it has none, or none that may.
    pub fn rests_until(&self) -> Option<Instant> {
        let connection = self.connection.as_ref().filter(|_| !self.is_busy())?;
        let rested = connection.rested.filter(|_| connection.is_fresh())?;
        Some(after(rested, connection.keep.saturating_sub(MARGIN)))
    }

    /// Where to connect to.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Begins to connect.
    pub fn dial(&mut self, dialler: Dialler) {
        if self.is_stranded() {
            self.dialler = Some(dialler);
        }
    }

    /// What it waits for, and until when; others may use it meanwhile.
    pub fn wants(&self) -> (Wants, Option<Instant>) {
        if let Some(dialler) = &self.dialler {
            return dialler.wants();
        }
        // A resting connection may be closed at any time.
        let want = Ready { read: true, write: self.unsent() > 0 };
        (self.connection.as_ref().map(|c| (Arc::clone(&c.stream) as _, want)), None)
    }

    /// The head of the answer that is arriving.
    pub fn head(&self) -> Option<&Answer> {
        self.request.as_ref()?.answer.as_ref()
    }

    /// Goes on, without waiting. It may have more to tell than one step says:
    /// until it tells that it waits, it is asked again, with nothing ready.
    ///
    /// # Errors
    /// The request failed. It can be used for another one.
    pub fn proceed(&mut self, ready: Ready) -> Result<Progress> {
        let step = self.step(ready);
        if step.is_err() {
            *self = self.beside();
        }
        step
    }

    fn step(&mut self, ready: Ready) -> Result<Progress> {
        if let Some(dialler) = &mut self.dialler {
            let Some(stream) = dialler.proceed(ready)? else { return Ok(Progress::Waiting) };
            self.dialler = None;
            self.address = stream.peer_addr().or(self.address);
            self.connection = Some(Kept::new(stream));
            return self.exchange(Ready { read: false, write: true });
        }
        self.exchange(ready)
    }

    fn exchange(&mut self, ready: Ready) -> Result<Progress> {
        let Some(connection) = &mut self.connection else { return Ok(Progress::Waiting) };
        let Some(request) = &mut self.request else {
            if ready.read && !connection.is_open() {
                self.connection = None;
            }
            return Ok(Progress::Waiting);
        };
        if request.whole {
            return Ok(self.answered());
        }
        if request.sent == 0 || ready.write {
            match request.send(&connection.stream) {
                Ok(()) => {}
                // A server that refuses without listening is still heard.
                Err(_) if ready.read || request.answer.is_some() => {}
                Err(_) if connection.is_to_blame() => {
                    request.sent = 0;
                    self.connection = None;
                    return Ok(Progress::Waiting);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if !ready.read {
            return Ok(Progress::Waiting);
        }
        let received = connection.receive(request);
        if received.is_err() && connection.is_to_blame() && request.sent < request.bytes.len() {
            request.sent = 0;
            self.connection = None;
            return Ok(Progress::Waiting);
        }
        match received? {
            body if !body.is_empty() => Ok(Progress::Body(body)),
            _ if request.whole => Ok(self.answered()),
            _ => Ok(Progress::Waiting),
        }
    }

    /// Hands the answer out; the connection rests, or ends.
    fn answered(&mut self) -> Progress {
        let Some(request) = self.request.take() else { return Progress::Waiting };
        let Some(answer) = request.answer else { return Progress::Waiting };
        let all_sent = request.sent == request.bytes.len();
        let rests = request.persistent && all_sent;
        if !self.connection.as_mut().is_some_and(|c| rests && c.rest(&answer)) {
            self.connection = None;
        }
        Progress::Answer(answer)
    }
}

impl Request {
    fn send(&mut self, stream: &Stream) -> std::io::Result<()> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match stream.offer(rest)? {
                0 => return Ok(()),
                sent => self.sent += sent,
            }
        }
        Ok(())
    }

    fn head(&mut self, head: ResponseHead) -> Result<()> {
        if head.status == 101 {
            return Err(Error::Protocol("an upgrade that was not asked for".into()));
        }
        self.persistent = head.persistent;
        self.answer = Some(Answer::new(head.status, head.fields));
        Ok(())
    }
}

impl Kept {
    fn new(stream: Arc<Stream>) -> Self {
        Kept { stream, pieces: Pieces::default(), rested: None, keep: KEEP }
    }

    /// Whether it may carry another request.
    fn is_fresh(&self) -> bool {
        let young = |since: Instant| since.elapsed() < self.keep.saturating_sub(MARGIN);
        self.rested.is_none_or(young) && self.is_open()
    }

    /// Whether nothing has come on a connection that rests, not even its end.
    fn is_open(&self) -> bool {
        matches!(self.stream.read_now(&mut [0]), Ok(None))
    }

    /// Whether a request may have failed because the connection had rested too
    /// long: then nothing of an answer has come.
    fn is_to_blame(&self) -> bool {
        self.rested.is_some() && self.pieces.is_untouched()
    }

    /// Reads once, and gives out what is to be told of the body.
    fn receive(&mut self, request: &mut Request) -> Result<Vec<u8>> {
        let mut piece = [0; PIECE];
        let Some(length) = self.stream.read_now(&mut piece)? else { return Ok(Vec::new()) };
        self.pieces.push(piece.get(..length).unwrap_or_default());
        if request.answer.is_none()
            && let Some(head) = self.pieces.head()?
        {
            request.head(head)?;
        }
        let mut told = Vec::new();
        if let Some(answer) = &mut request.answer {
            let streamed = request.streamed && answer.status == 200;
            let body = if streamed { &mut told } else { &mut answer.body };
            request.whole = self.pieces.body(body)? || (!streamed && body.len() >= BODY_MAX);
            request.persistent &= streamed || body.len() < BODY_MAX;
        }
        if length == 0 && !request.whole {
            self.pieces.finish()?;
            request.whole = true;
            request.persistent = false;
        }
        Ok(told)
    }

    /// Begins to rest; false if it cannot.
    fn rest(&mut self, answer: &Answer) -> bool {
        let hint = answer.fields.list("keep-alive").find_map(|one| one.strip_prefix("timeout="));
        if let Some(seconds) = hint.and_then(|seconds| seconds.trim().parse::<u32>().ok()) {
            self.keep = Duration::from_secs(seconds.into());
        }
        self.rested = Some(Instant::now());
        self.pieces.restart()
    }
}
