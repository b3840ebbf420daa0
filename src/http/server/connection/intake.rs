//! From the socket to what was read and is not used yet.

use std::io;
use std::time::Instant;

use super::{Connection, READ};
use crate::net::Stream;
use crate::net::wait::read_until;

impl Connection {
    /// Reads from the socket to the end of the buffer.
    pub(super) fn fill(&mut self, deadline: Instant) -> io::Result<usize> {
        let probably = self.requests == 0 && self.unread().is_empty();
        let read =
            self.fill_by(|stream, space| read_until(stream, space, deadline, probably).map(Some))?;
        Ok(read.unwrap_or(0))
    }

    /// [`fill`](Self::fill) with what is there: `WouldBlock` if it holds nothing to be
    /// read.
    pub(super) fn fill_now(&mut self) -> io::Result<usize> {
        let read = self.fill_by(|stream, space| stream.read_now(space))?;
        read.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    /// Has `read` read to the end of the buffer.
    pub(super) fn fill_by(
        &mut self,
        read: impl FnOnce(&Stream, &mut [u8]) -> io::Result<Option<usize>>,
    ) -> io::Result<Option<usize>> {
        if self.used == self.buf.len() {
            self.buf.clear();
            self.buf.shrink_to(READ * 8);
            self.used = 0;
        } else if self.used >= READ * 8 {
            self.buf.drain(..self.used);
            self.used = 0;
        }
        let end = self.buf.len();
        let more = if self.exchange.body.announced() > READ as u64 { READ * 8 } else { READ };
        self.buf.resize(end + more, 0);
        let read = read(&self.accepted.stream, self.buf.get_mut(end..).unwrap_or_default());
        self.buf.truncate(end + *read.as_ref().unwrap_or(&None).as_ref().unwrap_or(&0));
        read
    }
}
