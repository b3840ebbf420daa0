//! What the kernel does with a connected socket, without any layer above it.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, sockopt};

/// A connected socket.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Reads what is there, blocking until there is something; 0 at the end of the
    /// stream. Interrupted reads are repeated.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match rustix::net::recv(self, &mut *buf, RecvFlags::empty()) {
                Ok((read, _)) => return Ok(read),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// [`read`](Self::read) that never blocks: `None` when there is nothing.
    pub fn read_now(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::net::recv(self, &mut *buf, RecvFlags::DONTWAIT) {
                Ok((read, _)) => return Ok(Some(read)),
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// [`read`](Self::read), which waits no longer than was
    /// [set](Self::set_read_timeout): `None` when nothing has come.
    pub fn read_for_a_while(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        match self.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            read => read.map(Some),
        }
    }

    /// How long reads wait that block; `None`: for ever.
    pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        Ok(sockopt::set_socket_timeout(self, sockopt::Timeout::Recv, time)?)
    }

    /// Whether something is there to be read, be it the end of the stream.
    pub fn has_unread(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        !matches!(rustix::net::recv(self, &mut [0; 1][..], flags), Err(Errno::AGAIN))
    }

    /// Sends as much as the kernel takes at once: 0 when it is full.
    pub fn offer(&self, bytes: &[u8]) -> io::Result<usize> {
        taken(|| rustix::net::send(self, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))
    }

    /// [`offer`](Self::offer) of several pieces in one call.
    pub fn offer_vectored(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        taken(|| {
            let mut none = SendAncillaryBuffer::default();
            rustix::net::sendmsg(self, pieces, &mut none, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
        })
    }

    /// Ends one or both directions. Errors are of no use to anybody here.
    pub fn shutdown(&self, how: Shutdown) {
        let _ = match self {
            Socket::Tcp(tcp) => tcp.shutdown(how),
            Socket::Unix(unix) => unix.shutdown(how),
        };
    }

    /// What the kernel still holds is thrown away when the socket is shut down.
    pub fn forget_unsent(&self) {
        if let Socket::Tcp(tcp) = self {
            let _ = sockopt::set_socket_linger(tcp, Some(Duration::ZERO));
        }
    }

    /// The peer's address, if it is not gone and this is no Unix socket.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Socket::Tcp(tcp) => tcp.peer_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// Switches Nagle's algorithm off (TCP only).
    pub fn set_nodelay(&self) {
        if let Socket::Tcp(tcp) = self {
            let _ = tcp.set_nodelay(true);
        }
    }

    /// Makes reads block, whatever mode the socket came in.
    pub fn set_blocking(&self) -> io::Result<()> {
        match self {
            Socket::Tcp(tcp) => tcp.set_nonblocking(false),
            Socket::Unix(unix) => unix.set_nonblocking(false),
        }
    }
}

fn taken(mut send: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<usize> {
    loop {
        match send() {
            Ok(sent) => return Ok(sent),
            Err(Errno::AGAIN) => return Ok(0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(tcp) => tcp.as_fd(),
            Socket::Unix(unix) => unix.as_fd(),
        }
    }
}
