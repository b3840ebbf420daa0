//! The way from polling to a WebSocket, and what it costs.

use primus::{Ended, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    the_websocket_takes_over,
    an_upgraded_session_costs_what_a_websocket_costs,
    a_session_that_ends_takes_its_probe_along,
    a_post_on_the_way_over,
];

const MISMATCH: &str = r#"{"code":3,"message":"Bad request"}"#;

fn the_websocket_takes_over() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        client.say("4\"by polling\"");
        assert_eq!(client.poll(), ["4\"by polling\""]);
        let polling = get(&client.query("polling"));
        let posting = post(&client.query("polling"), "", b"4\"x\"");
        let again = format!("/primus/?{}", client.query("websocket"));
        let (mut socket, brought) = client.go_over();
        assert!(brought.is_empty(), "{brought:?}");
        socket.text("4\"by websocket\"");
        assert_eq!(socket.expect_text(), "4\"by websocket\"");
        spark.write("written").unwrap();
        assert_eq!(socket.expect_text(), "4\"written\"");
        // It is the same spark, and polls are over.
        assert_eq!(server.spark(), spark);
        for request in [polling.as_bytes(), &posting] {
            let answer = ask(server.addr, request);
            assert_eq!((answer.status, &*answer.body), (400, MISMATCH));
        }
        // No second one.
        Peer::open_with(server.addr, &again, "").expect_close(None);
        socket.close();
        server.wait_empty();
        assert_eq!(spark.close_reason().unwrap().by, Ended::Remote);
        wait_until("it is forgotten", || ask(server.addr, &polling).body == UNKNOWN);
    }
    baseline.wait();
}

fn an_upgraded_session_costs_what_a_websocket_costs() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    let before = descriptors();
    let mut sockets: Vec<_> = (0..10).map(|_| Client::open(server.addr).go_over().0).collect();
    // Both ends of each are in this process.
    wait_for("descriptors", before + 20, descriptors);
    wait_for("threads", 4 + 10, || server_threads().len());
    for socket in &mut sockets {
        socket.text("41");
        assert_eq!(socket.expect_text(), "41");
    }
    sockets.into_iter().for_each(Peer::close);
    baseline.wait();
}

fn a_session_that_ends_takes_its_probe_along() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    // The client closes.
    let mut client = Client::open(server.addr);
    let mut socket = client.probe();
    client.say("1");
    socket.expect_close(None);
    // Its poll is lost.
    client = Client::open(server.addr);
    socket = client.probe();
    client.ask_poll();
    client.get.shutdown(std::net::Shutdown::Both);
    socket.expect_close(None);
    server.wait_empty();
    // The server ends, and the client polls for it.
    for reconnect in [false, true] {
        let mut client = Client::open(server.addr);
        let mut socket = client.probe();
        server.spark().end_options(ending(reconnect));
        let mut packets = Vec::new();
        while packets.last().is_none_or(|last| last != "1") {
            packets.extend(client.poll());
        }
        packets.retain(|packet| packet != "6");
        let goodbye: &[&str] = if reconnect { &[] } else { &["4\"primus::server::close\""] };
        assert_eq!(packets[..packets.len() - 1], *goodbye);
        socket.expect_close(None);
        server.wait_empty();
    }
    drop((client, socket));
    baseline.wait();
}

/// No client does that. The order of its messages is lost, so the POST is not
/// taken, and the client can tell.
fn a_post_on_the_way_over() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    let client = Client::open(server.addr);
    let mut posting = begin_post(&client, 4);
    let mut socket = client.probe();
    socket.text("5");
    socket.text("4\"x\"");
    assert_eq!(socket.expect_text(), "4\"x\"");
    posting.try_send(b"4\"y\"");
    assert!(posting.ends());
    socket.text("4\"z\"");
    assert_eq!(socket.expect_text(), "4\"z\"");
    socket.close();
    drop((client, posting));
    baseline.wait();
}
