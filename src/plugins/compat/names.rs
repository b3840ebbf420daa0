//! Names of rooms, and ids, in messages.

use crate::value::Value;

/// A list of texts; `None` where it is something else.
pub(super) fn texts(list: Value) -> Option<Vec<String>> {
    let Value::Array(list) = list else { return None };
    let text = |one| match one {
        Value::String(text) => Some(text),
        _ => None,
    };
    list.into_iter().map(text).collect()
}
