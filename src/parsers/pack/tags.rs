//! What the formats of tagged bytes differ in.

use super::reader::{Head, Reader};
use crate::value::{Fault, Value};

/// The tags of one of the formats.
pub(in crate::parsers) trait Tags: Copy + 'static {
    /// The tag of an empty string. Those up to 15 bytes have their length added.
    const STR: u8;

    /// The length of the string that is next, if that is one and has it in a tag or
    /// one of the shorter ways behind it; and what follows that.
    fn short_str(bytes: &[u8]) -> Option<(usize, &[u8])>;
    /// Reads a tag, with the number, or the length of what follows it.
    fn head(reader: &mut Reader<'_>) -> Result<Head, Fault>;

    /// Writes a whole number.
    fn int(out: &mut Vec<u8>, n: i64) -> Result<(), Fault>;
    /// Writes a whole number beyond the range of `i64`.
    fn uint(out: &mut Vec<u8>, n: u64) -> Result<(), Fault>;
    /// Writes any other number.
    fn float(out: &mut Vec<u8>, n: f64) -> Result<(), Fault>;
    /// Writes the head of a string of so many bytes.
    fn str_head(out: &mut Vec<u8>, len: u32);
    /// Writes bytes.
    fn bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Fault>;
    /// Writes the head of an array of so many elements.
    fn array_head(out: &mut Vec<u8>, len: u32);
    /// Writes the head of a map of so many entries.
    fn map_head(out: &mut Vec<u8>, len: u32);
    /// Writes one of the special values.
    fn special(out: &mut Vec<u8>, value: Value) -> Result<(), Fault>;

    /// Makes the value of an extension. `depth` is that of what is inside.
    fn ext(kind: u8, data: &[u8], depth: usize) -> Result<Value, Fault>;
}

/// A length as it is written; longer things can't be sent.
pub(in crate::parsers) fn length(len: usize) -> Result<u32, Fault> {
    u32::try_from(len).map_err(|_| Fault::new("longer than the format allows"))
}
