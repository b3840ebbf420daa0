//! Each recorded message is read, and what was read makes the same message.

use serde::Serialize;
use serde_json::json as serde_json;

use super::{json, recording, text};
use crate::plugins::args::Args;
use crate::plugins::{emit, emitter, mirage, multiplex, resource, responder, substream};
use crate::value::Value;

/// What a message says, as the plugin would say it itself.
#[derive(Debug, PartialEq)]
enum Said {
    /// It is no message of the plugin.
    Data,
    /// It is, and does nothing.
    Nothing,
    Message(String),
}

/// Has a recording read by `say`: the messages at `data` are data, those at `nothing`
/// do nothing, and the others mean what their own text is.
#[track_caller]
fn check(
    plugin: &str,
    scenario: &str,
    data: &[usize],
    nothing: &[usize],
    say: impl Fn(Value) -> Said,
) {
    for (at, message) in recording(plugin, scenario).into_iter().enumerate() {
        let expected = match (data.contains(&at), nothing.contains(&at)) {
            (true, _) => Said::Data,
            (_, true) => Said::Nothing,
            _ => Said::Message(message.text.clone()),
        };
        assert_eq!(say(json(&message.text)), expected, "{plugin}/{scenario} {at}");
    }
}

fn message(message: impl Serialize) -> Said {
    Said::Message(text(&message))
}

fn emit(message_: Value) -> Said {
    match emit::wire::claims(&message_) {
        true => match emit::wire::decode(message_) {
            Some((name, args)) => message(emit::wire::Event { name: &name, args: &args }),
            None => Said::Nothing,
        },
        false => Said::Data,
    }
}

fn emitter(message_: Value) -> Said {
    use emitter::wire::{Ack, Event, Packet, claims, decode};
    if !claims(&message_) {
        return Said::Data;
    }
    match decode(message_) {
        Some(Packet::Event { name, args, id }) => {
            // One of ours has a whole number.
            let id = id.map(|id| id.as_u64().unwrap_or(0));
            message(Event { name: &name, args: &args, id })
        }
        Some(Packet::Ack { id, args }) => message(Ack { id: id.into(), args: &args }),
        None => Said::Nothing,
    }
}

fn responder(message_: Value) -> Said {
    use responder::wire::{Packet, Request, Response, claims, decode};
    if !claims(&message_) {
        return Said::Data;
    }
    let some = |data: Value| if data == Value::Undefined { None } else { Some(data) };
    match decode(message_) {
        // `undefined` is left out by the parser.
        Some(Packet::Request { id: Value::String(id), data }) => {
            message(Request { id: &id, data: &data })
        }
        Some(Packet::Request { id, data }) => panic!("{id} {data}"),
        Some(Packet::Response { id, data }) => {
            message(Response { id: &id.into(), data: some(data).as_ref() })
        }
        None => Said::Nothing,
    }
}

fn multiplex(message_: Value) -> Said {
    use multiplex::wire::{Send, claims, decode};
    if !claims(&message_) {
        return Said::Data;
    }
    match decode(message_) {
        Some(packet) => {
            message(Send { id: &packet.id, channel: &packet.channel, body: packet.body })
        }
        None => Said::Nothing,
    }
}

fn substream(message_: Value) -> Said {
    use substream::wire::{Data, END, Packet, decode, stream};
    let Some(stream) = stream(&message_).map(str::to_owned) else { return Said::Data };
    match decode(message_) {
        Packet::Data(data) => message(Data { stream: &stream, data: &data }),
        Packet::End => message(Data { stream: &stream, data: END }),
    }
}

#[test]
fn events() {
    check("primus-emit", "basic", &[6, 7, 8], &[], emit);
    check("primus-emit", "broadcast-variant", &[2, 3], &[], emit);
    check("primus-emit", "early", &[1], &[], emit);
    check("primus-emit", "reserved", &[], &[9, 10], emit);
    check("primus-emitter", "conflict-with-primus-emit", &[0], &[], emit);
    check("primus-responder", "conflict-with-primus-emit", &[0], &[], emit);
    check("mirage", "ids", &[1, 3, 6, 8, 9, 11, 13, 14], &[], emit);
}

#[test]
fn events_with_acknowledgements() {
    for scenario in ["basic", "broadcast", "early", "reconnect"] {
        check("primus-emitter", scenario, &[], &[], emitter);
    }
    check("primus-resource", "flat", &[], &[], emitter);
    check("mirage", "reconnect-with-emitter", &[1, 2], &[], emitter);
    let decode = |text: &str| emitter::wire::decode(json(text));
    let event = |args: Vec<Value>, id: Option<f64>| {
        let (name, args, id) = ("ev".to_owned(), args.into(), id.map(Into::into));
        Some(emitter::wire::Packet::Event { name, args, id })
    };
    let invalid = recording("primus-emitter", "invalid");
    assert_eq!(decode(&invalid[1].text), event(vec![1.into()], None));
    assert_eq!(decode(&invalid[3].text), event(vec![3.into()], Some(-1.5)));
    assert_eq!(
        text(&emitter::wire::Ack { id: (-1.5).into(), args: &() }),
        r#"{"id":-1.5,"type":1,"data":[]}"#
    );
    let claimed: Vec<usize> =
        (0..invalid.len()).filter(|at| emitter::wire::claims(&json(&invalid[*at].text))).collect();
    assert_eq!(claimed, [0, 1, 3, 5, 8, 9, 10, 11, 16]);
    for nothing in [5, 9, 11] {
        assert_eq!(decode(&invalid[nothing].text), None);
    }
}

#[test]
fn requests_and_responses() {
    check("primus-responder", "basic", &[15], &[], responder);
    check("primus-responder", "no-listener", &[], &[], responder);
    check("primus-responder", "conflict-with-primus-emit", &[1], &[], responder);
    let invalid: Vec<Value> =
        recording("primus-responder", "invalid").iter().map(|m| json(&m.text)).collect();
    let claimed: Vec<_> = invalid.iter().map(responder::wire::claims).collect();
    assert_eq!(claimed, [true, true, true, true, true, true, true, false, false]);
    // Any id goes back as it came, and a request's comes before a response's.
    for (request, response) in [(2, 3), (5, 6)] {
        match responder::wire::decode(invalid[request].clone()) {
            Some(responder::wire::Packet::Request { id, .. }) => {
                let made = responder::wire::Response { id: &id, data: Some("ok") };
                assert_eq!(json(&text(&made)), invalid[response]);
            }
            other => panic!("{other:?}"),
        }
    }
    for nothing in [1, 4] {
        assert_eq!(responder::wire::decode(invalid[nothing].clone()), None);
    }
}

#[test]
fn channels() {
    for scenario in ["cross-connection", "reconnect", "server-end", "with-emitter-and-rooms"] {
        check("primus-multiplex", scenario, &[], &[], multiplex);
    }
    check("primus-multiplex", "basic", &[17], &[], multiplex);
    check("primus-resource", "multiplexed", &[], &[], multiplex);
    let odd: Vec<Value> =
        recording("primus-multiplex", "odd").iter().map(|m| json(&m.text)).collect();
    let said: Vec<Said> = odd.into_iter().map(multiplex).collect();
    let packet = |text: &str| Said::Message(text.to_owned());
    let expected = [
        packet(r#"[1,"6egmru544kq","news"]"#),
        packet(r#"[1,"irnr0bqm45o","never-declared"]"#),
        packet(r#"[0,"nope","news","x"]"#),
        Said::Data,
        Said::Nothing,
        Said::Data,
        Said::Data,
        Said::Nothing,
        packet(r#"[1,"i","news"]"#),
        // Of another length than 4, it has no payload.
        packet(r#"[0,"i","news"]"#),
    ];
    assert_eq!(said, expected);
}

#[test]
fn streams() {
    for (scenario, data) in
        [("basic", 14), ("end", 9), ("reconnect", 9), ("transformers", 2), ("with-emit-plugins", 9)]
    {
        check("substream", scenario, &[data], &[], substream);
    }
    check("substream", "connection-end", &[0, 2], &[], substream);
}

/// What an application writes becomes what JavaScript's does.
#[test]
fn what_is_sent() {
    use emitter::wire::{Ack, Event};
    let emit = |name, args: &dyn erased::Args| args.emit(name);
    let recorded = recording("primus-emit", "basic");
    assert_eq!(emit("event-name", &"arguments"), recorded[0].text);
    assert_eq!(emit("event-name", &("arguments",)), recorded[0].text);
    assert_eq!(emit("custom-event", &(serde_json!({"foo": "foo"}), 1, "bar")), recorded[1].text);
    assert_eq!(emit("foo", &vec!["bar"]), recorded[2].text);
    assert_eq!(emit("noargs", &()), recorded[3].text);
    let odd = (Value::Undefined, None::<u8>, (), f64::NAN, (1, [2]), serde_json!({}));
    assert_eq!(emit("odd", &odd), recorded[4].text);

    let recorded = recording("primus-emitter", "basic");
    let event = Event { name: "sport", args: &("ping-pong", 2, serde_json!({"x": 1})), id: None };
    assert_eq!(text(&event), recorded[5].text);
    assert_eq!(text(&Event { name: "ask", args: "q?", id: Some(1) }), recorded[7].text);
    let ack = Ack { id: 1.into(), args: &("answer", serde_json!({"n": 1}), Value::Null) };
    assert_eq!(text(&ack), recorded[8].text);

    let recorded = recording("primus-resource", "flat");
    let ready = resource::wire::event(Some("creature"), resource::wire::READY);
    let methods = ["command", "walk", "FooBar"];
    let event = Event { name: &ready, args: &(methods,), id: None };
    assert_eq!(text(&event), recorded[0].text);
    let Some(emitter::wire::Packet::Event { name, args, .. }) =
        emitter::wire::decode(json(&recorded[0].text))
    else {
        panic!("{recorded:?}");
    };
    assert_eq!(name, ready);
    assert_eq!(resource::wire::methods(args), methods);
}

mod erased {
    use super::*;

    pub trait Args {
        fn emit(&self, name: &str) -> String;
    }

    impl<A: Serialize> Args for A {
        fn emit(&self, name: &str) -> String {
            text(&emit::wire::Event { name, args: self })
        }
    }
}

#[test]
fn ids() {
    use mirage::wire::{EVENT, generate, given, presented};
    assert_eq!(presented("x=1&_primuscb=a&_mirage=a%20b%26c%3D%C3%BC").as_deref(), Some("a b&c=ü"));
    assert_eq!(presented("_mirage=known&_mirage=other").as_deref(), Some("known"));
    for none in ["", "_mirage", "_mirage=", "mirage=x", "x=_mirage"] {
        assert_eq!(presented(none), None);
    }
    let id = generate().unwrap();
    assert!(id.len() == 16 && id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()));
    assert_ne!(id, generate().unwrap());
    let recorded = recording("mirage", "ids");
    assert_eq!(text(&emit::wire::Event { name: EVENT, args: "new" }), recorded[5].text);
    let (name, args) = emit::wire::decode(json(&recorded[5].text)).unwrap();
    assert_eq!((name.as_str(), given(args).as_deref()), (EVENT, Some("new")));
    for none in [vec![], vec![Value::Null], vec!["".into()], vec![7.into()]] {
        assert_eq!(given(Args::from(none)), None);
    }

    let id = multiplex::wire::Id::random().unwrap();
    assert!(
        id.as_str().len() == 20
            && id.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
    assert!(!id.as_str().contains('z') && id != multiplex::wire::Id::random().unwrap());
    // A number is the same key as its text, and goes back as it came.
    let id = |text: &str| multiplex::wire::decode(json(text)).unwrap().id;
    let number = id(r#"[1,5,"news"]"#);
    assert_eq!(number, id(r#"[0,"5","news",1]"#));
    let send = multiplex::wire::Send::<()> {
        id: &number,
        channel: "news",
        body: multiplex::wire::Body::Unsubscribe,
    };
    assert_eq!(text(&send), r#"[2,5,"news"]"#);
}
