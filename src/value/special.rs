//! How values that only a JavaScript peer has go through serde; and bytes.

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};
use std::fmt;

use super::parts::KINDS;
use super::{Ext, JsError, RegExp, TypedArray, Value, token};

/// Bytes, as a field of your own structs.
///
/// serde takes a `Vec<u8>` for a list of numbers. This one is bytes at the
/// other end too: a `Buffer` or `Uint8Array` under `ejson`, `binary` and
/// `msgpack`; under `json`, which has no bytes, what `JSON.stringify` makes of
/// a `Buffer`. Fields of the crate `serde_bytes` work the same, except under
/// `json` in types that serde reads twice: see [`parsers`](crate::parsers).
///
/// ```
/// use primus::{Parser, parsers::NoPeer, value::Bytes};
///
/// let parser: Parser = "ejson".parse()?;
/// let frame = parser.encode(&Bytes(vec![1, 2, 3]), &NoPeer)?.unwrap();
/// assert_eq!(frame.as_text(), Some(r#"{"$binary":"AQID"}"#));
/// assert_eq!(parser.decode_as::<Bytes>(&frame, &NoPeer)?.0, [1, 2, 3]);
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(token::BYTES, &Raw(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(token::BYTES, BytesVisitor)
    }
}

struct BytesVisitor;

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    /// A format that is not ours, or what serde has kept of one that is: there the
    /// JSON of a `Buffer` is an object, for which a hint of bytes would be an error.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Bytes, D::Error> {
        if inner.is_human_readable() {
            inner.deserialize_any(self)
        } else {
            inner.deserialize_byte_buf(self)
        }
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Bytes, A::Error> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        let bytes = bytes_of_object(&entries);
        bytes.map(Bytes).ok_or_else(|| de::Error::invalid_type(de::Unexpected::Map, &self))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
        Ok(Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Bytes, E> {
        Ok(Bytes(bytes))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
        let mut bytes = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(4096));
        while let Some(byte) = seq.next_element()? {
            bytes.push(byte);
        }
        Ok(Bytes(bytes))
    }
}

/// The bytes that an object stands for: `{"type":"Buffer","data":[..]}`, which
/// is a `Buffer` in JSON, or `{"0":1,"1":2}`, which is a `Uint8Array` there.
pub(crate) fn bytes_of_object(entries: &[(String, Value)]) -> Option<Vec<u8>> {
    let byte = |value: &Value| value.as_u64().and_then(|n| u8::try_from(n).ok());
    match entries {
        [(a, kind), (b, Value::Array(data))]
            if a == "type" && b == "data" && kind.as_str() == Some("Buffer") =>
        {
            data.iter().map(byte).collect()
        }
        _ => {
            let numbered = |(at, (key, value)): (usize, &(String, Value))| {
                if *key == at.to_string() { byte(value) } else { None }
            };
            entries.iter().enumerate().map(numbered).collect()
        }
    }
}

/// Borrowed bytes for serde.
pub(crate) struct Raw<'a>(pub &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// The inside of a special value: for our own serializers (not human readable)
/// all of it as a tuple, for foreign ones something to look at.
struct Body<'a>(&'a Value);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = serializer.is_human_readable();
        match self.0 {
            Value::RegExp(regexp) if shown => serializer.collect_str(regexp),
            Value::Error(error) if shown => serializer.collect_str(error),
            Value::Typed(array) if shown => {
                serializer.collect_seq(array.numbers().map(Value::Number))
            }
            Value::Ext(ext) if shown => serializer.serialize_bytes(&ext.data),
            Value::RegExp(regexp) => (&regexp.source, &regexp.flags).serialize(serializer),
            Value::Error(error) => {
                (&error.name, &error.message, &error.stack).serialize(serializer)
            }
            Value::Typed(array) => pair(serializer, array.kind as u8, &array.bytes),
            Value::Ext(ext) => pair(serializer, ext.kind, &ext.data),
            _ => serializer.serialize_unit(),
        }
    }
}

fn pair<S: Serializer>(serializer: S, kind: u8, bytes: &[u8]) -> Result<S::Ok, S::Error> {
    let mut tuple = serializer.serialize_tuple(2)?;
    tuple.serialize_element(&kind)?;
    tuple.serialize_element(&Raw(bytes))?;
    tuple.end()
}

/// Serialises one of the special values under its token.
pub(super) fn serialize<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    let name = match value {
        Value::RegExp(_) => token::REGEXP,
        Value::Error(_) => token::ERROR,
        Value::Typed(_) => token::TYPED,
        Value::Ext(_) => token::EXT,
        _ => token::UNDEFINED,
    };
    serializer.serialize_newtype_struct(name, &Body(value))
}

/// A special value as the number of its token and what is inside, as
/// [`rebuild`] takes it.
pub(crate) fn take_apart(value: Value) -> (u32, Value) {
    let bytes = |kind: u8, bytes| Value::Array(vec![kind.into(), Value::Binary(bytes)]);
    match value {
        Value::Date(date) => (1, date.ms().into()),
        Value::RegExp(r) => (2, Value::Array(vec![r.source.into(), r.flags.into()])),
        Value::Error(e) => (3, Value::Array(vec![e.name.into(), e.message.into(), e.stack.into()])),
        Value::Typed(array) => (4, bytes(array.kind as u8, array.bytes)),
        Value::Ext(ext) => (5, bytes(ext.kind, ext.data)),
        _ => (0, Value::Null),
    }
}

/// The value that a token and its captured inside stand for.
pub(crate) fn rebuild(name: &str, body: Value) -> Option<Value> {
    if name == token::DATE {
        return body.as_f64().map(|ms| Value::Date(super::Date::from_ms(ms)));
    }
    if name == token::UNDEFINED {
        return Some(Value::Undefined);
    }
    let Value::Array(parts) = body else { return None };
    let mut parts = parts.into_iter();
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next());
    match (name, first, second, third) {
        (token::REGEXP, Value::String(source), Value::String(flags), _) => {
            Some(Value::RegExp(Box::new(RegExp { source, flags })))
        }
        (token::ERROR, Value::String(name), Value::String(message), Some(Value::String(stack))) => {
            Some(Value::Error(Box::new(JsError { name, message, stack })))
        }
        (token::TYPED, Value::Number(kind), Value::Binary(bytes), _) => {
            let kind = *KINDS.get(kind.as_u64()? as usize)?;
            Some(Value::Typed(Box::new(TypedArray { kind, bytes })))
        }
        (token::EXT, Value::Number(kind), Value::Binary(data), _) => {
            Some(Value::Ext(Box::new(Ext { kind: kind.as_u64()? as u8, data })))
        }
        _ => None,
    }
}
