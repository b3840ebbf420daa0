//! Parsers of the application's own on a wire that carries text only.

use std::sync::Arc;

use super::{ClientParser, CustomParser, Kind, Parser, Peer};
use crate::error::BoxError;
use crate::frame::Frame;
use crate::value::Value;

impl Parser {
    /// The same parser, but that a message of bytes is an error, which says that this
    /// transformer does not carry such.
    pub(crate) fn of_texts(self, transformer: &'static str) -> Self {
        match self.0 {
            Kind::Custom(parser) => Parser::custom(Texts { parser, transformer }),
            own => Parser(own),
        }
    }
}

struct Texts {
    parser: Arc<dyn CustomParser>,
    transformer: &'static str,
}

impl CustomParser for Texts {
    fn name(&self) -> &str {
        self.parser.name()
    }

    fn encode(&self, value: &Value, peer: &dyn Peer) -> Result<Option<Frame>, BoxError> {
        match self.parser.encode(value, peer)? {
            Some(Frame::Binary(_)) => {
                let name = self.transformer;
                Err(format!("it made bytes, and the transformer `{name}` carries text only").into())
            }
            frame => Ok(frame),
        }
    }

    fn decode(&self, frame: &Frame, peer: &dyn Peer) -> Result<Value, BoxError> {
        self.parser.decode(frame, peer)
    }

    fn client(&self) -> Option<ClientParser<'_>> {
        self.parser.client()
    }
}
