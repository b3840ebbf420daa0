//! Who is let in, and what plain HTTP requests are answered.

use primus::Primus;
use serde_json::json;

use crate::driver::{Driver, HAPPN, Kind, V6, V8, need_node};
use crate::server::{Example, Server};

const AUTHORIZATION: [&str; 2] = ["--authorization", "mary:secret"];

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
