//! Making a TCP connection in steps, so that a deadline or an `end` can break
//! it off at any time; or asking the application for one.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};

use super::tell::caught;
use super::transport::Target;
use super::wait::{Ready, Wants, on, wait};
use crate::error::Result;
use crate::net::{Stream, Waker};

/// How long one of several addresses may take before the next is tried.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(2);

/// The stack of the thread that resolves a name.
const RESOLVER_STACK: usize = 512 << 10;

/// Makes the client's connections in place of TCP; see
/// [`ClientBuilder::connector`](crate::ClientBuilder::connector).
#[derive(Clone)]
pub(crate) struct Connector(pub Arc<Connect>);

type Connect = dyn Fn(&str, u16) -> io::Result<Stream> + Send + Sync;

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl Connector {
    fn connect(&self, target: &Target) -> Result<Stream> {
        let stream = caught(|| (self.0)(&target.host, target.port))??;
        stream.set_blocking()?;
        stream.set_nodelay();
        Ok(stream)
    }
}

/// A connection in the making.
pub(crate) struct Dialler {
    made: Option<Arc<Stream>>,
    waker: Arc<Waker>,
    /// Addresses not tried yet, the next at the end.
    addresses: Vec<SocketAddr>,
    names: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
    attempt: Option<(Arc<Stream>, Option<Instant>)>,
    failure: Option<io::Error>,
}

impl Dialler {
    /// Begins. A host name is resolved on a thread of its own, which ends with
    /// that: a resolver can neither be hurried nor stopped.
    pub fn new(target: &Target) -> Result<Self> {
        let Target { host, port, waker, connector, .. } = target;
        let (mut addresses, mut names, mut made) = (Vec::new(), None, None);
        if let Some(connector) = connector {
            made = Some(Arc::new(connector.connect(target)?));
        } else if let Ok(ip) = host.parse::<IpAddr>() {
            addresses.push(SocketAddr::new(ip, *port));
        } else {
            names = Some(resolve(host.clone(), *port, Arc::clone(waker))?);
        }
        let waker = Arc::clone(waker);
        Ok(Dialler { made, waker, addresses, names, attempt: None, failure: None })
    }

    /// A connection to a server that was reached before, at this address; or
    /// as [`new`](Self::new) when there is none.
    pub fn again(target: &Target, address: Option<SocketAddr>) -> Result<Self> {
        let Some(address) = address.filter(|_| target.connector.is_none()) else {
            return Self::new(target);
        };
        let (waker, addresses) = (Arc::clone(&target.waker), vec![address]);
        Ok(Dialler { made: None, waker, addresses, names: None, attempt: None, failure: None })
    }

    /// Goes on until it is connected, the waker wakes or the time is `until`
    /// (both: `None`).
    pub fn next(&mut self, until: Option<Instant>) -> io::Result<Option<Arc<Stream>>> {
        if let Some(stream) = self.proceed(Ready::default())? {
            return Ok(Some(stream));
        }
        let (wants, limit) = self.wants();
        let ready = wait(&self.waker, on(&wants), [until, limit].into_iter().flatten().min())?;
        self.proceed(ready)
    }

    /// What it waits for, beside the waker, and until when.
    pub fn wants(&self) -> (Wants, Option<Instant>) {
        let want = Ready { write: true, read: false };
        match &self.attempt {
            Some((stream, limit)) => (Some((Arc::clone(stream), want)), *limit),
            None => (None, None),
        }
    }

    /// Goes on without waiting.
    pub fn proceed(&mut self, ready: Ready) -> io::Result<Option<Arc<Stream>>> {
        if let Some(made) = self.made.take() {
            return Ok(Some(made));
        }
        if let Some(names) = &self.names {
            match names.try_recv() {
                Ok(found) => {
                    self.addresses = found?;
                    self.addresses.reverse();
                    self.names = None;
                }
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        if let Some(stream) = self.judge(ready)? {
            return Ok(Some(stream));
        }
        while self.attempt.is_none() {
            self.begin()?;
        }
        Ok(None)
    }

    /// What has become of the attempt under way.
    fn judge(&mut self, ready: Ready) -> io::Result<Option<Arc<Stream>>> {
        let Some((stream, limit)) = self.attempt.take() else { return Ok(None) };
        if ready.write {
            match sockopt::socket_error(&stream)? {
                Ok(()) => return self.connected(stream).map(Some),
                Err(error) => self.failure = Some(error.into()),
            }
        } else if limit.is_some_and(|limit| limit <= Instant::now()) {
            self.failure = Some(io::ErrorKind::TimedOut.into());
        } else {
            self.attempt = Some((stream, limit));
        }
        Ok(None)
    }

    /// Begins with the next address; fails when there is none left.
    fn begin(&mut self) -> io::Result<()> {
        let Some(address) = self.addresses.pop() else {
            return Err(self.failure.take().unwrap_or_else(|| io::ErrorKind::NotFound.into()));
        };
        match start(address) {
            Ok(stream) => {
                let others = !self.addresses.is_empty();
                let limit = others.then(|| Instant::now() + ADDRESS_TIMEOUT);
                self.attempt = Some((Arc::new(stream), limit));
            }
            Err(error) => self.failure = Some(error),
        }
        Ok(())
    }

    fn connected(&mut self, stream: Arc<Stream>) -> io::Result<Arc<Stream>> {
        stream.set_blocking()?;
        stream.set_nodelay();
        Ok(stream)
    }
}

fn start(address: SocketAddr) -> io::Result<Stream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(Stream::Tcp(socket.into())),
        Err(error) => Err(error.into()),
    }
}

fn resolve(
    host: String,
    port: u16,
    waker: Arc<Waker>,
) -> io::Result<Receiver<io::Result<Vec<SocketAddr>>>> {
    let (tell, told) = bounded(1);
    let work = move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody waits any more when the attempt was broken off.
        let _ = tell.send(found);
        waker.wake();
    };
    thread::Builder::new().name("primus-resolve".into()).stack_size(RESOLVER_STACK).spawn(work)?;
    Ok(told)
}
