//! Events that are acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use primus::plugins::{Args, Emitter, EmitterExt, EmitterServerExt, EventExt};
use primus::{Channel, Client, Destroy, Error, Frame, Parser, Spark};

use super::{SOON, args, connect, parsers, told};

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
