//! Sessions whose clients poll: how long they live, and who gets what.

use std::net::Shutdown;
use std::time::Duration;

use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

/// A server in virtual time, without Primus's own pings.
pub fn timed(clock: &ManualClock) -> Server {
    echo(Primus::builder().clock(clock).ping_interval(None))
}

pub fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn messages_go_both_ways_in_order() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let words: Vec<String> = (0..300).map(|n| format!("\"{n} é€😀\"")).collect();
    for some in words.chunks(60) {
        assert_eq!(client.send(serde_json::to_string(some).unwrap()).status, 204);
    }
    assert_eq!(client.messages(300), words);
}

#[test]
fn what_is_written_between_polls_comes_with_the_next_in_one_frame() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for n in 0..3 {
        spark.write(&n).unwrap();
    }
    assert_eq!(client.poll(), r#"a["0","1","2"]"#);
    client.ask_poll();
    spark.write("now").unwrap();
    assert_eq!(client.frame(), r#"a["\"now\""]"#);
}

#[test]
fn what_is_no_string_is_to_the_parser_what_it_is() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    assert_eq!(client.send(r#"[1, null, {"a": [true]}, "\"x\""]"#).status, 204);
    assert_eq!(client.messages(4), ["1", "null", r#"{"a": [true]}"#, "\"x\""]);
}

/// Neither leads to the other: a client chooses the one, and the other is a secret.
#[test]
fn the_sparks_id_is_not_the_sessions() {
    let server = echo(Primus::builder());
    let client = Client::open(server.addr);
    let id = server.spark().id().to_owned();
    let lengths: Vec<_> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
    assert!(!client.session.contains(&id));
    assert!(!is_known(server.addr, &format!("/000/{id}")));
}

/// Whoever knows the name of a session is its client; the server's name is for load
/// balancers.
#[test]
fn a_session_is_found_by_its_own_name_alone() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.session = client.session.replace("/000/", "/999/");
    client.round("1");
    assert_eq!(server.primus.connected(), 1);
}

#[test]
fn a_client_may_be_away_for_five_seconds() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for _ in 0..3 {
        clock.advance(ms(4_999));
        client.round("1");
        // Also that the poll's answer is sent is known to the session now.
        assert!(client.is_known());
    }
    clock.advance(ms(4_999));
    assert!(client.is_known());
    clock.advance(ms(1));
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
    // The same name is that of another session then.
    assert_eq!(client.poll(), "o");
    assert_ne!(server.spark().id(), spark.id());
}

#[test]
fn the_delays_are_options() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let server =
        echo(builder.transport("disconnect_delay", "400").transport("Heartbeat_Delay", "70"));
    let client = Client::open(server.addr);
    clock.advance(ms(399));
    assert!(client.is_known());
    clock.advance(ms(1));
    server.wait_empty();
    let mut stream = Stream::open(server.addr, &fresh(), "xhr_streaming");
    assert_eq!(stream.frame(), "o");
    for _ in 0..3 {
        clock.advance(ms(70));
        assert_eq!(stream.frame(), "h");
    }
}

#[test]
fn an_aborted_receiver_ends_the_session_at_once() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    for receiver in ["xhr", "xhr_streaming", "eventsource", "htmlfile", "jsonp"] {
        let session = fresh();
        let client = Client::open_as(server.addr, &session);
        let spark = server.spark();
        let mut peer = server.connect();
        peer.send(&receive(&session, receiver));
        // However it comes to the server: the receiver, then its end.
        peer.shutdown(Shutdown::Both);
        server.wait_empty();
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, Ended::Lost, "{receiver}");
        assert!(!client.is_known(), "{receiver}");
    }
}

/// Else each would get what the others miss.
#[test]
fn of_many_polls_at_a_time_one_waits() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let mut all: Vec<_> = (0..8).map(|_| server.connect()).collect();
    let poll = receive(&client.session, "xhr");
    all.iter_mut().for_each(|peer| peer.send(&poll));
    wait_until("all but one are turned away", || {
        all.retain_mut(|peer| match peer.response_within(ms(5)) {
            Some(answer) => {
                assert!(answer.body.starts_with(ANOTHER), "{answer:?}");
                false
            }
            None => true,
        });
        all.len() == 1
    });
    client.say("1");
    assert_eq!(all[0].read_response().body, "a[\"1\"]\n");
}

/// A request that sends is nothing that another one has to wait for.
#[test]
fn several_requests_may_send_at_a_time() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let path = format!("{}/xhr_send", client.session);
    let mut slow = server.connect();
    let body = b"[\"\\\"slow\\\"\"]";
    let whole = post(&path, "", body);
    slow.send(&whole[..whole.len() - 2]);
    client.round("\"fast\"");
    slow.send(&whole[whole.len() - 2..]);
    assert_eq!(slow.read_response().status, 204);
    assert_eq!(client.messages(1), ["\"slow\""]);
}

/// One whose body does not come whole has sent nothing.
#[test]
fn a_request_that_breaks_off_sends_nothing() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let whole = post(&format!("{}/xhr_send", client.session), "", "[\"1\",\"2\"]");
    let mut broken = server.connect();
    broken.send(&whole[..whole.len() - 1]);
    broken.shutdown(Shutdown::Write);
    while broken.read_frame_or_noise() {}
    client.round("3");
}

#[test]
fn http_1_0_may_poll_and_keep_its_connection() {
    let server = echo(Primus::builder());
    let mut peer = server.connect();
    let session = fresh();
    let poll = String::from_utf8(post(&format!("{session}/xhr"), "Connection: keep-alive\r\n", ""));
    let poll = poll.unwrap().replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(peer.ask(&poll).body, "o\n");
    for n in 0..3 {
        server.spark().write(&n).unwrap();
        assert_eq!(peer.ask(&poll).body, format!("a[\"{n}\"]\n"));
    }
}
