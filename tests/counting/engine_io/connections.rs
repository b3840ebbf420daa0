//! Connections that end in every place.

use std::io::Read;
use std::net::Shutdown;

use primus::Primus;

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![reset_at_each_byte, churn_leaves_no_memory_behind,];

const OPEN: &str = "EIO=4&transport=polling";

/// Sends the beginning of something, and goes in one of three ways.
fn leave(server: &Server, bytes: &[u8], way: usize) {
    let mut peer = server.connect();
    peer.try_send(bytes);
    match way % 3 {
        0 => peer.shutdown(Shutdown::Write),
        1 => drop(peer),
        _ => peer.reset(),
    }
}

fn reset_at_each_byte() {
    let before = descriptors();
    let server = echo(Primus::builder());
    // The handshake.
    let open = get(OPEN);
    for end in 0..=open.len() {
        leave(&server, open.as_bytes(), end);
        leave(&server, &open.as_bytes()[..end], end);
    }
    // A poll, a POST, one behind the other, and an upgrade to its end.
    for round in 0..4 {
        let mut end = 0;
        loop {
            let client = Client::open(server.addr);
            let query = client.query("polling");
            let all = match round {
                0 => get(&query).into_bytes(),
                1 => post(&query, "", b"4\"x\""),
                2 => [get(&query).into_bytes(), post(&query, "", b"4\"x\"")].concat(),
                _ => [
                    upgrade(&format!("/primus/?{}", client.query("websocket")), ""),
                    masked(FIN | TEXT, b"2probe"),
                    masked(FIN | TEXT, b"5"),
                    masked(FIN | TEXT, b"4\"x\""),
                    masked(FIN | CLOSE, b""),
                ]
                .concat(),
            };
            leave(&server, &all[..end.min(all.len())], end);
            // The session may live, and have another POST on the way, with
            // which this one collides.
            let mut post = client.post;
            post.send(&crate::client::post(&query, "", b"1"));
            let _ = post.stream.read(&mut [0; 4096]);
            if end >= all.len() {
                break;
            }
            end += 5;
        }
    }
    // Handshakes whose client is gone leave sessions, for a while.
    server.primus.for_each(|spark| spark.end_options(ending(true)));
    assert_eq!(server.primus.metrics().panics_caught, 0);
    still_serves(&server);
    let destroyed = server.destroy();
    assert_eq!(destroyed.stuck, 0);
    drop(server);
    wait_for("threads", 0, || server_threads().len());
    wait_for("descriptors", before, descriptors);
}

fn churn_leaves_no_memory_behind() {
    let server = echo(Primus::builder());
    let mut peer = server.connect();
    let mut churn = |rounds: usize| {
        for round in 0..rounds {
            let sid = sid_of(&peer.ask(&get(OPEN)).body);
            let query = format!("{OPEN}&sid={sid}");
            peer.send(&post(&query, "", b"4\"churn\""));
            assert_eq!(peer.read_response().body, "ok");
            assert_eq!(peer.ask(&get(&query)).body, "4\"churn\"");
            if round % 5 == 0 {
                let query = query.replace("polling", "websocket");
                let target = format!("/primus/?{query}");
                let mut socket = Peer::open_with(server.addr, &target, "");
                socket.text("2probe");
                assert_eq!(socket.expect_text(), "3probe");
                socket.text("5");
                socket.text("4\"over\"");
                assert_eq!(socket.expect_text(), "4\"over\"");
                socket.close();
            } else {
                peer.send(&post(&query, "", b"1"));
                assert_eq!(peer.read_response().body, "ok");
            }
        }
    };
    churn(300);
    let before = resident();
    churn(1500);
    let grown = resident().saturating_sub(before);
    // Two KiB a session would be three MiB.
    assert!(grown < 2 << 20, "grew by {grown}");
    server.wait_empty();
}
