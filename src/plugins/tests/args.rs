//! Arguments out and in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::text;
use crate::parsers::{NoPeer, Parser};
use crate::plugins::args::{Args, List};
use crate::value::{Bytes, Date, Value};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: u8,
    y: u8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Wrapped<T>(T);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Serialize)]
enum Shape {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { x: u8 },
}

/// The list, with and without a head; every parser says the same.
#[track_caller]
fn sent<A: Serialize>(args: A, expected: &str) {
    let (bare, head) = (List { head: None, args: &args }, List { head: Some("e"), args: &args });
    assert_eq!(text(&bare), format!("[{expected}]"));
    let comma = if expected.is_empty() { "" } else { "," };
    assert_eq!(text(&head), format!("[\"e\"{comma}{expected}]"));
    for name in ["ejson", "binary", "msgpack"] {
        let Ok(parser) = name.parse::<Parser>() else { continue };
        let frame = parser.encode(&head, &NoPeer).unwrap().unwrap();
        let list = parser.decode(&frame, &NoPeer).unwrap();
        let value = Value::of(&args).unwrap();
        let count = list.as_array().map(<[Value]>::len);
        let expected = match value {
            Value::Array(list) => list.len(),
            Value::Null if expected.is_empty() => 0,
            _ => 1,
        };
        assert_eq!((count, list[0].as_str()), (Some(expected + 1), Some("e")), "{name}");
    }
}

#[test]
fn an_array_is_the_list_and_anything_else_the_one_argument() {
    sent((), "");
    sent(Unit, "");
    sent(Args::default(), "");
    sent([0u8; 0], "");
    sent((1, "a", [2, 3]), r#"1,"a",[2,3]"#);
    sent(vec![Some(1), None], "1,null");
    sent(Pair(1, "a".into()), r#"1,"a""#);
    sent(Wrapped((1, 2)), "1,2");
    sent(Some((1, 2)), "1,2");
    let pair = &(1, 2);
    sent(pair, "1,2");
    sent(Value::from([Value::from(1), Value::Undefined]), "1,null");
    sent(serde_json::json!([1, [2]]), "1,[2]");
    sent(Args::from(vec![1.into(), "a".into()]), r#"1,"a""#);
    sent((1..4).collect::<Vec<_>>().iter().map(|n| n * 2).collect::<Vec<_>>(), "2,4,6");

    sent("text", r#""text""#);
    sent('c', r#""c""#);
    sent(1.5, "1.5");
    sent(true, "true");
    sent(None::<u8>, "null");
    sent(Some("x"), r#""x""#);
    sent(Wrapped("x"), r#""x""#);
    sent(Point { x: 1, y: 2 }, r#"{"x":1,"y":2}"#);
    sent(BTreeMap::from([("a", [1])]), r#"{"a":[1]}"#);
    sent(Value::from([("a", Value::Null)]), r#"{"a":null}"#);
    sent(serde_json::json!({"a": [1]}), r#"{"a":[1]}"#);
    sent(IpAddr::from(Ipv4Addr::LOCALHOST), r#""127.0.0.1""#);
    sent(Shape::Unit, r#""Unit""#);
    sent(Shape::New(1), r#"{"New":1}"#);
    sent(Shape::Tuple(1, 2), r#"{"Tuple":[1,2]}"#);
    sent(Shape::Struct { x: 1 }, r#"{"Struct":{"x":1}}"#);
    // In a tuple of one, whatever it is.
    sent(((),), "null");
    sent(([1, 2],), "[1,2]");
}

#[test]
fn special_values_stay_what_they_are() {
    sent(Date::from_ms(0.0), r#""1970-01-01T00:00:00.000Z""#);
    sent(Bytes(vec![1]), r#"{"type":"Buffer","data":[1]}"#);
    let Ok(parser) = "msgpack".parse::<Parser>() else { return };
    for value in [Value::Date(Date::from_ms(5.0)), Value::Binary(vec![1]), Value::Undefined] {
        let list = List { head: Some("e"), args: &value };
        let frame = parser.encode(&list, &NoPeer).unwrap().unwrap();
        let back = parser.decode(&frame, &NoPeer).unwrap();
        let sent = if value == Value::Undefined { Value::Null } else { value };
        assert_eq!(back, Value::from(["e".into(), sent]));
    }
}

#[test]
fn a_type_takes_as_many_arguments_as_it_has_places() {
    let args = Args::from(vec![1.into(), "a".into(), Value::from([("x", 2.into())])]);
    assert_eq!(args.parse::<(u8, String)>().unwrap(), (1, "a".into()));
    assert_eq!(args.parse::<Pair>().unwrap(), Pair(1, "a".into()));
    assert_eq!(args.parse::<Wrapped<(u8, String)>>().unwrap(), Wrapped((1, "a".into())));
    assert_eq!(args.parse::<(u8,)>().unwrap(), (1,));
    assert_eq!(args.parse::<u8>().unwrap(), 1);
    assert_eq!(args.parse::<Option<u8>>().unwrap(), Some(1));
    assert_eq!(args.parse::<Value>().unwrap(), 1.into());
    assert_eq!(args.parse::<serde_json::Value>().unwrap(), serde_json::json!(1));
    assert_eq!(args.parse::<Vec<Value>>().unwrap(), Vec::from(args.clone()));
    assert_eq!(args.parse::<[Value; 2]>().unwrap(), [Value::from(1), "a".into()]);
    args.parse::<()>().unwrap();
    args.parse::<Unit>().unwrap();
    assert!(args.parse::<String>().is_err() && args.parse::<Point>().is_err());
    let long: (u8, String, Value, Option<u8>, Value) = args.parse().unwrap();
    assert_eq!((long.3, long.4), (None, Value::Undefined));
    assert!(args.parse::<(u8, String, Value, u8)>().is_err());

    let none = Args::default();
    assert!(none.is_empty() && none.parse::<()>().is_ok() && none.parse::<u8>().is_err());
    assert_eq!(none.parse::<Option<u8>>().unwrap(), None);
    assert!(none.parse::<Vec<u8>>().unwrap().is_empty());
    let point = Args::from(vec![Value::from([("x", 1.into()), ("y", 2.into())])]);
    assert_eq!(point.parse::<Point>().unwrap(), Point { x: 1, y: 2 });
    let bytes = Args::from(vec![Value::Binary(vec![1, 2])]);
    assert_eq!(bytes.parse::<Bytes>().unwrap(), Bytes(vec![1, 2]));
    let date = Args::from(vec![Value::Date(Date::from_ms(1.0)), 2.into()]);
    assert_eq!(date.parse::<Date>().unwrap(), Date::from_ms(1.0));
    let ip = Args::from(vec!["127.0.0.1".into()]);
    assert_eq!(ip.parse::<IpAddr>().unwrap(), Ipv4Addr::LOCALHOST);
}
