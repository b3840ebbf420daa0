//! What the application does wrong is told, and ends nothing else.

use std::io::Read;
use std::sync::mpsc::{Receiver, channel};

use primus::Primus;
use primus::middleware::{Exchange, Flow, HttpError, On};

use crate::common::*;

const GET: &str = "GET /primus HTTP/1.1\r\nHost: x\r\n\r\n";

/// The lines that a server logs as errors.
fn errors(primus: &Primus) -> Receiver<String> {
    let (logged, lines) = channel();
    primus.on_log(move |level, line| {
        if level == log::Level::Error {
            let _ = logged.send(line.to_owned());
        }
    });
    lines
}

/// A request and an upgrade get this status, and this line is logged for both.
fn fails(server: &Server, lines: &Receiver<String>, status: u16, line: &str) {
    assert_eq!(server.connect().ask(GET).status, status, "{line}");
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", ""));
    assert_eq!(peer.read_response().status, status, "{line}");
    peer.expect_end();
    for _ in 0..2 {
        assert_eq!(lines.recv_timeout(PATIENCE).unwrap(), format!("/primus: {line}"));
    }
}

type Bad = fn(&mut Exchange<'_>) -> Result<Flow, HttpError>;

#[test]
fn what_fails_in_a_layer_or_an_authorization_is_logged_and_refused() {
    let server = Server::echo(Primus::builder());
    let lines = errors(&server.primus);
    let layers: [(Bad, u16, &str); 3] = [
        (|_| panic!("in a layer"), 500, "panicked: in a layer"),
        (|_| Err("no database".into()), 500, r#"failed: {"error":"no database"}"#),
        (|_| Err(HttpError::new(503, "later")), 503, r#"failed: {"error":"later"}"#),
    ];
    for (bad, status, what) in layers {
        server.primus.middleware().use_layer("bad", On::Both, bad);
        fails(&server, &lines, status, &format!(r#"the middleware layer "bad" {what}"#));
        server.primus.middleware().remove("bad");
        let authorize = move |exchange: &mut Exchange<'_>| match bad(exchange) {
            // Without a status of its own it refuses.
            Err(error) => Err(HttpError::new(error.status().unwrap_or(502), "x")),
            Ok(_) => Ok(()),
        };
        server.primus.authorize(authorize);
        let (status, what) = match (status, what) {
            (500, what) if what.starts_with("failed") => (502, r#"failed: {"error":"x"}"#),
            (503, _) => (503, r#"failed: {"error":"x"}"#),
            same => same,
        };
        fails(&server, &lines, status, &format!(r#"the middleware layer "authorization" {what}"#));
        server.primus.authorize(|_| Ok(()));
    }
    // A refusal is no failure.
    server.primus.authorize(|_| Err("who are you?".into()));
    assert_eq!(server.connect().ask(GET).status, 401);
    server.primus.authorize(|_| Ok(()));
    assert_eq!(server.primus.metrics().panics_caught, 4);
    server.still_serves();
    assert!(lines.try_recv().is_err());
}

/// A body that is read while it is sent, in the middle of which this happens.
struct Body(fn() -> std::io::Result<usize>, bool);

impl Read for Body {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if std::mem::replace(&mut self.1, true) {
            return self.0();
        }
        out[0] = b'x';
        Ok(1)
    }
}

#[test]
fn a_panic_in_the_body_of_an_answer_is_logged_and_cuts_that_connection_alone() {
    let server = Server::echo(Primus::builder());
    let lines = errors(&server.primus);
    let answer = || {
        let body = Body(|| panic!("in a body"), false);
        primus::tiny_http::Response::new(200.into(), vec![], body, None, None).boxed()
    };
    server.primus.on_request(move |_, _| answer());
    server.primus.middleware().use_layer("page", On::Both, move |_| Ok(Flow::Respond(answer())));
    let requests =
        [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], GET.as_bytes(), &upgrade("/primus", "")];
    for (request, count) in requests.into_iter().zip(1..) {
        let mut peer = server.connect();
        peer.send(request);
        let mut got = Vec::new();
        let _ = peer.stream.read_to_end(&mut got);
        assert!(!got.ends_with(b"0\r\n\r\n"), "it looks whole");
        let line = lines.recv_timeout(PATIENCE).unwrap();
        assert_eq!(line, "a request could not be answered: in a body");
        wait_for("panics", count, || server.primus.metrics().panics_caught);
    }
    server.primus.middleware().remove("page");
    server.still_serves();
}
