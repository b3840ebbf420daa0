//! The requests of sessions that poll.

use std::sync::Arc;

use tiny_http::{Response, ResponseBox};

use super::live::Live;
use super::source::Incoming;
use super::{EngineIo, answer, wire};
use crate::http::server::{self as http, Connection, HeaderSet, Holder};
use crate::transformers::engine_io::Format;
use crate::transformers::engine_io::packet::PacketRef;
use crate::transformers::engine_io::payload::{Content, Decoder};
use crate::transformers::serve::{Host, Opening, Passed, Sink};

/// The `Content-Type` of what a JSONP client posts.
const FORM: &str = "application/x-www-form-urlencoded";

// Each is kept from being inlined into what calls it: the pages of a stack that
// were ever touched stay resident, so the deepest call counts.

/// The handshake: opens a session.
#[inline(never)]
pub(super) fn open(
    engine: &EngineIo,
    host: &Arc<dyn Host>,
    mut passed: Box<Passed>,
    format: Format,
    jsonp: Option<String>,
) -> Option<Box<Connection>> {
    if host.is_closing() {
        return passed.respond(&**host, http::text(503, "Service Unavailable"));
    }
    let Ok(live) = Live::open(engine, host, format, jsonp) else {
        return passed.respond(&**host, http::text(500, "Internal Server Error"));
    };
    if let Some(cookie) = &engine.options.cookie {
        passed.headers.add("Set-Cookie", cookie.header(live.sid()));
    }
    let owner = host.owner(&passed.request);
    let (opening, headers, mut connection) = opening(&live, passed);
    if let Err(refused) = host.clone().open(opening) {
        log::debug!("no thread for a session: {refused}");
        host.refused(503);
        let response = unavailable();
        connection.respond(response, &headers).ok()?;
        return Some(connection);
    }
    if let Some(oldest) = engine.sessions.count_fresh(&live, owner, host.limits()) {
        oldest.give_up_fresh("too many sessions that nobody polls");
    }
    let (content, body) = live.payload(&[PacketRef::Open(&live.handshake(true))]);
    if connection.reply(content.mime(), body, &headers).is_err() {
        // Nobody knows the session.
        live.give_up_fresh("the handshake could not be answered");
        return None;
    }
    Some(connection)
}

/// What a spark is made of, and what is left of the request.
#[inline(never)]
#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
fn opening(live: &Arc<Live>, passed: Box<Passed>) -> (Box<Opening>, HeaderSet, Box<Connection>) {
    let Passed { request, extensions, headers, connection } = *passed;
    let format = live.format();
    let opening = Box::new(Opening {
        request,
        extensions,
        sink: Sink::Poll(live.clone()),
        answer: Vec::new(),
        wire: wire::wire(format),
        source: Box::new(Incoming::polls(live.clone())),
        revision: Some(format.revision.number()),
        id: Some(live.sid().to_owned()),
        session: Some(live.clone()),
    });
    (opening, headers, connection)
}

#[cold]
#[inline(never)]
fn unavailable() -> ResponseBox {
    let retry = tiny_http::Header::from_bytes("Retry-After", "5").expect("a header");
    http::text(503, "Service Unavailable").with_header(retry)
}

/// A poll: it is answered when there is something to send.
#[inline(never)]
pub(super) fn get(
    engine: &EngineIo,
    live: &Arc<Live>,
    host: &dyn Host,
    mut passed: Box<Passed>,
) -> Option<Box<Connection>> {
    let held = passed.connection.hold(&passed.headers);
    match live.get(held) {
        Ok(poll) => {
            passed.connection.set_holder(Box::new(Polled { live: live.clone(), poll }));
            Some(passed.connection)
        }
        Err(refusal) => engine.refuse(host, passed, refusal),
    }
}

/// A poll that is held, as its connection sees it.
struct Polled {
    live: Arc<Live>,
    poll: u64,
}

impl Holder for Polled {
    fn holds(&self) -> bool {
        self.live.holds(self.poll)
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.live.get_lost(self.poll);
    }
}

/// What the client sends.
#[inline(never)]
pub(super) fn post(
    live: &Arc<Live>,
    host: &dyn Host,
    mut passed: Box<Passed>,
) -> Option<Box<Connection>> {
    let kind = passed.request.header("content-type");
    let content = Content::of_mime(kind);
    let is_form = kind.is_some_and(|kind| kind.split(';').next() == Some(FORM));
    let (stream, came) = (passed.connection.stream(), passed.connection.came());
    if let Err(refusal) = live.post(stream, came, content == Content::Binary) {
        return passed.respond(host, answer(refusal));
    }
    let body = match passed.connection.read_body(live.max_length() as u64) {
        Ok(body) => body,
        Err(bad) => {
            // What was only too long or too slow may be followed by something
            // better.
            live.post_failed(matches!(bad.status, 408 | 413));
            return passed.respond(host, Response::empty(bad.status).boxed());
        }
    };
    let packets = match field(&body).filter(|_| is_form && live.is_jsonp()) {
        Some(field) => Decoder::field(&field, live.format()),
        None => Decoder::new(body, content, live.format()),
    };
    live.posted(packets, host.limits().inbox);
    passed.reply("text/html", b"ok".to_vec())
}

/// The field `d` of a form.
fn field(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    crate::http::pairs(body).find(|(name, _)| name == "d").map(|(_, value)| value.into_owned())
}
