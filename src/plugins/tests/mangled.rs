//! Recorded messages with each of their parts replaced by something else, for every
//! parser: nothing panics, and each plugin claims what is its own. What that is, is
//! said here a second time, in other words.

use serde_json::{Value as Json, json};

use super::recordings;
use crate::parsers::{NoPeer, Parser};
use crate::plugins::{emit, emitter, multiplex, resource, responder, substream};
use crate::value::{MAX_DEPTH, Value};

fn parsers() -> Vec<Parser> {
    ["json", "ejson", "binary", "msgpack"].iter().filter_map(|name| name.parse().ok()).collect()
}

/// What takes the place of a part.
fn substitutes() -> Vec<Json> {
    let long = "n".repeat(64 << 10);
    vec![
        Json::Null,
        json!(false),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(-1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("0"),
        json!("text"),
        json!("__proto__"),
        json!("constructor"),
        json!("substream::end"),
        json!(long),
        json!([]),
        json!([0, "id", "channel", null]),
        json!({}),
        json!({"emit": [], "data": [], "type": 0, "substream": "x", "plugin": "primus-responder"}),
    ]
}

/// The value with each of its parts replaced by each substitute, and left out.
fn mangled(value: &Json, substitutes: &[Json], out: &mut Vec<Json>) {
    out.extend(substitutes.iter().cloned());
    let mut inside = |rebuild: &dyn Fn(Option<Json>) -> Json, part: &Json| {
        out.push(rebuild(None));
        let mut parts = Vec::new();
        mangled(part, substitutes, &mut parts);
        out.extend(parts.into_iter().map(|part| rebuild(Some(part))));
    };
    match value {
        Json::Array(list) => {
            for (at, part) in list.iter().enumerate() {
                let with = |part: Option<Json>| {
                    let mut list = list.clone();
                    list.splice(at..=at, part);
                    Json::Array(list)
                };
                inside(&with, part);
            }
        }
        Json::Object(entries) => {
            for (name, part) in entries {
                let with = |part: Option<Json>| {
                    let mut entries = entries.clone();
                    match part {
                        Some(part) => entries.insert(name.clone(), part),
                        None => entries.remove(name),
                    };
                    Json::Object(entries)
                };
                inside(&with, part);
            }
        }
        _ => (),
    }
}

fn is_number(value: &Json, among: &[f64]) -> bool {
    value.as_f64().is_some_and(|number| among.contains(&number))
}

fn is_falsy(value: &Json) -> bool {
    value.is_null() || *value == json!(false) || *value == json!("") || is_number(value, &[0.0])
}

/// The rest of an event's list, if it is one.
fn event(list: &Json) -> Option<(String, Vec<Value>)> {
    let args = list.as_array()?.iter().skip(1).cloned().map(Value::from);
    Some((list[0].as_str()?.to_owned(), args.collect()))
}

/// Has one message read by every plugin.
fn read(json: &Json, message: &Value) {
    let is_event = emit::wire::claims(message);
    assert_eq!(is_event, json["emit"].is_array(), "{json}");
    let decoded = emit::wire::decode(message.clone());
    let decoded = decoded.map(|(name, args)| (name, Vec::from(args)));
    assert_eq!(decoded, event(&json["emit"]), "{json}");

    let (kind, data, id) = (&json["type"], &json["data"], &json["id"]);
    let is_packet =
        data.is_array() && is_number(kind, &[0.0, 1.0]) && (is_falsy(id) || id.is_number());
    assert_eq!(emitter::wire::claims(message), is_packet, "{json}");
    match emitter::wire::decode(message.clone()) {
        Some(emitter::wire::Packet::Event { name, args, id: wanted }) if is_packet => {
            assert!(is_number(kind, &[0.0]));
            assert_eq!(Some((name, args.into())), event(data));
            assert_eq!(wanted.map(|id| id.as_f64()), id.as_f64().filter(|id| *id != 0.0));
        }
        Some(emitter::wire::Packet::Ack { id: ours, args }) if is_packet => {
            assert!(is_number(kind, &[1.0]) && is_number(id, &[ours as f64]));
            assert_eq!(args.len(), data.as_array().unwrap().len());
            resource::wire::methods(args);
        }
        None if is_packet => {
            assert!(event(data).is_none() || is_number(kind, &[1.0]), "{json}");
        }
        _ => (),
    }

    let is_ours = json["plugin"] == "primus-responder";
    assert_eq!(responder::wire::claims(message), is_ours, "{json}");
    let (request, response) = (&json["requestId"], &json["responseId"]);
    match responder::wire::decode(message.clone()) {
        Some(responder::wire::Packet::Request { id, data: asked }) => {
            assert!(!is_falsy(request));
            assert_eq!(id, Value::from(request.clone()));
            assert_eq!(asked == Value::Undefined, json.get("data").is_none());
        }
        Some(responder::wire::Packet::Response { id, .. }) => {
            assert!(is_falsy(request) && *response == id && !id.is_empty());
        }
        None => assert!(is_falsy(request) && response.as_str().is_none_or(str::is_empty)),
    }

    assert_eq!(substream::wire::stream(message), json["substream"].as_str());
    let end = json["args"] == "substream::end";
    assert_eq!(substream::wire::decode(message.clone()) == substream::wire::Packet::End, end);

    let is_channels = json.is_array() && is_number(&json[0], &[0.0, 1.0, 2.0]);
    assert_eq!(multiplex::wire::claims(message), is_channels, "{json}");
    match multiplex::wire::decode(message.clone()) {
        Some(packet) if is_channels => {
            use multiplex::wire::Body;
            assert_eq!(json[2], packet.channel);
            assert!(json[1].is_number() || json[1] == packet.id.as_str());
            let payload = json.get(3).cloned().map(Value::from);
            let expected = match json[0].as_f64() {
                Some(0.0) if json.as_array().unwrap().len() == 4 => Body::Message(payload),
                Some(0.0) => Body::Message(None),
                Some(1.0) => Body::Subscribe,
                _ => Body::Unsubscribe,
            };
            assert_eq!(packet.body, expected, "{json}");
        }
        None if is_channels => {
            let short = |id: &str| id.len() <= multiplex::wire::LONGEST_ID;
            assert!(
                !json[2].is_string()
                    || !(json[1].is_number() || json[1].as_str().is_some_and(short)),
                "{json}"
            );
        }
        _ => (),
    }
}

#[test]
fn mangled_messages_are_told_apart_by_every_parser() {
    let (parsers, substitutes) = (parsers(), substitutes());
    let mut all = Vec::new();
    for recorded in recordings() {
        let message: Json = serde_json::from_str(&recorded.text).unwrap();
        all.push(message.clone());
        mangled(&message, &substitutes, &mut all);
    }
    all.sort_by_cached_key(Json::to_string);
    all.dedup();
    assert!(all.len() > 10_000, "{}", all.len());
    for json in &all {
        for parser in &parsers {
            let frame = match parser.encode(json, &NoPeer) {
                Ok(frame) => frame.unwrap(),
                // BinaryPack has no whole numbers beyond 64 bits, nor doubles for them.
                Err(error) if error.to_string().contains("too large") => continue,
                Err(error) => panic!("{json}: {error}"),
            };
            read(json, &parser.decode(&frame, &NoPeer).unwrap());
        }
    }
}

#[test]
fn deep_messages_are_told_apart_or_refused() {
    for wrap in [
        |inside: Json| json!([0, "id", "channel", inside]),
        |inside: Json| json!({"emit": ["x", inside]}),
        |inside: Json| json!({"type": 0, "data": ["x", inside], "id": 1}),
        |inside: Json| json!({"plugin": "primus-responder", "requestId": inside}),
        |inside: Json| json!({"substream": "x", "args": inside}),
        |inside: Json| json!([inside]),
    ] {
        let mut message = Json::Null;
        for depth in 0..2 * MAX_DEPTH {
            for parser in parsers() {
                if let Ok(Some(frame)) = parser.encode(&message, &NoPeer) {
                    read(&message, &parser.decode(&frame, &NoPeer).unwrap());
                } else {
                    assert!(depth >= MAX_DEPTH / 2 - 1, "{depth}");
                }
            }
            message = wrap(message);
        }
    }
}

/// What no parser makes of a message, but a transform may.
#[test]
fn odd_values_are_told_apart_too() {
    let odd = [
        Value::Undefined,
        Value::Binary(vec![0, 1]),
        Value::Array(vec![f64::NAN.into(), "id".into(), "channel".into()]),
        Value::Array(vec![(-0.0).into(), f64::NAN.into(), "channel".into()]),
        Value::from([
            ("type", (-0.0).into()),
            ("data", Value::Array(vec![])),
            ("id", f64::NAN.into()),
        ]),
        Value::from([("plugin", "primus-responder".into()), ("requestId", Value::Undefined)]),
    ];
    let claimed = |claims: fn(&Value) -> bool| odd.iter().map(claims).collect::<Vec<_>>();
    assert_eq!(claimed(emit::wire::claims), [false; 6]);
    assert_eq!(claimed(multiplex::wire::claims), [false, false, false, true, false, false]);
    assert_eq!(claimed(emitter::wire::claims), [false, false, false, false, true, false]);
    assert_eq!(claimed(responder::wire::claims), [false, false, false, false, false, true]);
    for value in odd {
        emit::wire::decode(value.clone());
        emitter::wire::decode(value.clone());
        responder::wire::decode(value.clone());
        multiplex::wire::decode(value.clone());
        substream::wire::decode(value);
    }
}
