//! A server of Socket.IO 0.9 that does what a test tells it, request by request.

use primus::{Client, ClientBuilder};

pub use crate::script::Request;
use crate::script::{Of, Script};
use crate::server::{Peer, SOON};

/// What the server says of a session.
pub const HANDSHAKE: &str =
    "8dOl1SEjOJ2t3ar8-TRe:60:60:websocket,htmlfile,xhr-polling,jsonp-polling";

pub const WAYS: [&str; 2] = ["websocket", "xhr-polling"];

pub enum SocketIo {}

pub type Server = Of<SocketIo>;

impl Server {
    /// A client that does not reconnect, with these transports, each of which has
    /// time.
    pub fn client(&self, transports: &str) -> ClientBuilder {
        let client =
            Script::client(self, "socket.io").strategy("off").transport("transports", transports);
        client.transport("connect timeout", "20000")
    }

    /// The next request for a session.
    #[track_caller]
    pub fn shake(&self) -> Request {
        self.next(|request| request.is("GET") && request.path() == "/primus/1/")
    }

    /// The next poll.
    #[track_caller]
    pub fn poll(&self) -> Request {
        self.next(|request| request.is("GET") && request.path().contains("/xhr-polling/"))
    }

    /// A client of this transport, and what carries its session: open.
    #[track_caller]
    pub fn open(&self, way: &str) -> (Client, Line<'_>) {
        self.open_as(self.client(way), way, HANDSHAKE)
    }

    /// The same with a client and a handshake of the test's own.
    #[track_caller]
    pub fn open_as(&self, client: ClientBuilder, way: &str, told: &str) -> (Client, Line<'_>) {
        let client = client.build().unwrap();
        self.shake().answer(told);
        let mut line = self.line(way);
        line.say("1::");
        client.wait_open(SOON).unwrap();
        (client, line)
    }

    /// What is to carry a session: nothing was said on it yet.
    #[track_caller]
    pub fn line(&self, way: &str) -> Line<'_> {
        match way {
            "websocket" => Line::Socket(self.accept()),
            _ => Line::Poll(self, self.poll()),
        }
    }
}

/// What carries a session to the client.
pub enum Line<'a> {
    Socket(Peer),
    Poll(&'a Server, Request),
}

impl Line<'_> {
    /// Says packets.
    #[track_caller]
    pub fn say(&mut self, packets: &str) {
        match self {
            Line::Socket(peer) => peer.text(packets),
            Line::Poll(server, poll) => {
                poll.answer(packets);
                *poll = server.poll();
            }
        }
    }

    /// Says the last packets.
    pub fn say_last(&mut self, packets: &str) {
        match self {
            Line::Poll(_, poll) => poll.answer(packets),
            line => line.say(packets),
        }
    }

    /// What the client says: packets, as they are sent.
    #[track_caller]
    pub fn hear(&mut self) -> String {
        match self {
            Line::Socket(peer) => peer.read_text(),
            Line::Poll(server, _) => {
                let post = server.post();
                post.answer("1");
                post.body
            }
        }
    }

    /// Closes the connection.
    pub fn cut(&self) {
        match self {
            Line::Socket(peer) => drop(peer.stream.shutdown(std::net::Shutdown::Both)),
            Line::Poll(_, request) => request.cut(),
        }
    }
}
