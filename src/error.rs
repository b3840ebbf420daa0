//! The crate's error type.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fmt, io};

use crate::close::CloseReason;

/// Any error, as application listeners may return it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// `Result` with the crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// An option has a value that cannot be used; the text names the option
    /// and what would be accepted. Returned by `build`, `connect` and `parse`.
    Option(String),
    /// A method was called where it cannot work, such as
    /// [`Client::recv`](crate::Client::recv) in a listener of the client, which
    /// would wait for itself; the text says which and why.
    Misuse(String),
    /// The spark, client or server has ended; nothing was written.
    Closed,
    /// The write was refused because the peer reads too slowly: the backlog
    /// already held `waiting` bytes and the bound is `bound` bytes. Nothing of
    /// it was sent.
    Full {
        /// Bytes already waiting.
        waiting: usize,
        /// The bound in bytes.
        bound: usize,
        /// Whether this write has cut the connection, as
        /// [`SlowConsumer::Close`](crate::SlowConsumer::Close) says: it ends with
        /// [`Ended::SlowConsumer`](crate::Ended::SlowConsumer).
        cut: bool,
    },
    /// A message could not be encoded or decoded.
    Parser(ParserError),
    /// A message transform failed.
    Transform(BoxError),
    /// A listener returned an error.
    Listener(BoxError),
    /// A listener, middleware, parser or plugin panicked; the text is the panic
    /// message.
    Panicked(String),
    /// The server answered the handshake with an HTTP status instead of
    /// accepting it: the first one, or a later one with which a client gave up
    /// reconnecting.
    Refused {
        /// What was asked: scheme, host, port and path, without credentials and
        /// query, which may be secret. Empty where it is not known.
        url: Box<str>,
        /// The HTTP status.
        status: u16,
        /// The cause in the answer's body, if there was one.
        message: String,
        /// The `WWW-Authenticate` header, if there was one.
        authenticate: Option<Box<str>>,
    },
    /// The peer broke the wire protocol.
    Protocol(String),
    /// Something did not happen in time; the text says what, and where.
    Timeout(String),
    /// Something that this process depends on, such as Redis, cannot be reached or
    /// does not do what it was asked for; the text says what, and why. It may work
    /// again later.
    Unavailable(String),
    /// The connection ended.
    Ended(Box<CloseReason>),
    /// Input or output failed.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Option(text) | Error::Misuse(text) => write!(f, "{text}"),
            Error::Closed => write!(f, "the server or connection is closed"),
            Error::Full { waiting, bound, cut } => {
                write!(f, "backlog full: {waiting} bytes waiting, bound {bound}")?;
                if *cut { write!(f, "; the connection was cut for it") } else { Ok(()) }
            }
            Error::Parser(error) => error.fmt(f),
            Error::Transform(error) => write!(f, "message transform failed: {error}"),
            Error::Listener(error) => write!(f, "listener failed: {error}"),
            Error::Panicked(text) => write!(f, "listener panicked: {text}"),
            Error::Refused { url, status, message, .. } => {
                let place = if url.is_empty() { "" } else { ": " };
                write!(f, "{url}{place}unexpected server response: {status}")?;
                let colon = if message.is_empty() { "" } else { ": " };
                write!(f, "{colon}{}{}", one_line(message), hint(*status, message))
            }
            Error::Protocol(text) => write!(f, "protocol error: {text}"),
            Error::Unavailable(text) => write!(f, "unavailable: {text}"),
            Error::Timeout(what) => write!(f, "timed out: {what}"),
            Error::Ended(reason) => reason.fmt(f),
            Error::Io(error) => error.fmt(f),
        }
    }
}

impl Error {
    /// With where it happened, if that is not said yet.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Error::Refused { url, status, message, authenticate } if url.is_empty() => {
                Error::Refused { url: place.into(), status, message, authenticate }
            }
            // One that has a text of its own was told by whoever knew.
            Error::Io(error) if error.get_ref().is_none() => {
                Error::Io(io::Error::new(error.kind(), format!("{place}: {error}")))
            }
            other => other,
        }
    }
}

/// A text of the other side's, as it can stand in a line.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// What may help against a refusal.
fn hint(status: u16, message: &str) -> &'static str {
    match status {
        404 => " (is the pathname the server's?)",
        400 if message == "Transport unknown" => " (does the server use another transformer?)",
        426 => {
            " (does the server use another transformer, or does a proxy not pass the upgrade on?)"
        }
        _ => "",
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Parser(error) => Some(error),
            Error::Transform(error) | Error::Listener(error) => Some(&**error),
            Error::Io(error) => Some(error),
            Error::Ended(reason) => reason.cause().map(|cause| cause as _),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Error::Io(error)
    }
}

impl From<ParserError> for Error {
    fn from(error: ParserError) -> Self {
        Error::Parser(error)
    }
}

/// Which way a parser failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Value to frame.
    Encode,
    /// Frame to value.
    Decode,
}

/// A message that could not be encoded or decoded.
#[derive(Debug)]
pub struct ParserError {
    /// The parser's name.
    pub parser: String,
    /// Which way it failed.
    pub step: Step,
    /// What was wrong.
    pub cause: BoxError,
}

impl fmt::Display for ParserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = if self.step == Step::Encode { "encode" } else { "decode" };
        write!(f, "{} parser failed to {step} a message: {}", self.parser, self.cause)
    }
}

impl std::error::Error for ParserError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.cause)
    }
}

/// An error of the system that says where.
pub(crate) fn named(place: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{place}: {error}"))
}

/// The message of a panic, as far as it is text.
#[cold]
fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("of unknown kind").to_owned()
}

/// Runs what may panic, such as application code, and goes on: the text of a
/// panic is the error. Nothing else in the crate catches panics.
#[inline]
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|panic| panic_text(&*panic))
}

/// [`catch`] with the panic as [`Error::Panicked`].
#[inline]
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch(run).map_err(Error::Panicked)
}
