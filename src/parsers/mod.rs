//! The parsers: how a message becomes a frame, and a frame a message.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error};
use crate::frame::Frame;
use crate::value::Value;

/// The connection that a parser works for; a custom parser can look at it, as
/// in Primus, where the encoder and decoder are called on the spark or client.
pub trait Peer {
    /// The id of the spark, if the connection has one.
    fn id(&self) -> Option<&str>;
    /// The connection itself: downcast it to a `Spark`, `Client` or (for
    /// broadcasts, which are encoded once) `Primus`.
    fn as_any(&self) -> &dyn Any;
}

/// The peer of a parser that is used on its own, outside any connection.
pub struct NoPeer;

impl Peer for NoPeer {
    fn id(&self) -> Option<&str> {
        None
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A parser of the application's own.
pub trait CustomParser: Send + Sync + 'static {
    /// The name shown in the spec document; Primus says `custom`.
    fn name(&self) -> &str {
        "custom"
    }
    /// Value to frame. `None`: nothing is sent.
    fn encode(&self, value: &Value, peer: &dyn Peer) -> Result<Option<Frame>, BoxError>;
    /// Frame to value.
    fn decode(&self, frame: &Frame, peer: &dyn Peer) -> Result<Value, BoxError>;
}

/// How messages are encoded.
#[derive(Clone)]
pub struct Parser(Kind);

#[derive(Clone)]
enum Kind {
    Json,
    Custom(Arc<dyn CustomParser>),
}

impl Parser {
    /// The default parser.
    pub const JSON: Parser = Parser(Kind::Json);

    /// Uses the application's own parser.
    pub fn custom(parser: impl CustomParser) -> Self {
        Parser(Kind::Custom(Arc::new(parser)))
    }

    /// The name, as the spec document shows it.
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Json => "json",
            Kind::Custom(custom) => custom.name(),
        }
    }

    /// Encodes anything serialisable. `Ok(None)`: nothing is to be sent.
    pub fn encode<T: Serialize + ?Sized>(
        &self,
        value: &T,
        peer: &dyn Peer,
    ) -> Result<Option<Frame>, ParserError> {
        match &self.0 {
            Kind::Json => serde_json::to_string(value)
                .map(|text| Some(Frame::text(text)))
                .map_err(|e| self.error(Step::Encode, e.into())),
            Kind::Custom(custom) => {
                let value =
                    serde_json::to_value(value).map_err(|e| self.error(Step::Encode, e.into()))?;
                custom
                    .encode(&Value::from_json(value), peer)
                    .map_err(|e| self.error(Step::Encode, e))
            }
        }
    }

    /// Tells whether [`decode`](Self::decode) would succeed, as cheaply as the
    /// format allows. Every frame is checked before it is delivered.
    pub fn check(&self, frame: &Frame, peer: &dyn Peer) -> Result<(), ParserError> {
        self.decode(frame, peer).map(drop)
    }

    /// Decodes to the dynamic value.
    pub fn decode(&self, frame: &Frame, peer: &dyn Peer) -> Result<Value, ParserError> {
        match (&self.0, frame) {
            (Kind::Json, Frame::Binary(bytes)) => Ok(Value::Binary(bytes.to_vec())),
            (Kind::Json, Frame::Text(text)) => serde_json::from_str(text)
                .map(Value::from_json)
                .map_err(|e| self.error(Step::Decode, e.into())),
            (Kind::Custom(custom), frame) => {
                custom.decode(frame, peer).map_err(|e| self.error(Step::Decode, e))
            }
        }
    }

    /// Decodes to the application's own type.
    pub fn decode_as<T: DeserializeOwned>(
        &self,
        frame: &Frame,
        peer: &dyn Peer,
    ) -> Result<T, ParserError> {
        match (&self.0, frame) {
            (Kind::Json, Frame::Text(text)) => {
                serde_json::from_str(text).map_err(|e| self.error(Step::Decode, e.into()))
            }
            _ => {
                let value = self.decode(frame, peer)?;
                serde_json::from_value(value.to_json())
                    .map_err(|e| self.error(Step::Decode, e.into()))
            }
        }
    }

    /// True for the application's own parsers.
    pub(crate) fn is_custom(&self) -> bool {
        matches!(self.0, Kind::Custom(_))
    }

    /// A decoded value as the application's own type.
    pub(crate) fn parse_value<T: DeserializeOwned>(&self, value: &Value) -> Result<T, ParserError> {
        serde_json::from_value(value.to_json()).map_err(|e| self.error(Step::Decode, e.into()))
    }

    /// If the frame's message is a string that begins `primus::`, that string:
    /// the quick test for protocol messages, on the raw frame where the format
    /// allows it.
    pub fn control<'a>(&self, frame: &'a Frame, peer: &dyn Peer) -> Option<Cow<'a, str>> {
        match self.decode(frame, peer) {
            Ok(Value::String(text)) if text.starts_with("primus::") => Some(text.into()),
            _ => None,
        }
    }

    fn error(&self, step: Step, cause: BoxError) -> ParserError {
        ParserError { parser: self.name().into(), step, cause }
    }
}

impl FromStr for Parser {
    type Err = Error;

    /// A parser by name; case does not matter.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Ok(Parser::JSON),
            _ => Err(Error::Option(format!("unknown parser `{name}`; known parsers: json"))),
        }
    }
}

impl fmt::Debug for Parser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parser({})", self.name())
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
