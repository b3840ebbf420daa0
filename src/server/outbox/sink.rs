//! What an outbox does to the place that it writes to.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;

use crate::net::Stream;
use crate::transformers::polled::cast::Cast;
use crate::transformers::serve::Sink;

impl Sink {
    pub fn is_poll(&self) -> bool {
        matches!(self, Sink::Poll(_))
    }

    /// The socket that a client is reached by at present.
    pub fn stream(&self) -> Option<Arc<Stream>> {
        match self {
            Sink::Socket(stream) => Some(stream.clone()),
            Sink::Poll(session) => session.stream(),
            Sink::Nowhere => None,
        }
    }

    /// Bytes that were handed over and are kept until they are acknowledged, or
    /// until the kernel takes them.
    pub fn kept(&self) -> usize {
        match self {
            Sink::Poll(session) => session.kept(),
            Sink::Socket(stream) => stream.owed(),
            Sink::Nowhere => 0,
        }
    }

    /// Whether the first byte of what was not taken is handed over nevertheless.
    pub fn has_begun(&self) -> bool {
        matches!(self, Sink::Socket(stream) if stream.has_begun())
    }

    /// Hands over as much as is taken at once: 0 when there is no room.
    pub fn offer(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Socket(stream) => stream.offer(bytes),
            _ => self.offer_vectored(&[IoSlice::new(bytes)]),
        }
    }

    /// [`offer`](Self::offer) of several pieces. A client that polls is given
    /// all of them or none.
    pub fn offer_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Sink::Socket(stream) => stream.offer_vectored(pieces),
            Sink::Poll(session) => Ok(match session.offer(pieces)? {
                true => pieces.iter().map(|piece| piece.len()).sum(),
                false => 0,
            }),
            Sink::Nowhere => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// [`offer`](Self::offer) of broadcasts, which go to others in the same form.
    pub fn offer_shared(&self, bytes: &[u8], cast: &Cast) -> io::Result<usize> {
        match self {
            Sink::Poll(session) => {
                Ok(if session.offer_shared(bytes, cast)? { bytes.len() } else { 0 })
            }
            _ => self.offer(bytes),
        }
    }

    pub fn shutdown(&self, how: Shutdown) {
        match self {
            Sink::Socket(stream) => stream.shutdown(how),
            Sink::Poll(session) => session.end(false),
            Sink::Nowhere => {}
        }
    }

    pub fn abort(&self) {
        match self {
            Sink::Socket(stream) => stream.abort(),
            Sink::Poll(session) => session.end(true),
            Sink::Nowhere => {}
        }
    }
}
