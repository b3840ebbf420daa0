//! The words of JSON, strictly as the standard has them.

use std::borrow::Cow;

use super::scan;
use crate::escapes::unescape;
use crate::value::{Fault, MAX_DEPTH};

/// A place in a JSON text.
#[derive(Clone, Copy)]
pub(in crate::parsers) struct Lexer<'de> {
    pub text: &'de str,
    pub at: usize,
}

impl<'de> Lexer<'de> {
    #[inline]
    pub fn new(text: &'de str) -> Self {
        Lexer { text, at: 0 }
    }

    #[inline]
    pub fn bytes(&self) -> &'de [u8] {
        self.text.as_bytes()
    }

    #[cold]
    pub fn fault<T>(&self, text: &str) -> Result<T, Fault> {
        Err(Fault::at(text, self.at))
    }

    /// The byte that is next.
    #[inline]
    pub fn byte(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    /// Skips white space and shows the byte after it, without taking it.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.peek_far(),
        }
    }

    /// As [`peek`](Self::peek), where there may be white space.
    fn peek_far(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                byte => return byte,
            }
        }
    }

    /// Takes the byte if it is next, after white space.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let hit = self.byte() == Some(byte) || self.peek() == Some(byte);
        self.at += usize::from(hit);
        hit
    }

    #[inline]
    pub fn expect(&mut self, byte: u8, text: &str) -> Result<(), Fault> {
        if self.eat(byte) { Ok(()) } else { self.fault(text) }
    }

    /// Nothing but white space may be left.
    #[inline]
    pub fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => self.fault("something after the message"),
        }
    }

    /// Takes `null`, `true` or `false`.
    #[inline]
    pub fn word(&mut self, word: &str) -> Result<(), Fault> {
        match self.bytes()[self.at..].starts_with(word.as_bytes()) {
            true => {
                self.at += word.len();
                Ok(())
            }
            false => self.fault("not a value"),
        }
    }

    /// Takes a string, whose quote is next, if it has no escapes; else tells
    /// where its first one is, or whatever does not belong into a string.
    #[inline]
    pub fn plain_string(&mut self) -> Result<&'de str, usize> {
        let start = self.at + 1;
        // Most strings are short.
        let word = self.bytes().get(start..).and_then(|rest| rest.first_chunk::<8>());
        match word.and_then(|word| scan::first::<false>(u64::from_le_bytes(*word))) {
            Some(len) => self.cut(start, start + len),
            None => self.long_string(start, 8 * usize::from(word.is_some())),
        }
    }

    /// As [`plain_string`](Self::plain_string), when so much of it is plain.
    fn long_string(&mut self, start: usize, plain: usize) -> Result<&'de str, usize> {
        self.cut(start, scan::run::<false>(self.bytes(), start + plain))
    }

    /// Takes the string between two places if it ends there.
    #[inline]
    fn cut(&mut self, start: usize, end: usize) -> Result<&'de str, usize> {
        match self.text.get(start..end) {
            Some(text) if self.bytes().get(end) == Some(&b'"') => {
                self.at = end + 1;
                Ok(text)
            }
            _ => Err(end),
        }
    }

    /// Takes a comma, a short key and its colon, if they are next in the plainest
    /// way.
    #[inline]
    pub fn short_key(&mut self) -> Option<&'de str> {
        let window = self.bytes().get(self.at..)?.first_chunk::<16>()?;
        let [b',', b'"', rest @ ..] = window else {
            return None;
        };
        let len = scan::first::<false>(u64::from_le_bytes(*rest.first_chunk()?))?;
        if rest[len] != b'"' || rest[len + 1] != b':' {
            return None;
        }
        let start = self.at + 2;
        let key = self.text.get(start..start + len)?;
        self.at = start + len + 2;
        Some(key)
    }

    /// Takes a string, whose quote is next. A lone surrogate becomes U+FFFD.
    #[inline]
    pub fn string(&mut self) -> Result<Cow<'de, str>, Fault> {
        match self.plain_string() {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(special) => self.escaped_string(special).map(Cow::Owned),
        }
    }

    /// Takes a string, whose quote is next and whose first escape is there, and
    /// resolves its escapes.
    pub fn escaped_string(&mut self, special: usize) -> Result<String, Fault> {
        let mut start = self.at + 1;
        self.at = special;
        // Escapes rarely come alone.
        let mut out = String::with_capacity(special - start + 16);
        loop {
            out.push_str(&self.text[start..self.at]);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return self.fault("a control character in a string"),
                None => return self.fault("a string without an end"),
            }
            start = self.at;
            self.at = scan::run::<false>(self.bytes(), start);
        }
    }

    /// Takes an escape, whose backslash is next.
    fn escape(&mut self) -> Result<char, Fault> {
        match unescape(self.bytes(), self.at) {
            Some((char, behind)) => {
                self.at = behind;
                Ok(char)
            }
            None if self.bytes().get(self.at + 1) == Some(&b'u') => {
                self.fault("an escape without four hex digits")
            }
            None => self.fault("an unknown escape"),
        }
    }

    /// Skips a string, whose quote is next.
    #[inline]
    fn skip_string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            self.at = scan::run::<false>(self.bytes(), self.at);
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.escape()?;
                }
                Some(_) => return self.fault("a control character in a string"),
                None => return self.fault("a string without an end"),
            }
        }
    }

    /// Skips any value at the given depth, checking it. Uses no stack: for each
    /// level that is open a bit tells whether it is an object.
    pub fn skip_value(&mut self, outside: usize) -> Result<(), Fault> {
        self.skip::<false>(outside, 0)
    }

    /// As [`skip_value`](Self::skip_value), with no more values than so many in it.
    pub fn skip_counted(&mut self, outside: usize, values: usize) -> Result<(), Fault> {
        // The value itself is not counted.
        self.skip::<true>(outside, values.saturating_add(1))
    }

    fn skip<const COUNTED: bool>(&mut self, outside: usize, most: usize) -> Result<(), Fault> {
        let mut left = most;
        let mut open = 0;
        let mut objects: u128 = 0;
        const { assert!(MAX_DEPTH <= u128::BITS as usize) };
        loop {
            if COUNTED {
                left = left.checked_sub(1).ok_or_else(Fault::too_many_values)?;
            }
            match self.peek() {
                Some(bracket @ (b'[' | b'{')) => {
                    self.at += 1;
                    if outside + open >= MAX_DEPTH {
                        return self.fault("nested too deeply");
                    }
                    objects = objects << 1 | u128::from(bracket == b'{');
                    open += 1;
                    if !self.eat(bracket + 2) {
                        if bracket == b'{' {
                            self.skip_key()?;
                        }
                        continue;
                    }
                    open -= 1;
                    objects >>= 1;
                }
                _ => self.skip_scalar()?,
            }
            if self.close(&mut open, &mut objects)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here, or goes on to the next value. True
    /// when nothing is open any more.
    fn close(&mut self, open: &mut usize, objects: &mut u128) -> Result<bool, Fault> {
        while *open > 0 {
            let object = *objects & 1 == 1;
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    if object {
                        self.skip_key()?;
                    }
                    return Ok(false);
                }
                Some(b'}') if object => self.at += 1,
                Some(b']') if !object => self.at += 1,
                _ => return self.fault("expected a comma or the end"),
            }
            *open -= 1;
            *objects >>= 1;
        }
        Ok(true)
    }

    fn skip_key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return self.fault("expected a key");
        }
        self.skip_string()?;
        self.expect(b':', "expected a colon")
    }

    #[inline(always)] // it is the heart of both loops over values
    fn skip_scalar(&mut self) -> Result<(), Fault> {
        match self.byte() {
            Some(b'"') => self.skip_string(),
            Some(b'n') => self.word("null"),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'-' | b'0'..=b'9') => self.skip_number().map(drop),
            Some(_) => self.fault("not a value"),
            None => self.fault("unexpected end"),
        }
    }
}
