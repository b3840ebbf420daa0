//! A `Value` to anything deserialisable. The parsers hand their dates, bytes and
//! other special things through here too, so what a field of some Rust type
//! makes of them is decided in one place.

use std::borrow::Cow;

use serde::de::value::{MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::parsers::text::{self, Dialect};
use crate::value::{
    Fault, KeyDeserializer, TypedKind, Value, bytes_of_object, take_apart, token, visit_number,
};

/// Reads from a [`Value`].
pub(crate) struct ValueDeserializer {
    value: Value,
    /// Whether the receiver is a `Value`, which takes special values as such.
    whole: bool,
}

impl ValueDeserializer {
    pub(crate) fn new(value: Value) -> Self {
        ValueDeserializer { value, whole: false }
    }

    #[cfg_attr(not(feature = "msgpack"), allow(dead_code))]
    pub(crate) fn into_value(self) -> Value {
        self.value
    }

    /// The elements of anything that is a list of something.
    fn elements(self) -> Result<Vec<Value>, Self> {
        match self.value {
            Value::Array(elements) => Ok(elements),
            Value::Binary(bytes) => Ok(bytes.into_iter().map(Value::from).collect()),
            Value::Typed(array) => Ok(array.numbers().map(Value::Number).collect()),
            value => Err(ValueDeserializer { value, ..self }),
        }
    }

    fn visit_object<'de, V: Visitor<'de>>(
        entries: Vec<(String, Value)>,
        whole: bool,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut map = MapDeserializer::new(
            entries.into_iter().map(|(key, value)| (Key(key), ValueDeserializer { value, whole })),
        );
        let result = visitor.visit_map(&mut map)?;
        map.end()?;
        Ok(result)
    }

    fn visit_array<'de, V: Visitor<'de>>(
        elements: Vec<Value>,
        whole: bool,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let mut seq = SeqDeserializer::new(
            elements.into_iter().map(|value| ValueDeserializer { value, whole }),
        );
        let result = visitor.visit_seq(&mut seq)?;
        seq.end()?;
        Ok(result)
    }

    fn special<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::RegExp(regexp) => visitor.visit_string(regexp.to_string()),
            Value::Typed(array) if array.kind.width() == 1 && array.kind != TypedKind::Int8 => {
                visitor.visit_byte_buf(array.bytes)
            }
            Value::Typed(array) => {
                let elements = array.numbers().map(Value::Number).collect();
                Self::visit_array(elements, false, visitor)
            }
            Value::Date(date) => match date.to_iso() {
                Some(iso) => visitor.visit_string(iso),
                None => visitor.visit_unit(),
            },
            value => match fields(value) {
                Some(entries) => Self::visit_object(entries, false, visitor),
                None => visitor.visit_unit(),
            },
        }
    }
}

/// The fields of the special values that are objects in JavaScript.
fn fields(value: Value) -> Option<Vec<(String, Value)>> {
    let field = |name: &str, value: Value| (name.to_owned(), value);
    Some(match value {
        Value::RegExp(regexp) => {
            vec![field("source", regexp.source.into()), field("flags", regexp.flags.into())]
        }
        Value::Error(error) => vec![
            field("name", error.name.into()),
            field("message", error.message.into()),
            field("stack", error.stack.into()),
        ],
        Value::Ext(ext) => vec![field("type", ext.kind.into()), field("data", ext.data.into())],
        _ => return None,
    })
}

macro_rules! number_hints {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.value {
                Value::Date(date) => visit_number(date.ms().into(), visitor),
                _ => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = Fault;

    number_hints! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
        deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(bool) => visitor.visit_bool(bool),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Binary(bytes) => visitor.visit_byte_buf(bytes),
            Value::Array(elements) => Self::visit_array(elements, self.whole, visitor),
            Value::Object(entries) => Self::visit_object(entries, self.whole, visitor),
            special if self.whole => visitor.visit_enum(SpecialAccess(special)),
            special => Self::new(special).special(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Typed(array) => visitor.visit_byte_buf(array.bytes),
            Value::Ext(ext) => visitor.visit_byte_buf(ext.data),
            Value::Object(ref entries) => match bytes_of_object(entries) {
                Some(bytes) => visitor.visit_byte_buf(bytes),
                None => self.deserialize_any(visitor),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.elements() {
            Ok(elements) => Self::visit_array(elements, false, visitor),
            Err(other) => other.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, v: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(v)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::RegExp(_) => {
                Self::visit_object(fields(self.value).unwrap_or_default(), false, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (name, &self.value) {
            (token::VALUE, _) => ValueDeserializer { whole: true, ..self }.deserialize_any(visitor),
            (token::BYTES, _) => self.deserialize_byte_buf(visitor),
            (token::RAW, _) => visit_raw(&self.value, visitor),
            (token::DATE, Value::Date(date)) => visitor.visit_f64(date.ms()),
            (token::DATE, _) => self.deserialize_any(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::String(variant) => visitor.visit_enum(variant.into_deserializer()),
            Value::Object(mut entries) if entries.len() == 1 => match entries.pop() {
                Some((name, value)) => {
                    let content = ValueDeserializer { value, whole: self.whole };
                    visitor.visit_enum(VariantOf { name, content })
                }
                None => Err(Fault::custom("expected a variant")),
            },
            _ => Err(Fault::custom("expected a string or an object with a single key")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i128 u128 char str string unit unit_struct identifier
    }
}

impl<'de> IntoDeserializer<'de, Fault> for ValueDeserializer {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// An owned key.
struct Key(String);

impl<'de> IntoDeserializer<'de, Fault> for Key {
    type Deserializer = KeyDeserializer<Cow<'de, str>>;

    fn into_deserializer(self) -> Self::Deserializer {
        KeyDeserializer(self.0.into())
    }
}

/// An enum's variant with its content.
struct VariantOf {
    name: String,
    content: ValueDeserializer,
}

impl<'de> EnumAccess<'de> for VariantOf {
    type Error = Fault;
    type Variant = ValueDeserializer;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, ValueDeserializer), Fault> {
        let name: StringDeserializer<Fault> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self.content))
    }
}

impl<'de> VariantAccess<'de> for ValueDeserializer {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.value.is_null() { Ok(()) } else { Err(Fault::custom("expected a unit variant")) }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }
}

/// A special value on its way into a `Value`: the variant is the token's place
/// in [`token::SPECIAL`], the content what its serialiser captured. No message
/// is ever shown as an enum otherwise, so no peer can make one up.
pub(crate) struct SpecialAccess(pub Value);

impl<'de> EnumAccess<'de> for SpecialAccess {
    type Error = Fault;
    type Variant = ValueDeserializer;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, ValueDeserializer), Fault> {
        let (which, body) = take_apart(self.0);
        let which: serde::de::value::U32Deserializer<Fault> = which.into_deserializer();
        Ok((seed.deserialize(which)?, ValueDeserializer { value: body, whole: true }))
    }
}

/// Shows a value to serde_json's visitor of raw texts.
#[cold]
pub(in crate::parsers) fn visit_raw<'de, V: Visitor<'de>>(
    value: &Value,
    visitor: V,
) -> Result<V::Value, Fault> {
    let mut text = Vec::new();
    text::append(value, Dialect::Json, &mut text)?;
    let text = String::from_utf8(text).map_err(|_| Fault::new("not text"))?;
    // For `undefined` nothing is written.
    visit_raw_text(if text.is_empty() { "null".into() } else { text }, visitor)
}

/// Shows a JSON text to the same.
pub(in crate::parsers) fn visit_raw_text<'de, V: Visitor<'de>>(
    text: String,
    visitor: V,
) -> Result<V::Value, Fault> {
    visitor.visit_map(MapDeserializer::new(std::iter::once((token::RAW, text))))
}
