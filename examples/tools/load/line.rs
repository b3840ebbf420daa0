//! One non-blocking connection, with what has come but is not complete and what
//! the kernel did not take yet.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;

use rustix::event::epoll;

use crate::socket::Socket;

/// The connection, as one of those that an epoll waits for.
#[derive(Debug)]
pub struct Line {
    stream: Socket,
    /// What its events are known by.
    key: u64,
    /// The beginning of something whose end has not come.
    rest: Vec<u8>,
    /// What the kernel did not take.
    unsent: Vec<u8>,
}

/// What came of a read.
#[derive(Clone, Copy, Debug)]
pub enum Came {
    /// So many bytes are in the buffer, those that were kept included.
    Bytes(usize),
    /// Nothing for now.
    Nothing,
    /// The connection is at its end.
    End,
}

/// Bytes for which there is room at every read.
const ROOM: usize = 64 * 1024;

impl Line {
    /// A connection on which `rest` has come already.
    pub fn new(epoll: &OwnedFd, key: u64, stream: Socket, rest: Vec<u8>) -> io::Result<Line> {
        stream.set_read_timeout(None)?;
        stream.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(key);
        epoll::add(epoll, &stream, data, epoll::EventFlags::IN)?;
        Ok(Line { stream, key, rest, unsent: Vec::new() })
    }

    /// Reads into `buffer`, behind what was kept.
    pub fn read(&mut self, buffer: &mut Vec<u8>) -> Came {
        let kept = self.rest.len();
        if kept + ROOM > buffer.len() {
            // The answer to a poll may hold any number of messages.
            buffer.resize(2 * kept + ROOM, 0);
        }
        buffer[..kept].copy_from_slice(&self.rest);
        match self.stream.read(&mut buffer[kept..]) {
            Ok(0) => Came::End,
            Ok(count) => Came::Bytes(kept + count),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Came::Nothing,
                _ => Came::End,
            },
        }
    }

    /// Keeps what is not complete for the next read.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.rest.clear();
        self.rest.extend_from_slice(bytes);
    }

    /// Sends bytes behind those that wait already.
    pub fn send(&mut self, epoll: &OwnedFd, bytes: &[u8]) {
        if !self.unsent.is_empty() || self.stream.owes() {
            self.unsent.extend_from_slice(bytes);
            return;
        }
        let sent = self.stream.write(bytes).unwrap_or(0);
        if sent < bytes.len() || self.stream.owes() {
            self.unsent.extend_from_slice(&bytes[sent..]);
            self.watch(epoll, epoll::EventFlags::IN | epoll::EventFlags::OUT);
        }
    }

    /// Sends what waits; there is room for some of it.
    pub fn flush(&mut self, epoll: &OwnedFd) {
        // If it fails, that shows when it is read.
        let _ = self.stream.flush();
        let sent = self.stream.write(&self.unsent).unwrap_or(0);
        self.unsent.drain(..sent);
        if self.unsent.is_empty() && !self.stream.owes() {
            self.watch(epoll, epoll::EventFlags::IN);
        }
    }

    fn watch(&self, epoll: &OwnedFd, flags: epoll::EventFlags) {
        // It fails only for a connection that is closed already.
        let _ = epoll::modify(epoll, &self.stream, epoll::EventData::new_u64(self.key), flags);
    }

    /// Waits for it no longer.
    pub fn forget(&self, epoll: &OwnedFd) {
        let _ = epoll::delete(epoll, &self.stream);
    }
}
