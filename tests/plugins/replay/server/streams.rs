//! The plugins that run streams inside a connection.

use primus::plugins::multiplex::{ChannelSpark, Multiplex, PrimusChannels};
use primus::plugins::resource::{Methods, PrimusResources, Resources};
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::substream::{OpenSubstream, Substream, Substreams};
use primus::plugins::{Emitter, EmitterServerExt, EventExt};
use primus::{BoxError, EndOptions, Primus, Result, Spark, Value};
use serde_json::json;

use super::super::told;
use super::Play;
use crate::common::{Server, wait_for};

fn substreams(run: impl Fn(&Spark) -> Result<()> + Send + Sync + 'static) -> Server {
    let server = Server::start(Primus::builder().plugin(Substreams::new()));
    server.primus.on_connection(run);
    server
}

fn echo(message: &Value) -> Value {
    // What is undefined is left out.
    Value::from_iter([("echo", message.clone())])
}

#[test]
fn streams() {
    let (tell, told) = told();
    let server = substreams(move |spark| {
        let foo = spark.substream("foo")?;
        let data = tell.data::<Substream>("foo");
        foo.on_data(move |foo, message| -> Result<(), BoxError> {
            data(foo, message)?;
            foo.write(&echo(message))?;
            Ok(())
        });
        spark.substream("bar")?.on_data(tell.data("bar"));
        tell.data_of(spark);
        Ok(())
    });
    Play::new(&server, "substream/basic").rest();
    told.expect(&[r#"foo "before open""#, r#"bar {"a":1}"#, "foo [1,2]", "foo 0", "foo null"]);
    told.expect(&[&*format!("foo {}", Value::Undefined), r#"foo """#]);
    told.expect(&[r#"data {"substream":"/nested/../x y","args":"odd name"}"#, r#"data "plain""#]);
    told.expect_nothing();
}

#[test]
fn streams_that_end() {
    let (tell, told) = told();
    let server = substreams(move |spark| {
        let (own, tell) = (spark.clone(), tell.clone());
        let foo = spark.substream("foo")?;
        foo.on_data(tell.data("foo"));
        foo.on_end(move |foo| {
            let late = foo.write("late").is_err();
            let _ = tell.say(format!("end {late}"));
            let again = own.substream("foo").expect("a new one");
            let data = tell.data::<Substream>("foo again");
            again.on_data(move |foo, message| -> Result<(), BoxError> {
                data(foo, message)?;
                foo.end_with(&json!({ "bye": true }))?;
                Ok(())
            });
        });
        Ok(())
    });
    Play::new(&server, "substream/end").rest();
    told.expect(&[r#"foo "hi""#, r#"foo "last words""#, "end true", r#"foo again "again""#]);
    told.expect_nothing();
}

#[test]
fn streams_at_the_end_of_a_connection() {
    let (tell, told) = told();
    let server = substreams(move |spark| {
        let tell = tell.clone();
        spark.substream("foo")?.on_end(move |_| drop(tell.say("end")));
        Ok(())
    });
    let mut play = Play::new(&server, "substream/connection-end");
    play.open("a");
    play.settle("a");
    server.spark().end();
    play.until(1);
    // It does not answer the end.
    play.forget("a");
    told.expect(&["end"]);
    server.wait_empty();
    // JavaScript's client says now that its old stream has ended, which ends the new one.
    play.until(2);
    told.expect(&["end"]);
    server.spark().end();
    play.until(3);
    play.forget("b");
    told.expect_nothing();
}

#[test]
fn streams_over_a_reconnect() {
    let (tell, told) = told();
    let server = substreams(move |spark| {
        spark.substream("foo")?.on_data(tell.data("foo"));
        Ok(())
    });
    let mut play = Play::new(&server, "substream/reconnect");
    play.until(1);
    told.expect(&[r#"foo "one""#]);
    server.spark().end_options(EndOptions::default().reconnect(true));
    play.forget("a");
    play.rest();
    told.expect(&[r#"foo "while down""#, r#"foo "two""#]);
}

/// As the plugins of npm: they are messages of the stream. With ours they would be events.
#[test]
fn envelopes_in_streams_are_messages_without_the_plugins() {
    let (tell, told) = told();
    let server = substreams(move |spark| {
        spark.substream("foo")?.on_data(tell.data("foo"));
        Ok(())
    });
    Play::new(&server, "substream/with-emit-plugins").rest();
    told.expect(&[r#"foo {"emit":["x",1]}"#, r#"foo {"type":0,"data":["x",1]}"#]);
}

fn channels() -> Server {
    Server::start(Primus::builder().plugin(Multiplex::new()))
}

#[test]
fn channels_and_subscriptions() {
    let (server, (tell, told)) = (channels(), told());
    for name in ["news", "sport"] {
        let (tell, gone) = (tell.clone(), tell.clone());
        let channel = server.primus.channel(name).unwrap();
        channel.on_connection(move |member| {
            member.on_data(tell.data(name));
            member.write(&format!("hi from {name}"))
        });
        channel.on_disconnection(move |_| drop(gone.say(format!("{name} left"))));
    }
    server.primus.on_connection(move |spark| tell.data_of(spark));
    let mut play = Play::new(&server, "primus-multiplex/basic");
    play.until(14);
    let nothing = format!("news {}", Value::Undefined);
    told.expect(&[r#"news "before open""#, r#"news {"a":1}"#, "news [1,2]"]);
    told.expect(&[&*nothing; 5]);
    let [news, sport] = ["news", "sport"].map(|name| server.primus.channel(name).unwrap());
    assert_eq!(news.write("broadcast to channel").unwrap(), 2);
    sport.for_each(|member| drop(member.write("forEach")));
    play.rest();
    told.expect(&[r#"data "plain""#, r#"sport "closing data""#, "sport left"]);
    told.expect_nothing();
}

#[test]
fn channels_that_the_server_ends() {
    let (server, (tell, told)) = (channels(), told());
    let news = server.primus.channel("news").unwrap();
    news.on_connection(move |member| {
        let data = tell.data::<ChannelSpark>("news");
        let end = tell.clone();
        member.on_end(move |_| drop(end.say("end")));
        member.on_data(move |member, message| -> Result<(), BoxError> {
            data(member, message)?;
            match message.as_str() {
                Some("kick me") => drop(member.end_with("bye")?),
                _ => member.channel().destroy(),
            }
            Ok(())
        });
    });
    let mut play = Play::new(&server, "primus-multiplex/server-end");
    // The end is said once, where JavaScript's server says it twice.
    play.until(4);
    play.skip();
    play.until(8);
    play.skip();
    play.rest();
    told.expect(&[r#"news "kick me""#, "end", r#"news "destroy""#, "end"]);
}

#[test]
fn channels_over_a_reconnect() {
    let (server, (tell, told)) = (channels(), told());
    let news = server.primus.channel("news").unwrap();
    let gone = tell.clone();
    news.on_disconnection(move |_| drop(gone.say("left")));
    news.on_connection(move |member| {
        let _ = tell.say("joined");
        member.on_data(tell.data("news"));
    });
    let mut play = Play::new(&server, "primus-multiplex/reconnect");
    play.until(2);
    told.expect(&["joined", r#"news "one""#]);
    server.spark().end_options(EndOptions::default().reconnect(true));
    play.forget("a");
    told.expect(&["left"]);
    // What JavaScript's client sends before it subscribes is lost, there as here.
    play.until(5);
    told.expect(&["joined", r#"news "two""#]);
    server.spark().end();
    play.forget("b");
    told.expect(&["left"]);
    // And what it sends without, after it was opened again by hand.
    play.until(6);
    play.settle("c");
    told.expect_nothing();
}

/// In JavaScript the other client gets through with each of these.
#[test]
fn channels_of_other_connections() {
    let (server, (tell, told)) = (channels(), told());
    let news = server.primus.channel("news").unwrap();
    let gone = tell.clone();
    news.on_disconnection(move |member| drop(gone.say(format!("left {}", member.id()))));
    news.on_connection(move |member| {
        let _ = tell.say(format!("joined {}", member.id()));
        member.on_data(tell.data("news"));
    });
    let mut play = Play::new(&server, "primus-multiplex/cross-connection");
    play.until(3);
    // The same id is another subscription on another connection.
    told.expect(&["joined f4cjs5lkpn5", "joined f4cjs5lkpn5"]);
    assert_eq!(news.connected(), 2);
    play.until(4);
    told.expect(&["left f4cjs5lkpn5"]);
    let answer = play.open("b").expect_text();
    assert_eq!(answer, r#"[2,"f4cjs5lkpn5","news"]"#);
    play.settle("a");
    assert_eq!(news.connected(), 1);
    told.expect_nothing();
}

#[test]
fn packets_that_are_odd() {
    let (tell, told) = told();
    let demanded = tell.clone();
    let plugin = Multiplex::new().on_demand(move |_, channel| {
        let _ = demanded.say(format!("made {}", channel.name()));
        true
    });
    let server = Server::start(Primus::builder().plugin(plugin));
    let news = server.primus.channel("news").unwrap();
    // The second object does not take the place of the first.
    let again = server.primus.channel("news").unwrap();
    let joined = tell.clone();
    again.on_connection(move |member| drop(joined.say(format!("joined {}", member.id()))));
    let of_news = tell.clone();
    news.on_connection(move |member| {
        member.on_data(of_news.data("news"));
    });
    server.primus.on_connection(move |spark| tell.data_of(spark));
    Play::new(&server, "primus-multiplex/odd").rest();
    told.expect(&["joined 6egmru544kq", "made never-declared"]);
    // What is no packet is data; the rest, but for the last two, does nothing.
    told.expect(&[r#"data [9,"i","news","x"]"#, "data [0]", "data []"]);
    told.expect(&[r#"data ["0","i","news","x"]"#, "data [1]", "joined i"]);
    told.expect(&[&*format!("news {}", Value::Undefined)]);
    told.expect_nothing();
}

#[test]
fn channels_with_events_and_rooms() {
    let builder = Primus::builder().plugin(Rooms::new()).plugin(Emitter);
    let server = Server::start(builder.plugin(Multiplex::new()));
    let (tell, told) = told();
    let chat = server.primus.channel("chat").unwrap();
    chat.on_connection(move |member| {
        let hello = tell.event::<ChannelSpark>("hello");
        member.on_event("hello", move |member, event| -> Result<(), BoxError> {
            hello(member, event)?;
            Ok(event.ack("hello to you")?)
        });
        member.join("r1")
    });
    let mut play = Play::new(&server, "primus-multiplex/with-emitter-and-rooms");
    play.until(4);
    told.expect(&[r#"hello ["me"]"#]);
    wait_for("both have joined", 2, || chat.room("r1").members().len());
    assert_eq!((server.primus.room_names().len(), chat.room_names()), (0, vec!["r1".to_owned()]));
    let members = chat.room("r1").members();
    let a = members.iter().find(|member| member.id() == "msqienepth").unwrap();
    assert_eq!(chat.room("r1").write("to room").unwrap(), 2);
    play.until(6);
    assert_eq!(chat.room("r1").except(a).send_all("news", (1, 2)).unwrap(), 1);
    play.until(7);
    chat.room("r1").write("from a spark").unwrap();
    play.until(9);
    chat.send_all("news", "all").unwrap();
    play.rest();
}

fn creature() -> Methods {
    let got = "Creature just got command: ";
    Methods::new()
        .method("command", move |_, event| event.ack(format!("{got}{}", event.parse::<String>()?)))
        .method("walk", |_, event| event.ack("walking"))
}

#[test]
fn resources_in_channels() {
    let builder = Primus::builder().plugin(Emitter).plugin(Multiplex::new());
    let server = Server::start(builder.plugin(Resources::new()));
    let (tell, told) = told();
    let methods = creature().method("FooBar", move |_, _| tell.say("FooBar"));
    let creature = server.primus.resource("creature", methods).unwrap();
    let mut play = Play::new(&server, "primus-resource/multiplexed");
    play.until(7);
    told.expect(&["FooBar"]);
    creature.send_all("news", (1, json!({ "two": 2 }))).unwrap();
    play.until(8);
    server.spark().end_options(EndOptions::default().reconnect(true));
    play.forget("a");
    play.rest();
}

#[test]
fn resources_that_are_flat() {
    let builder = Primus::builder().plugin(Emitter).plugin(Resources::new());
    let server = Server::start(builder);
    let methods = creature().method("FooBar", |_, _| {}).flat(true);
    let creature = server.primus.resource("creature", methods).unwrap();
    let mut play = Play::new(&server, "primus-resource/flat");
    play.until(5);
    creature.send_all("news", 1).unwrap();
    play.rest();
}
