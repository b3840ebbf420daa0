//! The requests of sessions whose clients have no WebSocket.
//!
//! Each is kept from being inlined into what calls it: the pages of a stack that
//! were ever touched stay resident, so the deepest call counts.

use std::sync::Arc;

use super::state::{Live, SocketIo};
use super::{pages, wire};
use crate::frame::room;
use crate::http;
use crate::http::server::{self as server, Connection, HeaderSet, Held, Request};
use crate::protocol::Generation;
use crate::transformers::json::json_string;
use crate::transformers::polled::Receiver;
use crate::transformers::polled::receiver::Limit;
use crate::transformers::polled::serve::{self, Made, Opened, STRAY_BODY, unbuffered};
use crate::transformers::serve::{After, Host, Passed};
use crate::transformers::socket_io::packet::{HEAD_MAX, Packet};
use crate::transformers::socket_io::payload;
use crate::transformers::socket_io::route::Kind;
use crate::transformers::socket_io::session::{Input, Said, Session, Unknown, read};
use crate::transformers::socket_io::shapes::{Say, Shape, call, number, quoted};
use crate::transformers::websockets;

/// Bytes of a body beside those of its longest message: clients put all that waits into
/// one, ours up to so much.
const SEVERAL: usize = 1 << 20;

/// How much longer the forms of scripts may make a text: each quote in it becomes
/// `%5C%22`.
const ESCAPED: usize = 6;

/// The longest body.
fn longest(host: &dyn Host, kind: Kind) -> usize {
    let text = host.max_length().saturating_add(HEAD_MAX + SEVERAL);
    if kind == Kind::JsonpPolling { text.saturating_mul(ESCAPED) } else { text }
}

/// The handshake.
#[inline(never)]
pub(super) fn handshake(io: &SocketIo, host: &Arc<dyn Host>, passed: Box<Passed>) -> After {
    if host.is_closing() {
        return passed.respond(&**host, pages::unavailable());
    }
    let function = passed.request.query_param("jsonp");
    let function = function.as_deref().and_then(number).map(str::to_owned);
    let Passed { request, mut headers, mut connection, .. } = *passed;
    let Ok(id) = io.handshakes.begin(&**host, request) else {
        host.refused(500);
        let answered = connection.respond(server::text(500, "handshake error"), &headers);
        return After::answered(connection, answered);
    };
    let told = io.options().handshake(&id);
    let (content, body) = match function {
        Some(function) => {
            no_sniffing(&mut headers);
            let mut body = Vec::new();
            call(&function, |out| quoted(&told, out), &mut body);
            ("application/javascript", body)
        }
        None => ("text/plain", told.into_bytes()),
    };
    let answered = connection.reply(200, content, body, &headers);
    if answered.is_err() {
        // Nobody knows it.
        io.handshakes.take(&id, host.timer());
    }
    After::answered(connection, answered)
}

fn no_sniffing(headers: &mut HeaderSet) {
    headers.add_own("X-Content-Type-Options", "nosniff");
}

/// What the client's generation is. All that speak this protocol with a parameter `t`
/// in their handshakes are of its own time, and ping by themselves.
pub(super) fn generation(handshake: &Request, request: &Request) -> Generation {
    let is_time = |t: &str| !t.is_empty() && t.bytes().all(|byte| byte.is_ascii_digit());
    match handshake.query_param("t").is_some_and(|t| is_time(&t)) {
        true => Generation::ClientPings,
        false => websockets::server::generation(request),
    }
}

/// A request that waits for packets. The first one of its session begins it.
#[inline(never)]
pub(super) fn receive(
    io: &SocketIo,
    host: &Arc<dyn Host>,
    mut passed: Box<Passed>,
    kind: Kind,
    session: String,
) -> After {
    let shape = Shape::new(kind, passed.request.query_param("i").as_deref());
    mark(&shape, &mut passed.headers);
    if let Some(live) = io.sessions.find(&session) {
        let Passed { connection, headers, .. } = &mut *passed;
        return match wait(&live, connection, headers, &shape, Input::Receiver(kind)) {
            Ok(()) => After::Kept(passed.connection),
            Err(Unknown) => stray(io, &**host, passed, &shape, &session),
        };
    }
    if host.is_closing() && io.handshakes.knows(&session) {
        return passed.respond(&**host, pages::unavailable());
    }
    match io.handshakes.take(&session, host.timer()) {
        Some(handshake) => {
            let generation = generation(&handshake, &passed.request);
            passed.request = handshake;
            open(io, host, passed, (kind, shape), session, generation)
        }
        None => stray(io, &**host, passed, &shape, &session),
    }
}

/// Says to browsers and proxies how to treat the answers of a shape.
fn mark(shape: &Shape, headers: &mut HeaderSet) {
    match shape {
        Shape::Text => {}
        Shape::Call(_) => {
            headers.add_own("X-XSS-Protection", "0");
            no_sniffing(headers);
        }
        Shape::Page => {
            unbuffered(headers);
        }
    }
}

/// There is no such session, or not for this request.
#[cold]
#[inline(never)]
fn stray(
    io: &SocketIo,
    host: &dyn Host,
    passed: Box<Passed>,
    shape: &Shape,
    session: &str,
) -> After {
    let say = match io.farewell(host, session) {
        Some(say) => say,
        None if io.guesses.is_one_too_many(host, &passed.request) => {
            return passed.respond(host, pages::empty(429));
        }
        None => Say::Unknown,
    };
    passed.reply(shape.content(), shape.answer(say))
}

/// Begins a session.
#[inline(never)]
fn open(
    io: &SocketIo,
    host: &Arc<dyn Host>,
    passed: Box<Passed>,
    (kind, shape): (Kind, Shape),
    session: String,
    generation: Generation,
) -> After {
    let machine = Session::open(kind, io.options(), host.timer().now());
    let id = (session, !shape.streams());
    let Ok(live) = Live::open(&io.sessions, host, id, machine, io.fixed(&**host)) else {
        return passed.respond(&**host, pages::unavailable());
    };
    let made = Made { wire: &wire::Packets, generation, id: live.id().to_owned() };
    let Opened { headers, mut connection } =
        match serve::open(&io.sessions, &live, host, passed, made) {
            Ok(opened) => opened,
            Err(opened) => return opened.refuse(&**host),
        };
    if shape.streams() {
        if wait(&live, &mut connection, &headers, &shape, Input::Stream).is_ok() {
            return After::Kept(connection);
        }
        // The spark has ended already.
        let say = io.farewell(&**host, live.id()).unwrap_or(Say::Unknown);
        let answered = connection.reply(200, shape.content(), shape.answer(say), &headers);
        return After::answered(connection, answered);
    }
    let answered = connection.reply(200, shape.content(), shape.answer(Say::Connect), &headers);
    if answered.is_err() {
        // There is no such session.
        live.give_up_fresh("the first answer could not be sent");
    }
    After::answered(connection, answered)
}

/// A request waits from now on. With [`Input::Stream`] it is told that the session is
/// open.
#[inline(never)]
fn wait(
    live: &Arc<Live>,
    connection: &mut Connection,
    headers: &HeaderSet,
    shape: &Shape,
    input: Input,
) -> Result<(), Unknown> {
    let opens = matches!(input, Input::Stream);
    let receiver = |held| match shape.streams() {
        true => stream(held, shape, opens),
        false => Receiver::poll(held, shape.clone()),
    };
    serve::receive(live, connection, headers, receiver, input)
}

fn stream(held: Held, shape: &Shape, opens: bool) -> Receiver<Shape> {
    let mut to = held.begin(200, &[("Content-Type", shape.content())]);
    let mut first = Vec::new();
    shape.prelude(&mut first);
    to.chunk(&first);
    if opens {
        let connect = shape.answer(Say::Connect);
        to.chunk(connect.get(first.len()..).unwrap_or_default());
    }
    Receiver::stream(to, Limit(None), shape.clone())
}

/// What a client says.
#[inline(never)]
pub(super) fn send(
    io: &SocketIo,
    host: &dyn Host,
    mut passed: Box<Passed>,
    kind: Kind,
    session: &str,
) -> After {
    let live = io.sessions.find(session).filter(|live| live.look(Session::kind) != Kind::Websocket);
    let is_known = live.is_some() || io.farewell(host, session).is_some();
    if !is_known && io.guesses.is_one_too_many(host, &passed.request) {
        return passed.respond(host, pages::empty(429));
    }
    let most = longest(host, kind);
    let longest = if live.is_some() { most } else { most.min(STRAY_BODY) };
    let came = passed.connection.came();
    let body = match passed.connection.read_body(longest as u64) {
        Ok(body) => body,
        Err(bad) if bad.status == 413 => return too_long(host, passed, live),
        Err(bad) => return passed.respond(host, pages::empty(bad.status)),
    };
    let text = match text(kind, passed.request.header("content-type"), body) {
        Ok(text) => text,
        Err(wrong) => return passed.respond(host, server::text(400, wrong)),
    };
    let packets = match payload::decode(&text) {
        Ok(packets) => packets,
        Err(payload::Invalid(wrong)) => return passed.respond(host, server::text(400, wrong)),
    };
    let max_length = host.max_length();
    if text.len() > max_length
        && packets.filter_map(Packet::parse).any(|packet| packet.data.len() > max_length)
    {
        return too_long(host, passed, live);
    }
    // After the end of a session what its client says is thrown away, as is what is
    // said to none; a client learns of that when it polls.
    if let Some(live) = live {
        let pieces = packets.map(|packet| read(packet, max_length));
        live.deliver_all(pieces, came, host.limits().inbox);
    }
    room::give(text.into_bytes());
    if passed.request.header("origin").is_some() {
        passed.headers.add_own("X-XSS-Protection", "0");
    }
    passed.reply("text/plain; charset=UTF-8", b"1".to_vec())
}

/// A message is over the limit, or so many are in one body that they will not be read.
/// Clients of Socket.IO leave then, without a word; so does the session: what was in the
/// body is lost.
#[cold]
#[inline(never)]
fn too_long(host: &dyn Host, passed: Box<Passed>, live: Option<Arc<Live>>) -> After {
    live.into_iter().for_each(|live| drop(live.happens(Input::Said(Said::TooLong))));
    passed.respond(host, pages::empty(413))
}

/// The payload in a body: in the field `d` of a form, as a string of JSON, if it comes
/// from a script.
fn text(kind: Kind, content: Option<&str>, body: Vec<u8>) -> Result<String, &'static str> {
    let body = room::text(body);
    if kind != Kind::JsonpPolling {
        return Ok(body);
    }
    let is_form = content.is_none_or(|content| {
        content.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(pages::FORM))
    });
    let mut fields = http::pairs(&body).filter(|(name, _)| is_form && name == "d");
    let (_, field) = fields.next().ok_or("no field `d` in a form")?;
    json_string(&field).ok_or("no string of JSON in the field `d`")
}

/// The end of a session, by a request of its own.
#[inline(never)]
pub(super) fn disconnect(
    io: &SocketIo,
    host: &dyn Host,
    passed: Box<Passed>,
    session: &str,
) -> After {
    match io.sessions.find(session) {
        Some(live) => drop(live.happens(Input::Leave)),
        None if io.handshakes.take(session, host.timer()).is_some() => {}
        None if io.farewell(host, session).is_some() => {}
        None if io.guesses.is_one_too_many(host, &passed.request) => {
            return passed.respond(host, pages::empty(429));
        }
        None => {}
    }
    passed.respond(host, pages::empty(200))
}
