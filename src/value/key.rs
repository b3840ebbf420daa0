//! Keys of objects: always strings on the wire.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{Impossible, Serialize, Serializer};

use super::{Fault, token};

/// Hands a map's key, as text, to a function.
pub(crate) struct KeySerializer<F>(pub F);

fn no_key<T>() -> Result<T, Fault> {
    Err(Fault::new("a key must be a string, a number or a boolean"))
}

macro_rules! number_keys {
    ($($method:ident $type:ty)*) => {$(
        fn $method(self, key: $type) -> Result<T, Fault> {
            (self.0)(&key.to_string())
        }
    )*};
}

macro_rules! refused_keys {
    ($($method:ident($($type:ty),*) -> $ok:ty)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, Fault> {
            no_key()
        }
    )*};
}

type No<T> = Impossible<T, Fault>;

impl<T, F: FnOnce(&str) -> Result<T, Fault>> Serializer for KeySerializer<F> {
    type Ok = T;
    type Error = Fault;
    type SerializeSeq = No<T>;
    type SerializeTuple = No<T>;
    type SerializeTupleStruct = No<T>;
    type SerializeTupleVariant = No<T>;
    type SerializeMap = No<T>;
    type SerializeStruct = No<T>;
    type SerializeStructVariant = No<T>;

    fn serialize_str(self, key: &str) -> Result<T, Fault> {
        (self.0)(key)
    }

    number_keys! {
        serialize_bool bool serialize_char char
        serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64
        serialize_i128 i128 serialize_u128 u128
        serialize_f32 f32 serialize_f64 f64
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<T, Fault> {
        (self.0)(name)
    }

    fn serialize_newtype_struct<K: Serialize + ?Sized>(
        self,
        _: &'static str,
        key: &K,
    ) -> Result<T, Fault> {
        key.serialize(self)
    }

    fn serialize_some<K: Serialize + ?Sized>(self, key: &K) -> Result<T, Fault> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<K: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &K,
    ) -> Result<T, Fault> {
        no_key()
    }

    refused_keys! {
        serialize_bytes(&[u8]) -> T
        serialize_none() -> T
        serialize_unit() -> T
        serialize_unit_struct(&'static str) -> T
        serialize_seq(Option<usize>) -> No<T>
        serialize_tuple(usize) -> No<T>
        serialize_tuple_struct(&'static str, usize) -> No<T>
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> No<T>
        serialize_map(Option<usize>) -> No<T>
        serialize_struct(&'static str, usize) -> No<T>
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> No<T>
    }
}

/// A key for serde: a string, or whatever type the application's map has for
/// its keys.
pub(crate) struct KeyDeserializer<K>(pub K);

/// The text of a key. Most are plain and stay where they are: for these the compiler
/// then makes code that knows of nothing else.
pub(crate) trait Key<'de>: AsRef<str> {
    fn show<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault>;
}

impl<'de> Key<'de> for &'de str {
    #[inline]
    fn show<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self)
    }
}

impl<'de> Key<'de> for Cow<'de, str> {
    #[inline]
    fn show<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Cow::Borrowed(key) => visitor.visit_borrowed_str(key),
            Cow::Owned(key) => visitor.visit_string(key),
        }
    }
}

macro_rules! parsed_keys {
    ($($method:ident $visit:ident $type:ty)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.as_ref().parse::<$type>() {
                Ok(key) => visitor.$visit(key),
                Err(_) => self.deserialize_any(visitor),
            }
        }
    )*};
}

impl<'de, K: Key<'de>> Deserializer<'de> for KeyDeserializer<K> {
    type Error = Fault;

    /// A key of a private name of serde_json would be taken by it for something of
    /// its own. As the text that it is, it may be read.
    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if token::is_private(self.0.as_ref()) {
            return Err(Fault::new("a key that only serde_json itself may use"));
        }
        self.0.show(visitor)
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.0.show(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.0.show(visitor)
    }

    parsed_keys! {
        deserialize_bool visit_bool bool
        deserialize_i8 visit_i64 i64 deserialize_i16 visit_i64 i64
        deserialize_i32 visit_i64 i64 deserialize_i64 visit_i64 i64
        deserialize_u8 visit_u64 u64 deserialize_u16 visit_u64 u64
        deserialize_u32 visit_u64 u64 deserialize_u64 visit_u64 u64
        deserialize_i128 visit_i128 i128 deserialize_u128 visit_u128 u128
        deserialize_f32 visit_f64 f64 deserialize_f64 visit_f64 f64
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        char str bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier
    }
}

impl<'de, K: Key<'de>> EnumAccess<'de> for KeyDeserializer<K> {
    type Error = Fault;
    type Variant = <serde::de::value::StrDeserializer<'de, Fault> as EnumAccess<'de>>::Variant;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Fault> {
        let name: &str = self.0.as_ref();
        // The variant that follows a bare name carries nothing of its lifetime.
        let (_, rest) = "".into_deserializer().variant_seed(std::marker::PhantomData::<String>)?;
        Ok((seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(name))?, rest))
    }
}
