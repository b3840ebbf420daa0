//! A session between a socket and those who use it; see the [folder](super).

use std::fmt;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::TlsError;
use super::peer::PeerCertificate;
use super::session::Session;
use super::state::{RECEIVED, State};
use crate::net::socket::Socket;
use crate::sync::{Guard, Lock, rank};

/// A reader with less room than this receives elsewhere.
const ROOM: usize = 256;

/// So often what comes may hold nothing, before a reader who does not wait is told
/// that nothing is there: it has a deadline to look after.
const ROUNDS: usize = 8;

/// See the module.
pub(in crate::net) struct Layer {
    state: Lock<State, rank::Stream>,
    /// There is something to be read, or to be told to a reader, that the socket
    /// does not show.
    holds: AtomicBool,
    /// We have ended the reading, so the peer need not say so.
    ended: AtomicBool,
    peer: Option<Arc<PeerCertificate>>,
}

impl Layer {
    /// A session that begins.
    pub(super) fn new(session: impl Into<Session>) -> Self {
        let state = State::new(session.into());
        let (holds, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        Layer { state: Lock::new(state), holds, ended, peer: None }
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// What the peer has shown of itself.
    pub fn peer(&self) -> Option<&Arc<PeerCertificate>> {
        self.peer.as_ref()
    }

    /// Goes on with the handshake as far as it goes without waiting; true when it is
    /// over. Else it waits to read, or to write as well if something is
    /// [owed](Self::owed).
    pub fn shake_hands(&mut self, socket: &Socket) -> io::Result<bool> {
        loop {
            let mut state = self.state.lock();
            state.flush(socket)?;
            if !state.session().is_handshaking() {
                let shown = state.session().peer_certificates();
                let peer = shown.and_then(PeerCertificate::new).map(Arc::new);
                drop(state);
                self.peer = peer;
                return Ok(true);
            }
            drop(state);
            if !self.receive(socket)? {
                return Ok(false);
            }
        }
    }

    /// Receives once for the handshake; false when there is nothing.
    fn receive(&self, socket: &Socket) -> io::Result<bool> {
        let mut room = [0; 2 << 10];
        let Some(length) = socket.read_now(&mut room)? else { return Ok(false) };
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.feed(socket, room.get_mut(..length).unwrap_or_default())?;
        Ok(true)
    }

    /// Gives the session what has come, for the handshake.
    pub fn feed(&self, socket: &Socket, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.received(socket, bytes);
        self.note(&state);
        match &state.failure {
            Some(failure) => Err(failure.to_io()),
            None => Ok(()),
        }
    }

    /// Whether a reader need not wait.
    #[inline]
    pub fn holds(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }

    fn note(&self, state: &State) {
        self.holds.store(state.holds(), Ordering::Release);
    }

    /// Reads, and if it `waits`, blocks until something has come. `None`: what came
    /// holds nothing for the reader, or nothing came.
    pub fn read(&self, socket: &Socket, buf: &mut [u8], waits: bool) -> io::Result<Option<usize>> {
        if self.holds()
            && let Some(read) = self.held(buf)?
        {
            return Ok(Some(read));
        }
        if buf.len() < ROOM {
            return self.read_little(socket, buf, waits);
        }
        for _ in 0..ROUNDS {
            let most = buf.len().min(RECEIVED);
            let room = buf.get_mut(..most).unwrap_or_default();
            let received = if waits { Some(socket.read(room)?) } else { socket.read_now(room)? };
            let Some(received) = received else { return Ok(None) };
            if let Some(read) = self.decrypt(socket, buf, received)? {
                return Ok(Some(read));
            }
            if waits {
                break;
            }
        }
        Ok(None)
    }

    /// Apart, for the stack that it takes.
    #[cold]
    #[inline(never)]
    fn read_little(
        &self,
        socket: &Socket,
        buf: &mut [u8],
        waits: bool,
    ) -> io::Result<Option<usize>> {
        let mut room = [0; ROOM];
        let received =
            if waits { Some(socket.read(&mut room)?) } else { socket.read_now(&mut room)? };
        let Some(received) = received else { return Ok(None) };
        let mut state = self.lock();
        if received == 0 {
            return self.over(&mut state).map(Some);
        }
        state.received(socket, room.get_mut(..received).unwrap_or_default());
        let read = state.take(buf);
        self.note(&state);
        read
    }

    /// What is there already, and no more than that.
    #[inline(never)]
    fn held(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let mut state = self.lock();
        let read = state.take(buf);
        self.note(&state);
        read
    }

    /// Decrypts what was received into a buffer, there.
    fn decrypt(
        &self,
        socket: &Socket,
        buf: &mut [u8],
        received: usize,
    ) -> io::Result<Option<usize>> {
        let mut state = self.lock();
        if received == 0 {
            return self.over(&mut state).map(Some);
        }
        state.received(socket, buf.get_mut(..received).unwrap_or_default());
        let read = state.take(buf);
        self.note(&state);
        read
    }

    /// The socket's stream has ended.
    #[cold]
    fn over(&self, state: &mut State) -> io::Result<usize> {
        if state.closed || self.ended.load(Ordering::Acquire) {
            return Ok(0);
        }
        Err(TlsError::cut().to_io())
    }

    /// As [`Stream::offer_vectored`](crate::net::Stream::offer_vectored).
    pub fn offer(&self, socket: &Socket, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.lock().offer(socket, pieces)
    }

    /// Encrypted bytes that the kernel has not taken.
    pub fn owed(&self) -> usize {
        self.lock().owed()
    }

    /// Whether the first byte that is offered next is in a record already.
    pub fn has_begun(&self) -> bool {
        self.lock().confirms.is_some()
    }

    /// We read no more, and need not be told of the end.
    pub fn end_reading(&self) {
        self.ended.store(true, Ordering::Release);
    }

    /// Says that our direction ends, and that we read no more if that is so.
    pub fn shutdown(&self, socket: &Socket, how: Shutdown) {
        if how != Shutdown::Write {
            self.end_reading();
        }
        if how != Shutdown::Read {
            self.lock().say_bye(socket);
        }
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("peer", &self.peer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
