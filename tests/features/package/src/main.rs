//! What must hold when `arbitrary_precision` and `raw_value` are on. Ends with a
//! panic if anything does not.

use std::collections::HashMap;

use primus::parsers::NoPeer;
use primus::value::{Date, Number};
use primus::{Client, Frame, Message, Parser, Primus, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

const PRIVATE: &str = "$serde_json::private::";

fn parsers() -> Vec<Parser> {
    ["json", "ejson", "binary", "msgpack"].map(|name| name.parse().unwrap()).to_vec()
}

fn encoded<T: Serialize + ?Sized>(parser: &Parser, value: &T) -> Frame {
    let frame = parser.encode(value, &NoPeer).unwrap().unwrap();
    let bytes = String::from_utf8_lossy(frame.as_bytes()).into_owned();
    assert!(!bytes.contains(PRIVATE), "{bytes}");
    frame
}

fn decoded<T: DeserializeOwned>(parser: &Parser, frame: &Frame) -> T {
    parser.decode_as(frame, &NoPeer).unwrap_or_else(|error| panic!("{frame:?}: {error}"))
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

/// The same as `plain`, which knows nothing of serde_json.
fn same<T: Serialize>(value: &T, plain: impl Into<Value>) {
    let plain = plain.into();
    for parser in parsers() {
        let frame = encoded(&parser, value);
        assert_eq!(frame, encoded(&parser, &plain), "{}", parser.name());
        assert_eq!(parser.decode(&frame, &NoPeer).unwrap(), plain);
    }
    assert_eq!(Value::of(value).unwrap(), plain);
}

fn numbers() {
    let object = json!({"answer": 42, "half": 0.5, "many": [1, -2, 1e21, u64::MAX, i64::MIN]});
    let many = [1.into(), Value::from(-2), 1e21.into(), u64::MAX.into(), i64::MIN.into()];
    let plain = [("answer", 42.into()), ("half", 0.5.into()), ("many", many.into())];
    for parser in parsers().iter().filter(|parser| parser.name() != "binary") {
        let frame = encoded(parser, &object);
        assert_eq!(frame, encoded(parser, &Value::from(plain.clone())));
        assert_eq!(decoded::<Json>(parser, &frame)["answer"], json!(42));
        assert_eq!(decoded::<Json>(parser, &frame)["many"][3], json!(u64::MAX));
        assert_eq!(decoded::<HashMap<String, Value>>(parser, &frame)["answer"], Value::from(42));
    }
    assert_eq!(encoded(&Parser::JSON, &json!({"answer": 42})).as_text(), Some("{\"answer\":42}"));
    same(
        &json!([1, [2.5, {"a": 3}], null, "x"]),
        [1.into(), [2.5.into(), Value::from([("a", 3.into())])].into(), Value::Null, "x".into()],
    );
    same(&json!(7), 7);
    same(&Some(json!(-7.25)), -7.25);
    let long: Json = serde_json::from_str("123456789012345678901234567890").unwrap();
    assert_eq!(encoded(&Parser::JSON, &long).as_text(), Some("1.2345678901234568e+29"));
    let number: serde_json::Number = decoded(&Parser::JSON, &Frame::text("12.5"));
    assert_eq!(number.as_f64(), Some(12.5));
}

fn conversions() {
    let json = json!({"a": [1, 2.5, u64::MAX]});
    let plain = Value::from([("a", [1.into(), 2.5.into(), Value::from(u64::MAX)].into())]);
    assert_eq!(Value::from(json.clone()), plain);
    assert_eq!(Json::from(plain.clone()), json);
    assert_eq!(plain.clone().parse::<Json>().unwrap(), json);
    assert_eq!(plain.to_string(), json.to_string());
    let huge: Json = serde_json::from_str("-1e999").unwrap();
    assert_eq!(Value::from(huge), Value::from(f64::NEG_INFINITY));
    assert_eq!(Value::of(&json!(3)).unwrap().as_number(), Some(Number::from(3)));
    let message = Message::of(&json, &Parser::JSON).unwrap();
    assert_eq!(message.parse::<Json>().unwrap(), json);
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    id: u32,
    body: Box<RawValue>,
}

fn raw_values() {
    let body = r#"{"a":[1, 2.50],"b":"x y","when":{"$date":5}}"#;
    let envelope = Envelope { id: 1, body: raw(body) };
    let frame = encoded(&Parser::JSON, &envelope);
    // Spliced in as it is.
    assert_eq!(frame.as_text(), Some(&*format!("{{\"id\":1,\"body\":{body}}}")));
    let plain = Parser::JSON.decode(&Frame::text(body), &NoPeer).unwrap();
    for parser in parsers() {
        let frame = encoded(&parser, &envelope);
        assert_eq!(parser.decode(&frame, &NoPeer).unwrap()["body"], plain, "{}", parser.name());
        let back: Envelope = decoded(&parser, &frame);
        let back: Json = serde_json::from_str(back.body.get()).unwrap();
        assert_eq!(Value::from(back), plain, "{}", parser.name());
        assert_eq!(decoded::<Box<RawValue>>(&parser, &encoded(&parser, &raw("5"))).get(), "5");
        let many = vec![raw("1"), raw("[]"), raw("\"x\"")];
        let many: Vec<Box<RawValue>> = decoded(&parser, &encoded(&parser, &many));
        assert_eq!(many.iter().map(|raw| raw.get()).collect::<Vec<_>>(), ["1", "[]", "\"x\""]);
    }
    let as_read: Envelope = decoded(&Parser::JSON, &frame);
    assert_eq!(as_read.body.get(), body);
    assert_eq!(Value::of(&envelope).unwrap()["body"], plain);
    let dated = [("body", Date::from_ms(0.0).into()), ("id", Value::from(1))];
    let dated: Envelope = decoded(&Parser::EJSON, &encoded(&Parser::EJSON, &Value::from(dated)));
    assert_eq!(dated.body.get(), "\"1970-01-01T00:00:00.000Z\"");
    let text = encoded(&Parser::JSON, &raw("\"a\u{2028}b\u{2029}é\""));
    assert_eq!(text.as_text(), Some("\"a\\u2028b\\u2029é\""));
    // Its depth counts.
    let deep = raw(&("[".repeat(64) + &"]".repeat(64)));
    for parser in parsers() {
        encoded(&parser, &deep);
        assert!(parser.encode(&[&deep], &NoPeer).is_err());
    }
    assert!(Value::of(&[&deep]).is_err());
}

/// A peer can't make serde_json see one of its own names.
fn forged() {
    for name in ["Number", "RawValue"] {
        let value = Value::from([(format!("{PRIVATE}{name}"), Value::from("42"))]);
        for parser in parsers() {
            let frame = parser.encode(&value, &NoPeer).unwrap().unwrap();
            assert_eq!(parser.decode(&frame, &NoPeer).unwrap(), value);
            parser.decode_as::<Json>(&frame, &NoPeer).unwrap_err();
            parser.decode_as::<Vec<Json>>(&frame, &NoPeer).unwrap_err();
        }
        value.parse::<Json>().unwrap_err();
    }
}

/// Not what these names are for: an error, and not half a message.
fn misused() {
    #[derive(Serialize)]
    struct Beside {
        a: u8,
        #[serde(rename = "$serde_json::private::Number")]
        number: &'static str,
    }
    #[derive(Serialize)]
    struct Alone {
        #[serde(rename = "$serde_json::private::RawValue")]
        raw: &'static str,
    }
    for parser in parsers() {
        assert!(parser.encode(&Beside { a: 1, number: "1" }, &NoPeer).is_err());
        for bad in ["", "{", "1 2", "nul", "\u{1}"] {
            assert!(parser.encode(&Alone { raw: bad }, &NoPeer).is_err(), "{bad}");
        }
    }
}

/// TLS and compression are off in this build.
fn what_is_not_there_names_its_feature() {
    let told = |error: Option<primus::Error>| error.expect("an error").to_string();
    let text = told(Client::connect("https://localhost").err());
    assert!(text.contains("the feature `tls`"), "{text}");
    for text in [
        told(Primus::builder().compression(true).build().err()),
        told(Client::builder("http://localhost").compression(true).build().err()),
    ] {
        assert!(text.contains("feature `compression`"), "{text}");
    }
}

fn main() {
    what_is_not_there_names_its_feature();
    numbers();
    conversions();
    raw_values();
    forged();
    misused();
    println!("everything is as it should be");
}
