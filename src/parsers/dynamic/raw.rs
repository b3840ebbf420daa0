//! What serde_json shows of its own types when one of its features is on, which
//! any crate in the build can turn on for all.
//!
//! With `arbitrary_precision` a number, and with `raw_value` a text that is JSON
//! already, is shown to serde as a struct of a private name whose only field has
//! that name too and holds the text. Here they are what they stand for: a number is
//! sent as one, as without the feature, and a raw text becomes part of a JSON
//! message, or its values part of any other. A raw text is read in the same way.

use serde::ser::Serialize;

use crate::parsers::text;
use crate::value::token::{NUMBER, RAW};
use crate::value::{Fault, KeySerializer, Value};

/// The text in such a field.
pub(in crate::parsers) fn text<T: Serialize + ?Sized>(of: &T) -> Result<String, Fault> {
    of.serialize(KeySerializer(|text: &str| Ok(text.to_owned())))
}

/// What the field of this name stands for.
#[cold]
pub(crate) fn value<T: Serialize + ?Sized>(name: &str, of: &T) -> Result<Value, Fault> {
    let text = text(of)?;
    match (name, text::parse(&text)?) {
        (RAW, value) | (NUMBER, value @ Value::Number(_)) => Ok(value),
        _ => Err(Fault::new("something private of serde_json")),
    }
}

/// Something of serde_json's that has other fields beside it, or is a variant.
#[cold]
pub(crate) fn misplaced<T>() -> Result<T, Fault> {
    Err(Fault::new("a number or raw text of serde_json where only an object can be"))
}
