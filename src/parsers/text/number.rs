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

    /// Takes a number. Whole ones keep their digits if 64 bits can hold them;
    /// beyond the range of doubles it is infinite, as in JavaScript.
    #[inline]
    pub fn number(&mut self) -> Result<Number, Fault> {
        match self.plain_number() {
            Some(number) => Ok(number),
            None => self.other_number(),
        }
    }

    /// Takes a number, if it is one of up to 18 digits, or 15 with a fraction, that
    /// has no exponent and no white space before it.
    #[inline]
    pub fn plain_number(&mut self) -> Option<Number> {
        let negative = self.byte() == Some(b'-');
        let first = self.at + usize::from(negative);
        let digits = self.bytes().get(first..)?;
        let (n, count) = leading_digits(digits);
        if count != 1 && (digits.first() == Some(&b'0') || !(2..=18).contains(&count)) {
            return None;
        }
        match digits.get(count) {
            Some(b'.') => {
                let (float, count) = decimal(n, count, digits)?;
                self.at = first + count;
                Some(Number::from(if negative { -float } else { float }))
            }
            Some(b'e' | b'E') => None,
            // `-0` is a double.
            _ if n == 0 && negative => None,
            _ => {
                self.at = first + count;
                Some(Number::from(if negative { -n } else { n }))
            }
        }
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

/// The digits that are first, as a number, and how many they are. The number means
/// nothing if they are more than 18. Byte by byte, because most numbers are short:
/// these take longer in words of eight.
#[inline]
fn leading_digits(bytes: &[u8]) -> (i64, usize) {
    let (mut n, mut count) = (0i64, 0);
    while let Some(digit @ b'0'..=b'9') = bytes.get(count) {
        n = n.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
        count += 1;
    }
    (n, count)
}

/// The number of the bytes that are first, and how many they are: whole digits,
/// already read, a point, and a fraction, if they are 15 digits together and there
/// is no exponent. As doubles they and the power of ten are exact, so the quotient
/// is the nearest one.
#[inline]
fn decimal(whole: i64, point: usize, bytes: &[u8]) -> Option<(f64, usize)> {
    const POWERS: [i64; 16] = {
        let mut powers = [1; 16];
        let mut at = 1;
        while at < powers.len() {
            powers[at] = powers[at - 1] * 10;
            at += 1;
        }
        powers
    };
    let behind = bytes.get(point + 1..)?;
    let (fraction, count) = leading_digits(behind);
    if count == 0 || point + count > 15 || matches!(behind.get(count), Some(b'e' | b'E')) {
        return None;
    }
    let power = POWERS[count];
    Some(((whole * power + fraction) as f64 / power as f64, point + 1 + count))
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
