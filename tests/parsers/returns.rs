//! What one `Serialize` wrote, the same type reads back, with every parser: over
//! the edges and the breadth of every kind of number, in every place for one.

use std::collections::BTreeMap;
use std::fmt::Debug;

use fastrand::Rng;
use primus::{Frame, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{PEER, parsers};

/// Random numbers of each type.
const NUMBERS: usize = 300;

trait Shape: Serialize + DeserializeOwned + PartialEq + Debug {}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug> Shape for T {}

/// By each way that a message can take: straight, read as a `Value`, made of one.
fn returns<T: Shape>(value: &T) {
    for parser in parsers() {
        let told =
            |frame: &Frame, way: &str| format!("{} {way} {value:?} {frame:?}", parser.name());
        let frame = parser.encode(value, PEER).unwrap().unwrap();
        parser.check(&frame, PEER).unwrap();
        let read = |frame: &Frame, way: &str| -> T {
            parser.decode_as(frame, PEER).unwrap_or_else(|e| panic!("{}: {e}", told(frame, way)))
        };
        assert!(read(&frame, "straight") == *value, "{}", told(&frame, "straight"));
        let dynamic = parser.decode(&frame, PEER).unwrap();
        let again = parser.encode(&dynamic, PEER).unwrap().unwrap();
        assert!(read(&again, "relayed") == *value, "{}", told(&again, "relayed"));
        let parsed: T = dynamic.parse().unwrap_or_else(|e| panic!("{}: {e}", told(&frame, "read")));
        assert!(parsed == *value, "{}", told(&frame, "read as a Value"));
        let of = parser.encode(&Value::of(value).unwrap(), PEER).unwrap().unwrap();
        assert!(read(&of, "made of a Value") == *value, "{}", told(&of, "made of a Value"));
    }
}

/// Every place that a number can have, but for that of a key.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Places<T> {
    options: Vec<Option<T>>,
    pairs: BTreeMap<String, (T, [T; 1])>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged<T> {
    Numbers { one: T, more: Vec<Option<T>> },
}

fn everywhere<T: Shape + Clone>(numbers: &[T]) {
    for some in numbers.chunks(50) {
        let options = some.iter().cloned().map(Some).chain([None]).collect();
        let pairs = some.iter().cloned().enumerate();
        let pairs = pairs.map(|(at, n)| (at.to_string(), (n.clone(), [n]))).collect();
        returns(&Places { options, pairs });
    }
}

/// Serde can keep these for later.
fn tagged<T: Shape + Clone>(numbers: &[T]) {
    for some in numbers.chunks(50) {
        let more = some.iter().cloned().map(Some).chain([None]).collect();
        returns(&Tagged::Numbers { one: some[0].clone(), more });
    }
}

fn keys<T: Shape + Clone + Ord>(numbers: &[T]) {
    for some in numbers.chunks(50) {
        let map: BTreeMap<Option<T>, u8> = some.iter().cloned().map(Some).zip(0..).collect();
        returns(&map);
    }
}

/// Powers of two and ten with what is next to them, and random numbers of every
/// length, as 64 bits of either sign.
fn wide(rng: &mut Rng) -> Vec<i128> {
    let powers = (0..64).map(|bit| 1i128 << bit).chain((0..20).map(|n| 10i128.pow(n)));
    let mut numbers: Vec<i128> = powers.flat_map(|n| [n - 1, n, n + 1, n / 2 * 3]).collect();
    // What a double holds exactly beyond 2^53 and 2^63, and what it does not.
    numbers.extend((0..11).flat_map(|bit| [(1 << 63) + (1 << bit), (1 << 53) + (1 << bit)]));
    numbers.extend([0, 1, 2047].map(|less| i128::from(u64::MAX - less)));
    numbers.extend((0..NUMBERS).map(|_| i128::from(rng.u64(..) >> rng.u32(..64))));
    numbers.extend((0..NUMBERS).map(|_| {
        // Few bits at the top: doubles hold these.
        i128::from((rng.u64(..) >> 53) << rng.u32(..54))
    }));
    let negative: Vec<i128> = numbers.iter().map(|n| -n).collect();
    numbers.extend(negative);
    numbers
}

fn integers<T: TryFrom<i128> + Shape + Clone + Ord>() {
    let mut rng = Rng::with_seed(0x17e6);
    let numbers: Vec<T> = wide(&mut rng).into_iter().filter_map(|n| T::try_from(n).ok()).collect();
    assert!(numbers.len() > 100);
    everywhere(&numbers);
    tagged(&numbers);
    keys(&numbers);
}

#[test]
fn integers_of_64_bits_return() {
    integers::<u64>();
    integers::<i64>();
}

#[test]
fn smaller_integers_return() {
    integers::<u8>();
    integers::<i8>();
    integers::<u16>();
    integers::<i16>();
    integers::<u32>();
    integers::<i32>();
}

#[test]
fn integers_of_128_bits_return_or_are_refused_in_so_many_words() {
    let in_range = |n: &i128| i64::try_from(*n).is_ok() || u64::try_from(*n).is_ok();
    let numbers = wide(&mut Rng::with_seed(0x128));
    let (fit, beyond): (Vec<i128>, Vec<i128>) = numbers.iter().partition(|n| in_range(n));
    everywhere(&fit);
    let unsigned: Vec<u128> = fit.iter().filter_map(|n| u128::try_from(*n).ok()).collect();
    everywhere(&unsigned);
    // As keys they are texts, whatever their length.
    keys(&[&numbers[..], &[i128::MIN, i128::MAX]].concat());
    keys(&[u128::MAX, 0, 1 << 64]);
    let beyond = beyond.into_iter().chain([i128::MIN, i128::MAX, -1 << 64, 1 << 64]);
    for n in beyond {
        for parser in parsers() {
            let wanted = "a whole number of more than 64 bits; send it as a string";
            let refused = |frame: Result<_, primus::parsers::ParserError>| {
                assert_eq!(frame.map(|_: Option<Frame>| n).unwrap_err().cause.to_string(), wanted);
            };
            refused(parser.encode(&n, PEER));
            refused(parser.encode(&[Some(n)], PEER));
            if let Ok(n) = u128::try_from(n) {
                refused(parser.encode(&n, PEER));
            }
            assert!(Value::of(&n).unwrap_err().to_string().ends_with(wanted));
        }
    }
}

#[test]
fn floats_return() {
    let mut rng = Rng::with_seed(0xf10a7);
    // `binary` refuses whole doubles from 2^64 on, as its JavaScript does.
    let sendable = |n: &f64| n.is_finite() && (n.fract() != 0.0 || n.abs() < 9.3e18 / 2.0);
    let mut doubles: Vec<f64> = (0..NUMBERS).map(|_| f64::from_bits(rng.u64(..))).collect();
    doubles.extend(wide(&mut rng).iter().flat_map(|n| [*n as f64, *n as f64 / 3.0]));
    doubles.extend((0..NUMBERS).map(|_| rng.f64() * 10f64.powi(rng.i32(-20..17))));
    doubles.retain(sendable);
    doubles.extend([2f64.powi(63).next_up(), 2f64.powi(64).next_down()]);
    doubles.extend([-2f64.powi(63), -0.0, f64::MIN_POSITIVE, 5e-324]);
    everywhere(&doubles);
    tagged(&doubles);
    let mut singles: Vec<f32> = (0..NUMBERS).map(|_| f32::from_bits(rng.u32(..))).collect();
    singles.extend(doubles.iter().map(|n| *n as f32));
    singles.retain(|n| sendable(&f64::from(*n)));
    everywhere(&singles);
    tagged(&singles);
}
