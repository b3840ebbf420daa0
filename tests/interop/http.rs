//! Who is let in, and what plain HTTP requests are answered.

use primus::Primus;
use serde_json::json;

use crate::driver::{Driver, HAPPN, Kind, V6, V8, need_node};
use crate::server::{Example, Server};

const AUTHORIZATION: [&str; 2] = ["--authorization", "mary:secret"];

const V8_POLLING: Kind = Kind::engine("client-v8", "polling");

const ENGINES: [Kind; 4] = [
    V8_POLLING,
    Kind::engine("client-v8", "websocket"),
    Kind::engine("client-v8", "upgrade"),
    Kind::engine("client-v7", "upgrade"),
];

#[test]
fn credentials_in_the_url_let_in() {
    need_node!();
    let server = Example::start(&AUTHORIZATION);
    let url = server.url.replace("//", "//mary:secret@");
    for kind in [V8, Kind { transformer: "faye", ..V8 }, V6, HAPPN] {
        let mut node = Driver::start(kind);
        let client = node.open(&url);
        node.write(client, "in");
        assert_eq!(node.data(client), "in");
    }
}

#[test]
fn without_credentials_nobody_is_let_in() {
    need_node!();
    let server = Example::start(&AUTHORIZATION);
    for kind in [V8, Kind { transformer: "faye", ..V8 }, V6, HAPPN] {
        let mut node = Driver::start(kind);
        // A client that was made by a server with authorization has this.
        node.options = json!({"strategy": "disconnect, online"});
        let client = node.open_with(&server.url, &[]);
        let error = node.expect(client, "error");
        assert!(error.as_str().is_some_and(|error| error.contains("401")), "{error}");
        node.skip_to(client, "end");
    }
}

/// Its clients drop what stands in the URL, but take headers.
#[test]
fn clients_of_engine_io_are_let_in_by_their_headers() {
    need_node!();
    for kind in ENGINES {
        let server = kind.example(&AUTHORIZATION);
        let mut node = Driver::start(kind);
        // Of `mary:secret`.
        let headers = json!({"authorization": "Basic bWFyeTpzZWNyZXQ=", "x-mine": "yes"});
        node.options = json!({"transport": {"extraHeaders": headers}});
        let client = node.open(&server.url);
        node.write(client, "headers");
        assert_eq!(node.data(client)["x-mine"], "yes");
        node.options = json!({"strategy": "disconnect, online"});
        let client = node.open_with(&server.url, &[]);
        assert_eq!(node.expect(client, "error"), refused(kind));
        node.skip_to(client, "end");
    }
}

/// What such a client says when it is not let in.
fn refused(kind: Kind) -> &'static str {
    if kind.transport == "websocket" { "websocket error" } else { "xhr poll error" }
}

#[test]
fn foreign_origins_are_refused_by_engine_io() {
    need_node!();
    // Not over websockets: Primus's clients have an origin of their own there.
    for kind in [V8_POLLING, Kind::engine("client-v7", "polling")] {
        let server = Server::start(kind.builder().origins(["http://page.example"]));
        let mut node = Driver::start(kind);
        let from = |origin| json!({"extraHeaders": {"origin": origin}});
        node.options = json!({"strategy": false, "transport": from("http://other.example")});
        let client = node.open_with(&server.url(), &[]);
        assert_eq!(node.expect(client, "error"), refused(kind));
        node.skip_to(client, "end");
        assert_eq!(server.primus.metrics().refusals.get(&403), Some(&1));
        node.options = json!({"transport": from("http://page.example")});
        let client = node.open(&server.url());
        node.write(client, "at home");
        assert_eq!(node.data(client), "at home");
    }
}

/// A client of its own making: one that knows HTTP, and nothing else.
#[test]
fn engine_io_over_plain_requests() {
    need_node!();
    let server = V8_POLLING.example(&["--pathname", "/live"]);
    let mut node = Driver::start(V8_POLLING);
    let spec = node.fetch(&format!("{}/live/spec", server.url), json!({}));
    let spec: serde_json::Value = serde_json::from_str(spec["body"].as_str().unwrap()).unwrap();
    assert_eq!((&spec["transformer"], &spec["pathname"]), (&json!("engine.io"), &json!("/live")));
    let url = format!("{}/live/?EIO=4&transport=polling", server.url);
    let mut fetch = |url: &str, options| -> (u64, String) {
        let answer = node.fetch(url, options);
        let body = answer["body"].as_str().expect("a body").to_owned();
        (answer["status"].as_u64().expect("a status"), body)
    };
    let (status, opened) = fetch(&url, json!({}));
    assert_eq!((status, &opened[..8]), (200, r#"0{"sid":"#));
    let opened: serde_json::Value = serde_json::from_str(&opened[1..]).unwrap();
    assert_eq!(opened["upgrades"], json!(["websocket"]));
    let session = format!("{url}&sid={}", opened["sid"].as_str().expect("an id"));
    let post = json!({"method": "POST", "body": "4\"one\"\u{1e}4{\"two\":2}"});
    assert_eq!(fetch(&session, post), (200, "ok".to_owned()));
    let mut came = Vec::new();
    while came.len() < 2 {
        let (status, body) = fetch(&session, json!({}));
        assert_eq!(status, 200);
        came.extend(body.split('\u{1e}').map(str::to_owned));
    }
    assert_eq!(came, ["4\"one\"", "4{\"two\":2}"]);
    let end = json!({"method": "POST", "body": "1"});
    assert_eq!(fetch(&session, end), (200, "ok".to_owned()));
    // The next poll may have crossed with the end, and is let off with a noop.
    fetch(&session, json!({}));
    let unknown = (400, r#"{"code":1,"message":"Session ID unknown"}"#.to_owned());
    assert_eq!(fetch(&session, json!({})), unknown);
}

#[test]
fn a_refusal_says_why() {
    need_node!();
    let server = Example::start(&AUTHORIZATION);
    let mut node = Driver::start(V8);
    let answer = node.fetch(&format!("{}/primus", server.url), json!({}));
    assert_eq!(answer["status"], 401);
    assert_eq!(answer["body"], r#"{"error":"Authentication required"}"#);
    let headers = &answer["headers"];
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["www-authenticate"], "Basic realm=\"primus\"");
    assert_eq!(headers["cache-control"], "no-store, no-cache, must-revalidate, max-age=0");
}

#[test]
fn the_spec_is_told() {
    need_node!();
    let server = Example::start(&["--pathname", "/live", "--ping-interval", "12000"]);
    let mut node = Driver::start(V8);
    let answer = node.fetch(&format!("{}/live/spec", server.url), json!({}));
    assert_eq!(
        (&answer["status"], &answer["headers"]["content-type"]),
        (&json!(200), &json!("application/json"))
    );
    let spec: serde_json::Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(spec["pingInterval"], 12000);
    assert_eq!(spec["pathname"], "/live");
    assert_eq!(spec["parser"], "json");
    assert_eq!(spec["transformer"], "websockets");
    let version = spec["version"].as_str().unwrap();
    assert!(version.starts_with("8."), "{version}");
    // And a client that is told the same connects.
    node.socket = json!({"pathname": "/live", "pingInterval": 12000});
    let client = node.open(&server.url);
    node.write(client, "here");
    assert_eq!(node.data(client), "here");
}

#[test]
fn cross_origin_requests_are_answered() {
    need_node!();
    let server = Server::start(Primus::builder());
    let mut node = Driver::start(V8);
    let url = format!("{}/primus/spec", server.url());
    let answer = node.fetch(&url, json!({"headers": {"origin": "http://page.example"}}));
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["headers"]["access-control-allow-origin"], "http://page.example");
    assert_eq!(answer["headers"]["access-control-allow-credentials"], "true");
    assert_eq!(answer["headers"]["vary"], "Origin");
    let preflight = json!({"method": "OPTIONS", "headers": {
        "origin": "http://page.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-mine",
    }});
    let answer = node.fetch(&url, preflight);
    assert_eq!((&answer["status"], &answer["body"]), (&json!(200), &json!("")));
    assert_eq!(answer["headers"]["access-control-max-age"], "2592000");
    assert_eq!(answer["headers"]["access-control-allow-headers"], "x-mine");
    let methods = "GET, HEAD, PUT, POST, DELETE, OPTIONS";
    assert_eq!(answer["headers"]["access-control-allow-methods"], methods);
}

#[test]
fn plain_requests_learn_what_is_wrong() {
    need_node!();
    let server = Server::start(Primus::builder());
    let mut node = Driver::start(V8);
    let answer = node.fetch(&format!("{}/primus", server.url()), json!({}));
    assert_eq!((&answer["status"], &answer["body"]), (&json!(426), &json!("Upgrade Required")));
    let answer = node.fetch(&format!("{}/elsewhere", server.url()), json!({}));
    assert_eq!(answer["status"], 404);
    // The same connection serves both: nothing is out of step.
    let answer = node.fetch(&format!("{}/primus/spec", server.url()), json!({}));
    assert_eq!(answer["status"], 200);
}

#[test]
fn foreign_origins_are_refused() {
    need_node!();
    let server = Server::start(Primus::builder().origins(["http://page.example"]));
    let mut node = Driver::start(V8);
    let url = format!("{}/primus/spec", server.url());
    let answer = node.fetch(&url, json!({"headers": {"origin": "http://other.example"}}));
    assert_eq!(answer["status"], 403);
    node.options = json!({"strategy": false, "transport": {"origin": "http://other.example"}});
    let client = node.open_with(&server.url(), &[]);
    let error = node.expect(client, "error");
    assert!(error.as_str().is_some_and(|error| error.contains("403")), "{error}");
    node.skip_to(client, "end");
    node.options = json!({"transport": {"origin": "http://page.example"}});
    let client = node.open(&server.url());
    node.write(client, "at home");
    assert_eq!(node.data(client), "at home");
    assert_eq!(server.primus.metrics().refusals.get(&403), Some(&2));
}
