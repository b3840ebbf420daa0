use super::*;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Order {
    id: u64,
    when: Date,
    data: Bytes,
    note: Option<String>,
    parts: Vec<(String, f64)>,
    kind: Kind,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Kind {
    Plain,
    Named(String),
    Pair(u8, u8),
    Full { x: i32 },
}

fn order(kind: Kind) -> Order {
    Order {
        id: u64::MAX,
        when: Date::from_ms(1.7e12),
        data: Bytes(vec![1, 2, 3]),
        note: None,
        parts: vec![("a".into(), 1.5), ("b".into(), 2.0)],
        kind,
    }
}

#[test]
fn structs_become_values_and_return() {
    let kinds = [Kind::Plain, Kind::Named("n".into()), Kind::Pair(1, 2), Kind::Full { x: -1 }];
    for kind in kinds {
        let order = order(kind);
        let value = Value::of(&order).unwrap();
        assert_eq!(value["when"].as_date(), Some(order.when));
        assert_eq!(value["data"], Value::Binary(vec![1, 2, 3]));
        assert_eq!(value["id"].as_u64(), Some(u64::MAX));
        assert_eq!(value.parse::<Order>().unwrap(), order);
    }
}

#[test]
fn special_values_pass_through_serde() {
    let typed = TypedArray { kind: TypedKind::Int16, bytes: vec![1, 0, 0xfe, 0xff] };
    let value = Value::from([
        Value::Undefined,
        Date::from_ms(5.0).into(),
        RegExp { source: "a".into(), flags: "g".into() }.into(),
        JsError { name: "TypeError".into(), message: "m".into(), stack: "s".into() }.into(),
        typed.clone().into(),
        Ext { kind: 99, data: vec![1] }.into(),
        vec![1u8, 2].into(),
    ]);
    assert_eq!(Value::of(&value).unwrap(), value);
    assert_eq!(value.clone().parse::<Value>().unwrap(), value);
    assert_eq!(Value::from(typed).parse::<Vec<i16>>().unwrap(), [1, -2]);
}

#[test]
fn dates_are_read_from_all_their_texts() {
    for ms in [0.0, -1.0, 1_700_000_000_123.0, 8.64e15, -8.64e15, -62_198_755_200_000.0] {
        let date = Date::from_ms(ms);
        assert_eq!(Date::parse(&date.to_iso().unwrap()), date, "{date}");
        let seconds = Date::from_ms((ms / 1000.0).floor() * 1000.0);
        assert_eq!(Date::parse(&date.to_english()), seconds, "{}", date.to_english());
    }
    assert_eq!(Date::parse("2020").ms(), 1_577_836_800_000.0);
    assert_eq!(Date::parse("2020-02-29T01:02+01:00").ms(), 1_582_934_520_000.0);
    assert_eq!(Date::parse("Tue, 14 Nov 2023 22:13:20 GMT").ms(), 1_700_000_000_000.0);
    for wrong in ["", "2020-13", "2021-02-29", "2020-01-01T25:00", "x", "2020-01-01 é", "Tue é"] {
        assert!(!Date::parse(wrong).is_valid(), "{wrong}");
    }
    assert!(!Date::from_ms(8.65e15).is_valid());
}

#[test]
fn foreign_formats_see_plain_things() {
    let value = Value::from([("d", Date::from_ms(0.0).into()), ("u", Value::Undefined)]);
    assert_eq!(value.to_string(), r#"{"d":"1970-01-01T00:00:00.000Z","u":null}"#);
    let back: Value = serde_json::from_str(&value.to_string()).unwrap();
    assert_eq!(back["d"].as_str(), Some("1970-01-01T00:00:00.000Z"));
    let date: Date = serde_json::from_str("\"2020\"").unwrap();
    assert_eq!(date.ms(), 1_577_836_800_000.0);
    let date: Date = serde_json::from_str("7").unwrap();
    assert_eq!(date.ms(), 7.0);
    let json = serde_json::json!({"a": [1, -1, 1.5, u64::MAX, null, true, "s"]});
    assert_eq!(serde_json::Value::from(Value::from(json.clone())), json);
}

#[test]
fn keys_are_unique_and_ordered_as_in_javascript() {
    let json = r#"{"b":1,"10":2,"9":3,"b":4,"01":5,"4294967295":6}"#;
    let value: Value = serde_json::from_str(json).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 5);
    assert_eq!(value.to_string(), r#"{"9":3,"10":2,"b":4,"01":5,"4294967295":6}"#);
    let many: String = (0..20).map(|n| format!("\"k{}\":{n},", n % 10)).collect();
    let value: Value = serde_json::from_str(&format!("{{{}\"z\":0}}", many)).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 11);
    assert_eq!(value["k3"].as_i64(), Some(13));
}

#[test]
fn a_value_stays_small() {
    assert_eq!(size_of::<Value>(), 32);
}

#[test]
fn numbers_compare_by_value() {
    assert_eq!(Number::from(i64::MAX), Number::from(i64::MAX));
    assert_ne!(Number::from(i64::MAX), Number::from(i64::MAX as f64));
    assert_eq!(Number::from(1u64 << 63), Number::from((1u64 << 63) as f64));
    assert_eq!(Number::from(0), Number::from(-0.0));
    assert_eq!(Number::from(-0.0).as_i64(), None);
    assert_eq!(Number::from(1e18).as_i64(), Some(1_000_000_000_000_000_000));
}

#[test]
fn of_a_key_that_comes_again_the_last_value_is_in_the_place_of_the_first() {
    for keys in [1, 3, 8, 9, 200, 256, 257, 1000] {
        for times in [1, 2, 3] {
            let at = |n: usize| (n, format!("k{}", n % keys));
            let all: Vec<(usize, String)> = (0..keys * times).map(at).collect();
            let entry = |(n, key): &(usize, String)| format!("\"{key}\":{n}");
            let text = all.iter().map(entry).collect::<Vec<_>>().join(",");
            let frame = crate::Frame::text(format!("{{{text}}}"));
            let value = crate::Parser::JSON.decode(&frame, &crate::parsers::NoPeer).unwrap();
            let last = all[keys * (times - 1)..].iter();
            let wanted: Value = last.map(|(n, key)| (key.clone(), Value::from(*n))).collect();
            assert_eq!(value, wanted);
        }
    }
    let mixed =
        crate::Frame::text(format!("{{\"a\":1,\"a\":2,{}\"a\":3}}", "\"b\":0,".repeat(300)));
    let value = crate::Parser::JSON.decode(&mixed, &crate::parsers::NoPeer).unwrap();
    assert_eq!(value, [("a", 3.into()), ("b", 0.into())].into());
}
