//! The server side: which session a request belongs to, and what is answered
//! to those that belong to none.
//!
//! - `polling`: the requests of sessions that poll;
//! - `upgrade`: WebSockets, from the start or in place of the polls;
//! - `live`: a session between the HTTP connections and its spark;
//! - `source`: what the client sends, on its way to the spark's thread;
//! - `wire`: what goes to the client over a WebSocket.

mod live;
mod polling;
mod query;
mod sessions;
mod source;
mod upgrade;
mod wire;

use std::sync::Arc;

use tiny_http::{Method, ResponseBox};

use self::query::{Asked, Carrier};
use self::sessions::Sessions;
use super::options::Options;
use super::{Format, Revision};
use crate::http::{self, Connection, Request};
use crate::transformers::{Host, Opening, Passed, Transformer};

/// Serves `engine.io` clients.
pub(crate) struct EngineIo {
    options: Arc<Options>,
    sessions: Arc<Sessions>,
}

impl EngineIo {
    /// A server with these options, and no sessions yet.
    pub(crate) fn new(options: Options) -> Self {
        EngineIo { options: Arc::new(options), sessions: Arc::default() }
    }

    /// Whether a carrier is switched on.
    fn offers(&self, carrier: Carrier) -> bool {
        match carrier {
            Carrier::Polling => self.options.polling,
            Carrier::WebSocket => self.options.websocket,
        }
    }

    /// The carrier that a request names, if it is one that is served.
    fn carrier(&self, asked: &Asked) -> Result<Carrier, Fault> {
        asked.carrier.filter(|carrier| self.offers(*carrier)).ok_or(Fault::Transport)
    }

    /// The format of a new session.
    fn format(&self, asked: &Asked) -> Result<Format, Fault> {
        let revision = asked.revision;
        if revision == Revision::V3 && !self.options.allow_eio3 {
            return Err(Fault::Version);
        }
        let double = revision == Revision::V3 && self.options.double_encoding;
        Ok(Format { revision, b64: asked.b64, double })
    }
}

impl Transformer for EngineIo {
    fn request(&self, host: &Arc<dyn Host>, mut passed: Box<Passed>) -> Option<Box<Connection>> {
        let asked = Asked::of(&passed.request);
        let found = self.carrier(&asked).and_then(|carrier| match &asked.sid {
            Some(sid) => {
                let live = self.sessions.find(sid).ok_or(Fault::Session)?;
                if carrier != Carrier::Polling || live.revision() != asked.revision {
                    return Err(Fault::Request);
                }
                Ok(Some(live))
            }
            None if *passed.request.method() != Method::Get => Err(Fault::Method),
            None if carrier != Carrier::Polling => Err(Fault::Request),
            None => Ok(None),
        });
        match found {
            Ok(Some(live)) => match passed.request.method() {
                Method::Get => polling::get(&live, &mut passed),
                Method::Post => polling::post(&live, &mut passed),
                _ => Some(tiny_http::Response::empty(500).boxed()),
            }
            .answer(passed),
            Ok(None) => match self.format(&asked) {
                Ok(format) => polling::open(self, host, passed, &asked, format),
                Err(fault) => passed.respond(&**host, fault.response()),
            },
            Err(fault) => passed.respond(&**host, fault.response()),
        }
    }

    fn upgrade(&self, host: &Arc<dyn Host>, passed: Box<Passed>) -> Option<Box<Opening>> {
        let asked = Asked::of(&passed.request);
        let found = self.carrier(&asked).and_then(|carrier| match &asked.sid {
            Some(sid) => {
                let live = self.sessions.find(sid).ok_or(Fault::Session)?;
                let sound = carrier == Carrier::WebSocket && live.revision() == asked.revision;
                if sound { Ok(Some(live)) } else { Err(Fault::Request) }
            }
            None if *passed.request.method() != Method::Get => Err(Fault::Method),
            None if carrier != Carrier::WebSocket => Err(Fault::Request),
            None => Ok(None),
        });
        match found {
            Ok(Some(live)) => {
                upgrade::probe(&live, &**host, passed);
                None
            }
            Ok(None) => match self.format(&asked) {
                Ok(format) => upgrade::open(self, host, passed, format),
                Err(fault) => {
                    passed.refuse(&**host, fault.refusal());
                    None
                }
            },
            Err(fault) => {
                passed.refuse(&**host, fault.refusal());
                None
            }
        }
    }

    fn carries(&self, request: &Request) -> bool {
        Asked::of(request).sid.is_some_and(|sid| self.sessions.find(&sid).is_some())
    }
}

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Transport,
    Session,
    Method,
    Request,
    Version,
}

impl Fault {
    fn code_and_message(self) -> (u8, &'static str) {
        match self {
            Fault::Transport => (0, "Transport unknown"),
            Fault::Session => (1, "Session ID unknown"),
            Fault::Method => (2, "Bad handshake method"),
            Fault::Request => (3, "Bad request"),
            Fault::Version => (5, "Unsupported protocol version"),
        }
    }

    /// The answer to a plain request.
    fn response(self) -> ResponseBox {
        let (code, message) = self.code_and_message();
        let body = format!(r#"{{"code":{code},"message":"{message}"}}"#);
        http::typed(400, "application/json", body)
    }

    /// The answer to an upgrade.
    fn refusal(self) -> ResponseBox {
        http::typed(400, "text/html", self.code_and_message().1)
    }
}
