//! What Redis is asked for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::error::BoxError;
use crate::link::{Batch, RedisLink, Reply, refusal};
use crate::plugins::rooms::Here;

/// So long it may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// So many sets are asked for together.
const TOGETHER: usize = 1_000;

/// So many keys it looks at for each answer when they are gone through.
const SCANNED: &str = "1000";

/// The error that a reply is, if it is one.
pub(super) fn refused(reply: &Reply) -> Result<(), BoxError> {
    refusal(reply).map_or(Ok(()), |error| Err(error.into()))
}

/// The texts of a reply that is a list.
pub(super) fn texts(reply: Reply) -> Result<Vec<String>, BoxError> {
    refused(&reply)?;
    match reply {
        Reply::Array(list) => Ok(list.into_iter().filter_map(text).collect()),
        Reply::Nil => Ok(Vec::new()),
        _ => Err("Redis has answered something else than a list".into()),
    }
}

/// A reply that is a text. What is none was not written by a server of these.
fn text(reply: Reply) -> Option<String> {
    match reply {
        Reply::BulkString(bytes) => String::from_utf8(bytes).ok(),
        Reply::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// All that is in any of these sets, each once and in order.
pub(super) fn union(link: &RedisLink, sets: &[String]) -> Result<BTreeSet<String>, BoxError> {
    let deadline = Instant::now() + PATIENCE;
    let mut found = BTreeSet::new();
    for some in sets.chunks(TOGETHER) {
        let words = std::iter::once("SUNION").chain(some.iter().map(String::as_str));
        let batch = Batch::new().cmd(&words.collect::<Vec<_>>());
        let left = deadline.saturating_duration_since(Instant::now());
        for reply in link.fetch(batch, left)? {
            found.extend(texts(reply)?);
        }
    }
    Ok(found)
}

/// The members on other servers, of all that are in these sets. What is connected here is
/// left out: it is known here whether it is a member, and Redis may not have heard of the
/// last change.
pub(super) fn elsewhere(
    link: &RedisLink,
    sets: &[String],
    here: Option<Here>,
) -> Result<Vec<String>, BoxError> {
    let members = union(link, sets)?.into_iter();
    Ok(members.filter(|id| here.as_ref().is_none_or(|here| !here.is_connected(id))).collect())
}

/// All keys that match a pattern, gone through in pieces (`SCAN`), so that Redis does
/// not stand still for those who have many.
pub(super) fn keys(link: &RedisLink, pattern: &str) -> Result<Vec<String>, BoxError> {
    let deadline = Instant::now() + PATIENCE;
    let (mut found, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let scan = Batch::new().cmd(&["SCAN", &cursor, "MATCH", pattern, "COUNT", SCANNED]);
        let reply = link.fetch(scan, left)?.pop().unwrap_or(Reply::Nil);
        refused(&reply)?;
        let Reply::Array(parts) = reply else { return Err("Redis has answered no cursor".into()) };
        let Ok([next, some]) = <[Reply; 2]>::try_from(parts) else {
            return Err("Redis has answered no cursor".into());
        };
        found.extend(texts(some)?);
        cursor = text(next).ok_or("Redis has answered no cursor")?;
        if cursor == "0" {
            // The same key may come more than once.
            found.sort_unstable();
            found.dedup();
            return Ok(found);
        }
    }
}

/// A text as a pattern of Redis's that matches nothing else.
pub(super) fn escaped(text: &str) -> String {
    let special = |char| matches!(char, '*' | '?' | '[' | ']' | '^' | '\\');
    let mut pattern = String::with_capacity(text.len());
    for char in text.chars() {
        if special(char) {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_text_is_no_pattern() {
        assert_eq!(escaped("app*[1]?"), "app\\*\\[1\\]\\?");
        assert_eq!(escaped("größe"), "größe");
    }
}
