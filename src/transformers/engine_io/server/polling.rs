//! The requests of sessions that poll.

use std::sync::Arc;

use tiny_http::Response;

use super::protocol::{Fixed, Live};
use super::{EngineIo, answer, generation, wire};
use crate::http::server as http;
use crate::id;
use crate::transformers::engine_io::packet::PacketRef;
use crate::transformers::engine_io::payload::{Content, Decoder};
use crate::transformers::engine_io::session::server::{Input, Session};
use crate::transformers::engine_io::{Carrier, Format};
use crate::transformers::polled::Receiver;
use crate::transformers::polled::serve::{self, Made, Unread};
use crate::transformers::serve::{After, Host, Passed};

/// The `Content-Type` of what a JSONP client posts.
const FORM: &str = "application/x-www-form-urlencoded";

// Each is kept from being inlined into what calls it: the pages of a stack that
// were ever touched stay resident, so the deepest call counts.

/// Makes a session.
pub(super) fn session(
    engine: &EngineIo,
    host: &Arc<dyn Host>,
    carrier: Carrier,
    format: Format,
    jsonp: Option<String>,
) -> Option<Arc<Live>> {
    let id = id::session_id().ok()?;
    let timing = &engine.shared.options.timing;
    let machine = Session::open(format.revision, carrier, timing, host.timer().now());
    let fixed = Fixed { format, jsonp, shared: engine.shared.clone(), probing: <_>::default() };
    let polls = carrier == Carrier::Polling;
    Live::open(&engine.sessions, host, (id, polls), machine, fixed).ok()
}

/// The handshake: opens a session.
#[inline(never)]
pub(super) fn open(
    engine: &EngineIo,
    host: &Arc<dyn Host>,
    mut passed: Box<Passed>,
    format: Format,
    jsonp: Option<String>,
) -> After {
    if host.is_closing() {
        return passed.respond(&**host, http::text(503, "Service Unavailable"));
    }
    let Some(live) = session(engine, host, Carrier::Polling, format, jsonp) else {
        return passed.respond(&**host, http::text(500, "Internal Server Error"));
    };
    let options = &engine.shared.options;
    if let Some(cookie) = &options.cookie {
        passed.headers.add("Set-Cookie", cookie.header(live.id()));
    }
    let generation = generation(&passed.request, format);
    let made = Made { wire: wire::wire(format), generation, id: live.id().to_owned() };
    let mut opened = match serve::open(&engine.sessions, &live, host, passed, made) {
        Ok(opened) => opened,
        Err(opened) => return opened.refuse(&**host),
    };
    let handshake = options.handshake(live.id().to_owned(), true, host.max_length()).to_json();
    let mut body = Vec::new();
    let content = live.fixed().payload([PacketRef::Open(&handshake)].into_iter(), &mut body);
    if opened.connection.reply(200, content.mime(), body, &opened.headers).is_err() {
        // There is no such session.
        live.give_up_fresh("the handshake could not be answered");
        return After::Over;
    }
    After::Kept(opened.connection)
}

/// A poll: it is answered when there is something to send.
#[inline(never)]
pub(super) fn get(
    engine: &EngineIo,
    live: &Arc<Live>,
    host: &dyn Host,
    mut passed: Box<Passed>,
) -> After {
    let poll = |held| Receiver::poll(held, ());
    let Passed { connection, headers, .. } = &mut *passed;
    match serve::receive(live, connection, headers, poll, Input::Get) {
        Ok(()) => After::Kept(passed.connection),
        Err(refusal) => engine.refuse(host, passed, refusal),
    }
}

/// What the client sends.
#[inline(never)]
pub(super) fn post(live: &Arc<Live>, host: &dyn Host, mut passed: Box<Passed>) -> After {
    let kind = passed.request.header("content-type");
    let content = Content::of_mime(kind);
    let is_form = kind.is_some_and(|kind| kind.split(';').next() == Some(FORM));
    let fixed = live.fixed();
    let longest = fixed.shared.options.max_body(host.max_length());
    let post = Input::Post { binary: content == Content::Binary };
    let body = match serve::read(live, &mut passed.connection, post, longest) {
        Ok(body) => body,
        Err(Unread::Refused(refusal)) => return passed.respond(host, answer(refusal)),
        Err(Unread::Failed(status)) => {
            return passed.respond(host, Response::empty(status).boxed());
        }
    };
    let packets = match field(&body).filter(|_| is_form && fixed.jsonp.is_some()) {
        Some(field) => Decoder::field(&field, fixed.format),
        None => Decoder::new(body, content, fixed.format),
    };
    live.posted(packets.map(Input::Packet), host.limits().inbox);
    passed.reply("text/html", b"ok".to_vec())
}

/// The field `d` of a form.
fn field(body: &[u8]) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    crate::http::pairs(body).find(|(name, _)| name == "d").map(|(_, value)| value.into_owned())
}
