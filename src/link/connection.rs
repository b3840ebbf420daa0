//! A connection to Redis: bytes out and replies in, none of which blocks.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use super::address::{Address, Place};
use super::decoder::Decoder;
use super::greeting::Greeting;
use super::options::Options;
use super::reply::Reply;
use crate::deadline::after;
use crate::error::{Error, Result};
use crate::net::dial::{Connector, Destination, Dialler};
use crate::net::tls::Secure;
use crate::net::unix::Name;
use crate::net::wait::{Ready, wait};
use crate::net::{Stream, Waker};

/// How much is read at once.
const READ: usize = 32 << 10;

/// A buffer for sending that is no longer than this is kept.
const KEPT: usize = 64 << 10;

/// What the system may hold that is sent and not received. It is not known how much of
/// it there is, and it has to go out within the time in which Redis owes a reply.
const UNDER_WAY: usize = 256 << 10;

/// So many bytes, out or in, are a sign of life, as a reply is. A large batch, or a large
/// reply, may take long on a slow connection; a peer that drips is none the better for it.
const PROGRESS: usize = 16 << 10;

/// How connections are made.
pub(super) struct Route {
    address: Address,
    secure: Option<Secure>,
    options: Options,
}

impl Route {
    /// How many bytes may wait, and how many one reply may have.
    pub fn bounds(&self) -> (usize, usize) {
        (self.options.queue, self.options.reply)
    }

    /// What the options say; the error is about them.
    pub fn new(options: Options) -> Result<Route> {
        let address = Address::parse(&options.url.0)?;
        #[cfg(feature = "tls")]
        let secure = match address.secure {
            true => Some(options.tls.secure()?.without_alpn()),
            false => None,
        };
        #[cfg(not(feature = "tls"))]
        let secure = None;
        if let Place::Unix(path) = &address.place {
            let bad = |error| Error::Option(format!("URL of Redis: {error}"));
            Name::new(path).check().map_err(bad)?;
        }
        Ok(Route { address, secure, options })
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Where it leads, for messages.
    pub fn place(&self) -> String {
        match &self.address.place {
            Place::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Place::Tcp(host, port) => format!("{host}:{port}"),
            Place::Unix(path) => format!("unix:{}", path.display()),
        }
    }

    /// An error with what it is about before it.
    pub fn named(&self, about: &str, error: Error) -> Error {
        let named = |text: String| format!("Redis at {}: {about}{text}", self.place());
        match error {
            Error::Protocol(text) => Error::Protocol(named(text)),
            Error::Unavailable(text) => Error::Unavailable(named(text)),
            Error::Timeout(text) => Error::Timeout(named(text)),
            Error::Io(error) => {
                // One of dialling begins with the place itself.
                let text = error.to_string();
                let place = format!("{}: ", self.place());
                let text = text.strip_prefix(&place).map_or(text.clone(), str::to_owned);
                Error::Io(io::Error::new(error.kind(), named(text)))
            }
            other => other,
        }
    }

    /// Connects, and is let in. `None` when `is_over` said so.
    pub fn connect(
        &self,
        name: &str,
        waker: &Arc<Waker>,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Option<Connection>> {
        self.enter(name, waker, is_over).map_err(|error| self.named("", error))
    }

    fn enter(
        &self,
        name: &str,
        waker: &Arc<Waker>,
        is_over: &dyn Fn() -> bool,
    ) -> Result<Option<Connection>> {
        let until = after(Instant::now(), self.options.connect_timeout);
        let late =
            || Error::Timeout(format!("not connected within {:?}", self.options.connect_timeout));
        let Some(stream) = self.dial(waker, until, is_over, &late)? else { return Ok(None) };
        let mut connection = Connection::new(stream, self.options.reply);
        let (words, mut greeting) = Greeting::new(&self.address, name);
        connection.out.extend_from_slice(&words);
        loop {
            if is_over() {
                return Ok(None);
            }
            connection.turn(waker, Some(until))?;
            while let Some(reply) = connection.replies.pop_front() {
                if greeting.hear(&reply).map_err(Error::Unavailable)? {
                    return Ok(Some(connection));
                }
            }
            if Instant::now() >= until {
                return Err(late());
            }
        }
    }

    fn dial(
        &self,
        waker: &Arc<Waker>,
        until: Instant,
        is_over: &dyn Fn() -> bool,
        late: &dyn Fn() -> Error,
    ) -> Result<Option<Arc<Stream>>> {
        let (host, port, connector) = match &self.address.place {
            Place::Tcp(host, port) => (host.clone(), *port, None),
            Place::Unix(path) => {
                (String::new(), 0, Some(Connector::Unix(Arc::new(Name::new(path)))))
            }
        };
        let (secure, until) = (self.secure.clone(), Some(until));
        let waker = Arc::clone(waker);
        let to = Destination { host, port, connector, until, secure, waker };
        let mut dialler = Dialler::new(&to)?;
        loop {
            if is_over() {
                return Ok(None);
            }
            if let Some(stream) = dialler.next(until)? {
                return Ok(Some(stream));
            }
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(late());
            }
        }
    }
}

/// A connection on which Redis has let us in.
pub(super) struct Connection {
    stream: Arc<Stream>,
    decoder: Decoder,
    /// To be sent.
    pub out: Vec<u8>,
    /// How much of that was.
    sent: usize,
    /// Received, and not taken yet.
    pub replies: VecDeque<Reply>,
    buffer: Box<[u8]>,
    /// Whether the socket took no more, the last time.
    is_full: bool,
    /// Bytes that came, or that were taken by a socket that had been full: what a
    /// socket with room takes may be on its way to nobody.
    moved: usize,
}

impl Connection {
    fn new(stream: Arc<Stream>, most: usize) -> Self {
        stream.set_send_buffer(UNDER_WAY);
        Connection {
            stream,
            decoder: Decoder::new(most),
            out: Vec::new(),
            sent: 0,
            replies: VecDeque::new(),
            buffer: vec![0; READ].into(),
            is_full: false,
            moved: 0,
        }
    }

    /// Sends what can be sent, waits until the waker wakes, the time is `until`, or
    /// something can be done, and receives what has come. The error is the end.
    pub fn turn(&mut self, waker: &Waker, until: Option<Instant>) -> Result<()> {
        self.flush()?;
        let ready = Ready { read: true, write: self.unsent() > 0 };
        let ready = wait(waker, Some((&*self.stream, ready)), until)?;
        if ready.write {
            self.flush()?;
        }
        if ready.read { self.receive() } else { Ok(()) }
    }

    /// Whether so much has gone out or come in since the last time that it is a sign of
    /// life.
    pub fn has_moved(&mut self) -> bool {
        let has_moved = self.moved >= PROGRESS;
        if has_moved {
            self.moved = 0;
        }
        has_moved
    }

    /// How much is to be sent yet.
    pub fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    fn flush(&mut self) -> Result<()> {
        while self.unsent() > 0 {
            match self.stream.offer(self.out.get(self.sent..).unwrap_or_default())? {
                0 => break,
                taken => {
                    self.sent += taken;
                    self.moved += if self.is_full { taken } else { 0 };
                }
            }
        }
        self.is_full = self.unsent() > 0;
        if self.unsent() == 0 {
            self.sent = 0;
            self.out.clear();
            if self.out.capacity() > KEPT {
                self.out = Vec::new();
            }
        } else if self.sent > KEPT {
            self.out.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }

    /// Takes what is there, once: what is sent meanwhile is not to wait for ever.
    fn receive(&mut self) -> Result<()> {
        let read = match self.stream.read_now(&mut self.buffer)? {
            Some(0) => {
                let kind = io::ErrorKind::UnexpectedEof;
                return Err(io::Error::new(kind, "Redis has closed the connection").into());
            }
            Some(read) => read,
            None => return Ok(()),
        };
        self.moved += read;
        self.decoder.feed(self.buffer.get(..read).unwrap_or_default());
        while let Some(reply) = self.decoder.next().map_err(Error::Protocol)? {
            self.replies.push_back(reply);
        }
        Ok(())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stream.shutdown(Shutdown::Both);
    }
}
