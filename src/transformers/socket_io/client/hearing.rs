//! What the server says, whichever way it comes.

use std::time::Instant;

use super::incoming::Wrong;
use super::posting::{Posting, refused};
use super::{Hearing, Stage, Ways, handshake};
use crate::close::{CloseReason, Ended};
use crate::error::Error;
use crate::frame::Frame;
use crate::http::client::Answer;
use crate::transformers::polled::client::{Hears, lost};
use crate::transformers::socket_io::payload;
use crate::transformers::websockets::client::Heard;

impl Hears for Hearing {
    type Requests = Posting;

    fn begin(&mut self, ways: &mut Ways) {
        self.shake(ways);
    }

    fn body(&mut self, bytes: &[u8], ways: &mut Ways) {
        if let Some(head) = ways.new_head() {
            // The messages may be answered by requests that are to have its cookies.
            self.requests.base.heard(head);
        }
        self.incoming.push(bytes);
        while !ways.is_over() {
            match self.incoming.next() {
                Ok(None) => return,
                Ok(Some(packet)) => self.said(&packet, ways),
                Err(wrong) => return self.wrong(wrong, ways),
            }
        }
    }

    fn answered(&mut self, answer: Answer, ways: &mut Ways) {
        self.requests.base.heard(&answer);
        let good = answer.status == 200;
        match self.stage {
            Stage::Handshake(asked) => self.shaken(asked, &answer, ways),
            Stage::Opening(_) | Stage::Open(_) if good => self.polled(ways),
            Stage::Opening(transport) => {
                let place = self.requests.transport(transport).place();
                self.fall_back(transport, answer.refusal().at(&place), ways);
            }
            Stage::Open(_) if ways.is_leaving() => {}
            Stage::Open(_) => ways.ended(refused(&answer)),
        }
    }

    fn unanswered(&mut self, error: Error, ways: &mut Ways) {
        match self.stage {
            Stage::Handshake(_) => ways.failed(error),
            Stage::Opening(transport) => self.fall_back(transport, error, ways),
            Stage::Open(_) if ways.is_leaving() => {}
            Stage::Open(_) => ways.ended(lost(&error)),
        }
    }

    fn socket(&mut self, heard: Heard, ways: &mut Ways) {
        match (heard, self.stage) {
            (Heard::Nothing | Heard::Opened, _) => {}
            (Heard::Frame(Frame::Text(text)), _) => match payload::decode(&text) {
                Ok(packets) => packets.for_each(|packet| {
                    if !ways.is_over() {
                        self.said(packet, ways);
                    }
                }),
                Err(payload::Invalid(text)) => self.broken(text, ways),
            },
            (Heard::Frame(Frame::Binary(_)), _) => self.broken("bytes where only text goes", ways),
            (Heard::Failed(error), Stage::Opening(transport)) => {
                self.fall_back(transport, error, ways);
            }
            (Heard::Failed(error), _) => ways.failed(error),
            (Heard::Closed(reason), Stage::Opening(transport)) => {
                self.fall_back(transport, Error::Ended(Box::new(reason)), ways);
            }
            (Heard::Closed(reason), _) => ways.ended(reason),
        }
    }

    fn alive(&mut self, _: &mut Ways) {
        if matches!(self.stage, Stage::Open(_)) {
            self.listen();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.until
    }

    fn tick(&mut self, busy: bool, ways: &mut Ways) {
        let due = self.until.take();
        match self.stage {
            Stage::Handshake(_) => {
                let (time, place) = (handshake::TIMEOUT, self.requests.handshake().place());
                ways.failed(Error::Timeout(format!("no answer from {place} in {time:?}")));
            }
            Stage::Opening(transport) => {
                let (name, time) = (transport.name(), self.tries.time());
                let error = Error::Timeout(format!("no session by `{name}` in {time:?}"));
                self.fall_back(transport, error, ways);
            }
            Stage::Open(_) => {
                let late = self.late.excuses(Instant::now(), due);
                if busy || late {
                    return self.listen();
                }
                let text = "the server is silent";
                ways.ended(CloseReason::new(Ended::Heartbeat, 1006, text, true));
            }
        }
    }

    fn end(&mut self, _: &mut Ways) {
        self.until = None;
    }
}

impl Hearing {
    /// A poll was answered; the next one follows.
    fn polled(&mut self, ways: &mut Ways) {
        match self.incoming.finish() {
            Ok(Some(packet)) => self.said(&packet, ways),
            Ok(None) => {}
            Err(wrong) => return self.wrong(wrong, ways),
        }
        match self.stage {
            _ if ways.is_over() => {}
            Stage::Opening(transport) => {
                let error = Error::Protocol("an answer that does not open the session".into());
                self.fall_back(transport, error, ways);
            }
            // Also while the application leaves: what waits here is answered then.
            Stage::Open(_) => {
                self.requests.base.good();
                self.poll(ways);
            }
            // Another transport is tried.
            Stage::Handshake(_) => {}
        }
    }

    fn wrong(&mut self, wrong: Wrong, ways: &mut Ways) {
        match (wrong, self.stage) {
            (Wrong::Invalid(text), _) => self.broken(text, ways),
            (Wrong::TooLong, Stage::Opening(_)) => self.broken("a packet over the limit", ways),
            (Wrong::TooLong, _) => ways.too_long(),
        }
    }
}
