//! serde's `Deserializer` over tagged bytes.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::reader::{Head, Reader, enter, take_of};
use super::skip::skip;
use super::tags::Tags;
use crate::parsers::content::Content;
use crate::parsers::dynamic::{ValueDeserializer, visit_raw};
use crate::value::{Fault, KeyDeserializer, Value, token, visit_number};

/// Reads one message.
pub(super) struct Decoder<'de, F> {
    reader: Reader<'de>,
    /// How many arrays and maps are open.
    depth: usize,
    /// How many elements and entries may still come.
    values: usize,
    tags: PhantomData<F>,
}

type Outcome<'de, V> = Result<<V as Visitor<'de>>::Value, Fault>;

impl<'de, F: Tags> Decoder<'de, F> {
    pub fn new(bytes: &'de [u8], depth: usize, values: usize) -> Self {
        Decoder { reader: Reader::new(bytes), depth, values, tags: PhantomData }
    }

    /// Bytes, or the special value that an extension or `undefined` is; these
    /// have no kind of their own in serde, so a `Value` stands for them.
    fn special(&mut self, head: Head) -> Result<ValueDeserializer, Fault> {
        let value = match head {
            Head::Bin(len) => Value::from(self.reader.take(len as usize)?),
            Head::Ext(kind, len) => {
                let data = self.reader.take(len as usize)?;
                F::ext(kind, data, self.depth + 1)?
            }
            _ => Value::Undefined,
        };
        Ok(ValueDeserializer::new(value))
    }

    /// Text, as JavaScript reads it: what is not UTF-8 becomes U+FFFD.
    #[inline]
    fn text(&mut self, len: u32) -> Result<Cow<'de, str>, Fault> {
        let bytes = self.reader.take(len as usize)?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        })
    }

    fn array<V: Visitor<'de>>(&mut self, left: u32, visitor: V) -> Outcome<'de, V> {
        self.reader.room_for(left, 1)?;
        enter(&self.reader, self.depth)?;
        take_of(&mut self.values, left)?;
        self.depth += 1;
        let mut rest = Rest { decoder: self, left };
        let value = visitor.visit_seq(&mut rest)?;
        rest.all_taken()?;
        self.depth -= 1;
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, left: u32, visitor: V) -> Outcome<'de, V> {
        self.reader.room_for(left, 2)?;
        enter(&self.reader, self.depth)?;
        take_of(&mut self.values, left)?;
        self.depth += 1;
        let mut rest = Rest { decoder: self, left };
        let value = visitor.visit_map(&mut rest)?;
        rest.all_taken()?;
        self.depth -= 1;
        Ok(value)
    }

    fn any<V: Visitor<'de>>(&mut self, head: Head, visitor: V) -> Outcome<'de, V> {
        match head {
            Head::Null => visitor.visit_unit(),
            Head::Bool(bool) => visitor.visit_bool(bool),
            Head::Number(number) => visit_number(number, visitor),
            Head::Str(len) => match self.text(len)? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Head::Array(count) => self.array(count, visitor),
            Head::Map(count) => self.map(count, visitor),
            Head::Bin(len) => visitor.visit_borrowed_bytes(self.reader.take(len as usize)?),
            Head::Ext(..) | Head::Undefined => self.special(head)?.deserialize_any(visitor),
        }
    }

    /// A key, as text. JavaScript's objects have no other keys.
    #[inline]
    fn key(&mut self) -> Result<Cow<'de, str>, Fault> {
        match self.reader.short_str(F::short_str) {
            Some(key) => Ok(Cow::Borrowed(key)),
            None => self.long_key(),
        }
    }

    fn long_key(&mut self) -> Result<Cow<'de, str>, Fault> {
        match F::head(&mut self.reader)? {
            Head::Str(len) => self.text(len),
            head => self.other_key(head).map(Cow::Owned),
        }
    }

    #[cold]
    fn other_key(&mut self, head: Head) -> Result<String, Fault> {
        Ok(match head {
            Head::Bin(len) => self.text(len)?.into_owned(),
            Head::Bool(bool) => bool.to_string(),
            Head::Number(number) => number.to_string(),
            Head::Null => "null".into(),
            Head::Array(_) | Head::Map(_) | Head::Str(_) => {
                self.any(head, serde::de::IgnoredAny)?;
                "[object Object]".into()
            }
            Head::Ext(..) | Head::Undefined => key_text(&self.special(head)?.into_value()),
        })
    }
}

/// Hints that matter only where bytes or a special value meet a field of that
/// kind.
macro_rules! hints {
    ($($few:ident $tag:literal: $($method:ident($($name:ident: $type:ty),*))*;)*) => {$($(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Outcome<'de, V> {
            if let Some(count) = self.reader.few($tag) {
                return self.$few(count, visitor);
            }
            match F::head(&mut self.reader)? {
                head @ (Head::Bin(_) | Head::Ext(..) | Head::Undefined) => {
                    self.special(head)?.$method($($name,)* visitor)
                }
                head => self.any(head, visitor),
            }
        }
    )*)*};
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
            if let Some(int) = self.reader.small_int() {
                return visitor.visit_i64(int);
            }
            match F::head(&mut self.reader)? {
                Head::Number(number) => visit_number(number, visitor),
                head @ (Head::Bin(_) | Head::Ext(..) | Head::Undefined) => {
                    self.special(head)?.$method(visitor)
                }
                head => self.any(head, visitor),
            }
        }
    )*};
}

impl<'de, F: Tags> Deserializer<'de> for &mut Decoder<'de, F> {
    type Error = Fault;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    hints! {
        array 0x90: deserialize_seq() deserialize_tuple(len: usize)
            deserialize_tuple_struct(name: &'static str, len: usize);
        map 0x80: deserialize_map()
            deserialize_struct(name: &'static str, fields: &'static [&'static str]);
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        let head = F::head(&mut self.reader)?;
        self.any(head, visitor)
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match self.reader.short_str(F::short_str) {
            Some(text) => visitor.visit_borrowed_str(text),
            None => self.deserialize_any(visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match F::head(&mut self.reader)? {
            head @ Head::Ext(..) => self.special(head)?.deserialize_byte_buf(visitor),
            head => self.any(head, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        let before = self.reader;
        match F::head(&mut self.reader)? {
            Head::Null | Head::Undefined => visitor.visit_none(),
            _ => {
                self.reader = before;
                visitor.visit_some(self)
            }
        }
    }

    /// The caller knows the name, so that one arm is left of this.
    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Outcome<'de, V> {
        match name {
            token::VALUE => match F::head(&mut self.reader)? {
                head @ (Head::Ext(..) | Head::Undefined) => {
                    self.special(head)?.deserialize_newtype_struct(name, visitor)
                }
                head => self.any(head, visitor),
            },
            token::BYTES => self.deserialize_byte_buf(visitor),
            token::RAW => visit_raw(&Value::deserialize(self)?, visitor),
            // As a number a date keeps all of its milliseconds.
            token::DATE => self.deserialize_f64(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<'de, V> {
        match F::head(&mut self.reader)? {
            Head::Str(len) => {
                let name = self.text(len)?;
                visitor.visit_enum(name.into_deserializer())
            }
            Head::Map(1) => {
                enter(&self.reader, self.depth)?;
                self.depth += 1;
                let value = visitor.visit_enum(Variant(&mut *self))?;
                self.depth -= 1;
                Ok(value)
            }
            _ => self.reader.fault("expected a string or a map of a single entry"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        skip::<F>(&mut self.reader, self.depth, self.values)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i128 u128 char unit unit_struct identifier
    }
}

/// What is left of an array or map.
struct Rest<'a, 'de, F> {
    decoder: &'a mut Decoder<'de, F>,
    left: u32,
}

impl<F: Tags> Rest<'_, '_, F> {
    fn all_taken(&self) -> Result<(), Fault> {
        match self.left {
            0 => Ok(()),
            _ => self.decoder.reader.fault("more elements than expected"),
        }
    }
}

impl<'de, F: Tags> SeqAccess<'de> for Rest<'_, 'de, F> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        Ok(Some(seed.deserialize(&mut *self.decoder)?))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

impl<'de, F: Tags> MapAccess<'de> for Rest<'_, 'de, F> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        match self.decoder.reader.short_str(F::short_str) {
            Some(key) => Ok(Some(seed.deserialize(KeyDeserializer(key))?)),
            None => Ok(Some(seed.deserialize(KeyDeserializer(self.decoder.long_key()?))?)),
        }
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.decoder)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// A map of a single entry: an enum's variant and its content.
struct Variant<'a, 'de, F>(&'a mut Decoder<'de, F>);

impl<'a, 'de, F: Tags> EnumAccess<'de> for Variant<'a, 'de, F> {
    type Error = Fault;
    type Variant = Content<&'a mut Decoder<'de, F>>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Fault> {
        let key = self.0.key()?;
        Ok((seed.deserialize(KeyDeserializer(key))?, Content(self.0)))
    }
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
