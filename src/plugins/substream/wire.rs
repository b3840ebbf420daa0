//! What `substream` says on the wire, in both directions:
//!
//! | message | means |
//! |---|---|
//! | `{"substream":"name","args":1}` | a message of the stream; without `args` it is `undefined` |
//! | `{"substream":"name","args":"substream::end"}` | the sender has ended the stream |
//!
//! Nothing says that a stream was opened, and nothing answers an end.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::plugins::envelope::fields;
use crate::value::Value;

/// The text that ends a stream, whoever writes it.
pub(crate) const END: &str = "substream::end";

/// What a claimed message says.
#[derive(Debug, PartialEq)]
pub(crate) enum Packet {
    /// `undefined` where there is none.
    Data(Value),
    End,
}

/// The stream that a message is for. It is claimed only where that is open;
/// otherwise it is data.
pub(crate) fn stream(message: &Value) -> Option<&str> {
    message.get("substream")?.as_str()
}

/// What a claimed message says.
pub(crate) fn decode(message: Value) -> Packet {
    let [args] = fields(message, ["args"]);
    if args.as_str() == Some(END) { Packet::End } else { Packet::Data(args) }
}

/// The envelope of a message. `END` as its data ends the stream.
pub(crate) struct Data<'a, D: ?Sized> {
    pub stream: &'a str,
    pub data: &'a D,
}

impl<D: Serialize + ?Sized> Serialize for Data<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut envelope = serializer.serialize_map(Some(2))?;
        envelope.serialize_entry("substream", self.stream)?;
        envelope.serialize_entry("args", self.data)?;
        envelope.end()
    }
}
