//! serde to `Value`.

use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Value, special, token};

/// Most elements or entries for which room is made before they have been seen.
const ROOM: usize = 64;

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(token::VALUE, ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    /// A format that is not ours.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Value::Binary(bytes.into()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Binary(bytes))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Value, D::Error> {
        inner.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(ROOM));
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(ROOM));
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Object(without_duplicates(entries)))
    }

    /// A special value from one of our own formats.
    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let (which, inside) = access.variant::<u32>()?;
        let name = token::SPECIAL.get(which as usize).copied().unwrap_or_default();
        special::rebuild(name, inside.newtype_variant()?)
            .ok_or_else(|| A::Error::custom("not a value of this crate"))
    }
}

/// Up to this many keys are compared with each other one by one.
const FEW: usize = 8;

/// Of each key the last value, in the place of the first, as JavaScript does.
fn without_duplicates(mut entries: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let duplicate = if entries.len() <= FEW {
        let later = |at: usize| entries[at + 1..].iter().any(|(key, _)| *key == entries[at].0);
        (0..entries.len()).any(later)
    } else {
        let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    };
    if duplicate {
        entries = merge(entries);
    }
    entries
}

#[cold]
fn merge(entries: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut place = std::collections::HashMap::with_capacity(entries.len());
    let mut merged: Vec<(String, Value)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match place.get(&key) {
            Some(&at) => {
                let slot: &mut (String, Value) = &mut merged[at];
                slot.1 = value;
            }
            None => {
                place.insert(key.clone(), merged.len());
                merged.push((key, value));
            }
        }
    }
    merged
}
