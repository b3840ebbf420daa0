//! Taking tagged bytes apart.

use crate::value::{Fault, MAX_DEPTH, Number};

/// A tag with what belongs to it.
pub(in crate::parsers) enum Head {
    Null,
    Undefined,
    Bool(bool),
    Number(Number),
    /// A string of so many bytes.
    Str(u32),
    /// So many bytes.
    Bin(u32),
    /// So many elements.
    Array(u32),
    /// So many entries.
    Map(u32),
    /// An extension of this type and so many bytes.
    #[cfg_attr(not(feature = "msgpack"), allow(dead_code))]
    Ext(u8, u32),
}

/// A place in the bytes.
#[derive(Clone, Copy)]
pub(in crate::parsers) struct Reader<'de> {
    rest: &'de [u8],
    /// How many bytes there are in all.
    len: usize,
}

impl<'de> Reader<'de> {
    #[inline]
    pub fn new(bytes: &'de [u8]) -> Self {
        Reader { rest: bytes, len: bytes.len() }
    }

    #[cold]
    pub fn fault<T>(&self, text: &str) -> Result<T, Fault> {
        Err(Fault::at(text, self.len - self.rest.len()))
    }

    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'de [u8], Fault> {
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => self.fault("the message ends too early"),
        }
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => self.fault("the message ends too early"),
        }
    }

    /// Takes a positive number of up to 32 bits, if one is next. Both formats have
    /// the same tags for these, and for what is [`few`](Self::few).
    #[inline]
    pub fn small_int(&mut self) -> Option<i64> {
        let (n, rest) = match self.rest {
            [n @ 0..=0x7F, rest @ ..] | [0xCC, n, rest @ ..] => (i64::from(*n), rest),
            [0xCD, a, b, rest @ ..] => (u16::from_be_bytes([*a, *b]).into(), rest),
            [0xCE, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]).into(), rest),
            _ => return None,
        };
        self.rest = rest;
        Some(n)
    }

    /// Takes the head of up to 15 entries (behind the tag 0x80) or elements (0x90),
    /// if it is next.
    #[inline]
    pub fn few(&mut self, tag: u8) -> Option<u32> {
        let (head, rest) = self.rest.split_first().filter(|(head, _)| **head & 0xF0 == tag)?;
        self.rest = rest;
        Some(u32::from(*head - tag))
    }

    /// Takes a string that is not long, if the format says that one is next, and if
    /// it is UTF-8.
    #[inline]
    pub fn short_str(
        &mut self,
        head: impl Fn(&'de [u8]) -> Option<(usize, &'de [u8])>,
    ) -> Option<&'de str> {
        let (len, rest) = head(self.rest)?;
        let (text, rest) = rest.split_at_checked(len)?;
        let text = std::str::from_utf8(text).ok()?;
        self.rest = rest;
        Some(text)
    }

    #[inline]
    pub fn u8(&mut self) -> Result<u8, Fault> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    pub fn u16(&mut self) -> Result<u16, Fault> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub fn u32(&mut self) -> Result<u32, Fault> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub fn u64(&mut self) -> Result<u64, Fault> {
        self.array().map(u64::from_be_bytes)
    }

    /// Refuses a count of things that can't all be there: each takes at least
    /// one byte.
    #[inline]
    pub fn room_for(&self, count: u32, each: usize) -> Result<(), Fault> {
        let fits = (count as usize).checked_mul(each).is_some_and(|least| least <= self.rest.len());
        if fits { Ok(()) } else { self.fault("a count of more than the message has") }
    }
}

/// Takes so many off the values that may still come.
#[inline]
pub(super) fn take_of(left: &mut usize, count: u32) -> Result<(), Fault> {
    *left = left.checked_sub(count as usize).ok_or_else(Fault::too_many_values)?;
    Ok(())
}

/// Refuses one level more than is allowed.
pub(super) fn enter(reader: &Reader<'_>, depth: usize) -> Result<(), Fault> {
    if depth >= MAX_DEPTH { reader.fault("nested too deeply") } else { Ok(()) }
}
