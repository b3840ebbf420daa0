//! The end of a server, and what it leaves behind.

use std::net::TcpStream;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use primus::{Destroy, Error, Primus};

use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    destroy_tells_the_clients_and_leaves_nothing,
    destroy_cuts_clients_that_do_not_answer,
    one_server_may_be_destroyed_by_a_listener_of_another,
    listen_beside_destroy_leaves_no_port_open,
];

fn destroy_tells_the_clients_and_leaves_nothing() {
    let before = (server_threads().len(), descriptors());
    for reconnect in [false, true] {
        let primus = Primus::builder().build().unwrap();
        let (closed, close) = unbounded();
        let handle = primus.clone();
        primus.on_connection(move |_| assert!(handle.connected() > 0)); // a cycle
        let handle = primus.clone();
        primus.on_request(move |_, _| {
            tiny_http::Response::from_string(handle.metrics().to_string()).boxed()
        });
        primus.on_close(move |_| tell(&closed, ()));
        let addr = primus.listen("127.0.0.1:0").unwrap();
        let mut peers: Vec<_> = (0..20).map(|_| Peer::open(addr)).collect();
        let mut idle = Peer::connect(addr);
        assert_eq!(idle.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
        let silent = Peer::connect(addr);
        wait_for("sparks", 20, || primus.connected());
        primus.write("last words").unwrap();
        let ender = primus.clone();
        let options = Destroy::default().reconnect(reconnect).timeout(PATIENCE);
        let ending = std::thread::spawn(move || ender.destroy(options));
        for peer in &mut peers {
            assert_eq!(peer.expect_text(), "\"last words\"");
            if !reconnect {
                assert_eq!(peer.expect_text(), CLOSE_MESSAGE);
            }
            assert_eq!(peer.expect_frame().head, FIN | CLOSE);
            peer.frame(FIN | CLOSE, b"");
            peer.expect_end();
        }
        let destroyed = ending.join().unwrap();
        assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (20, 0, 0));
        assert_eq!(close.try_recv(), Ok(()));
        assert_eq!(server_threads().len(), before.0, "{:?}", server_threads());
        assert!(TcpStream::connect(addr).is_err());
        idle.expect_end();
        drop((peers, idle, silent, primus));
    }
    assert_eq!(descriptors(), before.1);
}

fn destroy_cuts_clients_that_do_not_answer() {
    let before = server_threads().len();
    let server = Server::echo(Primus::builder().send_buffer(16 << 10));
    let _mute: Vec<_> = (0..5).map(|_| server.open()).collect();
    wait_for("sparks", 5, || server.primus.connected());
    server.primus.write(&"x".repeat(10 << 20)).unwrap();
    let start = Instant::now();
    let destroyed = server.primus.destroy(Destroy::default().timeout(Duration::from_millis(100)));
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (5, 5, 0));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(server_threads().len(), before);
}

fn one_server_may_be_destroyed_by_a_listener_of_another() {
    let first = Server::echo(Primus::builder());
    let second = Server::echo(Primus::builder());
    let (done, result) = unbounded();
    let target = second.primus.clone();
    first.primus.on_connection(move |_| {
        let options = Destroy::default().timeout(Duration::from_millis(50));
        tell(&done, target.destroy(options));
    });
    let _left = second.open();
    wait_for("sparks", 1, || second.primus.connected());
    let _peer = first.open();
    let destroyed = result.recv_timeout(PATIENCE).unwrap();
    assert_eq!((destroyed.sparks, destroyed.cut, destroyed.stuck), (1, 1, 0));
    assert_eq!(second.primus.connected(), 0);
}

fn listen_beside_destroy_leaves_no_port_open() {
    let before = server_threads().len();
    for _ in 0..50 {
        let primus = Primus::builder().build().unwrap();
        let barrier = Arc::new(Barrier::new(2));
        let (listening, both) = (primus.clone(), barrier.clone());
        let listener = std::thread::spawn(move || {
            both.wait();
            listening.listen("127.0.0.1:0")
        });
        barrier.wait();
        primus.destroy(Destroy::default());
        if let Ok(addr) = listener.join().unwrap() {
            wait_until("the port is closed", || TcpStream::connect(addr).is_err());
        }
        wait_for("threads", before, || server_threads().len());
    }
    // The same from within.
    let primus = Primus::builder().build().unwrap();
    primus.on_initialised(|primus| {
        primus.destroy(Destroy::default());
    });
    assert!(matches!(primus.listen("127.0.0.1:0"), Err(Error::Closed)));
    wait_for("threads", before, || server_threads().len());
}
