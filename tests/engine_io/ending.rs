//! The end of sessions and servers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use primus::{Destroy, Destroyed, EndOptions, Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;

const GOODBYE: &str = "4\"primus::server::close\"";

pub fn ending(reconnect: bool) -> EndOptions {
    EndOptions::default().reconnect(reconnect)
}

/// Polls until the close packet comes; tells what came before.
fn poll_to_the_end(client: &mut Client) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    while all.last().is_none_or(|last| last != "1") {
        all.extend(client.poll());
    }
    all.pop();
    all
}

#[test]
fn the_server_ends_a_session_between_polls() {
    let _turn = shared();
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

/// The client has been told that all of it was received.
#[test]
fn a_server_that_ends_handles_what_came_before_the_end_of_a_session() {
    let _turn = shared();
    let server = Server::start(engine(Primus::builder()));
    let (entered, entrance) = mpsc::channel();
    let (handled, count) = (Arc::new(AtomicU32::new(0)), Arc::new(Barrier::new(2)));
    let (counter, gate) = (handled.clone(), count.clone());
    server.primus.on_connection(move |spark| {
        let (counter, gate, entered) = (counter.clone(), gate.clone(), entered.clone());
        spark.on_data(move |_, _| {
            if counter.fetch_add(1, Ordering::SeqCst) == 0 {
                entered.send(()).unwrap();
                gate.wait();
            }
        });
    });
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    client.say(&["4\"x\""; 50].join("\x1e"));
    entrance.recv().unwrap();
    client.say("1");
    let gate = count;
    let (destroyed, ()) = destroy(&server, 20, move || {
        thread::sleep(Duration::from_millis(50));
        gate.wait();
    });
    assert_eq!((destroyed.cut, destroyed.stuck), (0, 0));
    assert_eq!(handled.load(Ordering::SeqCst), 50);
    assert_eq!(spark.close_reason().unwrap().by, Ended::Remote);
}

#[test]
fn the_server_ends_a_session_whose_poll_waits() {
    let _turn = shared();
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
            thread::sleep(Duration::from_millis(round));
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
    let _turn = shared();
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

/// Nobody comes for the close packet.
#[test]
fn a_client_that_stays_away_is_cut() {
    let _turn = alone();
    let clock = ManualClock::new();
    let server = echo(Primus::builder().clock(&clock));
    let baseline = Baseline::of(&server);
    let client = Client::open(server.addr);
    server.spark().end();
    wait_for("sparks", 0, || server.primus.connected());
    assert!(client.is_known());
    clock.advance(Duration::from_secs(10));
    client.wait_forgotten();
    drop(client);
    baseline.wait();
}

/// Destroys a server with this time-out while the clients do something.
fn destroy<T: Send>(
    server: &Server,
    timeout: u64,
    clients: impl FnOnce() -> T + Send,
) -> (Destroyed, T) {
    let primus = server.primus.clone();
    let options = Destroy::default().timeout(Duration::from_secs(timeout));
    let start = Instant::now();
    let (destroyed, result) = thread::scope(|scope| {
        let clients = scope.spawn(clients);
        (primus.destroy(options), clients.join().unwrap())
    });
    let took = start.elapsed();
    assert!(took < Duration::from_secs(timeout + 5), "took {took:?}");
    assert_eq!(destroyed.stuck, 0, "{destroyed:?}");
    wait_for("threads", 0, || server_threads().len());
    (destroyed, result)
}

#[test]
fn a_server_that_ends_tells_those_whose_polls_wait() {
    let _turn = alone();
    for reconnect in [false, true] {
        let server = echo(Primus::builder());
        let mut clients: Vec<_> = (0..10).map(|_| Client::open(server.addr)).collect();
        for client in &mut clients {
            client.say("41");
            assert_eq!(client.poll(), ["41"]);
            client.ask_poll();
        }
        let primus = server.primus.clone();
        let options = Destroy::default().timeout(PATIENCE).reconnect(reconnect);
        let start = Instant::now();
        let ending = thread::spawn(move || primus.destroy(options));
        for client in &mut clients {
            let answer = client.get.read_response();
            assert_eq!(answer.status, 200);
            let packets = packets(4, &answer.body);
            if reconnect {
                assert!(packets == ["1"] || packets == ["6", "1"], "{packets:?}");
            } else {
                assert_eq!(packets, [GOODBYE, "1"]);
            }
            assert_eq!(answer.header("connection"), Some("close"));
            client.get.expect_end();
        }
        drop(clients);
        let destroyed = ending.join().unwrap();
        assert!(start.elapsed() < PATIENCE);
        assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (10, 0, 0));
        wait_for("threads", 0, || server_threads().len());
    }
}

/// On the connection that it polls by; a new one is not accepted any more.
#[test]
fn a_server_that_ends_tells_those_between_polls() {
    let _turn = alone();
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.say("41");
    assert_eq!(client.poll(), ["41"]);
    let spark = server.spark();
    let (destroyed, last) = destroy(&server, 20, move || {
        wait_until("it ends", || spark.close_reason().is_some());
        let last = poll_to_the_end(&mut client);
        client.get.expect_end();
        last
    });
    assert_eq!(last, [GOODBYE]);
    assert_eq!(destroyed.cut, 0);
}

/// Those that were ended just before were cut off.
#[test]
fn a_server_that_ends_waits_for_those_whose_end_is_under_way() {
    let _turn = alone();
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let (mut socket, _) = Client::open(server.addr).go_over();
    client.say("41");
    assert_eq!(client.poll(), ["41"]);
    socket.text("41");
    assert_eq!(socket.expect_text(), "41");
    let long = "x".repeat(12 << 20);
    server.primus.for_each(|spark| {
        spark.write(&long).unwrap();
        spark.end();
    });
    let (destroyed, last) = destroy(&server, 20, move || {
        thread::sleep(Duration::from_millis(200));
        assert_eq!(socket.expect_text().len(), long.len() + 3);
        let before = socket.expect_ended(None);
        assert_eq!(before.iter().map(WireFrame::text).collect::<Vec<_>>(), [GOODBYE]);
        let mut last = poll_to_the_end(&mut client);
        assert_eq!(last.remove(0).len(), long.len() + 3);
        last.retain(|packet| packet != "6");
        last
    });
    assert_eq!(last, [GOODBYE]);
    assert_eq!(destroyed.cut, 0);
}

#[test]
fn a_server_that_ends_does_not_wait_for_those_who_stay_away() {
    let _turn = alone();
    let server = echo(Primus::builder());
    let clients: Vec<_> = (0..5).map(|_| Client::open(server.addr)).collect();
    let (destroyed, _clients) = destroy(&server, 1, || clients);
    assert_eq!(destroyed.sparks, 5);
    assert!(destroyed.cut >= 5, "{destroyed:?}");
}

#[test]
fn a_server_that_ends_ends_upgrades_that_are_under_way() {
    let _turn = alone();
    for polls in [true, false] {
        let server = echo(Primus::builder());
        let mut client = Client::open(server.addr);
        client.say("41");
        assert_eq!(client.poll(), ["41"]);
        let mut socket = client.probe();
        let spark = server.spark();
        destroy(&server, 20, move || {
            wait_until("it ends", || spark.close_reason().is_some());
            if polls {
                let mut before = poll_to_the_end(&mut client);
                before.retain(|packet| packet != "6");
                assert_eq!(before, [GOODBYE]);
                socket.expect_close(None);
            } else {
                // One that is about to go over: it may be too late for that,
                // but it is told.
                socket.try_send(&masked(FIN | TEXT, b"5"));
                while socket.read_frame().expect("a close frame").opcode() != CLOSE {}
            }
        });
    }
}

#[test]
fn a_server_that_ends_ends_upgraded_sessions() {
    let _turn = alone();
    let server = echo(Primus::builder());
    let mut sockets: Vec<_> = (0..5).map(|_| Client::open(server.addr).go_over().0).collect();
    for socket in &mut sockets {
        socket.text("41");
        assert_eq!(socket.expect_text(), "41");
    }
    let (destroyed, ()) = destroy(&server, 20, move || {
        for mut socket in sockets {
            let before = socket.expect_ended(None);
            assert_eq!(before.iter().map(WireFrame::text).collect::<Vec<_>>(), [GOODBYE]);
        }
    });
    assert_eq!((destroyed.sparks, destroyed.cut), (5, 0));
}

#[test]
fn no_session_begins_while_a_server_ends() {
    let _turn = alone();
    let server = echo(Primus::builder());
    let mut kept = server.connect();
    assert_eq!(kept.ask(&get("EIO=4")).status, 400);
    let _ = server.primus.destroy(Destroy::default().close(false));
    let answer = kept.ask(&get("EIO=4&transport=polling"));
    assert_eq!(answer.status, 503);
    assert_eq!(ask(server.addr, get("EIO=4&transport=polling")).status, 503);
    assert_eq!(server.primus.connected(), 0);
}

#[test]
fn a_listener_that_ends_its_own_spark() {
    let _turn = shared();
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
    let _turn = shared();
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
    let _turn = shared();
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
    let _turn = shared();
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    server.spark().end_options(ending(true));
    client.say("1");
    assert_eq!(client.poll(), ["6"]);
    is_refused(&mut client);
    server.wait_empty();
}
