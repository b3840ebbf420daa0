//! What Primus 8.0.9 sent, request by request, against what the layers and the
//! HTTP layer send.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use tiny_http::{Header, Response};

use super::*;
use crate::http::server::{Accepted, Connection, Next};
use crate::net::Stream;

const PLAIN: &str = include_str!("../../../tests/vectors/websockets/raw/http-plain.json");
const SHAPES: &str = include_str!("../../../tests/vectors/websockets/raw/auth-error-shapes.json");
const ERROR: &str =
    include_str!("../../../tests/vectors/websockets/raw/async-middleware-error.json");

/// What went over each connection of a trace: to the server, and back.
fn connections(trace: &str) -> BTreeMap<u64, (String, String)> {
    let entries: Vec<serde_json::Value> = serde_json::from_str(trace).unwrap();
    let mut connections = BTreeMap::<u64, (String, String)>::new();
    for entry in entries {
        let (sent, received) = connections.entry(entry["conn"].as_u64().unwrap()).or_default();
        let text = entry["utf8"].as_str().or(entry["head"]["utf8"].as_str()).unwrap_or_default();
        match entry["dir"].as_str() {
            Some("c2s") => sent.push_str(text),
            _ => received.push_str(text),
        }
    }
    connections
}

/// Serves one connection the way the server does, with the websockets
/// transformer's answer to plain requests.
fn serve(mut connection: Connection, middleware: &Middleware) {
    while let Next::Request(request) = connection.next_request() {
        let upgrade = request.is_upgrade();
        let mut exchange = Exchange::new(&request, upgrade);
        let answer = match request.path().starts_with("/primus") {
            true => middleware.run(&mut exchange),
            false => {
                let body = &b"app-fallthrough"[..];
                let response = Response::new(404.into(), vec![], body, None, None).boxed();
                Err(Answer { response, failure: None })
            }
        };
        let (headers, _) = exchange.into_parts();
        let response = answer.map_or_else(|answer| answer.response, |()| upgrade_required());
        match upgrade {
            true => connection.refuse_upgrade(response, &headers),
            false => drop(connection.respond(response, &headers)),
        }
    }
}

fn upgrade_required() -> ResponseBox {
    let content_type = Header::from_bytes("content-type", "text/plain").unwrap();
    let body = &b"Upgrade Required"[..];
    Response::new(426.into(), vec![content_type], body, None, None).boxed()
}

fn answered(middleware: &Middleware, sent: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let stream = Arc::new(Stream::from(listener.accept().unwrap().0));
    client.write_all(sent.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    serve(Connection::new(Accepted::new(stream), Arc::default()), middleware);
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    received
}

/// The status line, the fields without the date in any order and case, and the
/// body. That our 426 names its protocol, as RFC 9110 demands and Primus's does
/// not, is left out.
fn comparable(answer: &str) -> (String, Vec<String>, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().to_owned();
    let mut fields: Vec<_> = lines.map(str::to_ascii_lowercase).collect();
    fields.retain(|field| !field.starts_with("date:") && field != "upgrade: websocket");
    fields.iter_mut().for_each(|field| *field = field.replace("keep-alive, upgrade", "keep-alive"));
    fields.sort();
    (status, fields, body.to_owned())
}

fn replay(trace: &str, middleware: &Middleware, passed_over: &[u64]) {
    for (number, (sent, received)) in connections(trace) {
        if passed_over.contains(&number) {
            continue;
        }
        let answer = answered(middleware, &sent);
        if sent.contains("\r\nUpgrade: ") {
            assert_eq!(answer, received, "connection {number}, byte by byte");
        }
        assert_eq!(comparable(&answer), comparable(&received), "connection {number}");
    }
}

#[test]
fn plain_requests() {
    let mut defaults = defaults();
    defaults.spec = Box::new(|| {
        let spec = r#"{"pingInterval":100000,"pathname":"/primus","version":"8.0.9","#;
        format!(r#"{spec}"parser":"json","transformer":"websockets"}}"#)
    });
    // 11 is the browser client.
    replay(PLAIN, &defaults.middleware(), &[11]);
}

#[test]
fn refusals_of_authorization() {
    let defaults = defaults();
    defaults.authorization.set(|exchange| {
        Err(match exchange.request().query() {
            "str" => "plain string".into(),
            "err" => HttpError::new(401, "boom"),
            "403" => HttpError::new(403, "no"),
            _ => HttpError::json(401, &serde_json::json!({"foo": 1})),
        })
    });
    replay(SHAPES, &defaults.middleware(), &[]);
}

#[test]
fn errors_of_layers() {
    let middleware = Middleware::new();
    middleware.use_layer("mw", On::Both, |_| Err("mw".into()));
    replay(ERROR, &middleware, &[]);
}
