//! A WebSocket server that does what a test tells it, frame by frame.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};
use primus::{Client, ClientBuilder, CloseReason, Error};

use crate::common::frames::{self, FIN};
pub use crate::common::frames::{BINARY, CLOSE, PING, PONG, TEXT};

/// Longer than anything in here takes, even on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

pub struct Server(TcpListener);

impl Server {
    pub fn new() -> Self {
        Server(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    pub fn client(&self) -> ClientBuilder {
        Client::builder(&self.url()).reconnect_min(Duration::from_millis(20))
    }

    /// The next connection, of which the request was read.
    pub fn request(&self) -> Peer {
        let (stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut peer = Peer { stream, head: String::new() };
        while !peer.head.ends_with("\r\n\r\n") {
            let [byte] = peer.bytes::<1>();
            peer.head.push(char::from(byte));
        }
        peer
    }

    /// The next connection, upgraded.
    pub fn accept(&self) -> Peer {
        let mut peer = self.request();
        let answer = peer.switching();
        peer.send(answer.as_bytes());
        peer
    }
}

/// The server's end of one connection.
pub struct Peer {
    pub stream: TcpStream,
    /// The request head.
    pub head: String,
}

impl Peer {
    /// The query of the request.
    pub fn query(&self) -> &str {
        let target = self.head.split(' ').nth(1).unwrap();
        target.split_once('?').unwrap().1
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The answer that accepts the upgrade.
    pub fn switching(&self) -> String {
        let key = self.header("sec-websocket-key").unwrap();
        let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        )
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub fn text(&mut self, text: &str) {
        self.send(&frame(TEXT, text.as_bytes()));
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// The next frame: opcode and payload. Client frames must be masked and,
    /// from us, final.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        let (frame, is_masked) = frames::read_frame(&mut self.stream).unwrap();
        assert_eq!((frame.head & 0xf0, is_masked), (FIN, true), "final, no extension, masked");
        (frame.opcode(), frame.payload)
    }

    /// The next frame, which must be text.
    pub fn read_text(&mut self) -> String {
        let (opcode, payload) = self.frame();
        assert_eq!(opcode, TEXT);
        String::from_utf8(payload).unwrap()
    }

    /// The next frame, which must be a close frame: its code, if it has one.
    pub fn read_close(&mut self) -> Option<u16> {
        let (opcode, payload) = self.frame();
        assert_eq!(opcode, CLOSE, "{payload:?}");
        payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))
    }

    /// Waits for the end of the stream.
    pub fn read_end(&mut self) {
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = self.stream.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }

    /// Closes as a server does: close frame, the client's answer, the end.
    pub fn close(mut self) {
        self.send(&frame(CLOSE, b""));
        assert_eq!(self.read_close(), None);
    }
}

/// How a client ends, which it does now, and gets no message any more.
#[track_caller]
pub fn end(client: &Client) -> CloseReason {
    match client.recv_timeout(SOON).unwrap_err() {
        Error::Ended(why) => *why,
        other => panic!("{other:?}"),
    }
}

/// The texts of the next messages.
#[track_caller]
pub fn texts(client: &Client, count: usize) -> Vec<String> {
    let next = || client.recv_timeout(SOON).unwrap().frame().as_text().unwrap().to_owned();
    (0..count).map(|_| next()).collect()
}

/// An unmasked frame.
pub fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    frames::unmasked(FIN | opcode, payload)
}

/// The events of a client as words, in order.
pub struct Log(Receiver<String>);

impl Log {
    /// Listens to everything but data.
    pub fn of(client: &Client) -> Self {
        let (tell, told) = unbounded();
        listen(client, &tell);
        Log(told)
    }

    #[track_caller]
    pub fn next(&self) -> String {
        self.0.recv_timeout(SOON).expect("an event")
    }

    #[track_caller]
    pub fn expect(&self, words: &[&str]) {
        for word in words {
            assert_eq!(self.next(), *word);
        }
    }

    /// Whether nothing was told up to now.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn listen(client: &Client, tell: &Sender<String>) {
    let say = |tell: &Sender<String>, word: String| drop(tell.send(word));
    macro_rules! on {
        ($($on:ident($($arg:ident),*) $word:expr;)*) => {
            $( let tell_it = tell.clone();
               client.$on(move |_ $(, $arg)*| say(&tell_it, $word)); )*
        };
    }
    on! {
        on_open() "open".into();
        on_error(error) format!("error: {error}");
        on_reconnect_scheduled(a) format!("scheduled {} {:?}", a.attempt, a.delay);
        on_reconnect(a) format!("reconnect {}", a.attempt);
        on_reconnected(r) format!("reconnected {}", r.attempt);
        on_reconnect_timeout(a) format!("reconnect timeout {}", a.attempt);
        on_reconnect_failed() "reconnect failed".into();
        on_timeout() "timeout".into();
        on_close(reason) format!("close {}", reason.code);
        on_end(_reason) "end".into();
        on_online() "online".into();
        on_offline() "offline".into();
        on_destroy() "destroy".into();
    }
}
