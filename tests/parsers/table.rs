//! The table of shapes in the documentation of the parsers: it is right, and what
//! it does not name returns as it was.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};

use primus::value::{Bytes, Date, RegExp};
use primus::{Parser, Value};
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{PEER, parsers};

const TABLE: &str = include_str!("../../src/parsers/shapes.md");

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(tag = "kind")]
enum Internal<T> {
    Held { of: T },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(tag = "kind", content = "content")]
enum Adjacent<T> {
    Newtype(T),
    Struct { of: T },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum External<T> {
    Newtype(T),
    Tuple(u8, T),
    Struct { of: T },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
#[serde(untagged)]
enum Untagged<T> {
    // Unlike anything else.
    Never { no_such_key: Box<Untagged<T>> },
    Held { of: T },
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Held<T> {
    of: T,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Flattened<T> {
    id: u8,
    #[serde(flatten)]
    inner: Held<T>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Newtype<T>(T);

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Unit;

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Pair(i16, String);

#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
struct Empty {}

#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Hash)]
enum Name {
    One,
    #[serde(rename = "$date")]
    Date,
}

#[derive(Serialize, Deserialize, Debug, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Id(u32);

/// Variants whose names look like the wrappers of EJSON.
#[derive(Serialize, Deserialize, Debug, PartialEq, Clone)]
enum Dollars {
    #[serde(rename = "$date")]
    Newtype(i64),
    #[serde(rename = "$binary")]
    Tuple(u8, u8),
    #[serde(rename = "$escape")]
    Struct {
        #[serde(rename = "$InfNaN")]
        of: u8,
    },
    #[serde(rename = "$type")]
    Plain(String),
}

/// As the crate `serde_bytes` has it.
#[derive(Debug, PartialEq, Clone)]
struct ByteBuf(Vec<u8>);

impl Serialize for ByteBuf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteBuf {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BufVisitor;
        impl<'de> Visitor<'de> for BufVisitor {
            type Value = ByteBuf;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("byte array")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<ByteBuf, E> {
                Ok(ByteBuf(bytes.to_vec()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<ByteBuf, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(ByteBuf(bytes))
            }
        }
        deserializer.deserialize_byte_buf(BufVisitor)
    }
}

/// What became of a value, in the words of the table.
fn outcome<T: Serialize + DeserializeOwned + PartialEq>(
    parser: &Parser,
    value: &T,
) -> &'static str {
    let Ok(frame) = parser.encode(value, PEER) else { return "error" };
    let Some(frame) = frame else { return "nothing" };
    parser.check(&frame, PEER).unwrap();
    match parser.decode_as::<T>(&frame, PEER) {
        Ok(back) if back == *value => "same",
        Ok(_) => "other",
        Err(_) => "no",
    }
}

/// All that are different, in order.
fn outcomes<T>(parser: &Parser, values: &[T]) -> String
where
    T: Serialize + DeserializeOwned + PartialEq,
{
    let mut all: Vec<&str> = values.iter().map(|value| outcome(parser, value)).collect();
    all.dedup();
    all.join(", ")
}

/// The cells of the row that a shape has, if it is in the table.
fn row(shape: &str) -> Option<Vec<&'static str>> {
    TABLE.lines().find_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        (cells.next()? == shape).then(|| cells.collect())
    })
}

struct Rows {
    seen: Vec<String>,
    wrong: Vec<String>,
}

impl Rows {
    fn expect(&mut self, shape: &str, context: &str, parser: &Parser, found: &str) {
        let column = ["json", "ejson", "binary", "msgpack"];
        let column = column.iter().position(|name| *name == parser.name()).unwrap();
        let wanted = row(shape).map_or("same", |cells| cells[column]);
        if found != wanted {
            let name = parser.name();
            self.wrong.push(format!("{shape} ({context}), {name}: {found}, not {wanted}"));
        }
    }

    /// A shape where it is read at once, and where serde reads it twice.
    fn shape<T>(&mut self, shape: &str, value: T)
    where
        T: Serialize + DeserializeOwned + PartialEq + Clone + Debug,
    {
        let twice = format!("{shape}, read twice");
        // What is not in the table of its own accord is read twice as well as once.
        let twice = if row(&twice).is_some() { twice } else { shape.to_owned() };
        self.seen.extend([shape.to_owned(), twice.clone()]);
        let held = || value.clone();
        for parser in parsers() {
            let parser = &parser;
            self.expect(shape, "alone", parser, outcome(parser, &value));
            self.expect(shape, "Vec", parser, outcome(parser, &vec![held(), held()]));
            self.expect(shape, "newtype", parser, outcome(parser, &Newtype(held())));
            self.expect(shape, "tuple", parser, outcome(parser, &(1u8, held())));
            self.expect(shape, "array", parser, outcome(parser, &[held(), held()]));
            self.expect(shape, "field", parser, outcome(parser, &Held { of: held() }));
            let map = HashMap::from([("$date".to_owned(), held())]);
            self.expect(shape, "map", parser, outcome(parser, &map));
            let external = [
                External::Newtype(held()),
                External::Tuple(1, held()),
                External::Struct { of: held() },
            ];
            self.expect(shape, "external", parser, &outcomes(parser, &external));
            let adjacent = [Adjacent::Newtype(held()), Adjacent::Struct { of: held() }];
            self.expect(shape, "adjacent", parser, &outcomes(parser, &adjacent));
            let internal = Internal::Held { of: held() };
            self.expect(&twice, "internal", parser, outcome(parser, &internal));
            let untagged = Untagged::Held { of: held() };
            self.expect(&twice, "untagged", parser, outcome(parser, &untagged));
            let flattened = Flattened { id: 1, inner: Held { of: held() } };
            self.expect(&twice, "flattened", parser, outcome(parser, &flattened));
            // An option of what comes back as null is none.
            if !shape.starts_with("`null`") && row(shape).is_none() {
                self.expect(shape, "option", parser, outcome(parser, &Some(held())));
            }
        }
    }
}

fn numbers(rows: &mut Rows) {
    rows.shape("i8", i8::MIN);
    rows.shape("i16", i16::MIN);
    rows.shape("i32", i32::MIN);
    rows.shape("i64", vec![i64::MIN, i64::MAX, -1, 1 << 53]);
    rows.shape("u8", u8::MAX);
    rows.shape("u16", u16::MAX);
    rows.shape("u32", u32::MAX);
    rows.shape("u64", vec![u64::MAX, 1 << 63, (1 << 63) + 2048, i64::MAX as u64, 0]);
    rows.shape("f32", vec![0.1f32, -2.5, 3.0, f32::MIN_POSITIVE, 1e-45]);
    rows.shape("f64", vec![0.1, 1.5 * 2f64.powi(63), -2f64.powi(63), f64::MIN_POSITIVE, 1.5e-300]);
    rows.shape("`i128`, `u128`", u128::from(u64::MAX));
    rows.shape("`i128`, `u128`", i128::from(i64::MIN));
    rows.shape("`i128`, `u128`", 5u128);
    rows.shape("`i128`, `u128` of more than 64 bits", 1u128 << 64);
    rows.shape("`i128`, `u128` of more than 64 bits", i128::from(i64::MIN) - 1);
    rows.shape("the float 2^63", 2f64.powi(63));
    rows.shape("whole floats from 2^64 on", 2f64.powi(64));
    rows.shape("whole floats from 2^64 on", -1e30f64);
    rows.shape("whole floats from 2^64 on", f32::MAX);
    rows.shape("infinite floats", f64::INFINITY);
    rows.shape("infinite floats", f32::NEG_INFINITY);
    // NaN is not equal to itself.
    rows.shape("NaN", NotANumber(f64::NAN));
}

#[derive(Serialize, Deserialize, Debug, Clone)]
struct NotANumber(f64);

impl PartialEq for NotANumber {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_nan() && other.0.is_nan()
    }
}

fn simple_shapes(rows: &mut Rows) {
    rows.shape("bool", true);
    rows.shape("char", vec!['a', '\u{2028}', '😀']);
    rows.shape("String", "a\"\u{2028}\u{0}é".to_owned());
    rows.shape("unit variant", vec![Name::One, Name::Date]);
    rows.shape("tuple struct", Pair(-3, "x".into()));
    rows.shape("empty struct", Empty {});
    rows.shape("nested tuples", ((1u8, -2i32), [0.5f32; 3], ('x', true)));
    rows.shape("option", vec![Some(1u64 << 63), None]);
    rows.shape("newtype of newtype", Newtype(Newtype(Some("x".to_owned()))));
    rows.shape("vectors", vec![vec![1u8, 2], vec![]]);
    rows.shape("dollars", Dollars::Newtype(5));
    rows.shape("dollars", Dollars::Tuple(1, 2));
    rows.shape("dollars", Dollars::Struct { of: 3 });
    rows.shape("dollars", Dollars::Plain("x".into()));
    rows.shape("enums in enums", Internal::Held { of: Untagged::Held { of: 1.5 } });
    rows.shape("enums in enums", Untagged::Held { of: Internal::Held { of: 7u64 } });
    rows.shape("enums in enums", Adjacent::Newtype(External::Tuple(1, Some(2u16))));
    // As an option it is in the table.
    rows.shape("`null`: ()", ());
    rows.shape("`null`: a unit struct", Unit);
    rows.shape("`Some` of what is sent as `null`: `Some(None)`, `Some(())`", Some(None::<u8>));
    rows.shape("`Some` of what is sent as `null`: `Some(None)`, `Some(())`", Some(()));
}

fn keys(rows: &mut Rows) {
    fn map<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, u8> {
        keys.into_iter().zip(1..).collect()
    }
    rows.shape("text keys", map(["".to_owned(), "$date".to_owned(), "1".to_owned()]));
    rows.shape("char keys", map(['a', '1']));
    rows.shape("enum keys", map([Name::One, Name::Date]));
    rows.shape("maps with keys that are numbers or booleans", map([true, false]));
    rows.shape("maps with keys that are numbers or booleans", map([i8::MIN, 1]));
    rows.shape("maps with keys that are numbers or booleans", map([1u64 << 63, u64::MAX, 2]));
    rows.shape("maps with keys that are numbers or booleans", map([Id(7), Id(u32::MAX)]));
    rows.shape("maps with keys that are numbers or booleans", map([i128::MIN, i128::MAX]));
    rows.shape("maps with keys that are numbers or booleans", map([u128::MAX]));
    rows.shape("maps with other keys", map([(1u8, 2u8)]));
    rows.shape("maps with other keys", map([None::<u8>]));
}

fn bytes_and_dates(rows: &mut Rows) {
    rows.shape("Bytes", Bytes(vec![0, 1, 255]));
    rows.shape("fields of `serde_bytes`", ByteBuf(vec![0, 1, 255]));
    rows.shape("empty bytes", Bytes(vec![]));
    rows.shape("Date", Date::from_ms(-1000.0));
    rows.shape("dates with milliseconds", Date::from_ms(1_700_000_000_123.0));
    rows.shape("dates with milliseconds", Date::from_ms(-1.0));
    rows.shape("`Date::INVALID`", Date::INVALID);
    rows.shape("plain Value", Value::from([("a", [1.into(), "x".into(), Value::Null].into())]));
    rows.shape("a date in a `Value`", Value::from(Date::from_ms(1000.0)));
    rows.shape("bytes in a `Value`", Value::from(vec![1u8, 2]));
    let regexp = RegExp { source: "a".into(), flags: "g".into() };
    rows.shape("a regular expression in a `Value`", Value::from(regexp));
}

#[test]
fn every_shape_returns_but_for_those_in_the_table() {
    let mut rows = Rows { seen: vec![], wrong: vec![] };
    numbers(&mut rows);
    simple_shapes(&mut rows);
    keys(&mut rows);
    bytes_and_dates(&mut rows);
    assert!(rows.wrong.is_empty(), "\n{}", rows.wrong.join("\n"));
    let listed = TABLE.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    for shape in listed.filter(|shape| *shape != "shape") {
        assert!(rows.seen.iter().any(|seen| seen == shape), "{shape} is in the table only");
    }
}
