//! The requests of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::Error;
use crate::http::client::{Answer, Cookies, Target};
use crate::http::encode;
use crate::transformers::engine_io::payload::Content;
use crate::transformers::engine_io::{Carrier, Format};

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    /// With the query up to what is added to it.
    target: Target,
    format: Format,
    /// Percent-encoded; empty before the handshake.
    sid: String,
    /// `withCredentials`: the cookies that go with them.
    cookies: Option<Arc<Cookies>>,
    /// Answers to polls, the handshake included.
    polled: Arc<AtomicU32>,
}

/// Whether a parameter of the query is the protocol's own.
fn is_ours(pair: &str) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    ["EIO", "transport", "sid", "t", "b64", "j"].contains(&name)
}

impl Requests {
    /// Requests to this target. They all have its query and its headers.
    /// With `credentials`, also the cookies that its answers set.
    pub fn new(mut target: Target, format: Format, credentials: bool) -> Self {
        if !target.pathname.ends_with('/') {
            target.pathname.push('/');
        }
        // A server would see two of each.
        let theirs = target.query.split('&').filter(|pair| !pair.is_empty() && !is_ours(pair));
        let version = format!("EIO={}", format.revision.number());
        target.query = theirs.chain([&*version]).collect::<Vec<_>>().join("&");
        let jar = || Arc::new(Cookies::new(&target.to.host, target.secure, &target.pathname));
        let cookies = credentials.then(jar);
        Requests { target, format, sid: String::new(), cookies, polled: Arc::default() }
    }

    /// Where they go.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// From now on with the session's id.
    pub fn set_sid(&mut self, sid: &str) {
        self.sid = encode(sid);
    }

    /// Takes in the head of an answer.
    pub fn heard(&self, answer: &Answer) {
        if let Some(cookies) = &self.cookies {
            cookies.take(&answer.fields);
        }
    }

    /// A poll, or the handshake, was answered.
    pub fn polled(&self) {
        self.polled.fetch_add(1, Ordering::Relaxed);
    }

    /// What may have caused this refusal, if it can be guessed.
    pub fn hint(&self, refusal: &Error) -> &'static str {
        let unknown = matches!(refusal, Error::Refused { message, .. }
            if message.eq_ignore_ascii_case("Session ID unknown"));
        match &self.cookies {
            // Servers forget sessions that have been silent; but not at once.
            _ if !unknown || self.polled.load(Ordering::Relaxed) > 3 => "",
            None => {
                "; the session was opened just before, so there seem to be several servers behind \
                 this address: if they are told apart by a cookie, set the transport option \
                 `withCredentials` to `true`, else `transports` to `websocket`"
            }
            Some(_) => {
                "; the session was opened just before, so there seem to be several servers behind \
                 this address, which are not told apart by a cookie: set the transport option \
                 `transports` to `websocket`"
            }
        }
    }

    /// The target with the query and the headers of a request.
    fn request(&self, carrier: Carrier) -> Target {
        let mut target = self.target.clone();
        self.ask(&mut target.query, carrier);
        if let Some(cookies) = &self.cookies {
            cookies.join(&mut target.headers);
        }
        target
    }

    /// The handshake, or a poll.
    pub fn poll(&self) -> Vec<u8> {
        self.request(Carrier::Polling).head("GET", "").into_bytes()
    }

    /// A POST of a payload.
    pub fn post(&self, content: Content, body: &[u8]) -> Vec<u8> {
        let mime = match content {
            Content::Text => "text/plain;charset=UTF-8",
            Content::Binary => content.mime(),
        };
        let lines = format!("Content-Type: {mime}\r\nContent-Length: {}\r\n", body.len());
        let mut target = self.request(Carrier::Polling);
        target.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let head = target.head("POST", &lines);
        [head.as_bytes(), body].concat()
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
