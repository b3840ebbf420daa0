//! Sockets that accept connections.

use std::fmt::Debug;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use super::Stream;
use super::unix::{SocketFile, SocketPath, WAITING};
use crate::error::named;

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) enum Listener {
    /// A TCP listener.
    Tcp(TcpListener),
    /// A Unix domain listener. Its file, if it was made here, goes before it does.
    Unix {
        /// Removed when it is dropped.
        _file: Option<SocketFile>,
        /// The socket.
        socket: UnixListener,
    },
}

impl Listener {
    /// One on this Unix socket. An error names the path.
    pub fn at(path: &SocketPath) -> io::Result<Self> {
        path.listen().map(|(file, socket)| Listener::Unix { _file: file, socket })
    }

    /// Prepares it for being accepted from, wherever it was made.
    pub fn prepare(&self) -> io::Result<()> {
        match self {
            Listener::Tcp(tcp) => tcp.set_nonblocking(true)?,
            Listener::Unix { socket, .. } => socket.set_nonblocking(true)?,
        }
        // For a socket that listens already this changes the number alone.
        Ok(rustix::net::listen(self, WAITING)?)
    }

    /// The address, unless it is a Unix socket.
    #[cfg(feature = "activation")]
    pub fn tcp_address(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Listener::Tcp(tcp) => tcp.local_addr().map(Some),
            Listener::Unix { .. } => Ok(None),
        }
    }

    /// The next connection, and where it comes from, unless that is a Unix socket.
    pub fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match self {
            Listener::Tcp(tcp) => tcp.accept().map(|(tcp, from)| (Stream::from(tcp), Some(from))),
            Listener::Unix { socket, .. } => {
                socket.accept().map(|(unix, _)| (Stream::from(unix), None))
            }
        }
    }
}

impl From<UnixListener> for Listener {
    /// One whose file is somebody else's.
    fn from(socket: UnixListener) -> Self {
        Listener::Unix { _file: None, socket }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(tcp) => tcp.as_fd(),
            Listener::Unix { socket, .. } => socket.as_fd(),
        }
    }
}

/// Binds the first of the addresses that can be had. An error names the address.
pub(crate) fn bind(address: &(impl ToSocketAddrs + Debug)) -> io::Result<TcpListener> {
    let all = address.to_socket_addrs().map_err(|error| {
        let text = match error.kind() {
            io::ErrorKind::InvalidInput => format!("{address:?} is no address"),
            _ => format!("cannot listen on {address:?}"),
        };
        named(&text, &error)
    })?;
    let mut failed = io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{address:?} stands for no address to listen on"),
    );
    for one in all {
        match TcpListener::bind(one) {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = named(&format!("cannot listen on {one}"), &error),
        }
    }
    Err(failed)
}
