//! The plugins that look at connections and messages: mirage, fortress, spark-latency and
//! analytics, and primacron, which is a stack of these.

use primus::plugins::latency::{Latency, SparkLatency};
use primus::plugins::mirage::{Mirage, SparkMirage};
use primus::plugins::{Analytics, Emit, EmitExt, Emitter, EventExt, Fortress, ServerEventExt};
use primus::{BoxError, EndOptions, Error, Primus, Result, Spark, Value};

use super::super::{Tell, told};
use super::Play;
use crate::common::Server;

#[test]
fn ids_of_clients() {
    let (tell, told) = told();
    let mirage = Mirage::new().generator(|_| Ok::<_, Error>("generated-id".to_owned())).validator(
        |_, id| match id {
            "old" => Ok(Some("new".to_owned())),
            "bad" | "slow" => Err("no such id"),
            _ => Ok(None),
        },
    );
    let server = Server::start(Primus::builder().plugin(Emit).plugin(mirage));
    server.primus.on_connection(move |spark| {
        let hello = tell.clone();
        spark.on_event("hello", move |spark, event| {
            hello.say(format!("{} says {}", spark.mirage().unwrap_or_default(), event[0]))
        });
        tell.data_of(spark);
    });
    for (conn, query, expected) in [
        ("a", "", Some("generated-id says null")),
        ("b", "&_mirage=known", Some(r#"known says "known""#)),
        ("c", "&_mirage=old", Some(r#"new says "old""#)),
        ("d", "&_mirage=bad", None),
        ("e", "&_mirage=slow", None),
        ("f", "&_mirage=a%20b%26c%3D%C3%BC", Some(r#"a b&c=ü says "a b&c=ü""#)),
    ] {
        let target = format!("/primus?x=1&_primuscb=x{query}");
        let mut play = Play::new(&server, "mirage/ids").target(conn, &target);
        play.frames.retain(|frame| frame.conn == conn);
        match expected {
            Some(expected) => {
                play.rest();
                told.expect(&[r#"data "early""#, expected]);
            }
            // What it has said by then is not heard.
            None => drop(play.open(conn).expect_ended(Some(1011))),
        }
    }
    told.expect_nothing();
}

#[test]
fn an_id_by_emitter_over_a_reconnect() {
    let (tell, told) = told();
    let server = Server::start(Primus::builder().plugin(Emitter).plugin(Mirage::new()));
    server.primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_data(move |spark, message| {
            tell.say(format!("{} says {}", spark.mirage().unwrap_or_default(), message.value()))
        });
    });
    let mut play = Play::new(&server, "mirage/reconnect-with-emitter");
    play.until(2);
    let id = play.ids.0[0].1.clone();
    told.expect(&[&*format!(r#"{id} says "one""#)]);
    server.spark().end_options(EndOptions::default().reconnect(true));
    play.forget("a");
    let mut play = play.target("b", &format!("/primus?_primuscb=x&_mirage={id}"));
    play.rest();
    told.expect(&[&*format!(r#"{id} says "two""#)]);
}

/// A fortress that tells what it drops.
fn telling(fortress: Fortress, tell: &Tell) -> Fortress {
    let tell = tell.clone();
    fortress.on_invalid(move |_, invalid| {
        let args = Value::of(&invalid.args).unwrap_or_default();
        tell.say(format!("invalid {} {args}: {invalid}", invalid.event))
    })
}

#[test]
fn messages_that_are_validated() {
    let (tell, told) = told();
    let fortress = Fortress::new()
        .validate_data(|_, data| match data {
            Value::String(_) => Ok(()),
            _ => Err("want a string"),
        })
        .validate("custom", 2, |_, args| match args[0] == args[1] {
            true => Ok(()),
            false => Err("custom did not validate"),
        })
        .validate("str", 1, |_, _| Err::<(), _>("a string error"));
    let builder = Primus::builder().plugin(telling(fortress, &tell)).plugin(Emit);
    let server = Server::start(builder);
    server.primus.on_connection(move |spark| {
        tell.events_of(spark, &["custom", "str", "unvalidated"]);
        tell.data_of(spark);
    });
    Play::new(&server, "fortress-maximus/validate").rest();
    told.expect(&[r#"data "ok""#, "invalid data [5]: want a string", "custom [1,1]"]);
    told.expect(&["invalid custom [1,2]: custom did not validate"]);
    told.expect(&["invalid custom [1]: Missing arguments for custom"]);
    told.expect(&["invalid custom [1,1,1]: Missing arguments for custom"]);
    told.expect(&["invalid str [1]: a string error"]);
    told.expect(&["invalid unvalidated []: Missing validator for unvalidated"]);
    // That nobody listens is looked for in JavaScript alone.
    told.expect(&["invalid nolistener [1]: Missing validator for nolistener"]);
    told.expect(&["invalid end []: end is a reserved event"]);
    told.expect(&[r#"invalid data ["x"]: data is a reserved event"#]);
    // A name that every object has: reserved in JavaScript, here without a validator.
    told.expect(&["invalid toString []: Missing validator for toString"]);
    told.expect_nothing();
}

#[test]
fn messages_that_are_validated_and_heard_at_the_server() {
    let (tell, told) = told();
    let fortress = Fortress::new().validate("news", 1, |_, _| ()).validate_data(|_, _| ());
    let builder = Primus::builder().plugin(telling(fortress, &tell)).plugin(Emit);
    let server = Server::start(builder);
    server.primus.on_event("news", tell.event("news"));
    server.primus.on_connection(move |spark| tell.data_of(spark));
    Play::new(&server, "fortress-maximus/primus-mode").rest();
    // Nothing is spread into arguments.
    told.expect(&[r#"news ["x"]"#, r#"data "plain""#, "data [1,2]"]);
    told.expect_nothing();
}

/// In JavaScript packets of `emitter` are data to it; here they are events.
#[test]
fn packets_that_are_validated() {
    let (tell, told) = told();
    let fortress = telling(Fortress::new().validate_data(|_, _| ()), &tell);
    let server = Server::start(Primus::builder().plugin(fortress).plugin(Emitter));
    server.primus.on_connection(move |spark| tell.events_of(spark, &["hi"]));
    Play::new(&server, "fortress-maximus/with-primus-emitter").rest();
    told.expect(&["invalid hi [1]: Missing validator for hi"]);
    told.expect_nothing();
}

#[test]
fn the_stack_of_primacron() {
    let (tell, told) = told();
    let fortress =
        Fortress::new().validate("ping", 1, |_, _| ()).validate_data(|_, data| match data {
            Value::Number(_) => Ok(()),
            _ => Err("no number"),
        });
    let builder = Primus::builder().plugin(Emit).plugin(Mirage::new());
    let server = Server::start(builder.plugin(telling(fortress, &tell)));
    server.primus.on_event("ping", |spark, event| spark.emit("pong", event.args()));
    server.primus.on_connection(move |spark| tell.data_of(spark));
    let mut play = Play::new(&server, "primacron/stack");
    play.until(6);
    told.expect(&["data 7", r#"invalid data ["bad"]: no number"#]);
    told.expect(&["invalid unknown [1]: Missing validator for unknown"]);
    // What its HTTP interface sends.
    server.spark().emit("pong", "via http").unwrap();
    play.until(7);
}

#[test]
fn clocks_of_clients() {
    let (tell, told) = told();
    let server = Server::start(Primus::builder().plugin(Latency));
    server.primus.on_connection(move |spark: &Spark| tell.data_of(spark));
    let mut play = Play::new(&server, "primus-spark-latency/primus8-clock");
    play.until(1);
    play.settle("");
    assert!(server.spark().clock_offset().is_some());
    told.expect_nothing();
    server.spark().end();
    play.forget("");
    server.wait_empty();
    // Without its option the client says nothing by it, which JavaScript takes for data too.
    let mut play = Play::new(&server, "primus-spark-latency/primus8");
    play.until(1);
    play.settle("");
    assert!(server.spark().clock_offset().is_none());
    told.expect(&["data {}"]);
}

#[test]
fn what_analytics_adds_to_the_wire_is_nothing() {
    let (tell, told) = told();
    let server = Server::start(Primus::builder().plugin(Emit).plugin(Analytics));
    server.primus.on_connection(move |spark| -> Result<(), BoxError> {
        tell.events_of(spark, &["more"]);
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "primus-analytics/wire").rest();
    told.expect(&["more [1]", r#"data "x""#]);
    told.expect_nothing();
}
