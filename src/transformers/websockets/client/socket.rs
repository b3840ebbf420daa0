//! A WebSocket from dialling it on, in steps that never wait: for a session that
//! has other connections to look after.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::handshake::Handshake;
use super::open::Open;
use super::writer::SocketWriter;
use crate::close::CloseReason;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::http::client::Target;
use crate::net::Waker;
use crate::net::dial::Dialler;
use crate::net::wait::{Ready, Wants};
use crate::transformers::connect::News;

/// See the module.
pub(in crate::transformers) struct Socket {
    target: Target,
    /// Longest message in bytes.
    longest: usize,
    stage: Stage,
}

enum Stage {
    Dialling(Dialler),
    Handshake(Box<Handshake>),
    Open(Box<Open>),
    Over,
}

/// What a step has led to.
pub(in crate::transformers) enum Heard {
    Nothing,
    /// It is open.
    Opened,
    /// A message.
    Frame(Frame),
    /// It could not be opened. The last step.
    Failed(Error),
    /// It was open and has ended. The last step.
    Closed(CloseReason),
}

impl Socket {
    /// Begins to connect; to this address if the server was reached before.
    /// `longest`: the longest message that is accepted, in bytes.
    pub fn dial(target: Target, address: Option<SocketAddr>, longest: usize) -> Result<Self> {
        let mut dialler = Dialler::again(&target.to, address)?;
        let stage = match dialler.proceed(Ready::default())? {
            Some(stream) => Stage::Handshake(Box::new(Handshake::new(stream, &target))),
            None => Stage::Dialling(dialler),
        };
        Ok(Socket { target, longest, stage })
    }

    /// The way out, once it is open.
    pub fn writer(&self) -> Option<&Arc<SocketWriter>> {
        match &self.stage {
            Stage::Open(open) => Some(open.writer()),
            _ => None,
        }
    }

    /// What it waits for, and until when.
    pub fn wants(&self, paused: bool) -> (Wants, Option<Instant>) {
        match &self.stage {
            Stage::Dialling(dialler) => dialler.wants(),
            Stage::Handshake(handshake) => (handshake.wants(), None),
            Stage::Open(open) => (open.wants(paused), None),
            Stage::Over => (None, None),
        }
    }

    /// Goes on, without waiting. It may have more to tell than one step says:
    /// until it tells nothing, it is asked again, with nothing ready.
    pub fn proceed(&mut self, ready: Ready, paused: bool) -> Heard {
        match self.step(ready, paused) {
            Ok(heard) => heard,
            Err(error) => {
                self.stage = Stage::Over;
                Heard::Failed(error)
            }
        }
    }

    fn step(&mut self, ready: Ready, paused: bool) -> Result<Heard> {
        match &mut self.stage {
            Stage::Dialling(dialler) => {
                let Some(stream) = dialler.proceed(ready)? else { return Ok(Heard::Nothing) };
                self.stage = Stage::Handshake(Box::new(Handshake::new(stream, &self.target)));
                self.step(Ready { read: false, write: true }, paused)
            }
            Stage::Handshake(handshake) => {
                let Some(answer) = handshake.proceed(ready)? else { return Ok(Heard::Nothing) };
                let stage = std::mem::replace(&mut self.stage, Stage::Over);
                let Stage::Handshake(handshake) = stage else { return Ok(Heard::Nothing) };
                let open = handshake.finish(&answer, &self.target, self.longest)?;
                self.stage = Stage::Open(Box::new(open));
                Ok(Heard::Opened)
            }
            Stage::Open(open) => {
                let idle = ready == Ready::default();
                let step = if idle { open.decoded() } else { open.proceed(ready, paused) };
                Ok(step.map_or(Heard::Nothing, heard))
            }
            Stage::Over => Ok(Heard::Nothing),
        }
    }

    /// Begins to close; `why` is told to the server.
    pub fn close(&mut self, why: Option<(u16, &str)>) {
        if let Stage::Open(open) = &mut self.stage {
            open.close(why);
        }
    }

    /// What is left to do after the session's end.
    pub fn last(&mut self, waker: &Waker, until: Option<Instant>) -> News {
        let Stage::Open(open) = &mut self.stage else {
            return News::Closed(CloseReason::lost(""));
        };
        match open.next(waker, until, false) {
            News::Message(_) | News::Waited => News::Waited,
            last => last,
        }
    }
}

fn heard(step: News) -> Heard {
    match step {
        News::Message(frame) => Heard::Frame(frame),
        News::Closed(reason) => Heard::Closed(reason),
        News::Failed(error) => Heard::Failed(error),
        News::Waited | News::Open(_) => Heard::Nothing,
    }
}
