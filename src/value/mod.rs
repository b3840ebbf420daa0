//! The dynamic message: [`Value`], and the types of its parts.
//!
//! Most applications send and receive types of their own through serde and
//! need nothing of this, except [`Date`] and [`Bytes`] as fields: they are what
//! a JavaScript peer calls `Date` and `Buffer`.

mod convert;
mod date;
mod date_text;
mod de;
mod fault;
mod key;
mod measure;
mod number;
mod parts;
mod ser;
mod special;
pub(crate) mod token;

use std::fmt;
use std::ops::Index;

pub use date::Date;
pub(crate) use de::{ValueVisitor, grow, without_duplicates};
pub(crate) use fault::Fault;
pub(crate) use key::{KeyDeserializer, KeySerializer};
pub use number::Number;
pub(crate) use number::{Repr, visit_number, whole};
pub use parts::{Ext, JsError, RegExp, TypedArray, TypedKind};
pub use special::Bytes;
pub(crate) use special::{bytes_of_object, rebuild, take_apart};

/// The deepest nesting of arrays and objects that is sent or accepted; deeper
/// messages are an error. It bounds the stack that a message can use up, for
/// every parser: threads of connections have small ones, and a build without
/// optimisation takes up to 3 KiB for a level.
pub const MAX_DEPTH: usize = 64;

/// A message of any shape: everything that a JavaScript peer can send through
/// one of the parsers.
///
/// ```
/// use primus::Value;
///
/// let value = Value::from([("name", Value::from("Ann")), ("age", Value::from(30))]);
/// assert_eq!(value["name"].as_str(), Some("Ann"));
/// assert_eq!(value.get("age").and_then(Value::as_i64), Some(30));
/// assert_eq!(value["no"]["such"]["key"], Value::Undefined);
/// assert_eq!(value.to_string(), r#"{"name":"Ann","age":30}"#);
/// ```
///
/// serde works in both directions: [`Value::of`] makes one of anything
/// serialisable, [`parse`](Value::parse) makes anything else of one.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `undefined`. `json` and `ejson` leave it out of objects, send `null` for
    /// it in arrays and nothing at all for it alone; `binary` and `msgpack` send
    /// `null`.
    Undefined,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string. Lone surrogates, which Rust's strings cannot hold, are replaced
    /// by U+FFFD.
    String(String),
    /// Bytes: a `Buffer`.
    Binary(Vec<u8>),
    /// A date.
    Date(Date),
    /// An array.
    Array(Vec<Value>),
    /// An object, in the order received. Of a key that came twice the last value
    /// is kept, in the place of the first. Keys that are array indices are sent
    /// first and in ascending order, as JavaScript does.
    Object(Vec<(String, Value)>),
    /// A regular expression.
    RegExp(Box<RegExp>),
    /// An error.
    Error(Box<JsError>),
    /// A typed array, an `ArrayBuffer` or a `DataView`.
    Typed(Box<TypedArray>),
    /// An extension type that Primus has no meaning for.
    Ext(Box<Ext>),
}

static UNDEFINED: Value = Value::Undefined;

impl Value {
    /// True for `null` and `undefined`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null | Value::Undefined)
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The number as a double, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(|number| number.as_f64())
    }

    /// The number as `i64`, if it is a whole number in range.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The number as `u64`, if it is a whole number in range.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<Number> {
        match self {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes of a `Buffer`, or the memory of a typed array.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Binary(bytes) => Some(bytes),
            Value::Typed(array) => Some(&array.bytes),
            _ => None,
        }
    }

    /// The date, if it is one.
    pub fn as_date(&self) -> Option<Date> {
        match self {
            Value::Date(date) => Some(*date),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The entries in order, if it is an object.
    pub fn as_object(&self) -> Option<&[(String, Value)]> {
        match self {
            Value::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key, if it is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl Index<&str> for Value {
    type Output = Value;

    /// The value of a key; [`Value::Undefined`] where there is none, as in
    /// JavaScript, except that it never fails.
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&UNDEFINED)
    }
}

impl Index<usize> for Value {
    type Output = Value;

    /// The element of an array; [`Value::Undefined`] where there is none.
    fn index(&self, at: usize) -> &Value {
        self.as_array().and_then(|elements| elements.get(at)).unwrap_or(&UNDEFINED)
    }
}

impl fmt::Display for Value {
    /// Shows the value as JSON, for logs. Dates are ISO texts, bytes lists of
    /// numbers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests;
