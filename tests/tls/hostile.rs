//! Peers that break off, break the protocol, or dawdle.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use primus::{CloseReason, Ended, Error, TlsProblem};

use super::raw::{Raw, config};
use super::*;

fn echo() -> (Server, Receiver<CloseReason>) {
    let server = Server::echo(builder());
    let (tell, told) = crossbeam_channel::unbounded();
    server.primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_end(move |_, reason| drop(tell.send(reason.clone())));
    });
    (server, told)
}

fn still_serves(server: &Server) {
    let client = client(server.addr).connect().unwrap();
    client.write("still there?").unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("still there?"));
}

/// Reads to the end, whatever end it is.
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    }
    rest
}

/// The first thing that a client says.
fn hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut raw = Raw::new(listener.local_addr().unwrap(), &Arc::new(config(rustls::ALL_VERSIONS)));
    raw.records(b"")
}

#[test]
fn http_without_tls_is_told_so_once() {
    let (server, _) = echo();
    for request in ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /primus HTTP/1.1\r\n", "G"] {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let answer = String::from_utf8(rest(&stream)).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert!(answer.contains("Connection: close\r\n") && answer.contains("https"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1);
    }
    still_serves(&server);
}

/// It got a 503 in clear, which a client takes for a server that speaks no TLS.
#[test]
fn who_comes_when_there_is_no_room_is_refused_with_an_alert() {
    let server = Server::echo(limited(|limits| limits.connections = Some(1)).tls(tls()));
    let mut kept = Raw::open(server.addr);
    let stream = TcpStream::connect(server.addr).unwrap();
    assert_eq!(rest(&stream), b"\x15\x03\x03\x00\x02\x02\x50");
    kept.send(&masked(FIN | TEXT, b"1"));
    assert_eq!(kept.text(), "1");
}

#[test]
fn garbage_is_refused_with_an_alert() {
    let (server, _) = echo();
    for bytes in [
        &b"\x16\x03\x01\xff\xff"[..],
        b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
        b"\0\0\0\0\0\0\0\0",
        b"\x80\x2e\x01\x03\x01\x00",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"\x17\x03\x03\x00\x01x",
    ] {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(bytes).unwrap();
        let answer = rest(&stream);
        let alerted = answer.first() == Some(&0x15);
        // An alert is not answered by one.
        assert!(alerted || bytes[0] == 0x15, "{bytes:?}: {answer:?}");
    }
    still_serves(&server);
}

#[test]
fn a_handshake_has_the_time_of_the_head() {
    const HEAD: Duration = Duration::from_secs(1);
    let server = Server::echo(limited(|limits| limits.head_timeout = HEAD).tls(tls()));
    let hello = hello();
    let half = hello.len() / 2;
    for pause in [None, Some(Duration::from_millis(20))] {
        let begin = Instant::now();
        let mut stream = TcpStream::connect(server.addr).unwrap();
        match pause {
            None => stream.write_all(&hello[..half]).unwrap(),
            Some(pause) => {
                for byte in &hello {
                    if stream.write_all(&[*byte]).is_err() || begin.elapsed() > 4 * HEAD {
                        break;
                    }
                    crate::common::pause(pause);
                }
            }
        }
        rest(&stream);
        let took = begin.elapsed();
        assert!(took >= HEAD && took < PATIENCE / 2, "{took:?}");
    }
    // So has one who shakes hands and then says nothing.
    let mut raw = Raw::shaken(server.addr);
    raw.send(b"GET /");
    let answer = raw.read_until(b"\r\n\r\n");
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn a_handshake_cut_at_any_byte_disturbs_nobody() {
    let (server, _) = echo();
    let hello = hello();
    for end in 0..hello.len() {
        let mut stream = TcpStream::connect(server.addr).unwrap();
        stream.write_all(&hello[..end]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert!(rest(&stream).len() < 100);
    }
    still_serves(&server);
    wait_for("sparks", 0, || server.primus.connected());
}

/// The stream ends somewhere in a record: the part is not heard, and the spark is told
/// why.
#[test]
fn a_record_cut_at_any_byte_is_an_end_that_is_told() {
    let (server, ends) = echo();
    let mut end = 0;
    loop {
        let mut raw = Raw::open(server.addr);
        let records = raw.records(&masked(FIN | TEXT, b"\"whole\""));
        if end == records.len() {
            break;
        }
        raw.tcp.write_all(&records[..end]).unwrap();
        raw.tcp.shutdown(Shutdown::Write).unwrap();
        let reason = ends.recv_timeout(PATIENCE).unwrap();
        assert_eq!(reason.by, Ended::Lost);
        assert!(reason.text.contains("close_notify"), "{}", reason.text);
        end += 1;
    }
    still_serves(&server);
}

#[test]
fn a_peer_that_is_cut_after_its_close_frame_has_ended_in_order() {
    let (server, ends) = echo();
    let mut raw = Raw::open(server.addr);
    raw.send(&masked(FIN | CLOSE, &1000u16.to_be_bytes()));
    raw.tcp.shutdown(Shutdown::Write).unwrap();
    let reason = ends.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.code), (Ended::Remote, 1000), "{reason:?}");
    let mut raw = Raw::open(server.addr);
    raw.tls.send_close_notify();
    raw.send(b"");
    let reason = ends.recv_timeout(PATIENCE).unwrap();
    assert_eq!((reason.by, reason.text.as_str()), (Ended::Lost, "end of stream"));
}

#[test]
fn broken_records_end_the_connection_and_no_other() {
    let (server, ends) = echo();
    let mut beside = Raw::open(server.addr);
    for bytes in [
        // Longer than any record; not encrypted so; an alert in clear; a handshake anew.
        &b"\x17\x03\x03\xff\xff"[..],
        b"\x17\x03\x03\x00\x20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        b"\x15\x03\x03\x00\x02\x02\x28",
        &hello(),
    ] {
        let mut raw = Raw::open(server.addr);
        raw.tcp.write_all(bytes).unwrap();
        let reason = ends.recv_timeout(PATIENCE).unwrap();
        assert_eq!(reason.by, Ended::Lost, "{reason:?}");
        assert!(reason.text.contains("TLS"), "{}", reason.text);
        rest(&raw.tcp);
    }
    // One that was altered on its way.
    let mut raw = Raw::open(server.addr);
    let mut records = raw.records(&masked(FIN | TEXT, b"1"));
    *records.last_mut().unwrap() ^= 1;
    raw.tcp.write_all(&records).unwrap();
    assert_eq!(ends.recv_timeout(PATIENCE).unwrap().by, Ended::Lost);
    beside.send(&masked(FIN | TEXT, b"1"));
    assert_eq!(beside.text(), "1");
}

/// Records that come in parts, and those that hold nothing to be read: new keys, and
/// empty ones.
#[test]
fn what_holds_nothing_to_be_read_is_no_message_and_no_end() {
    let (server, _) = echo();
    let mut raw = Raw::open(server.addr);
    for number in 0..20 {
        raw.tls.refresh_traffic_keys().unwrap();
        raw.send(b"");
        let records = raw.records(&masked(FIN | TEXT, format!("{number}").as_bytes()));
        let (first, last) = records.split_at(number % records.len());
        raw.tcp.write_all(first).unwrap();
        crate::common::pause(Duration::from_millis(number as u64 % 3));
        raw.tcp.write_all(last).unwrap();
        assert_eq!(raw.text(), number.to_string());
    }
}

/// The same between the requests of one who polls, on a connection that rests.
#[test]
fn a_request_may_come_in_parts_of_records_however_long_they_take() {
    let (server, _) = echo();
    let mut raw = Raw::shaken(server.addr);
    // In one piece, at once, and after the connection has no thread any more.
    for (at, pause) in [(0, 0), (1, 50), (7, 50), (30, 50), (7, 700), (30, 700)] {
        let records = raw.records(b"GET /primus/spec HTTP/1.1\r\nHost: x\r\n\r\n");
        raw.tcp.write_all(&records[..at]).unwrap();
        crate::common::pause(Duration::from_millis(pause));
        if pause > 0 && raw.tls.protocol_version() == Some(rustls::ProtocolVersion::TLSv1_3) {
            crate::common::pause(Duration::from_millis(pause));
        }
        raw.tcp.write_all(&records[at..]).unwrap();
        raw.read_until(b"}");
        raw.tls.refresh_traffic_keys().unwrap();
        raw.send(b"");
        crate::common::pause(Duration::from_millis(pause));
    }
}

/// What a client says of a server that begins so.
fn client_error(serve: impl FnOnce(TcpStream) + Send + 'static) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || serve(listener.accept().unwrap().0));
    let error = client(addr).timeout(Duration::from_millis(500)).connect().unwrap_err();
    thread.join().unwrap();
    error
}

#[test]
fn a_client_tells_what_kind_of_server_that_is() {
    let says = |bytes: &'static [u8]| {
        client_error(move |mut stream| {
            stream.write_all(bytes).unwrap();
            let _ = stream.shutdown(Shutdown::Write);
            rest(&stream);
        })
    };
    let problem = |error: &Error| error.tls().map(|tls| tls.problem());
    let error = says(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(problem(&error), Some(TlsProblem::NotTls), "{error}");
    let error = says(b"\x15\x03\x03\x00\x02\x02\x28");
    assert_eq!(problem(&error), Some(TlsProblem::Refused), "{error}");
    let error = says(b"");
    assert_eq!(problem(&error), Some(TlsProblem::Cut), "{error}");
    let error = says(b"\x16\x03\x03\x00\x04\x02\x00\x00\x00");
    assert_eq!(problem(&error), Some(TlsProblem::Protocol), "{error}");
    let error = client_error(|stream| drop(rest(&stream)));
    assert!(matches!(error, Error::Timeout(_)), "{error}");
}
