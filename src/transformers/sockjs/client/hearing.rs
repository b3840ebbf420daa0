//! What the server says, whichever way it comes.

use std::time::Instant;

use super::incoming::Said;
use super::lines::TooLong;
use super::posting::{Posting, refused};
use super::{Hearing, Stage, Ways, info};
use crate::close::CloseReason;
use crate::error::Error;
use crate::http::client::Answer;
use crate::transformers::polled::client::{Hears, lost};
use crate::transformers::websockets::client::Heard;

impl Hears for Hearing {
    type Requests = Posting;

    fn begin(&mut self, ways: &mut Ways) {
        let now = Instant::now();
        self.stage = Stage::Info(now);
        self.until = Some(now + info::TIMEOUT);
        ways.ask(self.requests.info().get(), false);
    }

    fn body(&mut self, bytes: &[u8], ways: &mut Ways) {
        if let Some(head) = ways.new_head() {
            // The messages may be answered by requests that are to have its cookies.
            self.requests.base.heard(head);
        }
        self.lines.push(bytes);
        while !ways.is_over() {
            match (self.lines.next(), self.stage) {
                (Ok(None), _) => return,
                (Ok(Some(line)), _) => self.said(Said::of_line(line), ways),
                (Err(TooLong), Stage::Opening(transport)) => {
                    let error = Error::Protocol("a frame over the limit".into());
                    self.fall_back(transport, error, ways);
                }
                (Err(TooLong), _) => ways.too_long(),
            }
        }
    }

    fn answered(&mut self, answer: Answer, ways: &mut Ways) {
        self.requests.base.heard(&answer);
        let good = answer.status == 200;
        match self.stage {
            Stage::Info(asked) => self.informed(asked, &answer, ways),
            Stage::Opening(transport) if good => {
                let error = Error::Protocol("an answer without an open frame".into());
                self.fall_back(transport, error, ways);
            }
            Stage::Opening(transport) => {
                let place = self.requests.receiver(transport).place();
                self.fall_back(transport, answer.refusal().at(&place), ways);
            }
            Stage::Open(_) if good && self.lines.finish() => {
                ways.ended(CloseReason::lost("an answer ended amid a frame"));
            }
            // Also while the application leaves: without a receiver the server would
            // not wait long for what is still to be sent.
            Stage::Open(transport) if good => {
                self.requests.base.good();
                self.receive(transport, ways);
            }
            Stage::Open(_) if ways.is_leaving() => {}
            Stage::Open(_) => ways.ended(refused(&answer, &self.requests)),
        }
    }

    fn unanswered(&mut self, error: Error, ways: &mut Ways) {
        match self.stage {
            Stage::Info(_) => ways.failed(error),
            Stage::Opening(transport) => self.fall_back(transport, error, ways),
            Stage::Open(_) if ways.is_leaving() => {}
            Stage::Open(_) => ways.ended(lost(&error)),
        }
    }

    fn socket(&mut self, heard: Heard, ways: &mut Ways) {
        match (heard, self.stage) {
            (Heard::Nothing | Heard::Opened, _) => {}
            (Heard::Frame(frame), _) => self.said(Said::of_frame(frame), ways),
            (Heard::Failed(error), Stage::Opening(transport)) => {
                self.fall_back(transport, error, ways)
            }
            (Heard::Failed(error), _) => ways.failed(error),
            (Heard::Closed(reason), Stage::Opening(transport)) => {
                self.fall_back(transport, Error::Ended(Box::new(reason)), ways);
            }
            (Heard::Closed(reason), _) => ways.ended(reason),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.until
    }

    fn tick(&mut self, _: bool, ways: &mut Ways) {
        self.until = None;
        match self.stage {
            Stage::Info(_) => {
                let (time, place) = (info::TIMEOUT, self.requests.info().place());
                ways.failed(Error::Timeout(format!("no answer from {place} in {time:?}")));
            }
            Stage::Opening(transport) => {
                let error =
                    format!("no open frame by `{}` in {:?}", transport.name(), self.tries.time());
                self.fall_back(transport, Error::Timeout(error), ways);
            }
            Stage::Open(_) => {}
        }
    }

    fn end(&mut self, _: &mut Ways) {
        self.until = None;
    }
}
