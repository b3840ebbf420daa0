//! A SockJS client of which the test says every request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use primus::Builder;

pub use super::requests::{ask, post, request};
use super::*;

/// The receivers that are asked for with POST, and those with GET.
pub const POSTED: [&str; 2] = ["xhr", "xhr_streaming"];
pub const GOT: [&str; 3] = ["eventsource", "htmlfile", "jsonp"];

/// What a request of an unknown session, or for an unknown page, is answered with.
pub const NOT_FOUND: &str = "404 Error: Page not found\n";

/// What the server says to a receiver that is not the first.
pub const ANOTHER: &str = "c[2010,\"Another connection still open\"]";

/// What the server says at a session's end.
pub const CLOSED: &str = "c[1000,\"Normal closure\"]";

/// The message by which a spark that ends for good says so.
pub const GOODBYE: &str = r#"a["\"primus::server::close\""]"#;

/// These options with sockjs as the transformer.
pub fn sockjs(builder: Builder) -> Builder {
    builder.transformer("sockjs")
}

/// A server that echoes every message.
pub fn echo(builder: Builder) -> Server {
    Server::echo(sockjs(builder))
}

/// Asks for the frames of a session, or begins one: the request of one receiver.
pub fn receive(session: &str, receiver: &str) -> Vec<u8> {
    if POSTED.contains(&receiver) {
        return post(&format!("{session}/{receiver}"), "", "");
    }
    let query = if receiver == "eventsource" { "" } else { "?c=cb" };
    request("GET", &format!("{session}/{receiver}{query}"), "").into_bytes()
}

/// A session's path that no other has.
pub fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("/000/s{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A client that polls, on one connection for its polls and one for what it sends.
pub struct Client {
    pub addr: SocketAddr,
    /// `/server/session`
    pub session: String,
    pub polls: Peer,
    pub posts: Peer,
}

impl Client {
    /// Opens a session by a poll.
    pub fn open(addr: SocketAddr) -> Client {
        Client::open_as(addr, &fresh())
    }

    /// Opens the session with this path.
    pub fn open_as(addr: SocketAddr, session: &str) -> Client {
        let mut client = Client {
            addr,
            session: session.to_owned(),
            polls: Peer::connect(addr),
            posts: Peer::connect(addr),
        };
        assert_eq!(client.poll(), "o");
        client
    }

    /// Sends a poll.
    pub fn ask_poll(&mut self) {
        self.polls.send(&receive(&self.session, "xhr"));
    }

    /// Reads what a poll is answered with: a frame.
    pub fn frame(&mut self) -> String {
        let answer = self.polls.read_response();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body.strip_suffix('\n').expect("a frame, and a line break").to_owned()
    }

    /// Polls, and waits for the answer.
    pub fn poll(&mut self) -> String {
        self.ask_poll();
        self.frame()
    }

    /// Polls until so many messages have come.
    pub fn messages(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(messages(&self.poll()));
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Posts a body as it is.
    pub fn send(&mut self, body: impl AsRef<[u8]>) -> Response {
        self.posts.send(&post(&format!("{}/xhr_send", self.session), "", body));
        self.posts.read_response()
    }

    /// Sends a message, which must be accepted.
    pub fn say(&mut self, message: &str) {
        let answer = self.send(serde_json::to_string(&[message]).expect("JSON"));
        assert_eq!((answer.status, &*answer.body), (204, ""), "{answer:?}");
    }

    /// Sends a message, which must come back.
    pub fn round(&mut self, message: &str) {
        self.say(message);
        assert_eq!(self.messages(1), [message]);
    }

    /// Whether the server knows this session, or knew it a moment ago.
    pub fn is_known(&self) -> bool {
        is_known(self.addr, &self.session)
    }
}

/// Whether the server knows a session, or knew it a moment ago.
pub fn is_known(addr: SocketAddr, session: &str) -> bool {
    // Nothing is sent by this.
    let answer = ask(addr, post(&format!("{session}/xhr_send"), "", "[]"));
    answer.status == 204
}

/// The messages of a frame.
pub fn messages(frame: &str) -> Vec<String> {
    let array = frame.strip_prefix('a').unwrap_or_else(|| panic!("no messages: {frame}"));
    serde_json::from_str(array).unwrap_or_else(|e| panic!("{e}: {frame}"))
}

/// A receiver that stays: a stream.
pub struct Stream {
    pub peer: Peer,
    pub head: String,
    receiver: &'static str,
    rest: String,
}

impl Stream {
    /// Asks for the frames of a session, which is a new one, or has no receiver.
    pub fn open(addr: SocketAddr, session: &str, receiver: &'static str) -> Stream {
        let mut peer = Peer::connect(addr);
        peer.send(&receive(session, receiver));
        Stream::on(peer, receiver)
    }

    /// Reads the beginning of an answer that was asked for.
    pub fn on(mut peer: Peer, receiver: &'static str) -> Stream {
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut stream = Stream { peer, head, receiver, rest: String::new() };
        let prelude = stream.prelude();
        while stream.rest.len() < prelude {
            assert!(stream.more(), "no prelude: {}", stream.rest);
        }
        stream.rest.drain(..prelude);
        stream
    }

    fn prelude(&self) -> usize {
        match self.receiver {
            "xhr_streaming" => 2049,
            "eventsource" => 2,
            "htmlfile" => 1027 + "cb".len(),
            _ => 0,
        }
    }

    /// Reads some more; false at the end of the answer.
    fn more(&mut self) -> bool {
        let Some(chunk) = self.peer.read_chunk() else { return false };
        self.rest.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        true
    }

    /// The next frame, as it stands in the answer.
    pub fn raw(&mut self) -> String {
        self.next_raw().expect("the answer ended")
    }

    fn marks(&self) -> (&'static str, &'static str) {
        match self.receiver {
            "eventsource" => ("data: ", "\r\n\r\n"),
            "htmlfile" => ("<script>\np(", ");\n</script>\r\n"),
            _ => ("", "\n"),
        }
    }

    fn next_raw(&mut self) -> Option<String> {
        let (_, behind) = self.marks();
        loop {
            match self.rest.find(behind) {
                Some(at) => return Some(self.rest.drain(..at + behind.len()).collect()),
                None if self.more() => {}
                None => {
                    assert_eq!(self.rest, "", "half a frame");
                    return None;
                }
            }
        }
    }

    /// The next frame; `None` at the end of the answer.
    pub fn next(&mut self) -> Option<String> {
        let (before, behind) = self.marks();
        let frame = self.next_raw()?;
        let inner = frame.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
        let inner = inner.unwrap_or_else(|| panic!("no frame: {frame:?}"));
        Some(match self.receiver {
            "eventsource" => inner.replace("%25", "%"),
            "htmlfile" => serde_json::from_str(inner).expect("a string"),
            _ => inner.to_owned(),
        })
    }

    /// The next frame, which there must be.
    pub fn frame(&mut self) -> String {
        self.next().expect("the answer ended")
    }

    /// The next frames up to so many messages.
    pub fn messages(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(messages(&self.frame()));
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }
}

/// A newcomer is served by this echo server.
pub fn still_serves(server: &Server) {
    let mut client = Client::open(server.addr);
    client.round("\"still there?\"");
}
