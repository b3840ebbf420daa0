//! Anything serialisable to a `Value`.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::raw;
use crate::value::{Fault, KeySerializer, MAX_DEPTH, Number, Value, rebuild, token};

/// Builds a [`Value`].
#[derive(Clone, Copy)]
pub(crate) struct ValueSerializer {
    depth: usize,
    readable: bool,
}

impl ValueSerializer {
    pub(crate) fn new() -> Self {
        ValueSerializer { depth: 0, readable: true }
    }

    /// For what is inside one of our own tokens.
    pub(crate) fn capture() -> Self {
        ValueSerializer { depth: 0, readable: false }
    }

    fn deeper(mut self) -> Result<Self, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Fault::new("nested too deeply")) } else { Ok(self) }
    }
}

/// Captures what is inside a token and makes the value it stands for.
pub(crate) fn capture<T: Serialize + ?Sized>(name: &str, inside: &T) -> Result<Value, Fault> {
    let body = inside.serialize(ValueSerializer::capture())?;
    rebuild(name, body).ok_or_else(|| Fault::new("not a value of this crate"))
}

macro_rules! numbers {
    ($($method:ident $type:ty)*) => {$(
        fn $method(self, n: $type) -> Result<Value, Fault> {
            Ok(Value::Number(Number::from(n)))
        }
    )*};
}

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Fault;
    type SerializeSeq = ArrayBuilder;
    type SerializeTuple = ArrayBuilder;
    type SerializeTupleStruct = ArrayBuilder;
    type SerializeTupleVariant = ArrayBuilder;
    type SerializeMap = ObjectBuilder;
    type SerializeStruct = ObjectBuilder;
    type SerializeStructVariant = ObjectBuilder;

    numbers! {
        serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32 serialize_u64 u64
        serialize_f32 f32 serialize_f64 f64
    }

    fn serialize_i128(self, n: i128) -> Result<Value, Fault> {
        Number::narrow(n).map(Value::Number)
    }

    fn serialize_u128(self, n: u128) -> Result<Value, Fault> {
        Number::narrow(n).map(Value::Number)
    }

    fn is_human_readable(&self) -> bool {
        self.readable
    }

    fn serialize_bool(self, bool: bool) -> Result<Value, Fault> {
        Ok(Value::Bool(bool))
    }

    fn serialize_char(self, char: char) -> Result<Value, Fault> {
        Ok(Value::String(char.into()))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Fault> {
        Ok(Value::String(text.into()))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Fault> {
        Ok(Value::Binary(bytes.into()))
    }

    fn serialize_none(self) -> Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Fault> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Fault> {
        Ok(Value::String(variant.into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        if token::is_token(name) { capture(name, value) } else { value.serialize(self) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Fault> {
        Ok(Value::Object(vec![(variant.into(), value.serialize(self.deeper()?)?)]))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<ArrayBuilder, Fault> {
        let elements = Vec::with_capacity(len.unwrap_or(0).min(1024));
        Ok(ArrayBuilder { inner: self.deeper()?, elements, variant: None })
    }

    fn serialize_tuple(self, len: usize) -> Result<ArrayBuilder, Fault> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<ArrayBuilder, Fault> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<ArrayBuilder, Fault> {
        let builder = self.deeper()?.serialize_seq(Some(len))?;
        Ok(ArrayBuilder { variant: Some(variant), ..builder })
    }

    fn serialize_map(self, len: Option<usize>) -> Result<ObjectBuilder, Fault> {
        let entries = Vec::with_capacity(len.unwrap_or(0).min(1024));
        Ok(ObjectBuilder {
            inner: self.deeper()?,
            entries,
            key: None,
            variant: None,
            spliced: None,
        })
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<ObjectBuilder, Fault> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<ObjectBuilder, Fault> {
        let builder = self.deeper()?.serialize_map(Some(len))?;
        Ok(ObjectBuilder { variant: Some(variant), ..builder })
    }
}

fn wrapped(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(vec![(variant.into(), value)]),
        None => value,
    }
}

/// An array in the making.
pub(crate) struct ArrayBuilder {
    inner: ValueSerializer,
    elements: Vec<Value>,
    variant: Option<&'static str>,
}

impl ArrayBuilder {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.elements.push(value.serialize(self.inner)?);
        Ok(())
    }

    fn finish(self) -> Result<Value, Fault> {
        Ok(wrapped(self.variant, Value::Array(self.elements)))
    }
}

/// An object in the making.
pub(crate) struct ObjectBuilder {
    inner: ValueSerializer,
    entries: Vec<(String, Value)>,
    key: Option<String>,
    variant: Option<&'static str>,
    /// What it is in truth, if it is something of serde_json's.
    spliced: Option<Value>,
}

impl ObjectBuilder {
    fn push<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Fault> {
        if token::is_private(key) {
            if !self.entries.is_empty() || self.variant.is_some() {
                return raw::misplaced();
            }
            let outside = ValueSerializer { depth: self.inner.depth - 1, ..self.inner };
            self.spliced = Some(raw::value(key, value)?.serialize(outside)?);
            return Ok(());
        }
        self.entries.push((key.into(), value.serialize(self.inner)?));
        Ok(())
    }

    fn finish(self) -> Result<Value, Fault> {
        match self.spliced {
            Some(value) => Ok(value),
            None => Ok(wrapped(self.variant, Value::Object(self.entries))),
        }
    }
}

impl SerializeMap for ObjectBuilder {
    type Ok = Value;
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key = Some(key.serialize(KeySerializer(|key: &str| Ok(key.to_owned())))?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let key = self.key.take().unwrap_or_default();
        self.entries.push((key, value.serialize(self.inner)?));
        Ok(())
    }

    fn end(self) -> Result<Value, Fault> {
        self.finish()
    }
}

macro_rules! builders {
    ($($builder:ident $($trait:ident $method:ident($($key:ident)?))*;)*) => {$($(
        impl $trait for $builder {
            type Ok = Value;
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), Fault> {
                self.push($($key,)? value)
            }

            fn end(self) -> Result<Value, Fault> {
                self.finish()
            }
        }
    )*)*};
}

builders! {
    ArrayBuilder
        SerializeSeq serialize_element()
        SerializeTuple serialize_element()
        SerializeTupleStruct serialize_field()
        SerializeTupleVariant serialize_field();
    ObjectBuilder
        SerializeStruct serialize_field(key)
        SerializeStructVariant serialize_field(key);
}
