//! serde's `Serializer` over JSON text.

use serde::ser::{Serialize, Serializer};

use super::dialect::Dialect;
use super::group::{Ending, List, Object};
use super::lexer::Lexer;
use super::{digits, write};
use crate::base64;
use crate::parsers::dynamic::{capture, raw};
use crate::parsers::ejson::Keys;
use crate::value::{Date, Fault, MAX_DEPTH, Number, TypedKind, Value, token};

/// Whether anything was written: for `undefined` nothing is.
pub(super) type Wrote = Result<bool, Fault>;

/// Writes a message behind what is there; nothing for `undefined`.
pub(in crate::parsers) fn append<T: Serialize + ?Sized>(
    value: &T,
    dialect: Dialect,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    value.serialize(&mut Writer { out, dialect, depth: 0 }).map(drop)
}

pub(super) struct Writer<'a> {
    pub out: &'a mut Vec<u8>,
    dialect: Dialect,
    pub depth: usize,
}

impl Writer<'_> {
    #[inline]
    fn open(&mut self, bracket: u8) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::new("nested too deeply"));
        }
        self.out.push(bracket);
        Ok(())
    }

    #[inline]
    pub fn close(&mut self, bracket: u8) {
        self.depth -= 1;
        self.out.push(bracket);
    }

    /// Opens `{"Variant":`, in EJSON within an escape if it looks like a wrapper.
    fn variant(&mut self, name: &str) -> Result<Ending, Fault> {
        let mut keys = Keys::default();
        keys.add(name);
        let escaped = self.ejson() && keys.is_wrapper();
        if escaped {
            self.out.extend_from_slice(b"{\"$escape\":");
        }
        self.open(b'{')?;
        write::key(self.out, true, name);
        Ok(if escaped { Ending::EscapedVariant } else { Ending::Variant })
    }

    /// What comes behind the bracket of an array or object that is not plain.
    #[cold]
    pub fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Plain => {}
            // The bracket itself does not belong there.
            Ending::Spliced => drop(self.out.pop()),
            Ending::Variant => self.close(b'}'),
            Ending::EscapedVariant => {
                self.close(b'}');
                self.out.push(b'}');
            }
        }
    }

    /// Writes what serde_json shows under one of its private names.
    pub fn private<T: Serialize + ?Sized>(&mut self, name: &str, of: &T) -> Result<(), Fault> {
        if name != token::RAW || self.ejson() {
            return raw::value(name, of)?.serialize(self).map(drop);
        }
        let text = raw::text(of)?;
        let mut lexer = Lexer::new(&text);
        lexer.skip_value(self.depth)?;
        lexer.end()?;
        write::separators(self.out, &text);
        Ok(())
    }

    #[inline]
    pub fn ejson(&self) -> bool {
        self.dialect == Dialect::Ejson
    }

    fn date(&mut self, date: Date) {
        match (self.ejson(), date.to_iso()) {
            (true, _) => {
                self.out.extend_from_slice(b"{\"$date\":");
                digits::float(self.out, date.ms());
                self.out.push(b'}');
            }
            (false, Some(iso)) => write::string(self.out, &iso),
            (false, None) => self.out.extend_from_slice(b"null"),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) {
        if self.ejson() {
            self.out.extend_from_slice(b"{\"$binary\":\"");
            base64::encode_into(self.out, bytes);
            self.out.extend_from_slice(b"\"}");
        } else {
            write::buffer(self.out, bytes);
        }
    }

    /// One of the values that are shown under a token.
    fn special(&mut self, value: Value) -> bool {
        match value {
            Value::Undefined => return false,
            Value::Date(date) => self.date(date),
            Value::RegExp(regexp) if self.ejson() => write::regexp(self.out, &regexp),
            Value::Typed(array) if self.ejson() && array.kind == TypedKind::Uint8 => {
                self.bytes(&array.bytes);
            }
            Value::Typed(array) => write::typed(self.out, &array),
            Value::Ext(ext) => {
                self.out.extend_from_slice(b"{\"buffer\":");
                self.bytes(&ext.data);
                self.out.extend_from_slice(b",\"type\":");
                digits::uint(self.out, ext.kind.into());
                self.out.push(b'}');
            }
            _ => self.out.extend_from_slice(b"{}"),
        }
        true
    }
}

macro_rules! ints {
    ($($method:ident $type:ty)*) => {$(
        #[inline]
        fn $method(self, n: $type) -> Wrote {
            digits::int(self.out, i64::from(n));
            Ok(true)
        }
    )*};
}

impl<'a, 'b> Serializer for &'a mut Writer<'b> {
    type Ok = bool;
    type Error = Fault;
    type SerializeSeq = List<'a, 'b>;
    type SerializeTuple = List<'a, 'b>;
    type SerializeTupleStruct = List<'a, 'b>;
    type SerializeTupleVariant = List<'a, 'b>;
    type SerializeMap = Object<'a, 'b>;
    type SerializeStruct = Object<'a, 'b>;
    type SerializeStructVariant = Object<'a, 'b>;

    ints! {
        serialize_i8 i8 serialize_i16 i16 serialize_i32 i32 serialize_i64 i64
        serialize_u8 u8 serialize_u16 u16 serialize_u32 u32
    }

    #[inline]
    fn serialize_u64(self, n: u64) -> Wrote {
        digits::uint(self.out, n);
        Ok(true)
    }

    fn serialize_i128(self, n: i128) -> Wrote {
        digits::number(self.out, Number::narrow(n)?);
        Ok(true)
    }

    fn serialize_u128(self, n: u128) -> Wrote {
        digits::number(self.out, Number::narrow(n)?);
        Ok(true)
    }

    #[inline]
    fn serialize_f32(self, n: f32) -> Wrote {
        if n.is_finite() {
            digits::short_float(self.out, n);
            return Ok(true);
        }
        self.serialize_f64(f64::from(n))
    }

    #[inline]
    fn serialize_f64(self, n: f64) -> Wrote {
        match self.ejson() && !n.is_finite() {
            true if n.is_nan() => self.out.extend_from_slice(b"{\"$InfNaN\":0}"),
            true if n > 0.0 => self.out.extend_from_slice(b"{\"$InfNaN\":1}"),
            true => self.out.extend_from_slice(b"{\"$InfNaN\":-1}"),
            false => digits::float(self.out, n),
        }
        Ok(true)
    }

    #[inline]
    fn serialize_bool(self, bool: bool) -> Wrote {
        self.out.extend_from_slice(if bool { b"true" } else { b"false" });
        Ok(true)
    }

    #[inline]
    fn serialize_char(self, char: char) -> Wrote {
        write::string(self.out, char.encode_utf8(&mut [0; 4]));
        Ok(true)
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Wrote {
        write::string(self.out, text);
        Ok(true)
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Wrote {
        self.bytes(bytes);
        Ok(true)
    }

    #[inline]
    fn serialize_none(self) -> Wrote {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Wrote {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Wrote {
        self.out.extend_from_slice(b"null");
        Ok(true)
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Wrote {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Wrote {
        self.serialize_str(name)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Wrote {
        if token::is_token(name) {
            return Ok(self.special(capture(name, value)?));
        }
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Wrote {
        let mut object = self.serialize_map(Some(1))?;
        object.entry(name, value)?;
        object.close();
        Ok(true)
    }

    #[inline]
    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a, 'b>, Fault> {
        self.open(b'[')?;
        Ok(List::new(self, Ending::Plain))
    }

    #[inline]
    fn serialize_tuple(self, len: usize) -> Result<List<'a, 'b>, Fault> {
        self.serialize_seq(Some(len))
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<List<'a, 'b>, Fault> {
        self.serialize_seq(Some(len))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<List<'a, 'b>, Fault> {
        let ending = self.variant(name)?;
        self.open(b'[')?;
        Ok(List::new(self, ending))
    }

    #[inline]
    fn serialize_map(self, _: Option<usize>) -> Result<Object<'a, 'b>, Fault> {
        self.open(b'{')?;
        Ok(Object::new(self, Ending::Plain))
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, len: usize) -> Result<Object<'a, 'b>, Fault> {
        self.serialize_map(Some(len))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Object<'a, 'b>, Fault> {
        let ending = self.variant(name)?;
        self.open(b'{')?;
        Ok(Object::new(self, ending))
    }
}
