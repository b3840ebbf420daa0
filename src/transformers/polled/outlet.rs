//! What a client sends, where the thread of its spark takes it: from the queue
//! that the HTTP connections feed while the client polls, then from the
//! WebSocket that takes the polls' place.
//!
//! The thread stays the same: what was received by polling is handled before
//! anything that comes over the WebSocket, and a listener that does not return
//! holds up no other session.

use std::io;
use std::sync::Arc;

use super::inlet::Event;
use super::live::{Live, Received};
use super::protocol::Protocol;
use crate::net::Waker;
use crate::transformers::serve::{Inbound, Replies, Source};
use crate::transformers::websockets::server::Reader;

/// The incoming half of a session's spark.
pub(crate) struct Outlet<P: Protocol> {
    session: Arc<Live<P>>,
    way: Way,
}

enum Way {
    Polls { over: bool },
    Socket(Box<Reader>),
}

impl<P: Protocol> Outlet<P> {
    /// That of a session which begins with polls.
    pub(super) fn polls(session: Arc<Live<P>>) -> Self {
        Outlet { session, way: Way::Polls { over: false } }
    }

    /// That of a session on a WebSocket.
    pub(crate) fn socket(session: Arc<Live<P>>, socket: Box<Reader>) -> Self {
        Outlet { session, way: Way::Socket(socket) }
    }
}

impl<P: Protocol> Source for Outlet<P> {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        loop {
            let socket = match &mut self.way {
                Way::Polls { over: true } => return None,
                Way::Polls { over } => match self.session.inlet().take()? {
                    Event::Frame(frame) => return Some(Inbound::Frame(frame)),
                    Event::Closed(reason) => return Some(Inbound::Closed(*reason)),
                    Event::Wake => continue,
                    Event::End => {
                        *over = true;
                        return None;
                    }
                    Event::Switch(socket) => socket,
                },
                Way::Socket(socket) => match socket.buffered(replies)? {
                    Inbound::Frame(frame) => match self.session.received(frame) {
                        Received::Message(frame) => return Some(Inbound::Frame(frame)),
                        Received::Nothing => continue,
                        Received::Closed(reason) => return Some(Inbound::Closed(reason)),
                    },
                    // A ping of the WebSocket's own says nothing of Primus.
                    Inbound::Alive => continue,
                    closed => return Some(closed),
                },
            };
            self.way = Way::Socket(socket);
        }
    }

    fn has_more(&mut self) -> bool {
        match &mut self.way {
            Way::Polls { .. } => !self.session.inlet().is_empty(),
            Way::Socket(socket) => socket.has_more(),
        }
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        match &mut self.way {
            Way::Polls { over: true } => Ok(false),
            Way::Polls { .. } => {
                self.session.inlet().wait();
                Ok(true)
            }
            Way::Socket(socket) => socket.wait(waker),
        }
    }
}

impl<P: Protocol> Drop for Outlet<P> {
    /// The spark is done with the session.
    fn drop(&mut self) {
        self.session.over();
        self.session.inlet().leave();
    }
}
