//! The `engine.io` transport of the client: GETs and POSTs on a connection
//! each, and a WebSocket that takes over, all looked after by one thread.
//!
//! | file | what |
//! |---|---|
//! | `options` | what the application may choose |
//! | `requests` | the requests' paths and heads |
//! | `cookies` | the cookies that they carry, if so chosen |
//! | `hearing` | what the server says, on either carrier |
//! | `incoming` | the answers to polls, taken apart as they arrive |
//! | `socket` | the WebSocket, from dialling it on |
//! | `posting` | what goes out: POSTs, or frames of the WebSocket; by whom and when says `polled::client` |
//!
//! What it all amounts to is decided by
//! [`session::client`](super::session::client). The heartbeat there runs by the
//! system's clock, whatever the client's.

mod cookies;
mod hearing;
mod incoming;
mod options;
mod posting;
mod requests;
mod socket;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use self::incoming::Incoming;
pub(crate) use self::options::{Options, options_for};
use self::posting::{Posting, encode};
use self::requests::Requests;
use self::socket::Socket;
use super::handshake::Handshake;
use super::session::client::{Effect, Input, Session, Settings};
use super::{Carrier, Format};
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::http::client::{Exchanger, Target};
use crate::net::dial::Dialler;
use crate::net::wait::{Ready, Wants, on, wait, wait_any};
use crate::transformers::connect::{self, Dials, News, Writer};
use crate::transformers::polled::client::{Posts, lost};

/// Longest handshake in bytes, at least.
const HANDSHAKE_MAX: usize = 4 << 10;

/// Engine.IO, revision 3 or 4.
pub(crate) struct EngineIo(pub Options);

impl Dials for EngineIo {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn connect::Session> {
        let requests = Requests::new(target, self.0.format(), self.0.credentials());
        Box::new(Polling::new(requests, max_length, self.0.settings(), self.0.format()))
    }
}

/// One session: what the client's thread has of it.
struct Polling {
    session: Session,
    format: Format,
    max_length: usize,
    /// Longest packet in bytes.
    longest: usize,
    requests: Requests,
    /// What the polls go by.
    lane: Exchanger,
    incoming: Incoming,
    /// The WebSocket that carries the session, or is to.
    socket: Option<Socket>,
    carrier: Carrier,
    /// There once the session is open.
    link: Option<Arc<Posts<Posting>>>,
    /// What is still to be told, in order.
    steps: VecDeque<News>,
    begun: bool,
    /// Polling was asked to come to rest.
    held: bool,
    /// The last step is among `steps`, or was told.
    over: bool,
}

impl Polling {
    fn new(requests: Requests, max_length: usize, settings: Settings, format: Format) -> Self {
        // Base 64, and the type; a handshake must fit whatever the messages do.
        let longest = (max_length / 3).saturating_add(1).saturating_mul(4).saturating_add(8);
        let longest = longest.max(HANDSHAKE_MAX);
        Polling {
            session: Session::new(settings),
            format,
            max_length,
            longest,
            requests,
            lane: Exchanger::default(),
            incoming: Incoming::new(format, longest),
            socket: None,
            carrier: settings.first,
            link: None,
            steps: VecDeque::new(),
            begun: false,
            held: false,
            over: false,
        }
    }

    /// The first request.
    fn begin(&mut self) {
        self.begun = true;
        match self.carrier {
            Carrier::Polling => self.lane.begin(self.requests.poll(), true),
            Carrier::Websocket => match Socket::dial(self.requests.upgrade(), None, self.longest) {
                Ok(socket) => self.socket = Some(socket),
                Err(error) => self.failed(error),
            },
        }
    }

    /// The next step to be told; with `paused`, no message.
    fn told(&mut self, paused: bool) -> Option<News> {
        if paused && matches!(self.steps.front(), Some(News::Message(_))) {
            return None;
        }
        self.steps.pop_front()
    }

    /// Waits once, and goes on with what there is.
    fn turn(&mut self, until: Option<Instant>, paused: bool) {
        if self.lane.is_stranded() {
            match Dialler::again(&self.requests.target().to, self.lane.address()) {
                Ok(dialler) => {
                    self.lane.dial(dialler);
                    self.polled(Ready::default());
                }
                Err(error) => return self.failed(error),
            }
        }
        let waker = Arc::clone(&self.requests.target().to.waker);
        let (mut get, limit) = self.lane.wants();
        if let Some((_, want)) = get.as_mut().filter(|_| paused) {
            want.read = false;
        }
        let (post, post_limit): (Wants, _) = match &self.link {
            Some(link) => link.wants(),
            None => (None, None),
        };
        let (socket, socket_limit): (Wants, _) = match &self.socket {
            Some(socket) => socket.wants(paused),
            None => (None, None),
        };
        let due = self.session.deadline();
        // Nothing more comes from a session whose POST has failed.
        let failed = self.link.as_ref().is_some_and(|link| link.has_failed()) && !paused;
        let now = failed.then(Instant::now);
        let limits = [until, due, limit, post_limit, socket_limit, now];
        let sooner = limits.into_iter().flatten().min();
        let found = wait_any(&waker, [on(&get), on(&post), on(&socket)], sooner);
        let [get, post, socket] = match found {
            Ok(ready) => ready,
            Err(error) => return self.failed(error.into()),
        };
        let heard = get.read || (socket.read && self.carrier == Carrier::Websocket);
        if let Some(link) = &self.link {
            link.proceed(post);
        }
        self.polled(get);
        self.heard(socket, paused);
        if heard {
            self.input(Input::Alive);
        }
        if self.session.deadline().is_some_and(|due| due <= Instant::now()) {
            self.input(Input::Tick { busy: paused || heard });
        }
        // What the server has said before is heard first.
        self.settle(!heard && !paused);
    }

    /// What is to be seen to after every turn. `failure`: whether that of a
    /// POST counts now.
    fn settle(&mut self, failure: bool) {
        let Some(link) = self.link.clone() else { return };
        if self.session.is_pausing() {
            self.held = true;
            if link.rest() {
                self.held = false;
                self.input(Input::Rested);
            }
        } else if std::mem::replace(&mut self.held, false) {
            link.go_on();
        }
        if let Some(failure) = link.failure(failure) {
            self.ended(failure);
        }
        if !self.session.is_open() && self.carrier == Carrier::Polling && link.is_done() {
            self.ended(CloseReason::new(Ended::Local, 1000, "", false));
        }
    }

    /// Feeds the session, and carries out what follows.
    fn input(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.session.handle(input, Instant::now(), &mut effects);
        for effect in effects {
            if !self.over {
                self.execute(effect);
            }
        }
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Open(handshake) => {
                if let Err(error) = self.open(&handshake) {
                    self.failed(error);
                }
            }
            Effect::Deliver(frame) if frame.len() > self.max_length => self.too_long(),
            Effect::Deliver(frame) => self.steps.push_back(News::Message(frame)),
            Effect::Poll => self.lane.begin(self.requests.poll(), true),
            Effect::Send(packet) => {
                if let Some(link) = &self.link {
                    link.send_own(packet);
                }
            }
            Effect::Probe => {
                let (target, address) = (self.requests.upgrade(), self.lane.address());
                match Socket::dial(target, address, self.longest) {
                    Ok(socket) => self.socket = Some(socket),
                    Err(_) => self.input(Input::ProbeLost),
                }
            }
            Effect::SendProbe(packet) => {
                if let Some(to) = self.socket.as_ref().and_then(Socket::link) {
                    // A failure shows at the next read.
                    let _ = to.queue_encoded(|out| encode(packet.as_ref(), self.format, out));
                }
            }
            Effect::DropProbe => {
                if let Some(mut socket) = self.socket.take() {
                    socket.close(None);
                }
            }
            Effect::Switch => self.switch(),
            Effect::Fail(why) => {
                self.failed(Error::Protocol(format!("no engine.io session: {why}")));
            }
            Effect::End(reason) => self.ended(reason),
        }
    }

    fn open(&mut self, handshake: &Handshake) -> Result<()> {
        self.requests.set_sid(&handshake.sid);
        let requests = self.requests.clone();
        let link = match self.socket.as_ref().and_then(Socket::link) {
            Some(to) => Posts::websocket(Posting::new(requests, self.format, None), Arc::clone(to)),
            None => {
                let posting = Posting::new(requests, self.format, handshake.max_payload);
                Posts::polling(posting, self.lane.beside())
            }
        }?;
        let link = Arc::new(link);
        self.link = Some(Arc::clone(&link));
        self.steps.push_back(News::Open(link as Arc<dyn Writer>));
        Ok(())
    }

    fn switch(&mut self) {
        if let (Some(link), Some(to)) = (&self.link, self.socket.as_ref().and_then(Socket::link)) {
            link.switch(to);
            self.carrier = Carrier::Websocket;
            self.lane = Exchanger::default();
        }
    }

    fn too_long(&mut self) {
        let text = "message over the limit";
        self.ended(CloseReason::new(Ended::Protocol, 1009, text, true));
    }

    /// Something failed.
    fn failed(&mut self, error: Error) {
        if self.link.is_some() {
            return self.ended(lost(&error));
        }
        self.finish(News::Failed(error));
    }

    /// The session has ended, or does not even begin.
    fn ended(&mut self, reason: CloseReason) {
        self.finish(match self.link {
            Some(_) => News::Closed(reason),
            None => News::Failed(Error::Protocol(format!("no engine.io session: {}", reason.text))),
        });
    }

    fn finish(&mut self, step: News) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        match &mut self.socket {
            Some(socket) if self.carrier == Carrier::Websocket => socket.close(match &step {
                News::Closed(why) if why.by == Ended::Protocol => Some((why.code, &why.text)),
                _ => None,
            }),
            _ => self.socket = None,
        }
        self.steps.push_back(step);
        self.lane = Exchanger::default();
        if let Some(link) = &self.link {
            link.cut();
        }
    }
}

impl connect::Session for Polling {
    fn next(&mut self, until: Option<Instant>, paused: bool) -> News {
        if !self.begun {
            self.begin();
        }
        if let Some(step) = self.told(paused) {
            return step;
        }
        if !self.over {
            self.turn(until, paused);
            return self.told(paused).unwrap_or(News::Waited);
        }
        let waker = &self.requests.target().to.waker;
        if !self.steps.is_empty() {
            // What came before the end waits for room.
            let _ = wait(waker, None, until);
            return News::Waited;
        }
        match &mut self.socket {
            // The goodbye of the WebSocket may still be on its way.
            Some(socket) => socket.last(waker, until),
            None => News::Closed(CloseReason::lost("")),
        }
    }

    fn close(&mut self) {
        self.steps.clear();
        self.input(Input::End);
        match &self.link {
            Some(link) if !self.over => {
                Writer::close(&**link);
                if let (Some(socket), Carrier::Websocket) = (&mut self.socket, self.carrier) {
                    socket.close(None);
                }
            }
            _ => self.over = true,
        }
    }
}

impl Drop for Polling {
    /// Frees the threads that are blocked in a write.
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            link.cut();
        }
    }
}
