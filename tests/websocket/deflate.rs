//! permessage-deflate (RFC 7692) over sockets, in the manner of Autobahn's cases 12
//! and 13: with a raw client, and with the crate's own.

use std::time::Duration;

use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress};
use primus::{Builder, Client, Compression, Limits, Primus, SlowConsumer};

use super::{echo, echo_with};
use crate::common::engine_io as engine;
use crate::common::*;

/// The first reserved bit.
const RSV1: u8 = 0x40;

fn on() -> Builder {
    Primus::builder().compression(true)
}

/// Connects with these offers; the answer to them.
fn shaken(server: &Server, offers: &str) -> (Peer, Option<String>) {
    let mut peer = server.connect();
    peer.send(&upgrade("/primus", &format!("Sec-WebSocket-Extensions: {offers}\r\n")));
    let head = peer.read_head();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    let answer = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Extensions: "));
    (peer, answer.map(str::to_owned))
}

fn deflating(server: &Server) -> Peer {
    let (peer, answer) = shaken(server, "permessage-deflate; client_max_window_bits");
    let said = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(answer.as_deref(), Some(said));
    peer
}

/// A client's or a server's memory of what was sent one way.
struct Context(Compress, Decompress);

impl Context {
    fn new() -> Self {
        Context(Compress::new(Level::new(6), false), Decompress::new(false))
    }

    fn pack(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + 1000);
        self.0.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
        assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
        out.truncate(out.len() - 4);
        out
    }

    fn unpack(&mut self, bytes: &[u8]) -> Vec<u8> {
        let bytes = [bytes, &[0, 0, 0xff, 0xff]].concat();
        let mut out = Vec::with_capacity(4 << 20);
        self.1.decompress_vec(&bytes, &mut out, FlushDecompress::Sync).unwrap();
        out
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    Context::new().pack(bytes)
}

fn text(length: usize) -> String {
    let mut all = String::from("\"");
    (0..)
        .take_while(|n: &usize| {
            all += &format!("item {n} of {length}, ");
            all.len() < length - 1
        })
        .for_each(drop);
    all.truncate(length - 1);
    all + "\""
}

#[test]
fn messages_from_the_threshold_on_are_compressed_and_others_are_not() {
    let (server, _) = echo_with(on());
    let mut peer = deflating(&server);
    let long = text(3000);
    for _ in 0..3 {
        peer.frame(FIN | RSV1 | TEXT, &packed(long.as_bytes()));
        let frame = peer.expect_frame();
        assert_eq!(frame.head, FIN | RSV1 | TEXT);
        assert!(frame.payload.len() < 1000);
        assert_eq!(Context::new().unpack(&frame.payload), long.as_bytes());
        // A short one, compressed or not, comes back as it is.
        peer.frame(FIN | RSV1 | TEXT, &packed(b"\"short\""));
        assert_eq!(peer.expect_text(), "\"short\"");
        peer.text("\"plain\"");
        assert_eq!(peer.expect_text(), "\"plain\"");
        peer.text(&text(1023));
        assert_eq!(peer.expect_text(), text(1023));
        peer.text(&text(1024));
        assert_eq!(peer.expect_frame().head, FIN | RSV1 | TEXT);
    }
    // In fragments, with a ping between them.
    let bytes = packed(long.as_bytes());
    let (front, back) = bytes.split_at(bytes.len() / 2);
    peer.frame(RSV1 | TEXT, front);
    peer.frame(FIN | PING, b"between");
    let pong = peer.expect_frame();
    assert_eq!((pong.head, &*pong.payload), (FIN | PONG, &b"between"[..]));
    for byte in back {
        peer.frame(CONTINUATION, &[*byte]);
    }
    peer.frame(FIN | CONTINUATION, b"");
    assert_eq!(Context::new().unpack(&peer.expect_frame().payload), long.as_bytes());
    // A client that offers nothing gets nothing compressed.
    let mut plain = server.open();
    plain.text(&long);
    assert_eq!(plain.expect_text(), long);
    peer.close();
}

#[test]
fn an_offer_that_cannot_be_taken_is_declined_and_the_connection_goes_on() {
    let (server, _) = echo_with(on());
    for offers in [
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; who_knows",
        "permessage-bzip2",
        "permessage-deflate; client_max_window_bits=\"",
    ] {
        let (mut peer, answer) = shaken(&server, offers);
        assert_eq!(answer, None, "{offers}");
        peer.text(&text(2000));
        assert_eq!(peer.expect_text(), text(2000));
        peer.frame(FIN | RSV1 | TEXT, &packed(b"1"));
        peer.expect_close(Some(1002));
    }
    // Two lines of one header are one list.
    let lines = "x-foo\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9";
    let (mut peer, answer) = shaken(&server, lines);
    let said = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                server_max_window_bits=9";
    assert_eq!(answer.as_deref(), Some(said));
    peer.text(&text(100_000));
    let frame = peer.expect_frame();
    assert_eq!(frame.head, FIN | RSV1 | TEXT);
    assert_eq!(Context::new().unpack(&frame.payload), text(100_000).as_bytes());
}

#[test]
fn a_broadcast_is_the_same_bytes_for_all_with_the_same_parameters() {
    let (server, _) = echo_with(on());
    let mut peers: Vec<_> = (0..3).map(|_| deflating(&server)).collect();
    let (narrow, _) = shaken(&server, "permessage-deflate; server_max_window_bits=10");
    peers.push(narrow);
    let mut plain = server.open();
    wait_for("sparks", 5, || server.primus.connected());
    let long = text(100_000);
    let value: String = serde_json::from_str(&long).unwrap();
    server.primus.write(&value).unwrap();
    assert_eq!(plain.expect_text(), long);
    let frames: Vec<_> = peers.iter_mut().map(Peer::expect_frame).collect();
    assert!(frames[0] == frames[1] && frames[1] == frames[2] && frames[3] != frames[0]);
    for frame in frames {
        assert_eq!(frame.head, FIN | RSV1 | TEXT);
        assert_eq!(Context::new().unpack(&frame.payload), long.as_bytes());
    }
}

#[test]
fn contexts_are_kept_where_both_sides_want_them() {
    let takeover =
        Compression::default().server_context_takeover(true).client_context_takeover(true);
    let (server, _) = echo_with(Primus::builder().compression(takeover));
    let (mut peer, answer) = shaken(&server, "permessage-deflate");
    assert_eq!(answer.as_deref(), Some("permessage-deflate"));
    let (mut sent, mut got) = (Context::new(), Context::new());
    let long = text(3000);
    let mut lengths = Vec::new();
    for _ in 0..3 {
        peer.frame(FIN | RSV1 | TEXT, &sent.pack(long.as_bytes()));
        // What is not compressed in between is not part of the context.
        peer.text("\"plain\"");
        let frame = peer.expect_frame();
        assert_eq!(got.unpack(&frame.payload), long.as_bytes());
        lengths.push(frame.payload.len());
        assert_eq!(peer.expect_text(), "\"plain\"");
        let value: String = serde_json::from_str(&long).unwrap();
        server.primus.write(&value).unwrap();
        assert_eq!(got.unpack(&peer.expect_frame().payload), long.as_bytes());
    }
    assert!(lengths[1] * 5 < lengths[0], "{lengths:?}");
    // One that does not want them has none, beside it.
    let (mut other, answer) = shaken(&server, "permessage-deflate; server_no_context_takeover");
    assert_eq!(answer.as_deref(), Some("permessage-deflate; server_no_context_takeover"));
    for _ in 0..2 {
        other.text(&long);
        assert_eq!(Context::new().unpack(&other.expect_frame().payload), long.as_bytes());
    }
    peer.close();
}

#[test]
fn bad_input_ends_its_connection_with_the_code_that_names_it() {
    let (server, _) = echo_with(on().max_length(100_000));
    let bystander = &mut deflating(&server);
    let bomb = packed(&vec![b' '; 3 << 20]);
    assert!(bomb.len() < 5000);
    let nested = packed(&bomb.repeat(3));
    let referring = {
        let mut context = Context::new();
        context.pack(text(3000).as_bytes());
        context.pack(text(3000).as_bytes())
    };
    let frame = |payload: &[u8]| masked(FIN | RSV1 | BINARY, payload);
    for (name, bytes, code) in [
        ("a bomb", frame(&bomb), 1009),
        ("a byte too much", frame(&packed(&vec![7; 100_001])), 1009),
        ("a declared length", declared(FIN | RSV1 | BINARY, 0x80, 1 << 40), 1009),
        ("invalid block", frame(&[0x07, 0x00]), 1007),
        ("lengths that differ", frame(&[0x00, 1, 0, 1, 0, 0]), 1007),
        ("cut short", frame(&packed(text(3000).as_bytes())[..300]), 1007),
        ("a context that is not kept", frame(&referring), 1007),
        ("not UTF-8", masked(FIN | RSV1 | TEXT, &packed(b"\xff\xfe")), 1007),
        ("half of a character", masked(FIN | RSV1 | TEXT, &packed(b"\xe2\x82")), 1007),
        ("a compressed ping", masked(FIN | RSV1 | PING, b""), 1002),
        (
            "a compressed continuation",
            [masked(RSV1 | TEXT, b""), masked(FIN | RSV1 | CONTINUATION, b"")].concat(),
            1002,
        ),
        ("the second bit", masked(FIN | 0x20 | TEXT, b"1"), 1002),
        ("both bits", masked(FIN | 0x60 | TEXT, &packed(b"1")), 1002),
    ] {
        let mut peer = deflating(&server);
        peer.send(&bytes);
        let before = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            peer.expect_close(Some(code))
        }));
        assert!(before.is_ok_and(|before| before.is_empty()), "{name}");
    }
    // Within the bound a bomb is a message: the compressed one inside it.
    let mut peer = deflating(&server);
    peer.frame(FIN | RSV1 | BINARY, &nested);
    assert_eq!(peer.expect_frame().opcode(), BINARY);
    // Empty blocks for ever.
    let mut peer = deflating(&server);
    let blocks = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(8_000);
    peer.frame(RSV1 | BINARY, &blocks);
    for _ in 0..3 {
        let _ = peer.try_send(&masked(CONTINUATION, &blocks));
    }
    peer.expect_close(Some(1009));
    bystander.text(&text(2000));
    assert_eq!(bystander.expect_frame().head, FIN | RSV1 | TEXT);
}

/// All that a client may be, against all that a server may be.
#[test]
fn every_pair_of_ends_understands_each_other() {
    let base = Compression::default();
    let all = [
        base.clone(),
        base.clone().server_context_takeover(true).client_context_takeover(true),
        base.clone().server_context_takeover(true).threshold(0),
        base.clone().client_context_takeover(true).level(1).client_max_window_bits(9),
        base.server_max_window_bits(10).threshold(100),
        Compression::from(false),
    ];
    for transformer in ["websockets", "engine.io", "sockjs"] {
        for ours in &all {
            let builder = Primus::builder().transformer(transformer).compression(ours.clone());
            let server = Server::echo(builder);
            for theirs in &all {
                let url = format!("http://{}", server.addr);
                let client = Client::builder(&url)
                    .transformer(transformer)
                    .compression(theirs.clone())
                    .connect()
                    .unwrap();
                for length in [3, 200, 2000, 70_000, 2000, 2000] {
                    let message = text(length);
                    client.write(&message).unwrap();
                    let got = client.recv_timeout(PATIENCE).unwrap();
                    assert!(got.as_str() == Some(&message), "{transformer} {ours:?} {theirs:?}");
                }
                client.end();
            }
        }
    }
}

/// Messages that refer to each other keep their order, whoever writes.
#[test]
fn many_threads_write_on_one_context() {
    let takeover =
        Compression::default().server_context_takeover(true).client_context_takeover(true);
    let server = Server::echo(Primus::builder().compression(takeover.clone()));
    let url = format!("http://{}", server.addr);
    let client = Client::builder(&url).compression(takeover).connect().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let client = &client;
            scope.spawn(move || {
                for n in 0..50 {
                    client.write(&(thread, n, text(1500 + n))).unwrap();
                }
            });
        }
        let mut next = [0; 4];
        for _ in 0..200 {
            let got = client.recv_timeout(PATIENCE).unwrap();
            let (thread, n, body): (usize, usize, String) = got.parse().unwrap();
            assert_eq!((next[thread], body), (n, text(1500 + n)));
            next[thread] += 1;
        }
    });
    client.end();
}

#[test]
fn sessions_of_engine_io_compress_on_the_websocket_that_takes_the_polls_place() {
    let server = engine::echo(on());
    let url = format!("http://{}", server.addr);
    let client =
        Client::builder(&url).transformer("engine.io").compression(true).connect().unwrap();
    let message = text(5000);
    client.write(&message).unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some(&*message));
    client.end();
    // The same by hand: the frames are compressed.
    let mut session = engine::Client::open(server.addr);
    session.ask_poll();
    let query = session.query("websocket");
    let mut peer = server.connect();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    peer.send(&upgrade(&format!("/primus/?{query}"), offer));
    assert!(peer.read_head().contains("permessage-deflate; server_no_context_takeover"));
    peer.text("2probe");
    assert_eq!(peer.expect_text(), "3probe");
    assert_eq!(session.packets(), ["6"]);
    peer.text("5");
    peer.frame(FIN | RSV1 | TEXT, &packed(format!("4{message}").as_bytes()));
    let frame = peer.expect_frame();
    assert_eq!(frame.head, FIN | RSV1 | TEXT);
    assert_eq!(Context::new().unpack(&frame.payload), format!("4{message}").as_bytes());
}

/// A slow reader's backlog holds what is compressed, and drops whole messages.
#[test]
fn what_waits_for_a_slow_client_is_compressed_and_whole() {
    let dropping = |policy| on().backlog(20_000).send_buffer(4096).slow_consumer(policy);
    for policy in [SlowConsumer::DropNewest, SlowConsumer::DropOldest] {
        let (server, _) = echo_with(dropping(policy));
        let mut peer = deflating(&server);
        let spark = server.spark();
        let value = |n: usize| format!("{n} {}", text(20_000));
        for n in 0..400 {
            match spark.write(&value(n)) {
                Ok(_) | Err(primus::Error::Full { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        let mut last = None;
        while let Some(frame) = peer.read_frame_within(Duration::from_millis(200)) {
            let bytes = Context::new().unpack(&frame.payload);
            let message: String = serde_json::from_slice(&bytes).unwrap();
            let n: usize = message.split(' ').next().unwrap().parse().unwrap();
            assert!(last < Some(n) && message == value(n));
            last = Some(n);
        }
        assert!(last.is_some());
    }
}

#[test]
fn options_that_cannot_be_are_refused_when_built() {
    let bits = |bits| Compression::default().server_max_window_bits(bits);
    let takeover = Compression::default().server_context_takeover(true);
    for (builder, why) in [
        (Primus::builder().compression(Compression::default().level(10)), "level"),
        (Primus::builder().compression(bits(8)), "window bits"),
        (Primus::builder().compression(bits(16)), "window bits"),
        (
            Primus::builder().compression(takeover).slow_consumer(SlowConsumer::DropOldest),
            "SlowConsumer::Close",
        ),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    let error = Client::builder("http://localhost").compression(bits(0)).build().unwrap_err();
    assert!(error.to_string().contains("window bits"), "{error}");
}

/// A server that must not answer with what was not offered, and one that lies.
#[test]
fn a_client_does_not_take_an_answer_to_what_it_has_not_said() {
    for (compression, said) in [
        (false, "permessage-deflate"),
        (true, "permessage-deflate; server_max_window_bits=7"),
        (true, "permessage-deflate; server_no_context_takeover; client_max_window_bits"),
        (true, "permessage-deflate; server_no_context_takeover, x-more"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let mut peer = Peer::from(listener.accept().unwrap().0);
            let head = peer.read_head();
            assert_eq!(head.contains("permessage-deflate"), compression);
            let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            let accept = tungstenite::handshake::derive_accept_key(key.unwrap().as_bytes());
            peer.send(
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
                     Connection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
                     Sec-WebSocket-Extensions: {said}\r\n\r\n"
                )
                .as_bytes(),
            );
            peer
        });
        let connected = Client::builder(&url).compression(compression).connect();
        let error = connected.unwrap_err().to_string();
        assert!(error.contains("bad WebSocket handshake"), "{said}: {error}");
        drop(server.join().unwrap());
    }
}

/// Control frames, whose number is bounded, are counted as ever.
#[test]
fn limits_hold_beside_compression() {
    let mut limits = Limits::default();
    limits.control_frames = 10;
    let (server, _) = echo_with(on().limits(limits));
    let mut peer = deflating(&server);
    let pings: Vec<u8> = (0..20).flat_map(|_| masked(FIN | PING, b"")).collect();
    peer.send(&pings);
    let before = peer.expect_close(Some(1008));
    assert!(before.len() <= 10);
    let (plain, _) = echo();
    plain.still_serves();
}
