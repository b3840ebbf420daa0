//! Wire protocols of the application's own.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::serve::{Opening, Sink, Source, Wire};
use crate::error::BoxError;
use crate::extensions::Extensions;
use crate::http::Request;
use crate::net::wait::readable_or_woken;
use crate::net::{Stream, Waker};
use crate::protocol::Generation;

/// A wire protocol of the application's own, for connections that it accepts itself
/// and hands to [`Primus::serve_as`](crate::Primus::serve_as). See the
/// [module](crate::transformers) for what it is made of.
pub trait CustomTransformer: Send + Sync + 'static {
    /// Its name, as [`Spark::transformer`](crate::Spark::transformer), the spec document
    /// and the metrics show it. Of none of the crate's own, and of one word.
    fn name(&self) -> &'static str;

    /// Whether messages may be bytes; else they are text, and a parser that makes
    /// bytes is refused. By default they may.
    fn takes_bytes(&self) -> bool {
        true
    }

    /// Begins to speak on a connection from which nothing has been read yet, and whose
    /// stream blocks when it is read. A message may have `max_length` bytes.
    ///
    /// On the connection's own thread; it may block, if it sees to it that it does not
    /// block for ever.
    ///
    /// # Errors
    /// The connection is closed, and there is no spark. It is told at the level
    /// `debug` of the log.
    fn open(&self, stream: &Arc<Stream>, max_length: usize) -> Result<Opened, BoxError>;
}

/// A connection on which a [`CustomTransformer`] speaks.
pub struct Opened {
    source: Box<dyn Source>,
    wire: &'static dyn Wire,
    greeting: Vec<u8>,
}

impl Opened {
    /// Messages come from `source`, and go out as `wire` makes them.
    pub fn new(source: impl Source + 'static, wire: &'static dyn Wire) -> Self {
        Opened { source: Box::new(source), wire, greeting: Vec::new() }
    }

    /// What the client is sent before all else, once the server knows the spark.
    /// Default: nothing.
    #[must_use]
    pub fn greeting(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.greeting = bytes.into();
        self
    }

    /// What the server makes a spark of.
    pub(crate) fn on(self, stream: Arc<Stream>, request: Request) -> Opening {
        Opening {
            request: Box::new(request),
            extensions: Extensions::default(),
            sink: Sink::Socket(stream),
            answer: self.greeting,
            wire: self.wire,
            source: self.source,
            generation: Generation::Detect,
            id: None,
            session: None,
        }
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({})", self.wire.format())
    }
}

/// Reads what comes next, blocking until something has come or the waker was woken:
/// what a [`Source`] does in its [`wait`](Source::wait).
///
/// `Some(0)` is the end of the stream. `None`: it was woken, or what came is nothing
/// to be read; there may be more.
///
/// # Errors
/// The connection is broken.
pub fn read_or_woken(
    stream: &Stream,
    buf: &mut [u8],
    waker: Option<&Waker>,
) -> io::Result<Option<usize>> {
    if let Some(waker) = waker
        && !readable_or_woken(stream, waker)?
    {
        return Ok(None);
    }
    match stream.read(buf) {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
