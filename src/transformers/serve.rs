//! What the server asks of a wire protocol.
//!
//! A transformer turns an accepted request into an [`Opening`]: a [`Source`]
//! that the spark's thread pulls messages from, and a [`Wire`] by which the
//! spark's outbox encodes what goes the other way. It sees of the server only
//! [`Host`].

use std::io::{self, IoSlice};
use std::sync::Arc;

use tiny_http::ResponseBox;

use crate::close::CloseReason;
use crate::compression::Compression;
use crate::extensions::Extensions;
use crate::frame::Frame;
use crate::http::server::{Connection, HeaderSet, Owner, Refused, Request};
use crate::limits::Limits;
use crate::net::{Stream, Waker};
use crate::protocol::Generation;
use crate::timer::Timer;
use crate::transformers::polled::cast::Cast;

/// The server side of a transformer.
pub(crate) trait Transformer: Send + Sync {
    /// Answers a plain request below the pathname.
    fn request(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> After;

    /// Takes an upgrade below the pathname.
    fn upgrade(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded;

    /// Ends the oldest session whose client has not come back since it was opened,
    /// of this owner or of anybody; false if there is none. Its place is free
    /// then.
    fn make_room(&self, of: Option<Owner>) -> bool {
        let _ = of;
        false
    }

    /// Whether the request belongs to a session that is open, or is one that the
    /// protocol answers in its own way when the server shuts down. Such requests
    /// are served to the end then.
    fn carries(&self, host: &dyn Host, request: &Request) -> bool {
        let _ = (host, request);
        false
    }
}

/// What becomes of a connection after a request.
#[must_use]
pub(crate) enum After {
    /// It is answered, or will be by others, and the connection can take another.
    Kept(Box<Connection>),
    /// The connection has ended.
    Over,
}

/// What becomes of a connection that asked for an upgrade.
#[must_use]
pub(crate) enum Upgraded {
    /// A spark is to take it over.
    Spark(Box<Opening>),
    /// It was refused, or belonged to a session that had its thread already, and
    /// is served.
    Over,
}

impl After {
    /// What follows from an answer that was sent, or could not be.
    pub fn answered(connection: Box<Connection>, sent: io::Result<()>) -> Self {
        match sent {
            Ok(()) => After::Kept(connection),
            Err(_) => After::Over,
        }
    }
}

/// A request that has passed the middleware.
pub(crate) struct Passed {
    /// The request.
    pub request: Box<Request>,
    /// What the middleware attached to it.
    pub extensions: Extensions,
    /// The header fields that the middleware has set.
    pub headers: HeaderSet,
    /// Where it came from, to be answered or taken over.
    pub connection: Box<Connection>,
}

#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
impl Passed {
    /// Answers it.
    pub fn respond(mut self: Box<Self>, host: &dyn Host, response: ResponseBox) -> After {
        let status = response.status_code().0;
        if status >= 400 {
            host.refused(status);
        }
        let sent = self.connection.respond(response, &self.headers);
        After::answered(self.connection, sent)
    }

    /// Answers it with 200, in the cheapest way.
    pub fn reply(self: Box<Self>, content_type: &str, body: Vec<u8>) -> After {
        self.reply_with(200, content_type, body)
    }

    /// [`reply`](Self::reply) with another status that is no refusal.
    pub fn reply_with(mut self: Box<Self>, status: u16, content: &str, body: Vec<u8>) -> After {
        let sent = self.connection.reply(status, content, body, &self.headers);
        After::answered(self.connection, sent)
    }

    /// Refuses an upgrade, in the raw form of Primus, and closes.
    pub fn refuse(mut self: Box<Self>, host: &dyn Host, response: ResponseBox) {
        host.refused(response.status_code().0);
        self.connection.refuse_upgrade(response, &self.headers);
    }
}

/// What the server offers a transformer.
pub(crate) trait Host: Send + Sync {
    /// The path below which it serves.
    fn pathname(&self) -> &str;

    /// Counts a refusal.
    fn refused(&self, status: u16);

    /// The longest message in bytes that a client may send.
    fn max_length(&self) -> usize;

    /// The bounds on what one peer may use.
    fn limits(&self) -> &Limits;

    /// How messages on WebSockets are compressed, if they are.
    fn compression(&self) -> Option<&Compression> {
        None
    }

    /// The client that a request counts for when places are shared out.
    fn owner(&self, request: &Request) -> Owner;

    /// Whether it shuts down: no session is opened any more.
    fn is_closing(&self) -> bool;

    /// The server's timer.
    fn timer(&self) -> &Timer;

    /// Has the rest of an answer sent as its socket takes it.
    fn send_later(&self, rest: Arc<dyn Backlog>, stream: Arc<Stream>);

    /// Opens a session that has no lasting socket: makes its spark, whose life
    /// runs on a thread of its own.
    fn open(self: Arc<Self>, opening: Box<Opening>) -> std::result::Result<(), Refused>;
}

/// Bytes that a full socket did not take.
pub(crate) trait Backlog: Send + Sync {
    /// Sends on, without blocking; called when this socket has room, or is
    /// broken. True while there is more that waits for it.
    fn flush_backlog(&self, stream: &Arc<Stream>) -> bool;
}

/// A connection that has been accepted, about to become a spark.
pub(crate) struct Opening {
    /// The request that opened it.
    pub request: Box<Request>,
    /// What the middleware attached to it.
    pub extensions: Extensions,
    /// Where the outbox writes to.
    pub sink: Sink,
    /// What tells the client that it is connected, to be sent when the server
    /// knows the spark; empty where it is told otherwise.
    pub answer: Vec<u8>,
    /// How messages are written on its socket.
    pub wire: &'static dyn Wire,
    /// Where messages come from.
    pub source: Box<dyn Source>,
    /// What the protocol shows of the client's generation.
    pub generation: Generation,
    /// The id that the protocol gives it, if it does.
    pub id: Option<String>,
    /// The session of a protocol that has them, to be told of its spark.
    pub session: Option<Arc<dyn Session>>,
}

/// Where an outbox writes to.
#[derive(Clone, Default)]
pub(crate) enum Sink {
    /// A lasting socket.
    Socket(Arc<Stream>),
    /// A session whose client polls; a socket may take its place.
    Poll(Arc<dyn Polled>),
    /// Nowhere any more.
    #[default]
    Nowhere,
}

/// A session whose client asks for what waits: to the outbox a socket that is
/// mostly full. What is written to it are [`records`](super::polled::records).
///
/// Called with the outbox locked, so it calls nothing of its spark's.
pub(crate) trait Polled: Send + Sync {
    /// Takes all of these records and sends them, if the client waits for
    /// something; else none (false). Never blocks.
    fn offer(&self, records: &[IoSlice<'_>]) -> io::Result<bool>;

    /// [`offer`](Self::offer) of messages that others get too; `cast` goes with
    /// these, from one session to the next.
    fn offer_shared(&self, records: &[u8], cast: &Cast) -> io::Result<bool> {
        let _ = cast;
        self.offer(&[IoSlice::new(records)])
    }

    /// Bytes that it has taken and keeps until the client has acknowledged them.
    fn kept(&self) -> usize {
        0
    }

    /// The connection that the client polls by, if it does.
    fn stream(&self) -> Option<Arc<Stream>>;

    /// Whether it has ended.
    fn is_over(&self) -> bool;

    /// Makes the source's [`wait`](Source::wait) return.
    fn wake(&self);

    /// Ends the session and its source. With `cut` a client that waits gets no
    /// answer.
    fn end(&self, cut: bool);
}

/// A protocol's session, as the spark that it carries sees it.
pub(crate) trait Session: Send + Sync {
    /// The spark is there. It is told before any message of it is handled or
    /// written, with the outbox locked, so it calls nothing of its spark's.
    fn opened(&self, spark: Arc<dyn Carried>);
}

/// A spark, as the session sees it that carries it. From any thread, with none
/// of the session's locks held.
pub(crate) trait Carried: Send + Sync {
    /// The client waits for something: offers what there is.
    fn writable(&self);

    /// Sends a packet of the protocol's own, behind what was written before.
    /// One that the client has `asked` for is left out while another still
    /// waits, so that a client that does not read cannot make us keep many; where
    /// none may be left out, such a client is cut.
    fn packet(&self, packet: &str, asked: bool);

    /// From now on messages are written to this socket, by this wire.
    fn switch(&self, stream: Arc<Stream>, wire: &'static dyn Wire);

    /// It is about to end, and its place is free for others.
    fn give_way(&self);

    /// How many bytes may wait for its client, those included that the session
    /// has [kept](Polled::kept). At any time.
    fn bound(&self) -> usize;

    /// Ends the spark at once: its client is gone.
    fn die(&self, reason: CloseReason);

    /// Whether its thread is in a listener, and how often it has waited for
    /// input: what the peer sent may be unread that long.
    fn busy(&self) -> (bool, u64);
}

/// The incoming half of a connection, driven by the spark's thread.
pub trait Source: Send {
    /// The next thing received, without blocking. What the protocol demands in
    /// answer (a pong) goes to `replies` on the way.
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound>;

    /// Whether [`buffered`](Self::buffered) has more, so that it pays to hold
    /// answers back and send them together.
    fn has_more(&mut self) -> bool;

    /// Blocks until more has arrived, or `waker` was woken. `Ok(false)` is the
    /// end of the stream.
    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool>;
}

/// Where a source puts what the wire protocol makes it answer.
pub trait Replies {
    /// Sends an encoded control frame, unless one still waits to be sent.
    fn control(&self, bytes: &[u8]);
}

/// What a source received.
#[derive(Debug)]
pub enum Inbound {
    /// A message.
    Frame(Frame),
    /// A sign of life that is not a message.
    Alive,
    /// The peer closed, or broke the protocol; nothing more will come.
    Closed(CloseReason),
}

/// How messages become bytes on a lasting socket.
pub trait Wire: Send + Sync {
    /// Tells formats apart: sparks with the same format share the bytes of a
    /// broadcast.
    fn format(&self) -> &'static str;

    /// Appends one whole message.
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>);

    /// Appends what comes before the frame's bytes, if the rest of the message
    /// is those bytes as they are, which are then sent without a copy. False,
    /// and nothing is appended, if it is not.
    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>) -> bool {
        let _ = (frame, out);
        false
    }

    /// Appends a packet of the protocol's own, as far as it has such.
    fn packet(&self, packet: &str, out: &mut Vec<u8>) {
        let _ = (packet, out);
    }

    /// Appends the closing packet for a connection that ends for this reason.
    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>);

    /// Whether our direction of the socket ends right behind the closing packet,
    /// because that end is what the peer takes for the goodbye. Else it stays open
    /// until the peer has closed in its own way.
    fn hangs_up(&self) -> bool {
        false
    }

    /// Whether Primus's own heartbeat goes over it. Where it does not, nobody pings,
    /// and a peer that is silent stays.
    fn has_heartbeat(&self) -> bool {
        true
    }

    /// Appends something that the peer must answer, to wake the thread that
    /// reads from it; nothing if the protocol has nothing of the kind. It is asked
    /// for only where there is no descriptor left to wake that thread by.
    fn nudge(&self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Whether to encode this message takes so long that it is better done before
    /// locks are taken.
    fn is_costly(&self, frame: &Frame) -> bool {
        let _ = frame;
        false
    }

    /// A wire for one connection alone, which takes the place of this one if what is
    /// sent depends on what was sent before.
    fn own(&self) -> Option<Box<dyn Wire>> {
        None
    }

    /// Whether other connections of the same format can have the same bytes.
    fn is_shared(&self) -> bool {
        true
    }
}
