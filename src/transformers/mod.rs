//! Wire protocols: which there are for a server or client to choose
//! ([`Transformers`]), and how an application adds one of its own.
//!
//! The crate's own are described where they are chosen, at
//! [`Builder::transformer`](crate::Builder::transformer), and how a server speaks
//! several of them at once in [`docs::port`](crate::docs::port).
//!
//! # One of your own
//!
//! What a connection is to the server are two halves, those of a WebSocket of this crate
//! and those of any other protocol with a lasting connection:
//!
//! - A [`Source`] is where messages come from. The spark's thread asks it for what has
//!   been received, and has it wait for more when there is nothing.
//! - A [`Wire`] is how messages become bytes. Those of a broadcast are made once for all
//!   sparks whose wires have the same [format](Wire::format); writing them to the socket,
//!   what waits and for how long, and the end are the server's.
//!
//! A [`CustomTransformer`] makes both of a connection that the application has accepted,
//! wherever it comes from, and that it hands to
//! [`Primus::serve_as`](crate::Primus::serve_as). Sparks of it are like all others: they
//! count, have places and limits, get broadcasts, and end with the server. There is no
//! request that the middleware or an authorization could see, so whom to let in is for
//! the application to know; [`Spark::request`](crate::Spark::request) is an empty one.
//!
//! ```
//! use std::io;
//! use std::sync::Arc;
//!
//! use primus::transformers::{
//!     CustomTransformer, Inbound, Opened, Replies, Source, Waker, Wire, read_or_woken,
//! };
//! use primus::{BoxError, CloseReason, Frame, Primus, Stream};
//!
//! /// Every byte is a message: a digit, which is JSON as it is.
//! struct Digits;
//!
//! impl CustomTransformer for Digits {
//!     fn name(&self) -> &'static str {
//!         "digits"
//!     }
//!
//!     fn open(&self, stream: &Arc<Stream>, _: usize) -> Result<Opened, BoxError> {
//!         Ok(Opened::new(Reader { stream: stream.clone(), byte: None }, &Writer))
//!     }
//! }
//!
//! struct Reader {
//!     stream: Arc<Stream>,
//!     byte: Option<u8>,
//! }
//!
//! impl Source for Reader {
//!     fn buffered(&mut self, _: &dyn Replies) -> Option<Inbound> {
//!         Some(Inbound::Frame(Frame::text(char::from(self.byte.take()?).to_string())))
//!     }
//!
//!     fn has_more(&mut self) -> bool {
//!         self.byte.is_some()
//!     }
//!
//!     fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
//!         let mut byte = [0];
//!         let read = read_or_woken(&self.stream, &mut byte, waker)?;
//!         if read == Some(1) {
//!             self.byte = Some(byte[0]);
//!         }
//!         Ok(read != Some(0))
//!     }
//! }
//!
//! struct Writer;
//!
//! impl Wire for Writer {
//!     fn format(&self) -> &'static str {
//!         "digits"
//!     }
//!
//!     fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
//!         out.extend_from_slice(frame.as_text().unwrap_or_default().as_bytes());
//!     }
//!
//!     fn close(&self, _: &CloseReason, _: &mut Vec<u8>) {}
//!
//!     // The end of the stream is the goodbye.
//!     fn hangs_up(&self) -> bool {
//!         true
//!     }
//!
//!     fn has_heartbeat(&self) -> bool {
//!         false
//!     }
//! }
//!
//! use std::io::{Read, Write};
//! use std::os::unix::net::UnixStream;
//!
//! let primus = Primus::builder().custom_transformer(Digits).build()?;
//! primus.on_connection(|spark| {
//!     spark.on_data(|spark, message| spark.write(&(message.parse::<u8>()? + 1)));
//! });
//! let (mut near, far) = UnixStream::pair()?;
//! primus.serve_as("digits", far)?;
//! near.write_all(b"4")?;
//! let mut answer = [0];
//! near.read_exact(&mut answer)?;
//! assert_eq!(answer, *b"5");
//! # primus.destroy(Default::default());
//! # Ok::<(), primus::Error>(())
//! ```
//!
//! A larger one, for lines of text, is `examples/lines.rs`.

use std::sync::Arc;

use self::connect::Dials;
use self::options::OptionSet;
use self::serve::Transformer;
use self::websockets::server::Flavour;
use crate::error::{Error, Result};
use crate::parsers::Parser;
use crate::spec::Spec;

pub(crate) mod browserchannel;
pub(crate) mod chosen;
pub(crate) mod connect;
mod custom;
pub(crate) mod engine_io;
pub(crate) mod json;
mod kind;
#[cfg(test)]
pub(crate) mod nobody;
pub(crate) mod options;
pub(crate) mod polled;
pub(crate) mod port;
pub(crate) mod recognise;
pub(crate) mod serve;
pub(crate) mod several;
pub(crate) mod socket_io;
pub(crate) mod sockjs;
pub(crate) mod websockets;

pub(crate) use self::kind::Kind;

pub use self::chosen::Transformers;
pub use self::custom::{CustomTransformer, Opened, read_or_woken};
pub use self::serve::{Inbound, Replies, Source, Wire};
pub use crate::net::Waker;

/// Options of a transformer, as the application gives them: names and values.
type Given = [(String, String)];

/// A protocol's part of the browser's client.
pub(crate) struct Script {
    /// The code.
    pub text: &'static str,
    /// Whether it uses the library's `requests.js`.
    pub requests: bool,
}

impl Kind {
    /// The parser as it is to be used, if this can carry its messages. Of one of the
    /// application's own that is known only when it has made one.
    ///
    /// # Errors
    /// [`Error::Option`], which names parsers that will do.
    pub fn check_parser(self, parser: Parser) -> Result<Parser> {
        if self.takes_bytes() { Ok(parser) } else { check_text_parser(self.name(), parser) }
    }

    /// Its server, under one of its names, and the options that mean nothing to it.
    ///
    /// # Errors
    /// [`Error::Option`] for the value of an option that cannot be used.
    pub fn server<'a>(
        self,
        name: &str,
        given: &'a Given,
    ) -> Result<(Box<dyn Transformer>, Vec<&'a str>)> {
        let made: (Box<dyn Transformer>, _) = match self {
            Kind::Websockets => {
                let server = websockets::server::Websockets(flavour(name));
                (Box::new(server), options::read(given, |_, _| None)?)
            }
            Kind::EngineIo => {
                let (options, unknown) = engine_io::options::Options::parse(given)?;
                (Box::new(engine_io::server::EngineIo::new(options)), unknown)
            }
            Kind::Sockjs => {
                let (options, unknown) = sockjs::options::Options::parse(given)?;
                (Box::new(sockjs::server::SockJs::new(options)), unknown)
            }
            Kind::BrowserChannel => {
                let (options, unknown) = browserchannel::options::Options::parse(given)?;
                (Box::new(browserchannel::server::BrowserChannel::new(options)), unknown)
            }
            Kind::SocketIo => {
                let (options, unknown) = socket_io::options::Options::parse(given)?;
                (Box::new(socket_io::server::SocketIo::new(options)), unknown)
            }
        };
        Ok(made)
    }

    /// Its client, and the options that mean nothing to it.
    ///
    /// # Errors
    /// [`Error::Option`] for the value of an option that cannot be used.
    pub fn client(self, given: &Given) -> Result<(Arc<dyn Dials>, Vec<&str>)> {
        let made: (Arc<dyn Dials>, _) = match self {
            Kind::Websockets => {
                (Arc::new(websockets::client::Websockets), options::read(given, |_, _| None)?)
            }
            Kind::EngineIo => {
                let (options, unknown) = engine_io::client::Options::parse(given)?;
                (Arc::new(engine_io::client::EngineIo(options)), unknown)
            }
            Kind::Sockjs => {
                let (options, unknown) = sockjs::client::Options::parse(given)?;
                (Arc::new(sockjs::client::Sockjs(options)), unknown)
            }
            Kind::BrowserChannel => {
                let (options, unknown) = browserchannel::client::Options::parse(given)?;
                (Arc::new(browserchannel::client::BrowserChannel(options)), unknown)
            }
            Kind::SocketIo => {
                let (options, unknown) = socket_io::client::Options::parse(given)?;
                (Arc::new(socket_io::client::SocketIo(options)), unknown)
            }
        };
        Ok(made)
    }

    /// The options that its client needs for the server of this document, beside
    /// those that were given.
    pub fn options_for(self, server: &Spec, given: &Given) -> Vec<(&'static str, &'static str)> {
        match self {
            Kind::Websockets | Kind::Sockjs | Kind::BrowserChannel | Kind::SocketIo => Vec::new(),
            Kind::EngineIo => engine_io::client::options_for(server.version(), given),
        }
    }

    /// What the browser's client has of it.
    pub fn script(self) -> Script {
        match self {
            Kind::Websockets => {
                Script { text: include_str!("websockets/client.js"), requests: false }
            }
            Kind::EngineIo => Script { text: include_str!("engine_io/client.js"), requests: true },
            Kind::Sockjs => Script { text: include_str!("sockjs/client.js"), requests: true },
            Kind::BrowserChannel => {
                Script { text: include_str!("browserchannel/client.js"), requests: true }
            }
            Kind::SocketIo => Script { text: include_str!("socket_io/client.js"), requests: true },
        }
    }
}

/// The parser as it is to be used with a transformer that carries text only.
fn check_text_parser(transformer: &'static str, parser: Parser) -> Result<Parser> {
    if !parser.makes_bytes() {
        return Ok(parser.of_texts(transformer));
    }
    let parser = parser.name();
    Err(Error::Option(format!(
        "the transformer `{transformer}` carries text only, and the parser `{parser}` makes \
         bytes; use the parser `json` or `ejson`, or another transformer"
    )))
}

/// How the server of this name differs from others that speak its protocol.
fn flavour(name: &str) -> Flavour {
    match name {
        "faye" => Flavour::FAYE,
        "uws" => Flavour::UWS,
        _ => Flavour::WS,
    }
}
