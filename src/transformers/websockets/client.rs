//! The `websockets` transport of the client.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::packet::{self, Decoder, Event, Role, Violation};
use crate::client::answer::{Answer, Reader};
use crate::client::dial::Dialler;
use crate::client::transport::{Connection, Sink, Step, Target, Transport};
use crate::client::wait::{Ready, wait, writable};
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::net::{Stream, Waker};
use crate::parsers::base64_into;

/// Pongs are not worth more memory than this, in bytes, to a peer that does
/// not read them.
const PONGS_MAX: usize = 64 << 10;

/// A capacity in bytes up to which buffers are kept for the next message.
const KEEP: usize = 64 << 10;

/// RFC 6455, as every WebSocket transformer of Primus speaks it.
pub(crate) struct WebSockets;

impl Transport for WebSockets {
    fn dial(&self, target: Target) -> Box<dyn Connection> {
        let waker = Arc::clone(&target.waker);
        Box::new(Session { target, waker, stage: Stage::New })
    }
}

struct Session {
    target: Target,
    waker: Arc<Waker>,
    stage: Stage,
}

enum Stage {
    New,
    Dialling(Dialler),
    Handshake(Handshake),
    Open(Open),
    Over,
}

struct Handshake {
    stream: Stream,
    key: String,
    /// What is still to be sent.
    request: Vec<u8>,
    reader: Reader,
}

struct Open {
    link: Arc<Link>,
    decoder: Decoder,
    phase: Phase,
    pings: Pings,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Open,
    /// We said goodbye and wait for the answer.
    Closing,
    /// Both did, or the peer broke the protocol: what still comes is thrown
    /// away, because closing a socket with something unread in it would
    /// destroy our goodbye on its way.
    Draining,
}

impl Connection for Session {
    fn next(&mut self, until: Option<Instant>, paused: bool) -> Step {
        loop {
            let step = match &mut self.stage {
                Stage::Open(open) => return open.next(&self.waker, until, paused),
                Stage::Over => Ok(Some(Step::Closed(CloseReason::lost("")))),
                _ => self.open(until),
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(error) => {
                    self.stage = Stage::Over;
                    return Step::Failed(error);
                }
            }
        }
    }

    fn close(&mut self) {
        match &mut self.stage {
            Stage::Open(open) => {
                open.phase = Phase::Closing;
                open.link.close();
            }
            _ => self.stage = Stage::Over,
        }
    }
}

impl Session {
    /// One step towards an open connection; `None`: on to the next.
    fn open(&mut self, until: Option<Instant>) -> Result<Option<Step>> {
        match &mut self.stage {
            Stage::New => {
                let Target { host, port, .. } = &self.target;
                let dialler = Dialler::new(host, *port, Arc::clone(&self.waker))?;
                self.stage = Stage::Dialling(dialler);
                Ok(None)
            }
            Stage::Dialling(dialler) => match dialler.next(until)? {
                None => Ok(Some(Step::Waited)),
                Some(stream) => {
                    let mut key = String::new();
                    base64_into(&mut key, &fastrand::u128(..).to_ne_bytes());
                    let request = request(&self.target, &key).into_bytes();
                    let reader = Reader::default();
                    self.stage = Stage::Handshake(Handshake { stream, key, request, reader });
                    Ok(None)
                }
            },
            Stage::Handshake(handshake) => match handshake.next(&self.waker, until)? {
                None => Ok(Some(Step::Waited)),
                Some(answer) => self.upgrade(answer).map(Some),
            },
            Stage::Open(_) | Stage::Over => Ok(None),
        }
    }

    fn upgrade(&mut self, answer: Answer) -> Result<Step> {
        let Stage::Handshake(handshake) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Ok(Step::Waited);
        };
        check(&answer, &handshake.key)?;
        let mut decoder = Decoder::new(Role::Client, self.target.max_length);
        decoder.feed(&answer.body);
        let link = Arc::new(Link::new(handshake.stream, Arc::clone(&self.waker)));
        let sink = Arc::clone(&link);
        self.stage =
            Stage::Open(Open { link, decoder, phase: Phase::Open, pings: Pings::default() });
        Ok(Step::Open(sink))
    }
}

impl Handshake {
    fn next(&mut self, waker: &Waker, until: Option<Instant>) -> Result<Option<Answer>> {
        let want = Ready { read: true, write: !self.request.is_empty() };
        let ready = wait(waker, Some((&self.stream, want)), until)?;
        if ready.write && want.write {
            let sent = self.stream.offer(&self.request)?;
            self.request.drain(..sent);
        }
        if !ready.read {
            return Ok(None);
        }
        self.reader.read(&self.stream)
    }
}

/// The request of RFC 6455 section 4.1. No extension is offered.
fn request(target: &Target, key: &str) -> String {
    target.request(&format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    ))
}

/// The answer must be the one of RFC 6455 section 4.1 to this key.
fn check(answer: &Answer, key: &str) -> Result<()> {
    if answer.status != 101 {
        return Err(answer.refusal());
    }
    let bad = |what: &str| Err(Error::Protocol(format!("bad WebSocket handshake: {what}")));
    let fields = &answer.fields;
    if !fields.lists("upgrade", "websocket") || !fields.lists("connection", "upgrade") {
        return bad("no upgrade to websocket");
    }
    if answer.header("sec-websocket-accept") != Some(&packet::accept_key(key)) {
        return bad("wrong Sec-WebSocket-Accept");
    }
    if answer.header("sec-websocket-extensions").is_some_and(|e| !e.trim().is_empty()) {
        return bad("an extension that was not offered");
    }
    if answer.header("sec-websocket-protocol").is_some() {
        return bad("a subprotocol that was not offered");
    }
    Ok(())
}

impl Open {
    fn next(&mut self, waker: &Waker, until: Option<Instant>, paused: bool) -> Step {
        if self.phase == Phase::Draining {
            return self.drained(waker, until);
        }
        if !paused && let Some(step) = self.decoded() {
            return step;
        }
        let want = Ready { read: !paused, write: self.link.is_waiting() };
        let on = (want != Ready::default()).then_some((&self.link.stream, want));
        let ready = match wait(waker, on, until) {
            Ok(ready) => ready,
            Err(error) => return lost(&error.to_string()),
        };
        if want.write && ready.write && self.link.flush().is_err() {
            self.link.give_up();
        }
        if want.read && ready.read {
            match self.link.stream.read(self.decoder.space()) {
                Ok(0) => return lost("end of stream"),
                Ok(read) => self.decoder.filled(read),
                Err(error) => return lost(&error.to_string()),
            }
            return self.decoded().unwrap_or(Step::Waited);
        }
        Step::Waited
    }

    /// What is buffered, as long as there is something whole.
    fn decoded(&mut self) -> Option<Step> {
        loop {
            match self.decoder.next() {
                Ok(None) => return None,
                Ok(Some(Event::Message(frame))) => return Some(Step::Message(frame)),
                Ok(Some(Event::Ping(payload))) if self.pings.allow() => self.link.pong(&payload),
                Ok(Some(Event::Ping(_))) => {
                    let flood = Violation { code: 1008, text: "too many pings" };
                    return Some(self.violated(flood));
                }
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(why))) => return self.closed(why),
                Err(violation) => return Some(self.violated(violation)),
            }
        }
    }

    /// The peer's close frame: the goodbye, or the answer to ours.
    fn closed(&mut self, why: Option<(u16, String)>) -> Option<Step> {
        let (code, text) = why.unwrap_or((1005, String::new()));
        self.bye((code != 1005).then_some((code, text.as_str())));
        if self.phase == Phase::Closing {
            self.phase = Phase::Draining;
            return None;
        }
        self.phase = Phase::Draining;
        Some(Step::Closed(CloseReason::new(Ended::Remote, code, text, true)))
    }

    /// Says goodbye for good: a close frame, unless one was sent, and the end
    /// of the stream.
    fn bye(&self, why: Option<(u16, &str)>) {
        self.link.say_close(why);
        self.link.stream.shutdown(Shutdown::Write);
    }

    fn drained(&self, waker: &Waker, until: Option<Instant>) -> Step {
        let want = Ready { read: true, write: false };
        let mut waste = [0; 4096];
        match wait(waker, Some((&self.link.stream, want)), until) {
            Ok(ready) if !ready.read => Step::Waited,
            Ok(_) if self.link.stream.read(&mut waste).is_ok_and(|read| read > 0) => Step::Waited,
            _ => lost("end of stream"),
        }
    }

    fn violated(&mut self, violation: Violation) -> Step {
        self.bye(Some((violation.code, violation.text)));
        self.phase = Phase::Draining;
        Step::Closed(CloseReason::new(Ended::Protocol, violation.code, violation.text, true))
    }
}

fn lost(text: &str) -> Step {
    Step::Closed(CloseReason::lost(text))
}

impl Drop for Open {
    /// Frees whoever is blocked in a write.
    fn drop(&mut self) {
        self.link.gone.store(true, Ordering::Release);
        self.link.stream.shutdown(Shutdown::Both);
    }
}

/// Counts the peer's pings, per second.
#[derive(Default)]
struct Pings {
    since: Option<Instant>,
    count: u32,
}

impl Pings {
    const MAX: u32 = 1_000;

    fn allow(&mut self) -> bool {
        let now = Instant::now();
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            *self = Pings { since: Some(now), count: 0 };
        }
        self.count += 1;
        self.count <= Self::MAX
    }
}

/// The way out, shared between the session and those who write.
///
/// | lock | guards | never while held |
/// |---|---|---|
/// | `socket` | who sends to the socket; a writer may block with it | waiting for it on the client's thread |
/// | `pending` | bytes to be sent before anything else | a system call that may block |
///
/// Order: `socket`, then `pending`.
struct Link {
    stream: Stream,
    waker: Arc<Waker>,
    socket: Mutex<Vec<u8>>,
    pending: Mutex<Pending>,
    gone: AtomicBool,
    patience: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    /// How many of them were sent.
    sent: usize,
    /// Our close frame is among them or sent: nothing follows it.
    closed: bool,
}

impl Pending {
    fn left(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    fn advance(&mut self, sent: usize) {
        self.sent += sent;
        if self.left().is_empty() {
            self.sent = 0;
            self.bytes.clear();
            self.bytes.shrink_to(KEEP);
        } else if self.sent > KEEP && self.sent * 2 > self.bytes.len() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
    }
}

fn mask() -> Option<[u8; 4]> {
    Some(fastrand::u32(..).to_ne_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Link {
    fn new(stream: Stream, waker: Arc<Waker>) -> Self {
        Link {
            stream,
            waker,
            socket: Mutex::default(),
            pending: Mutex::default(),
            gone: AtomicBool::new(false),
            patience: Mutex::default(),
        }
    }

    fn is_waiting(&self) -> bool {
        !lock(&self.pending).left().is_empty()
    }

    /// Sends of what is pending as much as the socket takes. Whoever holds the
    /// socket does it otherwise.
    fn flush(&self) -> io::Result<()> {
        while let Ok(_socket) = self.socket.try_lock() {
            let mut pending = lock(&self.pending);
            if pending.left().is_empty() {
                return Ok(());
            }
            let sent = self.stream.offer(pending.left())?;
            if sent == 0 {
                return Ok(());
            }
            pending.advance(sent);
        }
        Ok(())
    }

    /// Sends everything that is pending, waiting while the peer does not read.
    /// The caller holds the socket.
    fn drain(&self) -> Result<()> {
        loop {
            let mut pending = lock(&self.pending);
            if pending.left().is_empty() {
                return Ok(());
            }
            let sent = self.stream.offer(pending.left())?;
            pending.advance(sent);
            drop(pending);
            if sent == 0 {
                self.room()?;
            }
        }
    }

    /// Waits until the socket takes more.
    fn room(&self) -> Result<()> {
        loop {
            let until = *lock(&self.patience);
            if writable(&self.stream, until)? {
                return Ok(());
            }
            // A heartbeat may have come meanwhile.
            if *lock(&self.patience) == until {
                self.stream.abort();
                return Err(Error::Timeout("the peer reads nothing"));
            }
        }
    }

    fn send(&self, bytes: &[u8]) -> Result<()> {
        let mut left = bytes;
        while !left.is_empty() {
            match self.stream.offer(left) {
                Ok(0) => self.room()?,
                Ok(sent) => left = left.get(sent..).unwrap_or_default(),
                Err(_) if left.len() == bytes.len() => return Err(Error::Closed),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The peer takes nothing more; what it sent is still to be read.
    fn give_up(&self) {
        let mut pending = lock(&self.pending);
        *pending = Pending { closed: true, ..Pending::default() };
    }

    fn is_closed(&self) -> bool {
        self.gone.load(Ordering::Acquire) || lock(&self.pending).closed
    }

    fn pong(&self, payload: &[u8]) {
        let mut pending = lock(&self.pending);
        if !pending.closed && pending.left().len() < PONGS_MAX {
            packet::encode_pong(payload, mask(), &mut pending.bytes);
        }
        drop(pending);
        // A failure shows at the next read.
        let _ = self.flush();
    }

    fn say_close(&self, why: Option<(u16, &str)>) {
        let mut pending = lock(&self.pending);
        if !pending.closed {
            packet::encode_close(why, mask(), &mut pending.bytes);
            pending.closed = true;
        }
        drop(pending);
        let _ = self.flush();
    }
}

impl Sink for Link {
    fn write(&self, frame: &Frame) -> Result<()> {
        let mut scratch = lock(&self.socket);
        if self.is_closed() {
            return Err(Error::Closed);
        }
        self.drain().map_err(|_| Error::Closed)?;
        scratch.clear();
        packet::encode(frame, mask(), &mut scratch);
        self.send(&scratch)?;
        scratch.clear();
        scratch.shrink_to(KEEP);
        drop(scratch);
        // Pongs that came up meanwhile; if they fail, the reader will know.
        let _ = self.flush();
        Ok(())
    }

    fn queue(&self, frame: &Frame) -> Result<usize> {
        let mut pending = lock(&self.pending);
        if pending.closed || self.gone.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        packet::encode(frame, mask(), &mut pending.bytes);
        drop(pending);
        self.flush()?;
        Ok(lock(&self.pending).left().len())
    }

    fn drain(&self) -> Result<()> {
        let _socket = lock(&self.socket);
        Link::drain(self)
    }

    fn close(&self) {
        self.say_close(None);
        if self.is_waiting() {
            self.waker.wake();
        }
    }

    fn patience(&self, until: Option<Instant>) {
        *lock(&self.patience) = until;
    }
}
