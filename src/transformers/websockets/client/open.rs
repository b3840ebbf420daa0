//! An open WebSocket, driven by the thread that reads it.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use super::link::Link;
use crate::close::{CloseReason, Ended};
use crate::net::Waker;
use crate::net::wait::{Ready, Wants, on, wait};
use crate::rate::PerSecond;
use crate::transformers::connect::News;
use crate::transformers::websockets::decoder::{Decoder, Event, Violation};

/// A peer that pings more often than this in a second is left.
const PINGS_MAX: u32 = 1_000;

/// See the module.
pub(in crate::transformers) struct Open {
    link: Arc<Link>,
    decoder: Decoder,
    phase: Phase,
    pings: PerSecond,
}

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Open,
    /// We said goodbye and wait for the answer.
    Closing,
    /// Both did, or the peer broke the protocol: what still comes is thrown
    /// away, because closing a socket with something unread in it would
    /// destroy our goodbye on its way.
    Draining,
}

impl Open {
    /// A connection that was upgraded.
    pub(super) fn new(link: Link, decoder: Decoder) -> Self {
        let link = Arc::new(link);
        Open { link, decoder, phase: Phase::Open, pings: PerSecond::new(PINGS_MAX) }
    }

    /// The way out.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Begins to close, with a code and a text or without: what was written
    /// goes first.
    pub fn close(&mut self, why: Option<(u16, &str)>) {
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.link.say_close(why);
        }
    }

    /// Waits once, and tells what has come; see
    /// [`Session::next`](crate::transformers::connect::Session::next).
    pub fn next(&mut self, waker: &Waker, until: Option<Instant>, paused: bool) -> News {
        if !paused && let Some(step) = self.decoded() {
            return step;
        }
        match wait(waker, on(&self.wants(paused)), until) {
            Ok(ready) => self.proceed(ready, paused).unwrap_or(News::Waited),
            Err(error) => lost(&error.to_string()),
        }
    }

    /// What it waits for.
    pub fn wants(&self, paused: bool) -> Wants {
        let draining = self.phase == Phase::Draining;
        let write = !draining && self.link.is_waiting();
        Some((Arc::clone(self.link.stream()) as _, Ready { read: draining || !paused, write }))
    }

    /// Goes on with what was waited for; tells the first of what has come.
    pub fn proceed(&mut self, ready: Ready, paused: bool) -> Option<News> {
        if self.phase == Phase::Draining {
            return if ready.read { self.drained() } else { None };
        }
        if ready.write && self.link.is_waiting() && self.link.flush().is_err() {
            self.link.give_up();
        }
        if paused || !ready.read {
            return None;
        }
        let stream = self.link.stream();
        match self.decoder.read(|room| stream.read(room)) {
            Ok(0) => return Some(lost("end of stream")),
            Ok(_) => {}
            Err(error) => return Some(lost(&error.to_string())),
        }
        self.decoded()
    }

    /// What is buffered, as long as there is something whole.
    pub fn decoded(&mut self) -> Option<News> {
        if self.phase == Phase::Draining {
            return None;
        }
        loop {
            match self.decoder.next() {
                Ok(None) => return None,
                Ok(Some(Event::Message(frame))) => return Some(News::Message(frame)),
                Ok(Some(Event::Ping(payload))) if self.pings.allow(Instant::now()) => {
                    self.link.pong(&payload)
                }
                Ok(Some(Event::Ping(_))) => {
                    let flood = Violation { code: 1008, text: "too many pings" };
                    return Some(self.violated(flood));
                }
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(why))) => return self.closed(why),
                Err(violation) => return Some(self.violated(violation)),
            }
        }
    }

    /// The peer's close frame: the goodbye, or the answer to ours.
    fn closed(&mut self, why: Option<(u16, String)>) -> Option<News> {
        let (code, text) = why.unwrap_or((1005, String::new()));
        self.bye((code != 1005).then_some((code, text.as_str())));
        if self.phase == Phase::Closing {
            self.phase = Phase::Draining;
            return None;
        }
        self.phase = Phase::Draining;
        Some(News::Closed(CloseReason::new(Ended::Remote, code, text, true)))
    }

    /// Says goodbye for good: a close frame, unless one was sent, and the end
    /// of the stream.
    fn bye(&self, why: Option<(u16, &str)>) {
        self.link.say_close(why);
        self.link.stream().shutdown(Shutdown::Write);
    }

    fn drained(&self) -> Option<News> {
        let mut waste = [0; 4096];
        match self.link.stream().read(&mut waste) {
            Ok(1..) => None,
            _ => Some(lost("end of stream")),
        }
    }

    fn violated(&mut self, violation: Violation) -> News {
        self.bye(Some((violation.code, violation.text)));
        self.phase = Phase::Draining;
        News::Closed(CloseReason::new(Ended::Protocol, violation.code, violation.text, true))
    }
}

fn lost(text: &str) -> News {
    News::Closed(CloseReason::lost(text))
}

impl Drop for Open {
    /// Frees whoever is blocked in a write.
    fn drop(&mut self) {
        self.link.cut();
    }
}
