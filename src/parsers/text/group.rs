//! Arrays and objects while they are written.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::ser::{Writer, Wrote};
use super::write;
use crate::parsers::ejson::Keys;
use crate::value::{Fault, KeySerializer};

/// An array in the making.
pub(super) struct List<'a, 'b> {
    writer: &'a mut Writer<'b>,
    first: bool,
    variant: bool,
}

impl<'a, 'b> List<'a, 'b> {
    /// Goes on behind the bracket. A variant has another one to be closed.
    #[inline]
    pub fn new(writer: &'a mut Writer<'b>, variant: bool) -> Self {
        List { writer, first: true, variant }
    }

    #[inline]
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        if !std::mem::take(&mut self.first) {
            self.writer.out.push(b',');
        }
        if !value.serialize(&mut *self.writer)? {
            self.writer.out.extend_from_slice(b"null");
        }
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.writer.close(b']');
        if self.variant {
            self.writer.close(b'}');
        }
    }
}

/// An object in the making.
pub(super) struct Object<'a, 'b> {
    writer: &'a mut Writer<'b>,
    /// Where the first entry begins.
    start: usize,
    /// Where the present entry begins, its comma included.
    mark: usize,
    /// Nothing is in it yet.
    first: bool,
    keys: Keys,
    variant: bool,
}

impl<'a, 'b> Object<'a, 'b> {
    /// Goes on behind the bracket. A variant has another one to be closed.
    #[inline]
    pub fn new(writer: &'a mut Writer<'b>, variant: bool) -> Self {
        let start = writer.out.len();
        Object { writer, start, mark: start, first: true, keys: Keys::default(), variant }
    }

    #[inline]
    fn key(&mut self, key: &str) {
        self.mark = self.writer.out.len();
        if self.writer.ejson() {
            self.keys.add(key);
        }
        write::key(self.writer.out, self.first, key);
    }

    #[inline(always)]
    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Fault> {
        self.mark = self.writer.out.len();
        if self.writer.ejson() {
            self.keys.add(key);
        }
        write::field(self.writer.out, self.first, key);
        self.value(value)
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        if value.serialize(&mut *self.writer)? {
            self.first = false;
        } else {
            self.writer.out.truncate(self.mark);
        }
        Ok(())
    }

    #[inline]
    pub fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Fault> {
        self.key(key);
        self.value(value)
    }

    #[inline]
    pub fn close(&mut self) {
        if self.writer.ejson() {
            self.escape();
        }
        self.writer.close(b'}');
        if self.variant {
            self.writer.close(b'}');
        }
    }

    /// What looks like a wrapper of EJSON, but is none, is put into one.
    #[inline(never)]
    fn escape(&mut self) {
        if self.keys.is_wrapper() {
            let before = self.start - 1;
            self.writer.out.splice(before..before, *b"{\"$escape\":");
            self.writer.out.push(b'}');
        }
    }
}

impl SerializeMap for Object<'_, '_> {
    type Ok = bool;
    type Error = Fault;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        key.serialize(KeySerializer(|key: &str| {
            self.key(key);
            Ok(())
        }))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.value(value)
    }

    #[inline]
    fn end(mut self) -> Wrote {
        self.close();
        Ok(true)
    }
}

macro_rules! builders {
    ($($builder:ident.$add:ident: $($trait:ident $method:ident($($key:ident)?))*;)*) => {$($(
        impl $trait for $builder<'_, '_> {
            type Ok = bool;
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
            fn end(mut self) -> Wrote {
                self.close();
                Ok(true)
            }
        }
    )*)*};
}

builders! {
    List.push:
        SerializeSeq serialize_element()
        SerializeTuple serialize_element()
        SerializeTupleStruct serialize_field()
        SerializeTupleVariant serialize_field();
    Object.field:
        SerializeStruct serialize_field(key)
        SerializeStructVariant serialize_field(key);
}
