//! The `sockjs` transport of the client: it asks the server of itself, then
//! tries one transport after another until a session is open.
//!
//! | file | what |
//! |---|---|
//! | `options` | what the application may choose, and the transports |
//! | `info` | what the server says of itself, and how long a transport is given |
//! | `requests` | the requests' paths and heads |
//! | `hearing` | what the server says, whichever way it comes |
//! | `lines` | the answers to the requests by which it says it |
//! | `incoming` | its frames, and the messages in them |
//! | `posting` | what goes out: POSTs, or frames of the WebSocket |
//!
//! What goes out when and by whom, and who waits for what, says
//! [`polled::client`](crate::transformers::polled::client).
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

use std::time::{Duration, Instant};

use self::incoming::{Invalid, Said};
use self::info::{Info, patience};
use self::lines::Lines;
pub(crate) use self::options::Options;
use self::options::Transport;
use self::posting::Posting;
use self::requests::Requests;
use crate::close::CloseReason;
use crate::error::{Error, Result};
use crate::http::client::{Answer, Target};
use crate::transformers::connect::{Dials, Session};
use crate::transformers::polled::client::{self, Polls};

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
    /// The least time for a transport.
    timeout: Duration,
    /// How long each has.
    patience: Duration,
    /// Those that are still to be tried, the next one last.
    left: Vec<Transport>,
    stage: Stage,
    /// Until when the present stage may last.
    until: Option<Instant>,
    /// Longest frame in bytes.
    longest: usize,
    lines: Lines,
    /// The head of the present answer was looked at.
    head_heard: bool,
    /// What became of the transports that were tried.
    failures: Vec<(Transport, Error)>,
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
            timeout: options.timeout,
            patience: Duration::ZERO,
            left: options.transports.iter().rev().copied().collect(),
            stage: Stage::Info(Instant::now()),
            until: None,
            longest,
            lines: Lines::new(longest),
            head_heard: false,
            failures: Vec::new(),
        }
    }

    /// The server has told of itself.
    fn informed(&mut self, asked: Instant, answer: &Answer, ways: &mut Ways) {
        if answer.status != 200 {
            let place = self.requests.info().place();
            return ways.failed(answer.refusal().at(&place));
        }
        let info = Info::parse(&answer.body);
        self.left.retain(|transport| info.allows(*transport));
        if self.left.is_empty() {
            let why = ways.no_session("the server has switched its WebSocket off");
            return ways.failed(Error::Protocol(why));
        }
        self.patience = patience(asked.elapsed()).max(self.timeout);
        self.try_next(ways);
    }

    /// Tries the next transport that there is.
    fn try_next(&mut self, ways: &mut Ways) {
        while let Some(transport) = self.left.pop() {
            self.stage = Stage::Opening(transport);
            self.until = Some(Instant::now() + self.patience);
            match self.begin(transport, ways) {
                Ok(()) => return,
                Err(error) => self.failures.push((transport, error)),
            }
        }
        self.until = None;
        let last = self.failures.pop();
        match last {
            // One that was refused knows more to tell than those before it.
            Some((_, error)) if self.failures.is_empty() || is_refusal(&error) => {
                ways.failed(error);
            }
            last => {
                let all = self.failures.drain(..).chain(last);
                let all: Vec<_> =
                    all.map(|(transport, e)| format!("{}: {e}", transport.name())).collect();
                ways.failed(Error::Protocol(ways.no_session(&all.join("; "))));
            }
        }
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
        self.head_heard = false;
        ways.ask(self.requests.receive(transport), true);
    }

    /// The transport that is tried leads nowhere.
    fn fall_back(&mut self, transport: Transport, error: Error, ways: &mut Ways) {
        self.failures.push((transport, error));
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
                self.failures = Vec::new();
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

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Refused { .. })
}
