//! WebSockets: of sessions that begin with one, and of those that poll and go
//! over to one.

use std::net::Shutdown;
use std::sync::Arc;

use super::polling::session;
use super::probing::say;
use super::protocol::Live;
use super::{EngineIo, generation, wire};
use crate::close::CloseReason;
use crate::frame::Frame;
use crate::http::server as http;
use crate::net::Stream;
use crate::net::wait::readable;
use crate::transformers::engine_io::packet::{Packet, PacketRef};
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::Input;
use crate::transformers::engine_io::{Carrier, Format};
use crate::transformers::polled::outlet::Outlet;
use crate::transformers::serve::{
    Host, Inbound, Opening, Passed, Replies, Sink, Source, Upgraded, Wire,
};
use crate::transformers::websockets::frame::encode_close;
use crate::transformers::websockets::server::{Accepted, Reader, Rfc6455, answer, turn_away};

/// Opens a session on a WebSocket.
#[inline(never)]
pub(super) fn open(
    engine: &EngineIo,
    host: &Arc<dyn Host>,
    passed: Box<Passed>,
    format: Format,
) -> Upgraded {
    let Some(live) = session(engine, host, Carrier::Websocket, format, None) else {
        passed.refuse(&**host, http::text(500, "Internal Server Error"));
        return Upgraded::Over;
    };
    let options = &engine.shared.options;
    let longest = options.max_body(host.max_length());
    let Some(accepted) = answer(&**host, passed, longest, true) else {
        live.over();
        return Upgraded::Over;
    };
    let plain = wire::wire(format);
    let spoken = accepted.wire(plain);
    let Accepted { request, extensions, stream, source, .. } = accepted;
    // Nothing may come before the first packet, which tells the client of `open`.
    let mut first = Vec::new();
    let handshake = options.handshake(live.id().to_owned(), false, host.max_length()).to_json();
    plain.put(PacketRef::Open(&handshake), &mut first);
    let generation = generation(&request, format);
    Upgraded::Spark(Box::new(Opening {
        request,
        extensions,
        sink: Sink::Socket(stream),
        answer: first,
        wire: spoken,
        source: Box::new(Outlet::socket(live.clone(), source)),
        generation,
        id: Some(live.id().to_owned()),
        session: Some(live),
    }))
}

/// Serves a WebSocket that is to take the place of a session's polls, until it
/// has done so, or given up.
#[inline(never)]
pub(super) fn probe(live: &Arc<Live>, host: &dyn Host, passed: Box<Passed>) {
    let stream = passed.connection.stream().clone();
    if let Err(refusal) = begin(live, &stream) {
        return refuse(host, passed, refusal);
    }
    let fixed = live.fixed();
    let longest = fixed.shared.options.max_body(host.max_length());
    let Some(accepted) = answer(host, passed, longest, false) else {
        return lost(live, &stream);
    };
    let wire = accepted.wire(wire::wire(fixed.format));
    let mut source = accepted.source;
    let probed = converse(live, &stream, &mut source);
    fixed.probing.set_behind(&stream, false);
    let reason = match probed {
        Over::Switch => return live.switch(stream, wire, source),
        Over::Closed(reason) => reason,
    };
    lost(live, &stream);
    let mut last = goodbye();
    if let Some(reason) = reason {
        last.clear();
        Rfc6455.close(&reason, &mut last);
    }
    let _ = stream.offer(&last);
    stream.shutdown(Shutdown::Write);
    // The client ends it; until then what it sends is thrown away.
    http::drain(&stream);
}

/// How a probe ended.
enum Over {
    /// It takes the polls' place.
    Switch,
    /// It is closed, by the client for this reason.
    Closed(Option<CloseReason>),
}

/// Handles what comes on a WebSocket that probes.
fn converse(live: &Live, stream: &Arc<Stream>, source: &mut Reader) -> Over {
    let replies = Direct(stream);
    loop {
        match source.buffered(&replies) {
            Some(Inbound::Frame(frame)) => match handle(live, frame, stream) {
                Probed::Open => {}
                Probed::Switch => return Over::Switch,
                Probed::Over => return Over::Closed(None),
            },
            Some(Inbound::Alive) => {}
            Some(Inbound::Closed(reason)) => return Over::Closed(Some(reason)),
            None => {
                // At any time what has come lies unread in the socket, or it is
                // said that it is being handled.
                live.fixed().probing.set_behind(stream, false);
                let came = readable(stream);
                live.fixed().probing.set_behind(stream, true);
                if came.is_err() || !matches!(source.wait(None), Ok(true)) {
                    return Over::Closed(None);
                }
            }
        }
    }
}

/// What became of a frame on it.
#[derive(Debug, PartialEq, Eq)]
enum Probed {
    /// It probes on.
    Open,
    /// It takes the polls' place.
    Switch,
    /// It is to be closed.
    Over,
}

/// A WebSocket is to take the polls' place.
fn begin(live: &Live, stream: &Arc<Stream>) -> Result<(), Refusal> {
    live.knock();
    let probing = &live.fixed().probing;
    probing.catch_up();
    let mut state = live.lock();
    let todo = live.feed(&mut state, Input::Upgrade);
    if todo.accepted() {
        probing.begin(stream);
    }
    drop(state);
    live.settle(todo).refused.map_or(Ok(()), Err)
}

/// A frame came on the WebSocket that probes.
fn handle(live: &Live, frame: Frame, stream: &Arc<Stream>) -> Probed {
    let probing = &live.fixed().probing;
    let mut state = live.lock();
    if !probing.handles(stream) {
        return Probed::Over;
    }
    let todo = match Packet::from_frame(frame, live.fixed().format.revision) {
        // Clients wait for the answer to their last poll.
        Ok(Packet::Upgrade) if state.is_behind() => live.unread(&mut state),
        packet => live.feed(&mut state, Input::Probe(packet)),
    };
    let switches = todo.switches();
    let probes = probing.handled(switches);
    drop(state);
    live.settle(todo);
    match (switches, probes) {
        (true, _) => Probed::Switch,
        (false, true) => Probed::Open,
        (false, false) => Probed::Over,
    }
}

/// The WebSocket that probes is gone.
fn lost(live: &Live, stream: &Arc<Stream>) {
    let mut state = live.lock();
    if live.fixed().probing.leave(stream) {
        let todo = live.feed(&mut state, Input::ProbeLost);
        drop(state);
        live.settle(todo);
    }
}

/// Refuses an upgrade.
pub(super) fn refuse(host: &dyn Host, passed: Box<Passed>, refusal: Refusal) {
    if refusal == Refusal::Close {
        return turn_away(host, passed, &goodbye());
    }
    // Whatever else is wrong, an upgrade is told 400.
    let status = if refusal == Refusal::Guesses { refusal.status() } else { 400 };
    passed.refuse(host, http::typed(status, "text/html", refusal.text()));
}

/// An empty close frame.
fn goodbye() -> Vec<u8> {
    let mut frame = Vec::new();
    encode_close(None, None, &mut frame);
    frame
}

/// Answers pings of the WebSocket's own while it is no spark's.
struct Direct<'a>(&'a Stream);

impl Replies for Direct<'_> {
    fn control(&self, bytes: &[u8]) {
        say(self.0, bytes);
    }
}
