//! Answers in pieces.

use std::time::Instant;

use super::streaming::Chunk;
use super::*;
use crate::deadline::after;

/// How long a reader that reads may take.
const TIME: Duration = Duration::from_secs(20);

/// What a client gets that asks so, of an answer with this status and two pieces.
fn got(ask: &str, status: u16, middleware: &[(&'static str, &str)]) -> String {
    let (mut client, mut connection) = connected(&Limits::default());
    client.write_all(ask.as_bytes()).unwrap();
    assert!(matches!(connection.next_request(), Next::Request(_)));
    let mut headers = HeaderSet::default();
    middleware.iter().for_each(|(name, value)| {
        headers.lock(*name, (*value).to_owned());
    });
    let fields = [("Content-Type", "text/plain"), ("cache-control", "max-age=9")];
    let mut answer = connection.hold(&headers).begin(status, &fields);
    answer.chunk(b"one");
    assert!(answer.send().unwrap());
    answer.chunk(b"");
    answer.chunk(b"twenty letters long.");
    answer.finish();
    answer.chunk(b"late");
    assert!(answer.send().unwrap() && answer.is_sent());
    connection.stream().shutdown(Shutdown::Write);
    let mut got = String::new();
    client.read_to_string(&mut got).unwrap();
    got
}

#[test]
fn pieces_are_chunks_behind_a_head_of_any_status() {
    let got = got("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404, &[]);
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\n"), "{head}");
    assert!(head.contains("\r\nConnection: keep-alive\r\n"), "{head}");
    assert!(head.ends_with("\r\nTransfer-Encoding: chunked"), "{head}");
    assert_eq!(body, "3\r\none\r\n14\r\ntwenty letters long.\r\n0\r\n\r\n");
}

#[test]
fn a_client_that_knows_no_chunks_gets_the_pieces_and_then_the_end() {
    let got = got("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, &[]);
    let (head, body) = got.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    assert!(head.ends_with("\r\nConnection: close"), "{head}");
    assert_eq!(body, "onetwenty letters long.");
}

#[test]
fn a_status_without_a_body_has_none() {
    let got = got("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 204, &[]);
    assert!(got.starts_with("HTTP/1.1 204 No Content\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\n") && !got.contains("chunked"), "{got}");
}

#[test]
fn what_middleware_has_set_stays() {
    let set = [("Cache-Control", "no-store")];
    let got = got("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200, &set);
    assert!(got.contains("\r\nCache-Control: no-store\r\n"), "{got}");
    assert!(!got.contains("max-age"), "{got}");
}

/// What a client gets of one answer with a piece that others get too, which is the
/// last.
fn last_piece(ask: &str, piece: &[u8]) -> String {
    let (mut client, mut connection) = connected(&Limits::default());
    client.write_all(ask.as_bytes()).unwrap();
    assert!(matches!(connection.next_request(), Next::Request(_)));
    let mut answer = connection.hold(&HeaderSet::default()).begin(200, &[]);
    assert!(answer.send().unwrap());
    let reader = std::thread::spawn(move || rest(&mut client));
    let mut sent = answer.send_chunk(&Chunk::new(piece), true).unwrap();
    assert!(answer.is_finished());
    while !sent {
        let room = wait(connection.stream(), PollFlags::OUT, after(Instant::now(), TIME));
        room.unwrap();
        sent = answer.send().unwrap();
    }
    connection.stream().shutdown(Shutdown::Write);
    let got = reader.join().unwrap();
    got.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[test]
fn the_last_piece_takes_the_end_along_however_little_the_socket_takes() {
    let chunked = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let to_end = "GET / HTTP/1.0\r\n\r\n";
    assert_eq!(last_piece(chunked, b"one"), "3\r\none\r\n0\r\n\r\n");
    assert_eq!(last_piece(chunked, b""), "0\r\n\r\n");
    assert_eq!(last_piece(to_end, b"one"), "one");
    let long = "long".repeat(4 << 20);
    let got = last_piece(chunked, long.as_bytes());
    assert!(got == format!("1000000\r\n{long}\r\n0\r\n\r\n"), "{} bytes", got.len());
    assert!(last_piece(to_end, long.as_bytes()) == long);
}
