//! A server that may use little memory.

use std::net::TcpStream;

use primus::Primus;

use crate::common::child::{self, Child};
use crate::common::*;
use crate::runner::Test;

pub const TESTS: &[Test] = tests![
    #[ignore]
    a_server_with_little_memory,
    newcomers_are_refused_where_memory_is_short_and_the_others_served,
];

const NEWCOMERS: usize = 1_500;

/// The server of the test below, in a process of its own.
fn a_server_with_little_memory() {
    let server = Server::echo(Primus::builder());
    child::serve(&server);
}

/// Whether a connection became a WebSocket.
fn is_open(peer: &mut Peer) -> bool {
    peer.read_head().starts_with("HTTP/1.1 101 ")
}

fn newcomers_are_refused_where_memory_is_short_and_the_others_served() {
    let mut most = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    most.current = most.maximum;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, most).unwrap();
    // Whole stacks count for all of these but the second.
    let one_arena: &[_] = &[("MALLOC_ARENA_MAX", "1")];
    for (limit, variables) in
        [("-d 100000", &[][..]), ("-v 150000", one_arena), ("-v 200000", &[]), ("-v 400000", &[])]
    {
        let test = "little_memory::a_server_with_little_memory";
        let child = Child::start(limit, variables, test);
        let addr = child.addr;
        let mut first = Peer::open(addr);
        // All at once, and each with its handshake sent.
        let mut crowd: Vec<Peer> = (0..NEWCOMERS)
            .map(|_| {
                let mut peer = Peer::from(TcpStream::connect(addr).unwrap());
                peer.try_send(&upgrade("/primus", ""));
                peer
            })
            .collect();
        let mut open: Vec<&mut Peer> = Vec::new();
        for peer in &mut crowd {
            if !peer.ends() && is_open(peer) {
                open.push(peer);
            }
        }
        assert!((1..NEWCOMERS).contains(&open.len()), "{limit}: {} were served", open.len());
        // Who was let in is served, all at once.
        let text = format!("\"{}\"", "x".repeat(2_000));
        open.iter_mut().for_each(|peer| peer.text(&text));
        open.iter_mut().for_each(|peer| assert_eq!(peer.expect_text(), text, "{limit}"));
        first.text("1");
        assert_eq!(first.expect_text(), "1", "{limit}");
        let refused = NEWCOMERS - open.len();
        drop(crowd);
        wait_until("newcomers are served again", || {
            let mut peer = Peer::connect(addr);
            peer.try_send(&upgrade("/primus", "")) && !peer.ends() && is_open(&mut peer)
        });
        first.text("1");
        assert_eq!(first.expect_text(), "1", "{limit}");
        assert!(child.finish() >= refused, "{limit}");
    }
}
