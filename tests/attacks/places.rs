//! More connections than there are places or descriptors.

use std::net::TcpStream;

use primus::Primus;

use crate::common::child::{self, Child};
use crate::common::*;

#[test]
fn more_connections_than_the_bound() {
    let server = Server::echo(limited(|l| l.connections = Some(4)));
    let mut peers: Vec<_> = (0..4).map(|_| server.open()).collect();
    for _ in 0..3 {
        let mut peer = server.connect();
        peer.try_send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let response = peer.read_response();
        assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")));
        peer.expect_end();
    }
    assert_eq!(server.primus.metrics().connections_refused, 3);
    for peer in &mut peers {
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    }
    peers.pop().unwrap().close();
    wait_until("a newcomer is served", || {
        let mut peer = server.connect();
        peer.try_send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        peer.read_response().status == 404
    });
}

/// The server of the test below, in a process of its own.
#[test]
#[ignore = "started by another test, with few descriptors"]
fn a_server_with_few_descriptors() {
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert!(limits.current <= Some(64), "not to be run by hand");
    let server = Server::echo(limited(|l| l.connections = Some(1000)));
    child::serve(&server);
}

#[test]
fn descriptors_run_out() {
    let child = Child::start("-n 64", &[], "places::a_server_with_few_descriptors");
    let addr = child.addr;
    let echo = |peer: &mut Peer| {
        peer.text("1");
        assert_eq!(peer.expect_text(), "1");
    };
    let mut served = vec![Peer::open(addr)];
    // Take all there are.
    let mut flood: Vec<_> = (0..100).map(|_| TcpStream::connect(addr).unwrap()).collect();
    echo(&mut served[0]);
    // Newcomers are refused rather than left hanging.
    let mut last = Peer::from(flood.pop().unwrap());
    assert_eq!(last.read_response().status, 503);
    echo(&mut served[0]);
    drop(flood);
    wait_until("it has recovered", || {
        let mut peer = Peer::connect(addr);
        peer.try_send(&upgrade("/primus", "")) && peer.read_frame_or_noise_head().contains(" 101 ")
    });
    echo(&mut served[0]);
    drop(served);
    assert!(child.finish() > 0);
}

#[test]
#[ignore = "started by another test, with few descriptors"]
fn a_server_with_drain_listeners() {
    let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    assert!(limits.current <= Some(200), "not to be run by hand");
    let server = Server::start(Primus::builder().send_buffer(4 << 10));
    let listens = std::env::var_os("DRAIN").is_some();
    server.primus.on_connection(move |spark| {
        if listens {
            spark.on_drain(|spark| spark.write("drained").map(drop));
        }
        spark.on_data(|spark, _| spark.write(&"x".repeat(1 << 20)).map(drop));
    });
    child::serve(&server);
}

/// Waits for the message of the `drain` listener, and answers pings.
fn expect_drained(peer: &mut Peer) {
    peer.text("1");
    loop {
        let frame = peer.expect_frame();
        match frame.opcode() {
            PING => peer.frame(FIN | PONG, &frame.payload),
            _ if frame.payload == b"\"drained\"" => return,
            _ => assert_eq!(frame.payload.len(), (1 << 20) + 2),
        }
    }
}

/// Each took a second descriptor, by which its thread was woken.
#[test]
fn as_many_connect_with_a_drain_listener_as_without() {
    let fit = [false, true].map(|listens| {
        let variables: &[_] = if listens { &[("DRAIN", "1")] } else { &[] };
        let child = Child::start("-n 200", variables, "places::a_server_with_drain_listeners");
        let addr = child.addr;
        let mut peers = Vec::new();
        for _ in 0..200 {
            let mut peer = Peer::connect(addr);
            peer.try_send(&upgrade("/primus", ""));
            if !peer.read_head().contains(" 101 ") {
                break;
            }
            peers.push(peer);
        }
        if listens {
            // With a waker of its own, and without.
            let last = peers.len() - 1;
            for at in [0, last, 0, last] {
                expect_drained(&mut peers[at]);
            }
        }
        child.finish();
        peers.len()
    });
    assert_eq!(fit[0], fit[1]);
    assert!(fit[0] > 100, "{fit:?}");
}
