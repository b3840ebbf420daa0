//! Numbers, whole or not, without loss.

use std::fmt;

use serde::de::Visitor;

use super::Fault;

/// A number of a message.
///
/// JavaScript has one kind of number, the double. Every parser can also carry
/// whole numbers of 64 bits, which keep all their digits here. A JSON text may
/// have longer numbers; they become the nearest double, as in JavaScript, and
/// infinite beyond the range of doubles. Two numbers are equal when they have
/// the same numeric value, however they were written.
///
/// ```
/// use primus::value::Number;
///
/// assert_eq!(Number::from(1), Number::from(1.0));
/// assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
/// assert_eq!(Number::from(1.5).as_i64(), None);
/// ```
#[derive(Clone, Copy)]
pub struct Number(Repr);

/// How a number is kept; the parsers write each kind in its own way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Repr {
    /// Any whole number in the range of `i64`.
    Int(i64),
    /// Only whole numbers beyond `i64::MAX`.
    Uint(u64),
    /// Everything else, and whole doubles that were given as doubles.
    Float(f64),
}

/// 2^63: the first double that is no `i64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;
/// 2^64: the first double that is no `u64`.
const U64_END: f64 = 18_446_744_073_709_551_616.0;

impl Number {
    /// The value as a double: what JavaScript sees. Whole numbers beyond 2^53
    /// are rounded.
    pub fn as_f64(&self) -> f64 {
        match self.0 {
            Repr::Int(n) => n as f64,
            Repr::Uint(n) => n as f64,
            Repr::Float(n) => n,
        }
    }

    /// The value as `i64`, if it is whole and in range.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(n) => Some(n),
            Repr::Uint(_) => None,
            Repr::Float(n) => whole(n),
        }
    }

    /// The value as `u64`, if it is whole and in range.
    pub fn as_u64(&self) -> Option<u64> {
        match self.0 {
            Repr::Int(n) => u64::try_from(n).ok(),
            Repr::Uint(n) => Some(n),
            Repr::Float(n) if n.fract() == 0.0 && (0.0..U64_END).contains(&n) => Some(n as u64),
            Repr::Float(_) => None,
        }
    }

    /// A whole number of 128 bits, if 64 can hold it: no parser sends more.
    pub(crate) fn narrow<T: Copy>(n: T) -> Result<Self, Fault>
    where
        i64: TryFrom<T>,
        u64: TryFrom<T>,
    {
        let int = i64::try_from(n).map(Number::from);
        int.or_else(|_| u64::try_from(n).map(Number::from))
            .map_err(|_| Fault::new("a whole number of more than 64 bits; send it as a string"))
    }

    pub(crate) fn repr(&self) -> Repr {
        self.0
    }
}

/// The double as an `i64`, if it is a whole number in range. `-0` is not one:
/// its sign would be lost.
pub(crate) fn whole(n: f64) -> Option<i64> {
    let int = n as i64;
    let exact = int as f64 == n && n < I64_END && !(int == 0 && n.is_sign_negative());
    exact.then_some(int)
}

/// Shows a number to serde. Whole doubles are shown as integers: JavaScript
/// makes no difference, and Rust's integer types accept nothing else.
#[inline]
pub(crate) fn visit_number<'de, V: Visitor<'de>>(
    number: Number,
    visitor: V,
) -> Result<V::Value, Fault> {
    match number.repr() {
        Repr::Int(n) => visitor.visit_i64(n),
        Repr::Uint(n) => visitor.visit_u64(n),
        Repr::Float(n) => match whole(n) {
            Some(int) => visitor.visit_i64(int),
            None => match number.as_u64() {
                // Beyond `i64`; `-0` is a double.
                Some(int) if int > 0 => visitor.visit_u64(int),
                _ => visitor.visit_f64(n),
            },
        },
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Repr::Int(a), Repr::Int(b)) => a == b,
            (Repr::Uint(a), Repr::Uint(b)) => a == b,
            (Repr::Float(a), Repr::Float(b)) => a == b,
            (Repr::Int(int), Repr::Float(float)) | (Repr::Float(float), Repr::Int(int)) => {
                (-I64_END..I64_END).contains(&float) && float.fract() == 0.0 && float as i64 == int
            }
            (Repr::Uint(int), Repr::Float(float)) | (Repr::Float(float), Repr::Uint(int)) => {
                (I64_END..U64_END).contains(&float) && float as u64 == int
            }
            (Repr::Int(_), Repr::Uint(_)) | (Repr::Uint(_), Repr::Int(_)) => false,
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Int(n) => write!(f, "{n}"),
            Repr::Uint(n) => write!(f, "{n}"),
            Repr::Float(n) => write!(f, "{n:?}"),
        }
    }
}

impl fmt::Display for Number {
    /// Whole numbers are shown without a fraction, however they are kept.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_i64() {
            Some(n) => write!(f, "{n}"),
            None => fmt::Debug::fmt(self, f),
        }
    }
}

macro_rules! from_int {
    ($($int:ty)*) => {$(
        impl From<$int> for Number {
            fn from(n: $int) -> Self {
                Number(Repr::Int(i64::from(n)))
            }
        }
    )*};
}

from_int!(i8 i16 i32 i64 u8 u16 u32);

impl From<u64> for Number {
    fn from(n: u64) -> Self {
        Number(i64::try_from(n).map_or(Repr::Uint(n), Repr::Int))
    }
}

impl From<usize> for Number {
    fn from(n: usize) -> Self {
        Number::from(n as u64)
    }
}

impl From<isize> for Number {
    fn from(n: isize) -> Self {
        Number::from(n as i64)
    }
}

impl From<f64> for Number {
    fn from(n: f64) -> Self {
        Number(Repr::Float(n))
    }
}

impl From<f32> for Number {
    fn from(n: f32) -> Self {
        Number(Repr::Float(f64::from(n)))
    }
}
