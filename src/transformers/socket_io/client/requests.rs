//! The requests of a session.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::options::Transport;
use crate::http::client::{Answer, Cookies, Target};

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    /// The pathname without a slash at its end.
    base: Target,
    /// The session's id.
    id: String,
    /// `withCredentials`: the cookies that go with them.
    cookies: Option<Arc<Cookies>>,
    /// Requests of the session that were answered well.
    good: Arc<AtomicU32>,
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
        Requests { base, id: String::new(), cookies, good: Arc::default() }
    }

    /// Where they go.
    pub fn base(&self) -> &Target {
        &self.base
    }

    /// From now on for the session with this id.
    pub fn renew(&mut self, id: String) {
        (self.id, self.good) = (id, Arc::default());
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
        if self.good.load(Ordering::Relaxed) > 2 {
            return "";
        }
        "; it has just given out its id, so there seem to be several servers behind this \
         address, which are not told apart by a cookie"
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

    /// Where the server gives out ids.
    pub fn handshake(&self) -> Target {
        self.target("/1/")
    }

    /// Where a transport opens the session, or goes on with it.
    pub fn transport(&self, transport: Transport) -> Target {
        self.target(&format!("/1/{}/{}", transport.name(), self.id))
    }

    /// A poll.
    pub fn poll(&self) -> Vec<u8> {
        self.transport(Transport::XhrPolling).head("GET", "").into_bytes()
    }

    /// A POST of a payload.
    pub fn post(&self, body: &[u8]) -> Vec<u8> {
        let mut target = self.transport(Transport::XhrPolling);
        target.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        let length = body.len();
        let lines =
            format!("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n");
        [target.head("POST", &lines).as_bytes(), body].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Waker;
    use crate::net::dial::Destination;

    #[test]
    fn the_query_follows_every_path() {
        let waker = Arc::new(Waker::new().unwrap());
        let host = "h".to_owned();
        let to = Destination { host, port: 80, connector: None, until: None, secure: None, waker };
        let (pathname, query) = ("/primus//".to_owned(), "a=b&_primuscb=x".to_owned());
        let headers = vec![("content-type".to_owned(), "a/b".to_owned())];
        let compression = false.into();
        let target = Target { to, secure: false, pathname, query, headers, compression };
        let mut requests = Requests::new(target, true);
        assert_eq!(requests.handshake().pathname, "/primus/1/");
        requests.renew("abc".to_owned());
        assert_eq!(requests.transport(Transport::Websocket).pathname, "/primus/1/websocket/abc");
        let line = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let poll = line(requests.poll());
        let wanted = "GET /primus/1/xhr-polling/abc?a=b&_primuscb=x HTTP/1.1\r\nHost: h\r\n";
        assert!(poll.starts_with(wanted), "{poll}");
        let post = line(requests.post(b"3:::1"));
        assert!(post.starts_with("POST /primus/1/xhr-polling/abc?a=b&_primuscb=x "), "{post}");
        let rest =
            "Host: h\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 5\r\n\r\n3:::1";
        assert!(post.ends_with(rest), "{post}");
    }
}
