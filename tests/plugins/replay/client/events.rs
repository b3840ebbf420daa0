//! The plugins for events and requests, and mirage.

use primus::plugins::mirage::{ClientMirage, Mirage};
use primus::plugins::responder::Request;
use primus::plugins::{Emit, EmitExt, Emitter, EmitterExt, EventExt, Responder, ResponderExt};
use primus::{BoxError, Client, Error, Result, Value};
use serde_json::json;

use super::super::told;
use super::Play;
use crate::common::{PATIENCE, wait_until};

#[test]
fn events() {
    let (tell, told) = told();
    let mut play = Play::new("primus-emit/basic");
    let client = play.client().plugin(Emit).connect_with(move |client| {
        client.on_event("event-name", |client, event| -> Result<()> {
            assert_eq!(event.parse::<String>()?, "arguments");
            client.emit("custom-event", (json!({ "foo": "foo" }), 1, "bar")).map(drop)
        });
        tell.events_of(client, &["foo"]);
    });
    let client = client.unwrap();
    play.until(3);
    told.expect(&[r#"foo ["bar"]"#]);
    client.emit("noargs", ()).unwrap();
    let odd = (Value::Undefined, None::<u8>, (), f64::NAN, (1, [2]), json!({}));
    client.emit("odd", odd).unwrap();
    client.emit("ret-value", ()).unwrap();
    for plain in [json!("plain"), json!({ "emit": "not-an-array" }), json!(["emit"])] {
        client.write(&plain).unwrap();
    }
    play.rest(&client);
}

#[test]
fn events_that_are_reserved() {
    let (tell, told) = told();
    let mut play = Play::new("primus-emit/reserved");
    play.frames.retain(|frame| !frame.is_of_client());
    let client = play.client().plugin(Emit).connect_with(move |client| {
        tell.events_of(client, &["open", "end", "close", "error", "data", "timeout"]);
        tell.events_of(client, &["outgoing::end", "connection"]);
        client.on_data(move |_, message| tell.say(message.value().to_string()));
    });
    play.rest(&client.unwrap());
    told.expect(&[r#"connection ["evil"]"#]);
    told.expect_nothing();
}

#[test]
fn events_with_acknowledgements() {
    let (tell, told) = told();
    let mut play = Play::new("primus-emitter/basic");
    let acks = tell.clone();
    let client = play.client().plugin(Emitter).connect_with(move |client| {
        client.on_event("news", |_, event| -> Result<()> {
            event.ack("by client")?;
            event.ack("again")
        });
        tell.events_of(client, &["hi"]);
    });
    let client = client.unwrap();
    play.until(5);
    told.expect(&[r#"hi ["good morning"]"#]);
    client.send("sport", ("ping-pong", 2, json!({ "x": 1 }))).unwrap();
    client.send("bare", ()).unwrap();
    client.send_with("ask", "q?", PATIENCE, acks.ack("first")).unwrap();
    play.until(9);
    client.send_with("noack", 1, PATIENCE, acks.ack("never")).unwrap();
    client.send_with("ask", "q2", PATIENCE, acks.ack("second")).unwrap();
    play.rest(&client);
    told.expect(&[r#"first ["answer",{"n":1},null]"#, r#"second ["answer",{"n":1},null]"#]);
    client.end();
    told.expect(&[&*format!("never: {}", Error::Closed)]);
}

#[test]
fn packets_that_are_none() {
    let (tell, told) = told();
    let mut play = Play::new("primus-emitter/invalid");
    // They are the client's, and neither side does anything else with them.
    play.frames.iter_mut().for_each(|frame| frame.dir = "s2c".to_owned());
    let client = play.client().plugin(Emitter).connect_with(move |client| {
        for name in ["ev", "end", "newListener", "[object Object]", "undefined"] {
            let tell = tell.clone();
            client.on_event(name, move |_, event| {
                tell.say(format!("{name} {} {}", event[0], event.wants_ack()))
            });
        }
        client.on_data(move |_, message| tell.say(format!("data {}", message.value())));
    });
    play.rest(&client.unwrap());
    told.expect(&["ev 1 false", r#"data {"type":0,"data":["ev",2],"id":"str"}"#, "ev 3 true"]);
    told.expect(&[r#"data {"type":0,"data":"ev"}"#, r#"data {"type":"0","data":["ev",4]}"#]);
    told.expect(&[r#"data {"type":2,"data":["ev",5]}"#, "newListener 1 false"]);
    told.expect(&[r#"data "string""#, "data 5", "data []", "data true"]);
    told.expect_nothing();
}

#[test]
fn an_event_for_all_and_an_acknowledgement_of_each() {
    let mut play = Play::new("primus-emitter/broadcast");
    let clients = ["a", "b"].map(|name| {
        let client = play.client().plugin(Emitter).connect_with(move |client| {
            client.on_event("all", move |_, event| event.ack(format!("client {name}")));
        });
        play.spark(name);
        client.unwrap()
    });
    // That of the first comes first.
    play.frames.swap(3, 4);
    play.until(6);
    clients.iter().for_each(|client| play.rest(client));
}

#[test]
fn acknowledgements_over_a_reconnect() {
    let (tell, told) = told();
    let mut play = Play::new("primus-emitter/reconnect");
    let client = play.client().plugin(Emitter).connect_with(|client| {
        client.on_event("hello", |_, event| event.ack("hi"));
    });
    let client = client.unwrap();
    play.until(2);
    client.send_with("slow", 1, PATIENCE, tell.ack("slow 1")).unwrap();
    play.until(3);
    play.away("a");
    // In JavaScript it is waited for for ever.
    told.expect(&[&*format!("slow 1: {}", Error::Closed)]);
    client.send_with("slow", 2, PATIENCE, tell.ack("slow 2")).unwrap();
    play.until(3);
    // What waited comes before the answer to what comes now.
    play.rest(&client);
    told.expect(&[r#"slow 2 ["late 2"]"#]);
}

#[test]
fn requests() {
    let (tell, told) = told();
    let mut play = Play::new("primus-responder/basic");
    let client = play.client().plugin(Responder).connect_with(|client| {
        client.on_request(|_, request: &Request<'_>| -> Result<(), BoxError> {
            if request.data().as_str().is_none() {
                request.take().ok_or("taken")?.send_empty()?;
                return Ok(());
            }
            request.respond(&json!({ "res": "from client" }))?;
            Ok(request.respond("twice")?)
        });
    });
    let client = client.unwrap();
    // A second response, which nobody hears, is not sent.
    play.until(3);
    play.skip();
    play.until(5);
    let asked = [json!("request from client"), json!([1, 2]), json!(null), json!(false)];
    let mut asked = asked.map(Value::from).to_vec();
    asked.insert(2, Value::Undefined);
    for (at, data) in asked.iter().enumerate() {
        client.write_with(data, PATIENCE, tell.response("response")).unwrap();
        play.until(7 + 2 * at);
        told.expect(&[&*format!("response {data}")]);
    }
    client.write("plain").unwrap();
    play.rest(&client);
}

#[test]
fn ids_of_clients() {
    let mut play = Play::new("mirage/ids");
    let all = play.frames.clone();
    for (conn, id, given) in [
        ("a", None, Some("generated-id")),
        ("b", Some("known"), None),
        ("c", Some("old"), Some("new")),
        ("f", Some("a b&c=ü"), None),
    ] {
        play.frames = all.iter().filter(|frame| frame.conn == conn).cloned().collect();
        play.at = 0;
        // The others send nothing before they have an id; this one need not wait.
        if given.is_some() {
            play.frames.rotate_left(1);
        }
        let mirage = id.map_or_else(Mirage::new, |id| Mirage::new().id(id));
        let client = play.client_to("?x=1").plugin(Emit).plugin(mirage).connect().unwrap();
        let spark = play.spark(conn);
        let presented = spark.query_param("_mirage");
        assert_eq!((presented.as_deref(), spark.query_param("x").as_deref()), (id, Some("1")));
        client.write("early").unwrap();
        client.emit("hello", (id,)).unwrap();
        play.rest(&client);
        wait_until("the id", || client.mirage().as_deref() == given.or(id));
        client.end();
    }
}

#[test]
fn an_id_by_emitter_over_a_reconnect() {
    let mut play = Play::new("mirage/reconnect-with-emitter");
    let client: Client = play.client().plugin(Emitter).plugin(Mirage::new()).connect().unwrap();
    client.write("one").unwrap();
    play.until(2);
    wait_until("the id", || client.mirage().is_some());
    play.away("a");
    let back = play.spark("b");
    assert_eq!(back.query_param("_mirage").as_deref(), Some("5ce757727f93b184"));
    client.write("two").unwrap();
    play.rest(&client);
}
