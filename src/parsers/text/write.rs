//! Writing strings, keys and bytes as JavaScript does.

use super::digits;
use super::scan::{self, BLOCK};
use crate::parsers::words::{few, put, put_wide, several};
use crate::value::{RegExp, TypedArray};

/// Writes a string with its quotes. U+2028 and U+2029 are escaped, as Primus
/// does with every text it sends.
#[inline]
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    // Together with its quotes it may be one word.
    if bytes.len() <= 6 {
        let (word, bits) = (few(bytes), 8 * bytes.len());
        if scan::first::<true>(scan::filled(word, bytes.len())).is_none() {
            let quote = u64::from(b'"');
            return put(out, quote | word << 8 | quote << (bits + 8), bytes.len() + 2);
        }
    }
    any_string(out, bytes);
}

/// As [`string`], for any.
fn any_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    inside(out, bytes);
}

/// Writes what is between the quotes, and the quote at the end.
#[inline]
fn inside(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    loop {
        while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
            if scan::any::<true>(block) {
                break;
            }
            out.extend_from_slice(block);
            rest = after;
        }
        let special = loop {
            let Some((word, after)) = rest.split_first_chunk::<8>() else {
                let word = few(rest);
                match scan::first::<true>(scan::filled(word, rest.len())) {
                    Some(special) => break (word, special),
                    None => {
                        return put(out, word | (b'"' as u64) << (8 * rest.len()), rest.len() + 1);
                    }
                }
            };
            let word = u64::from_le_bytes(*word);
            match scan::first::<true>(word) {
                Some(special) => break (word, special),
                None => put(out, word, 8),
            }
            rest = after;
        };
        let (word, plain) = special;
        put(out, word, plain);
        rest = escape(out, &rest[plain..]);
    }
}

/// Writes a key with its colon, after a comma unless it is the first.
#[inline]
pub(super) fn key(out: &mut Vec<u8>, first: bool, key: &str) {
    if !first {
        out.push(b',');
    }
    string(out, key);
    out.push(b':');
}

/// As [`key`], for the names of fields: where they are known to the compiler,
/// it does most of this.
#[inline(always)]
pub(super) fn field(out: &mut Vec<u8>, first: bool, name: &'static str) {
    let len = name.len();
    if len > 12 || !scan::is_plain(name.as_bytes()) {
        return key(out, first, name);
    }
    let name = several(name.as_bytes());
    let quoted = u128::from(b'"') | name << 8 | u128::from_le_bytes(ENDED) << (8 * len + 8);
    let (text, count) = if first { (quoted, len + 3) } else { (quoted << 8 | COMMA, len + 4) };
    put_wide(out, text, count);
}

const COMMA: u128 = b',' as u128;

/// What comes after a key.
const ENDED: [u8; 16] = [b'"', b':', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The letter behind the backslash for each byte below 0x60 that needs one, and
/// for some that need none.
const LETTERS: [u8; 0x60] = {
    let mut letters = [b'u'; 0x60];
    letters[0x08] = b'b';
    letters[0x09] = b't';
    letters[0x0A] = b'n';
    letters[0x0C] = b'f';
    letters[0x0D] = b'r';
    letters[b'"' as usize] = b'"';
    letters[b'\\' as usize] = b'\\';
    letters
};

/// Writes the byte that is first, which may need an escape, and returns what
/// comes after it.
#[inline]
fn escape<'a>(out: &mut Vec<u8>, bytes: &'a [u8]) -> &'a [u8] {
    let Some((byte, rest)) = bytes.split_first() else { return bytes };
    match LETTERS.get(usize::from(*byte)) {
        Some(b'u') => {
            let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(*byte)]);
        }
        Some(letter) => out.extend_from_slice(&[b'\\', *letter]),
        None => match rest {
            [0x80, third @ (0xA8 | 0xA9), rest @ ..] if *byte == 0xE2 => {
                out.extend_from_slice(if *third == 0xA8 { b"\\u2028" } else { b"\\u2029" });
                return rest;
            }
            _ => out.push(*byte),
        },
    }
    rest
}

/// Writes a JSON text as it is, but with U+2028 and U+2029 escaped: they can only
/// be within strings.
pub(super) fn separators(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\u{2028}', '\u{2029}']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let after = escape(out, &rest.as_bytes()[at..]);
        rest = &rest[rest.len() - after.len()..];
    }
    out.extend_from_slice(rest.as_bytes());
}

/// What `JSON.stringify` makes of a `Buffer`.
pub(super) fn buffer(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() * 4 + 32);
    out.extend_from_slice(b"{\"type\":\"Buffer\",\"data\":[");
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        digits::uint(out, (*byte).into());
    }
    out.extend_from_slice(b"]}");
}

/// What `JSON.stringify` makes of a typed array: an object with index keys.
pub(super) fn typed(out: &mut Vec<u8>, array: &TypedArray) {
    out.push(b'{');
    let elements = array.kind.has_elements().then(|| array.numbers());
    for (at, element) in elements.into_iter().flatten().enumerate() {
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        digits::uint(out, at as u64);
        out.extend_from_slice(b"\":");
        digits::number(out, element);
    }
    out.push(b'}');
}

/// What EJSON makes of a regular expression.
pub(super) fn regexp(out: &mut Vec<u8>, regexp: &RegExp) {
    out.extend_from_slice(b"{\"$regexp\":");
    string(out, &regexp.source);
    out.extend_from_slice(b",\"$flags\":");
    string(out, &regexp.flags);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Character by character, as one would.
    fn plainly(text: &str) -> String {
        let mut out = String::from('"');
        for char in text.chars() {
            match char {
                '"' | '\\' => out.extend(['\\', char]),
                '\u{8}' => out.push_str("\\b"),
                '\t' => out.push_str("\\t"),
                '\n' => out.push_str("\\n"),
                '\u{c}' => out.push_str("\\f"),
                '\r' => out.push_str("\\r"),
                '\0'..' ' | '\u{2028}' | '\u{2029}' => {
                    out.push_str(&format!("\\u{:04x}", u32::from(char)));
                }
                _ => out.push(char),
            }
        }
        out + "\""
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_at_every_place() {
        let chars = (0..0x180).chain([0x2027, 0x2028, 0x2029, 0x202A, 0x20AC, 0xE2, 0x1F600]);
        for char in chars.map(|code| char::from_u32(code).unwrap()) {
            for before in 0..70 {
                for after in [0, 1, 2, 7, 8, 40] {
                    let text = format!("{}{char}{}", "a".repeat(before), "é".repeat(after));
                    assert_eq!(written(&text), plainly(&text));
                }
            }
        }
    }

    #[test]
    fn random_texts() {
        let chars: Vec<char> =
            "aZ09 ~\u{7f}é\"\\\n\u{1}\u{2028}\u{2029}€\u{1F600}".chars().collect();
        for _ in 0..20_000 {
            let plain = fastrand::usize(1..20);
            let pick = |_| match fastrand::usize(..plain) {
                0 => *fastrand::choice(&chars).unwrap(),
                _ => 'x',
            };
            let text: String = (0..fastrand::usize(..200)).map(pick).collect();
            assert_eq!(written(&text), plainly(&text));
        }
    }

    #[test]
    fn names_of_fields() {
        let names = [
            "",
            "a",
            "ab",
            "abc",
            "abcd",
            "abcdefg",
            "abcdefgh",
            "abcdefghi",
            "abcdefghijk",
            "abcdefghijkl",
            "abcdefghijklm",
            "a\"b",
            "\\",
            "é",
            "abcdefghi\u{2028}",
            "\n",
        ];
        for name in names {
            for first in [true, false] {
                let mut out = b"...".to_vec();
                field(&mut out, first, name);
                let comma = if first { "" } else { "," };
                let expected = format!("...{comma}{}:", plainly(name));
                assert_eq!(String::from_utf8(out).unwrap(), expected);
            }
        }
    }
}
