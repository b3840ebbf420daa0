//! One TCP connection, on its own thread: HTTP first, and after an upgrade the
//! life of a spark. (Before that, on another thread, the TLS handshake.)

use std::io::Read;
use std::net::Shutdown;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tiny_http::ResponseBox;

use crate::error::catch;
use crate::http::server::{self as http, Accepted, HeaderSet, Next, Parked, Request, Served};
use crate::middleware::Exchange;
use crate::net::Stream;
use crate::server::inner::Fallback;
use crate::server::inner::Inner;
use crate::server::mount::Mount;
use crate::server::{life, thread};
use crate::transformers::CustomTransformer;
use crate::transformers::port::Which;
use crate::transformers::serve::{After, Host, Opening, Passed, Upgraded};

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

/// Serves a connection on which a transformer of the application's own speaks.
pub(super) fn serve_as(
    server: &Arc<Inner>,
    which: Which,
    transformer: &dyn CustomTransformer,
    accepted: &Accepted,
) {
    thread::serve(server);
    prepare(server, &accepted.stream);
    match catch(|| transformer.open(&accepted.stream, server.options.max_length)) {
        Ok(Ok(opened)) => {
            let request = Request::none(accepted.remote).over(&accepted.stream);
            let opening = Box::new(opened.on(accepted.stream.clone(), request));
            return life::run(server, which, opening);
        }
        Ok(Err(error)) => log::debug!("{}: {error}", transformer.name()),
        Err(panic) => {
            server.metrics.panics.add(1);
            let text = format!("{}: opening a connection panicked: {panic}", transformer.name());
            server.log(log::Level::Error, &text);
        }
    }
    accepted.stream.shutdown(Shutdown::Both);
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
        Ok(Conversed::Opened(which, opening)) => life::run(server, which, opening),
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
    /// A spark of this transformer takes the connection over.
    Opened(Which, Box<Opening>),
    /// It may go on when the client says something, or at this time.
    Idle(Box<http::Connection>, Instant),
}

/// Answers requests until the connection ends, becomes a spark's or waits for its
/// client for long.
#[inline(never)]
fn converse(server: &Arc<Inner>, mut connection: Box<http::Connection>) -> Conversed {
    // Of the transformer that the request before was for.
    let mut mounted: Option<(Which, Arc<dyn Host>)> = None;
    loop {
        connection = match next(server, connection) {
            Answered::Kept(kept) => kept,
            // From here, with nothing of what was done before left on the stack.
            Answered::Passed(which, passed) => {
                let (_, host) = match &mut mounted {
                    Some(mounted) if mounted.0 == which => mounted,
                    mounted => mounted.insert((which, Arc::new(Mount::new(server, which)))),
                };
                match server.port.transformer(which).request(host, passed) {
                    After::Kept(kept) => kept,
                    After::Over => return Conversed::Over,
                }
            }
            Answered::Upgrade(which, passed) => {
                let host: Arc<dyn Host> = Arc::new(Mount::new(server, which));
                return match server.port.transformer(which).upgrade(&host, passed) {
                    Upgraded::Spark(opening) => Conversed::Opened(which, opening),
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
    /// The middleware has let it pass: this transformer answers it.
    Passed(Which, Box<Passed>),
    /// The same, and it asks for an upgrade.
    Upgrade(Which, Box<Passed>),
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
    if !ours || (server.is_closing() && !is_carried(server, &request)) {
        return outside(server, &request, connection);
    }
    let is_upgrade = request.is_upgrade();
    let mut exchange = Exchange::new(&request, is_upgrade).over(&mut connection);
    let passed = server.middleware.run(&mut exchange);
    let (headers, extensions) = exchange.into_parts();
    match passed {
        Ok(()) => {
            let which = server.port.find(&request, &server.options.pathname);
            let passed = Box::new(Passed { request, extensions, headers, connection });
            match which {
                Some(which) if is_upgrade => claim(server, which, passed),
                Some(which) => Answered::Passed(which, passed),
                None => nobodys(server, is_upgrade, passed),
            }
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

/// Whether it belongs to a session that is open, while the server shuts down.
#[cold]
fn is_carried(server: &Arc<Inner>, request: &Request) -> bool {
    let which = server.port.find(request, &server.options.pathname);
    which.is_some_and(|which| {
        let mount = Mount::new(server, which);
        server.port.transformer(which).carries(&mount, request)
    })
}

/// Answers what no transformer of the server knows.
#[cold]
#[inline(never)]
#[allow(clippy::boxed_local)] // from its box it would be copied to the stack
fn nobodys(server: &Arc<Inner>, is_upgrade: bool, passed: Box<Passed>) -> Answered {
    let response = http::text(404, "Not Found");
    let Passed { headers, mut connection, .. } = *passed;
    if !is_upgrade {
        return respond(server, response, &headers, connection);
    }
    server.count_refusal(&response);
    connection.refuse_upgrade(response, &headers);
    Answered::Over
}

/// A connection that stays counts for its client, which may be behind a proxy.
fn claim(server: &Arc<Inner>, which: Which, passed: Box<Passed>) -> Answered {
    let owner = server.owner(&passed.request);
    let assigned = match passed.connection.place() {
        Some(place) => server.connections.assign(place, owner),
        None => Ok(()),
    };
    match assigned {
        Ok(()) => Answered::Upgrade(which, passed),
        Err(refused) => {
            let host = Mount::new(server, which);
            passed.refuse(&host, http::text(503, refused.to_string()));
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
