//! Who is told that it is connected is known to the server.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use primus::testing::pair;
use primus::{Builder, Client, Primus};

use crate::common::*;

/// The ways to connect: transformer of both sides, and the client's transports.
const WAYS: [(&str, &str); 4] = [
    ("websockets", ""),
    ("engine.io", "polling"),
    ("engine.io", "websocket"),
    ("engine.io", "polling,websocket"),
];

fn by(transformer: &str) -> Builder {
    Primus::builder().transformer(transformer)
}

fn check(primus: &Primus, client: &Client, n: usize) {
    assert_eq!(primus.connected(), 1);
    assert_eq!(primus.metrics().connections.values().map(|counts| counts.now).sum::<u64>(), 1);
    primus.write(&n).unwrap();
    assert_eq!(client.recv_timeout(PATIENCE).unwrap().parse::<usize>().unwrap(), n);
    client.end();
    wait_for("sparks", 0, || primus.connected());
    wait_for("counted", 0, || {
        primus.metrics().connections.values().map(|counts| counts.now).sum::<u64>()
    });
}

#[test]
fn a_broadcast_reaches_whoever_has_just_connected() {
    for (transformer, transports) in WAYS {
        let server = Server::start(by(transformer));
        let url = format!("http://{}", server.addr);
        for n in 0..60 {
            let client = Client::builder(&url).transformer(transformer);
            let client = match transports {
                "" => client,
                some => client.transport("transports", some),
            };
            check(&server.primus, &client.connect().unwrap(), n);
            check(&server.primus, pair(&server.primus, |client| client).unwrap().client(), n);
        }
    }
}

#[test]
fn nothing_comes_before_the_answer_to_a_handshake_however_many_broadcast() {
    for (transformer, target) in
        [("websockets", "/primus"), ("engine.io", "/primus?EIO=4&transport=websocket")]
    {
        let server = Server::start(by(transformer));
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(SeqCst) {
                        // More than can be sent are refused.
                        let _ = server.primus.write("to all");
                        thread::yield_now();
                    }
                });
            }
            for _ in 0..40 {
                let mut peer = Peer::open_with(server.addr, target, "");
                if transformer == "engine.io" {
                    let first = peer.expect_text();
                    assert!(first.starts_with("0{"), "{first}");
                    assert_eq!(peer.expect_text(), "4\"to all\"");
                } else {
                    assert_eq!(peer.expect_text(), "\"to all\"");
                }
                peer.reset();
            }
            done.store(true, SeqCst);
        });
    }
}

#[test]
fn who_leaves_before_the_handshake_is_answered_was_never_there() {
    let websocket = |target| String::from_utf8(upgrade(target, "")).unwrap();
    for (transformer, request) in [
        ("websockets", websocket("/primus")),
        ("engine.io", websocket("/primus?EIO=4&transport=websocket")),
        ("engine.io", "GET /primus?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n".into()),
    ] {
        let primus = by(transformer).ping_interval(None).build().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        primus.on_connection(move |_| {
            counted.fetch_add(1, SeqCst);
        });
        for _ in 0..20 {
            let (near, mut far) = UnixStream::pair().unwrap();
            far.write_all(request.as_bytes()).unwrap();
            drop(far);
            primus.serve(near).unwrap();
        }
        // A WebSocket of engine.io is answered before it becomes a session.
        let ever = if request.contains("transport=websocket") { 0 } else { 20 };
        wait_until("they are gone", || {
            let counts = primus.metrics().connections.values().next().copied();
            let counts = counts.unwrap_or_default();
            counts.ever == ever && counts.now == 0 && primus.connected() == 0
        });
        assert_eq!(primus.destroy(Default::default()).cut, 0);
        if request.contains("Upgrade") {
            assert_eq!(connections.load(SeqCst), 0, "{transformer}");
        }
    }
}
