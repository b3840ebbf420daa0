//! What the tests with real sockets share: a server under test, a raw client
//! that sends bytes exactly as told, and counters of what a process uses.
#![allow(dead_code)] // not every test binary uses all of it

use std::fmt::Debug;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use primus::{Builder, Destroy, Destroyed, Limits, Primus, Spark};

/// How long anything may take before a test fails. Generous: the machine may
/// be busy with something else.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The key of the example in RFC 6455, and the answer to it.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

pub mod everything;

static TURN: RwLock<()> = RwLock::new(());

/// Held by tests that may run beside others.
pub fn shared() -> RwLockReadGuard<'static, ()> {
    TURN.read().unwrap_or_else(PoisonError::into_inner)
}

/// Held by tests that count what the whole process uses.
pub fn alone() -> RwLockWriteGuard<'static, ()> {
    TURN.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until something has come about; panics with `what` if it does not.
pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "did not come about: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until a value is the one expected; panics with the last one seen.
pub fn wait_for<T: PartialEq + Debug>(what: &str, expected: T, mut value: impl FnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = value();
        if now == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {now:?} instead of {expected:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs something that must not hang: a watchdog for deadlocks.
pub fn in_time<T: Send + 'static>(what: &str, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let _ = done.send(run());
    });
    match result.recv_timeout(PATIENCE) {
        Ok(value) => {
            let _ = thread.join();
            value
        }
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("{what} hangs"),
        Err(_) => {
            let panic = thread.join().expect_err("it sent nothing");
            std::panic::resume_unwind(panic)
        }
    }
}

/// A server on a port of its own, destroyed at the end of the test.
pub struct Server {
    pub primus: Primus,
    pub addr: SocketAddr,
    /// A listener of the test does not return, which is the point of it.
    pub may_be_stuck: bool,
}

impl Server {
    /// A server that listens.
    pub fn start(builder: Builder) -> Server {
        let primus = builder.build().expect("build");
        let addr = primus.listen(("127.0.0.1", 0)).expect("listen");
        Server { primus, addr, may_be_stuck: false }
    }

    /// A server that echoes every message.
    pub fn echo(builder: Builder) -> Server {
        let server = Server::start(builder);
        server.primus.on_connection(|spark| {
            spark.on_data(|spark, message| spark.write_frame(message.frame()).map(drop));
        });
        server
    }

    /// A client that has come through the handshake.
    pub fn open(&self) -> Peer {
        Peer::open(self.addr)
    }

    /// A raw connection.
    pub fn connect(&self) -> Peer {
        Peer::connect(self.addr)
    }

    /// The one spark that is connected.
    pub fn spark(&self) -> Spark {
        let mut found = None;
        wait_until("one spark is connected", || {
            let mut sparks = Vec::new();
            self.primus.for_each(|spark| sparks.push(spark.clone()));
            assert!(sparks.len() < 2, "more than one spark");
            found = sparks.pop();
            found.is_some()
        });
        found.unwrap()
    }

    /// Checks that a newcomer is served by this echo server.
    pub fn still_serves(&self) {
        let mut peer = self.open();
        peer.text("\"still there?\"");
        assert_eq!(peer.expect_text(), "\"still there?\"");
        peer.close();
    }

    /// Waits until no connection is left.
    pub fn wait_empty(&self) {
        wait_for("sparks left", 0, || self.primus.connected());
    }

    /// Ends the server now.
    pub fn destroy(&self) -> Destroyed {
        self.primus.destroy(Destroy::default().timeout(Duration::from_millis(200)))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let destroyed = self.destroy();
        if !std::thread::panicking() && !self.may_be_stuck {
            assert_eq!(destroyed.stuck, 0, "threads are stuck");
        }
    }
}

/// The default options with some limits changed.
pub fn limited(change: impl FnOnce(&mut Limits)) -> Builder {
    let mut limits = Limits::default();
    change(&mut limits);
    Primus::builder().limits(limits)
}

/// A WebSocket frame as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireFrame {
    /// The first byte: FIN, RSV and the opcode.
    pub head: u8,
    pub payload: Vec<u8>,
}

impl WireFrame {
    pub fn opcode(&self) -> u8 {
        self.head & 0x0f
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("text")
    }
}

pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;
pub const FIN: u8 = 0x80;

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
        loop {
            if let Some(at) = self.buf.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = self.buf.drain(..at + 4).collect();
                return String::from_utf8(head).expect("an ASCII head");
            }
            let more = self.fill().expect("a head");
            assert!(more, "end of stream in a head: {:?}", String::from_utf8_lossy(&self.buf));
        }
    }

    /// Reads a response: its status, its head and its body, whose length must
    /// be given or end with the connection.
    pub fn read_response(&mut self) -> Response {
        let head = self.read_head();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let length = header_of(&head, "content-length").and_then(|n| n.parse().ok());
        let mut body = Vec::new();
        while length.is_none_or(|length| body.len() < length) {
            if self.buf.is_empty() && !self.fill().expect("a body") {
                break;
            }
            let wanted = length.map_or(self.buf.len(), |length| length - body.len());
            body.extend(self.buf.drain(..wanted.min(self.buf.len())));
        }
        let text = String::from_utf8_lossy(&body).into_owned();
        Response { status, head, body: text, bytes: body }
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

fn header_of<'a>(head: &'a str, name: &str) -> Option<&'a str> {
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

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as clients send it: masked.
pub fn masked(head: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = declared(head, 0x80, payload.len() as u64);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// The header of a frame: with the mask bit (0x80) and a mask or without, and
/// a length that need not be true.
pub fn declared(head: u8, mask: u8, length: u64) -> Vec<u8> {
    let mut frame = vec![head];
    match length {
        0..126 => frame.push(mask | length as u8),
        126..65_536 => {
            frame.push(mask | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask | 127);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    if mask != 0 {
        frame.extend_from_slice(&MASK);
    }
    frame
}

/// The frame at the start of what a server sent, and how long it is.
pub fn parse_frame(bytes: &[u8]) -> Option<(WireFrame, usize)> {
    let (&head, &second) = (bytes.first()?, bytes.get(1)?);
    assert_eq!(second & 0x80, 0, "servers do not mask");
    let (length, start) = match second & 0x7f {
        126 => (u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap()), 10),
        short => (u64::from(short), 2),
    };
    let end = start + length as usize;
    let payload = bytes.get(start..end)?.to_vec();
    Some((WireFrame { head, payload }, end))
}

/// Resident memory of this process in bytes.
pub fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    let kib: usize = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib << 10
}

/// Names of this process's threads that belong to servers.
pub fn server_threads() -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| name.starts_with("primus-"))
        .collect()
}

/// Open descriptors of this process.
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// CPU time that this process has used.
pub fn cpu_time() -> Duration {
    let usage = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(usage.tv_sec as u64, usage.tv_nsec as u32)
}
