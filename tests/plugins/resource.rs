//! The plugin `resource`, over sockets.

use std::sync::mpsc::channel;
use std::time::Duration;

use primus::plugins::Emitter;
use primus::plugins::multiplex::{Multiplex, PrimusChannels};
use primus::plugins::resource::{ClientResources, Methods, PrimusResources, Resources};
use primus::testing::Pair;
use primus::{Client, ClientBuilder, Error, Primus, Result};

use crate::common::{PATIENCE, Server};

fn server() -> Server {
    let builder = Primus::builder().plugin(Emitter).plugin(Multiplex::new());
    Server::start(builder.plugin(Resources::new()))
}

fn plugins(client: ClientBuilder) -> ClientBuilder {
    let client = client.plugin(Emitter).plugin(Multiplex::new()).plugin(Resources::new());
    client.reconnect_min(Duration::from_millis(5))
}

fn pair(server: &Server) -> (Client, Pair) {
    let pair = primus::testing::pair(&server.primus, plugins).unwrap();
    (pair.client().clone(), pair)
}

fn creature() -> Methods {
    Methods::new()
        .method("command", |spark, event| -> Result<()> {
            assert!(!spark.id().is_empty());
            event.ack((format!("got {}", event.parse::<String>()?), event.len()))
        })
        .method("FooBar", |_, _| {})
        .method("fails", |_, event| event.parse::<(Vec<u8>,)>().map(drop))
}

#[test]
fn methods_are_told_of_called_and_acknowledged() {
    let server = server();
    let creature = server.primus.resource("creature", creature()).unwrap();
    let (client, _pair) = pair(&server);
    let resource = client.resource("creature").unwrap();
    assert_eq!(resource.wait_ready(PATIENCE).unwrap(), ["command", "FooBar", "fails"]);
    assert!(resource.name() == "creature" && resource.methods().len() == 3);
    for _ in 0..20 {
        let answer = resource.call("command", ("sleep", 7), PATIENCE).unwrap();
        assert_eq!(answer.parse::<(String, u8)>().unwrap(), ("got sleep".into(), 2));
    }
    let (tell, told) = channel();
    let answered = move |outcome: Result<primus::plugins::Args>| {
        let _ = tell.send(outcome.unwrap().parse::<String>().unwrap());
    };
    resource.call_with("command", "walk", PATIENCE, answered).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "got walk");
    resource.tell("FooBar", ()).unwrap();
    // It answers nothing, and this fails there.
    for method in ["FooBar", "fails"] {
        let late = resource.call(method, "x", Duration::from_millis(20));
        assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    }
    for method in ["other", "", "ready", "constructor", "__proto__"] {
        let refused = resource.call(method, (), PATIENCE);
        assert!(matches!(refused, Err(Error::Misuse(_))), "{refused:?}");
    }
    let (tell, told) = channel();
    let id = resource.on_event("news", move |event| tell.send(event.args().clone()));
    creature.send_all("news", (1, "two")).unwrap();
    let news = told.recv_timeout(PATIENCE).unwrap();
    assert_eq!(news.parse::<(u8, String)>().unwrap(), (1, "two".into()));
    assert!(resource.off_event(id) && !resource.off_event(id));
    resource.end();
    assert!(matches!(resource.call("command", "x", PATIENCE), Err(Error::Closed)));
    assert!(matches!(resource.wait_ready(PATIENCE), Err(Error::Closed)));
}

#[test]
fn flat_ones_go_over_the_connection_itself() {
    let server = server();
    let creature = server.primus.resource("creature", creature().flat(true)).unwrap();
    let (tell, told) = channel();
    let build = |client: ClientBuilder| plugins(client);
    let listen = |client: &Client| {
        let resource = client.flat_resource("creature").unwrap();
        resource.on_event("news", move |event| tell.send(event.parse::<u8>()));
    };
    let pair = primus::testing::pair_with(&server.primus, build, listen).unwrap();
    let resource = pair.client().flat_resource("creature").unwrap();
    let answer = resource.call("command", "sleep", PATIENCE).unwrap();
    assert_eq!(answer.parse::<String>().unwrap(), "got sleep");
    creature.send_all("news", 7).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap().unwrap(), 7);

    // A raw client sees what npm's does.
    let mut peer = server.open();
    let methods = r#"["command","FooBar","fails"]"#;
    let ready = format!(r#"{{"type":0,"data":["creature::ready",{methods}]}}"#);
    assert_eq!(peer.expect_text(), ready);
    peer.text(r#"{"type":0,"data":["creature::command","sleep"],"id":1}"#);
    assert_eq!(peer.expect_text(), r#"{"id":1,"type":1,"data":["got sleep",1]}"#);
}

#[test]
fn in_a_channel_it_says_what_npm_says() {
    let server = server();
    let creature = server.primus.resource("creature", creature()).unwrap();
    let mut peer = server.open();
    peer.text(r#"[1,"42pjnwaev5i","creature"]"#);
    let packet = |data: &str| format!(r#"[0,"42pjnwaev5i","creature",{data}]"#);
    let ready = r#"{"type":0,"data":["ready",["command","FooBar","fails"]]}"#;
    assert_eq!(peer.expect_text(), packet(ready));
    peer.text(&packet(r#"{"type":0,"data":["command","sleep"],"id":1}"#));
    assert_eq!(peer.expect_text(), packet(r#"{"id":1,"type":1,"data":["got sleep",1]}"#));
    creature.send_all("news", (1, "two")).unwrap();
    assert_eq!(peer.expect_text(), packet(r#"{"type":0,"data":["news",1,"two"]}"#));
    // Nothing comes of these.
    for event in [r#"["other"]"#, r#"["ready",["x"]]"#, "[]", "[null]", r#"["__proto__"]"#] {
        peer.text(&packet(&format!(r#"{{"type":0,"data":{event},"id":2}}"#)));
    }
    peer.text(&packet(r#"{"type":0,"data":["command","still"],"id":3}"#));
    assert_eq!(peer.expect_text(), packet(r#"{"id":3,"type":1,"data":["got still",1]}"#));
}

#[test]
fn calls_work_on_after_a_reconnect_and_waits_end_with_the_client() {
    let server = server();
    server.primus.resource("creature", creature()).unwrap();
    let (client, pair) = pair(&server);
    let resource = client.resource("creature").unwrap();
    resource.wait_ready(PATIENCE).unwrap();
    let spark = pair.spark().unwrap();
    pair.link().cut();
    assert!(pair.wait_ended(&spark));
    pair.link().heal();
    let answer = resource.call("command", "again", PATIENCE).unwrap();
    assert_eq!(answer.parse::<String>().unwrap(), "got again");

    let missing = client.resource("nobody has it").unwrap();
    let late = missing.wait_ready(Duration::from_millis(10));
    assert!(matches!(late, Err(Error::Timeout(_))), "{late:?}");
    let waits = missing.clone();
    let waiting = std::thread::spawn(move || waits.wait_ready(PATIENCE));
    client.end();
    assert!(matches!(waiting.join().unwrap(), Err(Error::Closed)));
}

#[test]
fn names_and_missing_plugins_are_refused() {
    let server = server();
    let primus = &server.primus;
    primus.resource("a", Methods::new()).unwrap();
    let is_misuse = |methods: Methods, name: &str| {
        assert!(matches!(primus.resource(name, methods), Err(Error::Misuse(_))), "{name}");
    };
    is_misuse(Methods::new(), "a");
    is_misuse(Methods::new(), "");
    for method in ["", "ready", "constructor", "open", "connection", "reconnect", "ce"] {
        is_misuse(Methods::new().method(method, |_, _| {}), "b");
    }
    is_misuse(Methods::new().method("x", |_, _| {}).method("x", |_, _| {}), "b");
    let many = (0..1_001).fold(Methods::new(), |all, n| all.method(n.to_string(), |_, _| {}));
    is_misuse(many, "b");
    primus.resource("b", Methods::new()).unwrap();
    assert!(primus.channel("b").is_ok());

    let plain = Primus::builder().plugin(Resources::new()).build().unwrap();
    assert!(matches!(plain.resource("a", Methods::new()), Err(Error::Misuse(_))));
    let bare = primus::testing::pair(&plain, |client| client.plugin(Emitter)).unwrap();
    assert!(matches!(bare.client().resource("a"), Err(Error::Misuse(_))));
    assert!(matches!(bare.client().flat_resource("a"), Err(Error::Misuse(_))));
}
