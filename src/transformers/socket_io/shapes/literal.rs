//! Strings of JavaScript.

use crate::frame::room;

/// Appends a text as a string, as `JSON.stringify` does it, but for what ends a string
/// in scripts that were written before JSON was a part of the language. With `page` it
/// can stand in a script that stands in a page: no `/` comes behind a `<`, as Socket.IO
/// has it, and no `!` either, which would have the page go on inside of the script.
pub(super) fn literal(text: &str, page: bool, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    room::reserve(out, bytes.len() + bytes.len() / 8 + 2);
    out.push(b'"');
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        let (escape, length): (&[u8], usize) = match (*byte, rest) {
            (b'"', _) => (b"\\\"", 1),
            (b'\\', _) => (b"\\\\", 1),
            (b'\n', _) => (b"\\n", 1),
            (b'\r', _) => (b"\\r", 1),
            (b'\t', _) => (b"\\t", 1),
            (8, _) => (b"\\b", 1),
            (12, _) => (b"\\f", 1),
            (control @ ..0x20, _) => (&unicode(control), 1),
            (b'/', _) if page => (b"\\/", 1),
            (b'<', [b'!', ..]) if page => (b"\\u003c", 1),
            (0xe2, [0x80, 0xa8, ..]) => (b"\\u2028", 3),
            (0xe2, [0x80, 0xa9, ..]) => (b"\\u2029", 3),
            _ => continue,
        };
        room::append(out, bytes.get(plain..at).unwrap_or_default());
        room::append(out, escape);
        plain = at + length;
    }
    room::append(out, bytes.get(plain..).unwrap_or_default());
    out.push(b'"');
}

fn unicode(control: u8) -> [u8; 6] {
    let hex = b"0123456789abcdef";
    let digit = |value: u8| hex[usize::from(value & 15)];
    [b'\\', b'u', b'0', b'0', digit(control >> 4), digit(control)]
}
