//! The end of sessions and servers.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use primus::{Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

#[test]
fn the_server_ends_a_session_between_polls() {
    let server = echo(Primus::builder());
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        spark.write("last").unwrap();
        spark.end();
        // What waits, then the end.
        assert_eq!(client.poll(), ["4\"last\"", GOODBYE]);
        assert_eq!(client.poll(), ["6", "1"]);
        server.wait_empty();
        client.wait_forgotten();
        assert_eq!(spark.close_reason().unwrap().by, Ended::Local);

        let mut client = Client::open_with(server.addr, revision, "");
        server.spark().end_options(ending(true));
        assert_eq!(client.poll(), ["6", "1"]);
        server.wait_empty();
    }
}

#[test]
fn the_server_ends_a_session_whose_poll_waits() {
    let server = echo(Primus::builder());
    let mut at_once = 0;
    for round in 0..20 {
        let mut client = Client::open(server.addr);
        let spark = server.spark();
        client.ask_poll();
        if round % 2 == 0 {
            spark.end();
            assert_eq!(client.packets(), [GOODBYE]);
            assert_eq!(client.poll(), ["6", "1"]);
        } else {
            // Where the poll comes too late, the end has waited for it.
            crate::common::pause(Duration::from_millis(round));
            spark.end_options(ending(true));
            let packets = client.packets();
            at_once += usize::from(packets == ["1"]);
            assert!(packets == ["1"] || packets == ["6", "1"], "{packets:?}");
        }
        server.wait_empty();
        client.wait_forgotten();
    }
    assert!(at_once > 0);
}

#[test]
fn what_a_client_says_after_the_end_is_not_heard() {
    let (server, heard) = crate::polling::engine_server_that_collects();
    let mut client = Client::open(server.addr);
    client.say("4\"before\"");
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "before");
    server.spark().end();
    client.say("4\"after\"");
    assert_eq!(client.poll(), [GOODBYE]);
    client.say("4\"after\"");
    assert_eq!(client.poll(), ["6", "1"]);
    client.wait_forgotten();
    assert_eq!(heard.try_iter().count(), 0);
}

#[test]
fn a_listener_that_ends_its_own_spark() {
    let server = Server::start(engine(Primus::builder()));
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| -> primus::Result<()> {
            spark.write(message.value())?;
            spark.end();
            Ok(())
        });
    });
    let mut client = Client::open(server.addr);
    client.say("41");
    assert_eq!(poll_to_the_end(&mut client)[..2], ["41", GOODBYE]);
    client.wait_forgotten();
    let (mut socket, _) = Client::open(server.addr).go_over();
    socket.text("41");
    let before = socket.expect_ended(None);
    assert_eq!(before[0].text(), "41");
    server.wait_empty();
}

/// The poll of a session that is over gets the error that says so.
fn is_refused(client: &mut Client) {
    client.ask_poll();
    let answer = client.get.read_response();
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("Session ID unknown"), "{answer:?}");
}

/// In every order in which the two may come, from every kind of client.
#[test]
fn a_poll_that_crosses_with_the_close_packet_is_released() {
    let server = echo(Primus::builder());
    for (revision, more) in [(4, ""), (3, ""), (4, "&b64=1"), (3, "&b64=1")] {
        let open = || Client::open_with(server.addr, revision, more);
        // The poll first.
        let mut client = open();
        client.ask_poll();
        client.say("1");
        assert_eq!(client.packets(), ["6"]);
        is_refused(&mut client);
        // The close packet first; alone, and behind a message.
        for packets in [&["1"][..], &["4\"x\"", "1"]] {
            let mut client = open();
            assert_eq!(client.send(packets).body, "ok");
            assert_eq!(client.poll(), ["6"]);
            is_refused(&mut client);
        }
        // Both at once.
        for _ in 0..20 {
            let mut client = open();
            let poll = get(&client.query("polling"));
            let close = post(&client.query("polling"), "", payload(revision, &["1"]).as_bytes());
            let start = Barrier::new(2);
            let Client { get: polling, post: posting, .. } = &mut client;
            thread::scope(|scope| {
                scope.spawn(|| {
                    start.wait();
                    polling.send(poll.as_bytes());
                });
                start.wait();
                posting.send(&close);
            });
            assert_eq!(client.post.read_response().body, "ok");
            assert_eq!(client.packets(), ["6"]);
            is_refused(&mut client);
        }
    }
    server.wait_empty();
}

#[test]
fn only_a_poll_and_only_soon_is_released_after_the_close_packet() {
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock));
    let mut client = Client::open(server.addr);
    client.say("1");
    assert_eq!(client.send(&["4\"x\""]).status, 400);
    assert!(!client.is_known());
    let mut socket = Peer::connect(server.addr);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let answer = socket.ask(&request("GET", &client.query("websocket"), upgrade));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(client.poll(), ["6"]);
    is_refused(&mut client);

    let mut client = Client::open(server.addr);
    client.say("1");
    clock.advance(Duration::from_secs(10));
    is_refused(&mut client);

    // Who breaks the protocol is owed nothing.
    let mut client = Client::open(server.addr);
    client.say("x");
    is_refused(&mut client);
    server.wait_empty();
}

#[test]
fn a_client_that_closes_as_the_server_does_is_released_too() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    server.spark().end_options(ending(true));
    client.say("1");
    assert_eq!(client.poll(), ["6"]);
    is_refused(&mut client);
    server.wait_empty();
}
