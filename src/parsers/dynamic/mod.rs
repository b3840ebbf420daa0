//! Anything serialisable to a [`Value`], and a `Value` to anything deserialisable.

mod from;
mod into;
pub(super) mod raw;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{BoxError, Error, ParserError, Result, Step};
use crate::value::{Fault, Value};
pub(super) use from::{ValueDeserializer, visit_raw, visit_raw_text};
pub(super) use into::{ValueSerializer, capture};

impl Value {
    /// A value of anything serialisable.
    ///
    /// # Errors
    /// If its `Serialize` fails, if a key of a map is no string, number or
    /// boolean, or if it is nested deeper than [`MAX_DEPTH`](crate::value::MAX_DEPTH).
    pub fn of<T: Serialize + ?Sized>(of: &T) -> Result<Self> {
        of.serialize(ValueSerializer::new()).map_err(|fault| error(Step::Encode, fault))
    }

    /// Turns the value into a type of the application's own.
    ///
    /// # Errors
    /// If the value does not have the shape of that type.
    pub fn parse<T: DeserializeOwned>(self) -> Result<T> {
        T::deserialize(ValueDeserializer::new(self)).map_err(|fault| error(Step::Decode, fault))
    }
}

/// Any serialisable value as a message.
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, BoxError> {
    Ok(value.serialize(ValueSerializer::new())?)
}

#[cold]
fn error(step: Step, fault: Fault) -> Error {
    ParserError { parser: "value".into(), step, cause: fault.into() }.into()
}
