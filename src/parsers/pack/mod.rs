//! Tagged bytes: what `binary` (BinaryPack) and `msgpack` have in common. They
//! are the same format with different tags.

mod de;
mod reader;
mod ser;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use super::scratch;
use crate::frame::Frame;
use crate::value::{Fault, Value};
pub(super) use reader::{Head, Reader};
#[cfg(feature = "msgpack")]
pub(super) use ser::write;

/// The tags of one of the formats.
pub(super) trait Tags: Copy + 'static {
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
pub(super) fn length(len: usize) -> Result<u32, Fault> {
    u32::try_from(len).map_err(|_| Fault::new("longer than the format allows"))
}

pub(super) fn encode<T: Serialize + ?Sized, F: Tags>(value: &T) -> Result<Option<Frame>, Fault> {
    scratch::write(|out| ser::write::<T, F>(value, out), |written| Ok(Some(Frame::binary(written))))
}

pub(super) fn decode_as<T: DeserializeOwned, F: Tags>(bytes: &[u8]) -> Result<T, Fault> {
    read::<T, F>(bytes)
}

pub(super) fn decode<F: Tags>(bytes: &[u8]) -> Result<Value, Fault> {
    read::<Value, F>(bytes)
}

/// Most values inside an extension: an error has six, no other as many. They are
/// built before they are found to be more than the extension can use.
#[cfg(feature = "msgpack")]
const INSIDE: usize = 1_000;

/// Decodes what is inside an extension at that depth.
#[cfg(feature = "msgpack")]
pub(super) fn decode_inside<F: Tags>(bytes: &[u8], depth: usize) -> Result<Value, Fault> {
    Value::deserialize(&mut de::Decoder::<F>::new(bytes, depth, INSIDE))
}

/// Bytes after the message are ignored, as both JavaScript libraries do.
fn read<'de, T: Deserialize<'de>, F: Tags>(bytes: &'de [u8]) -> Result<T, Fault> {
    T::deserialize(&mut de::Decoder::<F>::new(bytes, 0, usize::MAX))
}

/// The text that JavaScript makes of a special value that is used as a key.
fn key_text(value: &Value) -> String {
    match value {
        Value::Undefined => "undefined".into(),
        Value::Date(date) => date.to_english(),
        Value::RegExp(regexp) => regexp.to_string(),
        Value::Error(error) => error.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => "[object Object]".into(),
    }
}

/// Tells whether [`decode`] would succeed, without building anything, and that no
/// more values than so many are in arrays and maps.
pub(super) fn check<F: Tags>(bytes: &[u8], values: usize) -> Result<(), Fault> {
    reader::skip::<F>(&mut Reader::new(bytes), 0, values)
}

/// The message, if it is a string that begins `primus::`.
pub(super) fn control<F: Tags>(bytes: &[u8]) -> Option<Cow<'_, str>> {
    let mut reader = Reader::new(bytes);
    let Ok(Head::Str(len)) = F::head(&mut reader) else {
        return None;
    };
    let message = reader.take(len as usize).ok()?;
    message.starts_with(b"primus::").then(|| String::from_utf8_lossy(message))
}
