//! What serde_json shows of its own types when one of its features is on, which
//! any crate in the build can turn on for all.
//!
//! With `arbitrary_precision` a number, and with `raw_value` a text that is JSON
//! already, is shown to serde as a struct of a private name whose only field has
//! that name too and holds the text. Here they are what they stand for: a number is
//! sent as one, as without the feature, and a raw text becomes part of a JSON
//! message, or its values part of any other. A raw text is read in the same way.

use serde::de::Visitor;
use serde::de::value::MapDeserializer;
use serde::ser::Serialize;

use super::text::{self, Dialect};
use crate::value::{Fault, KeySerializer, Value};

/// How all of these names begin.
const PRIVATE: &str = "$serde_json::private::";

/// The name of a number.
const NUMBER: &str = "$serde_json::private::Number";

/// The name of a raw text.
pub(crate) const RAW: &str = "$serde_json::private::RawValue";

/// True for the name of a field under which serde_json hides something. The
/// compiler knows it of the names of fields, where it has them before it.
#[inline(always)]
pub(crate) fn is_private(name: &str) -> bool {
    name.len() > PRIVATE.len() && name.as_bytes().starts_with(PRIVATE.as_bytes())
}

/// The text in such a field.
pub(super) fn text<T: Serialize + ?Sized>(of: &T) -> Result<String, Fault> {
    of.serialize(KeySerializer(|text: &str| Ok(text.to_owned())))
}

/// What the field of this name stands for.
#[cold]
pub(crate) fn value<T: Serialize + ?Sized>(name: &str, of: &T) -> Result<Value, Fault> {
    let text = text(of)?;
    match (name, text::decode(&text, Dialect::Json)?) {
        (RAW, value) | (NUMBER, value @ Value::Number(_)) => Ok(value),
        _ => Err(Fault::new("something private of serde_json")),
    }
}

/// Something of serde_json's that has other fields beside it, or is a variant.
#[cold]
pub(crate) fn misplaced<T>() -> Result<T, Fault> {
    Err(Fault::new("a number or raw text of serde_json where only an object can be"))
}

/// Shows a value to serde_json's visitor of raw texts.
#[cold]
pub(crate) fn visit_raw<'de, V: Visitor<'de>>(
    value: &Value,
    visitor: V,
) -> Result<V::Value, Fault> {
    let text = text::encode(value, Dialect::Json)?;
    let text = text.as_ref().and_then(|frame| frame.as_text()).unwrap_or("null");
    visit_raw_text(text.to_owned(), visitor)
}

/// Shows a JSON text to the same.
pub(super) fn visit_raw_text<'de, V: Visitor<'de>>(
    text: String,
    visitor: V,
) -> Result<V::Value, Fault> {
    visitor.visit_map(MapDeserializer::new(std::iter::once((RAW, text))))
}
