//! The requests of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::options::Transport;
use crate::error::Result;
use crate::http::client::{Answer, Cookies, Target};
use crate::id;

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    /// The pathname without a slash at its end.
    base: Target,
    /// Between that and the end of a session's paths.
    session: String,
    /// `withCredentials`: the cookies that go with them.
    cookies: Option<Arc<Cookies>>,
    /// Requests of the session that were answered well.
    good: Arc<AtomicU32>,
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
    /// Requests to this target. They all have its query and its headers. With
    /// `credentials`, also the cookies that its answers set.
    pub fn new(target: Target, credentials: bool) -> Self {
        let pathname = target.pathname.trim_end_matches('/').to_owned();
        let base = Target { pathname, ..target };
        let path = format!("{}/", base.pathname);
        let jar = || Arc::new(Cookies::new(&base.to.host, base.secure, &path));
        let cookies = credentials.then(jar);
        Requests { base, session: String::new(), cookies, good: Arc::default() }
    }

    /// Where they go.
    pub fn base(&self) -> &Target {
        &self.base
    }

    /// From now on for another session.
    pub fn renew(&mut self) -> Result<()> {
        let server = self.session.split('/').nth(1).map_or_else(server, str::to_owned);
        self.session = format!("/{server}/{}", session()?);
        Ok(())
    }

    /// Takes in the head of an answer.
    pub fn heard(&self, answer: &Answer) {
        if let Some(cookies) = &self.cookies {
            cookies.take(&answer.fields);
        }
    }

    /// A request of the session was answered well.
    pub fn good(&self) {
        self.good.fetch_add(1, Ordering::Relaxed);
    }

    /// What may have caused that the server does not know the session, if it can be
    /// guessed.
    pub fn hint(&self) -> &'static str {
        // Servers forget sessions that have been silent; but not at once.
        if self.good.load(Ordering::Relaxed) > 3 {
            return "";
        }
        "; it was opened just before, so there seem to be several servers behind this address, \
         which are told apart neither by a cookie nor by the path: set the transport option \
         `transports` to `websocket`"
    }

    /// The target of a request, which has this behind the pathname.
    fn target(&self, rest: &str) -> Target {
        let mut target = self.base.clone();
        target.pathname.push_str(rest);
        if let Some(cookies) = &self.cookies {
            cookies.join(&mut target.headers);
        }
        target
    }

    fn session_target(&self, end: &str) -> Target {
        self.target(&format!("{}/{end}", self.session))
    }

    /// Where the server tells of itself.
    pub fn info(&self) -> Target {
        self.target("/info")
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
        let mut target = self.session_target("xhr_send");
        target.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let length = body.len();
        let lines = format!("Content-Type: text/plain\r\nContent-Length: {length}\r\n");
        [target.head("POST", &lines).as_bytes(), body].concat()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::net::Waker;
    use crate::net::dial::Destination;

    fn requests(pathname: &str) -> Requests {
        let waker = Arc::new(Waker::new().unwrap());
        let host = "h".to_owned();
        let to = Destination { host, port: 80, connector: None, until: None, secure: None, waker };
        let (pathname, query) = (pathname.to_owned(), "a=b&_primuscb=x".to_owned());
        let headers = vec![("content-type".to_owned(), "a/b".to_owned())];
        Requests::new(
            Target { to, secure: false, pathname, query, headers, compression: false.into() },
            true,
        )
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
