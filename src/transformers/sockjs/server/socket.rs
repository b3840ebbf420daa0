//! What comes over WebSockets.

use std::io;
use std::sync::Arc;

use super::heartbeat::Heartbeat;
use crate::close::{CloseReason, Ended};
use crate::frame::{Frame, FrameText, room};
use crate::net::Waker;
use crate::transformers::json::{Invalid, Messages};
use crate::transformers::serve::{Inbound, Replies, Source};
use crate::transformers::sockjs::frame::{Close, Received, only, received};
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

/// What came on the socket.
enum Next {
    /// The one message of an array.
    Message(Frame),
    /// Something that is still to be read.
    Text(FrameText),
    Other(Inbound),
}

impl Socket {
    pub(super) fn new(connection: Box<Reader>, heartbeat: Arc<Heartbeat>, most: usize) -> Self {
        let scratch = String::new();
        Socket { connection, heartbeat, pongs: 0, waiting: None, scratch, most, broken: false }
    }

    /// The next thing that came.
    #[inline]
    fn next(&mut self, replies: &dyn Replies) -> Option<Next> {
        if !self.broken
            && let Some(text) = self.connection.next_in_place()
        {
            return Some(match text {
                Ok(text) => match only(text, &mut self.scratch) {
                    Some(frame) => Next::Message(frame),
                    None => Next::Text(text.into()),
                },
                Err(reason) => Next::Other(Inbound::Closed(reason)),
            });
        }
        Some(match self.connection.buffered(replies)? {
            Inbound::Frame(Frame::Text(text)) => Next::Text(text),
            // sockjs-node reads bytes as text.
            Inbound::Frame(Frame::Binary(bytes)) => Next::Text(room::lossy(&bytes).into()),
            other => Next::Other(other),
        })
    }

    /// The messages in what came, the first of them at once.
    fn read(&mut self, text: FrameText) -> Result<Option<Frame>, Invalid> {
        let received = received(text, self.most, &mut self.scratch);
        self.let_go();
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

    #[inline]
    fn let_go(&mut self) {
        if self.scratch.capacity() > KEEP {
            self.scratch = String::new();
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
            let next = self.next(replies);
            self.let_go();
            let pongs = self.connection.pongs();
            if pongs != self.pongs {
                self.pongs = pongs;
                self.heartbeat.pong();
            }
            let next = next?;
            if self.broken {
                continue;
            }
            match next {
                Next::Message(frame) => return Some(Inbound::Frame(frame)),
                Next::Text(text) => match self.read(text) {
                    Ok(Some(frame)) => return Some(Inbound::Frame(frame)),
                    Ok(None) => {}
                    Err(invalid) => return Some(self.breach(invalid)),
                },
                // A ping of the WebSocket's own says nothing of Primus.
                Next::Other(Inbound::Alive | Inbound::Frame(_)) => {}
                Next::Other(closed @ Inbound::Closed(_)) => return Some(closed),
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
