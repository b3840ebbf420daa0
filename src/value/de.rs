//! serde to `Value`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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

/// Makes a `Value` of what it is shown.
pub(crate) struct ValueVisitor;

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
            if elements.len() == elements.capacity() {
                grow(&mut elements, seq.size_hint());
            }
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0).min(ROOM));
        while let Some(entry) = map.next_entry()? {
            if entries.len() == entries.capacity() {
                grow(&mut entries, map.size_hint());
            }
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

/// Makes room for one more and as many as there are, or for no more than are left.
#[inline(never)]
pub(crate) fn grow<T>(things: &mut Vec<T>, left: Option<usize>) {
    let more = things.len().max(4);
    things.reserve_exact(left.map_or(more, |left| more.min(left.saturating_add(1))));
}

/// Up to this many keys are compared with each other one by one.
const FEW: usize = 8;

/// Up to this many keys are sorted: their texts are in the processor's cache then.
const SOME: usize = 256;

/// Of each key the last value, in the place of the first, as JavaScript does.
pub(crate) fn without_duplicates(mut entries: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let duplicate = if entries.len() <= FEW {
        let later = |at: usize| entries[at + 1..].iter().any(|(key, _)| *key == entries[at].0);
        (0..entries.len()).any(later)
    } else if entries.len() <= SOME {
        let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        keys.windows(2).any(|pair| pair[0] == pair[1])
    } else {
        true
    };
    if duplicate {
        merge(&mut entries);
    }
    entries
}

#[cold]
fn merge(entries: &mut Vec<(String, Value)>) {
    let mut first = HashMap::new();
    // From where to where. Four thousand million entries fit into no message.
    let mut moves: Vec<(u32, u32)> = Vec::new();
    for (at, (key, _)) in (0..).zip(entries.iter()) {
        match first.entry(key.as_str()) {
            Entry::Vacant(place) => {
                place.insert(at);
            }
            Entry::Occupied(place) => moves.push((at, *place.get())),
        }
    }
    drop(first);
    for (from, to) in &moves {
        entries[*to as usize].1 = std::mem::take(&mut entries[*from as usize].1);
    }
    let mut gone = moves.iter().map(|(from, _)| *from).peekable();
    let mut at = 0..;
    entries.retain(|_| gone.next_if(|gone| at.next() == Some(*gone)).is_none());
}
