//! A parser that leaves messages as they are.

use primus::parsers::{CustomParser, Peer};
use primus::{BoxError, Frame, Value};

/// `--parser raw`: strings and bytes travel as they are, anything else that is
/// written as its JSON text.
pub struct Raw;

impl CustomParser for Raw {
    fn encode(&self, value: &Value, _: &dyn Peer) -> Result<Option<Frame>, BoxError> {
        match value {
            Value::String(text) => Ok(Some(Frame::text(text.as_str()))),
            Value::Binary(bytes) => Ok(Some(Frame::binary(bytes.as_slice()))),
            other => Ok(Some(Frame::text(serde_json::to_string(other)?))),
        }
    }

    fn decode(&self, frame: &Frame, _: &dyn Peer) -> Result<Value, BoxError> {
        Ok(match frame {
            Frame::Text(text) => Value::String(text.to_string()),
            Frame::Binary(bytes) => Value::Binary(bytes.to_vec()),
        })
    }
}
