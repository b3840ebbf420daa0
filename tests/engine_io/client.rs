//! An engine.io client of which the test says every request.

use std::net::SocketAddr;

use primus::Builder;

use crate::common::*;

/// These options with engine.io as the transformer.
pub fn engine(builder: Builder) -> Builder {
    builder.transformer("engine.io")
}

/// Connections that nobody speaks on may stay for as long as a test that does
/// much else may need.
pub fn patient() -> Builder {
    limited(|limits| {
        limits.keep_alive = 10 * PATIENCE;
        limits.head_timeout = 10 * PATIENCE;
    })
}

/// An engine.io server that echoes every message.
pub fn echo(builder: Builder) -> Server {
    Server::echo(engine(builder))
}

/// A request without a body, on a connection that stays.
pub fn get(query: &str) -> String {
    request("GET", query, "")
}

/// A request without a body; `headers` end in CR LF.
pub fn request(method: &str, query: &str, headers: &str) -> String {
    format!("{method} /primus/?{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")
}

/// A POST with this body.
pub fn post(query: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = format!("{headers}Content-Length: {}\r\n", body.len());
    [request("POST", query, &length).as_bytes(), body].concat()
}

/// Opens a new connection for one request.
pub fn ask(addr: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut peer = Peer::connect(addr);
    peer.send(bytes.as_ref());
    peer.read_response()
}

/// A client that polls, on one connection for its polls and one for its POSTs.
pub struct Client {
    pub addr: SocketAddr,
    pub revision: u8,
    pub sid: String,
    pub get: Peer,
    pub post: Peer,
    /// The answer to the handshake.
    pub opened: Response,
}

impl Client {
    /// Opens a session of revision 4.
    pub fn open(addr: SocketAddr) -> Client {
        Client::open_with(addr, 4, "")
    }

    /// Opens a session; `more` is put behind the query.
    pub fn open_with(addr: SocketAddr, revision: u8, more: &str) -> Client {
        let mut peer = Peer::connect(addr);
        let opened = peer.ask(&get(&format!("EIO={revision}&transport=polling{more}")));
        assert_eq!(opened.status, 200, "{opened:?}");
        let sid = sid_of(&opened.body);
        Client { addr, revision, sid, get: peer, post: Peer::connect(addr), opened }
    }

    /// The query of a request of this session.
    pub fn query(&self, transport: &str) -> String {
        format!("EIO={}&transport={transport}&sid={}", self.revision, self.sid)
    }

    /// Sends a poll.
    pub fn ask_poll(&mut self) {
        let poll = get(&self.query("polling"));
        self.get.send(poll.as_bytes());
    }

    /// Reads the packets that a poll is answered with.
    pub fn packets(&mut self) -> Vec<String> {
        let answer = self.get.read_response();
        assert_eq!(answer.status, 200, "{answer:?}");
        packets(self.revision, &answer.body)
    }

    /// Polls, and waits for the answer.
    pub fn poll(&mut self) -> Vec<String> {
        self.ask_poll();
        self.packets()
    }

    /// Polls until so many packets have come.
    pub fn poll_for(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(self.poll());
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Posts packets.
    pub fn send(&mut self, packets: &[&str]) -> Response {
        let body = payload(self.revision, packets);
        self.send_body("", body.as_bytes())
    }

    /// Posts a body as it is.
    pub fn send_body(&mut self, headers: &str, body: &[u8]) -> Response {
        let query = self.query("polling");
        self.post.send(&post(&query, headers, body));
        self.post.read_response()
    }

    /// Posts a packet, which must be accepted.
    pub fn say(&mut self, packet: &str) {
        let answer = self.send(&[packet]);
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{answer:?}");
    }

    /// Requests a WebSocket for this session.
    pub fn socket(&self) -> Peer {
        Peer::open_with(self.addr, &format!("/primus/?{}", self.query("websocket")), "")
    }

    /// Requests a WebSocket, and probes.
    pub fn probe(&self) -> Peer {
        let mut socket = self.socket();
        socket.text("2probe");
        assert_eq!(socket.expect_text(), "3probe");
        socket
    }

    /// Goes over to a WebSocket, as clients do: probes, waits until the poll is
    /// released, and confirms. Tells what the polls brought meanwhile.
    pub fn go_over(mut self) -> (Peer, Vec<String>) {
        self.ask_poll();
        let mut socket = self.probe();
        let mut brought = self.packets();
        brought.retain(|packet| packet != "6");
        socket.text("5");
        (socket, brought)
    }

    /// Whether the server knows this session, whatever carries it.
    pub fn is_known(&self) -> bool {
        // PUT does nothing to a session.
        let answer = ask(self.addr, request("PUT", &self.query("polling"), ""));
        !answer.body.contains("Session ID unknown")
    }

    /// Waits until the server has forgotten it.
    pub fn wait_forgotten(&self) {
        wait_until("the session is forgotten", || !self.is_known());
    }

    /// Ends the session as clients do.
    pub fn close(mut self) {
        self.say("1");
    }
}

/// The session's id in the answer to a handshake.
pub fn sid_of(body: &str) -> String {
    let (_, rest) = body.split_once("\"sid\":\"").expect("a handshake");
    rest.split('"').next().expect("a sid").to_owned()
}

/// A payload of text packets.
pub fn payload(revision: u8, packets: &[&str]) -> String {
    match revision {
        4 => packets.join("\x1e"),
        _ => packets.iter().map(|p| format!("{}:{p}", p.encode_utf16().count())).collect(),
    }
}

/// Takes such a payload apart.
pub fn packets(revision: u8, body: &str) -> Vec<String> {
    if revision == 4 {
        return body.split('\x1e').map(str::to_owned).collect();
    }
    let (mut found, mut rest) = (Vec::new(), body);
    while !rest.is_empty() {
        let (length, after) = rest.split_once(':').expect("a length");
        let (mut units, mut end) = (length.parse::<usize>().expect("a number"), 0);
        for c in after.chars() {
            if units == 0 {
                break;
            }
            units -= c.len_utf16();
            end += c.len_utf8();
        }
        assert_eq!(units, 0, "short payload {body:?}");
        found.push(after[..end].to_owned());
        rest = &after[end..];
    }
    found
}

/// A newcomer is served by this echo server.
pub fn still_serves(server: &Server) {
    let mut client = Client::open(server.addr);
    client.say("4\"still there?\"");
    assert_eq!(client.poll(), ["4\"still there?\""]);
    client.close();
}

/// The threads of a server that serves nobody: acceptor, broadcaster, flusher,
/// timer.
const THREADS: usize = 4;

/// What a process with one idle server uses. For tests that run alone.
pub struct Baseline {
    descriptors: usize,
}

impl Baseline {
    /// That of a server that has just started.
    pub fn of(server: &Server) -> Baseline {
        assert_eq!(server.primus.connected(), 0);
        wait_for("threads", THREADS, || server_threads().len());
        Baseline { descriptors: descriptors() }
    }

    /// Waits until the process uses no more than it did, with no client left
    /// in it.
    pub fn wait(&self) {
        self.wait_beside(0);
    }

    /// [`wait`](Self::wait), with so many descriptors of the test's own.
    pub fn wait_beside(&self, own: usize) {
        wait_for("threads", THREADS, || server_threads().len());
        wait_for("descriptors", self.descriptors + own, descriptors);
    }
}
