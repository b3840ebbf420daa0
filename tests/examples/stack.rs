//! How deep the stacks of connections are: each page that was ever touched is kept
//! for as long as the connection lives, and what the compiler inlines decides on it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::*;

const CONNECTIONS: usize = 50;

/// The largest of the optimised build, of which two pages are used.
const STACK_KIB: usize = 8;

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

#[test]
fn a_connection_that_has_spoken_uses_two_pages_of_its_stack() {
    let Some(folder) = std::env::var_os("PRIMUS_RELEASE_EXAMPLES") else {
        let _ = writeln!(
            std::io::stderr(),
            "the stack of an optimised build: skipped (PRIMUS_RELEASE_EXAMPLES names no folder)"
        );
        return;
    };
    let mut echo = Command::new(Path::new(&folder).join("echo"))
        .args(["--port", "0", "--ping-interval", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("build it with `cargo build --release --example echo`");
    let mut line = String::new();
    BufReader::new(echo.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let addr = line.trim_end().rsplit('/').next().unwrap().parse().unwrap();
    let mut peers: Vec<_> = (0..CONNECTIONS).map(|_| Peer::open(addr)).collect();
    for peer in &mut peers {
        peer.text("\"to and fro\"");
        assert_eq!(peer.expect_text(), "\"to and fro\"");
    }
    let stacks = stacks(echo.id());
    let _ = echo.kill();
    let _ = echo.wait();
    assert!(stacks.len() >= CONNECTIONS, "{stacks:?}");
    // The first that does something finds symbols on its stack.
    let deep = stacks.iter().filter(|kib| **kib > STACK_KIB).count();
    assert!(deep <= 3, "{deep} of {stacks:?}");
}
