//! The server side: requests to sessions and back.
//!
//! - `state`: what a server has;
//! - `handshakes`: ids that were given out and are not used yet;
//! - `pages`: what is answered without a session;
//! - `polling`: the requests of sessions whose clients have no WebSocket;
//! - `upgrade`: WebSockets, and `wire` what goes to the client over one.

mod handshakes;
mod pages;
mod polling;
mod state;
mod upgrade;
mod wire;

use std::sync::Arc;

pub(crate) use self::state::SocketIo;
use super::route::{self, Ask, Asked, Wrong};
use crate::http::server::{Owner, Request};
use crate::transformers::polled::serve::make_room;
use crate::transformers::serve::{After, Host, Passed, Transformer, Upgraded};

/// What a request asks for.
fn ask<'a>(host: &dyn Host, request: &'a Request) -> Result<Asked<'a>, Wrong> {
    let leaves = request.query_param("disconnect").is_some();
    route::ask(request.path(), host.pathname(), request.method().as_str(), leaves)
}

impl Transformer for SocketIo {
    fn request(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> After {
        let Asked { ask, session } = match ask(&**host, &passed.request) {
            Ok(asked) => asked,
            Err(wrong) => return passed.respond(&**host, pages::wrong(wrong)),
        };
        let session = session.to_owned();
        match ask {
            Ask::Greeting => passed.respond(&**host, pages::greeting()),
            Ask::Handshake => polling::handshake(self, host, passed),
            Ask::Disconnect => polling::disconnect(self, &**host, passed, &session),
            Ask::Receive(kind) if self.offers(kind) => {
                polling::receive(self, host, passed, kind, session)
            }
            Ask::Send(kind) if self.offers(kind) => {
                polling::send(self, &**host, passed, kind, &session)
            }
            Ask::Websocket => passed.respond(&**host, pages::no_upgrade()),
            Ask::Receive(_) | Ask::Send(_) => passed.respond(&**host, pages::wrong(Wrong::Page)),
        }
    }

    fn upgrade(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> Upgraded {
        let refusal = match ask(&**host, &passed.request) {
            Ok(Asked { ask: Ask::Websocket, session }) if self.offers(route::Kind::Websocket) => {
                let session = session.to_owned();
                return upgrade::open(self, host, passed, session);
            }
            // Nothing is begun or ended by a request for something else.
            Ok(Asked { ask: Ask::Websocket, .. }) => pages::wrong(Wrong::Page),
            Ok(_) => pages::no_websocket(),
            Err(wrong) => pages::wrong(wrong),
        };
        passed.refuse(&**host, refusal);
        Upgraded::Over
    }

    fn make_room(&self, of: Option<Owner>) -> bool {
        make_room(&self.sessions, of)
    }

    fn carries(&self, host: &dyn Host, request: &Request) -> bool {
        route::session(request.path(), host.pathname()).is_some_and(|session| {
            // An id that was given out is told that there is no room any more.
            self.sessions.find(session).is_some()
                || self.farewell(host, session).is_some()
                || self.handshakes.knows(session)
        })
    }
}
