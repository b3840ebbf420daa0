//! Where a server's connections come from.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::http::server::{Accepted, Acceptor, Served, Speaks};
use crate::net::{self, Listener, SocketPath, Stream};
use crate::outcome::Outcome;

use crate::server::connection;
use crate::server::destroy::Destroy;
use crate::server::inner::Inner;
use crate::server::primus::Primus;
use crate::server::spark::Spark;

/// # Listening
impl Primus {
    /// A server with the default options, listening on `address`, with one
    /// `connection` listener: the one-call convenience.
    ///
    /// # Errors
    /// Those of [`Builder::build`](crate::Builder::build) and [`listen`](Self::listen).
    pub fn create_server<R: Outcome>(
        address: impl ToSocketAddrs + fmt::Debug,
        connection: impl Fn(&Spark) -> R + Send + Sync + 'static,
    ) -> Result<Primus> {
        let primus = Primus::builder().build()?;
        primus.on_connection(connection);
        match primus.listen(address) {
            Ok(_) => Ok(primus),
            Err(error) => {
                primus.destroy(Destroy::default());
                Err(error)
            }
        }
    }

    /// Listens on an address and serves the clients that connect, on other
    /// threads. Port 0 lets the system choose; the address that came of it is
    /// returned. May be called for several addresses.
    ///
    /// # Errors
    /// [`Error::Io`] when the address cannot be used, which the text names, or the
    /// acceptor's thread not be started; [`Error::Closed`] after `destroy`.
    pub fn listen(&self, address: impl ToSocketAddrs + fmt::Debug) -> Result<SocketAddr> {
        self.listen_on(net::bind(&address)?)
    }

    /// Serves the clients that connect to a listener of the application's. As many
    /// connections as with [`listen`](Self::listen) may wait to be accepted, 4,096
    /// if the kernel allows them (`net.core.somaxconn`): the number that the
    /// listener was made with is raised.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn listen_on(&self, listener: TcpListener) -> Result<SocketAddr> {
        let address = listener.local_addr()?;
        self.accept(Listener::Tcp(listener))?;
        self.listens(address);
        Ok(address)
    }

    /// Listens on a Unix socket: a path, or a [`SocketPath`] with the mode of the
    /// file. A path that begins with `@` is a name without a file (abstract).
    ///
    /// A socket that a server has left behind there is removed before; nothing else
    /// ever is. [`destroy`](Self::destroy) removes the file, unless it is another's
    /// by then. Clients reach it as
    /// [`unix:/run/app.sock`](crate::Client::builder), and have
    /// [`Address::unix`](crate::Address::unix) set.
    ///
    /// ```
    /// use primus::{Client, Primus, SocketPath};
    ///
    /// # let path = std::env::temp_dir().join(format!("primus-doc-{}.sock", std::process::id()));
    /// let primus = Primus::builder().build()?;
    /// primus.listen_path(SocketPath::new(&path).mode(0o660))?;
    /// let client = Client::connect(&format!("unix:{}", path.display()))?;
    /// # client.end();
    /// # primus.destroy(Default::default());
    /// # assert!(!path.exists());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] names the path, and why: too long (107 bytes), no such folder,
    /// not allowed, in use by another server, a file or a folder.
    /// [`Error::Closed`] after `destroy`.
    pub fn listen_path(&self, path: impl Into<SocketPath>) -> Result<()> {
        if self.0.is_closing() {
            return Err(Error::Closed);
        }
        self.accept(Listener::at(&path.into())?)
    }

    /// Serves the clients that connect to a Unix socket that the application made;
    /// its file stays.
    ///
    /// # Errors
    /// As [`listen`](Self::listen).
    pub fn listen_unix(&self, listener: UnixListener) -> Result<()> {
        self.accept(listener.into())
    }

    /// Listens on the sockets that the process was started with, TCP or Unix: socket
    /// activation, with systemd's variables `LISTEN_FDS` and `LISTEN_PID`. Returns
    /// how many there are; 0 when it was started without. With the feature
    /// `activation`.
    ///
    /// Call it at the beginning of `main`, before there are other threads: as
    /// systemd wants it, the variables are removed, so that no child process takes
    /// them for its own.
    ///
    /// ```
    /// let primus = primus::Primus::builder().build()?;
    /// if primus.listen_inherited()? == 0 {
    ///     primus.listen("127.0.0.1:0")?;
    /// }
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Io`] when one of them is no stream socket or does not listen (then
    /// none is served); [`Error::Closed`] after `destroy`.
    #[cfg(feature = "activation")]
    pub fn listen_inherited(&self) -> Result<usize> {
        if self.0.is_closing() {
            return Err(Error::Closed);
        }
        let listeners = net::inherited()?;
        let count = listeners.len();
        for listener in listeners {
            let address = listener.tcp_address()?;
            self.accept(listener)?;
            address.into_iter().for_each(|address| self.listens(address));
        }
        Ok(count)
    }

    fn accept(&self, listener: Listener) -> Result<()> {
        self.serving()?;
        let (server, connections) = (self.0.clone(), self.0.connections.clone());
        let acceptor = Acceptor::start(listener, connections, self.speaks(), move |accepted| {
            connection::serve(&server, accepted)
        })?;
        self.attend(acceptor)
    }

    /// Takes note of an address, and tells of it.
    fn listens(&self, address: SocketAddr) {
        self.0.roster.lock().addresses.push(address);
        for listener in self.0.events.listening.snapshot().iter() {
            self.0.report("listening", || listener(address));
        }
    }

    /// What its address begins with: `https` when it speaks TLS, else `http`.
    pub fn scheme(&self) -> &'static str {
        if matches!(self.speaks(), Speaks::Http) { "http" } else { "https" }
    }

    /// Keeps an acceptor until the server's end.
    pub(super) fn attend(&self, acceptor: Acceptor) -> Result<()> {
        self.0.roster.lock().acceptors.push(acceptor);
        if self.0.is_closing() {
            // `destroy` may have come between and not have seen this one.
            self.0.stop_accepting();
            return Err(Error::Closed);
        }
        Ok(())
    }

    fn speaks(&self) -> Speaks {
        #[cfg(feature = "tls")]
        if self.0.tls.is_on() {
            return Speaks::Tls;
        }
        Speaks::Http
    }

    /// Serves one connection that the application accepted itself, on a thread
    /// of its own.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no thread for it or the bound on connections
    /// is reached, [`Error::Closed`] after `destroy`.
    pub fn serve(&self, stream: impl Into<Stream>) -> Result<()> {
        self.hand_in(stream.into(), self.speaks(), connection::serve)
    }

    /// Serves one connection that the application accepted itself, by the
    /// [transformer](crate::Builder::custom_transformer) of its own that has this name, on
    /// a thread of its own. No TLS is spoken on it, and no middleware sees it.
    ///
    /// # Errors
    /// [`Error::Option`] when there is no such transformer, else as
    /// [`serve`](Self::serve).
    pub fn serve_as(&self, transformer: &str, stream: impl Into<Stream>) -> Result<()> {
        let Some((which, custom)) = self.0.port.custom(transformer) else {
            let text = format!("there is no transformer of your own named `{transformer}`");
            return Err(Error::Option(text));
        };
        self.hand_in(stream.into(), Speaks::Http, move |server, accepted| {
            connection::serve_as(server, which, &*custom, &accepted);
            Served::Over
        })
    }

    fn hand_in(
        &self,
        stream: Stream,
        speaks: Speaks,
        serve: impl FnOnce(&Arc<Inner>, Accepted) -> Served + Send + 'static,
    ) -> Result<()> {
        self.serving()?;
        stream.set_blocking()?;
        let server = self.0.clone();
        let accepted = Accepted::new(Arc::new(stream));
        let serve = move |accepted| serve(&server, accepted);
        let spawned = self.0.connections.spawn(accepted, speaks, serve);
        spawned.map_err(|refused| Error::Io(io::Error::other(refused.to_string())))
    }

    /// Checks that the server is alive, and announces its first use.
    fn serving(&self) -> Result<()> {
        if self.0.is_closing() {
            return Err(Error::Closed);
        }
        if !self.0.served.swap(true, Ordering::AcqRel) {
            for listener in self.0.events.initialised.snapshot().iter() {
                self.0.report("initialised", || listener(self));
            }
        }
        Ok(())
    }
}
