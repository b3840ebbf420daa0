//! A server that may use little memory.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use primus::Primus;

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
    println!("\nport {}", server.addr.port());
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!("\nrefused {}", server.primus.metrics().connections_refused);
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
    for (limit, arenas) in
        [("-d 100000", None), ("-v 150000", Some("1")), ("-v 200000", None), ("-v 400000", None)]
    {
        let mut child = Command::new("sh");
        if let Some(arenas) = arenas {
            child.env("MALLOC_ARENA_MAX", arenas);
        }
        let script = format!("ulimit {limit}; exec \"$0\" --ignored --exact --nocapture \"$1\"");
        let mut child = child
            .args(["-c", &script])
            .arg(std::env::current_exe().unwrap())
            .arg("little_memory::a_server_with_little_memory")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = lines.find_map(|line| line.strip_prefix("port ").map(str::to_owned)).unwrap();
        let addr: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
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
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        let told = lines.find_map(|line| line.strip_prefix("refused ").map(str::to_owned));
        assert!(told.unwrap().parse::<usize>().unwrap() >= refused, "{limit}");
        assert!(child.wait().unwrap().success(), "{limit}");
    }
}
