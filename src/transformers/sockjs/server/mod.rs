//! The server side: requests to sessions and back.
//!
//! - `state`: what a server has;
//! - `pages`: what is answered without a session;
//! - `polling`: the requests of sessions whose clients have no WebSocket;
//! - `upgrade`: WebSockets; `socket` what comes over one, `heartbeat` its pings,
//!   `wire` what goes to the client;
//! - `md5`: the tag of the page for iframes.

mod heartbeat;
mod md5;
mod pages;
mod polling;
mod socket;
mod state;
mod upgrade;
mod wire;

use std::sync::Arc;

use tiny_http::ResponseBox;

pub(crate) use self::state::SockJs;
use super::receivers::Kind;
use super::route::{self, Ask, Asked, Wrong};
use crate::http::server::{Owner, Request};
use crate::transformers::polled::serve::make_room;
use crate::transformers::serve::{After, Host, Passed, Transformer, Upgraded};

/// What a request asks for.
fn ask<'a>(host: &dyn Host, request: &'a Request) -> Result<Asked<'a>, Wrong> {
    route::ask(request.path(), host.pathname(), request.method().as_str())
}

fn wrong(wrong: Wrong) -> ResponseBox {
    match wrong {
        Wrong::Page => pages::not_found(),
        Wrong::Method(allow) => pages::not_allowed(allow),
    }
}

impl Transformer for SockJs {
    fn request(&self, host: &Arc<dyn Host>, mut passed: Box<Passed>) -> After {
        let Passed { request, headers, .. } = &mut *passed;
        let Asked { ask, route, session } = match ask(&**host, request) {
            Ok(asked) => asked,
            Err(error) => return passed.respond(&**host, wrong(error)),
        };
        pages::decorate(self.options(), ask, route, request, headers);
        if let Some(page) = self.page(ask, request) {
            return passed.respond(&**host, page);
        }
        let session = session.to_owned();
        match ask {
            Ask::Receive(kind) => polling::receive(self, host, passed, kind, session),
            Ask::Send(by) => polling::send(self, &**host, passed, by, &session),
            Ask::ChunkingTest => pages::chunking_test(host, passed),
            _ => passed.respond(&**host, pages::methods(route)),
        }
    }

    fn upgrade(&self, host: &Arc<dyn Host>, mut passed: Box<Passed>) -> Upgraded {
        let Passed { request, headers, .. } = &mut *passed;
        let refusal = match ask(&**host, request) {
            Ok(Asked { ask: Ask::Websocket | Ask::RawWebsocket, .. })
                if !self.options().websocket =>
            {
                pages::disabled_for_long()
            }
            Ok(Asked { ask: Ask::Websocket, .. }) => return upgrade::framed(self, host, passed),
            Ok(Asked { ask: Ask::RawWebsocket, .. }) => return upgrade::raw(host, passed),
            Ok(Asked { ask, route, .. }) => {
                pages::decorate(self.options(), ask, route, request, headers);
                match (ask, self.page(ask, request)) {
                    (_, Some(page)) => {
                        passed.connection.refuse_upgrade(page, &passed.headers);
                        return Upgraded::Over;
                    }
                    (Ask::Options, None) => pages::methods(route),
                    // A session is not begun by a request for a WebSocket that is to
                    // be had elsewhere.
                    _ => pages::text(400, pages::NO_WEBSOCKET),
                }
            }
            Err(error) => wrong(error),
        };
        passed.refuse(&**host, refusal);
        Upgraded::Over
    }

    fn make_room(&self, of: Option<Owner>) -> bool {
        make_room(&self.sessions, of)
    }

    /// An event source that is told 503 never comes back, so it is told otherwise.
    fn carries(&self, host: &dyn Host, request: &Request) -> bool {
        let event_source = Ask::Receive(Kind::EventSource);
        ask(host, request).is_ok_and(|asked| asked.ask == event_source)
            || route::session(request.path(), host.pathname()).is_some_and(|session| {
                self.sessions.find(session).is_some() || self.farewell(host, session).is_some()
            })
    }
}
