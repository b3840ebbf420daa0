//! What a request asks for.

use crate::http::Request;
use crate::transformers::engine_io::{Revision, jsonp};

/// Longest session id that is looked up; ours have 20 characters.
const SID_MAX: usize = 64;

/// What carries a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// GET and POST requests.
    Polling,
    /// A WebSocket.
    WebSocket,
}

/// The query of a request, as far as it is the protocol's.
#[derive(Debug)]
pub(super) struct Asked {
    /// `None`: one that does not exist, or nothing that makes sense.
    pub carrier: Option<Carrier>,
    pub revision: Revision,
    /// The session that it belongs to; `None` for a handshake.
    pub sid: Option<String>,
    /// Whether the client wants text only.
    pub b64: bool,
    /// The number of the function that a JSONP client wants called.
    pub jsonp: Option<String>,
}

impl Asked {
    /// Reads the query. A parameter that is there twice has no meaning: neither
    /// of its values counts.
    pub fn of(request: &Request) -> Self {
        let mut asked =
            Asked { carrier: None, revision: Revision::V3, sid: None, b64: false, jsonp: None };
        let (mut transport, mut eio, mut sid) = (Once::Never, Once::Never, Once::Never);
        for (key, value) in request.query_pairs() {
            match &*key {
                "transport" => transport.put(value.into_owned()),
                "EIO" => eio.put(value.into_owned()),
                "sid" => sid.put(value.into_owned()),
                "b64" => asked.b64 |= !value.is_empty(),
                "j" if asked.jsonp.is_none() => asked.jsonp = Some(jsonp::number(&value)),
                _ => {}
            }
        }
        asked.carrier = transport.value().and_then(|name| match &*name {
            "polling" => Some(Carrier::Polling),
            "websocket" => Some(Carrier::WebSocket),
            _ => None,
        });
        asked.revision = Revision::of_query(eio.value().as_deref());
        asked.sid = match sid {
            // As engine.io, an empty one is none.
            Once::Value(sid) if sid.is_empty() => None,
            Once::Value(sid) if sid.len() <= SID_MAX => Some(sid),
            Once::Value(_) | Once::Twice => Some(String::new()),
            Once::Never => None,
        };
        asked
    }
}

/// A parameter that should be there once.
enum Once {
    Never,
    Value(String),
    Twice,
}

impl Once {
    fn put(&mut self, value: String) {
        *self = match self {
            Once::Never => Once::Value(value),
            _ => Once::Twice,
        };
    }

    fn value(self) -> Option<String> {
        match self {
            Once::Value(value) => Some(value),
            _ => None,
        }
    }
}
