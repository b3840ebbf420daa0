//! The `socket.io` transport of the client: it asks the server for a session, and tries
//! one transport after another until the session is open.
//!
//! | file | what |
//! |---|---|
//! | `options` | what the application may choose, and the transports |
//! | `handshake` | what the server says of a session |
//! | `requests` | the requests' paths and heads |
//! | `hearing` | what the server says, whichever way it comes |
//! | `incoming` | the packets in the answers to polls |
//! | `posting` | what goes out: POSTs, or frames of the WebSocket |
//!
//! What goes out when and by whom, who waits for what, and how long a transport is given,
//! says [`polled::client`](crate::transformers::polled::client).
//!
//! Each transport that is tried has a session of its own: what has become of the one
//! before nobody knows. The client acknowledges no messages, as no
//! server of Primus asks for that.

mod handshake;
mod hearing;
mod incoming;
mod options;
mod posting;
mod requests;

use std::time::{Duration, Instant};

use self::handshake::Handshake;
use self::incoming::Incoming;
pub(crate) use self::options::Options;
use self::options::Transport;
use self::posting::{Alive, Posting};
use self::requests::Requests;
use super::packet::{HEAD_MAX, Kind, Packet};
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::excuse::Late;
use crate::frame::Frame;
use crate::http::client::{Answer, Target};
use crate::transformers::connect::{Dials, Session};
use crate::transformers::polled::client::{self, Polls, Tries};

/// Longest packet in bytes, at least.
const LONGEST: usize = 4 << 10;

/// Most letters that are kept of what a server says where it should not.
const SAID_MAX: usize = 200;

/// Socket.IO 0.9.
pub(crate) struct SocketIo(pub Options);

impl Dials for SocketIo {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn Session> {
        let to = target.to.clone();
        let requests = Requests::new(target, self.0.credentials);
        let hearing = Hearing::new(requests, max_length, &self.0);
        Box::new(Polls::new("Socket.IO", hearing, to, max_length))
    }

    fn takes_bytes(&self) -> bool {
        false
    }
}

type Ways = client::Ways<Posting>;

/// One session: what is Socket.IO's own of what the client's thread has of it.
struct Hearing {
    requests: Requests,
    tries: Tries<Transport>,
    stage: Stage,
    /// Until when the present stage may last, or the server may be silent.
    until: Option<Instant>,
    /// How long the server may be silent, once the session is open.
    silence: Option<Duration>,
    late: Late,
    /// Longest packet in bytes.
    longest: usize,
    incoming: Incoming,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server was asked for a session, then.
    Handshake(Instant),
    /// This transport is tried.
    Opening(Transport),
    /// This transport carries the session.
    Open(Transport),
}

impl Hearing {
    fn new(requests: Requests, max_length: usize, options: &Options) -> Self {
        let longest = max_length.saturating_add(HEAD_MAX).max(LONGEST);
        Hearing {
            requests,
            tries: Tries::new(&options.transports, options.timeout, Transport::name),
            stage: Stage::Handshake(Instant::now()),
            until: None,
            silence: None,
            late: Late::default(),
            longest,
            incoming: Incoming::new(longest),
        }
    }

    /// Asks for a session.
    fn shake(&mut self, ways: &mut Ways) {
        let now = Instant::now();
        self.stage = Stage::Handshake(now);
        self.until = Some(now + handshake::TIMEOUT);
        ways.ask(self.requests.handshake().get(), false);
    }

    /// The server has answered that.
    fn shaken(&mut self, asked: Instant, answer: &Answer, ways: &mut Ways) {
        let place = || self.requests.handshake().place();
        if answer.status != 200 {
            return ways.failed(answer.refusal().at(&place()));
        }
        let Some(handshake) = Handshake::parse(&answer.body) else {
            let why = ways.no_session(&format!("{} does not speak socket.io", place()));
            return ways.failed(Error::Protocol(why));
        };
        self.tries.keep(asked.elapsed(), |transport| handshake.offers(transport));
        let Some(transport) = self.tries.next() else {
            return self.give_up(ways);
        };
        self.silence = match transport {
            Transport::Websocket => handshake.heartbeat,
            Transport::XhrPolling => handshake.close,
        };
        self.requests.renew(handshake.id);
        self.stage = Stage::Opening(transport);
        self.until = Some(Instant::now() + self.tries.time());
        if let Err(error) = self.begin(transport, ways) {
            self.fall_back(transport, error, ways);
        }
    }

    fn begin(&mut self, transport: Transport, ways: &mut Ways) -> Result<()> {
        match transport {
            Transport::Websocket => {
                ways.dial(self.requests.transport(transport), self.longest, true)
            }
            Transport::XhrPolling => {
                self.poll(ways);
                Ok(())
            }
        }
    }

    fn poll(&mut self, ways: &mut Ways) {
        ways.ask(self.requests.poll(), true);
    }

    /// The transport that is tried leads nowhere.
    fn fall_back(&mut self, transport: Transport, error: Error, ways: &mut Ways) {
        self.tries.failed(transport, error);
        let _ = self.incoming.finish();
        ways.start_over();
        match self.tries.is_done() {
            true => self.give_up(ways),
            false => self.shake(ways),
        }
    }

    /// No transport is left.
    fn give_up(&mut self, ways: &mut Ways) {
        self.until = None;
        self.tries.give_up("the server has none of the transports", ways);
    }

    /// What ends an open session, or makes another transport be tried.
    fn broken(&mut self, text: &str, ways: &mut Ways) {
        match self.stage {
            Stage::Opening(transport) => {
                self.fall_back(transport, Error::Protocol(text.to_owned()), ways);
            }
            _ => ways.ended(CloseReason::new(
                Ended::Protocol,
                1002,
                format!("socket.io: {text}"),
                true,
            )),
        }
    }

    /// Takes in a packet. What is none is nothing.
    fn said(&mut self, text: &str, ways: &mut Ways) {
        let Some(packet) = Packet::parse(text).filter(|packet| packet.endpoint.is_empty()) else {
            return;
        };
        match (packet.kind, self.stage) {
            (Kind::Connect, Stage::Opening(transport)) => self.open(transport, ways),
            (Kind::Error, Stage::Opening(transport)) => {
                let hint = self.requests.hint();
                let error = format!("the server does not know the session{hint}");
                self.fall_back(transport, Error::Protocol(error), ways);
            }
            (Kind::Noop | Kind::Heartbeat, Stage::Opening(_)) => {}
            (_, Stage::Opening(_)) => self.broken("a packet before the session is open", ways),
            (Kind::Message | Kind::Json, Stage::Open(_)) => {
                ways.deliver(Frame::text(packet.data));
            }
            (Kind::Heartbeat, Stage::Open(_)) => {
                ways.posts().into_iter().for_each(|posts| posts.send_own(Alive));
            }
            (Kind::Disconnect, Stage::Open(_)) => {
                ways.ended(CloseReason::new(Ended::Remote, 1005, "", true));
            }
            // That is what polls are told whose session has ended before they came.
            (Kind::Error, Stage::Open(_)) => {
                let hint = self.requests.hint();
                let said: String = packet.data.chars().take(SAID_MAX).collect();
                let text = format!("the server knows the session no more ({said}){hint}");
                ways.ended(CloseReason::new(Ended::Remote, 1005, text, true));
            }
            _ => {}
        }
    }

    fn open(&mut self, transport: Transport, ways: &mut Ways) {
        self.stage = Stage::Open(transport);
        self.tries.forget();
        self.listen();
        if let Err(error) = ways.open(Posting(self.requests.clone())) {
            ways.failed(error);
        }
    }

    /// The server was heard just now.
    fn listen(&mut self) {
        self.until = self.silence.and_then(|silence| Instant::now().checked_add(silence));
    }
}
