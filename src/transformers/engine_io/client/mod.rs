//! The `engine.io` transport of the client: GETs and POSTs on a connection
//! each, and a WebSocket that takes over, all looked after by one thread.
//!
//! | file | what |
//! |---|---|
//! | `options` | what the application may choose |
//! | `requests` | the requests' paths and heads |
//! | `hearing` | what the server says, on either carrier |
//! | `incoming` | the answers to polls, taken apart as they arrive |
//! | `posting` | what goes out: POSTs, or frames of the WebSocket |
//!
//! What goes out when and by whom, and who waits for what, says
//! [`polled::client`](crate::transformers::polled::client). What it all amounts to
//! is decided by [`session::client`](super::session::client). The heartbeat there
//! runs by the system's clock, whatever the client's.

mod hearing;
mod incoming;
mod options;
mod posting;
mod requests;

use std::time::Instant;

use self::incoming::Incoming;
pub(crate) use self::options::{Options, options_for};
use self::posting::{Posting, encode};
use self::requests::Requests;
use super::handshake::Handshake;
use super::session::client::{Effect, Input, Session, Settings};
use super::{Carrier, Format};
use crate::error::{Error, Result};
use crate::http::client::Target;
use crate::transformers::connect::{self, Dials};
use crate::transformers::polled::client::{self, Polls};

/// Longest handshake in bytes, at least.
const HANDSHAKE_MAX: usize = 4 << 10;

/// Engine.IO, revision 3 or 4.
pub(crate) struct EngineIo(pub Options);

impl Dials for EngineIo {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn connect::Session> {
        let (to, format) = (target.to.clone(), self.0.format());
        let requests = Requests::new(target, format, self.0.credentials());
        let hearing = Hearing::new(requests, max_length, self.0.settings(), format);
        Box::new(Polls::new("Engine.IO", hearing, to, max_length))
    }
}

type Ways = client::Ways<Posting>;

/// One session: what is Engine.IO's own of what the client's thread has of it.
struct Hearing {
    session: Session,
    format: Format,
    first: Carrier,
    /// Longest packet in bytes.
    longest: usize,
    requests: Requests,
    incoming: Incoming,
    /// Polling was asked to come to rest.
    held: bool,
}

impl Hearing {
    fn new(requests: Requests, max_length: usize, settings: Settings, format: Format) -> Self {
        // Base 64, and the type; a handshake must fit whatever the messages do.
        let longest = (max_length / 3).saturating_add(1).saturating_mul(4).saturating_add(8);
        let longest = longest.max(HANDSHAKE_MAX);
        Hearing {
            session: Session::new(settings),
            format,
            first: settings.first,
            longest,
            requests,
            incoming: Incoming::new(format, longest),
            held: false,
        }
    }

    /// Feeds the session, and carries out what follows.
    fn input(&mut self, input: Input, ways: &mut Ways) {
        let mut effects = Vec::new();
        self.session.handle(input, Instant::now(), &mut effects);
        for effect in effects {
            if !ways.is_over() {
                self.execute(effect, ways);
            }
        }
    }

    fn execute(&mut self, effect: Effect, ways: &mut Ways) {
        match effect {
            Effect::Open(handshake) => {
                if let Err(error) = self.open(&handshake, ways) {
                    ways.failed(error);
                }
            }
            Effect::Deliver(frame) => ways.deliver(frame),
            Effect::Poll => ways.ask(self.requests.poll(), true),
            Effect::Send(packet) => {
                if let Some(posts) = ways.posts() {
                    posts.send_own(packet);
                }
            }
            Effect::Probe => {
                if ways.dial(self.requests.upgrade(), self.longest, false).is_err() {
                    self.input(Input::ProbeLost, ways);
                }
            }
            Effect::SendProbe(packet) => {
                if let Some(to) = ways.socket() {
                    // A failure shows at the next read.
                    let _ = to.queue_encoded(|out| encode(packet.as_ref(), self.format, out));
                }
            }
            Effect::DropProbe => ways.drop_socket(),
            Effect::Switch => ways.switch(),
            Effect::Fail(why) => ways.failed(Error::Protocol(ways.no_session(why))),
            Effect::End(reason) => ways.ended(reason),
        }
    }

    fn open(&mut self, handshake: &Handshake, ways: &mut Ways) -> Result<()> {
        self.requests.set_sid(&handshake.sid);
        let most = handshake.max_payload;
        ways.open(Posting::new(self.requests.clone(), self.format, most))
    }
}
