//! What the server says, on whichever carrier.

use std::time::Instant;

use super::incoming::Wrong;
use super::posting::{Posting, refused};
use super::{Hearing, Ways};
use crate::error::{Error, Result};
use crate::http::client::Answer;
use crate::transformers::engine_io::Carrier;
use crate::transformers::engine_io::packet::Packet;
use crate::transformers::engine_io::payload::Content;
use crate::transformers::engine_io::session::client::Input;
use crate::transformers::polled::client::Hears;
use crate::transformers::websockets::client::Heard;

impl Hears for Hearing {
    type Requests = Posting;

    fn begin(&mut self, ways: &mut Ways) {
        match self.first {
            Carrier::Polling => ways.ask(self.requests.poll(), true),
            Carrier::Websocket => {
                if let Err(error) = ways.dial(self.requests.upgrade(), self.longest, true) {
                    ways.failed(error);
                }
            }
        }
    }

    fn body(&mut self, bytes: &[u8], ways: &mut Ways) {
        if !self.session.is_open() {
            return;
        }
        let head = ways.head();
        // The packets may ask for requests that are to have them.
        if let Some(head) = head {
            self.requests.base.heard(head);
        }
        let mime = head.and_then(|head| head.header("content-type"));
        self.incoming.push(Content::of_mime(mime), bytes);
        while !ways.is_over() {
            let next = self.incoming.next();
            if matches!(next, Ok(None)) {
                return;
            }
            self.packet(next, ways);
        }
    }

    fn answered(&mut self, answer: Answer, ways: &mut Ways) {
        if !self.session.is_open() {
            return;
        }
        if answer.status == 200 {
            let last = self.incoming.finish();
            self.requests.base.heard(&answer);
            self.packet(last, ways);
            if let Some(failure) = ways.posts().and_then(|posts| posts.failure(true)) {
                ways.ended(failure);
            }
            self.requests.base.good();
            self.input(Input::Polled, ways);
        } else if ways.posts().is_none() {
            ways.failed(answer.refusal());
        } else if !ways.is_leaving() {
            ways.ended(refused(&answer, &self.requests));
        }
    }

    fn unanswered(&mut self, error: Error, ways: &mut Ways) {
        // The goodbye is on its way, and does not need the poll.
        if self.session.is_open() && !ways.is_leaving() {
            ways.failed(error);
        }
    }

    fn socket(&mut self, heard: Heard, ways: &mut Ways) {
        let probes = !ways.is_on_socket();
        match heard {
            Heard::Opened if probes => self.input(Input::ProbeOpened, ways),
            Heard::Nothing | Heard::Opened => {}
            Heard::Frame(frame) => {
                let packet = Packet::from_frame(frame, self.format.revision);
                self.input(if probes { Input::Probe(packet) } else { Input::Packet(packet) }, ways);
            }
            Heard::Failed(_) | Heard::Closed(_) if probes => {
                ways.drop_socket();
                self.input(Input::ProbeLost, ways);
            }
            Heard::Failed(error) => ways.failed(error),
            Heard::Closed(reason) if ways.posts().is_none() => {
                ways.failed(Error::Protocol(ways.no_session(&reason.to_string())));
            }
            Heard::Closed(reason) => ways.ended(reason),
        }
    }

    fn alive(&mut self, ways: &mut Ways) {
        self.input(Input::Alive, ways);
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    fn tick(&mut self, busy: bool, ways: &mut Ways) {
        self.input(Input::Tick { busy }, ways);
    }

    fn settle(&mut self, ways: &mut Ways) {
        let Some(posts) = ways.posts() else { return };
        if self.session.is_pausing() {
            self.held = true;
            if posts.rest() {
                self.held = false;
                self.input(Input::Rested, ways);
            }
        } else if std::mem::replace(&mut self.held, false) {
            posts.go_on();
        }
    }

    fn end(&mut self, ways: &mut Ways) {
        self.input(Input::End, ways);
    }
}

impl Hearing {
    fn packet(&mut self, packet: Result<Option<Packet>, Wrong>, ways: &mut Ways) {
        match packet {
            Ok(None) => {}
            Ok(Some(packet)) => self.input(Input::Packet(Ok(packet)), ways),
            Err(Wrong::Invalid(invalid)) => self.input(Input::Packet(Err(invalid)), ways),
            Err(Wrong::TooLong) => ways.too_long(),
        }
    }
}
