//! What cannot connect says where, in one line, and nothing that is secret.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use primus::{Client, ClientBuilder, Error};

use crate::server::{Peer, SOON, Server};

const TRANSFORMERS: [&str; 2] = ["websockets", "engine.io"];

/// A client of this port, which has things to hide.
fn client(port: u16, transformer: &str) -> ClientBuilder {
    let url = format!("http://me:secret@127.0.0.1:{port}?token=hidden");
    Client::builder(&url).transformer(transformer)
}

/// What comes of it when the server does this.
fn met(transformer: &str, then: impl FnOnce(Peer)) -> (u16, Error) {
    let server = Server::new();
    let port = server.port();
    let builder = client(port, transformer);
    let connecting = thread::spawn(move || builder.connect().expect_err("no connection"));
    then(server.request());
    (port, connecting.join().unwrap())
}

#[track_caller]
fn says_where(port: u16, error: &Error) {
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}")), "{text}");
    let is_secret = |text: &str| text.contains("secret") || text.contains("hidden");
    assert!(!text.contains(char::is_control) && !is_secret(&text), "{text}");
    assert!(!is_secret(&format!("{error:?}")), "{error:?}");
}

#[test]
fn a_refusal_says_what_was_asked() {
    for transformer in TRANSFORMERS {
        let (port, error) = met(transformer, |mut peer| {
            peer.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\nnot\r\nnow\x1b[m");
        });
        let Error::Refused { url, status: 503, .. } = &error else { panic!("{error}") };
        assert!(url.starts_with(&format!("http://127.0.0.1:{port}/primus")), "{url}");
        assert!(error.to_string().starts_with(&format!("{url}: ")), "{error}");
        says_where(port, &error);
    }
}

#[test]
fn who_hangs_up_is_named() {
    for transformer in TRANSFORMERS {
        let (port, error) = met(transformer, drop);
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        says_where(port, &error);
    }
}

#[test]
fn who_says_nothing_is_named() {
    for transformer in TRANSFORMERS {
        let server = Server::new();
        let builder = || client(server.port(), transformer).timeout(Duration::from_millis(50));
        let error = builder().connect().unwrap_err();
        assert!(matches!(error, Error::Timeout(_)), "{error:?}");
        says_where(server.port(), &error);
        let client = builder().strategy("").build().unwrap();
        assert!(client.wait_end(SOON));
        says_where(server.port(), &client.error().unwrap());
        let client = builder().timeout(None).build().unwrap();
        says_where(server.port(), &client.wait_open(Duration::from_millis(1)).unwrap_err());
        says_where(server.port(), &client.recv_timeout(Duration::from_millis(1)).unwrap_err());
    }
}

#[test]
fn a_port_that_nobody_listens_on_is_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for transformer in TRANSFORMERS {
        let error = client(port, transformer).connect().unwrap_err();
        assert!(matches!(error, Error::Io(_)), "{error:?}");
        says_where(port, &error);
    }
}

#[test]
fn a_connector_that_fails_is_told_with_what_it_was_to_connect_to() {
    let refuses = |_: &str, _| Err(std::io::ErrorKind::ConnectionRefused.into());
    for transformer in TRANSFORMERS {
        let error = client(1, transformer)
            .connector(move |host, port| -> std::io::Result<std::net::TcpStream> {
                refuses(host, port)
            })
            .connect()
            .unwrap_err();
        says_where(1, &error);
    }
}

#[test]
fn discovery_says_where_it_failed() {
    let asked = |then: fn(Peer)| {
        let server = Server::new();
        let port = server.port();
        let finding = thread::spawn(move || client(port, "websockets").discover().unwrap_err());
        then(server.request());
        (port, finding.join().unwrap())
    };
    let (port, refused) =
        asked(|mut peer| peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"));
    let url = format!("http://127.0.0.1:{port}/primus/spec");
    assert!(matches!(&refused, Error::Refused { url: told, .. } if **told == url), "{refused:?}");
    says_where(port, &refused);
    let (port, hung_up) = asked(drop);
    says_where(port, &hung_up);
    let server = Server::new();
    let waits = client(server.port(), "websockets").timeout(Duration::from_millis(50));
    says_where(server.port(), &waits.discover().unwrap_err());
}
