//! One TCP connection, on its own thread: HTTP first, and after an upgrade the
//! life of a spark. (Before that, on another thread, the TLS handshake.)

use std::io::Read;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tiny_http::ResponseBox;

use crate::compression::Compression;
use crate::error::catch;
use crate::http::server::{
    self as http, Accepted, HeaderSet, Next, Owner, Parked, Refused, Request, Served,
};
use crate::limits::Limits;
use crate::middleware::Exchange;
use crate::net::Stream;
use crate::server::inner::Fallback;
use crate::server::inner::Inner;
use crate::server::{life, session, thread};
use crate::timer::Timer;
use crate::transformers::serve::{After, Backlog, Host, Opening, Passed, Upgraded};

/// Serves a connection to its end, until it waits for its client for long, or until
/// its TLS handshake is over.
pub(super) fn serve(server: &Arc<Inner>, accepted: Accepted) -> Served {
    thread::serve(server);
    prepare(server, &accepted.stream);
    #[cfg(feature = "tls")]
    if server.tls.is_on() {
        return secure(server, accepted);
    }
    go_on(server, begin(server, accepted))
}

fn prepare(server: &Inner, stream: &Stream) {
    stream.set_nodelay();
    if let Some(bytes) = server.options.send_buffer {
        stream.set_send_buffer(bytes);
    }
}

/// Shakes hands, and goes on elsewhere.
#[cfg(feature = "tls")]
#[inline(never)]
fn secure(server: &Arc<Inner>, accepted: Accepted) -> Served {
    if !server.tls.shake_hands(&accepted, &server.limits, &server.metrics) {
        return Served::Over;
    }
    let server = server.clone();
    Served::Moves(Box::new(move || {
        thread::serve(&server);
        go_on(&server, begin(&server, accepted))
    }))
}

/// Makes an HTTP connection of one that was accepted. Apart, for the stack that it
/// takes.
#[inline(never)]
fn begin(server: &Inner, accepted: Accepted) -> Box<http::Connection> {
    let connection = http::Connection::new(accepted, server.limits.clone());
    Box::new(connection.compressing(&server.options.compression))
}

fn go_on(server: &Arc<Inner>, connection: Box<http::Connection>) -> Served {
    // Called from here, with nothing of HTTP left on the stack: whatever depth
    // is reached stays resident for as long as the thread lives.
    match catch(|| converse(server, connection)) {
        Ok(Conversed::Over) => {}
        Ok(Conversed::Opened(opening)) => life::run(server, opening),
        Ok(Conversed::Idle(connection, until)) => {
            let (server, stream) = (server.clone(), connection.stream().clone());
            let resume = Box::new(move || {
                thread::serve(&server);
                go_on(&server, connection)
            });
            return Served::Waits(Parked { stream, until, resume });
        }
        // The readers of bodies are the application's too.
        Err(panic) => {
            server.metrics.panics.add(1);
            let text = format!("a request could not be answered: {panic}");
            server.log(log::Level::Error, &text);
        }
    }
    Served::Over
}

/// How a conversation ended.
enum Conversed {
    /// With the connection.
    Over,
    /// A spark takes the connection over.
    Opened(Box<Opening>),
    /// It may go on when the client says something, or at this time.
    Idle(Box<http::Connection>, Instant),
}

/// Answers requests until the connection ends, becomes a spark's or waits for its
/// client for long.
#[inline(never)]
fn converse(server: &Arc<Inner>, mut connection: Box<http::Connection>) -> Conversed {
    loop {
        connection = match next(server, connection) {
            Answered::Kept(kept) => kept,
            // From here, with nothing of what was done before left on the stack.
            Answered::Passed(passed) => {
                let host: Arc<dyn Host> = server.clone();
                match server.transformer.request(&host, passed) {
                    After::Kept(kept) => kept,
                    After::Over => return Conversed::Over,
                }
            }
            Answered::Upgrade(passed) => {
                let host: Arc<dyn Host> = server.clone();
                return match server.transformer.upgrade(&host, passed) {
                    Upgraded::Spark(opening) => Conversed::Opened(opening),
                    Upgraded::Over => Conversed::Over,
                };
            }
            Answered::Idle(connection, until) => return Conversed::Idle(connection, until),
            Answered::Over => return Conversed::Over,
        }
    }
}

/// What became of a connection when its next request came.
enum Answered {
    /// It was answered, and the connection can take another.
    Kept(Box<http::Connection>),
    /// The middleware has let it pass: the transformer answers it.
    Passed(Box<Passed>),
    /// The same, and it asks for an upgrade.
    Upgrade(Box<Passed>),
    /// None has come for a while.
    Idle(Box<http::Connection>, Instant),
    /// The connection has ended.
    Over,
}

/// Waits for the next request.
#[inline(never)]
fn next(server: &Arc<Inner>, mut connection: Box<http::Connection>) -> Answered {
    match connection.next_request() {
        Next::Request(request) => answer(server, Box::new(request), connection),
        Next::Idle(until) => Answered::Idle(connection, until),
        Next::Refused(status) => {
            server.metrics.refused(status);
            Answered::Over
        }
        Next::Closed => Answered::Over,
    }
}

#[inline(never)]
fn answer(
    server: &Arc<Inner>,
    request: Box<Request>,
    mut connection: Box<http::Connection>,
) -> Answered {
    let ours = request.path().starts_with(&server.options.pathname);
    if !ours || (server.is_closing() && !server.transformer.carries(&**server, &request)) {
        return outside(server, &request, connection);
    }
    let is_upgrade = request.is_upgrade();
    let mut exchange = Exchange::new(&request, is_upgrade);
    let passed = server.middleware.run(&mut exchange);
    let (headers, extensions) = exchange.into_parts();
    match passed {
        Ok(()) => {
            let passed = Box::new(Passed { request, extensions, headers, connection });
            if is_upgrade { claim(server, passed) } else { Answered::Passed(passed) }
        }
        Err(answer) => {
            if let Some(failure) = &answer.failure {
                server.metrics.panics.add(usize::from(failure.panicked));
                let text = format!("{}: {}", request.path(), failure.text);
                server.log(log::Level::Error, &text);
            }
            if is_upgrade {
                server.count_refusal(&answer.response);
                connection.refuse_upgrade(answer.response, &headers);
                return Answered::Over;
            }
            respond(server, answer.response, &headers, connection)
        }
    }
}

/// A connection that stays counts for its client, which may be behind a proxy.
fn claim(server: &Arc<Inner>, passed: Box<Passed>) -> Answered {
    let owner = server.owner(&passed.request);
    let assigned = match passed.connection.place() {
        Some(place) => server.connections.assign(place, owner),
        None => Ok(()),
    };
    match assigned {
        Ok(()) => Answered::Upgrade(passed),
        Err(refused) => {
            passed.refuse(&**server, http::text(503, refused.to_string()));
            Answered::Over
        }
    }
}

/// Answers what is not Primus's: with the application's own page, or 404. That
/// it may have asked for an upgrade is ignored, as HTTP allows.
fn outside(server: &Inner, request: &Request, mut connection: Box<http::Connection>) -> Answered {
    let fallback = server.fallback.read().unwrap_or_else(PoisonError::into_inner).clone();
    let response = match fallback {
        Some(answer) => match connection.body(server.limits.body as u64) {
            Ok(mut body) => page(server, &*answer, request, &mut body),
            Err(bad) => http::text(bad.status, bad.text),
        },
        None if server.is_closing() => http::text(503, "Service Unavailable"),
        None => http::text(404, "Not Found"),
    };
    respond(server, response, &HeaderSet::default(), connection)
}

fn page(server: &Inner, answer: &Fallback, request: &Request, body: &mut dyn Read) -> ResponseBox {
    catch(|| answer(request, body)).unwrap_or_else(|text| {
        server.metrics.panics.add(1);
        server.log(
            log::Level::Error,
            &format!("{}: request listener panicked: {text}", request.path()),
        );
        http::text(500, "Internal Server Error")
    })
}

/// Sends an answer.
fn respond(
    server: &Inner,
    response: ResponseBox,
    headers: &HeaderSet,
    mut connection: Box<http::Connection>,
) -> Answered {
    server.count_refusal(&response);
    match connection.respond(response, headers) {
        Ok(()) => Answered::Kept(connection),
        Err(_) => Answered::Over,
    }
}

impl Inner {
    fn count_refusal(&self, response: &ResponseBox) {
        let status = response.status_code().0;
        if status >= 400 {
            self.metrics.refused(status);
        }
    }
}

impl Host for Inner {
    fn pathname(&self) -> &str {
        &self.options.pathname
    }

    fn refused(&self, status: u16) {
        self.metrics.refused(status);
    }

    fn max_length(&self) -> usize {
        self.options.max_length
    }

    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn compression(&self) -> Option<&Compression> {
        Some(&self.options.compression).filter(|compression| compression.on)
    }

    fn owner(&self, request: &Request) -> Owner {
        Owner::of(self.options.trusted_proxies.counted(request))
    }

    fn is_closing(&self) -> bool {
        Inner::is_closing(self)
    }

    fn timer(&self) -> &Timer {
        &self.timer
    }

    fn send_later(&self, rest: Arc<dyn Backlog>, stream: Arc<Stream>) {
        self.flusher.take(rest, stream);
    }

    fn open(self: Arc<Self>, opening: Box<Opening>) -> Result<(), Refused> {
        session::open(&self, opening)
    }
}
