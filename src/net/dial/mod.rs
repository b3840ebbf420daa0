//! Making a TCP connection in steps, so that a deadline or an `end` can break
//! it off at any time; or asking the application for one.
//!
//! The addresses of a name race, as in RFC 8305: one that does not answer gets
//! a head start, and then the next is tried beside it. The first that is
//! connected counts.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, bounded};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};

use crate::error::{Result, caught, named};
#[cfg(feature = "tls")]
use crate::net::tls::Dialled;
use crate::net::tls::Secure;
use crate::net::unix::Name;
use crate::net::wait::{PollFd, PollFlags, Ready, Wants, on, poll, wait};
use crate::net::watch::{EventFlags, Set};
use crate::net::{Stream, Waker};

/// How long an address has for itself.
const HEAD_START: Duration = Duration::from_millis(250);

/// How long it has at least, when there is little time for many.
const LEAST_HEAD_START: Duration = Duration::from_millis(10);

/// The stack of the thread that resolves a name.
const RESOLVER_STACK: usize = 512 << 10;

/// What a full Unix socket is given before it is tried again.
const QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// Makes the client's connections in place of TCP.
#[derive(Clone)]
pub(crate) enum Connector {
    /// The application; see
    /// [`ClientBuilder::connector`](crate::ClientBuilder::connector).
    Application(Arc<Connect>),
    /// They are made to this Unix socket.
    Unix(Arc<Name>),
}

pub(crate) type Connect = dyn Fn(&str, u16) -> io::Result<Stream> + Send + Sync;

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Connector::Application(_) => f.write_str("Application"),
            Connector::Unix(name) => write!(f, "{name}"),
        }
    }
}

/// Where a connection goes.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub host: String,
    pub port: u16,
    /// Where the connection comes from, if not from `host` and `port`.
    pub connector: Option<Connector>,
    /// Until when the attempt must be open, if there is such a time.
    pub until: Option<Instant>,
    /// How TLS is spoken there, if it is.
    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    pub secure: Option<Secure>,
    /// Wakes the client's thread.
    pub waker: Arc<Waker>,
}

fn by_application(connect: &Connect, to: &Destination) -> Result<Stream> {
    let stream = caught(|| connect(&to.host, to.port))??;
    stream.set_blocking()?;
    stream.set_nodelay();
    Ok(stream)
}

impl Destination {
    /// The Unix socket that it is, if it is one.
    pub fn unix(&self) -> Option<&Name> {
        match &self.connector {
            Some(Connector::Unix(name)) => Some(name),
            _ => None,
        }
    }
}

/// A connection in the making.
pub(crate) struct Dialler {
    made: Option<Arc<Stream>>,
    unix: Option<Arc<Name>>,
    waker: Arc<Waker>,
    names: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
    /// What is to be connected to, as it is told when it fails.
    place: String,
    /// Until when there is time for all of it, if that is known.
    until: Option<Instant>,
    /// Addresses not tried yet, the next at the end.
    addresses: Vec<SocketAddr>,
    head_start: Duration,
    /// When the next is due, unless none is under way.
    due: Option<Instant>,
    race: Vec<(SocketAddr, Arc<Stream>)>,
    /// Where there are several addresses: ready to read when one of those in
    /// the race has something to tell.
    any: Option<Arc<Set>>,
    failures: Vec<io::Error>,
    #[cfg(feature = "tls")]
    tls: Option<Box<Tls>>,
}

/// The last part of the way.
#[cfg(feature = "tls")]
struct Tls {
    host: String,
    secure: Secure,
    /// On the connection that counts.
    handshake: Option<Box<Dialled>>,
}

impl Dialler {
    /// Begins. A host name is resolved on a thread of its own, which ends with
    /// that: a resolver can neither be hurried nor stopped.
    pub fn new(to: &Destination) -> Result<Self> {
        let Destination { host, port, waker, connector, .. } = to;
        let mut dialler = Self::idle(to);
        if let Some(Connector::Unix(name)) = connector {
            dialler.unix = Some(Arc::clone(name));
        } else if let Some(Connector::Application(connect)) = connector {
            dialler.made = Some(Arc::new(by_application(&**connect, to)?));
        } else if let Ok(ip) = host.parse::<IpAddr>() {
            dialler.addresses.push(SocketAddr::new(ip, *port));
        } else {
            dialler.names = Some(resolve(host.clone(), *port, Arc::clone(waker))?);
        }
        Ok(dialler)
    }

    /// A connection to a server that was reached before, at this address; or
    /// as [`new`](Self::new) when there is none.
    pub fn again(to: &Destination, address: Option<SocketAddr>) -> Result<Self> {
        let Some(address) = address.filter(|_| to.connector.is_none()) else {
            return Self::new(to);
        };
        Ok(Dialler { addresses: vec![address], ..Self::idle(to) })
    }

    fn idle(to: &Destination) -> Self {
        Dialler {
            made: None,
            unix: None,
            waker: Arc::clone(&to.waker),
            names: None,
            place: format!("{}:{}", to.host, to.port),
            until: to.until,
            addresses: Vec::new(),
            head_start: HEAD_START,
            due: None,
            race: Vec::new(),
            any: None,
            failures: Vec::new(),
            #[cfg(feature = "tls")]
            tls: to
                .secure
                .clone()
                .map(|secure| Box::new(Tls { host: to.host.clone(), secure, handshake: None })),
        }
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
        #[cfg(feature = "tls")]
        if let Some(handshake) = self.tls.as_ref().and_then(|tls| tls.handshake.as_ref()) {
            let (stream, write) = handshake.wants();
            return (Some((Arc::clone(stream) as _, Ready { read: true, write })), None);
        }
        let wants: Wants = match (&self.any, self.race.first()) {
            (Some(any), _) => Some((Arc::clone(any) as _, Ready { read: true, write: false })),
            (None, Some((_, stream))) => {
                Some((Arc::clone(stream) as _, Ready { read: false, write: true }))
            }
            (None, None) => None,
        };
        (wants, self.due)
    }

    /// Goes on without waiting.
    pub fn proceed(&mut self, ready: Ready) -> io::Result<Option<Arc<Stream>>> {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return self.proceed_secure(ready);
        }
        self.connect(ready)
    }

    /// The handshake follows on the connection.
    #[cfg(feature = "tls")]
    fn proceed_secure(&mut self, ready: Ready) -> io::Result<Option<Arc<Stream>>> {
        if self.tls.as_ref().is_some_and(|tls| tls.handshake.is_none()) {
            let Some(stream) = self.connect(ready)? else { return Ok(None) };
            // The others in the race have lost.
            (self.race, self.any, self.due) = (Vec::new(), None, None);
            if let Some(tls) = &mut self.tls {
                let begun = Dialled::new(stream, &tls.secure, &tls.host, &self.place);
                let begun = begun.map_err(|error| io::Error::other(error.to_string()))?;
                tls.handshake = Some(Box::new(begun));
            }
        }
        let Some(handshake) = self.tls.as_mut().and_then(|tls| tls.handshake.as_mut()) else {
            return Ok(None);
        };
        if !handshake.proceed()? {
            return Ok(None);
        }
        let done = self.tls.as_mut().and_then(|tls| tls.handshake.take());
        Ok(done.map(|handshake| handshake.finish()))
    }

    /// The connection.
    fn connect(&mut self, ready: Ready) -> io::Result<Option<Arc<Stream>>> {
        if let Some(made) = self.made.take() {
            return Ok(Some(made));
        }
        if self.unix.is_some() {
            return self.proceed_unix();
        }
        if let Some(names) = &self.names {
            match names.try_recv() {
                Ok(found) => {
                    let found = found.map_err(|error| named(&self.place, &error))?;
                    self.names = None;
                    self.found(found)?;
                }
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::NotFound.into()),
            }
        }
        if ready != Ready::default()
            && let Some(stream) = self.judge()?
        {
            return Ok(Some(stream));
        }
        while self.race.is_empty() || self.due.is_some_and(|due| due <= Instant::now()) {
            let Some(address) = self.addresses.pop() else { break };
            self.begin(address);
        }
        if self.race.is_empty() { Err(self.failure()) } else { Ok(None) }
    }

    /// A Unix socket is connected at once, or its queue is full.
    fn proceed_unix(&mut self) -> io::Result<Option<Arc<Stream>>> {
        let Some(name) = &self.unix else { return Ok(None) };
        match name.connect().map_err(|error| named(&name.to_string(), &error))? {
            Some(stream) => connected(Arc::new(stream)).map(Some),
            None => {
                self.due = Some(Instant::now() + QUEUE_PAUSE);
                Ok(None)
            }
        }
    }

    /// The name has these addresses.
    fn found(&mut self, found: Vec<SocketAddr>) -> io::Result<()> {
        self.addresses = alternate(found);
        self.addresses.reverse();
        let count = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        if count > 1 {
            self.any = Some(Arc::new(Set::new()?));
        }
        if let Some(left) = self.until.and_then(|at| at.checked_duration_since(Instant::now())) {
            let share = left / count.saturating_add(1);
            self.head_start = HEAD_START.min(share).max(LEAST_HEAD_START);
        }
        Ok(())
    }

    /// What has become of those in the race.
    fn judge(&mut self) -> io::Result<Option<Arc<Stream>>> {
        let settled = |(_, stream): &(SocketAddr, Arc<Stream>)| is_settled(stream);
        while let Some(at) = self.race.iter().position(settled) {
            let (address, stream) = self.race.remove(at);
            match sockopt::socket_error(&stream)? {
                Ok(()) => return connected(stream).map(Some),
                Err(error) => self.failed(address, &error.into()),
            }
        }
        Ok(None)
    }

    fn begin(&mut self, address: SocketAddr) {
        match self.start(address) {
            Ok(stream) => {
                self.race.push((address, Arc::new(stream)));
                let others = !self.addresses.is_empty();
                self.due = others.then(|| Instant::now() + self.head_start);
            }
            Err(error) => self.failed(address, &error),
        }
    }

    fn start(&self, address: SocketAddr) -> io::Result<Stream> {
        let stream = start(address)?;
        if let Some(any) = &self.any {
            any.add(&stream, 0, EventFlags::OUT)?;
        }
        Ok(stream)
    }

    /// The next one need not wait.
    fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        self.failures.push(named(&address.to_string(), error));
        self.due = self.due.map(|_| Instant::now());
    }

    /// Why there is no connection: all that went wrong.
    fn failure(&mut self) -> io::Error {
        let kind = self.failures.last().map_or(io::ErrorKind::NotFound, io::Error::kind);
        let all: Vec<_> = self.failures.drain(..).map(|failure| failure.to_string()).collect();
        if all.is_empty() {
            return io::Error::new(kind, format!("{}: no address", self.place));
        }
        io::Error::new(kind, all.join("; "))
    }
}

fn connected(stream: Arc<Stream>) -> io::Result<Arc<Stream>> {
    stream.set_blocking()?;
    stream.set_nodelay();
    Ok(stream)
}

/// The addresses in their order, but families by turns: one of them may be a
/// black hole as a whole.
fn alternate(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (ones, others): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first);
    let (mut ones, mut others) = (ones.into_iter(), others.into_iter());
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(ones.next());
        all.extend(others.next());
        if all.len() == before {
            return all;
        }
    }
}

/// Whether an attempt to connect has succeeded or failed.
fn is_settled(stream: &Stream) -> bool {
    !matches!(poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(Duration::ZERO)), Ok(0))
}

fn start(address: SocketAddr) -> io::Result<Stream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => Ok(TcpStream::from(socket).into()),
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
        // When the attempt was broken off, its caller waits no more.
        let _ = tell.send(found);
        waker.wake();
    };
    thread::Builder::new().name("primus-resolve".into()).stack_size(RESOLVER_STACK).spawn(work)?;
    Ok(told)
}

#[cfg(test)]
mod tests;
