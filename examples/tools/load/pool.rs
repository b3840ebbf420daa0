//! Many client connections on one thread: an epoll loop that reads what has
//! come, hands each message to the [`Traffic`], and sends what that wants to
//! send in one call per connection and turn.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::channel::Channel;
use crate::deflate;
use crate::engine::{self, Packet};
use crate::line::{Came, Line};
use crate::poller::{self, Lane, Over, Poller};
use crate::socket::Socket;
use crate::socket_io;
use crate::sockjs::{self, Frame};
use crate::traffic::{Out, Traffic};
use crate::transport::Transport;
use crate::wire;
use crate::xhr::Xhr;

/// How long one step of opening a connection may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// So many are upgraded at the same time.
const UPGRADES: usize = 100;

#[derive(Debug)]
enum Link {
    Socket(Line),
    Poller(Box<Poller>),
    Xhr(Box<Xhr>),
    Channel(Box<Channel>),
}

#[derive(Debug)]
struct Connection {
    link: Link,
    open: bool,
}

/// A set of open connections.
pub struct Pool {
    transport: Transport,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
    /// A message of sockjs, in the making.
    text: Vec<u8>,
    out: Out,
    closed: usize,
}

impl Pool {
    /// A pool for messages of at most `longest` bytes.
    pub fn new(transport: Transport, longest: usize) -> io::Result<Pool> {
        Ok(Pool {
            transport,
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            events: Vec::with_capacity(1024),
            scratch: vec![0; 2 * longest + 256 * 1024],
            text: Vec::new(),
            out: Out::new(transport),
            closed: 0,
        })
    }

    /// Opens one more connection.
    pub fn open(&mut self, host: SocketAddr, path: &str) -> io::Result<()> {
        let transport = self.transport.nth(self.connections.len());
        match transport {
            Transport::Websockets => self.add_socket(wire::open(host, path, PATIENCE)?),
            Transport::Websocket => self.add_socket(engine::open_websocket(host, path, PATIENCE)?),
            Transport::SockWebsocket => {
                self.add_socket(sockjs::open_websocket(host, path, PATIENCE)?)
            }
            Transport::SocketIo => {
                self.add_socket(socket_io::open_websocket(host, path, PATIENCE)?)
            }
            Transport::Upgrade | Transport::Mixed => self.upgrade(1, host, path),
            Transport::Streaming | Transport::SockPolling => {
                let streams = transport == Transport::Streaming;
                let xhr = Xhr::open(&self.epoll, self.connections.len(), host, path, streams)?;
                self.add(Link::Xhr(Box::new(xhr)));
                Ok(())
            }
            Transport::Channel => {
                let channel = Channel::open(&self.epoll, self.connections.len(), host, path)?;
                self.add(Link::Channel(Box::new(channel)));
                Ok(())
            }
            Transport::Polling => {
                let poller = Poller::open(&self.epoll, self.connections.len(), host, path)?;
                self.add(Link::Poller(Box::new(poller)));
                Ok(())
            }
        }
    }

    /// Opens `count` more connections.
    pub fn open_many(&mut self, count: usize, host: SocketAddr, path: &str) -> io::Result<()> {
        if self.transport != Transport::Upgrade {
            return (0..count).try_for_each(|_| self.open(host, path));
        }
        let steps = (0..count).step_by(UPGRADES);
        steps.into_iter().try_for_each(|at| self.upgrade(UPGRADES.min(count - at), host, path))
    }

    fn upgrade(&mut self, count: usize, host: SocketAddr, path: &str) -> io::Result<()> {
        let upgraded = engine::upgrade(host, path, count, PATIENCE)?;
        upgraded.into_iter().try_for_each(|socket| self.add_socket(socket))
    }

    fn add_socket(&mut self, (stream, rest): (Socket, Vec<u8>)) -> io::Result<()> {
        let key = poller::key(self.connections.len(), Lane::Poll);
        self.add(Link::Socket(Line::new(&self.epoll, key, stream, rest)?));
        Ok(())
    }

    fn add(&mut self, link: Link) {
        self.connections.push(Connection { link, open: true });
    }

    /// Connections opened so far.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Connections that the server has ended.
    pub fn closed(&self) -> usize {
        self.closed
    }

    /// Sends messages on a connection, apart from any that has come.
    pub fn send(&mut self, connection: usize, fill: impl FnOnce(&mut Out)) {
        self.out.begin(self.transport.nth(connection));
        fill(&mut self.out);
        match &mut self.connections[connection].link {
            Link::Socket(line) => line.send(&self.epoll, &self.out.bytes),
            // If it fails, the messages are missed soon enough.
            Link::Poller(poller) => drop(poller.write(&self.epoll, &self.out.bytes)),
            Link::Xhr(xhr) => drop(xhr.write(&self.epoll, &self.out.bytes)),
            Link::Channel(channel) => drop(channel.write(&self.epoll, &self.out.bytes)),
        }
    }

    /// Waits for something to come, for at most `timeout`, and handles it.
    pub fn turn(&mut self, timeout: Duration, traffic: &mut impl Traffic) -> io::Result<()> {
        let timeout =
            Timespec { tv_sec: timeout.as_secs() as _, tv_nsec: timeout.subsec_nanos().into() };
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return Ok(()),
            other => other?,
        };
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let (connection, lane) = poller::of_key(event.data.u64());
            let flags = event.flags;
            if flags.contains(epoll::EventFlags::OUT) {
                match &mut self.connections[connection].link {
                    Link::Socket(line) => line.flush(&self.epoll),
                    Link::Poller(poller) => poller.flush(&self.epoll, lane),
                    Link::Xhr(xhr) => xhr.flush(&self.epoll, lane),
                    Link::Channel(channel) => channel.flush(&self.epoll, lane),
                }
            }
            if self.read(connection, lane, traffic).is_err() {
                self.close(connection, traffic);
            }
        }
        self.events = events;
        Ok(())
    }

    /// Takes turns until `done` says so (true is the answer) or the deadline
    /// has passed (false).
    pub fn run<T: Traffic>(
        &mut self,
        traffic: &mut T,
        deadline: Instant,
        mut done: impl FnMut(&T) -> bool,
    ) -> io::Result<bool> {
        loop {
            if done(traffic) {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            self.turn(left.min(Duration::from_millis(100)), traffic)?;
        }
    }

    fn read(&mut self, index: usize, lane: Lane, traffic: &mut impl Traffic) -> Result<(), Over> {
        let Connection { link, open: true } = &mut self.connections[index] else {
            return Err(Over);
        };
        self.out.begin(self.transport.nth(index));
        let line = match link {
            Link::Socket(line) => line,
            Link::Poller(poller) => {
                let (scratch, out) = (&mut self.scratch, &mut self.out);
                return poller.read(&self.epoll, lane, scratch, traffic, out);
            }
            Link::Xhr(xhr) => {
                let (scratch, out) = (&mut self.scratch, &mut self.out);
                return xhr.read(&self.epoll, lane, scratch, traffic, out);
            }
            Link::Channel(channel) => {
                let (scratch, out) = (&mut self.scratch, &mut self.out);
                return channel.read(&self.epoll, lane, scratch, traffic, out);
            }
        };
        let bytes = match line.read(&mut self.scratch) {
            Came::Bytes(count) => &self.scratch[..count],
            Came::Nothing => return Ok(()),
            Came::End => return Err(Over),
        };
        let used = handle_frames(index, bytes, &mut self.text, traffic, &mut self.out);
        line.keep(&bytes[used..]);
        if !self.out.bytes.is_empty() {
            line.send(&self.epoll, &self.out.bytes);
        }
        Ok(())
    }

    fn close(&mut self, index: usize, traffic: &mut impl Traffic) {
        let connection = &mut self.connections[index];
        match &connection.link {
            Link::Socket(line) => line.forget(&self.epoll),
            Link::Poller(poller) => poller.forget(&self.epoll),
            Link::Xhr(xhr) => xhr.forget(&self.epoll),
            Link::Channel(channel) => channel.forget(&self.epoll),
        }
        if std::mem::replace(&mut connection.open, false) {
            self.closed += 1;
            traffic.closed(index);
        }
    }
}

/// Handles all complete frames and returns how many bytes they took. Control
/// frames and heartbeats are answered here and are no traffic.
fn handle_frames(
    index: usize,
    bytes: &[u8],
    text: &mut Vec<u8>,
    traffic: &mut impl Traffic,
    out: &mut Out,
) -> usize {
    let now = Instant::now();
    let mut used = 0;
    while let Some(frame) = wire::frame(&bytes[used..]) {
        let payload = &bytes[used + frame.start..used + frame.end];
        used += frame.end;
        match frame.opcode {
            wire::PING => wire::put_masked(&mut out.bytes, wire::PONG, payload),
            wire::PONG => {}
            wire::CLOSE => wire::put_masked(&mut out.bytes, wire::CLOSE, &[]),
            _ if frame.compressed => {
                // What cannot be read is missed soon enough.
                if deflate::unpack(payload, text).is_ok() {
                    handle_message(index, now, text, traffic, out);
                }
            }
            _ if out.transport == Transport::Websockets => {
                handle_message(index, now, payload, traffic, out);
            }
            _ if out.transport == Transport::SockWebsocket => {
                if let Frame::Messages(array) = sockjs::frame(payload) {
                    // What is no array is missed soon enough.
                    sockjs::each(array, text, |message| {
                        handle_message(index, now, message, traffic, out);
                    });
                }
            }
            _ if out.transport == Transport::SocketIo => {
                if let Some(message) = payload.strip_prefix(socket_io::MESSAGE) {
                    handle_message(index, now, message, traffic, out);
                } else if payload == socket_io::HEARTBEAT {
                    out.packet(payload);
                }
            }
            _ => match engine::packet(payload) {
                Packet::Message(message) => handle_message(index, now, message, traffic, out),
                Packet::Ping => out.packet(engine::PONG),
                Packet::Close | Packet::Other => {}
            },
        }
    }
    used
}

/// A message, or a heartbeat of Primus's.
#[inline]
pub fn handle_message(
    index: usize,
    now: Instant,
    message: &[u8],
    traffic: &mut impl Traffic,
    out: &mut Out,
) {
    match wire::heartbeat_answer(message) {
        Some(answer) => out.text(&answer),
        None => traffic.message(index, now, message, out),
    }
}
