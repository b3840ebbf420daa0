//! JSON text: what `json` and `ejson` have in common.
//!
//! The text is written as `JSON.stringify` writes it, to the byte, and read as
//! `JSON.parse` reads it. serde_json differs in ways that show on the wire or
//! drop messages that JavaScript accepts (`1e21`, `1E400`, `-0`, NaN, lone
//! surrogates, U+2028, dates, `Buffer`, `undefined`), so only its number
//! formatting is used.

mod de;
mod dialect;
mod digits;
mod group;
mod lexer;
mod number;
mod parse;
mod scan;
mod ser;
mod within;
mod write;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use super::scratch;
use crate::frame::Frame;
use crate::value::{Fault, Value};
pub(super) use dialect::Dialect;
pub(super) use lexer::Lexer;
pub(super) use parse::parse;
pub(super) use ser::append;

/// Encodes to a frame; `None` for `undefined`.
pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    dialect: Dialect,
) -> Result<Option<Frame>, Fault> {
    scratch::write(|out| append(value, dialect, out), frame)
}

fn frame(written: Cow<'_, [u8]>) -> Result<Option<Frame>, Fault> {
    if written.is_empty() {
        return Ok(None);
    }
    let text = match written {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Frame::text),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Frame::text),
    };
    text.map(Some).ok_or_else(|| Fault::new("not text"))
}

/// Decodes to the application's own type.
pub(super) fn decode_as<T: DeserializeOwned>(text: &str, dialect: Dialect) -> Result<T, Fault> {
    read(text, dialect)
}

/// Decodes to the dynamic value.
pub(super) fn decode(text: &str, dialect: Dialect) -> Result<Value, Fault> {
    match dialect {
        Dialect::Json => parse(text),
        Dialect::Ejson => read(text, dialect),
    }
}

fn read<'de, T: Deserialize<'de>>(text: &'de str, dialect: Dialect) -> Result<T, Fault> {
    let mut reader = de::Reader::new(text, dialect);
    let value = T::deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Tells whether [`decode`] would succeed, and that no more values than so many
/// are in arrays and objects. Allocates nothing, except for EJSON
/// that may have wrapped values in it: that is decoded.
pub(super) fn check(text: &str, dialect: Dialect, values: usize) -> Result<(), Fault> {
    if is_plain_string(text) {
        return Ok(());
    }
    let wrapped = dialect == Dialect::Ejson && may_be_wrapped(text);
    // Each value but the whole has a comma or two brackets of its own.
    let few = text.len() / 2 <= values;
    let mut lexer = Lexer::new(text);
    match (few, wrapped) {
        (true, true) => {}
        (true, false) => lexer.skip_value(0)?,
        (false, _) => lexer.skip_counted(0, values)?,
    }
    match wrapped {
        true => decode(text, dialect).map(drop),
        false => lexer.end(),
    }
}

/// A string without an escape and nothing beside it, which many messages are.
fn is_plain_string(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first() == Some(&b'"') && {
        let end = scan::run::<false>(bytes, 1);
        end + 1 == bytes.len() && bytes[end] == b'"'
    }
}

/// A wrapper has a key that begins with a dollar sign, perhaps an escaped one.
fn may_be_wrapped(text: &str) -> bool {
    text.contains("\"$") || text.contains("\\u0024")
}

/// The message, if it is a string that begins `primus::`.
pub(super) fn control(text: &str) -> Option<Cow<'_, str>> {
    // Almost every message is seen to be another by its first two bytes.
    if let [first, second, ..] = text.as_bytes()
        && (matches!(first, b'{' | b'[') || (*first == b'"' && !matches!(second, b'p' | b'\\')))
    {
        return None;
    }
    let inside = text.trim_start_matches([' ', '\t', '\n', '\r']).strip_prefix('"')?;
    if !matches!(inside.as_bytes().first()?, b'p' | b'\\') || !begins_control(inside) {
        return None;
    }
    let mut lexer = Lexer::new(text);
    lexer.peek()?;
    let message = lexer.string().ok()?;
    lexer.end().ok()?;
    message.starts_with("primus::").then_some(message)
}

/// Whether the first eight characters can be `primus::`, escapes included.
fn begins_control(inside: &str) -> bool {
    if !inside.as_bytes().iter().take(8).any(|byte| *byte == b'\\') {
        return inside.starts_with("primus::");
    }
    let mut rest = inside;
    "primus::".chars().all(|wanted| match rest.strip_prefix(wanted) {
        Some(next) => {
            rest = next;
            true
        }
        None => match rest.strip_prefix("\\u").and_then(|hex| hex.split_at_checked(4)) {
            Some((hex, next)) if u32::from_str_radix(hex, 16) == Ok(wanted as u32) => {
                rest = next;
                true
            }
            _ => false,
        },
    })
}
