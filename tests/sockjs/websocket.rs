//! WebSockets, with the frames of SockJS and without.

use primus::{EndOptions, Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;
use crate::polling::{ms, timed};

/// A WebSocket that has been told that it is open.
fn open(server: &Server) -> Peer {
    let mut socket = Peer::open_with(server.addr, "/primus/000/ws/websocket?a=b", "");
    assert_eq!(socket.expect_text(), "o");
    socket
}

/// The close frame with this code and reason.
fn close_frame(code: u16, reason: &str) -> WireFrame {
    let payload = [&code.to_be_bytes()[..], reason.as_bytes()].concat();
    WireFrame { head: FIN | CLOSE, payload }
}

#[test]
fn messages_go_both_ways_one_in_each_frame_or_many() {
    let server = echo(Primus::builder());
    let mut socket = open(&server);
    socket.text(r#"["\"a\"","1",2]"#);
    let mut all = Vec::new();
    while all.len() < 3 {
        all.extend(messages(&socket.expect_text()));
    }
    assert_eq!(all, ["\"a\"", "1", "2"]);
    for (sent, back) in [
        ("\"\\\"bare\\\"\"", r#"a["\"bare\""]"#),
        ("{\"a\": 1}", r#"a["{\"a\": 1}"]"#),
        ("[\"\\\"😀\\u2028é\\\"\"]", "a[\"\\\"\\ud83d\\ude00\\u2028é\\\"\"]"),
    ] {
        socket.text(sent);
        assert_eq!(socket.expect_text(), back);
    }
    // Bytes are read as the text that they are.
    socket.frame(FIN | BINARY, b"[\"3\"]");
    assert_eq!(socket.expect_text(), "a[\"3\"]");
    // Empty ones are nothing, and so are arrays of nothing.
    socket.text("");
    socket.text("[]");
    socket.text("[\"4\"]");
    assert_eq!(socket.expect_text(), "a[\"4\"]");
}

#[test]
fn long_messages() {
    let server = echo(Primus::builder().backlog(64 << 20));
    let mut socket = open(&server);
    for length in
        [100, 116, 117, 118, 119, 120, 121, 125, 126, 1_000, 65_500, 65_530, 65_540, 3 << 20]
    {
        let message = format!("\"{}\"", "é\\\"x".repeat(length / 5));
        socket.text(&serde_json::to_string(&[&message]).unwrap());
        assert_eq!(messages(&socket.expect_text()), [message], "{length}");
    }
}

#[test]
fn what_is_no_json_closes_with_3000_behind_what_came_before() {
    let server = echo(Primus::builder());
    for broken in ["{broken", "[\"a\"", "x", " ", "[1,]", "[\"\\x\"]"] {
        let mut socket = open(&server);
        let spark = server.spark();
        socket.text("[\"1\"]");
        socket.text(broken);
        socket.text("[\"2\"]");
        assert_eq!(socket.expect_text(), "a[\"1\"]");
        assert_eq!(socket.expect_frame(), close_frame(3000, "Broken framing."), "{broken}");
        socket.expect_end();
        server.wait_empty();
        wait_until("it has ended", || spark.close_reason().is_some());
        let reason = spark.close_reason().unwrap();
        assert_eq!((reason.by, reason.code), (Ended::Protocol, 3000));
    }
}

#[test]
fn the_server_ends_with_a_frame_and_a_close_frame() {
    let server = echo(Primus::builder());
    for reconnect in [true, false] {
        let mut socket = open(&server);
        server.spark().write(&1).unwrap();
        server.spark().end_options(EndOptions::default().reconnect(reconnect));
        assert_eq!(socket.expect_text(), "a[\"1\"]");
        if !reconnect {
            assert_eq!(socket.expect_text(), GOODBYE);
        }
        assert_eq!(socket.expect_text(), CLOSED);
        assert_eq!(socket.expect_frame(), close_frame(1000, "Normal closure"));
        socket.frame(FIN | CLOSE, &1000u16.to_be_bytes());
        socket.expect_end();
        server.wait_empty();
    }
}

#[test]
fn the_client_ends_and_gets_its_own_words_back() {
    let server = echo(Primus::builder());
    let mut socket = open(&server);
    let spark = server.spark();
    socket.frame(FIN | CLOSE, &[3, 232]);
    assert_eq!(socket.expect_frame(), close_frame(1000, ""));
    socket.expect_end();
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Remote);
}

#[test]
fn a_ping_every_25_seconds_and_a_pong_within_10() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    let mut socket = open(&server);
    let spark = server.spark();
    for _ in 0..3 {
        clock.advance(ms(25_000));
        let ping = socket.expect_frame();
        assert_eq!((ping.head, &*ping.payload), (FIN | PING, &b""[..]));
        socket.frame(FIN | PONG, b"");
        // It is read when this is answered.
        socket.text("[\"1\"]");
        assert_eq!(socket.expect_text(), "a[\"1\"]");
    }
    clock.advance(ms(25_000));
    assert_eq!(socket.expect_frame().head, FIN | PING);
    // Messages are no answer.
    socket.text("[\"1\"]");
    assert_eq!(socket.expect_text(), "a[\"1\"]");
    wait_until("its thread waits", || {
        clock.advance(ms(10_000));
        spark.close_reason().is_some()
    });
    let reason = spark.close_reason().unwrap();
    assert_eq!((reason.by, reason.code), (Ended::Heartbeat, 3000));
    let mut frames =
        std::iter::from_fn(|| socket.read_frame()).filter(|frame| frame.opcode() != PING);
    assert_eq!(frames.next().unwrap().text(), "c[3000,\"No response from heartbeat\"]");
    assert_eq!(frames.next(), Some(close_frame(3000, "No response from heartbeat")));
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
}

/// What a WebSocket's client pings is answered, and no sign of life to Primus.
#[test]
fn pings_of_the_client_are_answered() {
    let server = echo(Primus::builder());
    let mut socket = open(&server);
    socket.frame(FIN | PING, b"pp");
    assert_eq!(socket.expect_frame(), WireFrame { head: FIN | PONG, payload: b"pp".to_vec() });
}

#[test]
fn broadcasts_reach_websockets_streams_and_polls() {
    let server = echo(Primus::builder());
    let mut socket = open(&server);
    let mut client = Client::open(server.addr);
    let mut stream = Stream::open(server.addr, &fresh(), "eventsource");
    assert_eq!(stream.frame(), "o");
    server.primus.write("to all").unwrap();
    let expected = ["\"to all\""];
    assert_eq!(messages(&socket.expect_text()), expected);
    assert_eq!(
        (client.messages(1), stream.messages(1)),
        (expected.map(str::to_owned).into(), expected.map(str::to_owned).into())
    );
}

#[test]
fn a_raw_websocket_has_messages_and_nothing_else() {
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock));
    let mut socket = Peer::open_with(server.addr, "/primus/websocket?x=1", "");
    let spark = server.spark();
    socket.text("\"hi\"");
    assert_eq!(socket.expect_text(), "\"hi\"");
    // No heartbeat but that of Primus.
    clock.advance(ms(29_999));
    clock.advance(ms(1));
    let ping = socket.expect_text();
    assert!(ping.starts_with("\"primus::ping::"), "{ping}");
    socket.text(&ping.replace("ping", "pong"));
    socket.text("1");
    assert_eq!(socket.expect_text(), "1");
    clock.advance(ms(30_000));
    assert!(socket.expect_text().starts_with("\"primus::ping::"));
    // A thread that had no turn to read is not judged by what it has not read.
    wait_until("it has ended", || {
        clock.advance(ms(30_000));
        spark.close_reason().is_some()
    });
    assert_eq!(spark.close_reason().unwrap().by, Ended::Heartbeat);

    let mut socket = Peer::open_with(server.addr, "/primus/websocket", "");
    wait_for("sparks", 1, || server.primus.connected());
    server.spark().end();
    assert_eq!(socket.expect_text(), CLOSE_MESSAGE);
    assert_eq!(socket.expect_frame(), close_frame(1000, "Normal closure"));
}

#[test]
fn where_websockets_are_disabled_there_is_no_such_page() {
    let server = echo(Primus::builder().transport("websocket", "false"));
    for path in ["/websocket", "/000/s/websocket"] {
        let plain = ask(server.addr, request("GET", path, ""));
        assert_eq!((plain.status, &*plain.body), (404, NOT_FOUND));
        let mut peer = server.connect();
        peer.send(&upgrade(&format!("/primus{path}"), ""));
        let refused = peer.read_response();
        assert_eq!((refused.status, &*refused.body), (404, NOT_FOUND));
        assert_eq!(refused.header("cache-control"), Some("public, max-age=31536000"));
    }
}

#[test]
fn a_message_over_the_limit_closes_with_1009() {
    let server = echo(Primus::builder().max_length(100));
    let mut socket = open(&server);
    socket.text(&format!("[\"{}\"]", "1".repeat(97)));
    assert!(socket.expect_close(Some(1009)).is_empty());
}
