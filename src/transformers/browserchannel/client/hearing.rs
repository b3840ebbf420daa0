//! What the server says.

use std::time::{Duration, Instant};

use super::incoming::Invalid;
use super::posting::Posting;
use super::{Hearing, IDLE, SILENCE, SOON, Stage, UNKNOWN, Ways};
use crate::close::CloseReason;
use crate::error::Error;
use crate::http::client::Answer;
use crate::transformers::polled::client::Hears;
use crate::transformers::websockets::client::Heard;

/// The first piece of the probe, which comes at once, and all of it.
const FIRST: &[u8] = b"11111";
const WHOLE: &[u8] = b"111112";

impl Hears for Hearing {
    type Requests = Posting;

    fn begin(&mut self, ways: &mut Ways) {
        ways.ask(self.requests.probe().get(), true);
    }

    fn body(&mut self, bytes: &[u8], ways: &mut Ways) {
        if let Some(head) = ways.new_head() {
            // The messages may be answered by requests that are to have its cookies.
            self.requests.base.heard(head);
        }
        if self.stage == Stage::Probe {
            self.probe.extend_from_slice(bytes);
            if !WHOLE.starts_with(&self.probe) {
                let why = ways.no_session("the server does not speak it");
                ways.failed(Error::Protocol(why));
            } else if self.probe == FIRST {
                // The rest would come too late.
                ways.start_over();
                self.open(true, ways);
            }
            return;
        }
        self.chunks.push(bytes);
        while !ways.is_over() {
            let said = match self.chunks.next() {
                Ok(None) => return,
                Ok(Some(chunk)) => self.said(chunk, ways),
                Err(invalid) => Err(invalid),
            };
            match said {
                Ok(()) => {}
                Err(Invalid::TooLong) => ways.too_long(),
                Err(invalid) => ways.ended(CloseReason::from(invalid)),
            }
        }
    }

    fn answered(&mut self, answer: Answer, ways: &mut Ways) {
        self.requests.base.heard(&answer);
        let good = answer.status == 200;
        match self.stage {
            Stage::Probe if good && self.probe == WHOLE => self.open(false, ways),
            Stage::Probe if good => {
                let why = ways.no_session("the server does not speak it");
                ways.failed(Error::Protocol(why));
            }
            Stage::Probe => {
                ways.failed(answer.refusal().at(&self.requests.probe().place()));
            }
            Stage::Opening if good => {
                let why = ways.no_session("the server names none");
                ways.failed(Error::Protocol(why));
            }
            Stage::Opening => {
                ways.failed(answer.refusal().at(&self.requests.wait(true).place()));
            }
            _ if ways.is_leaving() => self.until = None,
            Stage::Opened => self.wait(ways),
            Stage::Waiting(since) if good => {
                self.idle = if since.elapsed() < SOON { self.idle + 1 } else { 0 };
                match self.idle {
                    0..=IDLE => self.wait(ways),
                    idle => self.pause(Duration::from_millis(1 << idle.min(10))),
                }
            }
            Stage::Waiting(_) | Stage::Pausing => {
                ways.ended(CloseReason::lost(answer.refusal().to_string()));
            }
        }
    }

    fn unanswered(&mut self, error: Error, ways: &mut Ways) {
        match self.stage {
            Stage::Probe | Stage::Opening => ways.failed(error),
            Stage::Opened | Stage::Waiting(_) | Stage::Pausing => self.again(&error, ways),
        }
    }

    fn socket(&mut self, heard: Heard, ways: &mut Ways) {
        match heard {
            Heard::Nothing | Heard::Opened | Heard::Frame(_) => {}
            Heard::Failed(error) => ways.failed(error),
            Heard::Closed(reason) => ways.ended(reason),
        }
    }

    fn alive(&mut self, _: &mut Ways) {
        if matches!(self.stage, Stage::Waiting(_)) {
            self.until = Some(Instant::now() + SILENCE);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.until
    }

    fn tick(&mut self, busy: bool, ways: &mut Ways) {
        match self.stage {
            Stage::Pausing if !ways.is_over() => self.wait(ways),
            Stage::Waiting(_) if busy => self.until = Some(Instant::now() + SILENCE),
            Stage::Waiting(_) if !ways.is_over() => {
                ways.start_over();
                let error = format!("the server has been silent for {SILENCE:?}");
                self.again(&Error::Timeout(error), ways);
            }
            _ => self.until = None,
        }
    }

    /// The server may have lost the request that waits, without our notice.
    fn settle(&mut self, ways: &mut Ways) {
        let Stage::Waiting(since) = self.stage else { return };
        let unknown = self.requests.is_unknown();
        if unknown && since.elapsed() > UNKNOWN && !ways.is_over() && !ways.is_leaving() {
            ways.start_over();
            self.wait(ways);
        }
    }

    fn end(&mut self, _: &mut Ways) {
        self.until = None;
    }
}
