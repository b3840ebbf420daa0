//! The server side: the handshake and the connection behind it.

#[cfg_attr(not(feature = "compression"), path = "plain.rs")]
mod deflated;
mod flavour;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tiny_http::{Method, ResponseBox};

use self::flavour::Faye;
pub(crate) use self::flavour::Flavour;
pub(crate) use self::wire::Rfc6455;
use super::decoder::{Role, accept_key};
use super::deflate::{self, Agreed};
use super::frame::encode_pong;
use super::old_key::is_old_key;
use super::session::{Heard, Session};
use crate::close::CloseReason;
use crate::extensions::Extensions;
use crate::http::is_token;
use crate::http::server::{self as http, Request};
use crate::net::wait::readable_or_woken;
use crate::net::{Stream, Waker};
use crate::protocol::Generation;
use crate::transformers::serve::{
    After, Host, Inbound, Opening, Passed, Replies, Sink, Source, Transformer, Upgraded, Wire,
};

/// Serves `websockets` clients, as the server of one of its names does. Whether they
/// are those of `faye`, `uws` or `lws` cannot be told.
pub(crate) struct Websockets(pub Flavour);

impl Transformer for Websockets {
    fn request(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> After {
        passed.respond(&**host, upgrade_required("Upgrade Required"))
    }

    fn upgrade(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded {
        let Some((passed, shaken)) = look_at(&**host, passed, self.0) else {
            return Upgraded::Over;
        };
        let accepted = taken(&**host, passed, host.max_length(), shaken);
        let wire = match self.0.closes_with {
            Some(_) => accepted.wire(&Faye),
            None => accepted.wire(&Rfc6455),
        };
        let Accepted { request, extensions, answer, stream, mut source, .. } = accepted;
        source.pings_are_life = self.0.pings_are_life;
        let generation = generation(&request);
        Upgraded::Spark(Box::new(Opening {
            request,
            extensions,
            sink: Sink::Socket(stream),
            answer,
            wire,
            source,
            generation,
            id: None,
            session: None,
        }))
    }
}

/// What the handshake shows of the client's age.
pub(crate) fn generation(request: &Request) -> Generation {
    match request.header("sec-websocket-key") {
        Some(key) if is_old_key(key) => Generation::ClientPings,
        _ => Generation::Detect,
    }
}

/// A WebSocket, fresh from its handshake.
pub(crate) struct Accepted {
    pub(crate) request: Box<Request>,
    pub(crate) extensions: Extensions,
    /// The answer to the handshake, unless it is sent.
    pub(crate) answer: Vec<u8>,
    pub(crate) stream: Arc<Stream>,
    pub(crate) source: Box<Reader>,
    /// How messages are compressed.
    agreed: Option<Agreed>,
}

impl Accepted {
    /// How messages are written on it that `wire` writes where none is compressed.
    pub(crate) fn wire<W: Wire + 'static>(&self, wire: &'static W) -> &'static dyn Wire {
        match &self.agreed {
            Some(agreed) => deflated::wire(wire, agreed),
            None => wire,
        }
    }
}

/// Time for a client to take the answer to its handshake before the first message
/// follows. Clients that await `open` and then listen for messages (the protocol's
/// own test suites, on `ws`) miss a message that they read in one piece with the
/// answer. Node's servers leave them about a tenth of a millisecond, in which every
/// fourth of them does not get round to it; in 5 ms one in twenty does not where four
/// programs want each core, in 15 ms one in two hundred. Browsers need none, see
/// [`may_miss`].
const TAKEN: Duration = Duration::from_millis(20);

/// Takes a handshake and leaves the answer to the caller. The longest message is
/// `max_length` bytes. `None`: it was refused.
pub(crate) fn accept(host: &dyn Host, passed: Box<Passed>, max_length: usize) -> Option<Accepted> {
    let (passed, shaken) = look_at(host, passed, Flavour::WS)?;
    Some(taken(host, passed, max_length, shaken))
}

/// [`accept`], answered at once, and with a moment for the client when a message
/// `follows` at once. `None` also when the client is gone.
pub(crate) fn answer(
    host: &dyn Host,
    passed: Box<Passed>,
    max_length: usize,
    follows: bool,
) -> Option<Accepted> {
    let (mut passed, mut shaken) = look_at(host, passed, Flavour::WS)?;
    passed.connection.send(&std::mem::take(&mut shaken.answer)).ok()?;
    if follows && may_miss(&passed.request) {
        passed.connection.await_peer(TAKEN);
    }
    Some(taken(host, passed, max_length, shaken))
}

/// Whether a client may miss a message that it reads in one piece with the answer. In
/// browsers, which say from where a page is, each event is a task of its own: who
/// awaited `open` has gone on when the message comes.
fn may_miss(request: &Request) -> bool {
    request.header("origin").is_none()
}

// The two are apart because each takes much of the stack, of which what was ever
// touched stays with the connection.

/// What comes of a handshake: how to answer it, unless that is done, and what is
/// agreed on.
struct Shaken {
    answer: Vec<u8>,
    agreed: Option<Agreed>,
}

/// Checks a handshake, and says how to answer it.
#[inline(never)]
fn look_at(
    host: &dyn Host,
    passed: Box<Passed>,
    flavour: Flavour,
) -> Option<(Box<Passed>, Shaken)> {
    match check(&passed.request, flavour) {
        Ok(key) => {
            let shaken = shaken(host, &passed.request, key, flavour);
            Some((passed, shaken))
        }
        Err(refusal) => {
            passed.refuse(host, refusal);
            None
        }
    }
}

/// The answer to a handshake with this key.
#[inline(never)]
fn shaken(host: &dyn Host, request: &Request, key: &str, flavour: Flavour) -> Shaken {
    let protocols = request.header("sec-websocket-protocol").filter(|_| flavour.selects);
    let mut answer = switching(&accept_key(key), protocols);
    let agreed = host.compression().and_then(|compression| {
        let offers = request.header("sec-websocket-extensions")?;
        let (agreed, said) = deflate::answer(offers, compression)?;
        answer += &format!("Sec-WebSocket-Extensions: {said}\r\n");
        Some(agreed)
    });
    Shaken { answer: (answer + "\r\n").into_bytes(), agreed }
}

/// Makes a WebSocket of an HTTP connection.
#[inline(never)]
#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
fn taken(host: &dyn Host, passed: Box<Passed>, max_length: usize, shaken: Shaken) -> Accepted {
    let Passed { request, extensions, connection, .. } = *passed;
    let Shaken { answer, agreed } = shaken;
    let (stream, leftover) = connection.into_parts();
    let controls = host.limits().control_frames;
    let session = Session::new(Role::Server, max_length, controls, agreed.as_ref(), &leftover);
    let source = Box::new(Reader { stream: stream.clone(), session, pings_are_life: true });
    Accepted { request, extensions, answer, stream, source, agreed }
}

/// Answers the handshake and closes at once, with this close frame.
pub(crate) fn turn_away(host: &dyn Host, mut passed: Box<Passed>, close: &[u8]) {
    match check(&passed.request, Flavour::WS) {
        Ok(key) => {
            let protocols = passed.request.header("sec-websocket-protocol");
            let answer = switching(&accept_key(key), protocols) + "\r\n";
            passed.connection.finish(&[answer.as_bytes(), close].concat());
        }
        Err(refusal) => passed.refuse(host, refusal),
    }
}

/// The client's key, or what is wrong with the request. The texts are those of
/// `ws`; RFC 6455 section 4.2.2 asks for 426 where the version is the matter.
#[inline(never)]
fn check(request: &Request, flavour: Flavour) -> Result<&str, ResponseBox> {
    if *request.method() != Method::Get {
        return Err(http::text(405, "Invalid HTTP method"));
    }
    let key = only(request, "sec-websocket-key").unwrap_or_default();
    if !is_key(key) {
        return Err(http::text(400, "Missing or invalid Sec-WebSocket-Key header"));
    }
    // Version 8 is the same protocol before it had its number.
    match only(request, "sec-websocket-version") {
        Some("13") => Ok(key),
        Some("8") if flavour.version_8 => Ok(key),
        _ => Err(upgrade_required("Missing or invalid Sec-WebSocket-Version header")),
    }
}

/// The value of a header that may be sent once only.
fn only<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    let mut values = request.headers().filter(|(n, _)| *n == name).map(|(_, value)| value);
    values.next().filter(|_| values.next().is_none())
}

/// Sixteen bytes in base64.
fn is_key(key: &str) -> bool {
    key.strip_suffix("==").is_some_and(|digits| {
        digits.len() == 22
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    })
}

/// The 101 answer without the empty line at its end. As `ws`, the first subprotocol
/// that the client offers is selected.
fn switching(accept: &str, protocols: Option<&str>) -> String {
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    let first = protocols.and_then(|list| list.split(',').next()).map(str::trim);
    if let Some(protocol) = first.filter(|name| is_token(name)) {
        answer += &format!("Sec-WebSocket-Protocol: {protocol}\r\n");
    }
    answer
}

fn header(name: &'static str, value: &'static str) -> tiny_http::Header {
    tiny_http::Header::from_bytes(name, value).expect("constants that make a header")
}

fn upgrade_required(text: &str) -> ResponseBox {
    http::text(426, text).with_header(header("Sec-WebSocket-Version", "13"))
}

/// The incoming half of a WebSocket.
pub(crate) struct Reader {
    stream: Arc<Stream>,
    session: Session,
    /// A ping is a sign of life, and not only answered.
    pings_are_life: bool,
}

impl Reader {
    /// How many pongs were heard, modulo 2^32.
    #[inline]
    pub(crate) fn pongs(&self) -> u32 {
        self.session.pongs()
    }

    /// The next message where it lies, if it is a text that can be read so; `None`
    /// when [`buffered`](Source::buffered) is to be asked. The error is the end.
    #[inline]
    pub(crate) fn next_in_place(&mut self) -> Option<Result<&str, CloseReason>> {
        self.session.next_in_place()
    }
}

impl Source for Reader {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        loop {
            return Some(match self.session.next(Instant::now)? {
                Heard::Message(frame) => Inbound::Frame(frame),
                Heard::Ping(payload) => {
                    let mut pong = Vec::new();
                    encode_pong(&payload, None, &mut pong);
                    replies.control(&pong);
                    if !self.pings_are_life {
                        continue;
                    }
                    Inbound::Alive
                }
                Heard::Closed(reason) => Inbound::Closed(reason),
                // It never says `close`: the spark's outbox does.
                Heard::Answered => return None,
            });
        }
    }

    fn has_more(&mut self) -> bool {
        self.session.has_more()
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        if let Some(waker) = waker
            && !readable_or_woken(&self.stream, waker)?
        {
            return Ok(true);
        }
        let stream = &self.stream;
        match self.session.read(|room| stream.read(room)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            read => Ok(read? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Parsed, Scan, parse_request};
    use crate::limits::Limits;

    #[test]
    fn who_comes_from_a_page_misses_nothing() {
        let request = |headers: &str| {
            let head = format!("GET /primus HTTP/1.1\r\nHost: a\r\n{headers}\r\n");
            match parse_request(&mut Scan::default(), head.as_bytes(), &Limits::default()) {
                Parsed::Complete { head, .. } => Request::new(head, None),
                other => panic!("{other:?}"),
            }
        };
        assert!(may_miss(&request("")));
        assert!(!may_miss(&request("Origin: https://example.com\r\n")));
        assert!(!may_miss(&request("origin: null\r\n")));
    }
}
