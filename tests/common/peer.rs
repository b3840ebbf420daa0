//! A raw client, which sends bytes exactly as told.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::frames::*;
use super::server::CLOSE_MESSAGE;
use super::wait::{PATIENCE, pause};

/// The key of the example in RFC 6455, and the answer to it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A path of every kind of request.
pub const ROUTES: [&str; 6] =
    ["/", "/primus", "/primus/", "/primus/spec", "/primus/primus.js", "/elsewhere?x=1"];

/// A raw client.
pub struct Peer {
    pub stream: TcpStream,
    buf: Vec<u8>,
}

impl Peer {
    /// Connects and says nothing.
    pub fn connect(addr: SocketAddr) -> Peer {
        Peer::from(TcpStream::connect(addr).expect("connect"))
    }

    /// Connects and completes the handshake.
    pub fn open(addr: SocketAddr) -> Peer {
        Peer::open_with(addr, "/primus", "")
    }

    /// [`open`](Self::open) with a target and more header lines, each ending in
    /// CR LF.
    pub fn open_with(addr: SocketAddr, target: &str, headers: &str) -> Peer {
        let mut peer = Peer::connect(addr);
        peer.shake(target, headers);
        peer
    }

    /// Completes the handshake.
    pub fn shake(&mut self, target: &str, headers: &str) {
        self.send(&upgrade(target, headers));
        let head = self.read_head();
        assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
        assert!(head.contains(&format!("Sec-WebSocket-Accept: {ACCEPT}\r\n")), "{head}");
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("send");
    }

    /// Sends bytes that the server may refuse to take.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a byte now and then, until the server has had enough of it, which must be
    /// soon: that something comes does not push its deadlines.
    pub fn drip(&mut self, bytes: impl IntoIterator<Item = u8>) {
        let start = Instant::now();
        for byte in bytes {
            if !self.try_send(&[byte]) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "it is still listened to");
            pause(Duration::from_millis(5));
        }
        panic!("all of it was taken");
    }

    /// Sends a text message.
    pub fn text(&mut self, text: &str) {
        self.send(&masked(FIN | TEXT, text.as_bytes()));
    }

    /// Sends a frame with this first byte.
    pub fn frame(&mut self, head: u8, payload: &[u8]) {
        self.send(&masked(head, payload));
    }

    /// Reads some bytes into the buffer; false at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let mut scratch = [0; 64 << 10];
        let read = self.stream.read(&mut scratch)?;
        self.buf.extend_from_slice(&scratch[..read]);
        Ok(read > 0)
    }

    /// Reads a response head up to and with the empty line.
    pub fn read_head(&mut self) -> String {
        self.read_up_to(b"\r\n\r\n")
    }

    /// Reads up to and with these bytes.
    fn read_up_to(&mut self, end: &[u8]) -> String {
        loop {
            if let Some(at) = self.buf.windows(end.len()).position(|bytes| bytes == end) {
                let text = self.buf.drain(..at + end.len()).collect();
                return String::from_utf8(text).expect("ASCII");
            }
            let more = self.fill().expect("a head");
            assert!(more, "end of stream in a head: {:?}", String::from_utf8_lossy(&self.buf));
        }
    }

    /// Reads a response: its status, its head and its body, which comes in chunks, or
    /// whose length must be given or end with the connection.
    pub fn read_response(&mut self) -> Response {
        let head = self.read_head();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let body = self.read_body(&head);
        let text = String::from_utf8_lossy(&body).into_owned();
        Response { status, head, body: text, bytes: body }
    }

    /// Reads the body of a response with this head.
    pub fn read_body(&mut self, head: &str) -> Vec<u8> {
        if header_of(head, "transfer-encoding").is_some() {
            return std::iter::from_fn(|| self.read_chunk()).flatten().collect();
        }
        let bodyless = [" 204 ", " 304 "].iter().any(|status| head[8..].starts_with(status));
        let length = header_of(head, "content-length").and_then(|n| n.parse().ok());
        let length = length.or(bodyless.then_some(0));
        let mut body = Vec::new();
        while length.is_none_or(|length| body.len() < length) {
            if self.buf.is_empty() && !self.fill().expect("a body") {
                break;
            }
            let wanted = length.map_or(self.buf.len(), |length| length - body.len());
            body.extend(self.buf.drain(..wanted.min(self.buf.len())));
        }
        body
    }

    /// Reads a chunk of a body; `None` for the last one, which is empty.
    pub fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.read_up_to(b"\r\n");
        let size = usize::from_str_radix(line.trim_end(), 16).expect("the size of a chunk");
        while self.buf.len() < size + 2 {
            assert!(self.fill().expect("a chunk"), "end of stream in a chunk");
        }
        let mut chunk: Vec<u8> = self.buf.drain(..size + 2).collect();
        assert_eq!(chunk.split_off(size), b"\r\n", "the end of a chunk");
        (size > 0).then_some(chunk)
    }

    /// [`read_response`](Self::read_response), if its head comes within `time`.
    pub fn response_within(&mut self, time: Duration) -> Option<Response> {
        let deadline = Instant::now() + time;
        while !self.buf.windows(4).any(|four| four == b"\r\n\r\n") {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let filled = self.fill();
            self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
            match filled {
                Ok(more) => assert!(more, "end of stream in a head"),
                Err(error) if is_time_out(&error) => return None,
                Err(error) => panic!("no head: {error}"),
            }
        }
        Some(self.read_response())
    }

    /// Reads and throws away; false at the end.
    pub fn read_frame_or_noise(&mut self) -> bool {
        self.stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0)
    }

    /// What comes first, as text; nothing when the connection was cut.
    pub fn read_frame_or_noise_head(&mut self) -> String {
        let mut scratch = [0; 4096];
        let read = self.stream.read(&mut scratch).unwrap_or(0);
        String::from_utf8_lossy(&scratch[..read]).into_owned()
    }

    /// Whether the stream ends, or was reset, before anything else comes.
    pub fn ends(&mut self) -> bool {
        match self.fill() {
            Ok(more) => !more && self.buf.is_empty(),
            Err(error) if is_time_out(&error) => panic!("no end in time"),
            Err(_) => true,
        }
    }

    /// Sends a request and reads the answer.
    pub fn ask(&mut self, request: &str) -> Response {
        self.send(request.as_bytes());
        self.read_response()
    }

    /// Reads a frame; `None` at the end of the stream, or at a reset.
    pub fn read_frame(&mut self) -> Option<WireFrame> {
        loop {
            if let Some((frame, used)) = parse_frame(&self.buf) {
                self.buf.drain(..used);
                return Some(frame);
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if is_time_out(&error) => panic!("no frame in time"),
                Err(_) => return None,
            }
        }
    }

    /// Reads a frame without waiting for longer than `time`.
    pub fn read_frame_within(&mut self, time: Duration) -> Option<WireFrame> {
        let deadline = Instant::now() + time;
        loop {
            if let Some((frame, used)) = parse_frame(&self.buf) {
                self.buf.drain(..used);
                return Some(frame);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let filled = self.fill();
            self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
            if !matches!(filled, Ok(true)) {
                return None;
            }
        }
    }

    pub fn expect_frame(&mut self) -> WireFrame {
        self.read_frame().expect("the stream ended")
    }

    /// The next message, a text.
    pub fn expect_text(&mut self) -> String {
        let frame = self.expect_frame();
        assert_eq!(frame.head, FIN | TEXT, "{frame:?}");
        frame.text().to_owned()
    }

    /// Reads what is left up to the end of the stream: a close frame with this
    /// code (`None`: empty) must be in it, exactly once and last.
    pub fn expect_close(&mut self, code: Option<u16>) -> Vec<WireFrame> {
        let mut before = Vec::new();
        let close = loop {
            match self.read_frame() {
                Some(frame) if frame.opcode() == CLOSE => break frame,
                Some(frame) => before.push(frame),
                None => panic!("no close frame; before the end came {before:?}"),
            }
        };
        let carried = close.payload.get(..2).map(|two| u16::from_be_bytes([two[0], two[1]]));
        assert_eq!(carried, code, "close code; before it came {before:?}");
        self.expect_end();
        before
    }

    /// [`expect_close`](Self::expect_close) when it is the server's idea, which
    /// waits for the answer.
    pub fn expect_ended(&mut self, code: Option<u16>) -> Vec<WireFrame> {
        let mut before = Vec::new();
        let close = loop {
            match self.expect_frame() {
                frame if frame.opcode() == CLOSE => break frame,
                frame => before.push(frame),
            }
        };
        let carried = close.payload.get(..2).map(|two| u16::from_be_bytes([two[0], two[1]]));
        assert_eq!(carried, code, "close code; before it came {before:?}");
        self.frame(FIN | CLOSE, &close.payload);
        self.expect_end();
        before
    }

    /// The stream must end here.
    pub fn expect_end(&mut self) {
        let frame = self.read_frame();
        assert_eq!(frame, None, "the stream should have ended");
        assert!(self.buf.is_empty(), "bytes behind the end: {:?}", self.buf);
    }

    /// What the server says when it ends a spark for good, and the answer.
    pub fn expect_close_after_goodbye(&mut self) {
        assert_eq!(self.expect_text(), CLOSE_MESSAGE);
        assert_eq!(self.expect_frame().head, FIN | CLOSE);
        self.frame(FIN | CLOSE, b"");
        self.expect_end();
    }

    /// Closes as a client does that is done, and waits for the server's part.
    pub fn close(mut self) {
        self.frame(FIN | CLOSE, b"");
        self.expect_close(None);
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO)).unwrap();
    }

    pub fn shutdown(&self, how: Shutdown) {
        let _ = self.stream.shutdown(how);
    }

    /// Whether nothing comes for a moment.
    pub fn is_silent(&mut self, time: Duration) -> bool {
        self.read_frame_within(time).is_none()
    }
}

impl From<TcpStream> for Peer {
    fn from(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Peer { stream, buf: Vec::new() }
    }
}

pub fn is_time_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// An answer over HTTP.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    /// The body as text.
    pub body: String,
    /// The body as it is.
    pub bytes: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        header_of(&self.head, name)
    }
}

pub fn header_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// The request of a handshake.
pub fn upgrade(target: &str, headers: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
    .into_bytes()
}
