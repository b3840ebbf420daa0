//! Reading numbers.

use super::lexer::Lexer;
use crate::value::{Fault, Number};

impl Lexer<'_> {
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.byte(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.fault("a number without digits") }
    }

    /// Skips a number and tells whether it is written as a whole one.
    pub fn skip_number(&mut self) -> Result<bool, Fault> {
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            whole = false;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
            whole = false;
        }
        Ok(whole)
    }

    /// Takes a number, if it is a whole one that any 64 bits can hold, written
    /// in the plainest way and without white space before it.
    #[inline]
    pub fn int(&mut self) -> Option<i64> {
        let negative = self.byte() == Some(b'-');
        let (mantissa, end) = self.mantissa(self.at + usize::from(negative))?;
        if matches!(self.bytes().get(end), Some(b'.' | b'e' | b'E')) || (mantissa == 0 && negative)
        {
            return None;
        }
        self.at = end;
        Some(if negative { -mantissa } else { mantissa })
    }

    /// The digits from a place on, as a number, and where they end; if they are
    /// one to 18 without a leading zero.
    #[inline]
    fn mantissa(&self, first: usize) -> Option<(i64, usize)> {
        let digits = self.bytes().get(first..)?;
        let (mut n, mut count) = (0i64, 0);
        while let Some(digit @ b'0'..=b'9') = digits.get(count) {
            // Beyond 18 digits it is not used.
            n = n.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            count += 1;
        }
        let plain = count == 1 || ((2..=18).contains(&count) && digits[0] != b'0');
        plain.then_some((n, first + count))
    }

    /// Takes a number. Whole ones keep their digits if 64 bits can hold them;
    /// beyond the range of doubles it is infinite, as in JavaScript.
    #[inline]
    pub fn number(&mut self) -> Result<Number, Fault> {
        if let Some(int) = self.int() {
            return Ok(int.into());
        }
        match self.decimal() {
            Some(float) => Ok(float.into()),
            None => self.other_number(),
        }
    }

    /// Takes a number with a short fraction and no exponent: the digits and the
    /// power of ten are exact as doubles, so their quotient is the nearest one.
    fn decimal(&mut self) -> Option<f64> {
        const POWERS: [f64; 16] =
            [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
        let negative = self.byte() == Some(b'-');
        let first = self.at + usize::from(negative);
        let (whole, point) = self.mantissa(first)?;
        let fraction = self.bytes().get(point..)?.strip_prefix(b".")?;
        let (mut n, mut count) = (whole, 0);
        while let Some(digit @ b'0'..=b'9') = fraction.get(count) {
            n = n.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            count += 1;
        }
        let short = count > 0 && point - first + count <= 15;
        if !short || matches!(fraction.get(count), Some(b'e' | b'E')) {
            return None;
        }
        self.at = point + 1 + count;
        let float = n as f64 / POWERS[count];
        Some(if negative { -float } else { float })
    }

    /// As [`number`](Self::number), for any.
    fn other_number(&mut self) -> Result<Number, Fault> {
        let start = self.at;
        let whole = self.skip_number()?;
        let text = &self.text[start..self.at];
        if whole && text != "-0" {
            if let Ok(int) = text.parse::<i64>() {
                return Ok(int.into());
            }
            if let Ok(int) = text.parse::<u64>() {
                return Ok(int.into());
            }
        }
        match text.parse::<f64>() {
            Ok(float) => Ok(float.into()),
            Err(_) => self.fault("not a number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Number, usize), Fault> {
        let mut lexer = Lexer::new(text);
        lexer.number().map(|number| (number, lexer.at))
    }

    #[test]
    fn numbers_are_read_to_the_last_bit() {
        for _ in 0..300_000 {
            let digits = |most: usize| -> String {
                (0..fastrand::usize(1..=most)).map(|_| fastrand::digit(10)).collect()
            };
            let mut text = digits(fastrand::usize(1..22));
            if fastrand::bool() {
                text = format!("{text}.{}", digits(fastrand::usize(1..22)));
            }
            if fastrand::u8(..4) == 0 {
                text = format!("{text}e{}", fastrand::i32(-30..30));
            }
            if fastrand::bool() {
                text.insert(0, '-');
            }
            let behind = *fastrand::choice(&["", ",", "}", " "]).unwrap();
            let found = read(&format!("{text}{behind}"));
            let digits = text.trim_start_matches('-');
            if digits.len() > 1
                && digits.starts_with('0')
                && !digits.starts_with("0.")
                && !digits.starts_with("0e")
            {
                // The zero is a number; what follows it can't be.
                assert_eq!(found.unwrap().1, text.len() - digits.len() + 1);
                continue;
            }
            let (number, end) = found.unwrap();
            assert_eq!(end, text.len(), "{text}");
            assert_eq!(number.as_f64().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
            if let Ok(int) = text.parse::<i64>() {
                assert!(number.as_i64() == Some(int) || text == "-0", "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_number() {
        for text in ["", "-", "1.", "1.e5", ".5", "1e", "1e+", "-a", "12.a", "-.5"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
