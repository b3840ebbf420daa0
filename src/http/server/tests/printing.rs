//! The bytes of answers.

use tiny_http::{HTTPVersion, Header, Response, ResponseBox};

use super::super::response::*;
use super::*;

fn header(name: &str, value: &str) -> Header {
    Header::from_bytes(name, value).unwrap()
}

fn print(version: u8, response: ResponseBox, extra: &HeaderSet) -> (String, std::io::Result<bool>) {
    let printing = Printing {
        version: HTTPVersion(1, version),
        head_only: false,
        keep_alive: Some(Duration::from_secs(5)),
        extra,
    };
    let mut out = Vec::new();
    let printed = printing.print(response, &mut out);
    (undated(&String::from_utf8(out).unwrap()), printed)
}

fn printed(response: ResponseBox, extra: &HeaderSet) -> String {
    let (text, printed) = print(1, response, extra);
    printed.unwrap();
    text
}

/// A body of unknown length.
fn stream(body: impl Read + Send + 'static) -> ResponseBox {
    Response::new(200.into(), vec![], body, None, None).boxed()
}

const KEPT: &str = "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n";

#[test]
fn locked_headers_win_and_added_ones_stay() {
    let mut extra = HeaderSet::default();
    assert!(extra.lock("cache-control", "no-store"));
    assert!(extra.add("Vary", "Origin"));
    let response = text(200, "x")
        .with_header(header("Cache-Control", "public"))
        .with_header(header("Vary", "Accept"))
        .with_header(header("Expires", "0"));
    assert_eq!(
        printed(response, &extra),
        format!(
            "HTTP/1.1 200 OK\r\ncache-control: no-store\r\nVary: Origin\r\n\
             Content-Type: text/plain\r\nVary: Accept\r\nExpires: 0\r\n{KEPT}Content-Length: 1\r\n\r\nx"
        )
    );
}

#[test]
fn date_and_server_of_the_application_stay() {
    let response = Response::empty(200)
        .with_header(header("Server", "mine"))
        .with_header(header("Date", "today"));
    let printing = Printing {
        version: HTTPVersion(1, 1),
        head_only: false,
        keep_alive: None,
        extra: &HeaderSet::default(),
    };
    let mut out = Vec::new();
    assert!(!printing.print(response.boxed(), &mut out).unwrap());
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 200 OK\r\nServer: mine\r\nDate: today\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
}

#[test]
fn bodies_of_unknown_length_go_in_chunks() {
    let answer = printed(stream(&b"Upgrade Required"[..]), &HeaderSet::default());
    let expected = format!(
        "HTTP/1.1 200 OK\r\n{KEPT}Transfer-Encoding: chunked\r\n\r\n10\r\nUpgrade Required\r\n0\r\n\r\n"
    );
    assert_eq!(answer, expected);
}

#[test]
fn http_1_0_bodies_of_unknown_length_end_with_the_connection() {
    let (answer, kept) = print(0, stream(&b"all of it"[..]), &HeaderSet::default());
    assert_eq!(answer, "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nall of it");
    assert!(!kept.unwrap());
}

#[test]
fn long_bodies_keep_their_length() {
    let answer = printed(text(200, "x".repeat(100_000)), &HeaderSet::default());
    assert!(answer.contains("\r\nContent-Length: 100000\r\n\r\nxxx") && answer.ends_with('x'));
    assert!(!answer.contains("chunked"));
}

#[test]
fn statuses_without_a_body() {
    for status in [204, 304] {
        let answer = printed(Response::empty(status).boxed(), &HeaderSet::default());
        let (_, fields) = answer.split_once("\r\n").unwrap();
        assert_eq!(fields, format!("{KEPT}\r\n"), "{status}");
    }
}

/// Response splitting: a header value that would end the header.
#[test]
fn response_splitting_is_refused() {
    let hostile = ["a\r\nSet-Cookie: x=y", "a\nb", "a\rb", "a\0b", "a\x7f"];
    for value in hostile {
        let response = text(200, "secret").with_header(header("X-A", value));
        let answer = printed(response, &HeaderSet::default());
        assert!(answer.starts_with("HTTP/1.1 500 "), "{value:?}: {answer}");
        assert!(!answer.contains("Set-Cookie") && !answer.contains("secret"));
        assert!(!HeaderSet::default().lock("X-A", value.to_owned()));
        let raw = refusal(&HTTPVersion(1, 1), 401, &[("X-A", value)], b"");
        assert_eq!(
            String::from_utf8(raw).unwrap(),
            "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
    }
    for name in ["", "X A", "X:A", "X\r\nY", "Connection", "content-length", "Transfer-Encoding"] {
        assert!(!HeaderSet::default().lock(name.to_owned(), "v"), "{name:?}");
        assert!(!HeaderSet::default().add(name.to_owned(), "v"), "{name:?}");
    }
    let nameless = Response::empty(200).with_header(header("X Y", "v"));
    assert!(printed(nameless.boxed(), &HeaderSet::default()).starts_with("HTTP/1.1 500 "));
}

#[test]
fn statuses_that_cannot_end_a_request_become_500() {
    for status in [0, 100, 101, 199, 1000, u16::MAX] {
        let answer = printed(Response::empty(status).boxed(), &HeaderSet::default());
        assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{status}");
    }
}

#[test]
fn bodies_that_are_not_as_declared_cut_the_connection() {
    let declared = |n| Response::new(200.into(), vec![], &b"abc"[..], Some(n), None).boxed();
    for length in [2, 4] {
        let (answer, printed) = print(1, declared(length), &HeaderSet::default());
        assert!(printed.is_err(), "{length}");
        assert!(!answer.ends_with("abc") || length > 3, "nothing beyond the length");
    }
}

/// A reader that fails, or panics, in the middle.
struct Failing {
    panics: bool,
    read: bool,
}

impl Read for Failing {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        assert!(!(self.panics && self.read), "on purpose");
        if std::mem::replace(&mut self.read, true) {
            return Err(std::io::Error::other("on purpose"));
        }
        buf[..3].copy_from_slice(b"abc");
        Ok(3)
    }
}

#[test]
fn a_failing_body_does_not_look_complete() {
    let (answer, printed) =
        print(1, stream(Failing { panics: false, read: false }), &HeaderSet::default());
    assert!(printed.is_err());
    assert!(!answer.contains("0\r\n\r\n"), "{answer}");
}

#[test]
fn a_panicking_body_does_not_look_complete() {
    fn panic(_: &Request, connection: &mut Connection) {
        let response = stream(Failing { panics: true, read: false });
        let _ = connection.respond(response, &HeaderSet::default());
    }
    let (mut client, connection) = connected(&Limits::default());
    let server = serve(connection, panic);
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(server.join().is_err());
    assert!(!rest(&mut client).contains("0\r\n\r\n"));
}

#[test]
fn refusals_are_byte_exact() {
    let headers = [("WWW-Authenticate", "Basic realm=\"x\""), ("Content-Type", "application/json")];
    assert_eq!(
        String::from_utf8(refusal(&HTTPVersion(1, 1), 401, &headers, br#"{"error":"nope"}"#))
            .unwrap(),
        "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: 16\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n{\"error\":\"nope\"}"
    );
    let invalid = b"Missing or invalid Sec-WebSocket-Key header";
    assert_eq!(
        String::from_utf8(refusal(
            &HTTPVersion(1, 0),
            400,
            &[("Content-Type", "text/html")],
            invalid
        ))
        .unwrap(),
        "HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/html\r\n\
         Content-Length: 43\r\n\r\nMissing or invalid Sec-WebSocket-Key header"
    );
}

#[test]
fn a_response_can_refuse_an_upgrade() {
    fn refuse(_: &Request, connection: &mut Connection) {
        let mut extra = HeaderSet::default();
        extra.lock("x-a", "b");
        let response = text(403, "no").with_header(header("X-A", "c"));
        connection.refuse_upgrade(response, &extra);
    }
    let head = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
    assert_eq!(
        exchange(&Limits::default(), refuse, head.repeat(2).as_bytes()),
        "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\n\
         Content-Length: 2\r\nx-a: b\r\n\r\nno"
    );
}

/// What a client gets that is answered in the cheapest way.
fn replied(status: u16, body: &[u8], extra: &HeaderSet) -> String {
    let (mut client, mut connection) = connected(&Limits::default());
    client.write_all(b"POST / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(matches!(connection.next_request(), Next::Request(_)));
    connection.reply(status, "text/plain", body.to_vec(), extra).unwrap();
    connection.stream().shutdown(Shutdown::Write);
    undated(&rest(&mut client))
}

#[test]
fn a_cheap_answer_is_that_of_the_printer() {
    let mut extra = HeaderSet::default();
    extra.lock("cache-control", "no-store");
    extra.add_own("Vary", "Origin");
    for (status, body) in [(200, "ok"), (404, "none"), (204, ""), (200, "")] {
        let response = || typed(status, "text/plain", body);
        let got = replied(status, body.as_bytes(), &extra);
        let (mut client, mut connection) = connected(&Limits::default());
        client.write_all(b"POST / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        assert!(matches!(connection.next_request(), Next::Request(_)));
        connection.respond(response(), &extra).unwrap();
        connection.stream().shutdown(Shutdown::Write);
        assert_eq!(got, undated(&rest(&mut client)));
    }
    extra.lock("Content-Type", "text/html");
    let got = replied(200, b"ok", &extra);
    assert!(got.contains("\r\nContent-Type: text/html\r\n") && !got.contains("plain"), "{got}");
    // Long bodies are not copied.
    let long = "x".repeat(100 << 10);
    assert!(replied(200, long.as_bytes(), &extra).ends_with(&format!("102400\r\n\r\n{long}")));
}
