//! The `sockjs` transport of the client: it asks the server of itself, then
//! tries one transport after another until a session is open.
//!
//! | file | what |
//! |---|---|
//! | `options` | what the application may choose, and the transports |
//! | `info` | what the server says of itself |
//! | `requests` | the requests' paths and heads |
//! | `hearing` | what the server says, whichever way it comes |
//! | `lines` | the answers to the requests by which it says it |
//! | `incoming` | its frames, and the messages in them |
//! | `posting` | what goes out: POSTs, or frames of the WebSocket |
//!
//! What goes out when and by whom, who waits for what, and how long a transport is given,
//! says [`polled::client`](crate::transformers::polled::client).
//!
//! A session whose server knows nothing of it any more, or is another one behind the
//! same address, is lost, however it shows: by a status, or by a second open frame.

mod hearing;
mod incoming;
mod info;
mod lines;
mod options;
mod posting;
mod requests;

use std::time::Instant;

use self::incoming::{Invalid, Said};
use self::info::Info;
use self::lines::Lines;
pub(crate) use self::options::Options;
use self::options::Transport;
use self::posting::Posting;
use self::requests::Requests;
use crate::close::CloseReason;
use crate::error::{Error, Result};
use crate::http::client::{Answer, Target};
use crate::transformers::connect::{Dials, Session};
use crate::transformers::polled::client::{self, Polls, Tries};

/// Longest frame in bytes, at least: there is more than that in front of a stream.
const LONGEST: usize = 4 << 10;

/// SockJS 0.3.
pub(crate) struct Sockjs(pub Options);

impl Dials for Sockjs {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn Session> {
        let to = target.to.clone();
        let requests = Requests::new(target, self.0.credentials);
        let hearing = Hearing::new(requests, max_length, &self.0);
        Box::new(Polls::new("SockJS", hearing, to, max_length))
    }

    fn takes_bytes(&self) -> bool {
        false
    }
}

type Ways = client::Ways<Posting>;

/// One session: what is SockJS's own of what the client's thread has of it.
struct Hearing {
    requests: Requests,
    tries: Tries<Transport>,
    stage: Stage,
    /// Until when the present stage may last.
    until: Option<Instant>,
    /// Longest frame in bytes.
    longest: usize,
    lines: Lines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The server was asked of itself, then.
    Info(Instant),
    /// This transport is tried.
    Opening(Transport),
    /// This transport carries the session.
    Open(Transport),
}

impl Hearing {
    fn new(requests: Requests, max_length: usize, options: &Options) -> Self {
        // No byte of a message is written with more than three, but for the control
        // characters, of which there are none in JSON.
        let longest = max_length.saturating_mul(3).max(LONGEST);
        Hearing {
            requests,
            tries: Tries::new(&options.transports, options.timeout, Transport::name),
            stage: Stage::Info(Instant::now()),
            until: None,
            longest,
            lines: Lines::new(longest),
        }
    }

    /// The server has told of itself.
    fn informed(&mut self, asked: Instant, answer: &Answer, ways: &mut Ways) {
        if answer.status != 200 {
            let place = self.requests.info().place();
            return ways.failed(answer.refusal().at(&place));
        }
        let info = Info::parse(&answer.body);
        self.tries.keep(asked.elapsed(), |transport| info.allows(transport));
        self.try_next(ways);
    }

    /// Tries the next transport that there is.
    fn try_next(&mut self, ways: &mut Ways) {
        while let Some(transport) = self.tries.next() {
            self.stage = Stage::Opening(transport);
            self.until = Some(Instant::now() + self.tries.time());
            match self.begin(transport, ways) {
                Ok(()) => return,
                Err(error) => self.tries.failed(transport, error),
            }
        }
        self.until = None;
        self.tries.give_up("the server has switched its WebSocket off", ways);
    }

    fn begin(&mut self, transport: Transport, ways: &mut Ways) -> Result<()> {
        // What another transport has begun may still come about.
        self.requests.renew()?;
        match transport {
            Transport::Websocket => {
                ways.dial(self.requests.receiver(transport), self.longest, true)
            }
            Transport::XhrStreaming | Transport::XhrPolling => {
                self.receive(transport, ways);
                Ok(())
            }
        }
    }

    fn receive(&mut self, transport: Transport, ways: &mut Ways) {
        ways.ask(self.requests.receive(transport), true);
    }

    /// The transport that is tried leads nowhere.
    fn fall_back(&mut self, transport: Transport, error: Error, ways: &mut Ways) {
        self.tries.failed(transport, error);
        self.lines.finish();
        ways.start_over();
        self.try_next(ways);
    }

    /// What ends an open session, or makes another transport be tried.
    fn broken(&mut self, reason: CloseReason, ways: &mut Ways) {
        match self.stage {
            Stage::Opening(transport) => {
                self.fall_back(transport, Error::Protocol(reason.text), ways)
            }
            _ => ways.ended(reason),
        }
    }

    /// Takes in a frame.
    fn said(&mut self, said: Result<Said, Invalid>, ways: &mut Ways) {
        match (said, self.stage) {
            (Ok(Said::Nothing), _) => {}
            (Ok(Said::Open), Stage::Opening(transport)) => {
                self.stage = Stage::Open(transport);
                self.until = None;
                self.tries.forget();
                if let Err(error) = ways.open(Posting(self.requests.clone())) {
                    ways.failed(error);
                }
            }
            (Ok(Said::Open), stage) => {
                let alone = stage == Stage::Open(Transport::Websocket);
                let hint = if alone { "" } else { self.requests.hint() };
                let text = format!("the server has lost the session{hint}");
                ways.ended(CloseReason::lost(text));
            }
            (Ok(Said::Messages(messages)), Stage::Open(_)) => ways.deliver_all(Box::new(messages)),
            (Ok(Said::Message(message)), Stage::Open(_)) => ways.deliver(message),
            (Ok(Said::Messages(_) | Said::Message(_)), _) => {
                self.broken(Invalid("a message before the session is open").into(), ways);
            }
            // Another transport would be told the same.
            (Ok(Said::Close(reason)), _) => ways.ended(reason),
            (Err(invalid), _) => self.broken(invalid.into(), ways),
        }
    }
}
