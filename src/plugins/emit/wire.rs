//! What `primus-emit` says on the wire, in both directions:
//! `{"emit":["event","argument",2]}`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::plugins::args::{Args, List};
use crate::value::Value;

/// Whether a message is an event: an object whose `emit` is an array, whatever is
/// in there.
pub(crate) fn claims(message: &Value) -> bool {
    matches!(message.get("emit"), Some(Value::Array(_)))
}

/// The event that a claimed message is, and its arguments; `None` where the name is
/// no text, which raises nothing.
pub(crate) fn decode(message: Value) -> Option<(String, Args)> {
    let Value::Object(entries) = message else { return None };
    let emit = entries.into_iter().find(|(name, _)| name == "emit");
    event(emit?.1)
}

/// An event, of the list of its name and its arguments.
pub(crate) fn event(list: Value) -> Option<(String, Args)> {
    let Value::Array(mut list) = list else { return None };
    if !matches!(list.first(), Some(Value::String(_))) {
        return None;
    }
    // The arguments stay in the memory that they are in.
    match list.remove(0) {
        Value::String(name) => Some((name, list.into())),
        _ => None,
    }
}

/// The envelope of an event.
pub(crate) struct Event<'a, A: ?Sized> {
    pub name: &'a str,
    pub args: &'a A,
}

impl<A: Serialize + ?Sized> Serialize for Event<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut envelope = serializer.serialize_map(Some(1))?;
        envelope.serialize_entry("emit", &List { head: Some(self.name), args: self.args })?;
        envelope.end()
    }
}
