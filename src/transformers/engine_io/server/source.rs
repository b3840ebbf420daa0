//! What a client sends, on its way to the thread of its spark: over a channel
//! that the HTTP connections feed while the client polls, then from the
//! WebSocket that takes the polls' place.
//!
//! The thread stays the same: what was received by polling is handled before
//! anything that comes over the WebSocket, and a listener that does not return
//! holds up nobody else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crossbeam_channel::{Receiver, Sender, TryRecvError, unbounded};

use super::live::{Live, Received};
use crate::close::CloseReason;
use crate::frame::Frame;
use crate::net::Waker;
use crate::transformers::websockets::server::Connection;
use crate::transformers::{Inbound, Replies, Source};

/// Bytes that a message counts besides its own: an empty one takes room too.
const COST: usize = 128;

/// What happens to a session while it polls, in order.
enum Event {
    /// A message came.
    Frame(Frame),
    /// The client closed, or broke the protocol.
    Closed(CloseReason),
    /// Somebody wants the thread to look up.
    Wake,
    /// The client goes over to this WebSocket.
    Switch(Box<Connection>),
    /// The session is over.
    End,
}

/// The way in for the HTTP connections.
pub(super) struct Inlet {
    events: Sender<Event>,
    /// A `Wake` is in the channel.
    woken: AtomicBool,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Bytes of messages in the channel, and [`COST`] for each.
    bytes: usize,
    /// Nobody will take them any more.
    over: bool,
}

impl Inlet {
    /// Both ends of the way in.
    pub fn new() -> (Self, Outlet) {
        let (events, received) = unbounded();
        let inlet = Inlet {
            events,
            woken: AtomicBool::new(false),
            waiting: Mutex::default(),
            changed: Condvar::new(),
        };
        (inlet, Outlet(received))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message.
    pub fn message(&self, frame: Frame) {
        self.waiting().bytes += frame.len() + COST;
        self.send(Event::Frame(frame));
    }

    /// The client's end of the session.
    pub fn closed(&self, reason: CloseReason) {
        self.send(Event::Closed(reason));
    }

    /// Makes the thread look up.
    pub fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            self.send(Event::Wake);
        }
    }

    /// The rest comes over a WebSocket.
    pub fn switch(&self, socket: Box<Connection>) {
        self.send(Event::Switch(socket));
    }

    /// Nothing will come any more.
    pub fn end(&self) {
        self.waiting().over = true;
        self.changed.notify_all();
        self.send(Event::End);
    }

    /// Waits until no more than so many bytes wait for the thread. A client has
    /// one POST at a time, so holding back its answer holds the client back.
    pub fn wait(&self, most: usize) {
        let behind = |waiting: &mut Waiting| waiting.bytes > most && !waiting.over;
        drop(self.changed.wait_while(self.waiting(), behind));
    }

    fn took(&self, frame: &Frame) {
        self.waiting().bytes -= frame.len() + COST;
        self.changed.notify_all();
    }

    fn send(&self, event: Event) {
        // The thread has gone over to the socket, or is gone: nobody cares.
        let _ = self.events.send(event);
    }
}

/// The other end of an [`Inlet`].
pub(super) struct Outlet(Receiver<Event>);

/// The incoming half of a session's spark.
pub(super) struct Incoming {
    session: Arc<Live>,
    way: Way,
}

enum Way {
    Polls {
        events: Receiver<Event>,
        /// Taken from the channel by a wait.
        next: Option<Event>,
        over: bool,
    },
    Socket(Box<Connection>),
}

impl Incoming {
    /// That of a session which begins with polls.
    pub fn polls(session: Arc<Live>, outlet: Outlet) -> Self {
        Incoming { session, way: Way::Polls { events: outlet.0, next: None, over: false } }
    }

    /// That of a session on a WebSocket.
    pub fn socket(session: Arc<Live>, socket: Box<Connection>) -> Self {
        Incoming { session, way: Way::Socket(socket) }
    }
}

impl Source for Incoming {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        loop {
            let socket = match &mut self.way {
                Way::Polls { over: true, .. } => return None,
                Way::Polls { events, next, over } => match take(next, events)? {
                    Event::Frame(frame) => {
                        self.session.inlet().took(&frame);
                        return Some(Inbound::Frame(frame));
                    }
                    Event::Closed(reason) => return Some(Inbound::Closed(reason)),
                    Event::Wake => {
                        // Sees what whoever wants it to look up did before.
                        self.session.inlet().woken.swap(false, Ordering::AcqRel);
                        continue;
                    }
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
            Way::Polls { events, next, .. } => next.is_some() || !events.is_empty(),
            Way::Socket(socket) => socket.has_more(),
        }
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        match &mut self.way {
            Way::Polls { over: true, .. } => Ok(false),
            Way::Polls { events, next, .. } => {
                if next.is_none() {
                    // The session outlives its thread, and with it the sender.
                    *next = events.recv().ok();
                }
                Ok(next.is_some())
            }
            Way::Socket(socket) => socket.wait(waker),
        }
    }
}

fn take(next: &mut Option<Event>, events: &Receiver<Event>) -> Option<Event> {
    next.take().or_else(|| match events.try_recv() {
        Ok(event) => Some(event),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Disconnected) => Some(Event::End),
    })
}

impl Drop for Incoming {
    /// The spark is done with the session.
    fn drop(&mut self) {
        self.session.over();
    }
}
