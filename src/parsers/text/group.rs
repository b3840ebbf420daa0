//! Arrays and objects while they are written.

use serde::ser::{
    Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::ser::{Writer, Wrote};
use super::write;
use crate::parsers::dynamic::raw;
use crate::parsers::ejson::Keys;
use crate::value::{Fault, KeySerializer, token};

/// What an array or object has behind its last element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its bracket.
    Plain,
    /// The bracket of its variant, too.
    Variant,
    /// And that of the escape around the variant.
    EscapedVariant,
    /// Nothing: something else was written in its place.
    Spliced,
}

/// An array in the making.
pub(super) struct List<'a, 'b> {
    writer: &'a mut Writer<'b>,
    first: bool,
    ending: Ending,
}

impl<'a, 'b> List<'a, 'b> {
    /// Goes on behind the bracket.
    #[inline]
    pub fn new(writer: &'a mut Writer<'b>, ending: Ending) -> Self {
        List { writer, first: true, ending }
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
        if self.ending != Ending::Plain {
            self.writer.end(self.ending);
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
    ending: Ending,
}

impl<'a, 'b> Object<'a, 'b> {
    /// Goes on behind the bracket.
    #[inline]
    pub fn new(writer: &'a mut Writer<'b>, ending: Ending) -> Self {
        let start = writer.out.len();
        Object { writer, start, mark: start, first: true, keys: Keys::default(), ending }
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
        if token::is_private(key) {
            return self.splice(key, value);
        }
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
        if self.ending != Ending::Plain {
            self.writer.end(self.ending);
        }
    }

    /// Writes something of serde_json's in place of the object that it is shown as.
    #[cold]
    fn splice<T: Serialize + ?Sized>(&mut self, name: &str, of: &T) -> Result<(), Fault> {
        if !self.first || self.ending != Ending::Plain {
            return raw::misplaced();
        }
        self.writer.out.truncate(self.start - 1);
        self.writer.depth -= 1;
        self.writer.private(name, of)?;
        self.writer.depth += 1;
        // The bracket that follows is taken back.
        self.ending = Ending::Spliced;
        Ok(())
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
