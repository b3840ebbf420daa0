//! What goes out of a session: maps, in POSTs.
//!
//! One that is not answered goes out again: it has its number, and what is in it has
//! too, so that nothing is heard twice.

use std::convert::Infallible;
use std::time::Duration;

use super::incoming::status;
use super::pause;
use super::requests::Requests;
use crate::close::{CloseReason, Ended};
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::net::dial::Destination;
use crate::sync::{Lock, rank};
use crate::transformers::browserchannel::maps;
use crate::transformers::polled::client::{self, Queue, over_limit};

/// Bytes in one POST; a single message may be longer.
const POST_MAX: usize = 1_000_000;

/// Most messages in one POST, as of the original.
const MAPS_MAX: usize = 1_000;

/// See the module.
pub(super) struct Posting {
    requests: Requests,
    /// Taken with the way out locked, and nothing else meanwhile.
    state: Lock<State, rank::Stream>,
}

#[derive(Default)]
struct State {
    /// The number of the next map.
    ofs: u64,
    /// The POST that is under way, and how often it went out again.
    last: Option<(Vec<u8>, u32)>,
}

impl Posting {
    /// That of a session that is open.
    pub fn new(requests: Requests) -> Self {
        Posting { requests, state: Lock::default() }
    }
}

impl client::Requests for Posting {
    type Own = Infallible;

    fn to(&self) -> &Destination {
        &self.requests.base.target().to
    }

    fn post(&self, own: Option<Infallible>, waiting: &mut Queue) -> Vec<u8> {
        if let Some(never) = own {
            match never {}
        }
        let mut fields = Vec::new();
        let mut count = 0;
        while let Some(next) = waiting.front().filter(|_| count < MAPS_MAX) {
            let before = fields.len();
            maps::put(count, next.as_text().unwrap_or_default(), &mut fields);
            if count > 0 && fields.len() >= POST_MAX {
                fields.truncate(before);
                break;
            }
            count += 1;
            waiting.pop();
        }
        let first = {
            let mut state = self.state.lock();
            let first = state.ofs;
            state.ofs += count as u64;
            first
        };
        let body = [maps::head(count, first).as_bytes(), &fields].concat();
        let post = self.requests.send(&body);
        self.state.lock().last = Some((post.clone(), 0));
        post
    }

    fn again(&self) -> Option<(Duration, Vec<u8>)> {
        let mut state = self.state.lock();
        let (post, times) = state.last.as_mut()?;
        let after = pause(*times)?;
        *times += 1;
        Some((after, post.clone()))
    }

    fn goodbye(&self) -> Option<Vec<u8>> {
        Some(self.requests.terminate())
    }

    fn accepted(&self, answer: &Answer) -> Result<(), CloseReason> {
        let sent = self.state.lock().last.take().is_some();
        match answer.status {
            200 => {
                self.requests.base.heard(answer);
                match status(&answer.body) {
                    Some(false) => self.requests.say_unknown(),
                    None if sent => {
                        let text = "browserchannel: no answer to what was sent";
                        return Err(CloseReason::new(Ended::Protocol, 1002, text, true));
                    }
                    _ => {}
                }
                Ok(())
            }
            413 => Err(over_limit()),
            _ => Err(CloseReason::lost(answer.refusal().to_string())),
        }
    }

    /// There are no WebSockets.
    fn frame(&self, _: &Frame, _: &mut Vec<u8>) {}

    fn own_frame(&self, own: &Infallible, _: &mut Vec<u8>) {
        match *own {}
    }
}
