//! An engine.io client of which the test says every request.

use std::net::SocketAddr;

use primus::{Builder, EndOptions, Ended, ManualClock, Primus, Spark};

use super::*;

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

/// What a request of an unknown session is answered with.
pub const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

/// The packet by which a spark that ends for good says so.
pub const GOODBYE: &str = "4\"primus::server::close\"";

/// How to end a spark whose client may, or may not, reconnect.
pub fn ending(reconnect: bool) -> EndOptions {
    EndOptions::default().reconnect(reconnect)
}

/// Polls until the close packet comes; tells what came before.
pub fn poll_to_the_end(client: &mut Client) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    while all.last().is_none_or(|last| last != "1") {
        all.extend(client.poll());
    }
    all.pop();
    all
}

/// A server without Primus's own pings.
pub fn quiet(clock: &ManualClock) -> Server {
    echo(Primus::builder().clock(clock).ping_interval(None))
}

/// Waits until the spark has ended; tells by what.
pub fn ended(server: &Server, spark: &Spark) -> Ended {
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    spark.close_reason().unwrap().by
}

/// Waits until the server has seen what the client said before.
pub fn seen(client: &mut Client) {
    client.say("4\"seen\"");
    assert_eq!(client.poll(), ["4\"seen\""]);
}

/// Begins a POST of so many bytes, and returns when the server waits for them.
pub fn begin_post(client: &Client, length: usize) -> Peer {
    let mut peer = Peer::connect(client.addr);
    let headers = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n");
    peer.send(request("POST", &client.query("polling"), &headers).as_bytes());
    assert!(peer.read_head().starts_with("HTTP/1.1 100 "));
    peer
}

/// The numbers at the beginning of messages `4[number,…]`.
pub fn numbers(packets: &[String]) -> Vec<u32> {
    let number = |packet: &String| {
        let (number, _) = packet.strip_prefix("4[").unwrap().split_once(',').unwrap();
        number.parse().unwrap()
    };
    packets.iter().map(number).collect()
}

/// Polls until a message that is `"end"`.
pub fn poll_to_end(client: &mut Client) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    while all.last().is_none_or(|last| last != "4\"end\"") {
        all.extend(client.poll());
    }
    all.pop();
    all
}

/// More than the buffers of two sockets take.
pub const LONG: usize = 12 << 20;

/// A client whose poll is answered with more than it reads.
pub fn unread(server: &Server) -> (Client, Spark) {
    let mut client = Client::open(server.addr);
    let spark = server.primus.spark(&client.sid).unwrap();
    client.ask_poll();
    spark.write(&"x".repeat(LONG)).unwrap();
    // It has been taken by the poll.
    wait_for("bytes that wait", 0, || spark.buffered());
    (client, spark)
}
