//! What is within arrays, objects and variants of a JSON text, for serde.

use serde::de::{DeserializeSeed, EnumAccess, MapAccess, SeqAccess};

use super::de::Reader;
use crate::parsers::content::Content;
use crate::value::{Fault, KeyDeserializer};

/// The elements of an array.
pub(super) struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
}

impl<'a, 'de> Elements<'a, 'de> {
    #[inline]
    pub fn new(reader: &'a mut Reader<'de>) -> Self {
        Elements { reader, first: true }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        let lexer = &mut self.reader.lexer;
        let more = if self.first { lexer.peek() != Some(b']') } else { lexer.eat(b',') };
        self.first = false;
        if more { Ok(Some(seed.deserialize(&mut *self.reader)?)) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        self.reader.none_left(b']')
    }
}

/// The entries of an object.
pub(super) struct Entries<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
}

impl<'a, 'de> Entries<'a, 'de> {
    #[inline]
    pub fn new(reader: &'a mut Reader<'de>) -> Self {
        Entries { reader, first: true }
    }

    /// The next key, with its colon, in any way it can be written.
    fn any_key<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        let lexer = &mut self.reader.lexer;
        if self.first {
            self.first = false;
            if lexer.peek() == Some(b'}') {
                return Ok(None);
            }
        } else if !lexer.eat(b',') {
            return Ok(None);
        }
        if lexer.peek() != Some(b'"') {
            return lexer.fault("expected a key");
        }
        let key = lexer.string()?;
        lexer.expect(b':', "expected a colon")?;
        seed.deserialize(KeyDeserializer(key)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = Fault;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Fault> {
        if !self.first
            && let Some(key) = self.reader.lexer.short_key()
        {
            return Ok(Some(seed.deserialize(KeyDeserializer(key))?));
        }
        self.any_key(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        self.reader.none_left(b'}')
    }
}

/// `{"Variant": content}`.
pub(super) struct Variant<'a, 'de>(pub &'a mut Reader<'de>);

impl<'a, 'de> EnumAccess<'de> for Variant<'a, 'de> {
    type Error = Fault;
    type Variant = Content<&'a mut Reader<'de>>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), Fault> {
        let lexer = &mut self.0.lexer;
        if lexer.peek() != Some(b'"') {
            return lexer.fault("expected a key");
        }
        let name = seed.deserialize(KeyDeserializer(lexer.string()?))?;
        lexer.expect(b':', "expected a colon")?;
        Ok((name, Content(self.0)))
    }
}
