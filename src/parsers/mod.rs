//! The parsers: how a message becomes a frame, and a frame a message.
//!
//! [`Parser`] has the four of Primus by name; [`CustomParser`] is for one of the
//! application's own.
//!
//! Numbers and raw texts of serde_json (`json!`, `RawValue`) are what they stand
//! for, whichever features of serde_json are on in a build.
//!
#![doc = include_str!("shapes.md")]
//!
#![doc = include_str!("cost.md")]

mod binary;
mod content;
pub(crate) mod dynamic;
mod ejson;
#[cfg(feature = "msgpack")]
mod msgpack;
mod pack;
mod peer;
mod scratch;
mod text;
mod texts;
mod words;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error};
pub use crate::error::{ParserError, Step};
use crate::frame::Frame;
use crate::value::{Fault, Value};
pub use peer::{NoPeer, Peer};

use binary::BinaryPack;
use dynamic::{ValueDeserializer, ValueSerializer};
#[cfg(feature = "msgpack")]
use msgpack::MsgPack;
use text::Dialect;

/// What the browser client needs to know of a parser: sources of two JavaScript
/// functions, and of a library they use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientParser<'a> {
    /// Source of `function encoder(data, fn)`, which calls `fn(err, packet)`.
    pub encoder: &'a str,
    /// Source of `function decoder(packet, fn)`, which calls `fn(err, data)`.
    pub decoder: &'a str,
    /// Source that is put before the client library; may be empty.
    pub library: &'a str,
}

/// A parser of the application's own.
///
/// Errors are reported on the spark or client; the message is dropped and the
/// connection stays. The methods are called from many threads at a time.
///
/// ```
/// use primus::parsers::{ClientParser, CustomParser, NoPeer, Peer};
/// use primus::{BoxError, Frame, Parser, Value};
///
/// /// Strings with their length in front: `5:hello`.
/// struct Netstrings;
///
/// impl CustomParser for Netstrings {
///     fn encode(&self, value: &Value, _: &dyn Peer) -> Result<Option<Frame>, BoxError> {
///         let text = value.as_str().ok_or("not a string")?;
///         Ok(Some(Frame::text(format!("{}:{text}", text.len()))))
///     }
///
///     fn decode(&self, frame: &Frame, _: &dyn Peer) -> Result<Value, BoxError> {
///         let text = frame.as_text().ok_or("a binary frame")?;
///         let (length, text) = text.split_once(':').ok_or("no length")?;
///         if length.parse() != Ok(text.len()) {
///             return Err("wrong length".into());
///         }
///         Ok(text.into())
///     }
///
///     fn client(&self) -> Option<ClientParser<'_>> {
///         Some(ClientParser {
///             encoder: "function (data, fn) {
///               fn(null, new TextEncoder().encode(data).length + ':' + data);
///             }",
///             decoder: "function (packet, fn) {
///               fn(null, packet.slice(packet.indexOf(':') + 1));
///             }",
///             ..ClientParser::default()
///         })
///     }
/// }
///
/// let parser = Parser::custom(Netstrings);
/// let frame = parser.encode("hello", &NoPeer)?.unwrap();
/// assert_eq!(frame.as_text(), Some("5:hello"));
/// assert_eq!(parser.decode_as::<String>(&frame, &NoPeer)?, "hello");
/// let error = parser.decode(&Frame::text("4:hello"), &NoPeer).unwrap_err();
/// assert_eq!(error.to_string(), "custom parser failed to decode a message: wrong length");
/// # Ok::<(), primus::Error>(())
/// ```
pub trait CustomParser: Send + Sync + 'static {
    /// The name shown in the spec document; Primus says `custom`.
    fn name(&self) -> &str {
        "custom"
    }
    /// Value to frame. `None`, or an empty frame: nothing is sent.
    fn encode(&self, value: &Value, peer: &dyn Peer) -> Result<Option<Frame>, BoxError>;
    /// Frame to value.
    fn decode(&self, frame: &Frame, peer: &dyn Peer) -> Result<Value, BoxError>;
    /// The same in JavaScript, for the client library that the server hands to
    /// browsers. None by default; then the library has no such parser.
    fn client(&self) -> Option<ClientParser<'_>> {
        None
    }
}

/// How messages are encoded. Both ends of a connection must use the same.
///
/// | name | on the wire | dates | bytes | a frame of the other kind |
/// |---|---|---|---|---|
/// | `json` | text | ISO texts | `{"type":"Buffer",..}` | raw bytes, as `Value::Binary` |
/// | `ejson` | text | yes | yes | an error |
/// | `binary` | binary | English texts | yes, but not empty | an error |
/// | `msgpack` | binary | yes | yes | an error |
///
/// Messages may be nested [`MAX_DEPTH`](crate::value::MAX_DEPTH) deep. A clone
/// costs nothing, or a reference count for a parser of the application's own.
///
/// ```
/// use primus::{Parser, parsers::NoPeer};
///
/// let parser: Parser = "JSON".parse()?;
/// let frame = parser.encode(&("tick", 1e21), &NoPeer)?.unwrap();
/// assert_eq!(frame.as_text(), Some(r#"["tick",1e+21]"#));
/// let (name, at): (String, f64) = parser.decode_as(&frame, &NoPeer)?;
/// assert_eq!((name.as_str(), at), ("tick", 1e21));
/// assert!("yaml".parse::<Parser>().unwrap_err().to_string().contains("ejson"));
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone)]
pub struct Parser(Kind);

#[derive(Clone)]
enum Kind {
    Json,
    Ejson,
    Binary,
    #[cfg(feature = "msgpack")]
    Msgpack,
    Custom(Arc<dyn CustomParser>),
}

impl Parser {
    /// The default parser: what `JSON.stringify` and `JSON.parse` do.
    pub const JSON: Parser = Parser(Kind::Json);

    /// JSON with dates, bytes, NaN and infinities, as the `ejson` package.
    pub const EJSON: Parser = Parser(Kind::Ejson);

    /// BinaryPack, as the `binary-pack` package.
    pub const BINARY: Parser = Parser(Kind::Binary);

    /// MessagePack, as the `primus-msgpack` package.
    #[cfg(feature = "msgpack")]
    pub const MSGPACK: Parser = Parser(Kind::Msgpack);

    /// The parsers that have a name of their own.
    const NAMED: &'static [Parser] = &[
        Parser::JSON,
        Parser::EJSON,
        Parser::BINARY,
        #[cfg(feature = "msgpack")]
        Parser::MSGPACK,
    ];

    /// Uses the application's own parser.
    pub fn custom(parser: impl CustomParser) -> Self {
        Parser(Kind::Custom(Arc::new(parser)))
    }

    /// The name, as the spec document shows it.
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Json => "json",
            Kind::Ejson => "ejson",
            Kind::Binary => "binary",
            #[cfg(feature = "msgpack")]
            Kind::Msgpack => "msgpack",
            Kind::Custom(custom) => custom.name(),
        }
    }

    /// What the browser client needs for a parser of the application's own.
    pub fn client(&self) -> Option<ClientParser<'_>> {
        match &self.0 {
            Kind::Custom(custom) => custom.client(),
            _ => None,
        }
    }

    /// Encodes anything serialisable. `Ok(None)`: nothing is to be sent.
    ///
    /// # Errors
    /// If the value's `Serialize` fails, if it is nested too deeply, or if the
    /// format has no way to say it.
    pub fn encode<T: Serialize + ?Sized>(
        &self,
        value: &T,
        peer: &dyn Peer,
    ) -> Result<Option<Frame>, ParserError> {
        let frame = match &self.0 {
            Kind::Json => text::encode(value, Dialect::Json),
            Kind::Ejson => text::encode(value, Dialect::Ejson),
            Kind::Binary => pack::encode::<T, BinaryPack>(value),
            #[cfg(feature = "msgpack")]
            Kind::Msgpack => pack::encode::<T, MsgPack>(value),
            Kind::Custom(custom) => return self.encode_custom(&**custom, value, peer),
        };
        frame.map_err(|fault| self.error(Step::Encode, fault.into()))
    }

    fn encode_custom<T: Serialize + ?Sized>(
        &self,
        custom: &dyn CustomParser,
        value: &T,
        peer: &dyn Peer,
    ) -> Result<Option<Frame>, ParserError> {
        let frame = match value.serialize(ValueSerializer::new()) {
            Ok(value) => custom.encode(&value, peer),
            Err(fault) => Err(fault.into()),
        };
        // As in Primus, an empty packet is not sent either.
        frame
            .map(|frame| frame.filter(|frame| !frame.is_empty()))
            .map_err(|cause| self.error(Step::Encode, cause))
    }

    /// Tells whether [`decode`](Self::decode) would succeed, as cheaply as the
    /// format allows. Every frame is checked before it is delivered.
    ///
    /// # Errors
    /// Exactly when `decode` has one.
    pub fn check(&self, frame: &Frame, peer: &dyn Peer) -> Result<(), ParserError> {
        self.check_within(frame, peer, usize::MAX)
    }

    /// As [`check`](Self::check), and an error if more than so many values are in
    /// the arrays and objects of the message. A parser of the application's own
    /// has bounds of its own.
    pub(crate) fn check_within(
        &self,
        frame: &Frame,
        peer: &dyn Peer,
        values: usize,
    ) -> Result<(), ParserError> {
        let checked = match (&self.0, frame) {
            (Kind::Json, Frame::Text(text)) => text::check(text, Dialect::Json, values),
            (Kind::Json, Frame::Binary(_)) => Ok(()),
            (Kind::Ejson, Frame::Text(text)) => text::check(text, Dialect::Ejson, values),
            (Kind::Binary, Frame::Binary(bytes)) => pack::check::<BinaryPack>(bytes, values),
            #[cfg(feature = "msgpack")]
            (Kind::Msgpack, Frame::Binary(bytes)) => pack::check::<MsgPack>(bytes, values),
            (Kind::Custom(_), _) => return self.decode(frame, peer).map(drop),
            _ => Err(wrong_kind(frame)),
        };
        checked.map_err(|fault| self.error(Step::Decode, fault.into()))
    }

    /// Decodes to the dynamic value.
    ///
    /// # Errors
    /// If the frame is not a message of this format, is nested too deeply, or
    /// is of the wrong kind for a parser other than `json`.
    pub fn decode(&self, frame: &Frame, peer: &dyn Peer) -> Result<Value, ParserError> {
        let value = match (&self.0, frame) {
            (Kind::Json, Frame::Text(text)) => text::decode(text, Dialect::Json),
            (Kind::Json, Frame::Binary(bytes)) => Ok(Value::from(&**bytes)),
            (Kind::Ejson, Frame::Text(text)) => text::decode(text, Dialect::Ejson),
            (Kind::Binary, Frame::Binary(bytes)) => pack::decode::<BinaryPack>(bytes),
            #[cfg(feature = "msgpack")]
            (Kind::Msgpack, Frame::Binary(bytes)) => pack::decode::<MsgPack>(bytes),
            (Kind::Custom(custom), frame) => {
                return custom.decode(frame, peer).map_err(|cause| self.error(Step::Decode, cause));
            }
            _ => Err(wrong_kind(frame)),
        };
        value.map_err(|fault| self.error(Step::Decode, fault.into()))
    }

    /// Decodes to the application's own type.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), and if the message has another shape than
    /// the type. (To derived structs a key that comes twice is an error too; a
    /// `Value` keeps the last, as JavaScript does.)
    pub fn decode_as<T: DeserializeOwned>(
        &self,
        frame: &Frame,
        peer: &dyn Peer,
    ) -> Result<T, ParserError> {
        let value = match (&self.0, frame) {
            (Kind::Json, Frame::Text(text)) => text::decode_as(text, Dialect::Json),
            (Kind::Ejson, Frame::Text(text)) => text::decode_as(text, Dialect::Ejson),
            (Kind::Binary, Frame::Binary(bytes)) => pack::decode_as::<T, BinaryPack>(bytes),
            #[cfg(feature = "msgpack")]
            (Kind::Msgpack, Frame::Binary(bytes)) => pack::decode_as::<T, MsgPack>(bytes),
            _ => T::deserialize(ValueDeserializer::new(self.decode(frame, peer)?)),
        };
        value.map_err(|fault| self.error(Step::Decode, fault.into()))
    }

    /// True for the application's own parsers.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.0, Kind::Custom(_))
    }

    /// True for parsers whose messages are bytes, as far as that is known: of the
    /// application's own it is not.
    pub(crate) fn makes_bytes(&self) -> bool {
        !matches!(self.0, Kind::Json | Kind::Ejson | Kind::Custom(_))
    }

    /// A decoded value as the application's own type.
    pub(crate) fn parse_value<T: DeserializeOwned>(&self, value: &Value) -> Result<T, ParserError> {
        T::deserialize(ValueDeserializer::new(value.clone()))
            .map_err(|fault| self.error(Step::Decode, fault.into()))
    }

    /// If the frame's message is a string that begins `primus::`, that string:
    /// the quick test for protocol messages, on the raw frame where the format
    /// allows it.
    pub fn control<'a>(&self, frame: &'a Frame, peer: &dyn Peer) -> Option<Cow<'a, str>> {
        match (&self.0, frame) {
            (Kind::Json | Kind::Ejson, Frame::Text(text)) => text::control(text),
            (Kind::Binary, Frame::Binary(bytes)) => pack::control::<BinaryPack>(bytes),
            #[cfg(feature = "msgpack")]
            (Kind::Msgpack, Frame::Binary(bytes)) => pack::control::<MsgPack>(bytes),
            (Kind::Custom(custom), frame) => match custom.decode(frame, peer) {
                Ok(Value::String(text)) if text.starts_with("primus::") => Some(text.into()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The error of a message for which nothing is sent.
    #[cold]
    pub(crate) fn unsent(&self) -> ParserError {
        self.error(Step::Encode, Fault::new("nothing is sent for this value").into())
    }

    #[cold]
    fn error(&self, step: Step, cause: BoxError) -> ParserError {
        ParserError { parser: self.name().into(), step, cause }
    }
}

#[cold]
fn wrong_kind(frame: &Frame) -> Fault {
    Fault::new(match frame.is_binary() {
        true => {
            "a binary frame came where text is expected; does the other side use another parser?"
        }
        false => {
            "a text frame came where binary is expected; does the other side use another parser?"
        }
    })
}

impl FromStr for Parser {
    type Err = Error;

    /// A parser by name; case does not matter.
    fn from_str(name: &str) -> Result<Self, Error> {
        let known = |parser: &&Parser| parser.name().eq_ignore_ascii_case(name);
        Parser::NAMED.iter().find(known).cloned().ok_or_else(|| {
            let names: Vec<&str> = Parser::NAMED.iter().map(Parser::name).collect();
            Error::Option(format!("unknown parser `{name}`; known parsers: {}", names.join(", ")))
        })
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parser({})", self.name())
    }
}
