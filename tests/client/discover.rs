//! Reading the spec document.

use std::thread;
use std::time::Duration;

use primus::{Client, Error};

use crate::server::{SOON, Server};

/// Discovers from a server that answers the request for the spec with this.
fn discover(answer: &'static str) -> (Server, primus::Result<primus::ClientBuilder>) {
    let server = Server::new();
    let url = format!("http://me:pw@127.0.0.1:{}?token=x", server.port());
    let discovering = thread::spawn(move || Client::discover(&url));
    let mut peer = server.request();
    assert!(peer.head.starts_with("GET /primus/spec?token=x HTTP/1.1\r\n"), "{}", peer.head);
    assert_eq!(peer.header("authorization"), Some("Basic bWU6cHc="));
    peer.send(answer.as_bytes());
    drop(peer);
    (server, discovering.join().unwrap())
}

#[test]
fn a_server_that_pings() {
    let (server, found) = discover(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"pingInterval\":100,\
         \"pathname\":\"/primus\",\"version\":\"8.0.9\",\"parser\":\"ejson\",\
         \"transformer\":\"faye\"}",
    );
    let client = found.unwrap().reconnect_min(SOON).build().unwrap();
    let (tell, told) = crossbeam_channel::bounded(1);
    client.on_offline(move |_| tell.send(()));
    let mut peer = server.accept();
    client.write(&1).unwrap();
    assert_eq!(peer.read_text(), "1");
    told.recv_timeout(SOON).unwrap();
}

#[test]
fn a_server_that_is_pinged() {
    let (server, found) = discover(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n{\"timeout\":10050,\
         \"parser\":\r\n22\r\n\"json\",\"transformer\":\"websockets\"}\r\n0\r\n\r\n",
    );
    let _client = found.unwrap().build().unwrap();
    let mut peer = server.accept();
    assert!(peer.query().ends_with("&ping=50&pong=10000"), "{}", peer.query());
    assert!(peer.read_text().starts_with("\"primus::ping::"));
}

#[test]
fn what_is_not_known_here_is_named() {
    let body = "HTTP/1.1 200 OK\r\n\r\n{\"transformer\":\"pigeons\",\"parser\":\"json\"}";
    let text = discover(body).1.unwrap_err().to_string();
    assert!(text.contains("pigeons") && text.contains("websockets"), "{text}");
    let body = "HTTP/1.1 200 OK\r\n\r\n{\"transformer\":\"websockets\",\"parser\":\"smoke\"}";
    assert!(discover(body).1.unwrap_err().to_string().contains("smoke"));
}

#[test]
fn no_spec_document() {
    let found = discover("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nNot Found").1;
    assert!(matches!(found, Err(Error::Refused { status: 404, .. })));
    let found = discover("HTTP/1.1 200 OK\r\n\r\n<html>").1;
    assert!(matches!(found, Err(Error::Protocol(_))));
}

#[test]
fn a_silent_server() {
    let server = Server::new();
    let found = server.client().timeout(Duration::from_millis(50)).discover();
    assert!(matches!(found, Err(Error::Timeout(_))));
}
