//! A relay between the client and a server that notes what the client sends,
//! and can cut its connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::common::frames::parse;

/// Longest note on one connection, in bytes.
const NOTED: usize = 1 << 20;

/// A relay; lasts as long as the process.
pub struct Tap {
    pub port: u16,
    notes: Arc<Mutex<Vec<Note>>>,
}

/// One connection.
struct Note {
    ends: [TcpStream; 2],
    /// What the client has sent.
    sent: Vec<u8>,
}

impl Tap {
    /// A relay to this port.
    pub fn to(server: u16) -> Tap {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&notes);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                relay(client, server, &kept);
            }
        });
        Tap { port, notes }
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.notes.lock().unwrap().len()
    }

    /// The request lines on all connections that contain this.
    pub fn requests(&self, with: &str) -> usize {
        let notes = self.notes.lock().unwrap();
        let texts = notes.iter().map(|note| String::from_utf8_lossy(&note.sent));
        texts
            .map(|text| {
                text.lines().filter(|l| l.ends_with("HTTP/1.1") && l.contains(with)).count()
            })
            .sum()
    }

    /// How many frames the client has sent on WebSockets, as far as noted.
    pub fn frames(&self) -> usize {
        let notes = self.notes.lock().unwrap();
        let upgraded = notes.iter().filter(|n| {
            let end = n.sent.iter().position(|b| *b == b'\r').unwrap_or(0);
            String::from_utf8_lossy(&n.sent[..end]).contains("transport=websocket")
        });
        upgraded.map(|n| heads(&n.sent).len()).sum()
    }

    /// How many compressed frames it has sent.
    #[cfg(feature = "compression")]
    pub fn compressed(&self) -> usize {
        let notes = self.notes.lock().unwrap();
        notes.iter().flat_map(|note| heads(&note.sent)).filter(|head| head & 0x40 != 0).count()
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        for note in self.notes.lock().unwrap().iter() {
            for end in &note.ends {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }
}

/// The first bytes of the frames behind a handshake.
fn heads(sent: &[u8]) -> Vec<u8> {
    let Some(head) = sent.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Vec::new();
    };
    let (mut rest, mut heads) = (&sent[head + 4..], Vec::new());
    while let Some((frame, _, end)) = parse(rest) {
        heads.push(frame.head);
        rest = &rest[end..];
    }
    heads
}

fn relay(client: TcpStream, server: TcpStream, notes: &Arc<Mutex<Vec<Note>>>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let copy = |stream: &TcpStream| stream.try_clone().unwrap();
    let mut all = notes.lock().unwrap();
    let at = all.len();
    all.push(Note { ends: [copy(&client), copy(&server)], sent: Vec::new() });
    let notes = Arc::clone(notes);
    let (from, to) = (copy(&client), copy(&server));
    thread::spawn(move || {
        pass(from, to, |bytes| {
            let sent = &mut notes.lock().unwrap()[at].sent;
            let room = NOTED.saturating_sub(sent.len()).min(bytes.len());
            sent.extend(&bytes[..room]);
        });
    });
    thread::spawn(move || pass(server, client, |_| {}));
}

fn pass(mut from: TcpStream, mut to: TcpStream, note: impl Fn(&[u8])) {
    let mut buf = [0; 16 << 10];
    while let Ok(read @ 1..) = from.read(&mut buf) {
        note(&buf[..read]);
        if to.write_all(&buf[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
