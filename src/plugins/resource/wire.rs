//! What `primus-resource` says on the wire: events of
//! [`emitter`](crate::plugins::emitter), inside a channel of
//! [`multiplex`](crate::plugins::multiplex) of the resource's name, or *flat*, where
//! the names of all events begin with that of the resource and `::`.
//!
//! | event | from | means |
//! |---|---|---|
//! | `["ready",["method",..]]` | server | these methods are there; on each connection |
//! | `["method","argument",..]` | client | a call; its acknowledgement is what it returns |
//! | `["event","argument",..]` | server | an event to all |

use std::borrow::Cow;

use crate::plugins::args::Args;
use crate::plugins::names::is_inherited;
use crate::value::Value;

/// The event that tells of the methods.
pub(crate) const READY: &str = "ready";

/// What stands between a resource's name and an event's.
const SEPARATOR: &str = "::";

/// Methods of one resource that are believed at most: others are left out.
pub(crate) const MOST_METHODS: usize = 1_000;

/// The name of an event on the wire; `flat` is the name of a resource that has no
/// channel.
pub(crate) fn event<'a>(flat: Option<&str>, event: &'a str) -> Cow<'a, str> {
    match flat {
        Some(resource) => format!("{resource}{SEPARATOR}{event}").into(),
        None => event.into(),
    }
}

/// Whether a method may have this name: it is one of its own to JavaScript too.
pub(crate) fn is_method(name: &str) -> bool {
    // Those that JavaScript's server uses for itself.
    const OTHERS: [&str; 4] = [READY, "ce", "connection", "disconnection"];
    !name.is_empty() && !is_inherited(name) && !OTHERS.contains(&name)
}

/// The methods of which a `ready` tells.
pub(crate) fn methods(ready: Args) -> Vec<String> {
    let Some(Value::Array(names)) = ready.into_iter().next() else { return Vec::new() };
    let texts = names.into_iter().filter_map(|name| match name {
        Value::String(name) if is_method(&name) => Some(name),
        _ => None,
    });
    texts.take(MOST_METHODS).collect()
}
