//! Values as JSON that loses nothing.
//!
//! What JSON has no word for is an object with one key, which begins with one `$`; a
//! key of the application's that begins so gets another one in front. So arrays and
//! objects are as deep in the text as in the value.
//!
//! | value | text |
//! |---|---|
//! | `undefined` | `{"$u":0}` |
//! | NaN and infinities | `{"$n":"NaN"}`, `{"$n":"Infinity"}`, `{"$n":"-Infinity"}` |
//! | bytes | `{"$b":"<base 64>"}` |
//! | date | `{"$d":<ms>}`, `{"$d":null}` for an invalid one |
//! | regular expression | `{"$r":["source","flags"]}` |
//! | error | `{"$e":["name","message","stack"]}` |
//! | typed array | `{"$t":["Int8","<base 64>"]}` |
//! | extension | `{"$x":[<kind>,"<base 64>"]}` |
//! | `{"$a":1}` | `{"$$a":1}` |
//! | a whole double, such as 1.0 | `1.0`; integers are `1` |

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::base64;
use crate::value::{Date, Ext, JsError, Number, RegExp, Repr, TypedArray, TypedKind, Value};

/// The kinds of typed arrays, by name.
const KINDS: [(&str, TypedKind); 11] = [
    ("Int8", TypedKind::Int8),
    ("Uint8", TypedKind::Uint8),
    ("Uint8Clamped", TypedKind::Uint8Clamped),
    ("Int16", TypedKind::Int16),
    ("Uint16", TypedKind::Uint16),
    ("Int32", TypedKind::Int32),
    ("Uint32", TypedKind::Uint32),
    ("Float32", TypedKind::Float32),
    ("Float64", TypedKind::Float64),
    ("ArrayBuffer", TypedKind::ArrayBuffer),
    ("DataView", TypedKind::DataView),
];

/// Levels that a message may have, of those that a reader of JSON goes down: some are
/// around it.
pub(in crate::plugins) const MOST_DEPTH: usize = 120;

/// Writes a value, which is not [deeper](MOST_DEPTH).
pub(in crate::plugins) fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Undefined => out.extend_from_slice(br#"{"$u":0}"#),
        Value::Bool(is) => out.extend_from_slice(if *is { b"true" } else { b"false" }),
        Value::Number(number) => write_number(out, *number),
        Value::String(text) => write_text(out, text),
        Value::Binary(bytes) => special(out, 'b', |out| write_bytes(out, bytes)),
        Value::Date(date) => special(out, 'd', |out| write_date(out, *date)),
        Value::Array(elements) => write_list(out, elements, write),
        Value::Object(entries) => write_object(out, entries),
        Value::RegExp(it) => special(out, 'r', |out| {
            write_list(out, [&it.source, &it.flags], |out, text| write_text(out, text));
        }),
        Value::Error(it) => special(out, 'e', |out| {
            write_list(out, [&it.name, &it.message, &it.stack], |out, text| write_text(out, text));
        }),
        Value::Typed(array) => special(out, 't', |out| {
            let name = KINDS.iter().find(|(_, kind)| *kind == array.kind).map_or("", |kind| kind.0);
            pair(out, |out| write_text(out, name), |out| write_bytes(out, &array.bytes));
        }),
        Value::Ext(ext) => special(out, 'x', |out| {
            let kind = ext.kind.to_string();
            pair(
                out,
                |out| out.extend_from_slice(kind.as_bytes()),
                |out| write_bytes(out, &ext.data),
            );
        }),
    }
}

/// Writes a list.
pub(in crate::plugins) fn write_list<T>(
    out: &mut Vec<u8>,
    list: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(b'[');
    for (at, one) in list.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(out, one);
    }
    out.push(b']');
}

/// Writes a text.
pub(in crate::plugins) fn write_text(out: &mut Vec<u8>, text: &str) {
    // A `Vec` takes all that is written.
    let _ = serde_json::to_writer(out, text);
}

fn write_number(out: &mut Vec<u8>, number: Number) {
    match number.repr() {
        Repr::Int(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Repr::Uint(n) => out.extend_from_slice(n.to_string().as_bytes()),
        Repr::Float(n) if n.is_finite() => drop(serde_json::to_writer(out, &n)),
        Repr::Float(n) => special(out, 'n', |out| {
            let name = match n {
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "NaN",
            };
            write_text(out, name);
        }),
    }
}

fn write_date(out: &mut Vec<u8>, date: Date) {
    match date.is_valid() {
        true => out.extend_from_slice((date.ms() as i64).to_string().as_bytes()),
        false => out.extend_from_slice(b"null"),
    }
}

fn write_object(out: &mut Vec<u8>, entries: &[(String, Value)]) {
    out.push(b'{');
    for (at, (key, value)) in entries.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match key.starts_with('$') {
            true => write_text(out, &format!("${key}")),
            false => write_text(out, key),
        }
        out.push(b':');
        write(out, value);
    }
    out.push(b'}');
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    base64::encode_into(out, bytes);
    out.push(b'"');
}

fn pair(out: &mut Vec<u8>, a: impl FnOnce(&mut Vec<u8>), b: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'[');
    a(out);
    out.push(b',');
    b(out);
    out.push(b']');
}

fn special(out: &mut Vec<u8>, name: char, write: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(format!("{{\"${name}\":").as_bytes());
    write(out);
    out.push(b'}');
}

/// How many values arrays and objects have in them, as they are written.
pub(in crate::plugins) fn count(value: &Value) -> usize {
    let mut count = 0;
    value.walk(|value, _| {
        count += match value {
            Value::Array(elements) => elements.len(),
            Value::Object(entries) => entries.len(),
            Value::Undefined | Value::Binary(_) | Value::Date(_) => 1,
            Value::Number(number) => match number.repr() {
                Repr::Float(n) if !n.is_finite() => 1,
                _ => 0,
            },
            Value::RegExp(_) | Value::Typed(_) | Value::Ext(_) => 3,
            Value::Error(_) => 4,
            Value::Null | Value::Bool(_) | Value::String(_) => 0,
        };
    });
    count
}

/// Reads a value; `None` for what [`write`] does not make, and where its arrays and
/// objects have more than so many values in them.
pub(in crate::plugins) fn read(text: &[u8], most: usize) -> Option<Value> {
    let left = Cell::new(most);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = Reader(&left).deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A value that is read, and how many more values there may be.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Cell<usize>);

impl Reader<'_> {
    fn take_one<E: de::Error>(self) -> Result<(), E> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| E::custom("more values than the limit allows"))?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Value, E> {
        Ok(Value::Bool(is))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Number(n.into()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(Value::Number(n.into()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Number(n.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element_seed(self)? {
            self.take_one()?;
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mangled = || de::Error::custom("no such value");
        let mut entries = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            self.take_one()?;
            let value = map.next_value_seed(self)?;
            match key.strip_prefix('$') {
                None => entries.push((key.into_owned(), value)),
                Some(name) if name.starts_with('$') => entries.push((name.to_owned(), value)),
                // It stands alone.
                Some(name) => {
                    let it = Some(value).filter(|_| entries.is_empty());
                    let it = it.and_then(|value| read_special(name, value)).ok_or_else(mangled)?;
                    return match map.next_key::<Key<'de>>()? {
                        None => Ok(it),
                        Some(_) => Err(mangled()),
                    };
                }
            }
        }
        Ok(Value::Object(entries))
    }
}

/// What stands behind a key with one `$`.
fn read_special(name: &str, value: Value) -> Option<Value> {
    Some(match (name, value) {
        ("u", Value::Number(_)) => Value::Undefined,
        ("n", Value::String(name)) => Value::Number(Number::from(match &*name {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => return None,
        })),
        ("b", value) => Value::Binary(read_bytes(&value)?),
        ("d", Value::Null) => Value::Date(Date::INVALID),
        ("d", Value::Number(ms)) => Value::Date(Date::from_ms(ms.as_f64())),
        ("r", Value::Array(parts)) => {
            let [source, flags] = read_texts(parts)?;
            Value::RegExp(Box::new(RegExp { source, flags }))
        }
        ("e", Value::Array(parts)) => {
            let [name, message, stack] = read_texts(parts)?;
            Value::Error(Box::new(JsError { name, message, stack }))
        }
        ("t", Value::Array(parts)) => {
            let [name, bytes] = &*parts else { return None };
            let (_, kind) = *KINDS.iter().find(|kind| name.as_str() == Some(kind.0))?;
            Value::Typed(Box::new(TypedArray { kind, bytes: read_bytes(bytes)? }))
        }
        ("x", Value::Array(parts)) => {
            let [kind, data] = &*parts else { return None };
            let kind = u8::try_from(kind.as_u64()?).ok()?;
            Value::Ext(Box::new(Ext { kind, data: read_bytes(data)? }))
        }
        _ => return None,
    })
}

fn read_bytes(value: &Value) -> Option<Vec<u8>> {
    base64::decode(value.as_str()?)
}

fn read_texts<const N: usize>(parts: Vec<Value>) -> Option<[String; N]> {
    let texts: Vec<_> = parts.into_iter().map_while(text_of).collect();
    texts.try_into().ok()
}

fn text_of(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
