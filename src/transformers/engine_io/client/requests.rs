//! The requests of a session.

use crate::error::Error;
use crate::http::client::Target;
use crate::http::encode;
use crate::transformers::engine_io::payload::Content;
use crate::transformers::engine_io::{Carrier, Format};
use crate::transformers::polled::client::Base;

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    /// With the query up to what is added to it.
    pub base: Base,
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
    /// Requests to this target, as for a [`Base`].
    pub fn new(mut target: Target, format: Format, credentials: bool) -> Self {
        if !target.pathname.ends_with('/') {
            target.pathname.push('/');
        }
        // A server would see two of each.
        let theirs = target.query.split('&').filter(|pair| !pair.is_empty() && !is_ours(pair));
        let version = format!("EIO={}", format.revision.number());
        target.query = theirs.chain([&*version]).collect::<Vec<_>>().join("&");
        Requests { base: Base::new(target, credentials), format, sid: String::new() }
    }

    /// From now on with the session's id.
    pub fn set_sid(&mut self, sid: &str) {
        self.sid = encode(sid);
    }

    /// What may have caused this refusal, if it can be guessed.
    pub fn hint(&self, refusal: &Error) -> &'static str {
        let unknown = matches!(refusal, Error::Refused { message, .. }
            if message.eq_ignore_ascii_case("Session ID unknown"));
        match self.base.has_cookies() {
            // The handshake counts too.
            _ if !unknown || !self.base.is_young(3) => "",
            false => {
                "; the session was opened just before, so there seem to be several servers behind \
                 this address: if they are told apart by a cookie, set the transport option \
                 `withCredentials` to `true`, else `transports` to `websocket`"
            }
            true => {
                "; the session was opened just before, so there seem to be several servers behind \
                 this address, which are not told apart by a cookie: set the transport option \
                 `transports` to `websocket`"
            }
        }
    }

    /// The target with the query and the headers of a request.
    fn request(&self, carrier: Carrier) -> Target {
        let mut target = self.base.request("");
        self.ask(&mut target.query, carrier);
        target
    }

    /// The handshake, or a poll.
    pub fn poll(&self) -> Vec<u8> {
        self.request(Carrier::Polling).get()
    }

    /// A POST of a payload.
    pub fn post(&self, content: Content, body: &[u8]) -> Vec<u8> {
        let mime = match content {
            Content::Text => "text/plain;charset=UTF-8",
            Content::Binary => content.mime(),
        };
        self.request(Carrier::Polling).post(mime, body)
    }

    /// Where to open a WebSocket.
    pub fn upgrade(&self) -> Target {
        self.request(Carrier::Websocket)
    }

    /// Adds to the query what a request asks for, in the order of
    /// engine.io-client.
    fn ask(&self, query: &mut String, carrier: Carrier) {
        let sid = if self.sid.is_empty() { String::new() } else { format!("&sid={}", self.sid) };
        // So that no cache ever takes two requests for the same.
        let t: String = (0..8).map(|_| fastrand::alphanumeric()).collect();
        let t = format!("&t={t}");
        let b64 = if self.format.b64 { "&b64=1" } else { "" };
        query.extend(match carrier {
            Carrier::Polling => ["&transport=polling", &t, b64, &sid],
            Carrier::Websocket => ["&transport=websocket", &sid, &t, b64],
        });
    }
}
