//! The requests of a session.

use crate::client::transport::Target;
use crate::client::url::encode;
use crate::transformers::engine_io::payload::Content;
use crate::transformers::engine_io::{Carrier, Format};

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    target: Target,
    /// The path with its slash, and the query up to what is added to it.
    path: String,
    format: Format,
    /// Percent-encoded; empty before the handshake.
    sid: String,
}

/// Whether a parameter of the query is the protocol's own.
fn is_ours(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    ["EIO", "transport", "sid", "t", "b64", "j"].contains(&name)
}

impl Requests {
    /// Requests to this target. They all have its query and its headers.
    pub fn new(target: Target, format: Format) -> Self {
        let (path, query) = target.path.split_once('?').unwrap_or((&target.path, ""));
        let path = path.strip_suffix('/').unwrap_or(path);
        // A server would see two of each.
        let query: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
        let query = query.join("&");
        let more = if query.is_empty() { "" } else { "&" };
        let path = format!("{path}/?{query}{more}EIO={}", format.revision.number());
        Requests { target, path, format, sid: String::new() }
    }

    /// Where they go.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// From now on with the session's id.
    pub fn set_sid(&mut self, sid: &str) {
        self.sid = encode(sid);
    }

    /// The handshake, or a poll.
    pub fn poll(&self) -> Vec<u8> {
        self.target.head("GET", &self.path(Carrier::Polling), "").into_bytes()
    }

    /// A POST of a payload.
    pub fn post(&self, content: Content, body: &[u8]) -> Vec<u8> {
        let mime = match content {
            Content::Text => "text/plain;charset=UTF-8",
            Content::Binary => content.mime(),
        };
        let lines = format!("Content-Type: {mime}\r\nContent-Length: {}\r\n", body.len());
        let mut target = self.target.clone();
        target.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let head = target.head("POST", &self.path(Carrier::Polling), &lines);
        [head.as_bytes(), body].concat()
    }

    /// Where to open a WebSocket.
    pub fn upgrade(&self) -> Target {
        Target { path: self.path(Carrier::Websocket), ..self.target.clone() }
    }

    /// Path and query, in the order of engine.io-client.
    fn path(&self, carrier: Carrier) -> String {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        // So that no cache ever takes two requests for the same.
        let t: String = (0..8).map(|_| fastrand::alphanumeric()).collect();
        let b64 = if self.format.b64 { "&b64=1" } else { "" };
        match carrier {
            Carrier::Polling => format!("{}&transport=polling&t={t}{b64}{sid}", self.path),
            Carrier::Websocket => format!("{}&transport=websocket{sid}&t={t}{b64}", self.path),
        }
    }
}
