//! The wire protocols, one folder each, and what the server asks of them.
//!
//! A transformer turns an accepted request into an [`Opening`]: a [`Source`]
//! that the spark's thread pulls messages from, and a [`Wire`] by which the
//! spark's outbox encodes what goes the other way. It sees of the server only
//! [`Host`].

use std::io;
use std::sync::Arc;

use self::engine_io::client::EngineIo;
use crate::client::transport::Transport;
use crate::close::CloseReason;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::http::{Connection, HeaderSet, Request};
use crate::middleware::Extensions;
use crate::net::{Stream, Waker};

pub(crate) mod engine_io;
pub(crate) mod websockets;

/// The names under which a transformer may be asked for. `faye`, `uws` and
/// `lws` are the other WebSocket servers of Primus; they speak the same
/// protocol as `websockets` and differ in nothing that a client may rely on.
const KNOWN: [&str; 4] = ["websockets", "faye", "uws", "lws"];

/// The name of Engine.IO.
pub(crate) const ENGINE_IO: &str = "engine.io";

/// The canonical form of a transformer's name; case does not matter.
pub(crate) fn by_name(name: &str) -> Result<&'static str> {
    find(&KNOWN, name)
}

/// The server side of the transformer with this canonical name.
pub(crate) fn server(name: &str) -> Box<dyn Transformer> {
    debug_assert!(KNOWN.contains(&name));
    Box::new(websockets::server::Websockets)
}

/// The client side of a transformer by name, with its options; case does not
/// matter in the name.
pub(crate) fn client(name: &str, options: &[(String, String)]) -> Result<Arc<dyn Transport>> {
    let name = client_by_name(name)?;
    if name == ENGINE_IO {
        return Ok(Arc::new(EngineIo(engine_io::client::Options::parse(options)?)));
    }
    for (option, _) in options {
        log::warn!("`{name}` has no transport option `{option}`");
    }
    Ok(Arc::new(websockets::client::WebSockets))
}

/// The canonical form of the name of a transformer that clients have; case
/// does not matter.
pub(crate) fn client_by_name(name: &str) -> Result<&'static str> {
    find(&[&KNOWN[..], &[ENGINE_IO]].concat(), name)
}

fn find(known: &[&'static str], name: &str) -> Result<&'static str> {
    known.iter().copied().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
        Error::Option(format!(
            "unknown transformer `{name}`; known transformers: {}",
            known.join(", ")
        ))
    })
}

/// The server side of a transformer.
pub(crate) trait Transformer: Send + Sync {
    /// Answers a plain request below the pathname.
    fn request(&self, request: &Request) -> tiny_http::ResponseBox;

    /// Takes an upgrade below the pathname and answers it. `None`: it was
    /// refused.
    fn upgrade(&self, host: &dyn Host, upgrade: Box<Upgrade>) -> Option<Box<Opening>>;
}

/// An upgrade that has passed the middleware.
pub(crate) struct Upgrade {
    /// The request.
    pub request: Request,
    /// What the middleware attached to it.
    pub extensions: Extensions,
    /// The header fields that the middleware has set.
    pub headers: HeaderSet,
    /// Where it came from, to be answered or taken over.
    pub connection: Box<Connection>,
}

/// What the server offers a transformer.
pub(crate) trait Host {
    /// Counts a refusal.
    fn refused(&self, status: u16);

    /// The longest message in bytes that a client may send.
    fn max_length(&self) -> usize;

    /// Control frames that a client may send in a second.
    fn control_frames(&self) -> u32;
}

/// A connection that has been accepted, about to become a spark.
pub(crate) struct Opening {
    /// The request that opened it.
    pub request: Request,
    /// What the middleware attached to it.
    pub extensions: Extensions,
    /// The socket that the outbox writes to.
    pub stream: Arc<Stream>,
    /// How messages are written on it.
    pub wire: &'static dyn Wire,
    /// Where messages come from.
    pub source: Box<dyn Source>,
    /// The protocol revision that the client speaks, where there are several.
    pub revision: Option<u8>,
}

/// The incoming half of a connection, driven by the spark's thread.
pub(crate) trait Source {
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
pub(crate) trait Replies {
    /// Sends an encoded control frame, unless one still waits to be sent.
    fn control(&self, bytes: &[u8]);
}

/// What a source received.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A message.
    Frame(Frame),
    /// A sign of life that is not a message.
    Alive,
    /// The peer closed, or broke the protocol; nothing more will come.
    Closed(CloseReason),
}

/// How messages become bytes on a lasting socket.
pub(crate) trait Wire: Send + Sync {
    /// Tells formats apart: sparks with the same format share the bytes of a
    /// broadcast.
    fn format(&self) -> &'static str;

    /// Appends one whole message.
    fn encode(&self, frame: &Frame, out: &mut Vec<u8>);

    /// Appends what comes before the frame's bytes, if the rest of the message
    /// is those bytes as they are, which are then sent without a copy.
    fn prefix(&self, frame: &Frame, out: &mut Vec<u8>);

    /// Appends the closing packet for a connection that ends for this reason.
    fn close(&self, reason: &CloseReason, out: &mut Vec<u8>);

    /// Appends something that the peer must answer, to wake the thread that
    /// reads from it.
    fn nudge(&self, out: &mut Vec<u8>);
}
