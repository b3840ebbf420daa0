//! What connections take of memory while they are quiet, and what they leave of
//! it when they go.

use std::fs;
use std::sync::{Arc, RwLock};

use crate::common::*;
use crate::runner::Test;
use crate::ways::comes_back_to;
use primus::Primus;

pub const TESTS: &[Test] = tests![
    a_connection_that_was_served_has_touched_few_pages_of_its_stack,
    the_memory_of_unfinished_messages_comes_back,
    the_memory_of_whole_messages_comes_back,
    the_memory_of_echoes_that_nobody_reads_comes_back,
    the_memory_of_posts_and_of_answers_to_polls_comes_back,
];

const MIB: usize = 1 << 20;

/// Of the pages of a stack the topmost hold glibc's data of a thread and its
/// thread locals.
const STACK_KIB: usize = if cfg!(debug_assertions) { 24 } else { 8 };

/// Resident memory of every mapping of exactly this size, in KiB.
fn resident_of_mappings(bytes: usize) -> Vec<usize> {
    let mut sizes = Vec::new();
    let mut ours = false;
    for line in fs::read_to_string("/proc/self/smaps").unwrap().lines() {
        let (first, rest) = line.split_once(' ').unwrap();
        if let Some((from, to)) = first.split_once('-') {
            let end = |text| usize::from_str_radix(text, 16).unwrap();
            ours = end(to) - end(from) == bytes && rest.starts_with("rw-p");
        } else if ours && first == "Rss:" {
            sizes.push(rest.trim().trim_end_matches(" kB").parse().unwrap());
        }
    }
    sizes
}

/// A page of a stack that was ever touched stays for as long as the thread does.
fn a_connection_that_was_served_has_touched_few_pages_of_its_stack() {
    // A size that nothing else has, and too large for a stack that glibc has kept.
    let size = (3 << 20) + (4 << 10);
    let server = Server::echo(Primus::builder().stack_size(size));
    let mut peers: Vec<_> = (0..50).map(|_| server.open()).collect();
    for peer in &mut peers {
        peer.text("\"a message of some length, which is echoed as it is\"");
        peer.expect_text();
    }
    let mut pages = resident_of_mappings(size);
    pages.sort_unstable();
    assert!(pages.len() >= peers.len(), "{} stacks", pages.len());
    // One may have met the allocator at something rare.
    let most = pages[pages.len() * 9 / 10];
    assert!(most <= STACK_KIB, "{pages:?}");
}

/// A message as JSON, of so many bytes. It is never freed, for the allocator of
/// this process learns from what is.
fn message(length: usize) -> &'static [u8] {
    let mut text = vec![b'x'; length];
    (text[0], text[length - 1]) = (b'"', b'"');
    text.leak()
}

/// Clients send this, so many times and all at the same time, and leave: again
/// and again.
fn come_and_go(server: &Server, clients: usize, sent: &[u8], times: usize) {
    let before = resident();
    for round in 0..4 {
        let mut peers: Vec<_> = (0..clients).map(|_| Some(server.open())).collect();
        for piece in (0..times).flat_map(|_| sent.chunks(64 << 10)) {
            for peer in &mut peers {
                // One that is cut for being slow is done.
                if peer.as_mut().is_some_and(|open| !open.try_send(piece)) {
                    *peer = None;
                }
            }
        }
        drop(peers);
        server.wait_empty();
        comes_back_to(&format!("round {round}"), before + 24 * MIB);
    }
    server.still_serves();
}

/// Buffers that had grown and were freed left the allocator's arenas in pieces,
/// and taught it to keep them.
fn the_memory_of_unfinished_messages_comes_back() {
    let server = Server::echo(Primus::builder());
    let frame = masked(0x81, message(6 * MIB)).leak();
    come_and_go(&server, 40, &frame[..frame.len() - 1], 1);
}

fn the_memory_of_whole_messages_comes_back() {
    let server = Server::echo(Primus::builder());
    come_and_go(&server, 20, masked(0x81, message(2 * MIB)).leak(), 1);
}

fn the_memory_of_echoes_that_nobody_reads_comes_back() {
    let server = Server::echo(Primus::builder());
    come_and_go(&server, 20, &masked(0x81, message(10_000)).repeat(6), 160);
}

/// A POST of this body in a session of engine.io, or the first request of one.
fn request(session: Option<&str>, method: &str, body: &str) -> Vec<u8> {
    let sid = session.map(|sid| format!("&sid={sid}")).unwrap_or_default();
    format!(
        "{method} /primus/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: a\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Opens a session; its connection and its id.
fn open_polling(server: &Server) -> (Peer, String) {
    let mut peer = server.connect();
    peer.send(&request(None, "GET", ""));
    let answer = peer.read_response().body;
    let sid = answer.split('"').nth(3).expect("the id of a session").to_owned();
    (peer, sid)
}

/// A server that echoes every message once the gate is open. So long everything
/// that clients post waits.
fn gated(gate: &Arc<RwLock<()>>) -> Server {
    let server = Server::start(Primus::builder().transformer("engine.io"));
    let gate = gate.clone();
    server.primus.on_connection(move |spark| {
        let gate = gate.clone();
        spark.on_data(move |spark, message| {
            drop(gate.read());
            spark.write_frame(message.frame()).map(drop)
        });
    });
    server
}

/// Sessions post messages. When all of these wait the gate is opened, and the
/// sessions poll for their echoes and leave without reading the answer.
fn post_and_poll(server: &Server, gate: &RwLock<()>, message: &str, bytes: usize, clients: usize) {
    let packets = vec![format!("4{message}"); bytes / (message.len() + 2)];
    let body = packets.join("\u{1e}");
    let shut = gate.write().unwrap();
    let post = |_| {
        let (mut peer, sid) = open_polling(server);
        peer.send(&request(Some(&sid), "POST", &body));
        assert_eq!(peer.read_response().status, 200);
        sid
    };
    let sessions: Vec<_> = (0..clients).map(post).collect();
    drop(shut);
    let mut left = Vec::new();
    for sid in sessions {
        let mut poll = server.connect();
        poll.send(&request(Some(&sid), "GET", ""));
        let mut last = server.connect();
        last.send(&request(Some(&sid), "POST", "1"));
        last.read_response();
        left.push((poll, last));
    }
}

fn the_memory_of_posts_and_of_answers_to_polls_comes_back() {
    let gate = Arc::default();
    let server = gated(&gate);
    post_and_poll(&server, &gate, "1", 2, 1);
    server.wait_empty();
    let before = resident();
    let long = format!("\"{}\"", "x".repeat(10_000));
    for (message, bytes, clients) in [("1", 20_000, 10), (&long, 900_000, 60)] {
        post_and_poll(&server, &gate, message, bytes, clients);
        server.wait_empty();
        comes_back_to("echoes", before + 24 * MIB);
    }
}
