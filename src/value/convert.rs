//! `Value` from and to the usual Rust types.

use std::borrow::Cow;
use std::time::SystemTime;

use super::{Bytes, Date, Ext, JsError, Number, RegExp, Repr, TypedArray, Value};

macro_rules! from_number {
    ($($type:ty)*) => {$(
        impl From<$type> for Value {
            fn from(n: $type) -> Self {
                Value::Number(n.into())
            }
        }
    )*};
}

from_number!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize f32 f64);

macro_rules! from_part {
    ($($type:ty, $from:ident => $value:expr;)*) => {$(
        impl From<$type> for Value {
            fn from($from: $type) -> Self {
                $value
            }
        }
    )*};
}

from_part! {
    (), _unit => Value::Null;
    bool, bool => Value::Bool(bool);
    Number, number => Value::Number(number);
    char, char => Value::String(char.into());
    &str, text => Value::String(text.into());
    String, text => Value::String(text);
    &String, text => Value::String(text.clone());
    Cow<'_, str>, text => Value::String(text.into_owned());
    Vec<u8>, bytes => Value::Binary(bytes);
    &[u8], bytes => Value::Binary(bytes.into());
    Bytes, bytes => Value::Binary(bytes.0);
    Date, date => Value::Date(date);
    SystemTime, time => Value::Date(time.into());
    Vec<Value>, elements => Value::Array(elements);
    &[Value], elements => Value::Array(elements.into());
    Vec<(String, Value)>, entries => Value::Object(entries);
    RegExp, regexp => Value::RegExp(Box::new(regexp));
    JsError, error => Value::Error(Box::new(error));
    TypedArray, array => Value::Typed(Box::new(array));
    Ext, ext => Value::Ext(Box::new(ext));
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(option: Option<T>) -> Self {
        option.map_or(Value::Null, Into::into)
    }
}

impl<const N: usize> From<[Value; N]> for Value {
    fn from(elements: [Value; N]) -> Self {
        Value::Array(elements.into())
    }
}

impl<K: Into<String>, const N: usize> From<[(K, Value); N]> for Value {
    fn from(entries: [(K, Value); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        Value::Array(elements.into_iter().collect())
    }
}

impl<K: Into<String>> FromIterator<(K, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        Value::Object(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(bool) => Value::Bool(bool),
            serde_json::Value::Number(number) => Value::Number(from_json_number(&number)),
            serde_json::Value::String(text) => Value::String(text),
            serde_json::Value::Array(elements) => elements.into_iter().map(Value::from).collect(),
            serde_json::Value::Object(entries) => {
                entries.into_iter().map(|(key, value)| (key, value.into())).collect()
            }
        }
    }
}

fn from_json_number(number: &serde_json::Number) -> Number {
    match (number.as_i64(), number.as_u64()) {
        (Some(n), _) => n.into(),
        (None, Some(n)) => n.into(),
        // With `arbitrary_precision` it may be beyond the range of doubles.
        (None, None) => number.to_string().parse().unwrap_or(f64::NAN).into(),
    }
}

impl From<Value> for serde_json::Value {
    /// What JSON cannot say becomes what the `json` parser makes of it, except
    /// that bytes are a list of numbers, and a regular expression or error its
    /// text.
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(bool) => bool.into(),
            Value::Number(number) => match number.repr() {
                Repr::Int(n) => n.into(),
                Repr::Uint(n) => n.into(),
                Repr::Float(n) => n.into(),
            },
            Value::String(text) => text.into(),
            Value::Array(elements) => elements.into_iter().map(Self::from).collect(),
            Value::Object(entries) => entries
                .into_iter()
                .filter(|(_, value)| *value != Value::Undefined)
                .map(|(key, value)| (key, Self::from(value)))
                .collect(),
            Value::Date(date) => date.to_iso().into(),
            Value::Binary(bytes) => bytes.into(),
            Value::Ext(ext) => ext.data.into(),
            Value::RegExp(regexp) => regexp.to_string().into(),
            Value::Error(error) => error.to_string().into(),
            Value::Typed(array) => array.numbers().map(|n| Self::from(Value::Number(n))).collect(),
            Value::Null | Value::Undefined => serde_json::Value::Null,
        }
    }
}
