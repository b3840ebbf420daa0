//! Sockets that accept connections.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use super::Stream;

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) enum Listener {
    /// A TCP listener.
    Tcp(TcpListener),
    /// A Unix domain listener.
    Unix(UnixListener),
}

/// Connections that may wait to be accepted, of which the kernel allows no more
/// than `net.core.somaxconn` (4,096 by default). The 128 of the standard library
/// make most of a thousand clients that reconnect at once wait a second, until
/// they try again.
const WAITING: i32 = 4_096;

impl Listener {
    /// Prepares it for being accepted from, wherever it was made.
    pub fn prepare(&self) -> io::Result<()> {
        match self {
            Listener::Tcp(tcp) => tcp.set_nonblocking(true)?,
            Listener::Unix(unix) => unix.set_nonblocking(true)?,
        }
        // For a socket that listens already this changes the number alone.
        Ok(rustix::net::listen(self, WAITING)?)
    }

    /// The next connection, and where it comes from, unless that is a Unix socket.
    pub fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(tcp) => tcp.accept().map(|(tcp, from)| (Stream::Tcp(tcp), Some(from))),
            Listener::Unix(unix) => unix.accept().map(|(unix, _)| (Stream::Unix(unix), None)),
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(tcp) => tcp.as_fd(),
            Listener::Unix(unix) => unix.as_fd(),
        }
    }
}

/// Binds the first of the addresses that can be had. An error names the address.
pub(crate) fn bind(address: &(impl ToSocketAddrs + Debug)) -> io::Result<TcpListener> {
    let named =
        |error: io::Error, text: String| io::Error::new(error.kind(), format!("{text}: {error}"));
    let all = address.to_socket_addrs().map_err(|error| {
        let text = match error.kind() {
            io::ErrorKind::InvalidInput => format!("{address:?} is no address"),
            _ => format!("cannot listen on {address:?}"),
        };
        named(error, text)
    })?;
    let mut failed = io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{address:?} stands for no address to listen on"),
    );
    for one in all {
        match TcpListener::bind(one) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = named(error, format!("cannot listen on {one}")),
        }
    }
    Err(failed)
}
