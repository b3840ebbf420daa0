//! Many client connections on one thread: an epoll loop that reads what has
//! come, hands each message to the [`Traffic`], and sends what that wants to
//! send in one call per connection and turn.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

use crate::wire;

/// How long one step of opening a connection may take.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What is done with the messages of a pool.
pub trait Traffic {
    /// A message has come on `connection`, by the read that ended at `now`.
    /// Frames appended to `out` are sent when all that was read is handled.
    fn message(&mut self, connection: usize, now: Instant, payload: &[u8], out: &mut Vec<u8>);

    /// The connection is at its end.
    fn closed(&mut self, connection: usize) {
        let _ = connection;
    }
}

/// Traffic for connections that have nothing to do but answer heartbeats.
#[derive(Debug)]
pub struct Quiet;

impl Traffic for Quiet {
    fn message(&mut self, _: usize, _: Instant, _: &[u8], _: &mut Vec<u8>) {}
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    /// What the kernel did not take.
    unsent: Vec<u8>,
    open: bool,
}

/// A set of open connections.
pub struct Pool {
    epoll: OwnedFd,
    connections: Vec<Connection>,
    events: Vec<epoll::Event>,
    scratch: Vec<u8>,
    out: Vec<u8>,
    closed: usize,
}

impl Pool {
    /// A pool for messages of at most `longest` bytes.
    pub fn new(longest: usize) -> io::Result<Pool> {
        Ok(Pool {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            events: Vec::with_capacity(1024),
            scratch: vec![0; 2 * longest + 256 * 1024],
            out: Vec::new(),
            closed: 0,
        })
    }

    /// Opens one more connection.
    pub fn open(&mut self, host: SocketAddr, path: &str) -> io::Result<()> {
        let (stream, rest) = wire::open(host, path, PATIENCE)?;
        let key = epoll::EventData::new_u64(self.connections.len() as u64);
        epoll::add(&self.epoll, &stream, key, epoll::EventFlags::IN)?;
        self.connections.push(Connection { stream, rest, unsent: Vec::new(), open: true });
        Ok(())
    }

    /// Opens `count` more connections.
    pub fn open_many(&mut self, count: usize, host: SocketAddr, path: &str) -> io::Result<()> {
        (0..count).try_for_each(|_| self.open(host, path))
    }

    /// Connections opened so far.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Connections that the server has ended.
    pub fn closed(&self) -> usize {
        self.closed
    }

    /// Sends frames on a connection, apart from any message.
    pub fn send(&mut self, connection: usize, fill: impl FnOnce(&mut Vec<u8>)) {
        self.out.clear();
        fill(&mut self.out);
        self.flush_out(connection);
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
            let connection = event.data.u64() as usize;
            let flags = event.flags;
            if flags.contains(epoll::EventFlags::OUT) {
                self.flush_unsent(connection);
            }
            self.read(connection, traffic);
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

    fn read(&mut self, index: usize, traffic: &mut impl Traffic) {
        let connection = &mut self.connections[index];
        let kept = connection.rest.len();
        if !connection.open || kept >= self.scratch.len() {
            return self.close(index, traffic);
        }
        self.scratch[..kept].copy_from_slice(&connection.rest);
        let filled = match connection.stream.read(&mut self.scratch[kept..]) {
            Ok(0) => return self.close(index, traffic),
            Ok(count) => kept + count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(_) => return self.close(index, traffic),
        };
        self.out.clear();
        let bytes = &self.scratch[..filled];
        let used = handle_frames(index, bytes, traffic, &mut self.out);
        connection.rest.clear();
        connection.rest.extend_from_slice(&bytes[used..]);
        if !self.out.is_empty() {
            self.flush_out(index);
        }
    }

    fn flush_out(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if !connection.unsent.is_empty() {
            connection.unsent.extend_from_slice(&self.out);
            return;
        }
        let sent = connection.stream.write(&self.out).unwrap_or(0);
        if sent < self.out.len() {
            connection.unsent.extend_from_slice(&self.out[sent..]);
            self.watch(index, epoll::EventFlags::IN | epoll::EventFlags::OUT);
        }
    }

    fn flush_unsent(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        let sent = connection.stream.write(&connection.unsent).unwrap_or(0);
        connection.unsent.drain(..sent);
        if connection.unsent.is_empty() {
            self.watch(index, epoll::EventFlags::IN);
        }
    }

    fn watch(&self, index: usize, flags: epoll::EventFlags) {
        let key = epoll::EventData::new_u64(index as u64);
        // It fails only for a connection that is closed already.
        let _ = epoll::modify(&self.epoll, &self.connections[index].stream, key, flags);
    }

    fn close(&mut self, index: usize, traffic: &mut impl Traffic) {
        let connection = &mut self.connections[index];
        let _ = epoll::delete(&self.epoll, &connection.stream);
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
    traffic: &mut impl Traffic,
    out: &mut Vec<u8>,
) -> usize {
    let now = Instant::now();
    let mut used = 0;
    while let Some(frame) = wire::frame(&bytes[used..]) {
        let payload = &bytes[used + frame.start..used + frame.end];
        used += frame.end;
        match frame.opcode {
            wire::PING => wire::put_masked(out, wire::PONG, payload),
            wire::PONG => {}
            wire::CLOSE => wire::put_masked(out, wire::CLOSE, &[]),
            _ => match wire::heartbeat_answer(payload) {
                Some(answer) => wire::put_masked(out, wire::TEXT, &answer),
                None => traffic.message(index, now, payload, out),
            },
        }
    }
    used
}
