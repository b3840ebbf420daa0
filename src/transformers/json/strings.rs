//! Strings, and how other values are passed over.

use crate::escapes::unescape;
use crate::frame::room;

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);
const SPACES: u64 = ONES * 0x20;

/// What is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::transformers) struct NotJson;

/// The place of the next byte that needs a closer look in a string, or the end: a
/// quote, a backslash or a control character, and when writing all beyond ASCII.
#[inline]
pub(in crate::transformers) fn run<const WRITING: bool>(bytes: &[u8], from: usize) -> usize {
    let (words, rest) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words {
        let hits = hits::<WRITING>(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    if rest.is_empty() {
        return at;
    }
    // The last word of all, less what was looked at, and harmless bytes behind it.
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let hits = hits::<WRITING>(last | SPACES << (8 * rest.len()));
    at + (hits.trailing_zeros() as usize / 8).min(rest.len())
}

/// The top bit of each such byte in a word. Bytes above the lowest may be marked
/// wrongly (borrows run upwards), so only the lowest counts.
#[inline]
fn hits<const WRITING: bool>(word: u64) -> u64 {
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound));
    // With this bit turned over the quote follows the control characters.
    let control_or_quote = below(word ^ (ONES * 2), 0x21);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    match WRITING {
        true => (control_or_quote | backslash | word) & HIGHS,
        false => (control_or_quote | backslash) & !word & HIGHS,
    }
}

/// A string that begins at `at`, behind its quote, and where what follows it does.
/// A lone surrogate becomes U+FFFD. One with escapes is put together in `scratch`.
#[inline]
pub(in crate::transformers) fn string<'a>(
    text: &'a str,
    at: usize,
    scratch: &'a mut String,
) -> Result<(&'a str, usize), NotJson> {
    let end = run::<false>(text.as_bytes(), at);
    if text.as_bytes().get(end) == Some(&b'"') {
        return Ok((text.get(at..end).ok_or(NotJson)?, end + 1));
    }
    escaped(text, at, end, scratch).map(|behind| (&**scratch, behind))
}

/// The string that a whole text is, but for white space around it. A lone surrogate
/// becomes U+FFFD.
pub(crate) fn json_string(text: &str) -> Option<String> {
    let at = skip_space(text, 0);
    let mut scratch = String::new();
    text.as_bytes().get(at).filter(|byte| **byte == b'"')?;
    let (string, end) = string(text, at + 1, &mut scratch).ok()?;
    (skip_space(text, end) == text.len()).then(|| string.to_owned())
}

/// [`string`], whose first escape is at `special`.
fn escaped(
    text: &str,
    mut from: usize,
    mut special: usize,
    out: &mut String,
) -> Result<usize, NotJson> {
    out.clear();
    loop {
        let plain = text.get(from..special).ok_or(NotJson)?;
        room::reserve_text(out, plain.len() + size_of::<char>());
        out.push_str(plain);
        match text.as_bytes().get(special) {
            Some(b'"') => return Ok(special + 1),
            Some(b'\\') => {}
            _ => return Err(NotJson),
        }
        let (char, behind) = unescape(text.as_bytes(), special).ok_or(NotJson)?;
        out.push(char);
        from = behind;
        special = run::<false>(text.as_bytes(), from);
    }
}

/// Skips a string, of which the quote is at `at`.
pub(super) fn skip_string(text: &str, at: usize) -> Result<usize, NotJson> {
    let bytes = text.as_bytes();
    let mut at = at + 1;
    loop {
        at = run::<false>(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok(at + 1),
            Some(b'\\') => at = unescape(bytes, at).ok_or(NotJson)?.1,
            _ => return Err(NotJson),
        }
    }
}

/// Skips a value, which begins at `at`; its text is what is skipped.
pub(super) fn skip_value(text: &str, at: usize) -> Result<usize, NotJson> {
    if text.as_bytes().get(at) == Some(&b'"') {
        return skip_string(text, at);
    }
    let rest = text.get(at..).ok_or(NotJson)?;
    // Uses no stack, however deep it is.
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<serde::de::IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => Ok(at + values.byte_offset()),
        _ => Err(NotJson),
    }
}

/// Skips white space.
#[inline]
pub(super) fn skip_space(text: &str, mut at: usize) -> usize {
    while matches!(text.as_bytes().get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}
