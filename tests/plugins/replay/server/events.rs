//! The plugins for events and requests.

use std::sync::{Arc, Barrier};

use primus::plugins::responder::Request;
use primus::plugins::{
    Emit, EmitExt, Emitter, EmitterExt, EmitterServerExt, EventExt, Responder, ResponderExt,
    ServerEventExt,
};
use primus::{BoxError, EndOptions, Plugin, Primus, Result, Spark, Value};
use serde_json::json;

use super::super::{Tell, told};
use super::Play;
use crate::common::{PATIENCE, Server};

fn server(
    plugin: impl Plugin,
    run: impl Fn(&Spark) -> Result<()> + Send + Sync + 'static,
) -> Server {
    let server = Server::start(Primus::builder().plugin(plugin));
    server.primus.on_connection(run);
    server
}

#[test]
fn events() {
    let (tell, told) = told();
    let server = server(Emit, move |spark| {
        spark.emit("event-name", "arguments")?;
        spark.on_event("custom-event", |spark, event| -> Result<()> {
            let (_, one, text): (Value, u8, String) = event.parse()?;
            assert_eq!((one, &*text, event.len()), (1, "bar", 3));
            spark.emit("foo", "bar").map(drop)
        });
        tell.events_of(spark, &["noargs", "odd"]);
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "primus-emit/basic").rest();
    told.expect(&["noargs []", "odd [null,null,null,null,[1,[2]],{}]", r#"data "plain""#]);
    told.expect(&[r#"data {"emit":"not-an-array"}"#, r#"data ["emit"]"#]);
    told.expect_nothing();
}

#[test]
fn events_that_are_reserved() {
    let (tell, told) = told();
    let server = server(Emit, move |spark| {
        tell.events_of(spark, &["data", "end", "error", "heartbeat", "incoming::end"]);
        tell.events_of(spark, &["outgoing::data", "connection", "newListener", "close"]);
        tell.events_of(spark, &["5", "undefined", "num"]);
        tell.data_of(spark);
        Ok(())
    });
    let mut play = Play::new(&server, "primus-emit/reserved");
    // The rest are written by the server, for the client to pass over.
    play.until(11);
    play.settle("");
    told.expect(&[r#"connection ["evil"]"#, r#"newListener ["evil"]"#, r#"close ["evil"]"#]);
    told.expect_nothing();
}

/// The variant of it that raises events at the server. Ours does both at once, spreads
/// no arrays, and leaves `data` to the connection.
#[test]
fn events_that_are_heard_at_the_server() {
    let (tell, told) = told();
    let data = tell.clone();
    let server = server(Emit, move |spark| {
        data.data_of(spark);
        Ok(())
    });
    let news = tell.event::<Spark>("news");
    server.primus.on_event("news", move |spark, event| -> Result<(), BoxError> {
        news(spark, event)?;
        spark.emit("reply", (1, 2))?;
        Ok(())
    });
    for name in ["end", "connection"] {
        server.primus.on_event(name, tell.event(name));
    }
    Play::new(&server, "primus-emit/broadcast-variant").rest();
    told.expect(&[r#"news ["x",{"y":1}]"#, r#"data "plain""#, "data [1,2,3]"]);
    // Only in JavaScript is that an event of the server itself.
    told.expect(&[r#"connection ["evil"]"#]);
    told.expect_nothing();
}

/// In JavaScript they are lost with `emit` while a `connection` listener waits.
#[test]
fn events_that_come_early_are_not_lost() {
    let early = |tell: Tell, gate: &Arc<Barrier>| {
        let gate = gate.clone();
        move |spark: &Spark| {
            gate.wait();
            tell.events_of(spark, &["early"]);
            tell.data_of(spark);
            Ok(())
        }
    };
    let (gate, (tell, told)) = (Arc::new(Barrier::new(2)), told());
    let emit = server(Emit, early(tell.clone(), &gate));
    let mut play = Play::new(&emit, "primus-emit/early");
    play.until(2);
    gate.wait();
    play.rest();
    told.expect(&["early [1]", r#"data "early-plain""#, "early [2]"]);
    let emitter = server(Emitter, early(tell, &gate));
    let mut play = Play::new(&emitter, "primus-emitter/early");
    play.until(1);
    gate.wait();
    play.rest();
    told.expect(&["early [1]"]);
    told.expect_nothing();
}

#[test]
fn events_with_acknowledgements() {
    let (tell, told) = told();
    let server = server(Emitter, move |spark| {
        spark.send("hi", "good morning")?;
        for text in ["good morning", "second"] {
            spark.send_with("news", text, PATIENCE, tell.ack("ack of news"))?;
        }
        spark.on_event("ask", |_, event| -> Result<()> {
            event.ack(("answer", json!({ "n": 1 }), Value::Null))?;
            event.ack("again")
        });
        tell.events_of(spark, &["sport", "bare", "noack"]);
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "primus-emitter/basic").rest();
    told.expect(&[r#"ack of news ["by client"]"#, r#"ack of news ["by client"]"#]);
    told.expect(&[r#"sport ["ping-pong",2,{"x":1}]"#, "bare []", "noack [1]"]);
    // Packets are no data here.
    told.expect_nothing();
}

#[test]
fn packets_that_are_none() {
    let (tell, told) = told();
    let server = server(Emitter, move |spark| {
        for name in ["ev", "end", "newListener", "[object Object]", "undefined"] {
            let tell = tell.clone();
            spark.on_event(name, move |_, event| {
                tell.say(format!("{name} {} {}", event[0], event.wants_ack()))
            });
        }
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "primus-emitter/invalid").rest();
    told.expect(&["ev 1 false", r#"data {"type":0,"data":["ev",2],"id":"str"}"#, "ev 3 true"]);
    told.expect(&[r#"data {"type":0,"data":"ev"}"#, r#"data {"type":"0","data":["ev",4]}"#]);
    told.expect(&[r#"data {"type":2,"data":["ev",5]}"#, "newListener 1 false"]);
    told.expect(&[r#"data "string""#, "data 5", "data []", "data true"]);
    told.expect_nothing();
}

#[test]
fn an_event_for_all_and_an_acknowledgement_of_each() {
    let (tell, told) = told();
    let server = server(Emitter, |_| Ok(()));
    let mut play = Play::new(&server, "primus-emitter/broadcast");
    for conn in ["a", "b"] {
        play.open(conn);
        play.settle(conn);
    }
    server.primus.send_all("all", json!({ "k": 1 })).unwrap();
    play.until(2);
    server.primus.for_each(|spark| spark.send_with("all", 2, PATIENCE, tell.ack("ack")).unwrap());
    play.until(5);
    told.expect(&[r#"ack ["client a"]"#]);
    play.rest();
    told.expect(&[r#"ack ["client b"]"#]);
}

#[test]
fn acknowledgements_over_a_reconnect() {
    let (tell, told) = told();
    let server = server(Emitter, move |spark| {
        spark.on_event("slow", |_, event| match event.parse::<u8>()? {
            1 => Ok(()),
            n => event.ack(format!("late {n}")),
        });
        spark.send_with("hello", (), PATIENCE, tell.ack("hello"))
    });
    let mut play = Play::new(&server, "primus-emitter/reconnect");
    play.until(3);
    told.expect(&[r#"hello ["hi"]"#]);
    server.spark().end_options(EndOptions::default().reconnect(true));
    play.forget("a");
    play.rest();
    told.expect(&[r#"hello ["hi"]"#]);
    told.expect_nothing();
}

/// In JavaScript these break each other.
#[test]
fn emit_beside_emitter_and_responder() {
    let (tell, told) = told();
    let builder = Primus::builder().plugin(Emitter).plugin(Responder).plugin(Emit);
    let server = Server::start(builder);
    server.primus.on_connection(move |spark| {
        tell.events_of(spark, &["hi"]);
        spark.on_request(|_, request: &Request<'_>| request.respond("x"));
    });
    let mut play = Play::new(&server, "primus-emitter/conflict-with-primus-emit");
    play.until(1);
    play.settle("");
    told.expect(&["hi [1]"]);
    let mut play = Play::new(&server, "primus-responder/conflict-with-primus-emit");
    play.until(1);
    let response: serde_json::Value =
        serde_json::from_str(&play.open("").expect_text()).expect("JSON");
    let id = "b1631451-2756-4973-8479-6a81879b0367";
    assert_eq!(response, json!({ "plugin": "primus-responder", "responseId": id, "data": "x" }));
}

#[test]
fn requests() {
    let (tell, told) = told();
    let server = server(Responder, move |spark| {
        spark.write_with("request from server", PATIENCE, tell.response("response"))?;
        spark.write_with(&json!({ "n": 2 }), PATIENCE, tell.response("response"))?;
        let asked = tell.clone();
        spark.on_request(move |_, request: &Request<'_>| -> Result<(), BoxError> {
            asked.say(format!("request {}", request.data()))?;
            // What is undefined is left out.
            Ok(request.respond(request.data())?)
        });
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "primus-responder/basic").rest();
    let nothing = Value::Undefined;
    told.expect(&[r#"response {"res":"from client"}"#, &format!("response {nothing}")]);
    told.expect(&[r#"request "request from client""#, "request [1,2]"]);
    told.expect(&[&*format!("request {nothing}"), "request null", "request false"]);
    told.expect(&[r#"data "plain""#]);
    told.expect_nothing();
}

#[test]
fn requests_that_are_none_and_one_that_nobody_hears() {
    let (tell, told) = told();
    let server = server(Responder, move |spark| {
        if spark.query_param("quiet").is_none() {
            let tell = tell.clone();
            spark.on_request(move |_, request: &Request<'_>| -> Result<(), BoxError> {
                tell.say(format!("request {}", request.data()))?;
                Ok(request.respond("ok")?)
            });
        }
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "primus-responder/invalid").rest();
    told.expect(&[r#"request "numeric id""#, r#"request "both""#]);
    told.expect(&[r#"data {"plugin":"other","requestId":"x"}"#, r#"data {"requestId":"x"}"#]);
    Play::new(&server, "primus-responder/no-listener").target("", "/primus?quiet=1").rest();
    told.expect_nothing();
}
