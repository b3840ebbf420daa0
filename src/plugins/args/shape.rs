//! How many arguments a type is read from.

use std::fmt;

use serde::de::{DeserializeOwned, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

/// How many arguments a type takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    Nothing,
    First,
    Some(usize),
    All,
}

impl Shape {
    /// Found out by what the type asks a deserializer for first.
    pub fn of<T: DeserializeOwned>() -> Self {
        match T::deserialize(Probe) {
            Err(shape) => shape.0,
            // It asks for nothing.
            Ok(_) => Shape::First,
        }
    }
}

/// Fails with the shape that it is asked for.
struct Probe;

#[derive(Debug)]
struct Asked(Shape);

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::error::Error for Asked {}

impl serde::de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Asked(Shape::First)
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Asked;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Shape::First))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Nothing))
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Nothing))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Shape::All))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, _: V) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Some(len)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        _: V,
    ) -> Result<V::Value, Asked> {
        Err(Asked(Shape::Some(len)))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes
        byte_buf option map struct enum identifier ignored_any
    }
}
