//! The requests of a session.

use super::options::Transport;
use crate::http::client::Target;
use crate::transformers::polled::client::Base;

/// See the module.
#[derive(Clone)]
pub(super) struct Requests {
    pub base: Base,
    /// The session's id.
    id: String,
}

impl Requests {
    /// Requests to this target, as for a [`Base`].
    pub fn new(target: Target, credentials: bool) -> Self {
        Requests { base: Base::below(target, credentials), id: String::new() }
    }

    /// From now on for the session with this id.
    pub fn renew(&mut self, id: String) {
        self.id = id;
    }

    /// What may have caused that the server does not know the session, if it can be
    /// guessed.
    pub fn hint(&self) -> &'static str {
        if !self.base.is_young(2) {
            return "";
        }
        "; it has just given out its id, so there seem to be several servers behind this \
         address, which are not told apart by a cookie"
    }

    /// Where the server gives out ids.
    pub fn handshake(&self) -> Target {
        self.base.request("/1/")
    }

    /// Where a transport opens the session, or goes on with it.
    pub fn transport(&self, transport: Transport) -> Target {
        self.base.request(&format!("/1/{}/{}", transport.name(), self.id))
    }

    /// A poll.
    pub fn poll(&self) -> Vec<u8> {
        self.transport(Transport::XhrPolling).get()
    }

    /// A POST of a payload.
    pub fn post(&self, body: &[u8]) -> Vec<u8> {
        self.transport(Transport::XhrPolling).post("text/plain;charset=UTF-8", body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_follows_every_path() {
        let target = Target::example("/primus//", "a=b&_primuscb=x");
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
