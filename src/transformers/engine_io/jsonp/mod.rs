//! Polling with script elements and forms, by browsers that have nothing
//! better.
//!
//! The answer to a poll is a script that calls one of the client's functions:
//! `___eio[<number>](<payload as a string literal>);`. A POST is a form with
//! the payload in the field `d`; because browsers turn the line feeds of a
//! form into CR LF, the client has escaped them: `\n` stands for a line feed,
//! and `\\n` for the two characters `\n`, with as many backslashes before them
//! as there were.

#[cfg(test)]
use super::packet::Invalid;

/// Digits of a number that are used; clients count from 0.
const DIGITS_MAX: usize = 20;

/// The number of the client's function: the digits of the query's `j`.
pub(crate) fn number(j: &str) -> String {
    j.chars().filter(char::is_ascii_digit).take(DIGITS_MAX).collect()
}

/// Appends the call. The literal is also one in scripts that were written
/// before JSON was a part of the language, and inside a page.
pub(crate) fn call_into(number: &str, payload: &[u8], out: &mut Vec<u8>) {
    out.reserve(payload.len() + payload.len() / 8 + 32);
    out.extend_from_slice(b"___eio[");
    out.extend_from_slice(number.as_bytes());
    out.extend_from_slice(b"](\"");
    let mut plain = 0;
    for (at, byte) in payload.iter().enumerate() {
        let (escape, length): (&[u8], usize) = match (*byte, &payload[at + 1..]) {
            (b'"', _) => (b"\\\"", 1),
            (b'\\', _) => (b"\\\\", 1),
            (b'\n', _) => (b"\\n", 1),
            (b'\r', _) => (b"\\r", 1),
            (b'\t', _) => (b"\\t", 1),
            (8, _) => (b"\\b", 1),
            (12, _) => (b"\\f", 1),
            (control @ ..0x20, _) => (&unicode_escape(control), 1),
            (b'<', [b'/' | b'!', ..]) => (b"\\u003c", 1),
            (0xe2, [0x80, 0xa8, ..]) => (b"\\u2028", 3),
            (0xe2, [0x80, 0xa9, ..]) => (b"\\u2029", 3),
            _ => continue,
        };
        out.extend_from_slice(&payload[plain..at]);
        out.extend_from_slice(escape);
        plain = at + length;
    }
    out.extend_from_slice(&payload[plain..]);
    out.extend_from_slice(b"\");");
}

fn unicode_escape(control: u8) -> [u8; 6] {
    let hex = b"0123456789abcdef";
    let digit = |value: u8| hex[usize::from(value & 15)];
    [b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control)]
}

/// The payload in a call, whatever its number: what the browser does.
#[cfg(test)]
pub(crate) fn from_call(body: &[u8]) -> Result<String, Invalid> {
    let call = std::str::from_utf8(body).ok().map(str::trim_ascii);
    let literal = call.and_then(|call| {
        let (_, rest) = call.strip_prefix("___eio[")?.split_once("](")?;
        rest.trim_end_matches(';').strip_suffix(')')
    });
    let literal = literal.ok_or(Invalid("no call of a JSONP function"))?;
    serde_json::from_str(literal).map_err(|_| Invalid("no string in the JSONP call"))
}

/// The payload in the field `d` of a form, once that is decoded.
pub(crate) fn from_field(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut parts = value.split("\\n").peekable();
    while let Some(part) = parts.next() {
        out += part;
        if parts.peek().is_some() {
            // Behind another backslash it stands for itself, less that one.
            out.push(if part.ends_with('\\') { 'n' } else { '\n' });
        }
    }
    out
}

/// Appends the form that carries a payload: what the browser does.
#[cfg(test)]
pub(crate) fn form_into(payload: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"d=");
    let escaped = payload.replace("\\n", "\\\\n").replace('\n', "\\n");
    for byte in escaped.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte);
        } else {
            let hex = b"0123456789ABCDEF";
            out.extend([b'%', hex[usize::from(byte >> 4)], hex[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests;
