//! Attacks on the sockjs server, after which no thread, descriptor or memory may be
//! missing.

use std::io::Read;
use std::net::Shutdown;
use std::time::Duration;

use primus::{ManualClock, Primus};

use crate::common::sockjs::*;
use crate::common::*;
use crate::runner::Test;
use crate::ways::*;

pub const TESTS: &[Test] = tests![
    post_flood_to_unknown_sessions,
    session_exhaustion,
    idle_streams_need_no_wake_ups,
    reset_at_each_byte,
    churn_leaves_no_memory_behind,
    an_idle_client_takes_little_memory,
];

fn post_flood_to_unknown_sessions() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    let mut client = Client::open(server.addr);
    let before = resident();
    for route in ["/000/nobody/xhr_send", "/000/nobody/jsonp_send"] {
        for framing in ["Content-Length: 1000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
            bodies_for_nobody_are_not_taken(&server, &request("POST", route, framing));
        }
        // One after the other on one connection.
        let mut peer = server.connect();
        for _ in 0..200 {
            peer.send(&post(route, "", "[\"x\"]"));
            assert_eq!(peer.read_response().body, NOT_FOUND);
        }
    }
    client.round("\"x\"");
    let grown = resident().saturating_sub(before);
    assert!(grown < 8 << 20, "grew by {grown}");
    drop(client);
    server.primus.for_each(|spark| spark.end());
    server.wait_empty();
    baseline.wait();
}

/// Sessions that are opened by a poll, and whose clients do not come back.
fn session_exhaustion() {
    let clock = ManualClock::new();
    let builder = limited(|limits| limits.fresh_sessions = 10);
    let server = echo(builder.clock(&clock));
    let baseline = Baseline::of(&server);
    // One that is listened to is not among those that pay for it.
    let session = fresh();
    let mut stream = Stream::open(server.addr, &session, "xhr_streaming");
    assert_eq!(stream.frame(), "o");
    let mut round = |message: &str| {
        let body = format!("[\"{message}\"]");
        assert_eq!(ask(server.addr, post(&format!("{session}/xhr_send"), "", body)).status, 204);
        assert_eq!(stream.messages(1), [message]);
    };
    round("1");
    let mut flood = server.connect();
    let sessions: Vec<_> = (0..200).map(|_| fresh()).collect();
    for session in &sessions {
        flood.send(&receive(session, "xhr"));
        assert_eq!(flood.read_response().body, "o\n");
    }
    wait_for("sparks", 11, || server.primus.connected());
    wait_until("threads", || server_threads().len() <= 4 + 11 + 3);
    round("2");
    // And they do not stay.
    clock.advance(Duration::from_secs(5));
    wait_for("sparks", 1, || server.primus.connected());
    drop((stream, flood));
    server.wait_empty();
    baseline.wait();
}

/// Between two heartbeats nothing has to be done for a stream.
fn idle_streams_need_no_wake_ups() {
    const STREAMS: usize = 50;
    let server = echo(Primus::builder());
    let streams: Vec<_> = (0..STREAMS)
        .map(|_| {
            let mut stream = Stream::open(server.addr, &fresh(), "xhr_streaming");
            assert_eq!(stream.frame(), "o");
            stream
        })
        .collect();
    wait_for("sparks", STREAMS, || server.primus.connected());
    there_are_no_wake_ups(streams.len());
}

fn reset_at_each_byte() {
    let before = descriptors();
    let server = echo(Primus::builder());
    for receiver in POSTED.into_iter().chain(GOT) {
        let length = receive(&fresh(), receiver).len();
        for end in (0..=length).step_by(3).chain([length]) {
            // One that opens a session, and one of a session that is open.
            leave(&server, &receive(&fresh(), receiver)[..end], end);
            let client = Client::open(server.addr);
            leave(&server, &receive(&client.session, receiver)[..end], end);
            let sent = post(&format!("{}/xhr_send", client.session), "", "[\"1\",\"2\"]");
            leave(&server, &sent[..end.min(sent.len())], end);
        }
    }
    let all = [
        upgrade("/primus/000/socket/websocket", ""),
        masked(FIN | TEXT, b"[\"1\"]"),
        masked(TEXT, b"[\"half"),
        masked(FIN | CLOSE, b""),
    ]
    .concat();
    (0..=all.len()).step_by(3).for_each(|end| leave(&server, &all[..end], end));
    still_serves(&server);
    ends_clean(server, before);
}

fn churn_leaves_no_memory_behind() {
    let server = echo(Primus::builder());
    nothing_is_left_of(&server, |round| {
        let receiver = ["xhr_streaming", "eventsource", "htmlfile"][round % 3];
        let session = fresh();
        let mut stream = Stream::open(server.addr, &session, receiver);
        assert_eq!(stream.frame(), "o");
        let sent = ask(server.addr, post(&format!("{session}/xhr_send"), "", "[\"1\"]"));
        assert_eq!(sent.status, 204);
        assert_eq!(stream.messages(1), ["1"]);
        // The end of its receiver is that of a session.
        stream.peer.shutdown(Shutdown::Both);
        let _ = stream.peer.stream.read(&mut [0; 64]);
    });
}

fn an_idle_client_takes_little_memory() {
    let descriptors = descriptors();
    let server = echo(Primus::builder());
    let each = memory_of_each(|| {
        let session = fresh();
        let mut stream = Stream::open(server.addr, &session, "xhr_streaming");
        assert_eq!(stream.frame(), "o");
        let sent = ask(server.addr, post(&format!("{session}/xhr_send"), "", "[\"1\"]"));
        assert_eq!(sent.status, 204);
        assert_eq!(stream.messages(1), ["1"]);
        stream
    });
    assert!(each < EACH_CLIENT, "{each} bytes");
    ends_clean(server, descriptors);
}
