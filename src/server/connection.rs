//! One TCP connection, on its own thread: HTTP first, and after an upgrade the
//! life of a spark.

use std::cell::Cell;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use tiny_http::ResponseBox;

use crate::http::{self, Accepted, HeaderSet, Next, Request};
use crate::middleware::{Defaults, Exchange, Middleware};
use crate::options::Options;
use crate::server::{Fallback, Inner, life};
use crate::transformers::{Host, Opening, Source, Upgrade};

thread_local! {
    /// The server whose connection this thread serves, by address; 0 for other
    /// threads.
    static SERVER: Cell<usize> = const { Cell::new(0) };
}

/// Whether the calling thread is that of a connection of this server.
pub(super) fn is_thread_of(server: &Arc<Inner>) -> bool {
    SERVER.get() == Arc::as_ptr(server) as usize
}

/// Serves a connection to its end.
pub(super) fn serve(server: &Arc<Inner>, accepted: Accepted) {
    SERVER.set(Arc::as_ptr(server) as usize);
    accepted.stream.set_nodelay();
    if let Some(bytes) = server.options.send_buffer {
        accepted.stream.set_send_buffer(bytes);
    }
    let mut connection = http::Connection::new(accepted, server.limits.clone());
    loop {
        match connection.next_request() {
            Next::Request(request) => match answer(server, request, connection) {
                Some(kept) => connection = kept,
                None => return,
            },
            Next::Refused(status) => return server.metrics.refused(status),
            Next::Closed => return,
        }
    }
}

/// Answers a request; gives the connection back unless it was taken over or
/// has ended.
fn answer(
    server: &Arc<Inner>,
    request: Request,
    mut connection: http::Connection,
) -> Option<http::Connection> {
    let ours = request.path().starts_with(&server.options.pathname);
    if !ours || server.is_closing() {
        return outside(server, &request, connection);
    }
    let is_upgrade = request.is_upgrade();
    let mut exchange = Exchange::new(&request, is_upgrade);
    let passed = server.middleware.run(&mut exchange);
    let (headers, extensions) = exchange.into_parts();
    let response = match passed {
        Ok(()) if is_upgrade => {
            let upgrade = Upgrade { request, extensions, headers, connection };
            server.transformer.upgrade(&Sparks(server), upgrade);
            return None;
        }
        Ok(()) => server.transformer.request(&request),
        Err(answer) => {
            server.metrics.panics.add(usize::from(answer.panic.is_some()));
            answer.response
        }
    };
    respond(server, is_upgrade, response, &headers, &mut connection).then_some(connection)
}

/// Answers what is not Primus's: with the application's own page, or 404.
fn outside(
    server: &Inner,
    request: &Request,
    mut connection: http::Connection,
) -> Option<http::Connection> {
    let fallback = server.fallback.read().unwrap_or_else(PoisonError::into_inner).clone();
    let response = match fallback {
        Some(answer) => match connection.body(server.limits.body as u64) {
            Ok(mut body) => page(server, &*answer, request, &mut body),
            Err(bad) => http::text(bad.status, bad.text),
        },
        None if server.is_closing() => http::text(503, "Service Unavailable"),
        None => http::text(404, "Not Found"),
    };
    let headers = HeaderSet::default();
    respond(server, request.is_upgrade(), response, &headers, &mut connection).then_some(connection)
}

fn page(server: &Inner, answer: &Fallback, request: &Request, body: &mut dyn Read) -> ResponseBox {
    catch_unwind(AssertUnwindSafe(|| answer(request, body))).unwrap_or_else(|panic| {
        server.metrics.panics.add(1);
        let text = life::panic_text(&*panic);
        server.log(
            log::Level::Error,
            &format!("{}: request listener panicked: {text}", request.path()),
        );
        http::text(500, "Internal Server Error")
    })
}

/// Sends an answer; an upgrade that is answered is refused, in the raw form.
/// True when the connection can take another request.
fn respond(
    server: &Inner,
    is_upgrade: bool,
    response: ResponseBox,
    headers: &HeaderSet,
    connection: &mut http::Connection,
) -> bool {
    let status = response.status_code().0;
    if status >= 400 {
        server.metrics.refused(status);
    }
    if is_upgrade {
        connection.refuse_upgrade(response, headers);
        return false;
    }
    connection.respond(response, headers).is_ok()
}

/// What transformers see of the server.
struct Sparks<'a>(&'a Arc<Inner>);

impl Host for Sparks<'_> {
    fn run(&self, opening: Opening, source: Box<dyn Source>) {
        life::run(self.0, opening, source);
    }

    fn refused(&self, status: u16) {
        self.0.metrics.refused(status);
    }

    fn max_length(&self) -> usize {
        self.0.options.max_length
    }

    fn control_frames(&self) -> u32 {
        self.0.limits.control_frames
    }
}

/// The version of Primus whose protocol is spoken.
const PRIMUS_VERSION: &str = "8.0.9";

/// The spec document, with the keys and their order as Primus has them.
pub(super) fn spec(options: &Options) -> String {
    let interval = match options.heartbeat.ping_interval {
        Some(interval) => interval.as_millis().to_string(),
        None => "false".to_owned(),
    };
    let text = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        r#"{{"pingInterval":{interval},"pathname":{},"version":"{PRIMUS_VERSION}","parser":{},"transformer":{}}}"#,
        text(&options.pathname),
        text(options.parser.name()),
        text(options.transformer),
    )
}

/// The layers that every server begins with.
pub(super) fn default_middleware(options: &Options) -> Middleware {
    let spec = spec(options);
    let defaults = Defaults {
        pathname: options.pathname.clone(),
        proxies: options.trusted_proxies.clone(),
        cors: options.cors.clone(),
        authorization: options.authorization.clone(),
        spec: Box::new(move || spec.clone()),
        library: Box::new(|| None),
    };
    defaults.middleware()
}
