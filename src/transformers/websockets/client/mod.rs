//! The `websockets` transport of the client.

mod handshake;
mod open;
mod packing;
mod socket;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use self::handshake::Handshake;
use self::open::Open;
pub(in crate::transformers) use self::socket::{Heard, Socket};
pub(in crate::transformers) use self::writer::{SocketWriter, mask};
use crate::close::CloseReason;
use crate::error::Result;
use crate::http::client::Target;
use crate::net::Waker;
use crate::net::dial::Dialler;
use crate::net::wait::{on, wait};
use crate::transformers::connect::{Dials, News, Session, Writer};

/// RFC 6455, as every WebSocket transformer of Primus speaks it.
pub(crate) struct Websockets;

impl Dials for Websockets {
    fn dial(&self, target: Target, max_length: usize) -> Box<dyn Session> {
        let waker = Arc::clone(&target.to.waker);
        Box::new(Connecting { target, max_length, waker, stage: Stage::New })
    }
}

struct Connecting {
    target: Target,
    max_length: usize,
    waker: Arc<Waker>,
    stage: Stage,
}

enum Stage {
    New,
    Dialling(Dialler),
    Handshake(Box<Handshake>),
    Open(Open),
    Over,
}

impl Session for Connecting {
    fn next(&mut self, until: Option<Instant>, paused: bool) -> News {
        loop {
            let step = match &mut self.stage {
                Stage::Open(open) => return open.next(&self.waker, until, paused),
                Stage::Over => Ok(Some(News::Closed(CloseReason::lost("")))),
                _ => self.open(until),
            };
            match step {
                Ok(Some(step)) => return step,
                Ok(None) => {}
                Err(error) => {
                    self.stage = Stage::Over;
                    return News::Failed(error);
                }
            }
        }
    }

    fn close(&mut self) {
        match &mut self.stage {
            Stage::Open(open) => open.close(None),
            _ => self.stage = Stage::Over,
        }
    }
}

impl Connecting {
    /// One step towards an open connection; `None`: on to the next.
    fn open(&mut self, until: Option<Instant>) -> Result<Option<News>> {
        match &mut self.stage {
            Stage::New => {
                self.stage = Stage::Dialling(Dialler::new(&self.target.to)?);
                Ok(None)
            }
            Stage::Dialling(dialler) => match dialler.next(until)? {
                None => Ok(Some(News::Waited)),
                Some(stream) => {
                    let handshake = Handshake::new(stream, &self.target);
                    self.stage = Stage::Handshake(Box::new(handshake));
                    Ok(None)
                }
            },
            Stage::Handshake(handshake) => {
                let ready = wait(&self.waker, on(&handshake.wants()), until)?;
                let Some(answer) = handshake.proceed(ready)? else { return Ok(Some(News::Waited)) };
                let stage = std::mem::replace(&mut self.stage, Stage::Over);
                let Stage::Handshake(handshake) = stage else { return Ok(None) };
                let open = handshake.finish(&answer, &self.target, self.max_length)?;
                let writer: Arc<dyn Writer> = Arc::clone(open.writer()) as _;
                self.stage = Stage::Open(open);
                Ok(Some(News::Open(writer)))
            }
            Stage::Open(_) | Stage::Over => Ok(None),
        }
    }
}
