//! Our server, and the frames of the client of npm.

mod events;
mod others;
mod streams;

use std::collections::BTreeMap;

use super::{Frame, Ids, recorded};
use crate::common::{FIN, PING, PONG, Peer, Server, TEXT};

/// The next text. The server pings where it wants an answer to wake a thread of its own.
#[track_caller]
fn next(peer: &mut Peer) -> String {
    loop {
        match peer.expect_frame() {
            frame if frame.head == FIN | PING => peer.frame(FIN | PONG, &frame.payload),
            frame => {
                assert_eq!(frame.head, FIN | TEXT);
                return frame.text().to_owned();
            }
        }
    }
}

/// A recording that is played.
struct Play<'a> {
    server: &'a Server,
    frames: Vec<Frame>,
    at: usize,
    ids: Ids,
    targets: BTreeMap<String, String>,
    peers: BTreeMap<String, Peer>,
}

impl<'a> Play<'a> {
    fn new(server: &'a Server, name: &str) -> Self {
        Play {
            server,
            frames: recorded(name),
            at: 0,
            ids: Ids::default(),
            targets: BTreeMap::new(),
            peers: BTreeMap::new(),
        }
    }

    /// What a connection asks for, if it is no usual request.
    fn target(mut self, conn: &str, target: &str) -> Self {
        self.targets.insert(conn.to_owned(), target.to_owned());
        self
    }

    /// Has a connection made before there is a frame of it.
    fn open(&mut self, conn: &str) -> &mut Peer {
        let target = self.targets.get(conn).map_or("/primus", String::as_str);
        let peer = || Peer::open_with(self.server.addr, target, "");
        self.peers.entry(conn.to_owned()).or_insert_with(peer)
    }

    /// Plays the frames before this one.
    #[track_caller]
    fn until(&mut self, end: usize) {
        while self.at < end {
            let frame = self.frames[self.at].clone();
            self.at += 1;
            if frame.is_of_client() {
                let text = self.ids.ours(&frame.text);
                self.open(&frame.conn).text(&text);
            } else {
                let text = next(self.open(&frame.conn));
                self.ids.check(&frame.text, &text);
            }
        }
    }

    /// Passes over the next frame, which is a defect of JavaScript's.
    fn skip(&mut self) {
        self.at += 1;
    }

    /// Plays the rest, and checks that nothing else has come.
    #[track_caller]
    fn rest(&mut self) {
        self.until(self.frames.len());
        let conns: Vec<String> = self.peers.keys().cloned().collect();
        for conn in conns {
            self.settle(&conn);
        }
    }

    /// Checks that a connection has no more to read, and that all it sent is handled.
    #[track_caller]
    fn settle(&mut self, conn: &str) {
        let peer = self.open(conn);
        peer.text(r#""primus::id::""#);
        let text = next(peer);
        assert!(text.starts_with(r#""primus::id::"#), "{text}");
    }

    /// A connection that the server has ended.
    fn forget(&mut self, conn: &str) {
        self.peers.remove(conn);
    }
}
