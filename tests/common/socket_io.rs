//! A Socket.IO 0.9 client of which the test says every request.

use std::net::SocketAddr;

use primus::Builder;

pub use super::requests::{ask, post, request};
use super::*;

/// What is said of a session that there is not.
pub const UNKNOWN: &str = "7:::1+0";

/// The message by which a spark that ends for good says so.
pub const GOODBYE: &str = "3:::\"primus::server::close\"";

/// The transports that poll or stream.
pub const RECEIVERS: [&str; 3] = ["xhr-polling", "jsonp-polling", "htmlfile"];

/// These options with socket.io as the transformer.
pub fn socket_io(builder: Builder) -> Builder {
    builder.transformer("socket.io")
}

/// A server that echoes every message.
pub fn echo(builder: Builder) -> Server {
    Server::echo(socket_io(builder))
}

/// The id of a handshake.
pub fn handshake(addr: SocketAddr) -> String {
    handshake_with(addr, "")
}

/// The id of a handshake with this query, which begins with `?`.
pub fn handshake_with(addr: SocketAddr, query: &str) -> String {
    let answer = ask(addr, request("GET", &format!("/1/{query}"), ""));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.split(':').next().expect("an id").to_owned()
}

/// Several packets as one payload.
pub fn payload(packets: &[&str]) -> String {
    let framed = |packet: &&str| {
        let length = packet.encode_utf16().count();
        format!("\u{fffd}{length}\u{fffd}{packet}")
    };
    match packets {
        [alone] => (*alone).to_owned(),
        packets => packets.iter().map(framed).collect(),
    }
}

/// The packets of a payload.
pub fn packets(text: &str) -> Vec<String> {
    if !text.starts_with('\u{fffd}') {
        return vec![text.to_owned()];
    }
    let (mut rest, mut packets) = (text, Vec::new());
    while let Some(framed) = rest.strip_prefix('\u{fffd}') {
        let (length, behind) = framed.split_once('\u{fffd}').expect("a length");
        let mut left: usize = length.parse().expect("a length");
        let mut chars = behind.chars();
        let mut packet = String::new();
        while left > 0 {
            let next = chars.next().expect("a whole packet");
            left -= next.len_utf16();
            packet.push(next);
        }
        packets.push(packet);
        rest = chars.as_str();
    }
    assert_eq!(rest, "", "{text}");
    packets
}

/// A client that polls, on one connection for its polls and one for what it says.
pub struct Client {
    pub addr: SocketAddr,
    pub id: String,
    pub transport: &'static str,
    pub polls: Peer,
    pub posts: Peer,
}

impl Client {
    /// Opens a session by polls.
    pub fn open(addr: SocketAddr) -> Client {
        Client::open_by(addr, "xhr-polling")
    }

    /// Opens a session by polls of this kind.
    pub fn open_by(addr: SocketAddr, transport: &'static str) -> Client {
        let (id, polls, posts) = (handshake(addr), Peer::connect(addr), Peer::connect(addr));
        let mut client = Client { addr, id, transport, polls, posts };
        assert_eq!(client.poll(), "1::");
        client
    }

    /// The path of its requests.
    pub fn path(&self) -> String {
        format!("/1/{}/{}", self.transport, self.id)
    }

    /// Sends a poll.
    pub fn ask_poll(&mut self) {
        let query = if self.transport == "jsonp-polling" { "?i=7" } else { "" };
        let request = request("GET", &format!("{}{query}", self.path()), "");
        self.polls.send(request.as_bytes());
    }

    /// Reads what a poll is answered with: a payload.
    pub fn answer(&mut self) -> String {
        let answer = self.polls.read_response();
        assert_eq!(answer.status, 200, "{answer:?}");
        if self.transport != "jsonp-polling" {
            return answer.body;
        }
        let call = answer.body.strip_prefix("io.j[7](").and_then(|call| call.strip_suffix(");"));
        serde_json::from_str(call.expect("a call")).expect("a string")
    }

    /// Polls, and waits for the answer.
    pub fn poll(&mut self) -> String {
        self.ask_poll();
        self.answer()
    }

    /// Polls until so many packets have come.
    pub fn packets(&mut self, count: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < count {
            all.extend(packets(&self.poll()));
        }
        assert_eq!(all.len(), count, "{all:?}");
        all
    }

    /// Posts a payload.
    pub fn send(&mut self, text: &str) -> Response {
        let path = self.path();
        let post = match self.transport {
            "jsonp-polling" => {
                let text = serde_json::to_string(text).expect("a string");
                let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
                let form = "Content-Type: application/x-www-form-urlencoded\r\n";
                post(&path, form, format!("d={escaped}"))
            }
            _ => post(&path, "", text),
        };
        self.posts.send(&post);
        self.posts.read_response()
    }

    /// Sends packets, which must be accepted.
    pub fn say(&mut self, packets: &[&str]) {
        let answer = self.send(&payload(packets));
        assert_eq!((answer.status, &*answer.body), (200, "1"), "{answer:?}");
    }

    /// Sends a message, which must come back.
    pub fn round(&mut self, text: &str) {
        let packet = format!("3:::{text}");
        self.say(&[&packet]);
        assert_eq!(self.packets(1), [packet]);
    }
}

/// Opens a WebSocket of a session that may begin; the server has said so.
pub fn websocket(addr: SocketAddr) -> (Peer, String) {
    let id = handshake(addr);
    let mut peer = Peer::connect(addr);
    peer.shake(&format!("/primus/1/websocket/{id}"), "");
    assert_eq!(peer.expect_text(), "1::");
    (peer, id)
}

/// A stream of scripts.
pub struct Page {
    pub peer: Peer,
    pub head: String,
    rest: String,
}

impl Page {
    /// Asks for the stream of a session, and reads what comes before the first packet.
    pub fn open(addr: SocketAddr, id: &str) -> Page {
        let mut peer = Peer::connect(addr);
        peer.send(request("GET", &format!("/1/htmlfile/{id}"), "").as_bytes());
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let mut page = Page { peer, head, rest: String::new() };
        while page.rest.len() < 256 {
            assert!(page.more(), "no prelude: {}", page.rest);
        }
        page.rest.drain(..256);
        page
    }

    fn more(&mut self) -> bool {
        let Some(chunk) = self.peer.read_chunk() else { return false };
        self.rest.push_str(std::str::from_utf8(&chunk).expect("whole characters"));
        true
    }

    /// The next packet; `None` at the end of the answer.
    pub fn next(&mut self) -> Option<String> {
        const BEHIND: &str = ");</script>";
        loop {
            if let Some(at) = self.rest.find(BEHIND) {
                let script: String = self.rest.drain(..at + BEHIND.len()).collect();
                let inner = script.strip_prefix("<script>_(").expect("a script");
                let literal = inner.strip_suffix(BEHIND).expect("a script");
                return Some(serde_json::from_str(literal).expect("a string"));
            }
            if !self.more() {
                assert_eq!(self.rest, "", "half a script");
                return None;
            }
        }
    }

    /// The next packet, which there must be.
    pub fn packet(&mut self) -> String {
        self.next().expect("the answer ended")
    }
}

/// A newcomer is served by this echo server.
pub fn still_serves(server: &Server) {
    let mut client = Client::open(server.addr);
    client.round("\"still there?\"");
}
