//! How deep the stacks of connections are: each page that was ever touched is kept
//! for as long as the connection lives, and what the compiler inlines decides on it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use primus::{Client, ClientTls};

use crate::common::*;

const CONNECTIONS: usize = 50;

/// A page of memory.
const PAGE_KIB: usize = 4;

/// Resident KiB of each mapping that is as large as the stack of a connection.
fn stacks(process: u32) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
    let number = |line: &str| line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap();
    let mut size = 0;
    let mut found = Vec::new();
    for line in maps.lines() {
        if line.starts_with("Size:") {
            size = number(line);
        } else if line.starts_with("Rss:") && (1024..1040).contains(&size) && number(line) > 0 {
            found.push(number(line));
        }
    }
    found
}

/// The echo server of the optimised build; `None` when no folder is named.
fn echo(options: &[&str]) -> Option<(Child, SocketAddr)> {
    let Some(folder) = std::env::var_os("PRIMUS_RELEASE_EXAMPLES") else {
        let _ = writeln!(
            std::io::stderr(),
            "the stack of an optimised build: skipped (PRIMUS_RELEASE_EXAMPLES names no folder)"
        );
        return None;
    };
    let mut echo = Command::new(Path::new(&folder).join("echo"))
        .args(["--port", "0", "--ping-interval", "0"])
        .args(options)
        .stdout(Stdio::piped())
        .spawn()
        .expect("build it with `cargo build --release --example echo`");
    let mut line = String::new();
    BufReader::new(echo.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim_end().rsplit('/').next().unwrap().parse().unwrap();
    Some((echo, addr))
}

/// Ends the server, whose connections have all spoken, and looks at their stacks: each
/// uses so many pages.
fn are_shallow(mut echo: Child, pages: usize) {
    let stacks = stacks(echo.id());
    let _ = echo.kill();
    let _ = echo.wait();
    assert!(stacks.len() >= CONNECTIONS, "{stacks:?}");
    // The first that does something finds symbols on its stack, and a handshake has a
    // thread for itself, which rests for a moment.
    let deep = stacks.iter().filter(|kib| **kib > pages * PAGE_KIB).count();
    assert!(deep <= 3, "{deep} of {stacks:?}");
}

#[test]
fn a_connection_that_has_spoken_uses_two_pages_of_its_stack() {
    let Some((echo, addr)) = echo(&[]) else { return };
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| Peer::open(addr)).collect();
    for peer in &mut peers {
        peer.text("\"to and fro\"");
        assert_eq!(peer.expect_text(), "\"to and fro\"");
    }
    are_shallow(echo, 2);
}

#[test]
fn one_over_tls_uses_three() {
    let file = |name| format!("{}/tests/tls/certificates/{name}", env!("CARGO_MANIFEST_DIR"));
    let (cert, key) = (file("server.pem"), file("server.key"));
    let Some((echo, addr)) = echo(&["--tls-cert", &cert, "--tls-key", &key]) else { return };
    let url = format!("https://localhost:{}", addr.port());
    let client = |_| {
        let tls = ClientTls::new().roots_file(file("ca.pem"));
        let client = Client::builder(&url).tls(tls).connect().unwrap();
        client.write(&"to and fro").unwrap();
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str(), Some("to and fro"));
        client
    };
    let clients: Vec<_> = (0..CONNECTIONS).map(client).collect();
    are_shallow(echo, 3);
    drop(clients);
}
