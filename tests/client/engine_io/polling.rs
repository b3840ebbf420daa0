//! Polls, POSTs and heartbeats.

use std::time::Duration;

use primus::Client;

use super::server::{OPEN, Server};
use crate::server::{Log, SOON};

#[test]
fn requests_look_like_those_of_javascript() {
    let server = Server::new();
    let client = server.client().transport("upgrade", "false").header("X-Mine", "yes");
    let client = client.header("Content-Type", "x/y").pathname("/live/");
    let (client, poll) = {
        let client = client.build().unwrap();
        let handshake = server.get();
        assert!(handshake.target().starts_with("/live/?_primuscb="), "{}", handshake.head);
        assert_eq!(handshake.names(), ["_primuscb", "EIO", "transport", "t", "b64"]);
        assert!(handshake.target().contains("&EIO=4&transport=polling&t="));
        assert!(handshake.target().ends_with("&b64=1"));
        assert_eq!(handshake.header("x-mine"), Some("yes"));
        handshake.answer(OPEN);
        (client, server.get())
    };
    assert_eq!(poll.names(), ["_primuscb", "EIO", "transport", "t", "b64", "sid"]);
    assert!(poll.target().ends_with("&sid=s%2F1"), "{}", poll.head);
    assert_eq!(poll.header("x-mine"), Some("yes"));
    client.write(&"é").unwrap();
    let post = server.post();
    assert_eq!(post.names(), poll.names());
    assert_eq!(post.header("content-type"), Some("text/plain;charset=UTF-8"));
    assert_eq!(post.header("content-length"), Some("5"));
    assert_eq!(post.header("x-mine"), Some("yes"));
    assert_eq!(post.body, "4\"é\"");
    let query = |target: &str, name: &str| {
        let pair = target.split(['?', '&']).find(|pair| pair.starts_with(name)).unwrap();
        pair.to_owned()
    };
    let same = |name| query(poll.target(), name) == query(post.target(), name);
    assert!(same("_primuscb="));
    assert!(!same("t="));
    post.answer("ok");
    poll.answer("2");
    assert_eq!(server.post().body, "3");
}

#[test]
fn the_query_of_the_application_comes_first() {
    let server = Server::new();
    let client = server
        .client()
        .build_with(|client| {
            client.on_outgoing_url(|_, url| url.set_query("token", "a b"));
        })
        .unwrap();
    let handshake = server.get();
    assert_eq!(handshake.names(), ["_primuscb", "token", "EIO", "transport", "t", "b64"]);
    assert!(handshake.target().contains("&token=a%20b&"));
    drop(client);
}

#[test]
fn the_query_of_the_application_does_not_replace_that_of_the_protocol() {
    let server = Server::new();
    let client = server
        .client()
        .build_with(|client| {
            client.on_outgoing_url(|_, url| {
                for name in ["EIO", "sid", "transport", "j", "b64", "t"] {
                    url.set_query(name, "mine");
                }
            });
        })
        .unwrap();
    let handshake = server.get();
    assert_eq!(handshake.names(), ["_primuscb", "EIO", "transport", "t", "b64"]);
    assert!(!handshake.target().contains("mine"));
    drop(client);
}

#[test]
fn messages_both_ways() {
    let server = Server::new();
    let (client, poll) = server.polled();
    poll.answer("41\x1e4\"two\"\x1e4{\"a\":3}");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1);
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("two"));
    assert_eq!(client.recv_timeout(SOON).unwrap().frame().as_text(), Some("{\"a\":3}"));
    let poll = server.get();
    poll.answer("6");
    server.get().answer("4\"primus::ping::7\"");
    assert_eq!(server.post().body, "4\"primus::pong::7\"");
}

#[test]
fn messages_behind_the_open_packet() {
    let server = Server::new();
    let client = server.client().transport("transports", "polling").build().unwrap();
    server.get().answer(&format!("{OPEN}\x1e4\"early\"\x1e2"));
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("early"));
    assert_eq!(server.post().body, "3");
    server.get();
}

/// Each POST waits for the answer to the one before it, and takes everything
/// that was written meanwhile.
#[test]
fn writes_are_sent_together_while_a_post_is_under_way() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    client.write(&0).unwrap();
    let first = server.post();
    assert_eq!(first.body, "40");
    for n in 1..=5 {
        client.write(&n).unwrap();
    }
    assert!(server.is_silent());
    first.answer("ok");
    let second = server.post();
    assert_eq!(second.body, "41\x1e42\x1e43\x1e44\x1e45");
    assert_eq!(second.connection, first.connection);
    second.answer("ok");
    assert!(server.is_silent());
}

#[test]
fn what_was_queued_before_the_opening_goes_first() {
    let server = Server::new();
    let client = server.client().transport("transports", "polling").build().unwrap();
    client.write(&1).unwrap();
    client.write(&2).unwrap();
    client.request_id(|_| ()).unwrap();
    server.get().answer(OPEN);
    let first = server.post();
    first.answer("ok");
    let mut bodies = first.body.clone();
    if !bodies.contains("::id::") {
        bodies = format!("{bodies}\x1e{}", server.post().body);
    }
    assert_eq!(bodies, "41\x1e42\x1e4\"primus::id::\"");
}

#[test]
fn max_payload_is_respected() {
    let server = Server::new();
    let client = server.client().transport("transports", "polling").build().unwrap();
    server.get().answer(&OPEN.replace('}', ",\"maxPayload\":8}"));
    client.wait_open(SOON).unwrap();
    let _poll = server.get();
    client.write(&0).unwrap();
    let first = server.post();
    // 2 + 1 + 2 + 1 + 2 bytes, and one more than that.
    for text in ["1", "2", "3", "44", "5", "6", "123456789", "7"] {
        client.write_frame(&primus::Frame::text(text)).unwrap();
    }
    first.answer("ok");
    for expected in ["41\x1e42\x1e43", "444\x1e45", "46", "4123456789", "47"] {
        let post = server.post();
        assert_eq!(post.body, expected);
        post.answer("ok");
    }
    assert!(server.is_silent());
}

#[test]
fn heartbeats_of_revision_4() {
    let server = Server::new();
    let (_client, poll) = server.polled();
    poll.answer("2");
    let poll = server.get();
    let pong = server.post();
    assert_eq!(pong.body, "3");
    // However many there are, one answer waits at a time.
    poll.answer(&["2"; 1_000].join("\x1e"));
    let _poll = server.get();
    pong.answer("ok");
    let pong = server.post();
    assert_eq!(pong.body, "3");
    pong.answer("ok");
    assert!(server.is_silent());
}

/// A client whose heartbeat is quick, with its session open.
fn beating(server: &Server, revision: &str) -> Client {
    let client = server.client().transport("protocol", revision).strategy("off");
    let client = client.transport("transports", "polling").build().unwrap();
    let open = r#"0{"sid":"a","pingInterval":200,"pingTimeout":1000}"#;
    let framed = if revision == "3" { format!("{}:{open}", open.len()) } else { open.to_owned() };
    server.get().answer(&framed);
    client.wait_open(SOON).unwrap();
    client
}

#[test]
fn a_server_that_does_not_ping_is_left() {
    let server = Server::new();
    let client = beating(&server, "4");
    let log = Log::of(&client);
    let poll = server.get();
    poll.answer("2");
    log.expect(&["close 1006", "end"]);
    assert_eq!(client.close_reason().unwrap().by, primus::Ended::Heartbeat);
}

#[test]
fn heartbeats_of_revision_3() {
    let server = Server::new();
    let client = beating(&server, "3");
    let log = Log::of(&client);
    for _ in 0..3 {
        let ping = server.post();
        assert_eq!(ping.body, "1:2");
        ping.answer("ok");
        server.get().answer("1:3");
    }
    assert_eq!(server.post().body, "1:2");
    log.expect(&["close 1006", "end"]);
    assert_eq!(client.close_reason().unwrap().by, primus::Ended::Heartbeat);
}

#[test]
fn revision_3_counts_its_packets() {
    let server = Server::new();
    let client = server.client().transport("EIO", "3").transport("upgrade", "false");
    let client = client.build().unwrap();
    let handshake = server.get();
    assert!(handshake.target().contains("&EIO=3&"));
    handshake.answer(&format!("{}:{OPEN}7:4\"é😀\"", OPEN.len()).replace("7:", "6:"));
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("é😀"));
    client.write(&"😀").unwrap();
    let post = server.post();
    assert_eq!(post.body, "5:4\"😀\"");
    client.write(&1).unwrap();
    client.write(&"€").unwrap();
    post.answer("ok");
    assert_eq!(server.post().body, "2:414:4\"€\"");
}

#[test]
fn engine_io_1_encodes_twice() {
    let server = Server::new();
    let client = server.client().transport("protocol", "3").transport("doubleEncoding", "true");
    let client = client.transport("upgrade", "false").build().unwrap();
    server.get().answer(&format!("{}:{OPEN}5:4\"Ã©\"", OPEN.len()));
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("é"));
    client.write(&"é").unwrap();
    assert_eq!(server.post().body, "5:4\"Ã©\"");
}

#[test]
fn the_id_is_asked_for() {
    let server = Server::new();
    let (client, poll) = server.polled();
    let asking = std::thread::spawn(move || client.id(SOON).unwrap());
    let ask = server.post();
    assert_eq!(ask.body, "4\"primus::id::\"");
    ask.answer("ok");
    poll.answer("4\"primus::id::mine\"");
    assert_eq!(asking.join().unwrap(), "mine");
}

/// What came before the end is delivered, however full the inbox is then.
#[test]
fn a_full_inbox_loses_nothing_at_the_end() {
    let server = Server::new();
    let client = server.client().inbox(10).transport("transports", "polling").strategy("off");
    let (client, poll) = server.open(client);
    let log = Log::of(&client);
    let mut packets: Vec<String> = (0..20).map(|n| format!("4{n}")).collect();
    packets.push("1".into());
    poll.answer(&packets.join("\x1e"));
    for n in 0..20 {
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u32>().unwrap(), n);
    }
    log.expect(&["close 1005", "end"]);
}

/// Nobody waits for the time-out to be told of it.
#[test]
fn a_handshake_that_is_too_long_is_refused() {
    let server = Server::new();
    let client = server.client().timeout(SOON * 10).strategy("off").build().unwrap();
    let log = Log::of(&client);
    let sid = "x".repeat(20 << 10);
    server.get().answer(&format!(
        r#"0{{"sid":"{sid}","upgrades":[],"pingInterval":25000,"pingTimeout":20000}}"#
    ));
    let error = log.next();
    assert!(error.contains("handshake: too long"), "{error}");
}

/// A client that is not read by its application reads no further itself.
#[test]
fn a_full_inbox_keeps_polls_waiting() {
    let server = Server::new();
    let client = server.client().inbox(1_000).transport("transports", "polling").strategy("off");
    let (client, poll) = server.open(client);
    let one = format!("4\"{}\"", "x".repeat(100));
    poll.answer(&[one.as_str(); 50].join("\x1e"));
    // What was read together is kept together.
    let poll = server.get();
    poll.answer("4\"last\"");
    assert!(server.is_silent(), "the next poll waits for the application");
    client.write(&1).unwrap();
    let post = server.post();
    assert_eq!(post.body, "41");
    post.answer("ok");
    client.write(&2).unwrap();
    assert_eq!(server.post().body, "42", "writing goes on");
    for _ in 0..50 {
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str().map(str::len), Some(100));
    }
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("last"));
    server.get();
    assert!(client.recv_timeout(Duration::from_millis(1)).is_err());
}
