//! What comes over the wire, good and bad.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use primus::{Client, Error, Written};

use crate::server::{CLOSE, Log, PING, PONG, Peer, SOON, Server, TEXT, frame};

fn connected(server: &Server) -> (Client, Log, Peer) {
    let client = server.client().strategy("off").manual(true).build().unwrap();
    let log = Log::of(&client);
    client.open().unwrap();
    let peer = server.accept();
    log.expect(&["open"]);
    (client, log, peer)
}

#[test]
fn frames_behind_the_101_are_kept() {
    let server = Server::new();
    let client = server.client().strategy("off").build().unwrap();
    let mut peer = server.request();
    let mut bytes = peer.switching().into_bytes();
    bytes.extend(frame(TEXT, b"1"));
    bytes.extend(frame(TEXT, b"\"primus::ping::9\""));
    bytes.extend(frame(TEXT, b"2"));
    peer.send(&bytes);
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1);
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 2);
    assert_eq!(peer.read_text(), "\"primus::pong::9\"");
}

#[test]
fn everything_in_one_segment() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.request();
    let mut bytes = peer.switching().into_bytes();
    bytes.extend(frame(TEXT, b"\"only\""));
    bytes.extend(frame(TEXT, b"\"primus::server::close\""));
    bytes.extend(frame(CLOSE, b""));
    peer.send(&bytes);
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("only"));
    log.expect(&["open", "close 1005", "end"]);
    assert_eq!(peer.read_close(), None);
    peer.read_end();
}

#[test]
fn the_answer_may_come_byte_by_byte() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let mut peer = server.request();
    let mut bytes = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    bytes.extend(peer.switching().into_bytes());
    bytes.extend(frame(TEXT, "\"é\"".as_bytes()));
    for byte in bytes {
        peer.send(&[byte]);
    }
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("é"));
}

#[test]
fn fragments_pings_and_pongs() {
    let server = Server::new();
    let (client, log, mut peer) = connected(&server);
    peer.send(&[0x01, 2, b'"', b'a']);
    peer.send(&frame(PING, b"are you there"));
    peer.send(&frame(PONG, b""));
    peer.send(&[0x00, 0]);
    peer.send(&[0x80, 2, b'b', b'"']);
    assert_eq!(peer.frame(), (PONG, b"are you there".to_vec()));
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("ab"));
    assert!(log.is_empty());
}

#[test]
fn a_message_that_does_not_parse_is_an_error_only() {
    let server = Server::new();
    let (client, log, mut peer) = connected(&server);
    peer.text("{");
    peer.text("");
    peer.text("1");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1);
    assert!(log.next().starts_with("error: json parser"));
    assert!(log.next().starts_with("error: json parser"));
    assert!(log.is_empty());
}

#[test]
fn messages_of_primus_form_that_are_not_its_own_are_data() {
    let server = Server::new();
    let (client, _log, mut peer) = connected(&server);
    for text in ["primus::", "primus::pong::1", "primus::other::x", "primus:"] {
        peer.text(&format!("\"{text}\""));
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some(text));
    }
    peer.text("\"primus::server::other\"");
    peer.text("1");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1);
}

/// What a server must not send, the code that answers it, and a word of the
/// error.
#[test]
fn breaches_of_the_protocol() {
    let masked = [0x81, 0x81, 1, 2, 3, 4, b'1' ^ 1];
    let breaches: [(&[u8], u16, &str); 7] = [
        (&masked, 1002, "mask"),
        (&[0x83, 0], 1002, "opcode"),
        (&[0xc1, 1, b'1'], 1002, "reserved bits"),
        (&[0x80, 0], 1002, "continuation"),
        (&[0x89, 126, 0, 126], 1002, "control"),
        (&[0x81, 2, 0xc3, 0x28], 1007, "UTF-8"),
        (&[0x81, 127, 0, 0, 0, 0, 0xff, 0, 0, 0], 1009, "limit"),
    ];
    for (bytes, code, word) in breaches {
        let server = Server::new();
        let (client, log, mut peer) = connected(&server);
        peer.send(bytes);
        let error = log.next();
        assert!(error.starts_with("error: ") && error.contains(word), "{error}");
        log.expect(&[&format!("close {code}"), "end"]);
        assert_eq!(peer.read_close(), Some(code));
        assert_eq!(client.close_reason().unwrap().code, code);
    }
}

#[test]
fn max_length_is_inclusive() {
    let server = Server::new();
    let client = server.client().max_length(5).strategy("off").build().unwrap();
    let mut peer = server.accept();
    peer.text("12345");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u32>().unwrap(), 12345);
    peer.text("123456");
    assert_eq!(peer.read_close(), Some(1009));
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.code == 1009));
}

#[test]
fn a_close_frame_is_echoed() {
    let server = Server::new();
    let (client, log, mut peer) = connected(&server);
    peer.send(&frame(CLOSE, &[0x03, 0xf3, b'b', b'y', b'e']));
    assert_eq!(peer.read_close(), Some(1011));
    log.expect(&["close 1011", "end"]);
    peer.read_end();
    assert_eq!(client.close_reason().unwrap().text, "bye");
}

#[test]
fn an_abrupt_end_is_a_close() {
    let server = Server::new();
    let (_client, log, peer) = connected(&server);
    peer.stream.shutdown(Shutdown::Both).unwrap();
    log.expect(&["close 1006", "end"]);
}

#[test]
fn a_flood_of_pings_is_cut() {
    let server = Server::new();
    let (_client, log, mut peer) = connected(&server);
    let mut reader = Peer { stream: peer.stream.try_clone().unwrap(), head: String::new() };
    let flood = thread::spawn(move || {
        let pings = frame(PING, b"").repeat(3_000);
        // It may be cut off in the midst of it.
        while std::io::Write::write_all(&mut peer.stream, &pings).is_ok() {}
    });
    assert_eq!(log.next(), "error: protocol error: too many pings");
    let mut last = (PONG, Vec::new());
    while last.0 == PONG {
        last = reader.frame();
    }
    assert_eq!(last, (CLOSE, [&1008u16.to_be_bytes()[..], b"too many pings"].concat()));
    reader.stream.shutdown(Shutdown::Both).unwrap();
    flood.join().unwrap();
}

#[test]
fn a_large_message_both_ways() {
    let server = Server::new();
    let (client, _log, mut peer) = connected(&server);
    let text = "é".repeat(1 << 20);
    let (writer, expected) = (client.clone(), format!("\"{text}\""));
    let writing = thread::spawn(move || writer.write(&text).unwrap());
    assert_eq!(peer.read_text(), expected);
    peer.text(&expected);
    let message = client.recv_timeout(SOON).unwrap();
    assert_eq!(message.frame().as_text(), Some(expected.as_str()));
    assert_eq!(writing.join().unwrap(), Written::Sent);
}

/// Writes until the socket is full; the thread ends with the write's error.
fn blocked_writer(client: &Client) -> thread::JoinHandle<Error> {
    let writer = client.clone();
    thread::spawn(move || {
        let filler = "x".repeat(1 << 20);
        loop {
            if let Err(error) = writer.write(&filler) {
                return error;
            }
        }
    })
}

#[test]
fn a_blocked_writer_does_not_keep_the_reader() {
    let server = Server::new();
    let (client, log, mut peer) = connected(&server);
    let writer = blocked_writer(&client);
    for n in 0..2_000 {
        peer.text(&n.to_string());
        peer.text("\"primus::ping::1\"");
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u32>().unwrap(), n);
    }
    client.end();
    log.expect(&["close 1000", "end"]);
    drop(peer);
    writer.join().unwrap();
}

#[test]
fn end_frees_a_blocked_writer() {
    let server = Server::new();
    let client = server.client().close_timeout(Duration::from_millis(50)).build().unwrap();
    let peer = server.accept();
    client.wait_open(SOON).unwrap();
    let writer = blocked_writer(&client);
    client.end();
    assert!(client.wait_end(SOON));
    writer.join().unwrap();
    drop(peer);
}

#[test]
fn a_lost_heartbeat_frees_a_blocked_writer() {
    let server = Server::new();
    let client = server.client().ping_timeout(Duration::from_millis(200)).strategy("off");
    let client = client.build().unwrap();
    let log = Log::of(&client);
    let peer = server.accept();
    let writer = blocked_writer(&client);
    log.expect(&["open", "offline", "close 1006", "end"]);
    writer.join().unwrap();
    drop(peer);
}

#[test]
fn a_listener_may_write_more_than_the_server_reads() {
    let server = Server::new();
    let client = server
        .client()
        .build_with(|client| {
            client.on_data(|client, message| client.write_frame(message.frame()));
        })
        .unwrap();
    let mut peer = server.accept();
    let text = format!("\"{}\"", "x".repeat(16 << 10));
    // More than the sockets' buffers hold, less than listeners may write ahead
    // beyond them: nothing is read before everything is sent.
    for _ in 0..60 {
        peer.text(&text);
    }
    for _ in 0..60 {
        assert_eq!(peer.read_text(), text);
    }
    drop(client);
}
