//! `Value` to serde.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::number::Repr;
use super::{Value, special};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(bool) => serializer.serialize_bool(*bool),
            Value::Number(number) => match number.repr() {
                Repr::Int(n) => serializer.serialize_i64(n),
                Repr::Uint(n) => serializer.serialize_u64(n),
                Repr::Float(n) => serializer.serialize_f64(n),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::Binary(bytes) => serializer.serialize_bytes(bytes),
            Value::Date(date) => date.serialize(serializer),
            Value::Array(elements) => serializer.collect_seq(elements),
            Value::Object(entries) => object(entries, serializer),
            special => special::serialize(special, serializer),
        }
    }
}

fn object<S: Serializer>(entries: &[(String, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(entries.len()))?;
    if entries.iter().any(|(key, _)| index(key).is_some()) {
        for at in javascript_order(entries) {
            map.serialize_entry(&entries[at].0, &entries[at].1)?;
        }
    } else {
        for (key, value) in entries {
            map.serialize_entry(key, value)?;
        }
    }
    map.end()
}

/// The places of the entries as a JavaScript object would have them: array
/// indices first, ascending, then the others in their order.
fn javascript_order(entries: &[(String, Value)]) -> impl Iterator<Item = usize> {
    let key = |(at, (key, _)): (usize, &(String, Value))| (index(key).unwrap_or(u32::MAX), at);
    let mut order: Vec<(u32, usize)> = entries.iter().enumerate().map(key).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at)
}

/// The array index that a key is, if it is one: 0 to 2^32 - 2, without leading
/// zeros.
fn index(key: &str) -> Option<u32> {
    let first = key.as_bytes().first()?;
    if !first.is_ascii_digit() || key.len() > 10 || (*first == b'0' && key.len() > 1) {
        return None;
    }
    key.parse().ok().filter(|index| *index != u32::MAX)
}
