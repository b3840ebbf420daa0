//! The server side: requests to sessions and back.
//!
//! - `protocol`: the machine of a session as `transformers::polled` drives it;
//! - `polling`: the requests of sessions that poll;
//! - `upgrade`: WebSockets, from the start or in place of the polls;
//! - `probing`: one that is to take the place of the polls;
//! - `wire`: what goes to the client over a WebSocket.

mod polling;
mod probing;
mod protocol;
#[cfg(test)]
mod tests;
mod upgrade;
mod wire;

use std::sync::Arc;

use tiny_http::{Method, Response, ResponseBox};

use self::protocol::{Live, Shared};
use super::options::Options;
use super::request::{Ask, Head, Query, Refusal};
use super::session::server::Session;
use crate::http::server::{self as http, Owner, Request};
use crate::protocol::Generation;
use crate::transformers::engine_io::payload::Content;
use crate::transformers::engine_io::{Format, Revision};
use crate::transformers::polled::farewells::Farewells;
use crate::transformers::polled::guesses::Guesses;
use crate::transformers::polled::serve::make_room;
use crate::transformers::polled::sessions::Sessions;
use crate::transformers::serve::{After, Host, Passed, Transformer, Upgraded};
use crate::transformers::websockets;

/// The answer to a poll.
type Answer = (Content, Vec<u8>);

/// Serves `engine.io` clients.
pub(crate) struct EngineIo {
    shared: Arc<Shared>,
    sessions: Arc<Sessions<Live>>,
    guesses: Guesses,
}

impl EngineIo {
    /// A server with these options, and no sessions yet.
    pub(crate) fn new(options: Options) -> Self {
        EngineIo {
            shared: Arc::new(Shared { options, farewells: Farewells::default() }),
            sessions: Arc::default(),
            guesses: Guesses::default(),
        }
    }

    /// What a request is, and the session that it is for.
    #[inline(never)]
    fn ask(&self, request: &Request, upgrade: bool) -> Result<(Ask, Option<Arc<Live>>), Refusal> {
        let query = Query::of(request.query_pairs());
        let live = query.sid().and_then(|sid| self.sessions.find(sid));
        let method = request.method().to_string();
        let head = Head { method: &method, upgrade, origin: request.header("origin") };
        let session = live
            .as_ref()
            .and_then(|live| Some((live.look(Session::carrier)?, live.fixed().format.revision)));
        match query.ask(head, self.shared.options.allowed, session) {
            Ok(ask) => Ok((ask, live)),
            Err(refusal) => Err(refusal),
        }
    }

    /// The answer to a poll that comes just after its session's end, if one is
    /// owed.
    fn farewell(&self, host: &dyn Host, request: &Request) -> Option<Answer> {
        let query = Query::of(request.query_pairs());
        let polls = query.polls() && *request.method() == Method::Get;
        let sid = query.sid().filter(|_| polls)?;
        self.shared.farewells.take(sid, host.timer().now())
    }

    /// Refuses a plain request, unless it is a poll that crossed with the end of
    /// its session.
    #[inline(never)]
    fn refuse(&self, host: &dyn Host, passed: Box<Passed>, refusal: Refusal) -> After {
        let unknown = refusal == Refusal::UnknownSession;
        if unknown && let Some((content, body)) = self.farewell(host, &passed.request) {
            return passed.reply(content.mime(), body);
        }
        let refusal = self.count(host, &passed.request, refusal);
        passed.respond(host, answer(refusal))
    }

    /// Counts the refusal of a request for a session that is unknown.
    fn count(&self, host: &dyn Host, request: &Request, refusal: Refusal) -> Refusal {
        let unknown = refusal == Refusal::UnknownSession;
        let guesses = unknown && self.guesses.is_one_too_many(host, request);
        if guesses { Refusal::Guesses } else { refusal }
    }
}

impl Transformer for EngineIo {
    fn request(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> After {
        match self.ask(&passed.request, false) {
            Ok((Ask::Open { format, jsonp, .. }, _)) => {
                polling::open(self, host, passed, format, jsonp)
            }
            Ok((Ask::Get, Some(live))) => polling::get(self, &live, &**host, passed),
            Ok((Ask::Post, Some(live))) => polling::post(&live, &**host, passed),
            Ok(_) => self.refuse(&**host, passed, Refusal::Mismatch),
            Err(refusal) => self.refuse(&**host, passed, refusal),
        }
    }

    fn upgrade(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded {
        match self.ask(&passed.request, true) {
            Ok((Ask::Open { format, .. }, _)) => return upgrade::open(self, host, passed, format),
            Ok((Ask::Upgrade, Some(live))) => upgrade::probe(&live, &**host, passed),
            Ok(_) => upgrade::refuse(&**host, passed, Refusal::Mismatch),
            Err(refusal) => {
                let refusal = self.count(&**host, &passed.request, refusal);
                upgrade::refuse(&**host, passed, refusal);
            }
        }
        Upgraded::Over
    }

    fn make_room(&self, of: Option<Owner>) -> bool {
        make_room(&self.sessions, of)
    }

    fn carries(&self, _: &dyn Host, request: &Request) -> bool {
        let query = Query::of(request.query_pairs());
        query.sid().is_some_and(|sid| self.sessions.find(sid).is_some())
    }
}

/// What the protocol shows of the client's generation.
fn generation(request: &Request, format: Format) -> Generation {
    match websockets::server::generation(request) {
        Generation::Detect if format.revision == Revision::V4 => Generation::ServerPings,
        found => found,
    }
}

/// The answer to a plain request that is refused.
fn answer(refusal: Refusal) -> ResponseBox {
    match refusal.body() {
        body if body.is_empty() => Response::empty(refusal.status()).boxed(),
        body => http::typed(refusal.status(), "application/json", body),
    }
}
