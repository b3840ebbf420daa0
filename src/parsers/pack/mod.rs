//! Tagged bytes: what `binary` (BinaryPack) and `msgpack` have in common. They
//! are the same format with different tags.

mod de;
mod reader;
mod ser;
mod skip;
mod tags;

use std::borrow::Cow;

use serde::Serialize;
use serde::de::{Deserialize, DeserializeOwned};

use super::scratch;
use crate::frame::Frame;
use crate::value::{Fault, Value};
pub(super) use reader::{Head, Reader};
#[cfg(feature = "msgpack")]
pub(super) use ser::write;
pub(super) use tags::{Tags, length};

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

/// Tells whether [`decode`] would succeed, without building anything, and that no
/// more values than so many are in arrays and maps.
pub(super) fn check<F: Tags>(bytes: &[u8], values: usize) -> Result<(), Fault> {
    skip::skip::<F>(&mut Reader::new(bytes), 0, values)
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
