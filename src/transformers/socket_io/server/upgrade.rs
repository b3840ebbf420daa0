//! WebSockets.

use std::net::Shutdown;
use std::sync::Arc;

use super::polling::generation;
use super::state::{Live, SocketIo};
use super::{pages, wire};
use crate::transformers::polled::outlet::Outlet;
use crate::transformers::serve::{Host, Opening, Passed, Sink, Upgraded};
use crate::transformers::socket_io::packet::{CONNECT, HEAD_MAX, UNKNOWN};
use crate::transformers::socket_io::route::Kind;
use crate::transformers::socket_io::session::Session;
use crate::transformers::websockets::server::{Accepted, accept, turn_away};

/// Begins a session on a WebSocket.
#[inline(never)]
pub(super) fn open(
    io: &SocketIo,
    host: &Arc<dyn Host>,
    passed: Box<Passed>,
    session: String,
) -> Upgraded {
    if !io.handshakes.knows(&session) {
        stray(io, &**host, passed, &session);
        return Upgraded::Over;
    }
    if host.is_closing() {
        passed.refuse(&**host, pages::unavailable());
        return Upgraded::Over;
    }
    let longest = host.max_length().saturating_add(HEAD_MAX);
    let Some(mut accepted) = accept(&**host, passed, longest) else {
        return Upgraded::Over;
    };
    // In one piece with the answer, as from Socket.IO: clients have their listeners
    // before they ask.
    wire::put(CONNECT, "", &mut accepted.answer);
    match begin(io, host, accepted, session) {
        Some(opening) => Upgraded::Spark(opening),
        None => Upgraded::Over,
    }
}

/// `None`: another request has begun the session meanwhile.
#[inline(never)]
fn begin(
    io: &SocketIo,
    host: &Arc<dyn Host>,
    accepted: Accepted,
    session: String,
) -> Option<Box<Opening>> {
    let wire = accepted.wire(&wire::Packets);
    let Accepted { request, extensions, answer, stream, source, .. } = accepted;
    let Some(handshake) = io.handshakes.take(&session, host.timer()) else {
        stream.shutdown(Shutdown::Both);
        return None;
    };
    let machine = Session::open(Kind::Websocket, io.options(), host.timer().now());
    let id = (session, false);
    let live = Live::open(&io.sessions, host, id, machine, io.fixed(&**host)).ok()?;
    Some(Box::new(Opening {
        generation: generation(&handshake, &request),
        request: handshake,
        extensions,
        sink: Sink::Socket(stream),
        answer,
        wire,
        source: Box::new(Outlet::socket(live.clone(), source)),
        id: Some(live.id().to_owned()),
        session: Some(live),
    }))
}

/// There is no such session, or it has begun already.
#[cold]
#[inline(never)]
fn stray(io: &SocketIo, host: &dyn Host, passed: Box<Passed>, session: &str) {
    if io.farewell(host, session).is_none() && io.guesses.is_one_too_many(host, &passed.request) {
        return passed.refuse(host, pages::empty(429));
    }
    let mut unknown = Vec::new();
    wire::put(UNKNOWN, "", &mut unknown);
    turn_away(host, passed, &unknown);
}
