//! A client of engine.io that polls: a request is always on its way to take what
//! comes, and at most one other to bring what goes, on two connections that are
//! kept. The second is opened when there is something to bring.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Instant;

use crate::engine::{self, Packet};
use crate::http;
use crate::line::{Came, Line};
use crate::pool::{self, PATIENCE};
use crate::socket::Socket;
use crate::traffic::{Out, Traffic};
use crate::wire;

/// A session.
#[derive(Debug)]
pub struct Poller {
    index: usize,
    host: SocketAddr,
    target: String,
    poll: Line,
    post: Option<Line>,
    /// Whether what was posted last is not answered yet.
    posting: bool,
    /// What is to be posted next.
    pending: Vec<u8>,
    /// A request, in the making.
    request: Vec<u8>,
}

/// Which of its two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    Poll,
    Post,
}

/// The session is over, in whatever way.
#[derive(Debug)]
pub struct Over;

/// The lane of an event, and the connection of the pool.
pub fn of_key(key: u64) -> (usize, Lane) {
    ((key >> 1) as usize, if key & 1 == 0 { Lane::Poll } else { Lane::Post })
}

/// What the events of a lane are known by.
pub fn key(index: usize, lane: Lane) -> u64 {
    (index as u64) << 1 | u64::from(lane == Lane::Post)
}

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Over {
        Over
    }
}

impl Poller {
    /// Opens a session, which polls at once.
    pub fn open(epoll: &OwnedFd, index: usize, host: SocketAddr, path: &str) -> io::Result<Poller> {
        let (stream, sid) = engine::open_polling(host, path, PATIENCE)?;
        let mut poller = Poller {
            index,
            host,
            target: engine::target(path, "polling", Some(&sid)),
            poll: Line::new(epoll, key(index, Lane::Poll), stream, Vec::new())?,
            post: None,
            posting: false,
            pending: Vec::new(),
            request: Vec::new(),
        };
        poller.ask(epoll);
        Ok(poller)
    }

    /// Sends the next poll.
    fn ask(&mut self, epoll: &OwnedFd) {
        self.request.clear();
        http::put_get(&mut self.request, self.host, &self.target);
        self.poll.send(epoll, &self.request);
    }

    /// Posts packets, now or when what was posted before is answered.
    pub fn write(&mut self, epoll: &OwnedFd, packets: &[u8]) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.pending.push(engine::SEPARATOR);
        }
        self.pending.extend_from_slice(packets);
        if self.posting { Ok(()) } else { self.bring(epoll) }
    }

    fn bring(&mut self, epoll: &OwnedFd) -> io::Result<()> {
        let line = match &mut self.post {
            Some(line) => line,
            none => {
                let stream = wire::connect(self.host, PATIENCE)?;
                none.insert(Line::new(epoll, key(self.index, Lane::Post), stream, Vec::new())?)
            }
        };
        self.request.clear();
        http::put_post(&mut self.request, self.host, &self.target, &self.pending);
        self.pending.clear();
        self.posting = true;
        line.send(epoll, &self.request);
        Ok(())
    }

    /// The kernel has room again.
    pub fn flush(&mut self, epoll: &OwnedFd, lane: Lane) {
        match (lane, &mut self.post) {
            (Lane::Poll, _) => self.poll.flush(epoll),
            (Lane::Post, Some(post)) => post.flush(epoll),
            (Lane::Post, None) => {}
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
        match lane {
            Lane::Poll => self.read_poll(epoll, scratch, traffic, out),
            Lane::Post => self.read_post(epoll, scratch),
        }
    }

    fn read_poll(
        &mut self,
        epoll: &OwnedFd,
        scratch: &mut Vec<u8>,
        traffic: &mut impl Traffic,
        out: &mut Out,
    ) -> Result<(), Over> {
        let bytes = match self.poll.read(scratch) {
            Came::Bytes(count) => &scratch[..count],
            Came::Nothing => return Ok(()),
            Came::End => return Err(Over),
        };
        let Some(answer) = http::answer(bytes)? else {
            self.poll.keep(bytes);
            return Ok(());
        };
        // No other answer can be behind it: there was one request.
        if answer.status != 200 || answer.body.end != bytes.len() {
            return Err(Over);
        }
        self.poll.keep(&[]);
        out.clear();
        let now = Instant::now();
        for packet in bytes[answer.body].split(|byte| *byte == engine::SEPARATOR) {
            match engine::packet(packet) {
                Packet::Message(message) => {
                    pool::handle_message(self.index, now, message, traffic, out);
                }
                Packet::Ping => out.packet(engine::PONG),
                Packet::Close => return Err(Over),
                Packet::Other => {}
            }
        }
        // As the JavaScript client: what the messages have led to goes first.
        if !out.bytes.is_empty() {
            self.write(epoll, &out.bytes)?;
        }
        if !answer.keeps {
            self.poll = self.reopened(epoll)?;
        }
        self.ask(epoll);
        Ok(())
    }

    fn reopened(&self, epoll: &OwnedFd) -> io::Result<Line> {
        let stream: Socket = wire::connect(self.host, PATIENCE)?;
        Line::new(epoll, key(self.index, Lane::Poll), stream, Vec::new())
    }

    fn read_post(&mut self, epoll: &OwnedFd, scratch: &mut Vec<u8>) -> Result<(), Over> {
        let Some(post) = &mut self.post else { return Ok(()) };
        let bytes = match post.read(scratch) {
            Came::Bytes(count) => &scratch[..count],
            Came::Nothing => return Ok(()),
            // Servers keep an idle connection only so long.
            Came::End if !self.posting => {
                self.post = None;
                return Ok(());
            }
            Came::End => return Err(Over),
        };
        let Some(answer) = http::answer(bytes)? else {
            post.keep(bytes);
            return Ok(());
        };
        if answer.status != 200 || answer.body.end != bytes.len() {
            return Err(Over);
        }
        post.keep(&[]);
        self.posting = false;
        if !answer.keeps {
            self.post = None;
        }
        if !self.pending.is_empty() {
            self.bring(epoll)?;
        }
        Ok(())
    }

    /// Waits for it no longer.
    pub fn forget(&self, epoll: &OwnedFd) {
        self.poll.forget(epoll);
        self.post.iter().for_each(|post| post.forget(epoll));
    }
}
