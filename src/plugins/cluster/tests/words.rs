//! Messages between servers.

use fastrand::Rng;

use super::values::random;
use crate::plugins::cluster::wire::{self, Body, Got, Heard, Not, head, is_readable, tail, whole};
use crate::value::Value;

const BOOT: &str = "V1StGXR8_Z5jdHi6B-myT";

fn decode(payload: &[u8]) -> Result<Heard, Not> {
    wire::decode(payload, 1_000_000)
}

fn names(of: &[&str]) -> Vec<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

fn said(body: &Body) -> Vec<u8> {
    let tail = match body {
        Body::All(value) => tail::all(value),
        Body::Rooms { rooms, except, value } => tail::rooms(rooms, except, value),
        Body::Ids { ids, ask, value } => tail::ids(ids, *ask, value),
        Body::End { ids, ask, reconnect } => tail::end(ids, *ask, *reconnect),
        Body::Got { ask, got } => tail::got(*ask, got),
        Body::Alive => tail::alive(),
    };
    whole(&head("http://10.0.0.1:8080", BOOT), 7, &tail)
}

fn bodies(value: &Value) -> [Body; 6] {
    [
        Body::All(value.clone()),
        Body::Rooms {
            rooms: names(&["news", "a \"room\""]),
            except: names(&["one"]),
            value: value.clone(),
        },
        Body::Ids { ids: names(&["one", "two"]), ask: 3, value: value.clone() },
        Body::End { ids: Vec::new(), ask: u64::MAX, reconnect: true },
        Body::Got { ask: 3, got: vec![Got::Absent, Got::There, Got::Refused] },
        Body::Alive,
    ]
}

#[test]
fn what_is_said_is_heard() {
    let mut rng = Rng::with_seed(11);
    for _ in 0..500 {
        for body in bodies(&random(&mut rng, 3)) {
            let heard = decode(&said(&body)).unwrap();
            // NaN is not equal to itself.
            assert_eq!(format!("{:?}", heard.body), format!("{body:?}"));
            assert_eq!((&*heard.from, &*heard.boot), ("http://10.0.0.1:8080", BOOT));
            assert_eq!(heard.seq, 7);
        }
    }
}

#[test]
fn a_message_looks_so() {
    let [all, rooms, ids, end, got, alive] =
        bodies(&Value::from("hi")).map(|body| String::from_utf8(said(&body)).unwrap());
    let head = format!(r#"{{"v":1,"from":"http://10.0.0.1:8080","boot":"{BOOT}","seq":7,"kind":"#);
    let rest = |message: &str| message.strip_prefix(&head).unwrap().to_owned();
    assert_eq!(rest(&all), r#""all","data":["hi"]}"#);
    let rooms_and_except =
        r#""rooms","rooms":["news","a \"room\""],"except":["one"],"data":["hi"]}"#;
    assert_eq!(rest(&rooms), rooms_and_except);
    assert_eq!(rest(&ids), r#""ids","ids":["one","two"],"ask":3,"data":["hi"]}"#);
    assert_eq!(rest(&end), r#""end","ids":[],"ask":18446744073709551615,"reconnect":true}"#);
    assert_eq!(rest(&got), r#""got","ask":3,"got":[0,1,2]}"#);
    assert_eq!(rest(&alive), r#""alive"}"#);
}

#[test]
fn later_versions_and_kinds_are_passed_over() {
    let body = Body::All(Value::Null);
    let later = [
        br#"{"v":2}"#.to_vec(),
        br#"{"v":2,"from":7,"kind":{"new":true}}"#.to_vec(),
        said(&body).to_vec().into_iter().collect(),
    ];
    assert_eq!(decode(&later[0]), Err(Not::Known));
    assert_eq!(decode(&later[1]), Err(Not::Known));
    let new_kind = String::from_utf8(said(&body)).unwrap().replace("\"all\"", "\"history\"");
    assert_eq!(decode(new_kind.as_bytes()), Err(Not::Known));
    // What it has more than is known does no harm.
    let more = String::from_utf8(said(&body)).unwrap().replace("\"seq\"", "\"new\":[1],\"seq\"");
    assert_eq!(decode(more.as_bytes()).unwrap().body, body);
}

#[test]
fn a_field_of_another_kind_is_no_message() {
    let others = ["null", "true", "-1", "1.5", "\"x\"", "[]", "[[]]", "{}", "[1,2]", "{\"$u\":0}"];
    for body in bodies(&Value::from("hi")) {
        let message: serde_json::Value = serde_json::from_slice(&said(&body)).unwrap();
        for field in message.as_object().unwrap().keys() {
            for other in others {
                let mut changed = message.clone();
                changed[field] = serde_json::from_str(other).unwrap();
                // Without a panic; if it is still a message, it is one to the letter.
                if let Ok(heard) = decode(changed.to_string().as_bytes()) {
                    assert_eq!(decode(&said_again(&heard)).as_ref(), Ok(&heard));
                }
            }
            let mut without = message.clone();
            without.as_object_mut().unwrap().remove(field);
            assert_eq!(decode(without.to_string().as_bytes()), Err(Not::Message), "{field}");
        }
    }
}

fn said_again(heard: &Heard) -> Vec<u8> {
    let tail = match &heard.body {
        Body::All(value) => tail::all(value),
        Body::Rooms { rooms, except, value } => tail::rooms(rooms, except, value),
        Body::Ids { ids, ask, value } => tail::ids(ids, *ask, value),
        Body::End { ids, ask, reconnect } => tail::end(ids, *ask, *reconnect),
        Body::Got { ask, got } => tail::got(*ask, got),
        Body::Alive => tail::alive(),
    };
    whole(&head(&heard.from, &heard.boot), heard.seq, &tail)
}

#[test]
fn mangled_messages_never_do_harm() {
    let mut rng = Rng::with_seed(13);
    for _ in 0..20_000 {
        let value = random(&mut rng, 2);
        let mut bytes = said(&bodies(&value)[rng.usize(0..6)]);
        match rng.u8(0..4) {
            0 => bytes.truncate(rng.usize(0..bytes.len())),
            1 => {
                let at = rng.usize(0..bytes.len());
                bytes[at] = rng.u8(..);
            }
            2 => {
                let at = rng.usize(0..bytes.len());
                bytes.insert(at, b"{}[],:\"$\\0"[rng.usize(0..10)]);
            }
            _ => {
                let (from, to) = (rng.usize(0..bytes.len()), rng.usize(0..bytes.len()));
                let cut: Vec<u8> = bytes.drain(from.min(to)..from.max(to)).collect();
                bytes.extend(cut);
            }
        }
        if let Ok(heard) = decode(&bytes) {
            let again = decode(&said_again(&heard)).unwrap();
            assert_eq!(format!("{again:?}"), format!("{heard:?}"));
        }
    }
    for garbage in [&b""[..], b"null", b"7", b"\"hi\"", b"[]", b"{}", b"\xff\xfe", b"{\"v\":\"1\"}"]
    {
        assert_eq!(decode(garbage), Err(Not::Message));
    }
    let long =
        format!(r#"{{"v":1,"from":"{}","boot":"b","seq":1,"kind":"alive"}}"#, "x".repeat(5_000));
    assert_eq!(decode(long.as_bytes()), Err(Not::Message));
}

/// However deep it is, to tell takes no stack.
#[test]
fn a_message_with_too_many_levels_is_none() {
    let of = |levels| (1..levels).fold(Value::Null, |value, _| Value::Array(vec![value]));
    for (levels, is) in [(1, true), (120, true), (121, false), (1_000, false)] {
        assert_eq!(is_readable(&of(levels), 0, 1_000_000).is_ok(), is, "{levels}");
    }
    // The deepest that is allowed can be read.
    assert!(decode(&whole(&head("f", "b"), 1, &tail::all(&of(120)))).is_ok());
}

/// Small as it is on its way, it would be large here.
#[test]
fn a_message_with_too_many_values_is_none() {
    let of = |count: usize| Value::Array(vec![Value::Null; count]);
    for (count, is) in [(1_000, true), (1_001, false), (500_000, false)] {
        assert_eq!(is_readable(&of(count), 0, 1_000).is_ok(), is, "{count}");
    }
    assert!(is_readable(&of(1_000), 100_001, 1_000).is_err());
    // Names and ids have their own bound, however few values the application allows.
    let ids = vec!["id".to_owned(); 90_000];
    let body = Body::Ids { ids, ask: 1, value: of(1_000) };
    assert!(wire::decode(&said(&body), 1_000).is_ok());
    let text = format!("[{}0]", "0,".repeat(4 << 20));
    let whole =
        whole(&head("a", BOOT), 1, format!(r#","kind":"all","data":[{text}]}}"#).as_bytes());
    assert_eq!(decode(&whole), Err(Not::Message));
}
