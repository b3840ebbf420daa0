//! The requests of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::cookies::Cookies;
use crate::client::url::encode;
use crate::error::Error;
use crate::http::client::Answer;
use crate::transformers::connect::Target;
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
    pub fn new(target: Target, format: Format, credentials: bool) -> Self {
        let (path, query) = target.path.split_once('?').unwrap_or((&target.path, ""));
        let path = path.strip_suffix('/').unwrap_or(path);
        // A server would see two of each.
        let query: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
        let query = query.join("&");
        let more = if query.is_empty() { "" } else { "&" };
        let jar = || Arc::new(Cookies::new(&target.host, target.secure, &format!("{path}/")));
        let cookies = credentials.then(jar);
        let path = format!("{path}/?{query}{more}EIO={}", format.revision.number());
        Requests { target, path, format, sid: String::new(), cookies, polled: Arc::default() }
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

    /// The target with the headers of a request.
    fn with_cookies(&self) -> Target {
        let mut target = self.target.clone();
        let value = self.cookies.as_ref().map(|cookies| cookies.value()).unwrap_or_default();
        if !value.is_empty() {
            let given = target.headers.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case("cookie"));
            match given {
                Some((_, given)) => given.extend(["; ", &value]),
                None => target.headers.push(("Cookie".into(), value)),
            }
        }
        target
    }

    /// The handshake, or a poll.
    pub fn poll(&self) -> Vec<u8> {
        self.with_cookies().head("GET", &self.path(Carrier::Polling), "").into_bytes()
    }

    /// A POST of a payload.
    pub fn post(&self, content: Content, body: &[u8]) -> Vec<u8> {
        let mime = match content {
            Content::Text => "text/plain;charset=UTF-8",
            Content::Binary => content.mime(),
        };
        let lines = format!("Content-Type: {mime}\r\nContent-Length: {}\r\n", body.len());
        let mut target = self.with_cookies();
        target.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let head = target.head("POST", &self.path(Carrier::Polling), &lines);
        [head.as_bytes(), body].concat()
    }

    /// Where to open a WebSocket.
    pub fn upgrade(&self) -> Target {
        Target { path: self.path(Carrier::Websocket), ..self.with_cookies() }
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
