//! Writing strings, numbers and bytes as JavaScript does.

use std::fmt::Write;

use super::scan;
use crate::value::{Number, Repr, TypedArray};

/// Writes a string with its quotes. U+2028 and U+2029 are escaped, as Primus
/// does with every text it sends.
pub(super) fn string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let bytes = text.as_bytes();
    let (mut start, mut at) = (0, 0);
    loop {
        at = scan::run::<true>(bytes, at);
        let Some(&byte) = bytes.get(at) else { break };
        if byte == 0xE2 && !matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) {
            at += 1;
            continue;
        }
        out.push_str(&text[start..at]);
        at += escape(out, byte, bytes.get(at + 2));
        start = at;
    }
    out.push_str(&text[start..]);
    out.push('"');
}

/// Writes the escape of a byte and returns how many bytes it stands for.
fn escape(out: &mut String, byte: u8, third: Option<&u8>) -> usize {
    match byte {
        b'"' => out.push_str("\\\""),
        b'\\' => out.push_str("\\\\"),
        0x08 => out.push_str("\\b"),
        b'\t' => out.push_str("\\t"),
        b'\n' => out.push_str("\\n"),
        0x0C => out.push_str("\\f"),
        b'\r' => out.push_str("\\r"),
        0xE2 => {
            out.push_str(if third == Some(&0xA8) { "\\u2028" } else { "\\u2029" });
            return 3;
        }
        _ => {
            out.push_str("\\u00");
            out.push(if byte < 0x10 { '0' } else { '1' });
            out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
    }
    1
}

/// A small buffer for the digits of a number.
struct Digits {
    bytes: [u8; 40],
    len: usize,
}

impl std::io::Write for Digits {
    fn write(&mut self, more: &[u8]) -> std::io::Result<usize> {
        let room = &mut self.bytes[self.len..];
        let count = more.len().min(room.len());
        room[..count].copy_from_slice(&more[..count]);
        self.len += count;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Digits {
    /// The number as serde_json writes it.
    fn of<T: serde::Serialize>(number: T) -> Self {
        let mut digits = Digits { bytes: [0; 40], len: 0 };
        // Writing to memory does not fail, and no number is longer.
        let _ = serde_json::to_writer(&mut digits, &number);
        digits
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or("0")
    }
}

pub(super) fn int(out: &mut String, n: i64) {
    if (0..10).contains(&n) {
        out.push(char::from(b'0' + n as u8));
    } else {
        out.push_str(Digits::of(n).as_str());
    }
}

pub(super) fn uint(out: &mut String, n: u64) {
    out.push_str(Digits::of(n).as_str());
}

/// Writes a double as JavaScript does; `null` if it is not finite.
pub(super) fn float(out: &mut String, n: f64) {
    match crate::value::whole(n) {
        // Up to 2^53 the digits are exact and JavaScript's.
        Some(int) if int.unsigned_abs() <= 1 << 53 => self::int(out, int),
        _ if n == 0.0 => out.push('0'),
        _ if n.is_finite() => javascript(out, Digits::of(n).as_str()),
        _ => out.push_str("null"),
    }
}

/// As [`float`], with the digits that make out an `f32`.
pub(super) fn short_float(out: &mut String, n: f32) {
    match n.is_finite() && n != 0.0 {
        true => javascript(out, Digits::of(n).as_str()),
        false => float(out, f64::from(n)),
    }
}

/// Rewrites the shortest digits of a number from Rust's layout to JavaScript's.
fn javascript(out: &mut String, rust: &str) {
    let (mantissa, exponent) = rust.split_once(['e', 'E']).unwrap_or((rust, "0"));
    let unsigned = mantissa.strip_prefix('-').unwrap_or(mantissa);
    if unsigned.len() < mantissa.len() {
        out.push('-');
    }
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mut buffer = [b'0'; 40];
    let joined = whole.bytes().chain(fraction.bytes());
    let length = buffer.iter_mut().zip(joined).map(|(to, from)| *to = from).count();
    let digits = std::str::from_utf8(&buffer[..length]).unwrap_or("0");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    // The number is 0.digits * 10^point.
    let point = whole.len() as i32 + exponent - leading as i32;
    layout(out, digits.trim_matches('0'), point);
}

fn layout(out: &mut String, digits: &str, point: i32) {
    let count = digits.len() as i32;
    let zeros = |out: &mut String, n: i32| (0..n).for_each(|_| out.push('0'));
    if count <= point && point <= 21 {
        out.push_str(digits);
        zeros(out, point - count);
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    } else if -6 < point && point <= 0 {
        out.push_str("0.");
        zeros(out, -point);
        out.push_str(digits);
    } else {
        let (first, rest) = digits.split_at(1.min(digits.len()));
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        // Writing to a String does not fail.
        let _ = write!(out, "e{:+}", point - 1);
    }
}

/// What `JSON.stringify` makes of a `Buffer`.
pub(super) fn buffer(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len() * 4 + 32);
    out.push_str("{\"type\":\"Buffer\",\"data\":[");
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        if *byte >= 100 {
            out.push(char::from(b'0' + byte / 100));
        }
        if *byte >= 10 {
            out.push(char::from(b'0' + byte / 10 % 10));
        }
        out.push(char::from(b'0' + byte % 10));
    }
    out.push_str("]}");
}

/// What `JSON.stringify` makes of a typed array: an object with index keys.
pub(super) fn typed(out: &mut String, array: &TypedArray) {
    out.push('{');
    let elements = array.kind.has_elements().then(|| array.numbers());
    for (at, number) in elements.into_iter().flatten().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(out, "{comma}\"{at}\":");
        self::number(out, number);
    }
    out.push('}');
}

pub(super) fn number(out: &mut String, number: Number) {
    match number.repr() {
        Repr::Int(n) => int(out, n),
        Repr::Uint(n) => uint(out, n),
        Repr::Float(n) => float(out, n),
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Writes bytes in base 64, padded.
pub(crate) fn base64_into(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len().div_ceil(3) * 4);
    let digit = |word: u32, at: u32| ALPHABET[(word >> at & 63) as usize];
    let mut groups = bytes.chunks_exact(48);
    for group in &mut groups {
        let mut text = [0; 64];
        for (from, to) in group.chunks_exact(3).zip(text.chunks_exact_mut(4)) {
            let word = u32::from_be_bytes([0, from[0], from[1], from[2]]);
            to.copy_from_slice(&[18, 12, 6, 0].map(|at| digit(word, at)));
        }
        out.push_str(std::str::from_utf8(&text).unwrap_or_default());
    }
    for chunk in groups.remainder().chunks(3) {
        let byte = |at: usize| chunk.get(at).copied().unwrap_or(0);
        let word = u32::from_be_bytes([0, byte(0), byte(1), byte(2)]);
        for place in 0..4 {
            let padding = place > chunk.len();
            let ascii = if padding { b'=' } else { digit(word, 18 - 6 * place as u32) };
            out.push(char::from(ascii));
        }
    }
}

/// The values of the digits; 64 for what is none.
const VALUES: [u8; 256] = {
    let mut values = [64; 256];
    let mut at = 0;
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    values
};

/// Reads base 64, padded or not; `None` if it is not.
pub(in crate::parsers) fn base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    let padding = bytes.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    if digits.len() % 4 == 1 || (padding > 0 && bytes.len() % 4 != 0) {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 3);
    let mut bad = 0;
    let mut groups = digits.chunks_exact(4);
    for group in &mut groups {
        let values = [group[0], group[1], group[2], group[3]].map(|b| VALUES[b as usize]);
        bad |= values[0] | values[1] | values[2] | values[3];
        let word = values.iter().fold(0u32, |word, value| word << 6 | u32::from(*value));
        out.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    let rest = groups.remainder();
    if !rest.is_empty() {
        let mut word = 0;
        for at in 0..4 {
            let value = rest.get(at).map_or(0, |byte| VALUES[*byte as usize]);
            bad |= value;
            word = word << 6 | u32::from(value);
        }
        out.extend_from_slice(&word.to_be_bytes()[1..rest.len()]);
    }
    (bad < 64).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_both_ways() {
        for length in 0..200 {
            let bytes: Vec<u8> = (0..length).map(|n| (n * 37 + 11) as u8).collect();
            let mut text = String::new();
            base64_into(&mut text, &bytes);
            assert_eq!(text.len() % 4, 0);
            assert_eq!(base64(&text).as_deref(), Some(&bytes[..]));
            assert_eq!(base64(text.trim_end_matches('=')).as_deref(), Some(&bytes[..]));
        }
        for wrong in ["A", "A=", "====", "AAA*", "AA=A", "AAAAA", "AA===", "é"] {
            assert_eq!(base64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_look_as_in_javascript() {
        let cases = [
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (123456789012345680000.0, "123456789012345680000"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1.25e-6, "0.00000125"),
            (1e-7, "1e-7"),
            (-1.234e-10, "-1.234e-10"),
            (0.1, "0.1"),
            (-0.0, "0"),
            (1234.5, "1234.5"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (9007199254740993.0, "9007199254740992"),
            (2f64.powi(63), "9223372036854776000"),
            (f64::NAN, "null"),
            (f64::NEG_INFINITY, "null"),
        ];
        for (number, text) in cases {
            let mut out = String::new();
            float(&mut out, number);
            assert_eq!(out, text);
        }
        let mut out = String::new();
        short_float(&mut out, 0.1);
        assert_eq!(out, "0.1");
    }
}
