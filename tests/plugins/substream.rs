//! The plugin `substream`, over sockets.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use primus::plugins::substream::{OpenSubstream, Substream, Substreams};
use primus::plugins::{Emitter, EmitterExt, EventExt};
use primus::testing::Pair;
use primus::{BoxError, Channel, Client, Error, Handler, Primus, Result, Spark, Value};

use crate::common::{PATIENCE, Server, wait_until};

fn server() -> Server {
    Server::start(Primus::builder().plugin(Substreams::new()))
}

/// A client with the plugin, and its spark.
fn pair(server: &Server) -> (Client, Spark, Pair) {
    let pair = primus::testing::pair(&server.primus, |client| {
        client.plugin(Substreams::new()).reconnect_min(Duration::from_millis(5))
    });
    let pair = pair.unwrap();
    (pair.client().clone(), pair.spark().unwrap(), pair)
}

/// What a stream gets, and `end`.
fn heard(stream: &Substream) -> Receiver<String> {
    let (tell, told) = channel();
    let end = tell.clone();
    stream.on_data(move |stream, message| tell.send(format!("{}: {message}", stream.name())));
    stream.on_end(move |_| drop(end.send("end".into())));
    told
}

fn next(told: &Receiver<String>) -> String {
    told.recv_timeout(PATIENCE).unwrap()
}

#[test]
fn messages_of_streams_come_to_the_stream_of_their_name_on_both_sides() {
    let server = server();
    let (client, spark, _pair) = pair(&server);
    let (a, b) = (client.substream("a").unwrap(), client.substream("b").unwrap());
    let (far_a, far_b) = (spark.substream("a").unwrap(), spark.substream("b").unwrap());
    let told = [heard(&a), heard(&b), heard(&far_a), heard(&far_b)];
    for n in 0..100 {
        a.write(&n).unwrap();
        b.write(&[n]).unwrap();
        far_a.write(&(n, "x")).unwrap();
        far_b.write(&Value::Null).unwrap();
    }
    for n in 0..100 {
        assert_eq!(next(&told[0]), format!(r#"a: [{n},"x"]"#));
        assert_eq!(next(&told[1]), "b: null");
        assert_eq!(next(&told[2]), format!("a: {n}"));
        assert_eq!(next(&told[3]), format!("b: [{n}]"));
    }
    assert!(a.is_open() && a.name() == "a" && a.connection().any().is::<Client>());
    assert!(!a.is_inside() && far_b.is_reserved("data") && format!("{a:?}").contains("a"));
}

#[test]
fn a_stream_is_the_same_until_it_ends_and_another_one_after_that() {
    let server = server();
    let (client, spark, _pair) = pair(&server);
    let first = client.substream("s").unwrap();
    first.extensions().get_or_init(|| 7u8);
    let same = client.substream("s").unwrap();
    assert_eq!(same.extensions().get::<u8>(), Some(&7));
    let (near, far) = (heard(&first), spark.substream("s").unwrap());
    let told = heard(&far);
    assert!(first.end_with("last").is_ok() && next(&near) == "end");
    assert_eq!([next(&told), next(&told)], [r#"s: "last""#, "end"]);
    assert!(!first.is_open() && !same.is_open() && !far.is_open());
    assert!(matches!(first.write("late"), Err(Error::Closed)));
    assert!(matches!(far.write("late"), Err(Error::Closed)));
    first.end();
    // The ends are said once.
    assert!(near.try_recv().is_err() && told.try_recv().is_err());

    let again = client.substream("s").unwrap();
    assert!(again.extensions().get::<u8>().is_none());
    let told = heard(&spark.substream("s").unwrap());
    again.write("new").unwrap();
    assert_eq!(next(&told), r#"s: "new""#);
}

#[test]
fn what_comes_before_a_listener_waits_for_it() {
    let server = server();
    let (client, spark, _pair) = pair(&server);
    let (near, far) = (client.substream("s").unwrap(), spark.substream("s").unwrap());
    for n in 0..3 {
        near.write(&n).unwrap();
        far.write(&n).unwrap();
    }
    spark.write("after").unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("after"));
    for stream in [near, far] {
        let told = heard(&stream);
        assert_eq!([next(&told), next(&told), next(&told)], ["s: 0", "s: 1", "s: 2"]);
    }
}

#[test]
fn names_that_nobody_has_opened_are_data_whatever_they_hold() {
    let server = server();
    let (tell, told) = channel();
    server.primus.on_connection(move |spark| -> Result<()> {
        let open = spark.substream("open")?;
        let of_stream = tell.clone();
        open.on_data(move |_, message| of_stream.send(format!("open: {message}")));
        let end = tell.clone();
        open.on_end(move |_| drop(end.send("open: end".into())));
        let tell = tell.clone();
        spark.on_data(move |_, message| tell.send(message.value().to_string()));
        Ok(())
    });
    let mut peer = server.open();
    let plain = [
        r#"{"substream":"shut","args":1}"#,
        r#"{"substream":null,"args":1}"#,
        r#"{"substream":["open"],"args":1}"#,
        r#"{"substream":{"substream":"open"},"args":1}"#,
        r#"{"substream":"__proto__","args":"substream::end"}"#,
        r#"{"substream":"constructor"}"#,
        r#"{"substream":"open ","args":1}"#,
        r#"[{"substream":"open","args":1}]"#,
        "null",
    ];
    for text in plain {
        peer.text(text);
        assert_eq!(next(&told), text);
    }
    let long = format!(r#"{{"substream":"{}","args":1}}"#, "n".repeat(64 << 10));
    peer.text(&long);
    assert_eq!(next(&told), long);
    // Inside of a stream, envelopes are messages.
    let inside = [
        (r#"{"substream":"open","args":null}"#, "open: null"),
        (
            r#"{"substream":"open","args":{"substream":"open","args":"substream::end"}}"#,
            r#"open: {"substream":"open","args":"substream::end"}"#,
        ),
        (r#"{"substream":"open","args":["substream::end"]}"#, r#"open: ["substream::end"]"#),
        (r#"{"args":1,"substream":"open"}"#, "open: 1"),
        (r#"{"substream":"open","args":"substream::end"}"#, "open: end"),
    ];
    for (text, expected) in inside {
        peer.text(text);
        assert_eq!(next(&told), expected);
    }
    peer.text(r#"{"substream":"open","args":"substream::end"}"#);
    assert_eq!(next(&told), r#"{"substream":"open","args":"substream::end"}"#);
}

#[test]
fn an_error_or_panic_of_a_listener_is_an_error_of_the_connection_and_no_other_suffers() {
    let server = server();
    let (client, spark, _pair) = pair(&server);
    let (tell, errors) = channel();
    spark.on_error(move |_, error| tell.send(error.to_string()));
    let far = spark.substream("s").unwrap();
    far.on_data(|_, _| -> Result<(), BoxError> { Err("no".into()) });
    let told = heard(&far);
    let near = client.substream("s").unwrap();
    near.write("fine").unwrap();
    assert_eq!(next(&told), r#"s: "fine""#);
    assert!(next(&errors).contains("no"));
    // A panic of a server's listener is the end of its connection, as everywhere.
    let (tell, errors) = channel();
    client.on_error(move |_, error| tell.send(error.to_string()));
    near.on_data(|_, _| -> () { panic!("in a test") });
    let told = heard(&near);
    far.write("fine").unwrap();
    assert_eq!(next(&told), r#"s: "fine""#);
    assert!(next(&errors).contains("in a test") && near.is_open());
    assert!(far.is_open() && spark.is_open());
}

#[test]
fn the_end_of_a_connection_is_the_end_of_its_streams() {
    let server = server();
    let (client, spark, _pair) = pair(&server);
    let (near, far) = (client.substream("s").unwrap(), spark.substream("s").unwrap());
    let (told, far_told) = (heard(&near), heard(&far));
    let (tell, over) = channel();
    for stream in [&near, &far] {
        let tell = tell.clone();
        stream.on_over(Box::new(move || drop(tell.send("over".into()))));
    }
    client.end();
    assert_eq!([next(&told), next(&far_told)], ["end", "end"]);
    // The client has lost its connection, and has ended.
    assert_eq!([next(&over), next(&over), next(&over)], ["over"; 3]);
    assert!(!near.is_open() && !far.is_open());
    wait_until("a spark that has ended opens none", || {
        matches!(spark.substream("t"), Err(Error::Closed))
    });
    // Late is not never.
    let (tell, over) = channel::<String>();
    far.on_over(Box::new(move || drop(tell.send("over".into()))));
    assert_eq!(next(&over), "over");
}

#[test]
fn a_client_keeps_its_streams_over_a_reconnect() {
    let server = server();
    let (client, spark, pair) = pair(&server);
    let near = client.substream("s").unwrap();
    let told = heard(&near);
    let far = heard(&spark.substream("s").unwrap());
    server.primus.on_connection(|spark| -> Result<()> {
        spark.substream("s")?.on_data(|s, message| s.write(&("again", message)));
        Ok(())
    });
    pair.link().cut();
    assert_eq!(next(&far), "end");
    near.write("meanwhile").unwrap();
    pair.link().heal();
    assert_eq!(next(&told), r#"s: ["again","meanwhile"]"#);
}

/// Claims texts, on whatever channel, and answers them.
struct Texts;

impl Handler for Texts {
    fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
        message.as_str().is_some()
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let name = channel.any().downcast_ref::<Substream>().map(Substream::name);
        channel.write_message(&(name, message, channel.is_inside()))?;
        Ok(())
    }
}

#[test]
fn messages_of_a_stream_are_offered_to_plugins_before_its_listeners() {
    let server = server();
    server.primus.handlers().add(Texts);
    let (client, spark, _pair) = pair(&server);
    let far = heard(&spark.substream("s").unwrap());
    let near = client.substream("s").unwrap();
    let told = heard(&near);
    near.write("text").unwrap();
    near.write(&1).unwrap();
    assert_eq!(next(&told), r#"s: ["s","text",true]"#);
    assert_eq!(next(&far), "s: 1");
}

#[test]
fn streams_are_bounded_need_the_plugin_and_cannot_say_the_end() {
    let server = server();
    let (client, spark, _pair) = pair(&server);
    let streams: Vec<_> = (0..1_000).map(|n| spark.substream(n.to_string()).unwrap()).collect();
    assert!(matches!(spark.substream("more"), Err(Error::Misuse(_))));
    assert!(spark.substream("7").is_ok());
    streams[0].end();
    assert!(spark.substream("more").is_ok());
    assert!(matches!(streams[1].write("substream::end"), Err(Error::Misuse(_))));
    assert!(streams[1].is_open() && client.substream("").is_ok());

    let plain = Primus::builder().build().unwrap();
    let bare = primus::testing::pair(&plain, |client| client).unwrap();
    assert!(matches!(bare.client().substream("s"), Err(Error::Misuse(_))));
    assert!(matches!(bare.spark().unwrap().substream("s"), Err(Error::Misuse(_))));
}

#[test]
fn a_stream_that_has_ended_lets_go_of_its_listeners_and_of_itself() {
    let server = server();
    let (_client, spark, _pair) = pair(&server);
    let held = Arc::new(());
    for n in 0..100 {
        let stream = spark.substream(format!("s{n}")).unwrap();
        let (a, b, c) = (held.clone(), held.clone(), held.clone());
        let own = stream.clone();
        stream.on_data(move |_, _| drop((a.clone(), own.is_open())));
        stream.on_end(move |_| drop(b.clone()));
        stream.on_over(Box::new(move || drop(c.clone())));
        assert_eq!(Arc::strong_count(&held), 4);
        stream.end();
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

#[test]
fn events_and_acknowledgements_work_inside_a_stream() {
    let server = Server::start(Primus::builder().plugin(Emitter).plugin(Substreams::new()));
    let setup = |client: primus::ClientBuilder| client.plugin(Substreams::new()).plugin(Emitter);
    let pair = primus::testing::pair(&server.primus, setup).unwrap();
    let far = pair.spark().unwrap().substream("s").unwrap();
    let near = pair.client().substream("s").unwrap();
    far.on_event("add", |stream: &Substream, event| {
        assert_eq!(stream.name(), "s");
        let (a, b): (i64, i64) = event.parse()?;
        event.ack(a + b)?;
        Ok::<_, BoxError>(())
    });
    let sum = near.send_ack("add", (2, 3), PATIENCE).unwrap();
    assert_eq!(sum.parse::<(i64,)>().unwrap(), (5,));
    // Nobody answers, and then the stream ends.
    let (waiting, ender) = (near.clone(), far.clone());
    far.on_event("never", move |_: &Substream, _| ender.end());
    let waited = waiting.send_ack("never", (), PATIENCE);
    assert!(matches!(waited, Err(Error::Closed)), "{waited:?}");
    assert!(matches!(near.send("add", (1, 2)), Err(Error::Closed)));
}
