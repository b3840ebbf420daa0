//! A server of SockJS that does what a test tells it, request by request.

use primus::{Client, ClientBuilder};

pub use crate::script::Request;
use crate::script::{Of, Script};
use crate::server::{Peer, SOON};

/// What the server says of itself.
pub const INFO: &str =
    r#"{"websocket":true,"origins":["*:*"],"cookie_needed":false,"entropy":4282603419}"#;

pub const WAYS: [&str; 3] = ["websocket", "xhr-streaming", "xhr-polling"];

pub enum Sockjs {}

pub type Server = Of<Sockjs>;

impl Server {
    /// A client that does not reconnect, with these transports, each of which has
    /// time.
    pub fn client(&self, transports: &str) -> ClientBuilder {
        let client =
            Script::client(self, "sockjs").strategy("off").transport("transports", transports);
        client.transport("timeout", "20000")
    }

    /// The next request to this path of a session, or below the pathname.
    #[track_caller]
    pub fn to(&self, end: &str) -> Request {
        self.next(|request| request.path().ends_with(&format!("/{end}")))
    }

    /// The first request, answered.
    #[track_caller]
    pub fn inform(&self) {
        self.to("info").answer(INFO);
    }

    /// A client of this transport, and what carries its session: open.
    #[track_caller]
    pub fn open(&self, way: &str) -> (Client, Line<'_>) {
        self.open_as(self.client(way), way)
    }

    /// The same with a client of the test's own.
    #[track_caller]
    pub fn open_as(&self, client: ClientBuilder, way: &str) -> (Client, Line<'_>) {
        let client = client.build().unwrap();
        self.inform();
        let mut line = self.line(way);
        line.say("o");
        client.wait_open(SOON).unwrap();
        (client, line)
    }

    /// What is to carry a session: nothing was said on it yet.
    #[track_caller]
    pub fn line(&self, way: &str) -> Line<'_> {
        match way {
            "websocket" => Line::Socket(self.accept()),
            "xhr-streaming" => {
                let stream = self.to("xhr_streaming");
                stream.begin();
                stream.chunk(&format!("{}\n", "h".repeat(2048)));
                Line::Stream(stream)
            }
            _ => Line::Poll(self, self.to("xhr")),
        }
    }
}

/// What carries a session to the client.
pub enum Line<'a> {
    Socket(Peer),
    Stream(Request),
    Poll(&'a Server, Request),
}

impl Line<'_> {
    /// Says a frame.
    #[track_caller]
    pub fn say(&mut self, frame: &str) {
        match self {
            Line::Socket(peer) => peer.text(frame),
            Line::Stream(stream) => stream.chunk(&format!("{frame}\n")),
            Line::Poll(server, poll) => {
                poll.answer(&format!("{frame}\n"));
                *poll = server.to("xhr");
            }
        }
    }

    /// Says the last frame.
    pub fn say_last(&mut self, frame: &str) {
        match self {
            Line::Poll(_, poll) => poll.answer(&format!("{frame}\n")),
            line => line.say(frame),
        }
    }

    /// Closes the connection.
    pub fn cut(&self) {
        match self {
            Line::Socket(peer) => drop(peer.stream.shutdown(std::net::Shutdown::Both)),
            Line::Stream(request) | Line::Poll(_, request) => request.cut(),
        }
    }
}

impl Request {
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap()
    }

    /// The two parts of the path that name the session.
    pub fn ids(&self) -> [&str; 2] {
        let mut parts = self.path().rsplit('/').skip(1);
        let session = parts.next().unwrap();
        [parts.next().unwrap(), session]
    }

    /// Begins with an answer that has no length.
    pub fn begin(&self) {
        self.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    }

    pub fn chunk(&self, text: &str) {
        self.send(format!("{:x}\r\n{text}\r\n", text.len()));
    }

    /// Ends such an answer.
    pub fn end(&self) {
        self.send("0\r\n\r\n");
    }

    /// Answers a POST of messages.
    pub fn taken(&self) {
        self.send("HTTP/1.1 204 No Content\r\n\r\n");
    }
}
