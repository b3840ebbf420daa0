//! What the lock of a layer guards: a session, and bytes on their way through it.

use std::io::{self, IoSlice};

use super::failure::TlsError;
use super::session::{Out, Say, Session, Step, part};
use crate::net::socket::Socket;

/// Bytes that are encrypted at a time: one record.
const RECORD: usize = 16 << 10;

/// Bytes received at a time.
pub(super) const RECEIVED: usize = 16 << 10;

/// Most bytes of a record, or of a message of a handshake in several records, whose
/// rest has not come.
const INCOMPLETE: usize = 64 << 10;

/// See the module.
pub(super) struct State {
    session: Session,
    /// Received, and not complete.
    incoming: Vec<u8>,
    /// Decrypted; of it the reader has so much.
    plain: Vec<u8>,
    read: usize,
    /// The peer has said that it ends.
    pub closed: bool,
    pub failure: Option<TlsError>,
    /// Encrypted; of it the kernel has taken so much.
    unsent: Vec<u8>,
    sent: usize,
    /// The byte that is offered next is in a record already.
    pub confirms: Option<u8>,
    said_bye: bool,
}

impl State {
    pub fn new(session: Session) -> Self {
        let mut state = State {
            session,
            incoming: Vec::new(),
            plain: Vec::new(),
            read: 0,
            closed: false,
            failure: None,
            unsent: Vec::new(),
            sent: 0,
            confirms: None,
            said_bye: false,
        };
        // A client's begins.
        state.process(&mut []);
        state
    }

    pub fn session(&self) -> &rustls::CommonState {
        self.session.common()
    }

    pub fn owed(&self) -> usize {
        self.unsent.len() - self.sent
    }

    pub fn holds(&self) -> bool {
        !self.plain.is_empty() || self.closed || self.failure.is_some()
    }

    /// Has the session process what was received, in place, and answer it if that
    /// calls for an answer.
    pub fn received(&mut self, socket: &Socket, bytes: &mut [u8]) {
        let owed = self.owed();
        if self.incoming.is_empty() {
            let done = self.process(bytes);
            self.incoming.extend_from_slice(bytes.get(done..).unwrap_or_default());
        } else {
            let mut incoming = std::mem::take(&mut self.incoming);
            incoming.extend_from_slice(bytes);
            let done = self.process(&mut incoming);
            if done < incoming.len() {
                incoming.drain(..done);
                self.incoming = incoming;
            }
        }
        if self.incoming.len() > INCOMPLETE {
            self.incoming = Vec::new();
            self.failure = Some(TlsError::other("a message of the handshake is too long"));
        }
        if self.owed() > owed {
            // If that fails, the reader will know.
            let _ = self.flush(socket);
        }
    }

    /// Has the session process all that is complete, and tells how many bytes it is
    /// done with. What comes after the end is ignored.
    fn process(&mut self, bytes: &mut [u8]) -> usize {
        let mut done = 0;
        while !self.closed && self.failure.is_none() {
            let rest = bytes.get_mut(done..).unwrap_or_default();
            let out = Out { plain: &mut self.plain, records: &mut self.unsent };
            let (discard, step) = self.session.step(rest, Say::Nothing, out);
            done += discard;
            match step {
                Ok(Step::Goes) => {}
                Ok(Step::Closed) => self.closed = true,
                Ok(Step::Waits | Step::Said) => return done,
                Err(error) => self.failed(&error),
            }
        }
        bytes.len()
    }

    /// The peer is told what it has done.
    #[cold]
    fn failed(&mut self, error: &rustls::Error) {
        self.failure = Some(TlsError::new(error));
        // Not further than that: it would process the same again.
        while self.session().wants_write() {
            let out = Out { plain: &mut self.plain, records: &mut self.unsent };
            if self.session.step(&mut [], Say::Nothing, out).1.is_err() {
                break;
            }
        }
    }

    /// What the reader gets; `None` when there is nothing.
    pub fn take(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        if let Some(plain) = self.plain.get(self.read..).filter(|plain| !plain.is_empty()) {
            let taken = plain.len().min(buf.len());
            let (room, plain) = (buf.get_mut(..taken), plain.get(..taken));
            room.unwrap_or_default().copy_from_slice(plain.unwrap_or_default());
            self.read += taken;
            if self.read == self.plain.len() {
                (self.plain, self.read) = (Vec::new(), 0);
            }
            return Ok(Some(taken));
        }
        match &self.failure {
            Some(failure) => Err(failure.to_io()),
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
            let record = part(pieces, done, RECORD);
            self.say(Say::Bytes(&record))?;
            done += record.len();
            self.flush(socket)?;
            if self.owed() > 0 {
                self.confirms = byte_at(pieces, done - 1);
                return Ok(done - 1);
            }
        }
        Ok(done)
    }

    /// Says that our direction ends.
    pub fn say_bye(&mut self, socket: &Socket) {
        if !std::mem::replace(&mut self.said_bye, true) {
            // A peer that takes nothing finds out without it.
            let _ = self.say(Say::Bye).and_then(|()| self.flush(socket));
        }
    }

    /// Has something encrypted. After a failure nothing is said any more, nor is the
    /// session asked again: it would miss what was thrown away.
    fn say(&mut self, say: Say<'_>) -> io::Result<()> {
        if let Some(failure) = &self.failure {
            return Err(failure.to_io());
        }
        loop {
            let out = Out { plain: &mut self.plain, records: &mut self.unsent };
            let (discard, step) = self.session.step(&mut self.incoming, say, out);
            self.incoming.drain(..discard.min(self.incoming.len()));
            match step.map_err(|error| TlsError::new(&error).to_io())? {
                Step::Said => return Ok(()),
                Step::Goes => {}
                Step::Closed => self.closed = true,
                Step::Waits => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
    }

    /// Hands what is encrypted to the socket. What that does not take is kept.
    pub fn flush(&mut self, socket: &Socket) -> io::Result<()> {
        while let Some(left) = self.unsent.get(self.sent..).filter(|left| !left.is_empty()) {
            match socket.offer(left)? {
                0 => return Ok(()),
                sent => self.sent += sent,
            }
        }
        if self.sent > 0 {
            (self.unsent, self.sent) = (Vec::new(), 0);
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
