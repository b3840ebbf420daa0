//! Connections that wait for their clients without a thread.

use primus::{Ended, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    connections_whose_clients_are_silent_need_no_thread,
    a_client_that_leaves_is_noticed_though_no_thread_waits_with_it,
    a_server_that_ends_takes_connections_along_that_have_no_thread,
    connections_without_a_thread_count_too,
    heartbeats_reach_connections_that_have_no_thread,
];

/// Threads of this name that servers have.
fn threads(name: &str) -> usize {
    server_threads().iter().filter(|thread| *thread == name).count()
}

/// Waits until so many sessions have a thread each, and no connection has.
fn wait_parked(sessions: usize) {
    wait_for("threads", (sessions, 1), || (threads("primus-conn"), threads("primus-watcher")));
}

/// Clients that had an echo each, and poll.
fn idle_clients(server: &Server, count: usize) -> Vec<Client> {
    let mut clients: Vec<_> = (0..count).map(|_| Client::open(server.addr)).collect();
    for client in &mut clients {
        client.say("4\"x\"");
        assert_eq!(client.poll(), ["4\"x\""]);
        client.ask_poll();
    }
    clients
}

fn connections_whose_clients_are_silent_need_no_thread() {
    let server = echo(patient());
    let baseline = Baseline::of(&server);
    let mut clients = idle_clients(&server, 20);
    wait_parked(20);
    // Both connections of each client go on, as often as they like.
    for round in 0..3 {
        let packet = format!("4{round}");
        for client in &mut clients {
            client.say(&packet);
        }
        for client in &mut clients {
            assert_eq!(client.packets(), [&*packet]);
            client.ask_poll();
        }
        wait_parked(20);
    }
    // Several requests at once, behind a poll that is held.
    let client = &mut clients[0];
    let behind = get("EIO=4&transport=polling&sid=none").repeat(3);
    client.get.send(behind.as_bytes());
    client.say("4\"last\"");
    assert_eq!(client.packets(), ["4\"last\""]);
    for _ in 0..3 {
        assert_eq!(client.get.read_response().status, 400);
    }
    clients.into_iter().for_each(Client::close);
    server.wait_empty();
    baseline.wait();
}

fn a_client_that_leaves_is_noticed_though_no_thread_waits_with_it() {
    let server = echo(patient());
    let baseline = Baseline::of(&server);
    for leave in [|peer: Peer| drop(peer), |peer: Peer| peer.reset()] {
        let Client { get, post, .. } = idle_clients(&server, 1).pop().unwrap();
        let spark = server.spark();
        wait_parked(1);
        leave(get);
        server.wait_empty();
        assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
        leave(post);
        baseline.wait();
    }
}

fn a_server_that_ends_takes_connections_along_that_have_no_thread() {
    let before = descriptors();
    let server = echo(patient());
    let mut clients = idle_clients(&server, 10);
    let mut kept = server.connect();
    assert_eq!(kept.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 404);
    wait_parked(10);
    let destroyed = server.destroy();
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (10, 0, 0));
    assert_eq!(server_threads(), Vec::<String>::new());
    for client in &mut clients {
        assert_eq!(client.packets(), ["4\"primus::server::close\"", "1"]);
        client.post.expect_end();
    }
    kept.expect_end();
    drop((clients, kept, server));
    wait_for("descriptors", before, descriptors);
}

fn connections_without_a_thread_count_too() {
    let server = echo(limited(|limits| {
        limits.keep_alive = 10 * PATIENCE;
        limits.connections = Some(4);
    }));
    let mut clients = idle_clients(&server, 1);
    wait_parked(1);
    // A session and two connections.
    let mut fourth = server.connect();
    assert_eq!(fourth.ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status, 404);
    assert_eq!(server.connect().read_response().status, 503);
    drop(fourth);
    wait_until("there is room again", || {
        server.connect().ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n").status == 404
    });
    clients.pop().unwrap().close();
    server.wait_empty();
}

/// The server's heartbeat, and a client that answers it, find connections
/// without a thread each time.
fn heartbeats_reach_connections_that_have_no_thread() {
    let server =
        echo(Primus::builder().transport("pingInterval", "1200").transport("pingTimeout", "20000"));
    let mut clients = idle_clients(&server, 5);
    for _ in 0..3 {
        wait_parked(5);
        for client in &mut clients {
            assert_eq!(client.packets(), ["2"]);
            client.ask_poll();
            client.post = server.connect();
            client.say("3");
        }
    }
    clients.into_iter().for_each(Client::close);
    server.wait_empty();
}
