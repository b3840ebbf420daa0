//! The requests of sessions whose clients have no WebSocket.
//!
//! Each is kept from being inlined into what calls it: the pages of a stack that
//! were ever touched stay resident, so the deepest call counts.

use std::sync::Arc;

use tiny_http::{Response, ResponseBox};

use super::state::{Live, SockJs};
use super::{pages, wire};
use crate::frame::room;
use crate::http;
use crate::http::server::{Connection, HeaderSet, Held, Request};
use crate::id;
use crate::transformers::json::{Invalid, Messages};
use crate::transformers::polled::Receiver;
use crate::transformers::polled::receiver::Limit;
use crate::transformers::polled::serve::{self, Made, Opened, STRAY_BODY, unbuffered};
use crate::transformers::serve::{After, Host, Passed};
use crate::transformers::sockjs::frame::{Close, OPEN};
use crate::transformers::sockjs::receivers::{BadCallback, Kind, Shape};
use crate::transformers::sockjs::route::By;
use crate::transformers::sockjs::session::{Input, Refusal, Session};
use crate::transformers::websockets;

/// How often a session may end just when a request of its client's comes, before that
/// is told.
const TRIES: usize = 3;

/// A request that waits for frames. The first one of its session opens it.
#[inline(never)]
pub(super) fn receive(
    sockjs: &SockJs,
    host: &Arc<dyn Host>,
    mut passed: Box<Passed>,
    kind: Kind,
    session: String,
) -> After {
    let callback = callback(&passed.request);
    let shape = match callback.and_then(|callback| Shape::new(kind, callback.as_deref())) {
        Ok(shape) => shape,
        Err(bad) => return passed.respond(&**host, pages::text(500, bad.text())),
    };
    mark(kind, &mut passed.headers);
    for _ in 0..TRIES {
        let Some(live) = sockjs.sessions.find(&session) else {
            if let Some(close) = sockjs.farewell(&**host, &session) {
                return passed.reply(shape.content(), shape.answer(close));
            }
            if host.is_closing() {
                let Passed { headers, connection, .. } = *passed;
                return refuse(&**host, Opened { headers, connection }, &shape, Close::AWAY);
            }
            match begin(sockjs, host, &session, kind) {
                Some(live) => return open(sockjs, &live, host, passed, shape),
                None => continue,
            }
        };
        let input = Input::Receiver { streams: kind.streams() };
        let Passed { connection, headers, .. } = &mut *passed;
        match wait(&live, connection, headers, &shape, input) {
            Ok(()) => return After::Kept(passed.connection),
            Err(Refusal::Close(close)) => {
                return passed.reply(shape.content(), shape.answer(close));
            }
            // Whoever ends it may not have come to taking it out of the table.
            Err(Refusal::Gone) => sockjs.sessions.remove(&live),
        }
    }
    passed.reply(shape.content(), shape.answer(Close::INTERRUPTED))
}

/// The function that a request names. Of several none can be meant: to sockjs-node they
/// are one with a comma in its name.
fn callback(request: &Request) -> Result<Option<String>, BadCallback> {
    for name in ["c", "callback"] {
        let mut values = request.query_pairs().filter(|(key, _)| key == name);
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some((_, value)), None) => return Ok(Some(value.into_owned())),
            _ => return Err(BadCallback::Invalid),
        }
    }
    Ok(None)
}

/// Says to browsers and proxies how to treat the answers of a kind. It comes beside
/// what the layer `no-cache` says.
fn mark(kind: Kind, headers: &mut HeaderSet) {
    if kind == Kind::Jsonp {
        headers.add_own("X-Content-Type-Options", "nosniff");
    }
    if kind.streams() {
        unbuffered(headers);
    }
}

/// Makes a session; `None` when there is one meanwhile.
fn begin(sockjs: &SockJs, host: &Arc<dyn Host>, session: &str, kind: Kind) -> Option<Arc<Live>> {
    let streams = kind.streams();
    let machine = Session::open(&sockjs.shared.options, streams, host.timer().now());
    let id = (session.to_owned(), !streams);
    Live::open(&sockjs.sessions, host, id, machine, sockjs.shared.clone()).ok()
}

/// The first request of a session.
#[inline(never)]
fn open(
    sockjs: &SockJs,
    live: &Arc<Live>,
    host: &Arc<dyn Host>,
    passed: Box<Passed>,
    shape: Shape,
) -> After {
    let Ok(id) = id::uuid() else {
        live.over();
        return passed.respond(&**host, pages::text(500, ""));
    };
    let generation = websockets::server::generation(&passed.request);
    let made = Made { wire: &wire::Frames, generation, id };
    let Opened { headers, mut connection } =
        match serve::open(&sockjs.sessions, live, host, passed, made) {
            Ok(opened) => opened,
            Err(opened) => return refuse(&**host, opened, &shape, Close::LATER),
        };
    if shape.kind().streams() {
        if wait(live, &mut connection, &headers, &shape, Input::Opener).is_ok() {
            return After::Kept(connection);
        }
        // The spark has ended already.
        let close = sockjs.farewell(&**host, live.id()).unwrap_or(Close::INTERRUPTED);
        let answered = connection.reply(200, shape.content(), shape.answer(close), &headers);
        return After::answered(connection, answered);
    }
    let mut greeting = Vec::new();
    shape.frame(|out| out.extend_from_slice(OPEN.as_bytes()), &mut greeting);
    let answered = connection.reply(200, shape.content(), greeting, &headers);
    if answered.is_err() {
        // There is no such session.
        live.give_up_fresh("the first answer could not be sent");
    }
    After::answered(connection, answered)
}

/// A request waits from now on. With [`Input::Opener`] it is told that the session is
/// open.
#[inline(never)]
fn wait(
    live: &Arc<Live>,
    connection: &mut Connection,
    headers: &HeaderSet,
    shape: &Shape,
    input: Input,
) -> Result<(), Refusal> {
    let opens = matches!(input, Input::Opener);
    let limit = live.fixed().options.response_limit;
    let receiver = |held| match shape.kind().streams() {
        true => stream(held, shape, limit, opens),
        false => Receiver::poll(held, shape.clone()),
    };
    serve::receive(live, connection, headers, receiver, input)
}

fn stream(held: Held, shape: &Shape, limit: Option<usize>, opens: bool) -> Receiver<Shape> {
    let mut to = held.begin(200, &[("Content-Type", shape.content())]);
    let mut first = Vec::new();
    shape.prelude(&mut first);
    to.chunk(&first);
    let mut limit = Limit(limit);
    if opens {
        first.clear();
        shape.frame(|out| out.extend_from_slice(OPEN.as_bytes()), &mut first);
        to.chunk(&first);
        limit.take(&first);
    }
    Receiver::stream(to, limit, shape.clone())
}

/// How soon an event source that finds no place is to come again, in milliseconds.
const RETRY: &str = "retry: 5000\r\n";

/// There is no place for a session, or none any more.
///
/// A browser's `EventSource` that gets an error status gives up for good, and so does
/// one that is told 204; one whose answer ends comes again, after the time that it
/// was told. sockjs-client makes a new one at once in that case, without end. So the
/// answer is a stream that ends, with the time in it, and with a frame that closes
/// the client, which then goes the way of every client whose session is over: Primus
/// connects again, later and later.
#[cold]
#[inline(never)]
fn refuse(host: &dyn Host, mut opened: Opened, shape: &Shape, close: Close) -> After {
    if shape.kind() != Kind::EventSource {
        return opened.refuse(host);
    }
    host.refused(503);
    let body = [RETRY.as_bytes(), &shape.answer(close)].concat();
    let answered = opened.connection.reply(200, shape.content(), body, &opened.headers);
    After::answered(opened.connection, answered)
}

/// What a client sends.
#[inline(never)]
pub(super) fn send(
    sockjs: &SockJs,
    host: &dyn Host,
    mut passed: Box<Passed>,
    by: By,
    session: &str,
) -> After {
    let live = sockjs.sessions.find(session);
    let is_known = live.is_some() || sockjs.farewell(host, session).is_some();
    let longest = if is_known { host.max_length() } else { host.max_length().min(STRAY_BODY) };
    let came = passed.connection.came();
    let body = match passed.connection.read_body(longest as u64) {
        Ok(body) => body,
        Err(bad) if bad.status == 413 && !is_known => return unknown(sockjs, host, passed),
        Err(bad) => return passed.respond(host, Response::empty(bad.status).boxed()),
    };
    let text = payload(by, passed.request.header("content-type"), body);
    let messages = match text.is_empty() {
        true => Err(Invalid::NotArray),
        false => Messages::of_array(text.into(), host.limits().values),
    };
    let messages = match messages {
        Ok(messages) => messages,
        Err(invalid) => return passed.respond(host, refusal(invalid)),
    };
    let delivered = live.is_some_and(|live| live.deliver(messages, came, host.limits().inbox));
    // After the end of a session what its client sends is thrown away.
    if !delivered && sockjs.farewell(host, session).is_none() {
        return unknown(sockjs, host, passed);
    }
    match by {
        By::Xhr => passed.reply_with(204, pages::PLAIN, Vec::new()),
        By::Jsonp => passed.reply(pages::PLAIN, b"ok".to_vec()),
    }
}

/// The text of a body that is said to be of this type; empty if it is of one that is
/// not expected.
fn payload(by: By, content: Option<&str>, body: Vec<u8>) -> String {
    let content = content.unwrap_or_default().split(';').next().unwrap_or_default();
    match (by, content) {
        (By::Xhr, "text/plain" | "T" | "application/json" | "application/xml" | "text/xml")
        | (By::Jsonp, "text/plain")
        | (_, "") => room::text(body),
        (By::Jsonp, "application/x-www-form-urlencoded") => {
            let body = room::text(body);
            let field = http::pairs(&body).find(|(name, _)| name == "d");
            field.map(|(_, value)| value.into_owned()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn refusal(invalid: Invalid) -> ResponseBox {
    match invalid {
        Invalid::NotJson => pages::text(500, "Broken JSON encoding."),
        Invalid::NotArray => pages::text(500, "Payload expected."),
        Invalid::TooMany => Response::empty(413).boxed(),
    }
}

/// There is no such session.
#[cold]
#[inline(never)]
fn unknown(sockjs: &SockJs, host: &dyn Host, passed: Box<Passed>) -> After {
    let guesses = sockjs.guesses.is_one_too_many(host, &passed.request);
    let page = if guesses { Response::empty(429).boxed() } else { pages::not_found() };
    passed.respond(host, page)
}
