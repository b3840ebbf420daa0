//! A real nginx in front of the server.

use std::fmt::Display;
use std::io::Write;

use primus::{Primus, SocketPath};

use crate::common::nginx::{Nginx, is_skipped};
use crate::common::*;

/// Passes requests below `/primus` to a server, `host:port` or `unix:/path`;
/// `lines` are put into that location.
fn nginx(name: &str, server: impl Display, lines: &str) -> Nginx {
    let map = "map $http_upgrade $connection_upgrade { default upgrade; '' ''; }";
    let location = format!("location /primus {{ proxy_pass http://{server}; {lines} }}");
    Nginx::start(name, &format!("{map} server {{ listen SOCKET; {location} }}"))
}

/// Without `proxy_http_version` nginx speaks HTTP/1.0; with it, 1.1.
#[test]
fn websockets_come_through_nginx_with_and_without_its_default_version() {
    if is_skipped() {
        return;
    }
    let server = Server::echo(Primus::builder());
    for (name, lines) in [
        ("default", "proxy_set_header Connection upgrade;"),
        ("map", "proxy_set_header Connection $connection_upgrade;"),
        ("current", "proxy_http_version 1.1; proxy_set_header Connection $connection_upgrade;"),
    ] {
        let upgrade_line = "proxy_set_header Upgrade $http_upgrade;";
        let nginx = nginx(name, server.addr, &format!("{upgrade_line} {lines}"));
        let mut bytes = upgrade("/primus", "");
        bytes.extend(masked(FIN | TEXT, b"\"through\""));
        let got = nginx.ask(&bytes, "\"through\"");
        assert!(got.starts_with("HTTP/1.1 101 ") && got.contains(ACCEPT), "{name}: {got}");
        // What is no handshake is answered as ever.
        let spec = b"GET /primus/spec HTTP/1.1\r\nHost: x\r\n\r\n";
        assert!(nginx.ask(spec, "}").starts_with("HTTP/1.1 200 "), "{name}");
    }
    // Nothing is passed on of a handshake that nginx is not told to pass on.
    let nginx = nginx("deaf", server.addr, "");
    let got = nginx.ask(&upgrade("/primus", ""), "Upgrade Required");
    assert!(got.starts_with("HTTP/1.1 426 "), "{got}");
    server.still_serves();
}

#[test]
fn polling_comes_through_nginx() {
    if is_skipped() {
        return;
    }
    let server = Server::echo(Primus::builder().transformer("engine.io"));
    polls(&nginx("polling", server.addr, ""));
}

/// nginx holds answers back until they are whole, unless it is told otherwise. It
/// asks in HTTP/1.0 by default, in which an answer has no chunks.
#[test]
fn streams_come_through_nginx_piece_by_piece() {
    if is_skipped() {
        return;
    }
    let server = Server::echo(Primus::builder().transformer("sockjs"));
    for (name, lines) in [("streams-10", ""), ("streams-11", "proxy_http_version 1.1;")] {
        let nginx = nginx(name, server.addr, lines);
        for (method, stream, open, echo) in [
            ("POST", "xhr_streaming", "hh\no", "\na[\"1\"]"),
            ("GET", "eventsource", "data: o", "data: a[\"1\"]"),
            ("GET", "htmlfile?c=f", "p(\"o\")", "p(\"a[\\\"1\\\"]\")"),
        ] {
            let session = format!("/primus/000/{name}-{}", &stream[..3]);
            let request = |method: &str, end: &str, body: &str| {
                let length = body.len();
                format!(
                    "{method} {session}/{end} HTTP/1.1\r\nHost: x\r\n\
                     Content-Length: {length}\r\n\r\n{body}"
                )
            };
            let mut answer = nginx.connect();
            answer.write_all(request(method, stream, "").as_bytes()).unwrap();
            let got = Nginx::read_to(&mut answer, open);
            assert!(got.starts_with("HTTP/1.1 200 "), "{name}: {got}");
            // While the answer goes on.
            let sent = nginx.ask(request("POST", "xhr_send", "[\"1\"]").as_bytes(), "\r\n\r\n");
            assert!(sent.starts_with("HTTP/1.1 204 "), "{name}: {sent}");
            Nginx::read_to(&mut answer, echo);
        }
    }
}

/// As in the recipe.
#[test]
fn a_server_on_a_unix_socket_is_reached_through_nginx() {
    if is_skipped() {
        return;
    }
    let path = std::env::temp_dir().join(format!("primus-upstream-{}", std::process::id()));
    let lines = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; \
                 proxy_set_header Connection $connection_upgrade; \
                 proxy_set_header Host $host; proxy_set_header X-Forwarded-For 192.0.2.7; \
                 proxy_read_timeout 1h;";
    for transformer in ["websockets", "engine.io"] {
        let server = Server::echo(Primus::builder().transformer(transformer));
        server.primus.on_connection(|spark| {
            let address = spark.address();
            assert!(!address.unix && address.ip.to_string() == "192.0.2.7", "{address}");
        });
        server.primus.listen_path(SocketPath::new(&path).mode(0o600)).unwrap();
        let upstream = format!("unix:{}", path.display());
        let nginx = nginx(&format!("unix-{transformer}"), upstream, lines);
        if transformer == "engine.io" {
            polls(&nginx);
            continue;
        }
        let mut bytes = upgrade("/primus", "");
        bytes.extend(masked(FIN | TEXT, b"\"through\""));
        assert!(nginx.ask(&bytes, "\"through\"").starts_with("HTTP/1.1 101 "));
    }
}

/// Opens a session, posts a message and polls for it.
fn polls(nginx: &Nginx) {
    let ask = |method: &str, query: &str, body: &str, last: &str| {
        let target = format!("/primus/?EIO=4&transport=polling{query}");
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}");
        nginx.ask(format!("{head}\r\n\r\n{body}").as_bytes(), last)
    };
    let open = ask("GET", "", "", "}");
    let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let session = format!("&sid={sid}");
    assert!(ask("POST", &session, "4\"through\"", "ok").starts_with("HTTP/1.1 200 "));
    assert!(ask("GET", &session, "", "4\"through\"").starts_with("HTTP/1.1 200 "));
}
