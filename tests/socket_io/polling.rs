//! Sessions whose clients poll: how long they live, and who gets what.

use std::time::Duration;

use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

const POLLS: [&str; 2] = ["xhr-polling", "jsonp-polling"];

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn messages_go_both_ways_in_order() {
    let server = echo(Primus::builder());
    for transport in POLLS {
        let mut client = Client::open_by(server.addr, transport);
        let words: Vec<String> = (0..300).map(|n| format!("3:::\"{n} é€😀\u{fffd}\"")).collect();
        for some in words.chunks(60) {
            client.say(&some.iter().map(|word| &**word).collect::<Vec<_>>());
        }
        assert_eq!(client.packets(300), words);
    }
}

#[test]
fn what_is_written_between_polls_comes_with_the_next_in_one_payload() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for n in 0..3 {
        spark.write(&n).unwrap();
    }
    assert_eq!(client.poll(), payload(&["3:::0", "3:::1", "3:::2"]));
    client.ask_poll();
    spark.write("now").unwrap();
    assert_eq!(client.answer(), "3:::\"now\"");
}

#[test]
fn each_packet_with_an_id_is_acknowledged() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.say(&["3:1::\"a\"", "3:2+::\"b\"", "5:3::{}", "4:4::5", "2:5::"]);
    let mut got = client.packets(6);
    got.sort();
    assert_eq!(got, ["3:::\"a\"", "3:::\"b\"", "3:::5", "6:::1", "6:::3", "6:::4"]);
}

#[test]
fn the_newest_poll_gets_what_comes() {
    let server = echo(Primus::builder());
    for transport in POLLS {
        let mut client = Client::open_by(server.addr, transport);
        // Which of two is the newer is known of connections.
        client.polls = Peer::connect(server.addr);
        client.ask_poll();
        let mut second = Client {
            addr: client.addr,
            id: client.id.clone(),
            transport,
            polls: Peer::connect(server.addr),
            posts: Peer::connect(server.addr),
        };
        // The first is answered when the second takes its place.
        second.ask_poll();
        let first = client.answer();
        assert_eq!(first, "8::");
        client.say(&["3:::1"]);
        assert_eq!(second.answer(), "3:::1");
        client.round("2");
    }
}

/// As a client does that has lost its connection and comes again.
#[test]
fn a_poll_that_is_given_up_is_no_harm() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    for n in 0..20 {
        client.polls = Peer::connect(server.addr);
        client.ask_poll();
        // The older one is gone, or comes to its end when the newer takes its place.
        let older = std::mem::replace(&mut client.polls, Peer::connect(server.addr));
        client.ask_poll();
        let mut older = older;
        assert_eq!(older.read_response().body, "8::");
        let packet = format!("3:::{n}");
        client.say(&[&packet]);
        assert_eq!(client.answer(), packet);
    }
}

#[test]
fn a_client_may_be_away_for_the_close_timeout() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let server = echo(builder.transport("close timeout", "4"));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for _ in 0..3 {
        clock.advance(ms(3_990));
        client.round("1");
        // Also that the poll's answer is sent is known to the session now.
        client.say(&["2::"]);
    }
    clock.advance(ms(4_200));
    server.wait_empty();
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
    assert_eq!(client.poll(), UNKNOWN);
}

#[test]
fn a_poll_for_which_there_is_nothing_is_answered_so() {
    let clock = ManualClock::new();
    let builder = Primus::builder().clock(&clock).ping_interval(None);
    let server = echo(builder.transport("polling duration", "3"));
    for transport in POLLS {
        let mut client = Client::open_by(server.addr, transport);
        client.ask_poll();
        // That it waits is known when something else is answered.
        wait_until("it waits", || {
            clock.advance(ms(1_000));
            client.polls.response_within(ms(50)).is_some_and(|answer| answer.body.contains("8::"))
        });
        client.round("1");
    }
}

#[test]
fn what_is_over_the_limit_ends_the_session() {
    let server = echo(Primus::builder().max_length(1000));
    for too_long in [999, 1000, 2000, 100_000] {
        let mut client = Client::open(server.addr);
        let spark = server.spark();
        client.round(&format!("\"{}\"", "x".repeat(998)));
        let message = format!("3:::\"{}\"", "x".repeat(too_long));
        // Nothing else of such a payload is heard.
        let body = if too_long == 1000 { payload(&["3:::1", &message]) } else { message };
        assert_eq!(ask(server.addr, post(&client.path(), "", body)).status, 413);
        assert_eq!(client.poll(), UNKNOWN);
        server.wait_empty();
        wait_until("it has ended", || spark.close_reason().is_some());
        let reason = spark.close_reason().unwrap();
        assert_eq!((reason.by, reason.code), (Ended::Protocol, 1009));
    }
    assert_eq!(server.primus.metrics().messages_in, 4);
}

/// Clients put all that they have to say into one request, and scripts escape it.
#[test]
fn short_messages_are_not_too_long_together_or_escaped() {
    let server = echo(Primus::builder().max_length(1000));
    for transport in POLLS {
        let mut client = Client::open_by(server.addr, transport);
        let message = format!("3:::\"{}\"", "\\\"".repeat(499));
        let packets = vec![&*message; 20];
        client.say(&packets);
        assert_eq!(client.packets(20), packets, "{transport}");
        // All in all there is a bound, too.
        let head = request("POST", &client.path(), "Content-Length: 9000000\r\n");
        assert_eq!(ask(server.addr, head).status, 413, "{transport}");
        assert_eq!(client.poll(), UNKNOWN, "{transport}");
    }
}

#[test]
fn posts_may_overlap() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let slow = post(&client.path(), "", "3:::\"slow\"");
    let (head, body) = slow.split_at(slow.len() - 5);
    let mut other = Peer::connect(server.addr);
    other.send(head);
    client.round("1");
    other.send(body);
    assert_eq!(other.read_response().body, "1");
    assert_eq!(client.poll(), "3:::\"slow\"");
}

#[test]
fn no_session_but_its_own_knows_a_post() {
    let server = echo(Primus::builder());
    let (mut peer, id) = websocket(server.addr);
    for transport in RECEIVERS {
        // Those who look are told nothing else than of an id that there never was.
        let answer = ask(server.addr, post(&format!("/1/{transport}/{id}"), "", "d=\"3:::1\""));
        let unknown = ask(server.addr, post(&format!("/1/{transport}/x{id}"), "", "d=\"3:::1\""));
        assert_eq!((answer.status, answer.body), (unknown.status, unknown.body));
    }
    peer.text("3:::2");
    assert_eq!(peer.expect_text(), "3:::2");
}
