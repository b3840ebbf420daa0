//! The plugin `multiplex`, over sockets.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use primus::plugins::multiplex::{
    ChannelSpark, ClientChannel, Multiplex, OpenChannel, PrimusChannels,
};
use primus::plugins::{Emitter, EmitterExt, EventExt};
use primus::testing::Pair;
use primus::{BoxError, Channel, Client, Error, Handler, Primus, Result, Spark, Value};

use crate::common::{PATIENCE, Server, wait_for, wait_until};

fn server() -> Server {
    Server::start(Primus::builder().plugin(Multiplex::new()))
}

/// A client with the plugin.
fn pair(server: &Server) -> (Client, Pair) {
    let setup = |client: primus::ClientBuilder| {
        client.plugin(Multiplex::new()).reconnect_min(Duration::from_millis(5))
    };
    let pair = primus::testing::pair(&server.primus, setup).unwrap();
    (pair.client().clone(), pair)
}

/// What a channel of the client's gets, and `end`.
fn heard(channel: &ClientChannel) -> Receiver<String> {
    let (tell, told) = std::sync::mpsc::channel();
    let end = tell.clone();
    channel.on_data(move |_, message| tell.send(message.to_string()));
    channel.on_end(move |_| drop(end.send("end".into())));
    told
}

fn next(told: &Receiver<String>) -> String {
    told.recv_timeout(PATIENCE).unwrap()
}

/// The channel `news`, which tells of all that goes on in it.
fn news(server: &Server) -> Receiver<String> {
    let (tell, told) = channel();
    let news = server.primus.channel("news").unwrap();
    let gone = tell.clone();
    news.on_disconnection(move |spark| drop(gone.send(format!("- {}", spark.id()))));
    news.on_connection(move |spark| {
        let _ = tell.send(format!("+ {}", spark.id()));
        let data = tell.clone();
        spark.on_data(move |spark, message| data.send(format!("{}: {message}", spark.id())));
    });
    told
}

#[test]
fn subscriptions_are_told_of_written_to_and_ended_from_both_sides() {
    let server = server();
    let told = news(&server);
    let news = server.primus.channel("news").unwrap();
    let (client, _pair) = pair(&server);
    let (a, b) = (client.channel("news").unwrap(), client.channel("news").unwrap());
    assert!(a.id() != b.id() && a.name() == "news" && a.is_open());
    assert_eq!([next(&told), next(&told)], [format!("+ {}", a.id()), format!("+ {}", b.id())]);
    let (of_a, of_b) = (heard(&a), heard(&b));
    // Falsy ones, too.
    for message in [Value::from(0), Value::Null, Value::from(""), Value::from([Value::from(1)])] {
        a.write(&message).unwrap();
        assert_eq!(next(&told), format!("{}: {message}", a.id()));
        assert_eq!(news.write(&message).unwrap(), 2);
        assert_eq!([next(&of_a), next(&of_b)], [message.to_string(), message.to_string()]);
    }
    let mut subscribers: Vec<ChannelSpark> = Vec::new();
    news.for_each(|subscriber| subscribers.push(subscriber.clone()));
    let [near_a, near_b] = &subscribers[..] else { panic!("{subscribers:?}") };
    assert!(near_a.id() == a.id() && near_a.channel().name() == "news" && near_a.is_open());
    assert_eq!(near_a.spark().id(), near_b.spark().id());
    near_a.write("only a").unwrap();
    assert_eq!(next(&of_a), r#""only a""#);
    for (from, told) in [(near_a as &dyn Channel, &of_a), (&a, &told)] {
        from.write_message(&Value::Undefined).unwrap();
        assert!(next(told).ends_with(&Value::Undefined.to_string()));
    }

    a.end_with("bye").unwrap();
    assert_eq!(
        [next(&told), next(&told)],
        [format!(r#"{}: "bye""#, a.id()), format!("- {}", a.id())]
    );
    assert_eq!(next(&of_a), "end");
    assert!(matches!(a.write("late"), Err(Error::Closed)) && !near_a.is_open());
    assert!(matches!(near_a.write("late"), Err(Error::Closed)));
    near_b.end_with("bye").unwrap();
    assert_eq!([next(&of_b), next(&of_b)], [r#""bye""#, "end"]);
    assert_eq!(next(&told), format!("- {}", b.id()));
    assert!(news.connected() == 0 && news.write("nobody").unwrap() == 0);
    assert!(of_a.try_recv().is_err() && of_b.try_recv().is_err() && told.try_recv().is_err());
}

#[test]
fn a_channel_is_one_however_often_it_is_asked_for_and_can_be_destroyed() {
    let server = server();
    let told = news(&server);
    let (client, _pair) = pair(&server);
    let channel = client.channel("news").unwrap();
    let of_channel = heard(&channel);
    assert_eq!(next(&told), format!("+ {}", channel.id()));
    let news = server.primus.channel("news").unwrap();
    assert_eq!(news.connected(), 1);
    news.destroy();
    assert_eq!(next(&of_channel), "end");
    assert_eq!(next(&told), format!("- {}", channel.id()));
    let fresh = server.primus.channel("news").unwrap();
    let again = client.channel("news").unwrap();
    wait_for("a new channel", 1, || fresh.connected());
    assert!(again.is_open() && told.try_recv().is_err() && news.connected() == 0);
    let lengths = [0, 257].map(|length| server.primus.channel("n".repeat(length)));
    assert!(lengths.iter().all(|channel| matches!(channel, Err(Error::Misuse(_)))));
}

#[test]
fn packets_that_are_none_are_data_and_late_or_guessed_ones_are_nothing() {
    let server = server();
    let told = news(&server);
    let (tell, data) = channel();
    server.primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_data(move |_, message| tell.send(message.value().to_string()));
    });
    let mut peer = server.open();
    let plain = [
        "[1,2,3]",
        "[]",
        "[1]",
        "[0,\"a\"]",
        "[3,\"a\",\"news\"]",
        "[null,\"a\",\"news\"]",
        "[\"1\",\"a\",\"news\"]",
        "{\"0\":1,\"1\":\"a\",\"2\":\"news\"}",
        "[1,\"a\",null]",
        "null",
        "[1,\"a\",[\"news\"]]",
        "[true,\"a\",\"news\"]",
        "[0.5,\"a\",\"news\"]",
    ];
    for text in plain {
        peer.text(text);
        assert_eq!(next(&data), text);
    }
    let long = "n".repeat(64 << 10);
    let nothing = [
        r#"[0,"a","news",1]"#.to_owned(),
        r#"[2,"a","news"]"#.to_owned(),
        r#"[1,"a","__proto__"]"#.to_owned(),
        r#"[1,"a","constructor"]"#.to_owned(),
        r#"[1,"a",""]"#.to_owned(),
        r#"[1,null,"news"]"#.to_owned(),
        r#"[1,{},"news"]"#.to_owned(),
        r#"[1,[],"news",1]"#.to_owned(),
        format!(r#"[1,"a","{long}"]"#),
        format!(r#"[1,"{long}","news"]"#),
        format!(r#"[2,"a","{long}"]"#),
    ];
    for text in &nothing {
        peer.text(text);
    }
    peer.text(r#"[1,"a","news"]"#);
    assert_eq!(next(&told), "+ a");
    // Again, which is ignored; as a number, which is another one; and without a payload.
    for text in
        [r#"[1,"a","news"]"#, r#"[1,7,"news"]"#, r#"[0,"a","news"]"#, r#"[0,"a","news",1,2]"#]
    {
        peer.text(text);
    }
    let (first, second, third) = (next(&told), next(&told), next(&told));
    assert_eq!([&first[..], &second, &third], ["+ 7", "a: null", "a: null"]);
    peer.text(r#"[0,"7","news","by its text"]"#);
    assert_eq!(next(&told), r#"7: "by its text""#);
    let news = server.primus.channel("news").unwrap();
    assert_eq!(news.write("x").unwrap(), 2);
    assert_eq!(peer.expect_text(), r#"[0,"a","news","x"]"#);
    assert_eq!(peer.expect_text(), r#"[0,7,"news","x"]"#);
    for _ in 0..3 {
        peer.text(r#"[2,"a","news"]"#);
        peer.text(r#"[0,"a","news","late"]"#);
    }
    // One answer, and one end.
    assert_eq!(peer.expect_text(), r#"[2,"a","news"]"#);
    assert_eq!(next(&told), "- a");
    peer.text(r#"[0,7,"news",2]"#);
    assert_eq!(next(&told), "7: 2");
    news.write("y").unwrap();
    assert_eq!(peer.expect_text(), r#"[0,7,"news","y"]"#);
    assert!(data.try_recv().is_err());
    peer.close();
    assert_eq!(next(&told), "- 7");
    assert_eq!(news.connected(), 0);
}

#[test]
fn a_connection_cannot_reach_the_subscriptions_of_another() {
    let server = server();
    let told = news(&server);
    let (mut ann, mut eve) = (server.open(), server.open());
    ann.text(r#"[1,"a","news"]"#);
    assert_eq!(next(&told), "+ a");
    for text in [r#"[0,"a","news","forged"]"#, r#"[2,"a","news"]"#, r#"[1,"a","news"]"#] {
        eve.text(text);
    }
    // The same id, but another subscription.
    assert_eq!(next(&told), "+ a");
    eve.text(r#"[2,"a","news"]"#);
    assert_eq!((next(&told), eve.expect_text()), ("- a".into(), r#"[2,"a","news"]"#.into()));
    ann.text(r#"[0,"a","news",1]"#);
    assert_eq!(next(&told), "a: 1");
    server.primus.channel("news").unwrap().write("for ann").unwrap();
    assert_eq!(ann.expect_text(), r#"[0,"a","news","for ann"]"#);
}

#[test]
fn subscriptions_are_bounded_and_storms_leave_nothing() {
    let server = server();
    let news = server.primus.channel("news").unwrap();
    let mut peer = server.open();
    for n in 0..1_100 {
        peer.text(&format!(r#"[1,{n},"news"]"#));
        peer.text(&format!(r#"[1,{n},"channel {n}"]"#));
    }
    peer.text(r#"[2,0,"news"]"#);
    assert_eq!(peer.expect_text(), r#"[2,0,"news"]"#);
    assert_eq!(news.connected(), 999);
    for n in 0..5_000 {
        peer.text(&format!(r#"[1,"x{n}","news"]"#));
        peer.text(&format!(r#"[2,"x{n}","news"]"#));
        assert_eq!(peer.expect_text(), format!(r#"[2,"x{n}","news"]"#));
    }
    assert_eq!(news.connected(), 999);
    peer.reset();
    wait_for("they end with the connection", 0, || news.connected());

    let (client, _pair) = pair(&server);
    let channels: Vec<_> = (0..1_000).map(|_| client.channel("news").unwrap()).collect();
    assert!(matches!(client.channel("news"), Err(Error::Misuse(_))));
    channels[0].end();
    assert!(client.channel("news").is_ok());
    let plain = Primus::builder().build().unwrap();
    assert!(matches!(plain.channel("news"), Err(Error::Misuse(_))));
    let bare = primus::testing::pair(&plain, |client| client).unwrap();
    assert!(matches!(bare.client().channel("news"), Err(Error::Misuse(_))));
}

#[test]
fn channels_on_demand_are_made_as_the_application_says_and_go_with_the_last() {
    let (tell, told) = channel();
    let tell = Mutex::new(tell);
    let on_demand = move |spark: &Spark, channel: &primus::plugins::multiplex::ServerChannel| {
        let (name, tell) = (channel.name().to_owned(), tell.lock().unwrap().clone());
        let _ = tell.send(format!("{name} for {}", spark.id().len() > 5));
        channel.on_connection(|spark| spark.write("made for you"));
        name.starts_with("room ")
    };
    let server = Server::start(Primus::builder().plugin(Multiplex::new().on_demand(on_demand)));
    let (client, _pair) = pair(&server);
    let refused = client.channel("other").unwrap();
    assert_eq!(next(&told), "other for true");
    let (first, second) = (client.channel("room 1").unwrap(), client.channel("room 1").unwrap());
    assert_eq!(next(&told), "room 1 for true");
    for channel in [&first, &second] {
        assert_eq!(next(&heard(channel)), r#""made for you""#);
    }
    assert!(told.try_recv().is_err());
    refused.write("to nobody").unwrap();
    first.end();
    second.end();
    let third = client.channel("room 1").unwrap();
    assert_eq!(next(&told), "room 1 for true");
    assert_eq!(next(&heard(&third)), r#""made for you""#);
    // One that the application has asked for stays.
    let kept = server.primus.channel("room 1").unwrap();
    third.end();
    wait_for("it is empty", 0, || kept.connected());
    let fourth = client.channel("room 1").unwrap();
    assert_eq!(next(&heard(&fourth)), r#""made for you""#);
    assert!(told.try_recv().is_err() && kept.connected() == 1);
}

#[test]
fn after_a_reconnect_the_client_subscribes_before_it_sends_what_waited() {
    let server = server();
    let told = news(&server);
    let (client, pair) = pair(&server);
    let channel = client.channel("news").unwrap();
    let id = channel.id().to_owned();
    assert_eq!(next(&told), format!("+ {id}"));
    for round in 0..3 {
        pair.link().refuse(true);
        pair.link().cut();
        assert_eq!(next(&told), format!("- {id}"));
        wait_until("the client knows", || !client.is_open());
        for n in 0..50 {
            channel.write(&(round, n)).unwrap();
        }
        let fresh = client.channel("news").unwrap();
        fresh.write("first").unwrap();
        pair.link().refuse(false);
        pair.link().heal();
        // In the order of the ids, which are random.
        let mut both = [next(&told), next(&told)];
        both.sort_by_key(|text| *text != format!("+ {id}"));
        assert_eq!(both, [format!("+ {id}"), format!("+ {}", fresh.id())]);
        for n in 0..50 {
            assert_eq!(next(&told), format!("{id}: [{round},{n}]"));
        }
        assert_eq!(next(&told), format!(r#"{}: "first""#, fresh.id()));
        fresh.end();
        assert_eq!(next(&told), format!("- {}", fresh.id()));
    }
    assert!(channel.is_open());
    let (tell, over) = std::sync::mpsc::channel::<String>();
    channel.on_over(Box::new(move || drop(tell.send("over".into()))));
    let of_channel = heard(&channel);
    client.end();
    assert_eq!([next(&of_channel), next(&over), next(&over)], ["end", "over", "over"]);
    assert!(matches!(client.channel("news"), Err(Error::Closed)));
}

#[test]
fn arrays_to_a_client_are_data_unless_they_are_packets_of_its_own() {
    let server = server();
    let told = news(&server);
    let (client, _pair) = pair(&server);
    let channel = client.channel("news").unwrap();
    let of_channel = heard(&channel);
    next(&told);
    let arrays = [
        Value::from([Value::from(1), 2.into(), 3.into()]),
        Value::Array(vec![]),
        Value::from([Value::from(0), "a".into(), "news".into(), 1.into()]),
        Value::from([Value::from(2), "a".into(), "news".into()]),
    ];
    for array in &arrays {
        server.primus.write(array).unwrap();
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().value(), array);
    }
    let id = Value::from(channel.id());
    let (other, news) = (Value::from("sport"), Value::from("news"));
    server.primus.write(&(0, &id, &other, 1)).unwrap();
    server.primus.write(&(2, &id, &other)).unwrap();
    server.primus.write(&(1, &id, &news)).unwrap();
    server.primus.write(&(0, &id, &news)).unwrap();
    assert_eq!(next(&of_channel), "null");
    for _ in 0..2 {
        // Node's server says it twice.
        server.primus.write(&(2, &id, &news)).unwrap();
    }
    assert_eq!(next(&of_channel), "end");
    server.primus.write(&(0, &id, &news, "late")).unwrap();
    server.primus.write("plain").unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("plain"));
    assert!(of_channel.try_recv().is_err() && told.try_recv().is_err());
}

#[test]
fn an_error_of_a_connection_listener_ends_that_subscription_alone() {
    let server = server();
    let news = server.primus.channel("news").unwrap();
    let errors = Arc::new(Mutex::new(Vec::new()));
    let list = errors.clone();
    server.primus.on_connection(move |spark| {
        let list = list.clone();
        spark.on_error(move |_, error| list.lock().unwrap().push(error.to_string()));
    });
    news.on_connection(|spark| -> Result<(), BoxError> {
        if spark.channel().connected() > 1 { Err("full".into()) } else { Ok(()) }
    });
    let (client, _pair) = pair(&server);
    let (first, second) = (client.channel("news").unwrap(), client.channel("news").unwrap());
    assert_eq!(next(&heard(&second)), "end");
    wait_until("it is told", || errors.lock().unwrap().iter().any(|text| text.contains("full")));
    assert!(first.is_open() && news.connected() == 1);
}

/// Claims texts, on whatever channel, and answers them.
struct Texts;

impl Handler for Texts {
    fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
        message.as_str().is_some()
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        let spark = channel.any().downcast_ref::<ChannelSpark>().ok_or("not in a channel")?;
        spark.write(&(message, spark.is_inside(), spark.extensions().is_empty()))?;
        Ok(())
    }
}

#[test]
fn messages_in_a_channel_are_offered_to_plugins_and_packets_there_are_messages() {
    let server = server();
    server.primus.handlers().add(Texts);
    let told = news(&server);
    let (client, _pair) = pair(&server);
    let channel = client.channel("news").unwrap();
    let of_channel = heard(&channel);
    next(&told);
    channel.write("text").unwrap();
    assert_eq!(next(&of_channel), r#"["text",true,true]"#);
    channel.write(&(1, "inner", "news")).unwrap();
    assert_eq!(next(&told), format!(r#"{}: [1,"inner","news"]"#, channel.id()));
    assert_eq!(server.primus.channel("news").unwrap().connected(), 1);
}

#[test]
fn events_and_acknowledgements_work_in_both_directions_of_a_channel() {
    let builder = Primus::builder().plugin(Multiplex::new()).plugin(Emitter);
    let server = Server::start(builder);
    let news = server.primus.channel("news").unwrap();
    news.on_connection(|subscriber| {
        subscriber.on_event("twice", |_: &ChannelSpark, event| {
            let (n,): (i64,) = event.parse()?;
            event.ack(2 * n)?;
            Ok::<_, BoxError>(())
        });
    });
    let setup = |client: primus::ClientBuilder| client.plugin(Multiplex::new()).plugin(Emitter);
    let pair = primus::testing::pair(&server.primus, setup).unwrap();
    let (a, b) = (pair.client().channel("news").unwrap(), pair.client().channel("news").unwrap());
    for (n, channel) in [(1, &a), (20, &b)] {
        let doubled = channel.send_ack("twice", (n,), PATIENCE).unwrap();
        assert_eq!(doubled.parse::<(i64,)>().unwrap(), (2 * n,));
    }
    let (tell, told) = channel();
    a.on_event("told", move |channel: &ClientChannel, event| {
        tell.send(format!("{} {}", channel.name(), event.len()))
    });
    news.for_each(|subscriber| assert!(subscriber.send("told", (1, 2, 3)).is_ok()));
    assert_eq!(next(&told), "news 3");
    assert!(told.try_recv().is_err());
}
