//! Bare SockJS clients of all generations, which know nothing of Primus, and what
//! Primus's own do only over sockjs.

use std::sync::mpsc;
use std::time::Duration;

use primus::Ended;
use primus::middleware::HttpError;
use serde_json::{Value, json};

use crate::driver::{Driver, Kind, V8, need_node};
use crate::each_parser::{compare_at, life};
use crate::server::{Example, Server};

/// Everything goes back as it came.
const RAW: [&str; 2] = ["--parser", "raw"];

/// Makes a module of each test with one `#[test]` for each generation of the
/// client and each transport that it has under Node.js. (The `eventsource` of that
/// time breaks characters that come in two reads.)
macro_rules! for_each_sockjs {
    ($($(#[$attribute:meta])* fn $test:ident($kind:ident) $body:block)*) => {
        $(mod $test {
            use super::*;

            $(#[$attribute])*
            fn run($kind: Kind) {
                need_node!();
                $body
            }

            for_each_sockjs! { @ v1_6_websocket "client-v8" "websocket" }
            for_each_sockjs! { @ v1_6_xhr_streaming "client-v8" "xhr-streaming" }
            for_each_sockjs! { @ v1_6_eventsource "client-v8" "eventsource" }
            for_each_sockjs! { @ v1_6_xhr_polling "client-v8" "xhr-polling" }
            for_each_sockjs! { @ v1_4_websocket "client-v7" "websocket" }
            for_each_sockjs! { @ v1_4_xhr_streaming "client-v7" "xhr-streaming" }
            for_each_sockjs! { @ v1_4_eventsource "client-v7" "eventsource" }
            for_each_sockjs! { @ v1_4_xhr_polling "client-v7" "xhr-polling" }
            for_each_sockjs! { @ v1_1_websocket "client-v6" "websocket" }
            for_each_sockjs! { @ v1_1_xhr_streaming "client-v6" "xhr-streaming" }
            for_each_sockjs! { @ v1_1_xhr_polling "client-v6" "xhr-polling" }
        })*
    };
    (@ $name:ident $project:literal $transport:literal) => {
        #[test]
        fn $name() {
            run(Kind::sockjs($project, $transport));
        }
    };
}

/// Primus's clients of sockjs that have the text parsers.
const CLIENTS: [Kind; 8] = [
    Kind::sockjs("client-v8", "websocket"),
    Kind::sockjs("client-v8", "xhr-streaming"),
    Kind::sockjs("client-v8", "eventsource"),
    Kind::sockjs("client-v8", "xhr-polling"),
    Kind::sockjs("client-v7", "websocket"),
    Kind::sockjs("client-v7", "xhr-streaming"),
    Kind::sockjs("client-v7", "eventsource"),
    Kind::sockjs("client-v7", "xhr-polling"),
];

/// How a client is told that all is well.
fn normal() -> Value {
    json!({"code": 1000, "reason": "Normal closure", "wasClean": true})
}

/// What a client is given.
fn base(url: &str) -> String {
    format!("{url}/primus")
}

/// Such a client, which is open.
fn open(kind: Kind, url: &str, options: Value) -> (Driver, u64) {
    let mut node = Driver::start(kind);
    let client = node.sockjs(&base(url), options, &[]);
    assert_eq!(node.expect(client, "open"), kind.transport);
    (node, client)
}

/// Sends messages of all kinds, which come back in order.
fn exchange(node: &mut Driver, client: u64) {
    node.command(json!({"command": "exchange", "client": client}));
    assert_eq!(node.expect(client, "exchanged")["wrong"], json!([]));
}

for_each_sockjs! {
    /// Small and large ones, with every character there is.
    fn messages_keep_their_order(kind) {
        let server = kind.example(&RAW);
        let mut node = Driver::start(kind);
        let client = node.sockjs(&base(&server.url), json!({}), &["early", "too"]);
        assert_eq!(node.expect(client, "open"), kind.transport);
        assert_eq!(node.data(client), "early");
        assert_eq!(node.data(client), "too");
        exchange(&mut node, client);
        node.write(client, "broadcast:20:10");
        for _ in 0..20 {
            assert_eq!(node.data(client), "xxxxxxxxxx");
        }
        node.end(client);
        assert_eq!(node.expect(client, "close"), normal());
    }

    /// The stream ends again and again, and the client comes back for the rest.
    fn messages_keep_their_order_over_many_short_streams(kind) {
        let server = kind.example_with(&RAW, &[("response_limit", "300")]);
        let (mut node, client) = open(kind, &server.url, json!({}));
        exchange(&mut node, client);
        node.write(client, "broadcast:200:10");
        for _ in 0..200 {
            assert_eq!(node.data(client), "xxxxxxxxxx");
        }
    }

    /// Messages are what Primus makes of values.
    fn messages_are_those_of_primus(kind) {
        let server = kind.example(&[]);
        let (mut node, client) = open(kind, &server.url, json!({}));
        node.speaks_primus(client);
    }

    fn an_end_of_the_server_comes_behind_its_messages(kind) {
        let server = kind.example(&RAW);
        let (mut node, client) = open(kind, &server.url, json!({}));
        for text in ["one", "broadcast:1:100000", "close"] {
            node.write(client, text);
        }
        assert_eq!(node.data(client), "one");
        assert_eq!(node.data(client), "x".repeat(100_000));
        assert_eq!(node.data(client), "primus::server::close");
        assert_eq!(node.expect(client, "close"), normal());
    }

    /// What stands in the query of the first request is the spark's.
    fn the_query_is_that_of_the_session(kind) {
        let server = kind.example(&RAW);
        let mut node = Driver::start(kind);
        let url = format!("{}?token=abc%20d&x=1", base(&server.url));
        let client = node.sockjs(&url, json!({}), &[]);
        assert_eq!(node.expect(client, "open"), kind.transport);
        node.write(client, "query");
        let query: Value = serde_json::from_str(node.data(client).as_str().unwrap()).unwrap();
        assert_eq!((&query["token"], &query["x"]), (&json!("abc d"), &json!("1")));
    }

    /// Where each heartbeat is a frame the client tells of it.
    fn heartbeats_keep_a_client(kind) {
        let server = kind.example_with(&RAW, &[("heartbeat_delay", "300")]);
        let (mut node, client) = open(kind, &server.url, json!({}));
        if !kind.is_websocket() {
            for _ in 0..3 {
                node.expect(client, "heartbeat");
            }
        }
        node.write(client, "alive");
        assert_eq!(node.data(client), "alive");
    }

    fn a_client_that_is_not_let_in_is_told_so(kind) {
        let server = kind.example(&["--authorization", "mary:secret"]);
        let mut node = Driver::start(kind);
        let client = node.sockjs(&base(&server.url), json!({}), &[]);
        let close = node.expect(client, "close");
        assert_eq!(
            (&close["code"], &close["reason"]),
            (&json!(1002), &json!("Cannot connect to server"))
        );
    }

    /// Under Node.js those that read a stream do not notice that it is cut; what is
    /// above them has heartbeats for that.
    fn a_killed_server_is_noticed(kind) {
        if kind.misses_cuts() {
            return;
        }
        let mut server = kind.example(&RAW);
        let (mut node, client) = open(kind, &server.url, json!({}));
        node.write(client, "one");
        assert_eq!(node.data(client), "one");
        server.process.kill();
        let close = node.expect(client, "close");
        assert!(close["code"] == 1006 || close["code"] == 1002, "{close}");
    }

    /// Any name will do that is none of a route.
    fn clients_choose_the_names_of_their_sessions(kind) {
        let server = kind.example(&RAW);
        for (server_name, length) in [("a", 1), ("000", 100), ("~%20&", 8)] {
            let options = json!({"server": server_name, "sessionId": length});
            let (mut node, client) = open(kind, &server.url, options);
            node.write(client, "known");
            assert_eq!(node.data(client), "known");
        }
    }

    fn the_end_of_a_client_ends_its_spark(kind) {
        let (tell, told) = mpsc::channel();
        let server = Server::start_with(kind.builder(), move |spark| {
            let tell = tell.clone();
            spark.on_data(move |_, message| tell.send(message.value().clone()));
            Ok(())
        });
        let (mut node, client) = open(kind, &server.url(), json!({}));
        node.write(client, "1");
        assert_eq!(node.data(client), "1");
        node.end(client);
        assert_eq!(node.expect(client, "close"), normal());
        assert_eq!(server.ended().1.by, kind.end_of_the_client());
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [primus::Value::from(1)]);
    }

    /// All that the operating system has to say of it is that its connections end.
    fn a_client_that_is_killed_ends_its_spark(kind) {
        let server = Server::start(kind.builder());
        let (mut node, _) = open(kind, &server.url(), json!({}));
        server.spark();
        node.process().kill();
        let (_, reason) = server.ended();
        assert!(matches!(reason.by, Ended::Remote | Ended::Lost), "{reason:?}");
    }
}

/// Without a choice of its own, a client takes the best that the server has.
#[test]
fn clients_take_the_first_transport_that_works() {
    need_node!();
    for project in ["client-v8", "client-v7", "client-v6"] {
        let kind = Kind::sockjs(project, "");
        for (websocket, taken) in [("true", "websocket"), ("false", "xhr-streaming")] {
            let server = kind.example_with(&RAW, &[("websocket", websocket)]);
            let mut node = Driver::start(kind);
            let client = node.sockjs(&base(&server.url), json!({}), &[]);
            assert_eq!(node.expect(client, "open"), taken);
            exchange(&mut node, client);
        }
    }
}

#[test]
fn a_cookie_may_go_with_every_request() {
    need_node!();
    for kind in CLIENTS {
        let server = kind.example_with(&RAW, &[("jsessionid", "true")]);
        let (mut node, client) = open(kind, &server.url, json!({}));
        node.write(client, "in");
        assert_eq!(node.data(client), "in");
    }
}

/// A client of Primus's `websockets`, which has nothing of SockJS.
#[test]
fn a_raw_websocket_carries_messages_as_they_are() {
    need_node!();
    let server = Kind::sockjs("client-v8", "").example(&[]);
    for kind in [V8, Kind { transformer: "faye", ..V8 }, Kind { project: "client-v7", ..V8 }] {
        let mut node = Driver::start(kind);
        node.quiet = true;
        node.socket = json!({"pathname": "/primus/websocket"});
        let client = node.open(&server.url);
        node.command(json!({"command": "values", "client": client, "verbatim": true}));
        assert_eq!(node.skip_to(client, "values"), json!({"missing": 0, "wrong": []}));
        node.write(client, "close");
        node.skip_to(client, "end");
    }
}

/// As what it is made of is let in, or not: by what stands in its address.
#[test]
fn clients_of_primus_are_let_in_by_their_query() {
    need_node!();
    for kind in CLIENTS {
        let builder = kind.builder().authorization(|exchange| {
            let mut pairs = exchange.request().query_pairs();
            match pairs.find(|(name, _)| name == "token") {
                Some((_, token)) if token == "secret" => Ok(()),
                _ => Err(HttpError::from("no token")),
            }
        });
        let server = Server::start(builder);
        let mut node = Driver::start(kind);
        let client = node.open(&format!("{}/?token=secret", server.url()));
        node.write(client, "in");
        assert_eq!(node.data(client), "in");
        node.options = json!({"strategy": "disconnect, online"});
        let client = node.open_with(&server.url(), &[]);
        assert_eq!(node.expect(client, "error"), "Cannot connect to server");
        node.skip_to(client, "end");
    }
}

/// The parsers whose messages are texts.
const PARSERS: [&str; 2] = ["json", "ejson"];

#[test]
fn values_of_text_parsers_are_relayed() {
    need_node!();
    for parser in PARSERS {
        for kind in CLIENTS {
            let server = kind.example(&["--parser", parser]);
            compare_at(kind, parser, &server.url, false);
        }
    }
}

#[test]
fn values_of_text_parsers_pass_through_the_dynamic_value() {
    need_node!();
    for parser in PARSERS {
        for kind in CLIENTS {
            let server = Server::start_decoding(kind.builder().parser_name(parser));
            let _open = compare_at(kind, parser, &server.url(), false);
            assert!(server.none_ended());
        }
    }
}

#[test]
fn clients_with_text_parsers_live_from_their_opening_to_their_end() {
    need_node!();
    for parser in PARSERS {
        for kind in CLIENTS {
            life(kind, parser);
        }
    }
}

/// A client that is not ended by its server comes back, whatever carries it.
#[test]
fn clients_give_up_a_server_that_is_silent() {
    need_node!();
    for kind in [CLIENTS[0], CLIENTS[1], CLIENTS[3], CLIENTS[7]] {
        let server = Server::start(kind.builder().ping_interval(None));
        let mut node = Driver::start(kind);
        node.options["pingTimeout"] = json!(500);
        let client = node.open(&server.url());
        node.expect_all(client, &["offline", "close", "reconnect scheduled"]);
        node.skip_to(client, "open");
        assert_eq!(server.ended().1.by, kind.end_of_the_client());
    }
}

/// A server that answers nobody any more, of whatever it was in the middle of.
#[test]
fn clients_give_up_a_server_that_stands_still() {
    need_node!();
    for kind in CLIENTS {
        let server = Example::start(&["--transformer", "sockjs", "--ping-interval", "300"]);
        let mut node = Driver::start(kind);
        node.options["pingTimeout"] = json!(1500);
        let client = node.open(&server.url);
        node.expect(client, "incoming::ping");
        server.process.signal(rustix::process::Signal::STOP);
        node.skip_to(client, "offline");
        node.expect_all(client, &["close", "reconnect scheduled"]);
        server.process.signal(rustix::process::Signal::CONT);
        node.skip_to(client, "open");
        node.write(client, "there");
        assert_eq!(node.data(client), "there");
    }
}

/// What is written goes out at once, not when the line has been quiet for a while.
#[test]
fn an_answer_does_not_wait_for_a_heartbeat() {
    need_node!();
    for kind in CLIENTS {
        let server = kind.example(&RAW);
        let (mut node, client) = open(kind, &server.url, json!({}));
        for n in 0..20 {
            node.write(client, n.to_string());
            assert_eq!(node.data(client), n.to_string());
        }
        assert!(node.is_quiet(client, Duration::from_millis(50)));
    }
}
