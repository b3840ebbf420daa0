//! The byte stream under a connection: TCP or Unix, always blocking for
//! reads, never blocking for [`Stream::offer`].

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};

/// A connected socket.
///
/// Shared between the thread that reads it and the threads that write to it;
/// every method takes `&self`.
#[derive(Debug)]
#[non_exhaustive]
pub enum Stream {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A Unix domain connection.
    Unix(UnixStream),
}

impl Stream {
    /// Reads what is there, blocking until there is something; 0 at the end of
    /// the stream. Interrupted reads are repeated.
    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::net::recv(self, &mut *buf, RecvFlags::empty()) {
                Ok((read, _)) => return Ok(read),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// [`read`](Self::read) that never blocks: `None` when there is nothing.
    pub(crate) fn read_now(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::net::recv(self, &mut *buf, RecvFlags::DONTWAIT) {
                Ok((read, _)) => return Ok(Some(read)),
                Err(rustix::io::Errno::AGAIN) => return Ok(None),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether something is there to be read, be it the end of the stream; never
    /// blocks.
    pub(crate) fn has_unread(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        !matches!(rustix::net::recv(self, &mut [0; 1][..], flags), Err(rustix::io::Errno::AGAIN))
    }

    /// Hands as much as the kernel takes at once to the socket; never blocks.
    /// `Ok(0)` says that the socket is full.
    pub(crate) fn offer(&self, bytes: &[u8]) -> io::Result<usize> {
        taken(|| rustix::net::send(self, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))
    }

    /// [`offer`](Self::offer) of several pieces in one call.
    pub(crate) fn offer_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        taken(|| {
            let mut none = SendAncillaryBuffer::default();
            rustix::net::sendmsg(self, pieces, &mut none, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        })
    }

    /// Writes everything, blocking while the socket is full.
    pub(crate) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::net::send(self, bytes, SendFlags::NOSIGNAL) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => bytes = &bytes[sent..],
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Ends one or both directions; wakes a thread blocked in
    /// [`read`](Self::read). Errors are of no use to anybody here.
    pub(crate) fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Stream::Tcp(tcp) => tcp.shutdown(how),
            Stream::Unix(unix) => unix.shutdown(how),
        };
    }

    /// Cuts the connection: what the kernel still holds for a peer that does
    /// not read is thrown away, and a blocked reader wakes up.
    pub(crate) fn abort(&self) {
        if let Stream::Tcp(tcp) = self {
            let _ = rustix::net::sockopt::set_socket_linger(tcp, Some(Duration::ZERO));
        }
        self.shutdown(Shutdown::Both);
    }

    /// The peer's address; `None` for a Unix socket, or when the peer has
    /// already gone.
    pub(crate) fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Stream::Tcp(tcp) => tcp.peer_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// Whether it is a Unix socket.
    pub(crate) fn is_unix(&self) -> bool {
        matches!(self, Stream::Unix(_))
    }

    /// Switches Nagle's algorithm off (TCP only).
    pub(crate) fn set_nodelay(&self) {
        if let Stream::Tcp(tcp) = self {
            let _ = tcp.set_nodelay(true);
        }
    }

    /// Makes reads block, whatever mode the socket came in.
    pub(crate) fn set_blocking(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(tcp) => tcp.set_nonblocking(false),
            Stream::Unix(unix) => unix.set_nonblocking(false),
        }
    }

    /// Caps the kernel's send buffer, in bytes.
    pub(crate) fn set_send_buffer(&self, bytes: usize) {
        let _ = rustix::net::sockopt::set_socket_send_buffer_size(self, bytes);
    }
}

fn taken(mut send: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match send() {
            Ok(sent) => return Ok(sent),
            Err(rustix::io::Errno::AGAIN) => return Ok(0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(tcp) => tcp.as_fd(),
            Stream::Unix(unix) => unix.as_fd(),
        }
    }
}

impl From<TcpStream> for Stream {
    fn from(tcp: TcpStream) -> Self {
        Stream::Tcp(tcp)
    }
}

impl From<UnixStream> for Stream {
    fn from(unix: UnixStream) -> Self {
        Stream::Unix(unix)
    }
}
