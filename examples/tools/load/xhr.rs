//! A client of SockJS without a websocket: a request is always on its way to take
//! what comes, as a poll or as a stream, and at most one other to bring what goes, on
//! two connections that are kept.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::http;
use crate::line::{self, Line};
use crate::pieces::{Came, Pieces};
use crate::poller::{Lane, Over, key};
use crate::pool::{self, PATIENCE};
use crate::posts::Posts;
use crate::sockjs::{self, Frame};
use crate::traffic::{Out, Traffic};
use crate::wire;

/// A session.
#[derive(Debug)]
pub struct Xhr {
    index: usize,
    host: SocketAddr,
    /// Its path.
    session: String,
    /// What it waits with.
    receiver: &'static str,
    get: Line,
    pieces: Pieces,
    /// The beginning of a frame whose end has not come.
    text: Vec<u8>,
    posts: Posts,
    /// What is to be posted next: strings.
    pending: Vec<u8>,
    /// A request, in the making.
    request: Vec<u8>,
    /// A message, in the making.
    message: Vec<u8>,
}

impl Xhr {
    /// Opens a session, which waits for what comes at once.
    pub fn open(
        epoll: &OwnedFd,
        index: usize,
        host: SocketAddr,
        path: &str,
        streams: bool,
    ) -> io::Result<Xhr> {
        let (session, receiver) =
            (sockjs::session(path), if streams { "xhr_streaming" } else { "xhr" });
        let mut stream = wire::connect(host, PATIENCE)?;
        let mut request = Vec::new();
        http::put_post(&mut request, host, &format!("{session}/{receiver}"), b"");
        stream.write_all(&request)?;
        let (mut rest, mut pieces, mut text) = (Vec::new(), Pieces::default(), Vec::new());
        let mut over = false;
        loop {
            let (used, came) =
                pieces.take(&rest, &mut text).map_err(|Over| wire::refusal("no session"))?;
            rest.drain(..used);
            over |= came == Came::Answer;
            if let Some(end) = text.windows(2).position(|two| two == b"o\n") {
                text.drain(..end + 2);
                // A poll is over with that; the end of its answer may be to come.
                if streams || over {
                    break;
                }
            }
            if over {
                return Err(wire::refusal("the first frame opens no session"));
            }
            if used == 0 {
                wire::read_more(&mut stream, &mut rest)?;
            }
        }
        let mut xhr = Xhr {
            index,
            host,
            session,
            receiver,
            get: Line::new(epoll, key(index, Lane::Poll), stream, rest)?,
            pieces,
            text,
            posts: Posts::new(index, host),
            pending: Vec::new(),
            request,
            message: Vec::new(),
        };
        if over {
            xhr.ask(epoll);
        }
        Ok(xhr)
    }

    /// Asks for what comes next.
    fn ask(&mut self, epoll: &OwnedFd) {
        self.request.clear();
        let target = format!("{}/{}", self.session, self.receiver);
        http::put_post(&mut self.request, self.host, &target, b"");
        self.get.send(epoll, &self.request);
    }

    /// Posts strings, now or when what was posted before is answered.
    pub fn write(&mut self, epoll: &OwnedFd, strings: &[u8]) -> io::Result<()> {
        self.pending.push(if self.pending.is_empty() { b'[' } else { b',' });
        self.pending.extend_from_slice(strings);
        if self.posts.is_free() { self.bring(epoll) } else { Ok(()) }
    }

    fn bring(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        self.request.clear();
        self.pending.push(b']');
        let target = format!("{}/xhr_send", self.session);
        http::put_post(&mut self.request, self.host, &target, &self.pending);
        self.pending.clear();
        self.posts.send(epoll, &self.request)
    }

    /// The kernel has room again.
    pub fn flush(&mut self, epoll: &OwnedFd, lane: Lane) {
        match lane {
            Lane::Poll => self.get.flush(epoll),
            Lane::Post => self.posts.flush(epoll),
        }
    }

    /// Something has come.
    pub fn read(
        &mut self,
        epoll: &OwnedFd,
        lane: Lane,
        scratch: &mut Vec<u8>,
        traffic: &mut impl Traffic,
        out: &mut Out,
    ) -> Result<(), Over> {
        if lane == Lane::Post {
            if self.posts.read(scratch)? && !self.pending.is_empty() {
                self.bring(epoll)?;
            }
            return Ok(());
        }
        let bytes = match self.get.read(scratch) {
            line::Came::Bytes(count) => &scratch[..count],
            line::Came::Nothing => return Ok(()),
            line::Came::End => return Err(Over),
        };
        let (used, came) = self.pieces.take(bytes, &mut self.text)?;
        self.get.keep(&bytes[used..]);
        out.clear();
        self.frames(traffic, out)?;
        // As the JavaScript client: what the messages have led to goes first.
        if !out.bytes.is_empty() {
            self.write(epoll, &out.bytes)?;
        }
        if came == Came::Answer {
            self.ask(epoll);
        }
        Ok(())
    }

    /// Handles the frames that are complete, a line each.
    fn frames(&mut self, traffic: &mut impl Traffic, out: &mut Out) -> Result<(), Over> {
        let now = Instant::now();
        let mut used = 0;
        while let Some(length) = self.text[used..].iter().position(|byte| *byte == b'\n') {
            let line = &self.text[used..used + length];
            used += length + 1;
            match sockjs::frame(line) {
                Frame::Messages(array) => {
                    let index = self.index;
                    let good = sockjs::each(array, &mut self.message, |message| {
                        pool::handle_message(index, now, message, traffic, out);
                    });
                    if !good {
                        return Err(Over);
                    }
                }
                Frame::Close | Frame::Open => return Err(Over),
                Frame::Other => {}
            }
        }
        self.text.drain(..used);
        Ok(())
    }

    /// Waits for it no longer.
    pub fn forget(&self, epoll: &OwnedFd) {
        self.get.forget(epoll);
        self.posts.forget(epoll);
    }
}
