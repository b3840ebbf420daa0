//! Writing numbers as JavaScript does.

use crate::parsers::words::put;
use crate::value::{Number, Repr};

pub(super) fn number(out: &mut Vec<u8>, number: Number) {
    match number.repr() {
        Repr::Int(n) => int(out, n),
        Repr::Uint(n) => uint(out, n),
        Repr::Float(n) => float(out, n),
    }
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

/// The eight digits of a number below 10^8 in the bytes of a word, the first one
/// lowest: four at a time are split in two, in each half of what held them.
#[inline]
fn eight(n: u64) -> u64 {
    let fours = (n / 10_000) | ((n % 10_000) << 32);
    let hundreds = ((fours * 5243) >> 19) & 0x7F_0000_007F;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x0F_000F_000F_000F;
    tens | ((twos - tens * 10) << 8)
}

const ZEROS: u64 = u64::from_ne_bytes(*b"00000000");

/// As [`eight`], for numbers below 10^4.
#[inline]
fn four(n: u64) -> u64 {
    let hundreds = (n * 5243) >> 19;
    let twos = hundreds | ((n - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x0F_000F;
    tens | ((twos - tens * 10) << 8)
}

#[inline]
pub(super) fn uint(out: &mut Vec<u8>, n: u64) {
    // Zero has one digit.
    let (digits, zeros) = if n < 10_000 {
        let digits = four(n) << 32;
        (digits, (digits | 1 << 56).trailing_zeros() / 8)
    } else if n < 100_000_000 {
        let digits = eight(n);
        (digits, digits.trailing_zeros() / 8)
    } else {
        uint(out, n / 100_000_000);
        (eight(n % 100_000_000), 0)
    };
    put(out, (digits | ZEROS) >> (8 * zeros), 8 - zeros as usize);
}

/// Writes a double as JavaScript does; `null` if it is not finite.
pub(super) fn float(out: &mut Vec<u8>, n: f64) {
    match crate::value::whole(n) {
        // Up to 2^53 the digits are exact and JavaScript's.
        Some(int) if int.unsigned_abs() <= 1 << 53 => self::int(out, int),
        // Within these bounds, where only fractions are left, Rust and JavaScript
        // agree.
        None if (1e-5..1e15).contains(&n.abs()) => {
            if !short_fraction(out, n) {
                // Writing to memory does not fail.
                let _ = serde_json::to_writer(out, &n);
            }
        }
        _ if n == 0.0 => out.push(b'0'),
        _ if n.is_finite() => javascript(out, Digits::of(n).as_slice()),
        _ => out.extend_from_slice(b"null"),
    }
}

/// Writes a number with a fraction if it has up to eight digits in that and 15 in
/// all. No two such numbers are the same double, so they are also the fewest
/// digits that make it out.
#[inline]
fn short_fraction(out: &mut Vec<u8>, n: f64) -> bool {
    const SCALE: i64 = 100_000_000;
    let (size, scale) = (n.abs(), SCALE as f64);
    let scaled = (size * scale + 0.5) as i64;
    if size >= 1e7 || scaled as f64 / scale != size {
        return false;
    }
    if n < 0.0 {
        out.push(b'-');
    }
    let scaled = scaled.unsigned_abs();
    uint(out, scaled / SCALE.unsigned_abs());
    out.push(b'.');
    let digits = eight(scaled % SCALE.unsigned_abs());
    put(out, digits | ZEROS, 8 - digits.leading_zeros() as usize / 8);
    true
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

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn whole_numbers_of_every_length() {
        let mut power = 1u64;
        for _ in 0..20 {
            for n in [power - 1, power, power + 1, power / 2 * 3, power.wrapping_mul(9)] {
                assert_eq!(text(|out| uint(out, n)), n.to_string());
                let signed = (n as i64).wrapping_neg();
                assert_eq!(text(|out| int(out, signed)), signed.to_string());
            }
            power = power.wrapping_mul(10);
        }
        for n in [0, u64::MAX, i64::MAX as u64] {
            assert_eq!(text(|out| uint(out, n)), n.to_string());
        }
        assert_eq!(text(|out| int(out, i64::MIN)), i64::MIN.to_string());
        for n in 0..100_000 {
            assert_eq!(text(|out| uint(out, n)), n.to_string());
            let n = fastrand::u64(..) >> fastrand::u32(..64);
            assert_eq!(text(|out| uint(out, n)), n.to_string());
        }
    }

    /// Such a number has an even last digit in JavaScript.
    #[test]
    fn two_fractions_as_near() {
        assert_eq!(text(|out| float(out, 671_578_249.832_031_2)), "671578249.8320312");
    }

    /// Rust shows as few digits as can be, and between these bounds no exponent;
    /// but of two that are as near it may take the other.
    #[test]
    fn fractions_have_the_fewest_digits() {
        for _ in 0..200_000 {
            let decimals = 10f64.powi(fastrand::i32(1..12));
            let whole = 10f64.powi(fastrand::i32(-4..10));
            let short = (fastrand::f64() * whole * decimals).round() / decimals;
            let long = fastrand::f64() * whole;
            for n in [short, -short, long, -long, short.next_up(), short.next_down()] {
                if (1e-5..1e15).contains(&n.abs()) {
                    let ours = text(|out| float(out, n));
                    assert_eq!(ours.len(), n.to_string().len(), "{ours} {n}");
                    assert_eq!(ours.parse::<f64>().unwrap().to_bits(), n.to_bits(), "{ours}");
                }
            }
        }
    }
}
