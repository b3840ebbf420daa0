//! Query strings, as Node's `querystring` reads them and browsers write them.

use std::borrow::Cow;
use std::fmt::Write;

use crate::frame::room;

/// Pairs that are read at most, as in Node.
const MAX_PAIRS: usize = 1000;

/// The decoded pairs of a query string.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).take(MAX_PAIRS).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), decode(value))
    })
}

/// Percent-decodes; `+` is a space, a broken escape stays as it is, and what
/// is not UTF-8 becomes U+FFFD.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    let mut rest = text.as_bytes();
    if !rest.contains(&b'%') && !rest.contains(&b'+') {
        return Cow::Borrowed(text);
    }
    // A body may be long.
    let mut bytes = Vec::new();
    room::reserve(&mut bytes, text.len());
    loop {
        let plain = rest.iter().position(|byte| matches!(byte, b'%' | b'+')).unwrap_or(rest.len());
        let (before, coded) = rest.split_at(plain);
        bytes.extend_from_slice(before);
        let [first, tail @ ..] = coded else { break };
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (_, [high, low, after @ ..]) => match pair(*high, *low) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = after;
                }
                None => bytes.push(b'%'),
            },
            _ => bytes.push(b'%'),
        }
    }
    Cow::Owned(room::text(bytes))
}

/// The byte that two hexadecimal digits are.
fn pair(high: u8, low: u8) -> Option<u8> {
    Some(hex(high)? << 4 | hex(low)?)
}

/// Percent-encodes as `encodeURIComponent` does.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
