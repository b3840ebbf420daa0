//! Arguments to a list on the wire.

use std::fmt;
use std::marker::PhantomData;

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::value::token;

/// A list of arguments on the wire, behind the name of the event, if it has one.
pub(crate) struct List<'a, A: ?Sized> {
    pub head: Option<&'a str>,
    pub args: &'a A,
}

impl<A: Serialize + ?Sized> Serialize for List<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.args.serialize(Spread { serializer, head: self.head, args: self.args })
    }
}

/// Looks at how arguments serialise: an array is the list, with the head put before
/// its elements; in place of anything else it has `args` serialised, whole.
struct Spread<'a, S, A: ?Sized> {
    serializer: S,
    head: Option<&'a str>,
    args: &'a A,
}

impl<S: Serializer, A: Serialize + ?Sized> Spread<'_, S, A> {
    fn one(self) -> Result<S::Ok, S::Error> {
        let mut list = self.serializer.serialize_seq(Some(usize::from(self.head.is_some()) + 1))?;
        if let Some(head) = self.head {
            list.serialize_element(head)?;
        }
        list.serialize_element(self.args)?;
        list.end()
    }

    fn none(self) -> Result<S::Ok, S::Error> {
        let list = self.serializer.serialize_seq(Some(usize::from(self.head.is_some())))?;
        with_head(list, self.head, S::SerializeSeq::serialize_element)?.end()
    }

    /// With the head.
    fn length(&self, args: usize) -> usize {
        args.saturating_add(usize::from(self.head.is_some()))
    }

    fn done<E>(self) -> Result<Done<S::Ok, E>, S::Error> {
        Ok(Done(self.one()?, PhantomData))
    }
}

fn with_head<L, E>(
    mut list: L,
    head: Option<&str>,
    push: impl FnOnce(&mut L, &str) -> Result<(), E>,
) -> Result<L, E> {
    match head {
        Some(head) => push(&mut list, head).map(|()| list),
        None => Ok(list),
    }
}

macro_rules! one {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<S::Ok, S::Error> {
            self.one()
        }
    )*};
}

impl<S: Serializer, A: Serialize + ?Sized> Serializer for Spread<'_, S, A> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = S::SerializeSeq;
    type SerializeTuple = S::SerializeTuple;
    type SerializeTupleStruct = S::SerializeTupleStruct;
    type SerializeTupleVariant = Done<S::Ok, S::Error>;
    type SerializeMap = Done<S::Ok, S::Error>;
    type SerializeStruct = Done<S::Ok, S::Error>;
    type SerializeStructVariant = Done<S::Ok, S::Error>;

    one! {
        serialize_bool(bool);
        serialize_i8(i8); serialize_i16(i16); serialize_i32(i32); serialize_i64(i64);
        serialize_u8(u8); serialize_u16(u16); serialize_u32(u32); serialize_u64(u64);
        serialize_i128(i128); serialize_u128(u128);
        serialize_f32(f32); serialize_f64(f64);
        serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn is_human_readable(&self) -> bool {
        self.serializer.is_human_readable()
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<S::Ok, S::Error> {
        self.one()
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        self.none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<S::Ok, S::Error> {
        self.none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        // A date, say, is not what it has inside.
        if token::is_token(name) { self.one() } else { value.serialize(self) }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<S::Ok, S::Error> {
        self.one()
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<S::SerializeSeq, S::Error> {
        let len = len.map(|len| self.length(len));
        let list = self.serializer.serialize_seq(len)?;
        with_head(list, self.head, S::SerializeSeq::serialize_element)
    }

    fn serialize_tuple(self, len: usize) -> Result<S::SerializeTuple, S::Error> {
        let len = self.length(len);
        let list = self.serializer.serialize_tuple(len)?;
        with_head(list, self.head, S::SerializeTuple::serialize_element)
    }

    fn serialize_tuple_struct(
        self,
        name: &'static str,
        len: usize,
    ) -> Result<S::SerializeTupleStruct, S::Error> {
        let len = self.length(len);
        let list = self.serializer.serialize_tuple_struct(name, len)?;
        with_head(list, self.head, S::SerializeTupleStruct::serialize_field)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Done<S::Ok, S::Error>, S::Error> {
        self.done()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Done<S::Ok, S::Error>, S::Error> {
        self.done()
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Done<S::Ok, S::Error>, S::Error> {
        self.done()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Done<S::Ok, S::Error>, S::Error> {
        self.done()
    }
}

/// What is written already: its parts, which come again, are passed over.
struct Done<O, E>(O, PhantomData<fn() -> E>);

macro_rules! pass_over {
    ($($trait:ident { $($method:ident($($name:ty)?);)* })*) => {$(
        impl<O, E: serde::ser::Error> $trait for Done<O, E> {
            type Ok = O;
            type Error = E;

            $(
                fn $method<T: Serialize + ?Sized>(
                    &mut self,
                    $(_: $name,)?
                    _: &T,
                ) -> Result<(), E> {
                    Ok(())
                }
            )*

            fn end(self) -> Result<O, E> {
                Ok(self.0)
            }
        }
    )*};
}

pass_over! {
    SerializeMap { serialize_key(); serialize_value(); }
    SerializeStruct { serialize_field(&'static str); }
    SerializeStructVariant { serialize_field(&'static str); }
    SerializeTupleVariant { serialize_field(); }
}
