//! The echo and client examples do what their help says.

use std::time::Duration;

use primus::value::{Date, RegExp};
use primus::{Parser, Primus};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::driver::{Driver, OWN, V8, for_each_client, need_node};
use crate::examples::example;
use crate::node::Process;
use crate::server::{Example, Server};

for_each_client! {
    fn commands_are_obeyed(kind) {
        need_node!();
        let server = kind.example(&[]);
        let mut node = Driver::start(kind);
        let client = node.open(&format!("{}/?token=abc%20d&x=1", server.url));
        node.write(client, json!({"hello": "world"}));
        assert_eq!(node.data(client), json!({"hello": "world"}));
        let id = node.id(client);
        let mut ask = |command: &str| -> Value {
            node.write(client, command);
            node.data(client)
        };
        assert_eq!(ask("id"), id);
        let query = ask("query");
        assert_eq!((&query["token"], &query["x"]), (&json!("abc d"), &json!("1")));
        let buster = if kind.is_channel() { "zx" } else { "_primuscb" };
        assert!(query[buster].is_string(), "{query}");
        let headers = ask("headers");
        // Of socket.io they are those of the handshake, which is a request of its own.
        let upgrade = (kind.is_websocket() && !kind.is_socket_io()).then_some("websocket");
        assert_eq!(headers["upgrade"].as_str(), upgrade);
        let mut host = server.url.trim_start_matches("http://");
        if kind.is_channel() && kind.project != OWN {
            // It does not say the port.
            host = host.split(':').next().unwrap();
        }
        assert_eq!(headers["host"], host);
        let address = ask("address");
        assert_eq!(address["ip"], "127.0.0.1");
        assert!(address["port"].as_u64() > Some(0), "{address}");
        assert_eq!(ask("broadcast:2:5"), "xxxxx");
        assert_eq!(node.data(client), "xxxxx");
        node.write(client, "reconnect");
        node.expect_all(client, &["close", "reconnect scheduled"]);
        node.skip_to(client, "open");
        node.write(client, "close");
        node.expect_all(client, &["close", "end"]);
    }
}

#[test]
fn messages_may_go_unparsed() {
    need_node!();
    let server = Example::start(&["--parser", "raw"]);
    let mut node = Driver::start(V8);
    let client = node.open(&server.url);
    node.write(client, json!([1, {"two": "three"}]));
    assert_eq!(node.data(client), json!([1, {"two": "three"}]));
}

#[test]
fn a_signal_ends_it_within_a_second() {
    need_node!();
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Example::start(&[]);
        let mut node = Driver::start(V8);
        let client = node.open(&server.url);
        server.process.signal(signal);
        node.expect_all(client, &["close", "end"]);
        // It takes some milliseconds; what is more is the machine's.
        assert!(server.process.wait(Duration::from_secs(10)), "it succeeds");
    }
}

/// The names of this build's parsers.
fn parsers() -> impl Iterator<Item = &'static str> {
    let names = ["json", "ejson", "binary", "msgpack"].into_iter();
    names.filter(|name| name.parse::<Parser>().is_ok())
}

/// The client example is given these lines.
fn terminal(url: &str, parser: &str, lines: &[&str]) -> Process {
    let mut client = Process::start(example("client"), &[url, "--parser", parser]);
    for line in lines {
        client.send(line);
    }
    client
}

/// It has no more to say, and ends.
fn assert_done(mut client: Process) {
    client.close_input();
    assert!(client.wait(Duration::from_secs(20)), "it succeeds");
}

#[test]
fn the_examples_with_every_parser() {
    let lines = [
        r#"{"z":[1,-0.5,null,true],"a":{"é":"😀"},"e":[[],{},""]}"#,
        "42",
        r#""quoted""#,
        r#"{"":"an empty key"}"#,
    ];
    for parser in parsers() {
        let server = Example::start(&["--parser", &parser.to_uppercase()]);
        let client = terminal(&server.url, parser, &lines);
        for line in lines {
            assert_eq!(client.line(), line, "{parser}");
        }
        let mut client = client;
        client.send("not JSON");
        assert_eq!(client.line(), r#""not JSON""#);
        client.send("broadcast:2:3");
        assert_eq!((client.line(), client.line()), (r#""xxx""#.into(), r#""xxx""#.into()));
        client.send("id");
        assert!(client.line().len() > 10);
        assert_done(client);
    }
}

/// Lines travel as they are, and are printed as what they are: strings.
#[test]
fn the_examples_without_a_parser() {
    let server = Example::start(&["--parser", "raw"]);
    let client = terminal(&server.url, "Raw", &["{ \"a\" : 1 }", "query", "plain"]);
    assert_eq!(client.line(), r#""{ \"a\" : 1 }""#);
    assert!(client.line().starts_with(r#""{\"_primuscb\":"#), "an object, as a text");
    assert_eq!(client.line(), r#""plain""#);
    assert_done(client);
}

#[test]
fn an_unknown_parser_is_refused() {
    for (example_name, arguments) in [
        ("client", &["http://127.0.0.1:1", "--parser", "yaml"][..]),
        ("echo", &["--parser", "yaml"][..]),
    ] {
        let mut process = Process::start(example(example_name), arguments);
        assert!(!process.wait(Duration::from_secs(20)), "{example_name}");
    }
}

/// What JSON has no place for.
#[test]
fn the_client_prints_dates_and_bytes() {
    let date = Date::from_ms(1_700_000_000_123.0);
    let regexp = RegExp { source: "a".into(), flags: "g".into() };
    let bytes = primus::Value::Binary(vec![0, 255]);
    let rich = primus::Value::from([
        ("date", date.into()),
        ("bytes", bytes),
        ("nan", f64::NAN.into()),
        ("last", "é\u{2028}".into()),
    ]);
    let iso = r#""2023-11-14T22:13:20.123Z""#;
    let english = r#""Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)""#;
    let buffer = r#"{"type":"Buffer","data":[0,255]}"#;
    for parser in parsers() {
        let (rich, special) = (rich.clone(), primus::Value::from(regexp.clone()));
        let server = Server::start_with(Primus::builder().parser_name(parser), move |spark| {
            spark.write(&rich)?;
            // `binary` refuses it, and says so.
            let _ = spark.write(&special);
            Ok(())
        });
        let client = terminal(&server.url(), parser, &[]);
        let (date, bytes) = match parser {
            "json" => (iso, buffer),
            "binary" => (english, "[0,255]"),
            _ => (iso, "[0,255]"),
        };
        let last = "\"é\u{2028}\"";
        let expected = format!(r#"{{"date":{date},"bytes":{bytes},"nan":null,"last":{last}}}"#);
        assert_eq!(client.line(), expected, "{parser}");
        match parser {
            "json" => assert_eq!(client.line(), "{}"),
            "binary" => {}
            _ => assert_eq!(client.line(), r#""/a/g""#),
        }
        assert_done(client);
    }
}
