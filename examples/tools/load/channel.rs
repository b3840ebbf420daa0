//! A client of browserchannel: a request that stays takes what comes, and at most one
//! other brings what goes, on two connections that are kept.

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
use crate::sockjs::unquote;
use crate::traffic::{Out, Traffic};
use crate::wire;

/// What is between two messages that wait to be posted. It is in none of them.
const BETWEEN: u8 = b'&';

/// Appends a message as it stands in a form, behind others.
pub fn put_encoded(out: &mut Vec<u8>, message: &[u8]) {
    out.push(BETWEEN);
    for &byte in message {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(byte);
        } else {
            // Writing to a vector cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

/// A session.
#[derive(Debug)]
pub struct Channel {
    index: usize,
    host: SocketAddr,
    /// Its path, with what every query begins with.
    session: String,
    get: Line,
    pieces: Pieces,
    /// The beginning of a chunk whose end has not come.
    text: Vec<u8>,
    /// The number of the last array that has come.
    aid: u64,
    posts: Posts,
    /// The numbers of the next request that posts, and of the next message.
    rid: u64,
    ofs: u64,
    /// What is to be posted next.
    pending: Vec<u8>,
    /// A request, in the making, and its body.
    request: Vec<u8>,
    body: Vec<u8>,
    /// A message, in the making.
    message: Vec<u8>,
}

impl Channel {
    /// Opens a session, which waits for what comes at once.
    pub fn open(epoll: &OwnedFd, index: usize, host: SocketAddr, path: &str) -> io::Result<Self> {
        let mut stream = wire::connect(host, PATIENCE)?;
        let mut request = Vec::new();
        http::put_post(&mut request, host, &format!("{path}/bind?VER=8&RID=1"), b"count=0");
        stream.write_all(&request)?;
        let (mut rest, mut pieces, mut text) = (Vec::new(), Pieces::default(), Vec::new());
        loop {
            let (used, came) =
                pieces.take(&rest, &mut text).map_err(|Over| wire::refusal("no session"))?;
            rest.drain(..used);
            if came == Came::Answer {
                break;
            }
            if used == 0 {
                wire::read_more(&mut stream, &mut rest)?;
            }
        }
        let greeting = String::from_utf8_lossy(&text).into_owned();
        let sid = greeting.split("[0,[\"c\",\"").nth(1).and_then(|rest| rest.split('"').next());
        let sid = sid.ok_or_else(|| wire::refusal("the server names no session"))?;
        let mut channel = Channel {
            index,
            host,
            session: format!("{path}/bind?VER=8&SID={sid}"),
            get: Line::new(epoll, key(index, Lane::Poll), stream, rest)?,
            pieces,
            text: Vec::new(),
            aid: 0,
            posts: Posts::new(index, host),
            rid: 2,
            ofs: 0,
            pending: Vec::new(),
            request,
            body: Vec::new(),
            message: Vec::new(),
        };
        channel.ask(epoll);
        Ok(channel)
    }

    /// Asks for what comes next.
    fn ask(&mut self, epoll: &OwnedFd) {
        self.request.clear();
        let Channel { session, aid, .. } = self;
        let target = format!("{session}&RID=rpc&CI=0&AID={aid}&TYPE=xmlhttp");
        http::put_get(&mut self.request, self.host, &target);
        self.get.send(epoll, &self.request);
    }

    /// Posts messages, now or when what was posted before is answered.
    pub fn write(&mut self, epoll: &OwnedFd, messages: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(messages);
        if self.posts.is_free() { self.bring(epoll) } else { Ok(()) }
    }

    fn bring(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        let count = self.pending.iter().filter(|byte| **byte == BETWEEN).count();
        self.body.clear();
        let _ = write!(self.body, "count={count}&ofs={}", self.ofs);
        for (at, message) in self.pending.split(|byte| *byte == BETWEEN).skip(1).enumerate() {
            let _ = write!(self.body, "&req{at}__S=");
            self.body.extend_from_slice(message);
        }
        self.pending.clear();
        self.request.clear();
        let target = format!("{}&RID={}&AID={}", self.session, self.rid, self.aid);
        http::put_post(&mut self.request, self.host, &target, &self.body);
        (self.rid, self.ofs) = (self.rid + 1, self.ofs + count as u64);
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
        self.chunks(traffic, out)?;
        if !out.bytes.is_empty() {
            self.write(epoll, &out.bytes)?;
        }
        if came == Came::Answer {
            self.ask(epoll);
        }
        Ok(())
    }

    /// Handles the chunks that are complete. What is sent here is ASCII, of which a
    /// byte is a unit.
    fn chunks(&mut self, traffic: &mut impl Traffic, out: &mut Out) -> Result<(), Over> {
        let now = Instant::now();
        let mut text = std::mem::take(&mut self.text);
        let mut used = 0;
        while let Some(at) = text[used..].iter().position(|byte| *byte == b'\n') {
            let digits = std::str::from_utf8(&text[used..used + at]).map_err(|_| Over)?;
            let length: usize = digits.parse().map_err(|_| Over)?;
            let start = used + at + 1;
            let Some(chunk) = text.get(start..start + length) else { break };
            self.arrays(chunk, now, traffic, out)?;
            used = start + length;
        }
        text.drain(..used);
        self.text = text;
        Ok(())
    }

    /// Hands out each message of a chunk.
    fn arrays(
        &mut self,
        chunk: &[u8],
        now: Instant,
        traffic: &mut impl Traffic,
        out: &mut Out,
    ) -> Result<(), Over> {
        let mut rest = chunk.strip_prefix(b"[").ok_or(Over)?;
        while let Some(array) = rest.strip_prefix(b"[") {
            let comma = array.iter().position(|byte| *byte == b',').ok_or(Over)?;
            let number =
                std::str::from_utf8(&array[..comma]).ok().and_then(|text| text.parse().ok());
            let number: u64 = number.ok_or(Over)?;
            let data = &array[comma + 1..];
            let behind = match data.strip_prefix(b"\"") {
                Some(string) => {
                    let mut message = std::mem::take(&mut self.message);
                    message.clear();
                    let behind = unquote(string, &mut message).ok_or(Over)?;
                    if number > self.aid {
                        pool::handle_message(self.index, now, &message, traffic, out);
                    }
                    self.message = message;
                    behind
                }
                None if data.starts_with(b"[\"noop\"]") => &data[b"[\"noop\"]".len()..],
                None => return Err(Over),
            };
            self.aid = self.aid.max(number);
            rest = behind.strip_prefix(b"]").ok_or(Over)?;
            rest = rest.strip_prefix(b",").unwrap_or(rest);
        }
        if rest == b"]\n" { Ok(()) } else { Err(Over) }
    }

    /// Waits for it no longer.
    pub fn forget(&self, epoll: &OwnedFd) {
        self.get.forget(epoll);
        self.posts.forget(epoll);
    }
}
