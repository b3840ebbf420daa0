//! Events, acknowledgements and requests between our own two ends.

mod acknowledgements;
mod requests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::{
    Args, Emit, EmitExt, EmitServerExt, Emitter, EmitterServerExt, EventExt, Responder,
    ResponderExt, ServerEventExt,
};
use primus::{Channel, Client, Destroy, Error, Frame, Parser, Plugin, Primus, Spark, Value};

const SOON: Duration = Duration::from_secs(20);

/// A server and a client of it, over a socket. `listen` is called before the client
/// is told that it is connected.
fn connect<P: Plugin + Clone>(
    plugin: P,
    parser: Parser,
    listen: impl Fn(&Spark) + Send + Sync + 'static,
) -> (Primus, Client, Spark) {
    let primus = Primus::builder().parser(parser.clone()).plugin(plugin.clone()).build().unwrap();
    let (tell, told) = channel();
    primus.on_connection(move |spark| {
        listen(spark);
        tell.send(spark.clone())
    });
    let address = primus.listen("127.0.0.1:0").unwrap();
    let builder = Client::builder(&format!("http://{address}")).parser(parser).plugin(plugin);
    let client = builder.connect().unwrap();
    (primus, client, told.recv_timeout(SOON).unwrap())
}

fn parsers() -> impl Iterator<Item = Parser> {
    ["json", "ejson", "binary", "msgpack"].into_iter().filter_map(|name| name.parse().ok())
}

/// Tells of the events of this name that come on a channel.
fn told<C: Channel>(end: &C, name: &str) -> Receiver<Args> {
    let (tell, told) = channel();
    end.on_event(name, move |_, event| tell.send(event.args().clone()));
    told
}

fn args<const N: usize>(values: [Value; N]) -> Args {
    Args::from(values.to_vec())
}

#[test]
fn events_go_both_ways_under_every_parser() {
    for parser in parsers() {
        let (primus, client, spark) = connect(Emit, parser, |_| ());
        let (at_client, at_spark) = (told(&client, "echo"), told(&spark, "echo"));
        for end in [&spark as &dyn EmitBoth, &client] {
            end.emit_both();
        }
        for told in [at_client, at_spark] {
            assert_eq!(told.recv_timeout(SOON).unwrap(), Args::default());
            assert_eq!(told.recv_timeout(SOON).unwrap(), args(["a".into(), 2.into()]));
        }
        primus.destroy(Destroy::default());
    }
}

trait EmitBoth {
    fn emit_both(&self);
}

impl<C: Channel> EmitBoth for C {
    fn emit_both(&self) {
        self.emit("echo", ()).unwrap();
        self.emit("echo", ("a", 2)).unwrap();
    }
}

/// Whatever is in it, an envelope raises only what the other side may raise, and the
/// connection goes on.
#[test]
fn envelopes_by_hand_raise_no_event_of_the_sides_own() {
    let (tell, told) = channel();
    let (primus, client, spark) = connect(Emit, Parser::JSON, move |spark| {
        for name in ["data", "end", "error", "open", "close", "constructor", "__proto__", ""] {
            let tell = tell.clone();
            spark.on_event(name, move |_, _| tell.send(name));
        }
        let tell = tell.clone();
        spark.on_data(move |_, _| tell.send("as data"));
    });
    let long = "x".repeat(64 << 10);
    for list in [
        r#"["data",1]"#,
        r#"["end"]"#,
        r#"["error",{}]"#,
        r#"["constructor"]"#,
        r#"["__proto__",{"a":1}]"#,
        r#"[]"#,
        r#"[5]"#,
        r#"[null]"#,
        r#"[["data"]]"#,
        &format!("[\"{long}\"]"),
    ] {
        client.write_frame(&Frame::text(format!("{{\"emit\":{list}}}"))).unwrap();
    }
    // These are a client's own names, and a server's anybody's.
    client.write_frame(&Frame::text(r#"{"emit":["open"]}"#)).unwrap();
    client.write_frame(&Frame::text(r#"{"emit":["",1]}"#)).unwrap();
    client.write_frame(&Frame::text(r#"{"emit":"text"}"#)).unwrap();
    let next = || told.recv_timeout(SOON).unwrap();
    assert_eq!([next(), next(), next()], ["open", "", "as data"]);
    assert!(spark.is_open());
    primus.destroy(Destroy::default());
}

#[test]
fn all_sparks_are_heard_at_the_server_and_told_at_once() {
    let (primus, client, spark) = connect(Emit, Parser::JSON, |_| ());
    let order = told(&spark, "news");
    let (tell, at_server) = channel();
    let id = ServerEventExt::on_event(&primus, "news", move |spark, event| {
        tell.send((spark.id().to_owned(), event[0].clone()))
    });
    client.emit("news", 1).unwrap();
    assert_eq!(order.recv_timeout(SOON).unwrap(), args([1.into()]));
    let (from, value) = at_server.recv_timeout(SOON).unwrap();
    assert_eq!((from.as_str(), value), (spark.id(), 1.into()));
    assert!(primus.off_event(id) && !primus.off_event(id));
    let news = told(&client, "news");
    primus.emit_all("news", ("rain", 2)).unwrap();
    assert_eq!(news.recv_timeout(SOON).unwrap(), args(["rain".into(), 2.into()]));
    assert!(matches!(primus.emit_all("data", 1), Err(Error::Misuse(_))));
    let nobody = primus.room("empty").emit_all("news", 1);
    assert!(matches!(nobody, Err(Error::Misuse(_))), "rooms are not registered");
    primus.destroy(Destroy::default());
}

#[test]
fn listeners_come_once_and_go() {
    let (primus, client, spark) = connect(Emit, Parser::JSON, |_| ());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    spark.once_event("x", move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let counted = count.clone();
    let id = spark.on_event("x", move |_, _| {
        counted.fetch_add(10, Ordering::SeqCst);
    });
    let done = told(&spark, "done");
    for name in ["x", "x", "done"] {
        client.emit(name, ()).unwrap();
    }
    done.recv_timeout(SOON).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 21);
    assert!(spark.off_event(id) && !spark.off_event(id));
    client.emit("x", ()).unwrap();
    client.emit("done", ()).unwrap();
    done.recv_timeout(SOON).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 21);
    primus.destroy(Destroy::default());
}

#[test]
fn rooms_are_told_events() {
    let primus =
        Primus::builder().plugin(Emit).plugin(Emitter).plugin(Rooms::new()).build().unwrap();
    primus.on_connection(|spark| spark.join("a"));
    let address = primus.listen("127.0.0.1:0").unwrap();
    let builder = Client::builder(&format!("http://{address}")).plugin(Emit).plugin(Emitter);
    let client = builder.connect().unwrap();
    let news = told(&client, "news");
    // The client may be told that it is connected before it is in its room.
    crate::common::wait_for("it is in its room", 1, || primus.room("a").members().len());
    assert_eq!(primus.room("a").emit_all("news", 1).unwrap(), 1);
    assert_eq!(primus.room("a").send_all("news", (2, 3)).unwrap(), 1);
    assert_eq!(primus.room("b").send_all("news", 4).unwrap(), 0);
    assert_eq!(news.recv_timeout(SOON).unwrap(), args([1.into()]));
    assert_eq!(news.recv_timeout(SOON).unwrap(), args([2.into(), 3.into()]));
    primus.destroy(Destroy::default());
}

/// Events that come while `connection` listeners run are not lost.
#[test]
fn early_events_are_kept() {
    let (tell, told_early) = channel();
    let entered = Arc::new(Barrier::new(2));
    let wait = entered.clone();
    let primus = Primus::builder().plugin(Emit).build().unwrap();
    primus.on_connection(move |spark| {
        wait.wait();
        let tell = tell.clone();
        spark.on_event("early", move |_, event| tell.send(event.parse::<u8>().unwrap()));
    });
    let address = primus.listen("127.0.0.1:0").unwrap();
    let client = Client::builder(&format!("http://{address}")).plugin(Emit).connect().unwrap();
    client.emit("early", 1).unwrap();
    client.emit("early", 2).unwrap();
    entered.wait();
    assert_eq!(told_early.recv_timeout(SOON).unwrap(), 1);
    assert_eq!(told_early.recv_timeout(SOON).unwrap(), 2);
    primus.destroy(Destroy::default());
}

#[test]
fn an_error_of_a_listener_is_an_error_event() {
    let (tell, told) = channel();
    let (primus, client, spark) = connect(Emit, Parser::JSON, |_| ());
    spark.on_error(move |_, error| tell.send(error.to_string()));
    spark.on_event("n", |_, event| event.parse::<u8>().map(drop));
    let after = self::told(&spark, "n");
    client.emit("n", "not a number").unwrap();
    assert!(told.recv_timeout(SOON).unwrap().contains("listener failed"));
    assert_eq!(after.recv_timeout(SOON).unwrap(), args(["not a number".into()]));
    primus.destroy(Destroy::default());
}

/// What listeners of a spark hold is let go when it ends, though it is the spark.
#[test]
fn listeners_that_hold_their_spark_keep_it_no_longer_than_it_lives() {
    struct Held(#[allow(dead_code)] Spark, std::sync::mpsc::Sender<()>);
    impl Drop for Held {
        fn drop(&mut self) {
            let _ = self.1.send(());
        }
    }
    let (tell, told) = channel();
    let (primus, client, spark) = connect(Responder, Parser::JSON, move |spark| {
        let held = || Held(spark.clone(), tell.clone());
        let (event, request, late) = (held(), held(), held());
        spark.on_event("x", move |_, _| event.1.send(()));
        spark.on_request(move |_, _| request.1.send(()));
        spark.on_end(move |spark, _| {
            let late = Held(late.0.clone(), late.1.clone());
            spark.on_event("late", move |_, _| late.1.send(()));
        });
    });
    client.end();
    (0..4).for_each(|_| told.recv_timeout(SOON).expect("it is let go"));
    drop(spark);
    primus.destroy(Destroy::default());
}

/// Each side has its own plugin's messages, and plain ones stay data.
#[test]
fn plain_messages_stay_data() {
    let (tell, told) = channel();
    let (primus, client, _) = connect(Emitter, Parser::JSON, move |spark| {
        let tell = tell.clone();
        spark.on_data(move |_, message| tell.send(message.value().to_string()));
    });
    let plain = [
        "null",
        "[]",
        "5",
        r#"{"type":"0","data":[]}"#,
        r#"{"type":2,"data":[]}"#,
        r#"{"type":0,"data":{}}"#,
        r#"{"type":0,"data":["x"],"id":"1"}"#,
    ];
    for text in plain {
        client.write_frame(&Frame::text(text)).unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), text);
    }
    primus.destroy(Destroy::default());
}
