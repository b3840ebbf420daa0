//! Writing strings, numbers and bytes as JavaScript does.

use super::scan;
use crate::value::{Number, RegExp, Repr, TypedArray};

/// Writes a string with its quotes. U+2028 and U+2029 are escaped, as Primus
/// does with every text it sends.
#[inline]
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let plain = scan::run::<true>(bytes, 0);
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    out.extend_from_slice(&bytes[..plain]);
    if plain < bytes.len() {
        escaped(out, bytes, plain);
    }
    out.push(b'"');
}

/// Writes a key with its colon, after a comma unless it is the first.
#[inline]
pub(super) fn key(out: &mut Vec<u8>, first: bool, key: &str) {
    let bytes = key.as_bytes();
    let plain = scan::run::<true>(bytes, 0);
    out.reserve(bytes.len() + 4);
    if !first {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(&bytes[..plain]);
    if plain < bytes.len() {
        escaped(out, bytes, plain);
    }
    out.extend_from_slice(b"\":");
}

/// Writes what is left of a string from a byte that may need an escape.
fn escaped(out: &mut Vec<u8>, bytes: &[u8], from: usize) {
    let (mut start, mut at) = (from, from);
    while let Some(&byte) = bytes.get(at) {
        if byte == 0xE2 && !matches!(bytes.get(at + 1..at + 3), Some([0x80, 0xA8 | 0xA9])) {
            at += 1;
        } else {
            out.extend_from_slice(&bytes[start..at]);
            at += escape(out, byte, bytes.get(at + 2));
            start = at;
        }
        at = scan::run::<true>(bytes, at);
    }
    out.extend_from_slice(&bytes[start..]);
}

/// Writes the escape of a byte and returns how many bytes it stands for.
fn escape(out: &mut Vec<u8>, byte: u8, third: Option<&u8>) -> usize {
    let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
    let escape: &[u8] = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        0x08 => b"\\b",
        b'\t' => b"\\t",
        b'\n' => b"\\n",
        0x0C => b"\\f",
        b'\r' => b"\\r",
        0xE2 if third == Some(&0xA8) => b"\\u2028",
        0xE2 => b"\\u2029",
        _ => &[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)],
    };
    out.extend_from_slice(escape);
    if byte == 0xE2 { 3 } else { 1 }
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

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, digit: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = digit;
            self.len += 1;
        }
    }

    fn trim_zeros(&mut self) {
        while self.len > 1 && self.bytes[self.len - 1] == b'0' {
            self.len -= 1;
        }
    }
}

#[inline]
pub(super) fn int(out: &mut Vec<u8>, n: i64) {
    if n < 0 {
        out.push(b'-');
    }
    uint(out, n.unsigned_abs());
}

/// The numbers from 0 to 99 in two digits each.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + n as u8 / 10, b'0' + n as u8 % 10];
        n += 1;
    }
    pairs
};

#[inline]
pub(super) fn uint(out: &mut Vec<u8>, mut n: u64) {
    if n < 10 {
        return out.push(b'0' + n as u8);
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    while n >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
    if n > 0 {
        at -= 1;
        digits[at] = b'0' + n as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes a double as JavaScript does; `null` if it is not finite.
pub(super) fn float(out: &mut Vec<u8>, n: f64) {
    match crate::value::whole(n) {
        // Up to 2^53 the digits are exact and JavaScript's.
        Some(int) if int.unsigned_abs() <= 1 << 53 => self::int(out, int),
        // Within these bounds Rust and JavaScript agree.
        None if n.fract() != 0.0 && (1e-5..1e15).contains(&n.abs()) => {
            // Writing to memory does not fail.
            let _ = serde_json::to_writer(out, &n);
        }
        _ if n == 0.0 => out.push(b'0'),
        _ if n.is_finite() => javascript(out, Digits::of(n).as_slice()),
        _ => out.extend_from_slice(b"null"),
    }
}

/// As [`float`], with the digits that make out an `f32`.
pub(super) fn short_float(out: &mut Vec<u8>, n: f32) {
    match n.is_finite() && n != 0.0 {
        true => javascript(out, Digits::of(n).as_slice()),
        false => float(out, f64::from(n)),
    }
}

/// Rewrites the shortest digits of a number from Rust's layout to JavaScript's.
fn javascript(out: &mut Vec<u8>, rust: &[u8]) {
    let end = rust.iter().position(|byte| *byte == b'e').unwrap_or(rust.len());
    let exponent = std::str::from_utf8(rust.get(end + 1..).unwrap_or_default()).unwrap_or_default();
    let mut digits = Digits { bytes: [0; 40], len: 0 };
    let mut point = exponent.parse().unwrap_or(0);
    let mut fraction = false;
    for byte in &rust[..end] {
        match byte {
            b'-' => out.push(b'-'),
            b'.' => fraction = true,
            // A leading zero is no digit, but may stand behind the point.
            b'0' if digits.len == 0 => point -= i32::from(fraction),
            digit => {
                digits.push(*digit);
                point += i32::from(!fraction);
            }
        }
    }
    digits.trim_zeros();
    layout(out, digits.as_slice(), point);
}

/// Writes the number `0.digits * 10^point`.
fn layout(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let count = digits.len() as i32;
    let zeros = |out: &mut Vec<u8>, n: i32| out.extend((0..n).map(|_| b'0'));
    if count <= point && point <= 21 {
        out.extend_from_slice(digits);
        zeros(out, point - count);
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(fraction);
    } else if -6 < point && point <= 0 {
        out.extend_from_slice(b"0.");
        zeros(out, -point);
        out.extend_from_slice(digits);
    } else {
        let (first, rest) = digits.split_at(1.min(digits.len()));
        out.extend_from_slice(first);
        if !rest.is_empty() {
            out.push(b'.');
            out.extend_from_slice(rest);
        }
        out.extend_from_slice(if point > 0 { b"e+" } else { b"e-" });
        uint(out, (point - 1).unsigned_abs().into());
    }
}

/// What `JSON.stringify` makes of a `Buffer`.
pub(super) fn buffer(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() * 4 + 32);
    out.extend_from_slice(b"{\"type\":\"Buffer\",\"data\":[");
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        uint(out, (*byte).into());
    }
    out.extend_from_slice(b"]}");
}

/// What `JSON.stringify` makes of a typed array: an object with index keys.
pub(super) fn typed(out: &mut Vec<u8>, array: &TypedArray) {
    out.push(b'{');
    let elements = array.kind.has_elements().then(|| array.numbers());
    for (at, element) in elements.into_iter().flatten().enumerate() {
        out.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        uint(out, at as u64);
        out.extend_from_slice(b"\":");
        number(out, element);
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

pub(super) fn number(out: &mut Vec<u8>, number: Number) {
    match number.repr() {
        Repr::Int(n) => int(out, n),
        Repr::Uint(n) => uint(out, n),
        Repr::Float(n) => float(out, n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            let mut out = Vec::new();
            float(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        let mut out = Vec::new();
        short_float(&mut out, 0.1);
        assert_eq!(out, b"0.1");
    }
}
