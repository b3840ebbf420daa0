//! The end of sessions, and what it leaves behind.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use primus::{Destroy, Destroyed, Ended, ManualClock, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    a_server_that_ends_handles_what_came_before_the_end_of_a_session,
    a_client_that_stays_away_is_cut,
    a_server_that_ends_tells_those_whose_polls_wait,
    a_server_that_ends_tells_those_between_polls,
    a_server_that_ends_waits_for_those_whose_end_is_under_way,
    a_server_that_ends_does_not_wait_for_those_who_stay_away,
    a_server_that_ends_ends_upgrades_that_are_under_way,
    a_server_that_ends_ends_upgraded_sessions,
    no_session_begins_while_a_server_ends,
];

/// The client has been told that all of it was received.
fn a_server_that_ends_handles_what_came_before_the_end_of_a_session() {
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
        crate::common::pause(Duration::from_millis(50));
        gate.wait();
    });
    assert_eq!((destroyed.cut, destroyed.stuck), (0, 0));
    assert_eq!(handled.load(Ordering::SeqCst), 50);
    assert_eq!(spark.close_reason().unwrap().by, Ended::Remote);
}

/// Nobody comes for the close packet.
fn a_client_that_stays_away_is_cut() {
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

fn a_server_that_ends_tells_those_whose_polls_wait() {
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
fn a_server_that_ends_tells_those_between_polls() {
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
fn a_server_that_ends_waits_for_those_whose_end_is_under_way() {
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
        crate::common::pause(Duration::from_millis(200));
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

fn a_server_that_ends_does_not_wait_for_those_who_stay_away() {
    let server = echo(Primus::builder());
    let clients: Vec<_> = (0..5).map(|_| Client::open(server.addr)).collect();
    let (destroyed, _clients) = destroy(&server, 1, || clients);
    assert_eq!(destroyed.sparks, 5);
    assert!(destroyed.cut >= 5, "{destroyed:?}");
}

fn a_server_that_ends_ends_upgrades_that_are_under_way() {
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

fn a_server_that_ends_ends_upgraded_sessions() {
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

fn no_session_begins_while_a_server_ends() {
    let server = echo(Primus::builder());
    let mut kept = server.connect();
    assert_eq!(kept.ask(&get("EIO=4")).status, 400);
    let _ = server.primus.destroy(Destroy::default().close(false));
    let answer = kept.ask(&get("EIO=4&transport=polling"));
    assert_eq!(answer.status, 503);
    assert_eq!(ask(server.addr, get("EIO=4&transport=polling")).status, 503);
    assert_eq!(server.primus.connected(), 0);
}
