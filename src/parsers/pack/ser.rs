//! serde's `Serializer` over tagged bytes.

use std::marker::PhantomData;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::tags::{Tags, length};
use crate::parsers::dynamic::{capture, raw};
use crate::parsers::words::{few, put, put_wide, several};
use crate::value::{Fault, KeySerializer, MAX_DEPTH, Number, Value, token};

pub(in crate::parsers) fn write<T: Serialize + ?Sized, F: Tags>(
    value: &T,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    value.serialize(&mut Writer::<F> { out, depth: 0, tags: PhantomData })
}

pub(super) struct Writer<'a, F> {
    out: &'a mut Vec<u8>,
    depth: usize,
    tags: PhantomData<F>,
}

impl<'b, F: Tags> Writer<'b, F> {
    #[inline]
    fn text(&mut self, text: &str) -> Result<(), Fault> {
        if text.len() < 8 {
            let tag = u64::from(F::STR) + text.len() as u64;
            put(self.out, tag | few(text.as_bytes()) << 8, text.len() + 1);
            return Ok(());
        }
        self.long_text(text)
    }

    fn long_text(&mut self, text: &str) -> Result<(), Fault> {
        F::str_head(self.out, length(text.len())?);
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    /// As [`text`](Self::text), for the names of fields: where they are known to
    /// the compiler, it does most of this.
    #[inline(always)]
    fn name(&mut self, name: &'static str) -> Result<(), Fault> {
        if name.len() > 15 {
            return self.long_text(name);
        }
        let tag = u128::from(F::STR) + name.len() as u128;
        put_wide(self.out, tag | several(name.as_bytes()) << 8, name.len() + 1);
        Ok(())
    }

    fn variant(&mut self, name: &str) -> Result<(), Fault> {
        self.deeper()?;
        F::map_head(self.out, 1);
        self.text(name)
    }

    #[inline]
    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Fault::new("nested too deeply")) } else { Ok(()) }
    }

    #[inline]
    fn group<'a>(
        &'a mut self,
        len: Option<usize>,
        head: fn(&mut Vec<u8>, u32),
        variant: bool,
    ) -> Result<Group<'a, 'b, F>, Fault> {
        self.deeper()?;
        let start = self.out.len();
        let announced = length(len.unwrap_or(0))?;
        head(self.out, announced);
        let body = self.out.len();
        Ok(Group { writer: self, head, start, body, announced, count: 0, variant })
    }
}

macro_rules! numbers {
    ($($method:ident $type:ty => $write:ident $as:ty;)*) => {$(
        fn $method(self, n: $type) -> Result<(), Fault> {
            F::$write(self.out, <$as>::from(n))
        }
    )*};
}

impl<'a, 'b, F: Tags> Serializer for &'a mut Writer<'b, F> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Group<'a, 'b, F>;
    type SerializeTuple = Group<'a, 'b, F>;
    type SerializeTupleStruct = Group<'a, 'b, F>;
    type SerializeTupleVariant = Group<'a, 'b, F>;
    type SerializeMap = Group<'a, 'b, F>;
    type SerializeStruct = Group<'a, 'b, F>;
    type SerializeStructVariant = Group<'a, 'b, F>;

    numbers! {
        serialize_i8 i8 => int i64;
        serialize_i16 i16 => int i64;
        serialize_i32 i32 => int i64;
        serialize_i64 i64 => int i64;
        serialize_u8 u8 => int i64;
        serialize_u16 u16 => int i64;
        serialize_u32 u32 => int i64;
        serialize_f32 f32 => float f64;
        serialize_f64 f64 => float f64;
    }

    fn serialize_u64(self, n: u64) -> Result<(), Fault> {
        match i64::try_from(n) {
            Ok(n) => F::int(self.out, n),
            Err(_) => F::uint(self.out, n),
        }
    }

    fn serialize_i128(self, n: i128) -> Result<(), Fault> {
        Value::Number(Number::narrow(n)?).serialize(self)
    }

    fn serialize_u128(self, n: u128) -> Result<(), Fault> {
        Value::Number(Number::narrow(n)?).serialize(self)
    }

    fn serialize_bool(self, bool: bool) -> Result<(), Fault> {
        self.out.push(if bool { 0xC3 } else { 0xC2 });
        Ok(())
    }

    fn serialize_char(self, char: char) -> Result<(), Fault> {
        self.text(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Fault> {
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        F::bytes(self.out, bytes)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.out.push(0xC0);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Fault> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), Fault> {
        self.text(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        if token::is_token(name) {
            return F::special(self.out, capture(name, value)?);
        }
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        self.variant(name)?;
        value.serialize(&mut *self)?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Group<'a, 'b, F>, Fault> {
        self.group(len, F::array_head, false)
    }

    fn serialize_tuple(self, len: usize) -> Result<Group<'a, 'b, F>, Fault> {
        self.group(Some(len), F::array_head, false)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        len: usize,
    ) -> Result<Group<'a, 'b, F>, Fault> {
        self.group(Some(len), F::array_head, false)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Group<'a, 'b, F>, Fault> {
        self.variant(name)?;
        self.group(Some(len), F::array_head, true)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Group<'a, 'b, F>, Fault> {
        self.group(len, F::map_head, false)
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Group<'a, 'b, F>, Fault> {
        self.group(Some(len), F::map_head, false)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        len: usize,
    ) -> Result<Group<'a, 'b, F>, Fault> {
        self.variant(name)?;
        self.group(Some(len), F::map_head, true)
    }
}

/// An array or map in the making.
pub(super) struct Group<'a, 'b, F> {
    writer: &'a mut Writer<'b, F>,
    head: fn(&mut Vec<u8>, u32),
    /// Where the head begins.
    start: usize,
    /// Where the first element begins.
    body: usize,
    /// The count that the head has.
    announced: u32,
    count: usize,
    variant: bool,
}

impl<F: Tags> Group<'_, '_, F> {
    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.count += 1;
        value.serialize(&mut *self.writer)
    }

    #[inline(always)]
    fn entry<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        if token::is_private(key) {
            return self.splice(key, value);
        }
        self.writer.name(key)?;
        self.push(value)
    }

    /// Writes something of serde_json's in place of the map that it is shown as.
    #[cold]
    fn splice<T: Serialize + ?Sized>(&mut self, name: &str, of: &T) -> Result<(), Fault> {
        if self.count > 0 || self.variant {
            return raw::misplaced();
        }
        self.writer.out.truncate(self.start);
        self.writer.depth -= 1;
        raw::value(name, of)?.serialize(&mut *self.writer)?;
        self.writer.depth += 1;
        // There is no head to be put right.
        self.announced = 0;
        Ok(())
    }

    /// Puts the head right if the count was not known before.
    #[cold]
    fn correct(&mut self) -> Result<(), Fault> {
        let mut head = Vec::with_capacity(5);
        (self.head)(&mut head, length(self.count)?);
        self.writer.out.splice(self.start..self.body, head);
        Ok(())
    }

    #[inline]
    fn close(mut self) -> Result<(), Fault> {
        if self.count != self.announced as usize {
            self.correct()?;
        }
        self.writer.depth -= 1 + usize::from(self.variant);
        Ok(())
    }
}

impl<F: Tags> SerializeMap for Group<'_, '_, F> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        key.serialize(KeySerializer(|key: &str| self.writer.text(key)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.push(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.close()
    }
}

macro_rules! builders {
    ($($trait:ident $method:ident($($key:ident)?) $add:ident;)*) => {$(
        impl<F: Tags> $trait for Group<'_, '_, F> {
            type Ok = ();
            type Error = Fault;

            #[inline(always)]
            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), Fault> {
                self.$add($($key,)? value)
            }

            #[inline]
            fn end(self) -> Result<(), Fault> {
                self.close()
            }
        }
    )*};
}

builders! {
    SerializeSeq serialize_element() push;
    SerializeTuple serialize_element() push;
    SerializeTupleStruct serialize_field() push;
    SerializeTupleVariant serialize_field() push;
    SerializeStruct serialize_field(key) entry;
    SerializeStructVariant serialize_field(key) entry;
}
