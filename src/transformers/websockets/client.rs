//! The `websockets` transport of the client.

mod link;

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::link::Link;
use super::packet::{self, Decoder, Event, Role, Violation};
use crate::base64;
use crate::client::answer::{Answer, Reader};
use crate::client::dial::Dialler;
use crate::client::transport::{Connection, Sink, Step, Target, Transport};
use crate::client::wait::{Ready, wait};
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::net::{Stream, Waker};

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
                self.stage = Stage::Dialling(Dialler::new(&self.target)?);
                Ok(None)
            }
            Stage::Dialling(dialler) => match dialler.next(until)? {
                None => Ok(Some(Step::Waited)),
                Some(stream) => {
                    let key = base64::encode(&fastrand::u128(..).to_ne_bytes());
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
            match self.stream.offer(&self.request) {
                Ok(sent) => drop(self.request.drain(..sent)),
                // A server that refuses without listening is still heard.
                Err(_) if ready.read => self.request.clear(),
                Err(error) => return Err(error.into()),
            }
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
        let on = (want != Ready::default()).then_some((self.link.stream(), want));
        let ready = match wait(waker, on, until) {
            Ok(ready) => ready,
            Err(error) => return lost(&error.to_string()),
        };
        if want.write && ready.write && self.link.flush().is_err() {
            self.link.give_up();
        }
        if want.read && ready.read {
            match self.link.stream().read(self.decoder.space()) {
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
        self.link.stream().shutdown(Shutdown::Write);
    }

    fn drained(&self, waker: &Waker, until: Option<Instant>) -> Step {
        let want = Ready { read: true, write: false };
        let mut waste = [0; 4096];
        match wait(waker, Some((self.link.stream(), want)), until) {
            Ok(ready) if !ready.read => Step::Waited,
            Ok(_) if self.link.stream().read(&mut waste).is_ok_and(|read| read > 0) => Step::Waited,
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
        self.link.cut();
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
