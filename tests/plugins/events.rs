//! Events, acknowledgements and requests between our own two ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use primus::plugins::rooms::{PrimusRooms, Rooms, SparkRooms};
use primus::plugins::{
    Args, Emit, EmitExt, EmitServerExt, Emitter, EmitterExt, EmitterServerExt, EventExt, Responder,
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

/// The server acknowledges.
fn adds(spark: &Spark) {
    spark.on_event("add", |_, event| {
        let (a, b): (i64, i64) = event.parse()?;
        event.ack((a + b, "sum"))?;
        event.ack("again")
    });
    spark.on_event("later", |_, event| {
        let ack = event.take_ack().ok_or("nobody waits")?;
        assert!(!event.wants_ack() && event.take_ack().is_none());
        thread::spawn(move || ack.send("from another thread"));
        Ok::<_, primus::BoxError>(())
    });
    spark.on_event("end it", |spark, _| spark.end());
}

#[test]
fn acknowledgements_come_to_threads_and_functions_under_every_parser() {
    for parser in parsers() {
        let (primus, client, spark) = connect(Emitter, parser, adds);
        let sum: (i64, String) = client.send_ack("add", (1, 2), SOON).unwrap().parse().unwrap();
        assert_eq!(sum, (3, "sum".into()));
        let later: String = client.send_ack("later", (), SOON).unwrap().parse().unwrap();
        assert_eq!(later, "from another thread");
        let (tell, told) = channel();
        client
            .send_with("add", (2, 3), SOON, move |client, values| {
                let _ = tell.send((client.is_inside(), values.unwrap().parse::<i64>().unwrap()));
            })
            .unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), (true, 5));
        // The other way.
        client.on_event("who", |_, event| event.ack("me"));
        assert_eq!(spark.send_ack("who", (), SOON).unwrap(), args(["me".into()]));
        let news = self::told(&client, "news");
        primus.send_all("news", 1).unwrap();
        spark.send("news", 2).unwrap();
        assert_eq!(news.recv_timeout(SOON).unwrap(), args([1.into()]));
        assert_eq!(news.recv_timeout(SOON).unwrap(), args([2.into()]));
        primus.destroy(Destroy::default());
    }
}

#[test]
fn who_waits_is_told_when_it_is_late_or_over() {
    let (primus, client, spark) = connect(Emitter, Parser::JSON, adds);
    let late = client.send_ack("nobody listens", (), Duration::from_millis(10));
    assert!(matches!(late, Err(Error::Timeout(text)) if text.contains("`nobody listens`")));
    let (tell, told) = channel();
    for (name, timeout) in [("first", 30), ("second", 10), ("third", 60_000)] {
        let tell = tell.clone();
        let call = move |_: &Client, values: primus::Result<Args>| {
            let _ = tell.send((name, values));
        };
        client.send_with(name, (), Duration::from_millis(timeout), call).unwrap();
    }
    // In the order of their times, unless the machine is so busy that one is over
    // before the other begins.
    let late = [told.recv_timeout(SOON).unwrap(), told.recv_timeout(SOON).unwrap()];
    for (name, values) in late {
        assert!(matches!(values, Err(Error::Timeout(_))) && name != "third", "{name} {values:?}");
    }
    let (tell, at_spark) = channel();
    spark
        .send_with("to the client", (), SOON, move |_, values| {
            let _ = tell.send(values);
        })
        .unwrap();
    let waits = thread::spawn({
        let client = client.clone();
        move || client.send_ack("end it", (), SOON)
    });
    assert!(matches!(waits.join().unwrap(), Err(Error::Closed)));
    let (name, values) = told.recv_timeout(SOON).unwrap();
    assert!(name == "third" && matches!(values, Err(Error::Closed)), "{name} {values:?}");
    assert!(matches!(at_spark.recv_timeout(SOON).unwrap(), Err(Error::Closed)));
    // Nor is anything waited for afterwards.
    assert!(matches!(spark.send_ack("x", (), SOON), Err(Error::Closed)));
    assert!(matches!(spark.send_with("x", (), SOON, |_, _| panic!()), Err(Error::Closed)));
    primus.destroy(Destroy::default());
}

#[test]
fn a_listener_that_would_wait_for_itself_is_told_so() {
    let (tell, told) = channel();
    let (primus, client, _) = connect(Emitter, Parser::JSON, move |spark| {
        let tell = tell.clone();
        spark.on_event("ask", move |spark, event| {
            tell.send(spark.send_ack("back", (), SOON).unwrap_err().to_string())?;
            event.ack(()).map_err(primus::BoxError::from)
        });
    });
    client.send_ack("ask", (), SOON).unwrap();
    let text = told.recv_timeout(SOON).unwrap();
    assert!(text.contains("waiting for itself"), "{text}");
    // The same on the client's thread.
    let (tell, told) = channel();
    client
        .send_with("ask", (), SOON, move |client, _| {
            let _ = tell.send(matches!(client.send_ack("ask", (), SOON), Err(Error::Misuse(_))));
        })
        .unwrap();
    assert!(told.recv_timeout(SOON).unwrap());
    primus.destroy(Destroy::default());
}

#[test]
fn acknowledgements_by_hand_do_nothing() {
    let (primus, client, spark) = connect(Emitter, Parser::JSON, |_| ());
    let asked = self::told(&client, "ask");
    let waits = thread::spawn({
        let spark = spark.clone();
        move || spark.send_ack("ask", (), SOON)
    });
    asked.recv_timeout(SOON).unwrap();
    for id in ["0", "2", "99", "-1", "1.5", "1e300", "null", "false", "\"\""] {
        let ack = format!(r#"{{"id":{id},"type":1,"data":["forged"]}}"#);
        client.write_frame(&Frame::text(ack)).unwrap();
    }
    for ack in [r#"{"id":1,"type":1,"data":["right"]}"#, r#"{"id":1,"type":1,"data":["late"]}"#] {
        client.write_frame(&Frame::text(ack)).unwrap();
    }
    assert_eq!(waits.join().unwrap().unwrap(), args(["right".into()]));
    assert!(spark.is_open());
    primus.destroy(Destroy::default());
}

#[test]
fn no_more_than_a_thousand_are_waited_for() {
    let (primus, client, _) = connect(Emitter, Parser::JSON, |_| ());
    let called = Arc::new(AtomicUsize::new(0));
    let ask = || {
        let called = called.clone();
        client.send_with("never", (), SOON, move |_, values| {
            assert!(matches!(values, Err(Error::Closed)));
            called.fetch_add(1, Ordering::SeqCst);
        })
    };
    (0..1_000).for_each(|_| ask().unwrap());
    assert!(ask().unwrap_err().to_string().contains("1000 answers"));
    assert!(client.send_ack("never", (), SOON).is_err());
    client.end();
    crate::common::wait_for("all are called", 1_000, || called.load(Ordering::SeqCst));
    primus.destroy(Destroy::default());
}

#[test]
fn requests_are_answered_under_every_parser() {
    for parser in parsers() {
        let (primus, client, spark) = connect(Responder, parser, |spark| {
            spark.on_request(|_, request| match request.data().as_str() {
                Some("never") => Ok(()),
                Some("nothing") => request.take().ok_or("taken").map(|r| r.send_empty().unwrap()),
                _ => request.respond(&("got", request.data())).map_err(|_| "not sent"),
            });
            // Another listener comes too late.
            spark.on_request(|_, request| request.respond("again"));
        });
        for data in [Value::Null, false.into(), 0.into(), "".into(), Value::from([Value::from(1)])]
        {
            let answer = client.write_and_wait(&data, SOON).unwrap();
            assert_eq!(answer, Value::from(["got".into(), data]));
        }
        assert_eq!(client.write_and_wait("nothing", SOON).unwrap(), Value::Undefined);
        client.on_request(|_, request| request.respond(&(request.parse::<u8>()? + 1)));
        assert_eq!(spark.write_and_wait(&1, SOON).unwrap(), 2.into());
        let (tell, told) = channel();
        spark
            .write_with(&2, SOON, move |_, answer| {
                let _ = tell.send(answer.unwrap());
            })
            .unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), 3.into());
        primus.destroy(Destroy::default());
    }
}

#[test]
fn a_request_ends_with_its_time_or_its_connection() {
    let (primus, client, spark) = connect(Responder, Parser::JSON, |spark| {
        spark.on_request(|spark, request| {
            if request.data().as_str() == Some("end") {
                spark.end();
            }
        });
    });
    assert!(matches!(
        client.write_and_wait("x", Duration::from_millis(10)),
        Err(Error::Timeout(_))
    ));
    // Nobody listens on the other side.
    assert!(matches!(spark.write_and_wait("x", Duration::from_millis(10)), Err(Error::Timeout(_))));
    assert!(matches!(client.write_and_wait("end", SOON), Err(Error::Closed)));
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
