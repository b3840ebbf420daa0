//! What the lock of a layer guards: a session, and bytes on their way through it.

use std::io::{self, IoSlice, Write};

use rustls::{Connection, IoState};

use super::failure::TlsError;
use crate::net::socket::Socket;

/// Bytes that are encrypted at a time: one record.
const RECORD: usize = 16 << 10;

/// Bytes received at a time: as much as a session takes without being read from.
pub(super) const RECEIVED: usize = 16 << 10;

/// See the module.
pub(super) struct State {
    pub session: Connection,
    /// Received, and not yet taken by the session.
    unfed: Vec<u8>,
    /// Bytes that the session has for the reader.
    plain: usize,
    /// The peer has said that it ends.
    pub closed: bool,
    pub failure: Option<TlsError>,
    /// Encrypted; of it the kernel has taken so much.
    unsent: Vec<u8>,
    sent: usize,
    /// The byte that is offered next is in a record already.
    pub confirms: Option<u8>,
    pub said_bye: bool,
}

impl State {
    pub fn new(session: Connection) -> Self {
        State {
            session,
            unfed: Vec::new(),
            plain: 0,
            closed: false,
            failure: None,
            unsent: Vec::new(),
            sent: 0,
            confirms: None,
            said_bye: false,
        }
    }

    pub fn owed(&self) -> usize {
        self.unsent.len() - self.sent
    }

    pub fn holds(&self) -> bool {
        self.plain > 0 || !self.unfed.is_empty() || self.closed || self.failure.is_some()
    }

    /// Has the session process what was received, and answer it if that calls for an
    /// answer.
    pub fn received(&mut self, socket: &Socket, bytes: &[u8]) {
        if self.unfed.is_empty() {
            let left = self.process(bytes);
            self.unfed.extend_from_slice(bytes.get(bytes.len() - left..).unwrap_or_default());
        } else {
            self.unfed.extend_from_slice(bytes);
        }
        if self.session.wants_write() {
            // If that fails, the reader will know.
            let _ = self.flush(socket);
        }
    }

    /// Feeds the session, and tells how many bytes are left when it is full.
    fn process(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() && !self.closed && self.failure.is_none() {
            if self.plain > 0 && self.plain + bytes.len() > RECEIVED {
                return bytes.len();
            }
            let taken = self.session.read_tls(&mut bytes);
            match taken.map(|_| self.session.process_new_packets()) {
                Ok(Ok(state)) => self.processed(&state),
                Ok(Err(error)) => self.failure = Some(TlsError::new(&error)),
                Err(error) => self.failure = Some(TlsError::other(&error)),
            }
        }
        0
    }

    fn processed(&mut self, state: &IoState) {
        self.plain = state.plaintext_bytes_to_read();
        self.closed = state.peer_has_closed();
    }

    /// What the reader gets; `None` when there is nothing.
    pub fn take(&mut self, socket: &Socket, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let read = self.held(buf);
        if self.session.wants_write() {
            let _ = self.flush(socket);
        }
        read
    }

    pub fn held(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            if self.plain > 0 {
                let read = io::Read::read(&mut self.session.reader(), buf)?;
                self.plain -= read.min(self.plain);
                return Ok(Some(read));
            }
            if self.unfed.is_empty() {
                break;
            }
            let unfed = std::mem::take(&mut self.unfed);
            let left = self.process(&unfed);
            self.unfed.extend_from_slice(unfed.get(unfed.len() - left..).unwrap_or_default());
        }
        match &self.failure {
            // What came in order before it is not counted.
            Some(failure) => match io::Read::read(&mut self.session.reader(), buf) {
                Ok(read @ 1..) => Ok(Some(read)),
                _ => Err(failure.to_io()),
            },
            None => Ok(self.closed.then_some(0)),
        }
    }

    pub fn offer(&mut self, socket: &Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.flush(socket)?;
        let whole: usize = pieces.iter().map(|piece| piece.len()).sum();
        if self.owed() > 0 || whole == 0 {
            return Ok(0);
        }
        if self.said_bye {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let mut done = 0;
        if let Some(byte) = self.confirms.take() {
            debug_assert_eq!(byte_at(pieces, 0), Some(byte), "not offered again");
            done = 1;
        }
        while done < whole {
            done += self.encrypt(pieces, done)?;
            self.flush(socket)?;
            if self.owed() > 0 {
                self.confirms = byte_at(pieces, done - 1);
                return Ok(done - 1);
            }
        }
        Ok(done)
    }

    /// Encrypts one record of what there is from `at` on.
    fn encrypt(&mut self, pieces: &[IoSlice<'_>], at: usize) -> io::Result<usize> {
        let written = match pieces {
            [piece] => {
                let end = piece.len().min(at + RECORD);
                self.session.writer().write(piece.get(at..end).unwrap_or_default())
            }
            pieces => self.session.writer().write_vectored(&part(pieces, at)),
        };
        match written? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            written => Ok(written),
        }
    }

    /// Hands what is encrypted to the socket. What that does not take is kept.
    pub fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        while let Some(left) = self.unsent.get(self.sent..).filter(|left| !left.is_empty()) {
            match socket.offer(left)? {
                0 => return self.keep(),
                sent => self.sent += sent,
            }
        }
        if self.sent > 0 {
            (self.unsent, self.sent) = (Vec::new(), 0);
        }
        while self.session.wants_write() {
            match self.session.write_tls(&mut Direct(socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.keep(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    #[cold]
    fn keep(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.unsent)?;
        }
        Ok(())
    }
}

fn byte_at(pieces: &[IoSlice<'_>], mut at: usize) -> Option<u8> {
    for piece in pieces {
        if let Some(byte) = piece.get(at) {
            return Some(*byte);
        }
        at -= piece.len();
    }
    None
}

/// The pieces of one record.
fn part<'a>(pieces: &'a [IoSlice<'_>], mut at: usize) -> Vec<IoSlice<'a>> {
    let (mut part, mut room) = (Vec::new(), RECORD);
    for piece in pieces {
        let skipped = at.min(piece.len());
        at -= skipped;
        let end = piece.len().min(skipped + room);
        if let Some(piece) = piece.get(skipped..end).filter(|piece| !piece.is_empty()) {
            room -= piece.len();
            part.push(IoSlice::new(piece));
        }
    }
    part
}

/// Writes to a socket without waiting.
struct Direct<'a>(&'a Socket);

impl Write for Direct<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match pieces {
            [one] => self.0.offer(one),
            pieces => self.0.offer_vectored(pieces),
        }
        .and_then(|sent| if sent == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(sent) })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
