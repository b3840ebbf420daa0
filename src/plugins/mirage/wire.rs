//! What `mirage` says on the wire: a client presents its id in the query of its
//! request, as `_mirage`; one that has none, or is to have another, gets it as the
//! event `mirage`, by `emit` or `emitter`, before everything else.

use std::io;

use crate::http::pairs;
use crate::id;
use crate::plugins::args::Args;
use crate::value::Value;

/// The parameter of the query. A client sends it where it has an id.
pub(crate) const PARAMETER: &str = "_mirage";

/// The event with a new id as its argument.
pub(crate) const EVENT: &str = "mirage";

/// Random bytes of an id, as many as JavaScript's have.
const RANDOM: usize = 8;

/// The id that a client presents; `None` without one, or with an empty one.
pub(crate) fn presented(query: &str) -> Option<String> {
    let (_, id) = pairs(query).find(|(name, _)| name == PARAMETER)?;
    (!id.is_empty()).then(|| id.into_owned())
}

/// The id that a server gives with its event.
pub(crate) fn given(event: Args) -> Option<String> {
    match event.into_iter().next() {
        Some(Value::String(id)) if !id.is_empty() => Some(id),
        _ => None,
    }
}

/// A new id: 16 hexadecimal digits.
///
/// # Errors
/// The operating system has no randomness to give.
pub(crate) fn generate() -> io::Result<String> {
    let mut bytes = [0; RANDOM];
    id::fill(&mut bytes)?;
    Ok(format!("{:016x}", u64::from_be_bytes(bytes)))
}
