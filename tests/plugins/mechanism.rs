//! What a plugin is given, on both sides of a connection.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use primus::plugins::{Emit, Emitter, Latency, Mirage, Responder, SparkMirage};
use primus::testing::Pair;
use primus::{
    Audience, BoxError, Channel, Client, ClientBuilder, Destroy, Error, Handler, Plugin, Primus,
    Script, Side, Spark, Value,
};

const SOON: Duration = Duration::from_secs(20);

/// A client and its spark.
fn pair(
    primus: &Primus,
    setup: impl FnOnce(ClientBuilder) -> ClientBuilder,
) -> (Client, Spark, Pair) {
    let pair = primus::testing::pair(primus, setup).unwrap();
    (pair.client().clone(), pair.spark().unwrap(), pair)
}

/// Claims what has a `shout`, counts it on its channel, and answers in capitals.
struct Shout;

#[derive(Default)]
struct Heard(AtomicUsize);

impl Handler for Shout {
    fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
        message.get("shout").is_some()
    }

    fn handle(&self, channel: &dyn Channel, message: Value) -> Result<(), BoxError> {
        assert!(channel.is_inside() && channel.is_open());
        channel.extensions().get_or_init(Heard::default).0.fetch_add(1, Ordering::SeqCst);
        let text = message["shout"].as_str().ok_or("not a text")?;
        if text.chars().any(char::is_lowercase) {
            channel.write_message(&shout(text.to_uppercase()))?;
        }
        Ok(())
    }
}

impl Plugin for Shout {
    fn name(&self) -> &str {
        "shout"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &["hush"],
            Side::Client => &["shh"],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        primus.handlers().add(Shout);
        Ok(())
    }

    fn client(&self, client: &Client) -> Result<(), BoxError> {
        client.handlers().add(Shout);
        Ok(())
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(Script { client: "function () {}", ..Script::default() })
    }
}

fn shout(what: impl Into<Value>) -> Value {
    Value::from_iter([("shout", what.into())])
}

#[test]
fn a_handler_takes_its_messages_on_both_sides_and_leaves_the_others_to_data() {
    let primus = Primus::builder().plugin(Shout).build().unwrap();
    primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let (client, spark, _pair) = pair(&primus, |client| client.plugin(Shout));
    client.write(&shout("hello")).unwrap();
    client.write(&Value::from("plain")).unwrap();
    // What was claimed is nobody's data, on neither side.
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("plain"));
    let heard = |channel: &dyn Channel| {
        channel.extensions().get::<Heard>().map_or(0, |heard| heard.0.load(Ordering::SeqCst))
    };
    assert_eq!((heard(&spark), heard(&client)), (1, 1));
    assert!(primus.plugin::<Shout>().is_some() && client.plugin::<Shout>().is_some());
    assert_eq!((primus.plugins(), client.plugins()), (vec!["shout".into()], vec!["shout".into()]));
    assert!(spark.is_reserved("hush") && spark.is_reserved("data") && !spark.is_reserved("shh"));
    assert!(client.is_reserved("shh") && client.is_reserved("open") && !client.is_reserved("hush"));
    assert!(primus.plugout("shout") && !spark.is_reserved("hush"));
    assert!(primus.plugin::<Shout>().is_none());
    primus.destroy(Destroy::default());
}

#[test]
fn an_error_of_a_handler_is_an_error_event_and_the_connection_goes_on() {
    let primus = Primus::builder().plugin(Shout).build().unwrap();
    let (tell, told) = channel();
    let of_server = Mutex::new(tell.clone());
    primus.on_connection(move |spark| {
        let tell = of_server.lock().unwrap().clone();
        spark.on_error(move |_, error| tell.send(("spark", error.to_string())));
        spark.on_data(|spark, message| spark.write(message.value()));
    });
    let (client, _, _pair) = pair(&primus, |client| client.plugin(Shout));
    client.on_error(move |_, error| tell.send(("client", error.to_string())));
    client.write(&shout(7)).unwrap();
    let (side, text) = told.recv_timeout(SOON).unwrap();
    assert!(side == "spark" && text.contains("not a text"), "{side}: {text}");
    primus.write(&shout(7)).unwrap();
    let (side, text) = told.recv_timeout(SOON).unwrap();
    assert!(side == "client" && text.contains("not a text"), "{side}: {text}");
    client.write("still there").unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("still there"));
    primus.destroy(Destroy::default());
}

#[test]
fn handlers_are_asked_in_order_after_transforms_and_taken_away_by_off() {
    struct Named(&'static str, Mutex<Sender<String>>);
    impl Handler for Named {
        fn claims(&self, _: &dyn Channel, message: &Value) -> bool {
            message.as_str().is_some_and(|text| text.contains(self.0))
        }
        fn handle(&self, _: &dyn Channel, message: Value) -> Result<(), BoxError> {
            self.1.lock().unwrap().send(format!("{}: {message}", self.0))?;
            Ok(())
        }
    }
    let primus = Primus::builder().build().unwrap();
    let (tell, told) = channel();
    let a = primus.handlers().add(Named("a", Mutex::new(tell.clone())));
    primus.handlers().add(Named("b", Mutex::new(tell.clone())));
    primus.transform_incoming(|_, message| match message {
        Value::String(text) => Ok(Some(Value::String(text.to_lowercase()))),
        other => Ok(Some(other)),
    });
    primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_data(move |_, message| tell.send(format!("data: {}", message.value())));
    });
    let (client, _, _pair) = pair(&primus, |client| client);
    for text in ["AB", "B", "C"] {
        client.write(text).unwrap();
    }
    let next = || told.recv_timeout(SOON).unwrap();
    assert_eq!([next(), next(), next()], [r#"a: "ab""#, r#"b: "b""#, r#"data: "c""#]);
    assert!(primus.off(a) && !primus.off(a));
    client.write("AB").unwrap();
    assert_eq!(next(), r#"b: "ab""#);
    primus.destroy(Destroy::default());
}

#[test]
fn a_reader_in_a_connection_listener_gets_what_no_plugin_claims() {
    let primus = Primus::builder().plugin(Shout).build().unwrap();
    let (tell, told) = channel();
    primus.on_connection(move |spark| {
        let messages = spark.messages();
        let first = messages.map(|message| message.value().to_string()).next();
        let heard = spark.extension::<Heard>().map_or(0, |heard| heard.0.load(Ordering::SeqCst));
        tell.send((first, heard))
    });
    let address = primus.listen("127.0.0.1:0").unwrap();
    let client = Client::connect(&format!("http://{address}")).unwrap();
    client.write(&shout("LOUD")).unwrap();
    client.write("plain").unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap(), (Some(r#""plain""#.into()), 1));
    primus.destroy(Destroy::default());
}

#[test]
fn a_spark_is_shown_to_plugins_before_anybody_knows_it_and_may_be_refused() {
    let primus = Primus::builder().build().unwrap();
    let (tell, told) = channel();
    let server = primus.clone();
    let seen = tell.clone();
    primus.on_spark(move |spark| -> Result<(), BoxError> {
        spark.extensions().get_or_init(Heard::default);
        seen.send(format!("made, known {}", server.spark(spark.id()).is_some()))?;
        match spark.query_param("token").as_deref() {
            Some("bad") => Err("not you".into()),
            Some("panic") => panic!("in a test"),
            _ => Ok(()),
        }
    });
    primus.on_connection(move |spark| {
        let state = spark.extension::<Heard>().is_some();
        tell.send(format!("connection, state {state}"))
    });
    let address = primus.listen("127.0.0.1:0").unwrap();
    let next = || told.recv_timeout(SOON).unwrap();
    for (token, refused) in [("good", false), ("bad", true), ("panic", true), ("good", false)] {
        let url = format!("http://{address}?token={token}");
        let client = Client::builder(&url).strategy("").connect().unwrap();
        assert_eq!(next(), "made, known false");
        if refused {
            let Err(Error::Ended(reason)) = client.recv_timeout(SOON) else { panic!("{token}") };
            assert_eq!(reason.code, 1011, "{token}");
        } else {
            assert_eq!(next(), "connection, state true");
            client.end();
        }
    }
    assert_eq!(primus.metrics().panics_caught, 1);
    primus.destroy(Destroy::default());
}

/// Waits for what is sent, and for nothing else to be.
fn only(told: &Receiver<bool>) -> bool {
    let first = told.recv_timeout(SOON).unwrap();
    assert!(told.try_recv().is_err());
    first
}

#[test]
fn what_is_done_later_is_done_on_the_channels_own_thread() {
    let primus = Primus::builder().build().unwrap();
    let (client, spark, _pair) = pair(&primus, |client| client);
    let channels: [Arc<dyn Channel>; 2] = [Arc::new(spark.clone()), client.share()];
    for channel in &channels {
        let (tell, told) = std::sync::mpsc::channel();
        let own = Arc::downgrade(channel);
        let job = move || {
            let _ = tell.send(own.upgrade().is_some_and(|channel| channel.is_inside()));
        };
        channel.after(Duration::from_millis(5), Box::new(job));
        assert!(only(&told));
        assert!(!channel.is_inside());
    }
    // A panic there is as one of a listener.
    let (tell, told) = std::sync::mpsc::channel();
    client.on_error(move |_, error| tell.send(matches!(error, Error::Panicked(_))));
    client.after(Duration::ZERO, Box::new(|| panic!("in a test")));
    assert!(only(&told));
    primus.destroy(Destroy::default());
}

#[test]
fn the_end_of_a_connection_is_told_on_both_sides_also_to_those_that_ask_late() {
    let primus = Primus::builder().build().unwrap();
    let (client, spark, _pair) = pair(&primus, |client| client.strategy(""));
    let (tell, told) = channel();
    for (name, channel) in [("spark", spark.share()), ("client", client.share())] {
        let tell = tell.clone();
        channel.on_over(Box::new(move || {
            let _ = tell.send(name);
        }));
    }
    spark.end();
    // The client is told of the loss and of the end.
    let mut all: Vec<_> = (0..3).map(|_| told.recv_timeout(SOON).unwrap()).collect();
    all.sort_unstable();
    assert_eq!(all, ["client", "client", "spark"]);
    assert!(client.wait_end(SOON));
    let late = Arc::new(AtomicUsize::new(0));
    for channel in [spark.share(), client.share()] {
        let late = late.clone();
        channel.on_over(Box::new(move || {
            late.fetch_add(1, Ordering::SeqCst);
        }));
    }
    assert_eq!(late.load(Ordering::SeqCst), 2);
    primus.destroy(Destroy::default());
}

#[test]
fn an_audience_gets_what_others_do_not_in_order_with_broadcasts() {
    let primus = Primus::builder().build().unwrap();
    let pairs: Vec<_> = (0..4).map(|_| pair(&primus, |client| client)).collect();
    let team = Audience::of(pairs[..2].iter().map(|(_, spark, _)| spark.clone()));
    assert_eq!(team.sparks().len(), 2);
    for n in 0..100 {
        primus.write(&n).unwrap();
        primus.write_audience(&(n + 1000), &team).unwrap();
        primus.write_audience(&(n + 2000), &team).unwrap();
    }
    primus.write("last").unwrap();
    for (at, (client, ..)) in pairs.iter().enumerate() {
        for n in 0..100 {
            let expected = if at < 2 { vec![n, n + 1000, n + 2000] } else { vec![n] };
            for each in expected {
                assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), each);
            }
        }
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("last"));
    }
    primus.destroy(Destroy::default());
}

#[test]
fn clients_can_ask_which_plugins_a_server_has() {
    let primus = Primus::builder().plugin(Shout).build().unwrap();
    let address = primus.listen("127.0.0.1:0").unwrap();
    let builder = Client::discover(&format!("http://{address}")).unwrap();
    assert_eq!(builder.server_plugins(), ["shout"]);
    assert_eq!(primus.client_options().plugins(), ["shout"]);
    primus.plugout("shout");
    let builder = Client::discover(&format!("http://{address}")).unwrap();
    assert!(builder.server_plugins().is_empty());
    primus.destroy(Destroy::default());
}

#[test]
fn plugins_of_a_client_have_names_and_one_that_fails_keeps_it_from_being_made() {
    struct Bad(&'static str);
    impl Plugin for Bad {
        fn name(&self) -> &str {
            self.0
        }
        fn client(&self, _: &Client) -> Result<(), BoxError> {
            Err("no".into())
        }
    }
    let build = |names: &[&'static str]| {
        let builder = Client::builder("http://127.0.0.1:1").manual(true);
        names.iter().fold(builder, |builder, name| builder.plugin(Bad(name))).build()
    };
    assert!(matches!(build(&[""]), Err(Error::Option(_))));
    assert!(matches!(build(&["a", "b", "a"]), Err(Error::Option(_))));
    assert!(matches!(build(&["a"]), Err(Error::Listener(_))));
}

#[test]
fn plugins_that_are_taken_out_leave_their_messages_to_data() {
    let primus = Primus::builder()
        .plugin(Emit)
        .plugin(Emitter)
        .plugin(Responder)
        .plugin(Latency)
        .plugin(Mirage::new())
        .build()
        .unwrap();
    let (tell, told) = channel();
    primus.on_connection(move |spark| {
        assert!(spark.mirage().is_none());
        let tell = tell.clone();
        spark.on_data(move |_, message| tell.send(message.parse::<Value>().unwrap()).unwrap());
    });
    for name in primus.plugins() {
        assert!(primus.plugout(&name) && !primus.plugout(&name));
    }
    let (client, _, _pair) = pair(&primus, |client| client);
    for text in [
        r#"{"emit":["x"]}"#,
        r#"{"type":0,"data":["x"]}"#,
        r#"{"plugin":"primus-responder","requestId":"1"}"#,
        r#"{"_clock":1}"#,
    ] {
        let message: Value = serde_json::from_str(text).unwrap();
        client.write(&message).unwrap();
        assert_eq!(told.recv_timeout(SOON).unwrap(), message, "{text}");
    }
    primus.destroy(Destroy::default());
}
