//! What the server says, on whichever carrier.

use super::Polling;
use super::incoming::Wrong;
use super::posting::refused;
use super::socket::Heard;
use crate::error::{Error, Result};
use crate::http::client::Progress;
use crate::net::wait::Ready;
use crate::transformers::engine_io::Carrier;
use crate::transformers::engine_io::packet::Packet;
use crate::transformers::engine_io::payload::Content;
use crate::transformers::engine_io::session::client::Input;

impl Polling {
    /// Goes on with the poll under way.
    pub(super) fn polled(&mut self, mut ready: Ready) {
        while !self.over {
            let listens = self.session.is_open();
            let leaves = self.link.as_ref().is_some_and(|link| link.is_leaving());
            match self.lane.proceed(std::mem::take(&mut ready)) {
                Ok(Progress::Waiting) => return,
                Ok(_) | Err(_) if !listens => {}
                Ok(Progress::Body(bytes)) => {
                    let head = self.lane.head();
                    // The packets may ask for requests that are to have them.
                    if let Some(head) = head {
                        self.requests.heard(head);
                    }
                    let mime = head.and_then(|head| head.header("content-type"));
                    self.incoming.push(Content::of_mime(mime), &bytes);
                    self.packets();
                }
                Ok(Progress::Answer(answer)) if answer.status == 200 => {
                    let last = self.incoming.finish();
                    self.requests.heard(&answer);
                    self.packet(last);
                    if let Some(failure) = self.link.as_ref().and_then(|link| link.failure(true)) {
                        self.ended(failure);
                    }
                    self.requests.polled();
                    self.input(Input::Polled);
                }
                // The goodbye is on its way, and does not need the poll.
                Ok(Progress::Answer(_)) | Err(_) if leaves => {}
                Ok(Progress::Answer(answer)) if self.link.is_none() => {
                    self.failed(answer.refusal());
                }
                Ok(Progress::Answer(answer)) => self.ended(refused(&answer, &self.requests)),
                Err(error) => self.failed(error),
            }
        }
    }

    /// What has arrived of the answer to a poll.
    fn packets(&mut self) {
        while !self.over {
            let next = self.incoming.next();
            if matches!(next, Ok(None)) {
                return;
            }
            self.packet(next);
        }
    }

    fn packet(&mut self, packet: Result<Option<Packet>, Wrong>) {
        match packet {
            Ok(None) => {}
            Ok(Some(packet)) => self.input(Input::Packet(Ok(packet))),
            Err(Wrong::Invalid(invalid)) => self.input(Input::Packet(Err(invalid))),
            Err(Wrong::TooLong) => self.too_long(),
        }
    }

    /// Goes on with the WebSocket.
    pub(super) fn heard(&mut self, mut ready: Ready, paused: bool) {
        while !self.over
            && let Some(socket) = &mut self.socket
        {
            let probes = self.carrier == Carrier::Polling;
            match socket.proceed(std::mem::take(&mut ready), paused) {
                Heard::Nothing => return,
                Heard::Opened if probes => self.input(Input::ProbeOpened),
                Heard::Opened => {}
                Heard::Frame(frame) => {
                    let packet = Packet::from_frame(frame, self.format.revision);
                    self.input(if probes { Input::Probe(packet) } else { Input::Packet(packet) });
                }
                Heard::Failed(_) | Heard::Closed(_) if probes => {
                    self.socket = None;
                    self.input(Input::ProbeLost);
                }
                Heard::Failed(error) => self.failed(error),
                Heard::Closed(reason) if self.link.is_none() => {
                    let text = format!("no engine.io session: {reason}");
                    self.failed(Error::Protocol(text));
                }
                Heard::Closed(reason) => self.ended(reason),
            }
        }
    }
}
