//! Servers with the plugins of this crate, for clients that are JavaScript.

use std::time::Duration;

use primus::plugins::latency::{Latency, SparkLatency};
use primus::plugins::mirage::{Mirage, SparkMirage};
use primus::plugins::multiplex::{ChannelSpark, Multiplex, PrimusChannels};
use primus::plugins::resource::{Methods, PrimusResources, Resources};
use primus::plugins::responder::Request;
use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::substream::{OpenSubstream, Substream, Substreams};
use primus::plugins::{
    Analytics, Args, Emit, EmitExt, EmitServerExt, Emitter, EmitterExt, EmitterServerExt, Event,
    EventExt, Fortress, History, Responder, ResponderExt,
};
use primus::{Builder, Channel, Destroy, EndOptions, Message, Primus, Result, Spark, Value};
use serde_json::json;

const TRANSFORMERS: [&str; 4] = ["websockets", "engine.io", "sockjs", "socket.io"];

/// How long an answer of a client may take, even on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// The events that clients may send; `forbidden` is none of them.
const EVENTS: [&str; 6] = ["there", "ask", "tell", "call me", "who am i", "flat::add"];

/// With every plugin that there is.
pub fn with_all(builder: Builder) -> Builder {
    let fortress = EVENTS
        .iter()
        .fold(Fortress::new(), |fortress, event| fortress.validate(event, 0..=10, |_, _| ()));
    let fortress = fortress.validate_data(|_, data| match data.as_str() {
        Some("forbidden") => Err("it is"),
        _ => Ok(()),
    });
    let builder = builder.plugin(fortress).plugin(Emit).plugin(Emitter).plugin(Mirage::new());
    let builder = builder.plugin(Responder).plugin(Substreams::new()).plugin(Multiplex::new());
    let builder = builder.plugin(Resources::new()).plugin(Rooms::new());
    builder.plugin(Latency).plugin(Analytics)
}

/// The application of a server that has them: it answers by each.
pub fn offer_all(primus: &Primus) {
    primus.channel("news").unwrap().on_connection(subscribed);
    primus.resource("sums", sums()).unwrap();
    primus.on_connection(connected);
}

/// The servers; they are destroyed when this is dropped.
pub struct Plugged(Vec<(String, Primus, String)>);

impl Plugged {
    /// `all`, with every plugin and by every transformer, and `emitter`, without that
    /// of the other events, and with a resource that is flat.
    pub fn start() -> Self {
        let mut servers = Vec::new();
        for transformer in TRANSFORMERS {
            let primus = with_all(Primus::builder().transformer(transformer)).build().unwrap();
            offer_all(&primus);
            servers.push((format!("all-{transformer}"), primus));
        }
        let primus = Primus::builder().plugin(Emitter).plugin(Mirage::new());
        let primus = primus.plugin(Substreams::new()).plugin(Resources::new()).build().unwrap();
        primus.resource("flat", sums().flat(true)).unwrap();
        primus.on_connection(connected);
        servers.push(("emitter".to_owned(), primus));
        for transformer in TRANSFORMERS {
            servers.push((format!("history-{transformer}"), with_history(transformer)));
        }
        let started = servers.into_iter().map(|(name, primus)| {
            let address = primus.listen("127.0.0.1:0").unwrap();
            (name, primus, format!("http://{address}"))
        });
        Plugged(started.collect())
    }

    /// Their addresses by their names, as JSON.
    pub fn urls(&self) -> String {
        let urls = self.0.iter().map(|(name, _, url)| (name.clone(), json!(url)));
        serde_json::Value::Object(urls.collect()).to_string()
    }
}

impl Drop for Plugged {
    fn drop(&mut self) {
        for (_, primus, _) in &self.0 {
            primus.destroy(Destroy::default());
        }
    }
}

/// A server whose sparks are in the rooms `news` and `sport`, and are written to there as
/// they ask for it.
fn with_history(transformer: &str) -> Primus {
    let builder = Primus::builder().transformer(transformer).plugin(Rooms::new());
    let primus = builder.plugin(History::new()).plugin(Emit).build().unwrap();
    primus.on_connection(|spark| -> Result<()> {
        spark.join_all(["news", "sport"])?;
        spark.on_data(|spark, message| -> Result<()> {
            let (value, primus) = (message.value(), spark.primus());
            match value["do"].as_str() {
                Some("traffic") => {
                    let count = value["count"].as_u64().unwrap_or_default();
                    std::thread::spawn(move || traffic(&primus, count));
                }
                Some("others") => drop(spark.others_in("news").write(&value["what"])?),
                Some("leave") => drop(spark.leave("sport")),
                _ => answer(spark, message)?,
            }
            Ok(())
        });
        Ok(())
    });
    primus
}

/// Writes numbers, one after the other, to one of two rooms or to both.
fn traffic(primus: &Primus, count: u64) {
    for n in 1..=count {
        let rooms = [&["news", "sport"][..], &["news"], &["sport"]][n as usize % 3];
        let _ = primus.room(rooms.to_vec()).write(&n);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn connected(spark: &Spark) -> Result<()> {
    spark.on_data(answer);
    spark.on_event("who am i", |spark, event| event.ack(spark.mirage()));
    talk(spark);
    let stream = spark.substream("foo")?;
    stream.on_data(|stream: &Substream, message| match message.as_str() {
        Some("end it") => stream.end_with("bye"),
        _ => stream.write(&Value::from_iter([("echo", message.clone())])),
    });
    talk(&stream);
    Ok(())
}

fn subscribed(member: &ChannelSpark) -> Result<()> {
    member.write("hi")?;
    member.on_data(|member: &ChannelSpark, message| match message.as_str() {
        Some("end it") => member.end_with("bye").map(drop),
        Some("all") => member.channel().send_all("news", "for all").map(drop),
        _ => member.write(&Value::from_iter([("echo", message.clone())])).map(drop),
    });
    talk(member);
    Ok(())
}

fn sums() -> Methods {
    Methods::new().method("add", |_, event| {
        let (a, b): (f64, f64) = event.parse()?;
        event.ack(a + b)
    })
}

/// What a connection answers, and a stream inside of one.
fn talk<C: Channel>(channel: &C) {
    channel.on_event("there", |channel: &C, event| channel.emit("back", event.args()));
    channel.on_event("ask", |_: &C, event| event.ack(event.args()));
    channel.on_event("tell", |_: &C, event| event.ack(()));
    channel.on_event("call me", |channel: &C, event: &Event<'_>| {
        let heard = |channel: &C, answer: Result<Args>| {
            let told = answer.and_then(|answer| channel.send("heard", answer));
            assert!(told.is_ok(), "{told:?}");
        };
        channel.send_with("question", event.args(), SOON, heard)
    });
    channel.on_request(|channel: &C, request: &Request<'_>| {
        if request.data().as_str() == Some("ask me") {
            let heard = |channel: &C, answer: Result<Value>| {
                let told = answer.and_then(|answer| {
                    let told = Value::from_iter([("heard", answer)]);
                    channel.write_message(&told)
                });
                assert!(told.is_ok(), "{told:?}");
            };
            channel.write_with("question", SOON, heard)?;
        }
        request.respond(&Value::from_iter([("got", request.data().clone())]))
    });
}

/// Does what a message asks for, and says it again if it asks for nothing.
fn answer(spark: &Spark, message: &Message) -> Result<()> {
    let value = message.value();
    let room = || spark.primus().room(value["room"].as_str().unwrap_or_default());
    match value.get("do").and_then(Value::as_str) {
        Some("join") => {
            spark.join(value["room"].as_str().unwrap_or_default())?;
            spark.write("joined")?;
        }
        Some("write") => drop(room().write(&value["what"])?),
        Some("emit") => drop(room().emit_all("news", (&value["what"],))?),
        Some("send") => drop(room().send_all("news", (&value["what"],))?),
        Some("clock") => drop(spark.write(&spark.clock_offset().is_some())?),
        Some("away") => spark.end_options(EndOptions::default().reconnect(true)),
        _ => drop(spark.write(value)?),
    }
    Ok(())
}
