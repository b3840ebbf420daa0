//! serde's `Deserializer` over JSON text.

use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::dialect::Dialect;
use super::lexer::Lexer;
use super::within::{Elements, Entries, Variant};
use crate::parsers::dynamic::{ValueDeserializer, visit_raw, visit_raw_text};
use crate::parsers::ejson::{self, Wrapper};
use crate::value::{Fault, MAX_DEPTH, Value, token, visit_number};

/// How often, on average, each byte of a message may be looked at ahead. Once is
/// usual; each escape inside another costs once more, so without a bound deeply
/// nested ones would be expensive.
const LOOKS: usize = 16;

/// Reads one message.
pub(super) struct Reader<'de> {
    pub lexer: Lexer<'de>,
    dialect: Dialect,
    /// How many arrays and objects are open.
    depth: usize,
    /// How many bytes may still be looked at ahead, to tell the wrappers of
    /// EJSON from other objects.
    ahead: usize,
}

type Outcome<'de, V> = Result<<V as Visitor<'de>>::Value, Fault>;

impl<'de> Reader<'de> {
    pub fn new(text: &'de str, dialect: Dialect) -> Self {
        let ahead = text.len().saturating_mul(LOOKS);
        Reader { lexer: Lexer::new(text), dialect, depth: 0, ahead }
    }

    pub fn end(&mut self) -> Result<(), Fault> {
        self.lexer.end()
    }

    /// Takes a bracket and goes one level down.
    fn open(&mut self) -> Result<(), Fault> {
        self.lexer.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { self.lexer.fault("nested too deeply") } else { Ok(()) }
    }

    /// Nothing is left if the bracket is next; how much otherwise is not known. A
    /// peer may send many lists of one, for which no more room is to be made.
    #[inline]
    pub fn none_left(&self, bracket: u8) -> Option<usize> {
        let mut ahead = self.lexer;
        (ahead.peek() == Some(bracket)).then_some(0)
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<'de, V> {
        self.open()?;
        let value = visitor.visit_seq(Elements::new(self))?;
        self.depth -= 1;
        self.lexer.expect(b']', "expected the end of the array")?;
        Ok(value)
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<'de, V> {
        self.open()?;
        let value = visitor.visit_map(Entries::new(self))?;
        self.depth -= 1;
        self.lexer.expect(b'}', "expected the end of the object")?;
        Ok(value)
    }

    /// What the object that is next is in EJSON, if it is not what it seems.
    fn wrapper(&mut self) -> Result<Option<Wrapper>, Fault> {
        let mut seen = 0;
        let wrapper = ejson::wrapper(self.lexer, self.depth, &mut seen)?;
        match self.ahead.checked_sub(seen) {
            Some(left) => self.ahead = left,
            None => return self.lexer.fault("too many wrappers inside each other"),
        }
        Ok(wrapper)
    }

    /// Reads an object inside an escape, which is never taken for a wrapper.
    fn escaped<T>(
        &mut self,
        inside: usize,
        end: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.depth += 1;
        self.lexer.at = inside;
        let value = read(self)?;
        self.depth -= 1;
        self.lexer.at = end;
        Ok(value)
    }

    /// Reads `{"Variant": content}`.
    fn variant<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<'de, V> {
        self.open()?;
        let value = visitor.visit_enum(Variant(&mut *self))?;
        self.depth -= 1;
        self.lexer.expect(b'}', "expected the end of the variant")?;
        Ok(value)
    }

    /// The text that is next, for a raw value of serde_json; of EJSON what JSON
    /// makes of the values in it.
    fn raw<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<'de, V> {
        if self.dialect == Dialect::Ejson {
            return visit_raw(&Value::deserialize(self)?, visitor);
        }
        self.lexer.peek();
        let start = self.lexer.at;
        self.lexer.skip_value(self.depth)?;
        visit_raw_text(self.lexer.text[start..self.lexer.at].to_owned(), visitor)
    }

    fn any<V: Visitor<'de>>(&mut self, whole: bool, visitor: V) -> Outcome<'de, V> {
        match self.lexer.peek() {
            Some(b'"') => self.string(visitor),
            // Values inside ask for themselves as `Value`s again.
            Some(b'{') if self.dialect == Dialect::Json => self.object(visitor),
            Some(b'{') => match self.wrapper()? {
                None => self.object(visitor),
                Some(Wrapper::Escape(inside, end)) => {
                    self.escaped(inside, end, |reader| reader.object(visitor))
                }
                Some(Wrapper::Value(value, end)) => {
                    self.lexer.at = end;
                    let special = ValueDeserializer::new(value);
                    match whole {
                        true => special.deserialize_newtype_struct(token::VALUE, visitor),
                        false => special.deserialize_any(visitor),
                    }
                }
            },
            Some(b'[') => self.array(visitor),
            Some(b'-' | b'0'..=b'9') => visit_number(self.lexer.number()?, visitor),
            Some(b'n') => self.lexer.word("null").and_then(|()| visitor.visit_unit()),
            Some(b't') => self.lexer.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.lexer.word("false").and_then(|()| visitor.visit_bool(false)),
            Some(_) => self.lexer.fault("not a value"),
            None => self.lexer.fault("unexpected end"),
        }
    }

    #[inline]
    fn string<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<'de, V> {
        match self.lexer.plain_string() {
            Ok(text) => visitor.visit_borrowed_str(text),
            Err(special) => visitor.visit_string(self.lexer.escaped_string(special)?),
        }
    }
}

/// What a hint changes: nothing, except where a special value meets a field of
/// that kind.
macro_rules! hinted {
    ($reader:ident, $visitor:ident, $method:ident($($name:ident),*)) => {
        match $reader.lexer.peek() {
            Some(b'{') if $reader.dialect == Dialect::Json => $reader.object($visitor),
            Some(b'{') => match $reader.wrapper()? {
                None => $reader.object($visitor),
                Some(Wrapper::Escape(inside, end)) => {
                    $reader.escaped(inside, end, |reader| reader.object($visitor))
                }
                Some(Wrapper::Value(value, end)) => {
                    $reader.lexer.at = end;
                    ValueDeserializer::new(value).$method($($name,)* $visitor)
                }
            },
            _ => $reader.any(false, $visitor),
        }
    };
}

macro_rules! hints {
    ($($method:ident($($name:ident: $type:ty),*))*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Outcome<'de, V> {
            hinted!(self, visitor, $method($($name),*))
        }
    )*};
}

/// Most numbers are plain ones.
macro_rules! numbers {
    ($($method:ident)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
            match self.lexer.plain_number() {
                Some(number) => visit_number(number, visitor),
                None => hinted!(self, visitor, $method()),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    hints! {
        deserialize_tuple(len: usize)
        deserialize_map() deserialize_tuple_struct(name: &'static str, len: usize)
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
    }

    #[inline]
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        self.any(false, visitor)
    }

    #[inline]
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match self.lexer.peek() {
            Some(b'[') => self.array(visitor),
            _ => hinted!(self, visitor, deserialize_seq()),
        }
    }

    #[inline]
    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match self.lexer.peek() {
            Some(b't') => self.lexer.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.lexer.word("false").and_then(|()| visitor.visit_bool(false)),
            _ => self.any(false, visitor),
        }
    }

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match self.lexer.peek() {
            Some(b'"') => self.string(visitor),
            _ => self.any(false, visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match self.lexer.peek() {
            Some(b'n') => self.lexer.word("null").and_then(|()| visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        match self.lexer.peek() {
            // Perhaps the JSON of a Buffer; a Value knows what it stands for.
            Some(b'{') => {
                let value: Value = serde::Deserialize::deserialize(self)?;
                ValueDeserializer::new(value).deserialize_byte_buf(visitor)
            }
            _ => self.any(false, visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        self.deserialize_bytes(visitor)
    }

    /// The caller knows the name, so that one arm is left of this.
    #[inline(always)]
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Outcome<'de, V> {
        match name {
            token::VALUE => self.any(true, visitor),
            token::BYTES => self.deserialize_byte_buf(visitor),
            token::RAW => self.raw(visitor),
            // As a number a date keeps all of its milliseconds.
            token::DATE => self.deserialize_f64(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Outcome<'de, V> {
        match self.lexer.peek() {
            Some(b'"') => visitor.visit_enum(self.lexer.string()?.into_deserializer()),
            Some(b'{') if self.dialect == Dialect::Json => self.variant(visitor),
            Some(b'{') => match self.wrapper()? {
                None => self.variant(visitor),
                Some(Wrapper::Escape(inside, end)) => {
                    self.escaped(inside, end, |reader| reader.variant(visitor))
                }
                Some(Wrapper::Value(value, end)) => {
                    self.lexer.at = end;
                    ValueDeserializer::new(value).deserialize_enum(name, variants, visitor)
                }
            },
            _ => self.lexer.fault("expected a string or an object with a single key"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<'de, V> {
        self.lexer.skip_value(self.depth)?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 char unit unit_struct identifier
    }
}
