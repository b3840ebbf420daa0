//! The table of shapes in the documentation of the parsers: it is right, and what
//! it does not name returns as it was.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use primus::value::{Bytes, Date, RegExp};
use primus::{Parser, Value};
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{PEER, parsers};

const TABLE: &str = include_str!("../../src/parsers/shapes.md");

#[derive(Serialize, Deserialize, PartialEq, Clone)]
#[serde(tag = "kind")]
enum Internal<T> {
    Held { of: T },
}

#[derive(Serialize, Deserialize, PartialEq, Clone)]
#[serde(tag = "kind", content = "content")]
enum Adjacent<T> {
    Newtype(T),
    Struct { of: T },
}

#[derive(Serialize, Deserialize, PartialEq, Clone)]
enum External<T> {
    Newtype(T),
    Tuple(u8, T),
    Struct { of: T },
}

#[derive(Serialize, Deserialize, PartialEq, Clone)]
#[serde(untagged)]
enum Untagged<T> {
    // Unlike anything else.
    Never { no_such_key: Box<Untagged<T>> },
    Held { of: T },
}

#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct Held<T> {
    of: T,
}

#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct Flattened<T> {
    id: u8,
    #[serde(flatten)]
    inner: Held<T>,
}

#[derive(Serialize, Deserialize, PartialEq)]
struct Newtype<T>(T);

/// Every place where serde knows the type of what it reads.
#[derive(Serialize, Deserialize, PartialEq)]
struct Places<T> {
    pairs: Vec<(u8, T)>,
    map: HashMap<String, Newtype<T>>,
    external: Vec<External<T>>,
    adjacent: Vec<Adjacent<T>>,
}

impl<T: Clone> Places<T> {
    fn of(value: &T) -> Self {
        let held = || value.clone();
        Places {
            pairs: vec![(1, held()), (2, held())],
            map: HashMap::from([("$date".to_owned(), Newtype(held()))]),
            external: vec![
                External::Newtype(held()),
                External::Tuple(1, held()),
                External::Struct { of: held() },
            ],
            adjacent: vec![Adjacent::Newtype(held()), Adjacent::Struct { of: held() }],
        }
    }
}

#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct Unit;

#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct Pair(i16, String);

#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct Empty {}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
enum Name {
    One,
    #[serde(rename = "$date")]
    Date,
}

#[derive(Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Clone)]
struct Id(u32);

/// Variants whose names look like the wrappers of EJSON.
#[derive(Serialize, Deserialize, PartialEq, Clone)]
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
#[derive(PartialEq, Clone)]
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
    let Ok(frame) = parser.encode(value, PEER) else {
        return "error";
    };
    let Some(frame) = frame else { return "nothing" };
    parser.check(&frame, PEER).unwrap();
    match parser.decode_as::<T>(&frame, PEER) {
        Ok(back) if back == *value => "same",
        Ok(_) => "other",
        Err(_) => "no",
    }
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
        T: Serialize + DeserializeOwned + PartialEq + Clone,
    {
        let twice = format!("{shape}, read twice");
        // What is not in the table of its own accord is read twice as well as once.
        let twice = if row(&twice).is_some() { twice } else { shape.to_owned() };
        self.seen.extend([shape.to_owned(), twice.clone()]);
        let held = || value.clone();
        for parser in parsers() {
            let parser = &parser;
            self.expect(shape, "at once", parser, outcome(parser, &Places::of(&value)));
            let internal = Internal::Held { of: held() };
            self.expect(&twice, "internally tagged", parser, outcome(parser, &internal));
            let untagged = Untagged::Held { of: held() };
            self.expect(&twice, "untagged", parser, outcome(parser, &untagged));
            let flattened = Flattened { id: 1, inner: Held { of: held() } };
            self.expect(&twice, "flattened", parser, outcome(parser, &flattened));
        }
    }
}

fn numbers(rows: &mut Rows) {
    rows.shape("`i128`, `u128`", u128::from(u64::MAX));
    rows.shape("`i128`, `u128`", i128::from(i64::MIN));
    rows.shape("`i128`, `u128` of more than 64 bits", 1u128 << 64);
    rows.shape("`i128`, `u128` of more than 64 bits", i128::from(i64::MIN) - 1);
    rows.shape("the float 2^63", 2f64.powi(63));
    rows.shape("whole floats from 2^64 on", 2f64.powi(64));
    rows.shape("whole floats from 2^64 on", -1e30f64);
    rows.shape("infinite floats", f64::INFINITY);
    rows.shape("infinite floats", f64::NEG_INFINITY);
    // NaN is not equal to itself.
    rows.shape("NaN", NotANumber(f64::NAN));
}

#[derive(Serialize, Deserialize, Clone)]
struct NotANumber(f64);

impl PartialEq for NotANumber {
    fn eq(&self, other: &Self) -> bool {
        self.0.is_nan() && other.0.is_nan()
    }
}

/// What returns by every parser, wherever it is.
#[derive(Serialize, Deserialize, PartialEq, Clone)]
struct Plain {
    small: (i8, i16, i32, u8, u16, u32),
    wide: (i64, i64, u64, u64, u64),
    floats: [f64; 3],
    short: [f32; 3],
    bool: bool,
    char: (char, char),
    text: String,
    unit: (),
    unit_struct: Unit,
    none: Option<u8>,
    some: Option<Box<Plain>>,
    pair: Pair,
    empty: Empty,
    lists: Vec<Vec<u8>>,
    variants: Vec<Name>,
    by_text: BTreeMap<String, u8>,
    by_char: BTreeMap<char, u8>,
    by_variant: BTreeMap<Name, u8>,
}

fn plain(some: Option<Box<Plain>>) -> Plain {
    Plain {
        small: (i8::MIN, i16::MIN, i32::MIN, u8::MAX, u16::MAX, u32::MAX),
        wide: (i64::MIN, i64::MAX, 1 << 63, (1 << 63) + 2048, u64::MAX),
        floats: [0.1, 1.5 * 2f64.powi(63), f64::MIN_POSITIVE],
        short: [0.1, -3.0, 1e-45],
        bool: true,
        char: ('\u{2028}', '😀'),
        text: "a\"\u{2028}\u{0}é".to_owned(),
        unit: (),
        unit_struct: Unit,
        none: None,
        some,
        pair: Pair(-3, "x".into()),
        empty: Empty {},
        lists: vec![vec![1, 2], vec![]],
        variants: vec![Name::One, Name::Date],
        by_text: ["", "$date", "1"].map(|key| (key.to_owned(), 1)).into(),
        by_char: [('a', 1), ('1', 2)].into(),
        by_variant: [(Name::One, 1), (Name::Date, 2)].into(),
    }
}

fn shapes(rows: &mut Rows) {
    rows.shape("plain", plain(Some(Box::new(plain(None)))));
    rows.shape("names like wrappers", Dollars::Newtype(5));
    rows.shape("names like wrappers", Dollars::Tuple(1, 2));
    rows.shape("names like wrappers", Dollars::Struct { of: 3 });
    rows.shape("names like wrappers", Dollars::Plain("x".into()));
    let nested = Untagged::Held { of: Internal::Held { of: Adjacent::Newtype(1u64 << 63) } };
    rows.shape("enums in enums", nested);
    let nulls = "`Some` of what is sent as `null`: `Some(None)`, `Some(())`";
    rows.shape(nulls, Some(None::<u8>));
    rows.shape(nulls, Some(()));
}

fn keys(rows: &mut Rows) {
    fn map<K: Ord>(keys: impl IntoIterator<Item = K>) -> BTreeMap<K, u8> {
        keys.into_iter().zip(1..).collect()
    }
    let shape = "maps with keys that are numbers or booleans";
    rows.shape(shape, map([true, false]));
    rows.shape(shape, map([1u64 << 63, u64::MAX, 2]));
    rows.shape(shape, map([Id(7), Id(u32::MAX)]));
    rows.shape(shape, map([i128::MIN, i128::MAX]));
    rows.shape("maps with other keys", map([(1u8, 2u8)]));
    rows.shape("maps with other keys", map([None::<u8>]));
}

fn bytes_and_dates(rows: &mut Rows) {
    rows.shape("Bytes", Some(Bytes(vec![0, 1, 255])));
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
    shapes(&mut rows);
    keys(&mut rows);
    bytes_and_dates(&mut rows);
    assert!(rows.wrong.is_empty(), "\n{}", rows.wrong.join("\n"));
    let listed = TABLE.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    for shape in listed.filter(|shape| *shape != "shape") {
        assert!(rows.seen.iter().any(|seen| seen == shape), "{shape} is in the table only");
    }
}
