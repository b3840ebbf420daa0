//! How sessions end, and what is told to whom.

use primus::{Destroy, EndOptions, ManualClock, Primus};

use crate::client::*;
use crate::common::*;
use crate::polling::{ms, timed};

fn reconnecting() -> EndOptions {
    EndOptions::default().reconnect(true)
}

#[test]
fn a_stream_is_told_of_the_end_and_then_its_answer_ends() {
    let server = echo(Primus::builder());
    for receiver in ["xhr_streaming", "eventsource", "htmlfile"] {
        let session = fresh();
        let mut stream = Stream::open(server.addr, &session, receiver);
        assert_eq!(stream.frame(), "o");
        let spark = server.spark();
        spark.write(&1).unwrap();
        spark.end();
        assert_eq!(stream.messages(1), ["1"]);
        assert_eq!((stream.frame(), stream.frame()), (GOODBYE.into(), CLOSED.into()));
        assert_eq!(stream.next(), None);
        server.wait_empty();
        // Its connection serves on.
        stream.peer.send(&receive(&session, "xhr"));
        assert_eq!(stream.peer.read_response().body, format!("{CLOSED}\n"));
    }
}

#[test]
fn a_poll_gets_what_came_before_and_the_next_one_the_end() {
    let server = echo(Primus::builder());
    for waits in [true, false] {
        let mut client = Client::open(server.addr);
        let spark = server.spark();
        if waits {
            client.ask_poll();
        }
        spark.write(&1).unwrap();
        spark.end();
        if !waits {
            client.ask_poll();
        }
        let mut all = messages(&client.frame());
        if all.len() == 1 {
            all.extend(messages(&client.poll()));
        }
        assert_eq!(all, ["1", CLOSE_MESSAGE]);
        for _ in 0..3 {
            assert_eq!(client.poll(), CLOSED);
            assert_eq!(client.send("[\"2\"]").status, 204);
        }
        server.wait_empty();
    }
}

#[test]
fn an_end_that_lets_the_client_reconnect_is_no_message() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    server.spark().end_options(reconnecting());
    assert_eq!(client.poll(), CLOSED);
    let mut stream = Stream::open(server.addr, &fresh(), "eventsource");
    assert_eq!(stream.frame(), "o");
    server.spark().end_options(reconnecting());
    assert_eq!((stream.frame(), stream.next()), (CLOSED.into(), None));
}

#[test]
fn every_receiver_that_comes_late_is_told_for_five_seconds() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    let client = Client::open(server.addr);
    server.spark().end_options(reconnecting());
    server.wait_empty();
    for receiver in POSTED.into_iter().chain(GOT) {
        let answer = ask(server.addr, receive(&client.session, receiver));
        let escaped = CLOSED.replace('"', "\\\"");
        let told = answer.body.contains(CLOSED) || answer.body.contains(&escaped);
        assert!(told, "{receiver}: {}", answer.body);
    }
    clock.advance(ms(4_999));
    assert!(client.is_known());
    clock.advance(ms(1));
    assert!(!client.is_known());
    assert_eq!(ask(server.addr, receive(&client.session, "xhr")).body, "o\n");
}

/// The messages before the end wait for a client as long as any do.
#[test]
fn a_client_that_does_not_come_for_the_end_is_given_up() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    let client = Client::open(server.addr);
    server.spark().end();
    assert!(client.is_known());
    clock.advance(ms(5_000));
    server.wait_empty();
    assert!(!client.is_known());
}

#[test]
fn a_listener_that_ends_the_connection_at_once() {
    let server = Server::start(sockjs(Primus::builder()));
    server.primus.on_connection(|spark| spark.end_options(reconnecting()));
    for receiver in ["xhr_streaming", "eventsource", "htmlfile"] {
        for _ in 0..20 {
            let answer = ask(server.addr, receive(&fresh(), receiver));
            let escaped = CLOSED.replace('"', "\\\"");
            assert_eq!(answer.status, 200);
            assert!(answer.body.contains(CLOSED) || answer.body.contains(&escaped), "{answer:?}");
        }
    }
    let mut client = Client::open(server.addr);
    assert_eq!(client.poll(), CLOSED);
    server.wait_empty();
}

#[test]
fn at_shutdown_polls_and_streams_are_told() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.round("1");
    let mut stream = Stream::open(server.addr, &fresh(), "xhr_streaming");
    assert_eq!(stream.frame(), "o");
    client.ask_poll();
    // The poll waits, or comes when the server shuts down; it is the same to it.
    server.primus.destroy(Destroy::default());
    assert_eq!(client.polls.read_response().body, format!("{GOODBYE}\n{CLOSED}\n"));
    assert_eq!((stream.frame(), stream.frame()), (GOODBYE.into(), CLOSED.into()));
    assert_eq!(stream.next(), None);
}

/// An `EventSource` that gets an error status never comes back. One whose answer ends
/// comes again after the time in it; sockjs-client goes by the frame.
#[test]
fn an_event_source_that_finds_no_place_is_sent_away_and_not_forbidden() {
    let server = echo(limited(|limits| limits.sessions_per_address = Some(1)));
    let mut first = Client::open(server.addr);
    // One that has not come back would make room.
    first.round("1");
    let answer = ask(server.addr, receive(&fresh(), "xhr_streaming"));
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    let answer = ask(server.addr, receive(&fresh(), "eventsource"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let expected = "retry: 5000\r\n\r\ndata: c[1013,\"Try again later\"]\r\n\r\n";
    assert_eq!(answer.body, expected);
    assert_eq!(server.primus.metrics().refusals.get(&503), Some(&2));
}

#[test]
fn a_server_that_shuts_down_sends_event_sources_away_too() {
    let server = echo(Primus::builder());
    let mut kept: Vec<_> = (0..3).map(|_| server.connect()).collect();
    // Connections that are there are served on while sessions end.
    for peer in &mut kept {
        assert_eq!(peer.ask(&request("GET", "/info", "")).status, 200);
    }
    let mut stuck = Client::open(server.addr);
    let spark = server.spark();
    spark.write(&1).unwrap();
    let primus = server.primus.clone();
    let destroying = std::thread::spawn(move || primus.destroy(Destroy::default()));
    wait_until("it shuts down", || spark.close_reason().is_some());
    let [info, source, poll] = &mut kept[..] else { panic!("three") };
    source.send(&receive(&fresh(), "eventsource"));
    let answer = source.read_response();
    let expected = "retry: 5000\r\n\r\ndata: c[1001,\"Going away\"]\r\n\r\n";
    assert_eq!((answer.status, &*answer.body), (200, expected));
    assert_eq!(info.ask(&request("GET", "/info", "")).status, 503);
    poll.send(&receive(&fresh(), "xhr"));
    assert_eq!(poll.read_response().status, 503);
    // The client of the session that is there gets what waits for it.
    stuck.ask_poll();
    let last = stuck.polls.read_response().body;
    assert!(last.starts_with("a[\"1\""), "{last}");
    assert_eq!(destroying.join().unwrap().stuck, 0);
}
