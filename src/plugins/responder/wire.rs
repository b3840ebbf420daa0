//! What `primus-responder` says on the wire, in both directions:
//!
//! | message | means |
//! |---|---|
//! | `{"plugin":"primus-responder","requestId":"uuid","data":1}` | a request |
//! | `{"plugin":"primus-responder","responseId":"uuid","data":2}` | its response |
//!
//! `data` may be missing in both.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::id;
use crate::plugins::envelope::{fields, is_falsy};
use crate::value::Value;

const PLUGIN: &str = "primus-responder";

/// What a claimed message says.
#[derive(Debug, PartialEq)]
pub(crate) enum Packet {
    Request {
        /// Anything but a falsy value; the response has it as it came.
        id: Value,
        /// `undefined` where there is none.
        data: Value,
    },
    Response {
        id: String,
        data: Value,
    },
}

/// Whether a message is a request or a response, or pretends to be.
pub(crate) fn claims(message: &Value) -> bool {
    message.get("plugin").and_then(Value::as_str) == Some(PLUGIN)
}

/// What a claimed message says; `None` for nothing: without an id, or with one of
/// a response that is not ours.
pub(crate) fn decode(message: Value) -> Option<Packet> {
    let [request, response, data] = fields(message, ["requestId", "responseId", "data"]);
    match (request, response) {
        (id, _) if !is_falsy(&id) => Some(Packet::Request { id, data }),
        (_, Value::String(id)) if !id.is_empty() => Some(Packet::Response { id, data }),
        _ => None,
    }
}

/// A new id. Only the other side of the connection sees it and may use it, so it
/// need not be hard to guess.
pub(crate) fn uuid() -> String {
    id::uuid_of(fastrand::u128(..))
}

/// The envelope of a request.
pub(crate) struct Request<'a, D: ?Sized> {
    /// A UUID of version 4.
    pub id: &'a str,
    pub data: &'a D,
}

impl<D: Serialize + ?Sized> Serialize for Request<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        envelope(serializer, "requestId", self.id, Some(self.data))
    }
}

/// The envelope of a response.
pub(crate) struct Response<'a, D: ?Sized> {
    /// As it came.
    pub id: &'a Value,
    /// None at all is `undefined` to JavaScript.
    pub data: Option<&'a D>,
}

impl<D: Serialize + ?Sized> Serialize for Response<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        envelope(serializer, "responseId", self.id, self.data)
    }
}

fn envelope<S: Serializer>(
    serializer: S,
    name: &str,
    id: &(impl Serialize + ?Sized),
    data: Option<&(impl Serialize + ?Sized)>,
) -> Result<S::Ok, S::Error> {
    let mut envelope = serializer.serialize_map(Some(2 + usize::from(data.is_some())))?;
    envelope.serialize_entry("plugin", PLUGIN)?;
    envelope.serialize_entry(name, id)?;
    if let Some(data) = data {
        envelope.serialize_entry("data", data)?;
    }
    envelope.end()
}
