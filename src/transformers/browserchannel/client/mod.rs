//! The `browserchannel` transport of the client: it finds out whether answers come
//! piece by piece, opens a session by a POST, and then has one request that waits.
//!
//! | file | what |
//! |---|---|
//! | `options` | what the application may choose |
//! | `requests` | the requests' paths and heads |
//! | `hearing` | what the server says |
//! | `incoming` | its chunks, and the arrays in them |
//! | `posting` | what goes out |
//! | `pause` | when what has failed is tried again |
//!
//! What goes out when and by whom, and who waits for what, says
//! [`polled::client`](crate::transformers::polled::client).
//!
//! A request that waits and breaks is followed by another, which gets what was lost; so
//! a session outlives its connections for a few seconds.

mod hearing;
mod incoming;
mod options;
mod pause;
mod posting;
mod requests;

use std::time::{Duration, Instant};

use self::incoming::{Chunks, Invalid, Messages, look};
pub(crate) use self::options::Options;
use self::pause::pause;
use self::posting::Posting;
use self::requests::Requests;
use crate::close::{CloseReason, Ended};
use crate::error::Error;
use crate::http::client::Target;
use crate::transformers::connect::{Dials, Session};
use crate::transformers::polled::client::{self, Polls, lost};

/// Longest chunk in bytes, at least: it has all that waited for the client.
const LONGEST: usize = 16 << 20;

/// How long the server may be silent.
const SILENCE: Duration = Duration::from_secs(45);

/// A request that waits for so long and that the server knows nothing of is lost.
const UNKNOWN: Duration = Duration::from_secs(3);

/// An answer that says nothing so soon is one of a server that has nothing to say.
const SOON: Duration = Duration::from_millis(100);

/// So many of these in a row are no matter.
const IDLE: u32 = 5;

/// BrowserChannel, version 8.
pub(crate) struct BrowserChannel(pub Options);

impl Dials for BrowserChannel {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn Session> {
        let to = target.to.clone();
        let requests = Requests::new(target, self.0.credentials);
        let hearing = Hearing::new(requests, max_length);
        Box::new(Polls::new("BrowserChannel", hearing, to, max_length))
    }

    fn takes_bytes(&self) -> bool {
        false
    }
}

type Ways = client::Ways<Posting>;

/// One session: what is BrowserChannel's own of what the client's thread has of it.
struct Hearing {
    requests: Requests,
    stage: Stage,
    /// When the present stage is to be looked at.
    until: Option<Instant>,
    /// What the probe has brought so far.
    probe: Vec<u8>,
    /// Answers come piece by piece.
    stays: bool,
    chunks: Chunks,
    /// How often the request that waits has failed in a row, and how often it was
    /// answered soon with nothing.
    tries: u32,
    idle: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Whether answers come piece by piece.
    Probe,
    /// The session is about to be opened.
    Opening,
    /// It is open, and its opener still to be answered to the end.
    Opened,
    /// A request waits, since then.
    Waiting(Instant),
    /// One is to be made.
    Pausing,
}

impl Hearing {
    fn new(requests: Requests, max_length: usize) -> Self {
        Hearing {
            requests,
            stage: Stage::Probe,
            until: None,
            probe: Vec::new(),
            stays: false,
            chunks: Chunks::new(max_length.saturating_mul(3).max(LONGEST)),
            tries: 0,
            idle: 0,
        }
    }

    /// Opens the session.
    fn open(&mut self, stays: bool, ways: &mut Ways) {
        self.stays = stays;
        self.probe = Vec::new();
        self.stage = Stage::Opening;
        ways.ask(self.requests.send(b"count=0"), true);
    }

    /// Waits for what there is to tell.
    fn wait(&mut self, ways: &mut Ways) {
        self.chunks.finish();
        let now = Instant::now();
        self.stage = Stage::Waiting(now);
        self.until = Some(now + SILENCE);
        ways.ask(self.requests.wait(self.stays).get(), true);
    }

    /// Waits for a while before that.
    fn pause(&mut self, time: Duration) {
        self.stage = Stage::Pausing;
        self.until = Some(Instant::now() + time);
    }

    /// The request that waits has failed.
    fn again(&mut self, error: &Error, ways: &mut Ways) {
        if ways.is_leaving() {
            return self.until = None;
        }
        let time = pause(self.tries).filter(|_| !matches!(error, Error::Protocol(_)));
        let Some(time) = time else { return ways.ended(lost(error)) };
        self.tries += 1;
        self.pause(time);
    }

    /// Takes in a chunk.
    fn said(&mut self, chunk: String, ways: &mut Ways) -> Result<(), Invalid> {
        let before = self.requests.aid();
        let said = look(&chunk, before)?;
        (self.tries, self.idle) = (0, 0);
        if self.stage == Stage::Opening {
            let Some(sid) = said.sid.filter(|sid| !sid.is_empty()) else {
                return Err(Invalid::Malformed("the server names no session"));
            };
            self.requests.of_session(sid);
            self.stage = Stage::Opened;
            if let Err(error) = ways.open(Posting::new(self.requests.clone())) {
                ways.failed(error);
                return Ok(());
            }
        }
        if let Some(last) = said.last {
            self.requests.received(last);
        }
        ways.deliver_all(Box::new(Messages::of(chunk, before)?));
        if said.stop {
            ways.ended(CloseReason::new(Ended::Remote, 1000, "stopped by the server", true));
        }
        Ok(())
    }
}
