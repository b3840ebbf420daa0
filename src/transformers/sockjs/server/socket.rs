//! What comes over WebSockets.

use std::io;
use std::sync::Arc;

use super::heartbeat::Heartbeat;
use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, FrameText, room};
use crate::net::Waker;
use crate::transformers::serve::{Inbound, Replies, Source};
use crate::transformers::sockjs::frame::{Close, Invalid, Messages, Received, received};
use crate::transformers::websockets::server::Reader;

/// Room for a message that is put together may stay when it is not needed.
const KEEP: usize = 64 << 10;

/// The incoming half of a WebSocket with the frames of SockJS.
pub(super) struct Socket {
    connection: Box<Reader>,
    heartbeat: Arc<Heartbeat>,
    pongs: u32,
    /// What has come with messages that were taken.
    waiting: Option<Messages>,
    scratch: String,
    /// Most messages that may come together.
    most: usize,
    /// The client has broken the protocol: the rest is thrown away.
    broken: bool,
}

impl Socket {
    pub(super) fn new(connection: Box<Reader>, heartbeat: Arc<Heartbeat>, most: usize) -> Self {
        let scratch = String::new();
        Socket { connection, heartbeat, pongs: 0, waiting: None, scratch, most, broken: false }
    }

    /// The messages in what came, the first of them at once.
    fn read(&mut self, frame: Frame) -> Result<Option<Frame>, Invalid> {
        let text = match frame {
            Frame::Text(text) => text,
            // sockjs-node reads bytes as text.
            Frame::Binary(bytes) => FrameText::from(room::lossy(&bytes)),
        };
        let received = received(text, self.most, &mut self.scratch);
        if self.scratch.capacity() > KEEP {
            self.scratch = String::new();
        }
        match received? {
            Received::Nothing => Ok(None),
            Received::One(frame) => Ok(Some(frame)),
            Received::Many(mut messages) => {
                let first = messages.next();
                self.waiting = Some(messages);
                Ok(first)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn breach(&mut self, invalid: Invalid) -> Inbound {
        self.broken = true;
        let Close { code, reason } = Close::BROKEN;
        let (code, text) = match invalid {
            Invalid::TooMany => (1009, "too many messages at a time"),
            Invalid::NotJson | Invalid::NotArray => (code, reason),
        };
        Inbound::Closed(CloseReason::new(Ended::Protocol, code, text, true))
    }
}

impl Source for Socket {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        loop {
            if let Some(messages) = &mut self.waiting {
                if let Some(frame) = messages.next() {
                    return Some(Inbound::Frame(frame));
                }
                self.waiting = None;
            }
            let inbound = self.connection.buffered(replies);
            let pongs = self.connection.pongs();
            if pongs != self.pongs {
                self.pongs = pongs;
                self.heartbeat.pong();
            }
            let inbound = inbound?;
            if self.broken {
                continue;
            }
            match inbound {
                Inbound::Frame(frame) => match self.read(frame) {
                    Ok(Some(frame)) => return Some(Inbound::Frame(frame)),
                    Ok(None) => {}
                    Err(invalid) => return Some(self.breach(invalid)),
                },
                // A ping of the WebSocket's own says nothing of Primus.
                Inbound::Alive => {}
                closed @ Inbound::Closed(_) => return Some(closed),
            }
        }
    }

    fn has_more(&mut self) -> bool {
        self.waiting.is_some() || self.connection.has_more()
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        self.connection.wait(waker)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.heartbeat.stop();
    }
}

/// The incoming half of a WebSocket without them.
pub(super) struct Raw(pub(super) Box<Reader>);

impl Source for Raw {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        loop {
            match self.0.buffered(replies)? {
                Inbound::Alive => {}
                inbound => return Some(inbound),
            }
        }
    }

    fn has_more(&mut self) -> bool {
        self.0.has_more()
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        self.0.wait(waker)
    }
}
