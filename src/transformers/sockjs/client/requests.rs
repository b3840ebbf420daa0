//! The requests of a session.

use super::options::Transport;
use crate::error::Result;
use crate::http::client::Target;
use crate::id;
use crate::transformers::polled::client::Base;

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    pub base: Base,
    /// Between its pathname and the end of a session's paths.
    session: String,
}

/// One of 1000: so that a load balancer may tell by it which server has the
/// session.
fn server() -> String {
    format!("{:03}", fastrand::u16(..1000))
}

/// What others must not guess: who knows it can speak in the session's name.
fn session() -> Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let mut bytes = [0; 8];
    id::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| LETTERS[usize::from(byte % 32)] as char).collect())
}

impl Requests {
    /// Requests to this target, as for a [`Base`].
    pub fn new(target: Target, credentials: bool) -> Self {
        Requests { base: Base::below(target, credentials), session: String::new() }
    }

    /// From now on for another session.
    pub fn renew(&mut self) -> Result<()> {
        let server = self.session.split('/').nth(1).map_or_else(server, str::to_owned);
        self.session = format!("/{server}/{}", session()?);
        Ok(())
    }

    /// What may have caused that the server does not know the session, if it can be
    /// guessed.
    pub fn hint(&self) -> &'static str {
        if !self.base.is_young(3) {
            return "";
        }
        "; it was opened just before, so there seem to be several servers behind this address, \
         which are told apart neither by a cookie nor by the path: set the transport option \
         `transports` to `websocket`"
    }

    fn session_target(&self, end: &str) -> Target {
        self.base.request(&format!("{}/{end}", self.session))
    }

    /// Where the server tells of itself.
    pub fn info(&self) -> Target {
        self.base.request("/info")
    }

    /// Where a transport opens the session, or goes on with it.
    pub fn receiver(&self, transport: Transport) -> Target {
        self.session_target(transport.path())
    }

    /// The request of one that is no WebSocket.
    pub fn receive(&self, transport: Transport) -> Vec<u8> {
        self.receiver(transport).head("POST", "Content-Length: 0\r\n").into_bytes()
    }

    /// A POST of messages.
    pub fn send(&self, body: &[u8]) -> Vec<u8> {
        self.session_target("xhr_send").post("text/plain", body)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn requests(pathname: &str) -> Requests {
        Requests::new(Target::example(pathname, "a=b&_primuscb=x"), true)
    }

    #[test]
    fn the_query_follows_every_path() {
        let mut requests = requests("/primus");
        assert_eq!(requests.info().pathname, "/primus/info");
        requests.renew().unwrap();
        for transport in [Transport::Websocket, Transport::XhrStreaming, Transport::XhrPolling] {
            let target = requests.receiver(transport);
            assert_eq!(target.query, "a=b&_primuscb=x");
            let parts: Vec<_> = target.pathname.split('/').collect();
            let ["", "primus", server, session, end] = parts[..] else { panic!("{parts:?}") };
            assert!(server.len() == 3 && server.bytes().all(|c| c.is_ascii_digit()), "{server}");
            let legal = |c| matches!(c, b'a'..=b'z' | b'0'..=b'5');
            assert!(session.len() == 8 && session.bytes().all(legal), "{session}");
            assert_eq!(end, transport.path());
        }
        let send = String::from_utf8(requests.send(b"[]")).unwrap();
        let (line, rest) = send.split_once("\r\n").unwrap();
        assert!(line.ends_with("/xhr_send?a=b&_primuscb=x HTTP/1.1"), "{line}");
        let lines = "Host: h\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n[]";
        assert_eq!(rest, lines);
    }

    #[test]
    fn sessions_differ_on_one_server() {
        let mut requests = requests("/a/b//");
        let mut seen = HashSet::new();
        let mut servers = HashSet::new();
        for _ in 0..100 {
            requests.renew().unwrap();
            let path = requests.receiver(Transport::XhrPolling).pathname;
            let parts: Vec<_> = path.split('/').collect();
            assert_eq!(parts[..3], ["", "a", "b"]);
            servers.insert(parts[3].to_owned());
            assert!(seen.insert(parts[4].to_owned()));
        }
        assert_eq!(servers.len(), 1);
    }
}
