//! Polls that are lost, and connections that close.

use std::net::Shutdown;

use primus::{Ended, Primus};

use crate::client::*;
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![a_lost_poll_ends_the_session_at_once, connections_that_close,];

fn a_lost_poll_ends_the_session_at_once() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    for reset in [false, true] {
        for waiting in [false, true] {
            let mut client = Client::open(server.addr);
            let spark = server.spark();
            client.ask_poll();
            if waiting {
                // Make sure that it is held: it is answered, and the next one
                // comes by the same thread.
                spark.write("x").unwrap();
                client.packets();
                client.ask_poll();
            }
            let Client { get, post, .. } = client;
            if reset {
                get.reset()
            } else {
                drop(get)
            }
            server.wait_empty();
            wait_until("it has ended", || spark.close_reason().is_some());
            assert_eq!(spark.close_reason().unwrap().by, Ended::Lost);
            drop(post);
        }
    }
    // A client that has said all it had to say is gone too.
    let mut client = Client::open(server.addr);
    client.ask_poll();
    client.get.shutdown(Shutdown::Write);
    server.wait_empty();
    client.wait_forgotten();
    drop(client);
    baseline.wait();
}

fn connections_that_close() {
    let server = echo(Primus::builder());
    let baseline = Baseline::of(&server);
    for version in ["1.1", "1.0"] {
        let old = |request: String| request.replace("HTTP/1.1", &format!("HTTP/{version}"));
        let close = if version == "1.1" { "Connection: close\r\n" } else { "" };
        let ask = |request: Vec<u8>| {
            let mut peer = server.connect();
            peer.send(&request);
            let answer = peer.read_response();
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.head.starts_with(&format!("HTTP/{version} 200")), "{}", answer.head);
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(answer.header("content-length").is_some());
            peer.expect_end();
            answer.body
        };
        let open = old(request("GET", "EIO=4&transport=polling", close));
        let query = format!("EIO=4&transport=polling&sid={}", sid_of(&ask(open.into_bytes())));
        let poll = || ask(old(request("GET", &query, close)).into_bytes());
        for n in 0..3 {
            let text = format!("4{n}");
            let said = String::from_utf8(post(&query, close, text.as_bytes())).unwrap();
            assert_eq!(ask(old(said).into_bytes()), "ok");
            assert_eq!(poll(), text);
        }
        // One that is held.
        let spark = server.spark();
        let mut held = server.connect();
        held.send(old(request("GET", &query, close)).as_bytes());
        spark.write("now").unwrap();
        assert_eq!(held.read_response().body, "4\"now\"");
        held.expect_end();
        let said = String::from_utf8(post(&query, close, b"1")).unwrap();
        assert_eq!(ask(old(said).into_bytes()), "ok");
        server.wait_empty();
    }
    baseline.wait();
}
