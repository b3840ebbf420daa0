//! The byte stream under a connection: TCP or Unix, always blocking for
//! reads, never blocking for [`Stream::offer`].

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
#[cfg(feature = "tls")]
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Waitable;
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::tls::{Layer, PeerCertificate};

/// A connected socket: made from a [`TcpStream`] or a [`UnixStream`].
///
/// Shared between the thread that reads it and the threads that write to it;
/// every method takes `&self`.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// Put on once, when the handshake is over.
    #[cfg(feature = "tls")]
    layer: OnceLock<Box<Layer>>,
}

impl Stream {
    /// Reads, blocking until something has come; 0 at the end of the stream.
    /// `WouldBlock`: what came holds nothing for the reader, who may wait for more.
    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            let nothing = || io::ErrorKind::WouldBlock.into();
            return layer.read(&self.socket, buf, true)?.ok_or_else(nothing);
        }
        self.socket.read(buf)
    }

    /// [`read`](Self::read) that never blocks: `None` when there is nothing.
    pub(crate) fn read_now(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            return layer.read(&self.socket, buf, false);
        }
        self.socket.read_now(buf)
    }

    /// Reads what is there, and waits for it no longer than was
    /// [set](Self::set_read_timeout): `None` when nothing has come. Not with TLS.
    pub(crate) fn read_for_a_while(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        self.socket.read_for_a_while(buf)
    }

    /// How long reads wait that block; `None`: for ever, as from the beginning. False
    /// where it cannot be set.
    pub(crate) fn set_read_timeout(&self, time: Option<Duration>) -> bool {
        #[cfg(feature = "tls")]
        if self.layer.get().is_some() {
            return false;
        }
        self.socket.set_read_timeout(time).is_ok()
    }

    /// Whether something is there to be read, be it the end of the stream; never
    /// blocks.
    pub(crate) fn has_unread(&self) -> bool {
        self.holds() || self.socket.has_unread()
    }

    /// Hands as much as is taken at once to the socket; never blocks. `Ok(0)` says
    /// that the socket is full.
    ///
    /// What was not taken is to be offered again, unchanged and before anything
    /// else: the stream may hold the first byte of it [already](Self::has_begun).
    pub(crate) fn offer(&self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            return layer.offer(&self.socket, &[IoSlice::new(bytes)]);
        }
        self.socket.offer(bytes)
    }

    /// [`offer`](Self::offer) of several pieces in one call.
    pub(crate) fn offer_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            return layer.offer(&self.socket, pieces);
        }
        self.socket.offer_vectored(pieces)
    }

    /// Bytes that were offered, and that the kernel has not taken.
    pub(crate) fn owed(&self) -> usize {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            return layer.owed();
        }
        0
    }

    /// Whether the first byte of what was not taken is on its way nevertheless. It
    /// stays so when the stream [owes](Self::owed) nothing any more, as a thread that
    /// reads may have sent the rest.
    pub(crate) fn has_begun(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            return layer.has_begun();
        }
        false
    }

    /// Ends one or both directions; wakes a thread blocked in
    /// [`read`](Self::read). Errors are of no use to anybody here.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            layer.shutdown(&self.socket, how);
        }
        self.socket.shutdown(how);
    }

    /// Cuts the connection: what the kernel still holds for a peer that does
    /// not read is thrown away, and a blocked reader wakes up.
    pub(crate) fn abort(&self) {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            layer.end_reading();
        }
        self.socket.forget_unsent();
        self.socket.shutdown(Shutdown::Both);
    }

    /// The peer's address; `None` for a Unix socket, or when the peer has
    /// already gone.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        self.socket.peer_addr()
    }

    /// Whether it is a Unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.socket, Socket::Unix(_))
    }

    /// Switches Nagle's algorithm off (TCP only).
    pub(crate) fn set_nodelay(&self) {
        self.socket.set_nodelay();
    }

    /// Makes reads block, whatever mode the socket came in.
    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        self.socket.set_blocking()
    }

    /// Caps the kernel's send buffer, in bytes.
    pub(crate) fn set_send_buffer(&self, bytes: usize) {
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(self, bytes);
    }
}

#[cfg(feature = "tls")]
impl Stream {
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// From now on all goes through this layer, whose handshake is over.
    pub(super) fn set_layer(&self, layer: Box<Layer>) {
        let before = self.layer.set(layer);
        debug_assert!(before.is_ok());
    }

    /// Whether it speaks TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.layer.get().is_some()
    }

    /// What the peer has shown of itself.
    pub(crate) fn peer(&self) -> Option<&Arc<PeerCertificate>> {
        self.layer.get()?.peer()
    }
}

impl From<Socket> for Stream {
    fn from(socket: Socket) -> Self {
        Stream {
            socket,
            #[cfg(feature = "tls")]
            layer: OnceLock::new(),
        }
    }
}

impl Waitable for Stream {
    #[inline]
    fn holds(&self) -> bool {
        #[cfg(feature = "tls")]
        if let Some(layer) = self.layer.get() {
            return layer.holds();
        }
        false
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Socket::Tcp(tcp).into()
    }
}

impl From<UnixStream> for Stream {
    fn from(unix: UnixStream) -> Self {
        Socket::Unix(unix).into()
    }
}
