//! Writers that are quicker than the server, and listeners that wait for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use primus::{Client, Error, Written};

use super::server::{OFFER, OPEN, Server};
use crate::common::{nothing_for, wait_until};
use crate::server::{Log, SOON};

/// Writes until it fails; counts what was accepted.
fn writer(client: &Client, written: &Arc<AtomicUsize>) -> thread::JoinHandle<Error> {
    let (client, written) = (client.clone(), Arc::clone(written));
    thread::spawn(move || {
        let filler = "x".repeat(64 << 10);
        loop {
            if let Err(error) = client.write(&filler) {
                return error;
            }
            written.fetch_add(filler.len(), Ordering::SeqCst);
        }
    })
}

/// Waits until so much is written, and not sent, that writers have to wait.
fn wait_blocked(written: &AtomicUsize) {
    wait_until("writers wait", || written.load(Ordering::SeqCst) >= 256 << 10);
}

#[test]
fn a_write_waits_while_the_server_does_not_answer() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    let written = Arc::default();
    let writing = writer(&client, &written);
    let mut read = 0;
    for _ in 0..20 {
        let post = server.post();
        read += post.body.len();
        nothing_for(Duration::from_millis(10));
        let ahead = written.load(Ordering::SeqCst).saturating_sub(read);
        assert!(ahead <= 512 << 10, "{ahead} bytes ahead of the server");
        post.answer("ok");
    }
    client.end();
    assert!(matches!(writing.join().unwrap(), Error::Closed));
}

#[test]
fn several_writers_get_their_turns() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    let writers: Vec<_> = (0..4)
        .map(|name| {
            let client = client.clone();
            thread::spawn(move || {
                for n in 0..30 {
                    client.write(&(name, n, "x".repeat(60 << 10))).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0; 4];
    while next != [30; 4] {
        let post = server.post();
        for packet in post.body.split('\x1e') {
            let (name, n, _): (usize, i32, String) = serde_json::from_str(&packet[1..]).unwrap();
            assert_eq!(n, next[name], "each writer's are in order");
            next[name] += 1;
        }
        post.answer("ok");
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn end_frees_a_blocked_writer() {
    let server = Server::new();
    let client = server.client().close_timeout(Duration::from_millis(50));
    let (client, _poll) = server.open(client.transport("upgrade", "false"));
    let written = Arc::default();
    let writing = writer(&client, &written);
    let _post = server.post();
    wait_blocked(&written);
    client.end();
    assert!(matches!(writing.join().unwrap(), Error::Closed));
    assert!(client.wait_end(SOON));
}

#[test]
fn a_lost_session_frees_all_blocked_writers() {
    let server = Server::new();
    let (client, poll) = server.polled();
    let written = Arc::default();
    let writers: Vec<_> = (0..10).map(|_| writer(&client, &written)).collect();
    let _post = server.post();
    wait_blocked(&written);
    poll.answer("1");
    for writer in writers {
        assert!(matches!(writer.join().unwrap(), Error::Closed));
    }
}

/// The answers to a server that says much and takes nothing do not pile up.
#[test]
fn a_flood_of_primus_pings_is_not_answered_for_ever() {
    let server = Server::new();
    let (client, mut poll) = server.polled();
    let ping = format!("4\"primus::ping::{}\"", "1".repeat(1_000));
    client.write(&"first").unwrap();
    let post = server.post();
    for _ in 0..20 {
        poll.answer(&vec![ping.as_str(); 50].join("\x1e"));
        poll = server.get();
    }
    poll.answer("41");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u32>().unwrap(), 1);
    post.answer("ok");
    let answers = server.post().body.len();
    assert!((1_000..128 << 10).contains(&answers), "{answers} bytes of answers");
    client.destroy();
}

#[test]
fn a_lost_session_frees_a_blocked_writer() {
    let server = Server::new();
    let (client, poll) = server.polled();
    let written = Arc::default();
    let writing = writer(&client, &written);
    let _post = server.post();
    wait_blocked(&written);
    poll.answer("1");
    assert!(matches!(writing.join().unwrap(), Error::Closed));
}

#[test]
fn a_lost_heartbeat_frees_a_blocked_writer() {
    let server = Server::new();
    let client = server.client().ping_timeout(Duration::from_millis(200)).strategy("off");
    let (client, _poll) = server.open(client.transport("upgrade", "false"));
    let log = Log::of(&client);
    let writing = writer(&client, &Arc::default());
    log.expect(&["offline", "close 1006", "end"]);
    writing.join().unwrap();
}

#[test]
fn a_blocked_writer_does_not_keep_the_reader() {
    let server = Server::new();
    let (client, mut poll) = server.polled();
    let writing = writer(&client, &Arc::default());
    let _post = server.post();
    for n in 0..200 {
        poll.answer(&format!("4{n}"));
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u32>().unwrap(), n);
        poll = server.get();
    }
    client.destroy();
    writing.join().unwrap();
}

/// The listener has the thread that sends: it does so itself when it has
/// written ahead too far.
#[test]
fn a_listener_may_write_more_than_memory_is_for() {
    let server = Server::new();
    let builder = server.client().transport("transports", "polling").strategy("off");
    let client = builder
        .build_with(|client| {
            client.on_data(|client, _| {
                let filler = "x".repeat(100 << 10);
                for _ in 0..100 {
                    client.write(&filler).unwrap();
                }
                client.write("done").unwrap();
            });
        })
        .unwrap();
    server.get().answer(OPEN);
    client.wait_open(SOON).unwrap();
    server.get().answer("41");
    let mut read = 0;
    loop {
        let post = server.post();
        read += post.body.len();
        // The server hangs up each time, too.
        post.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        if post.body.ends_with("4\"done\"") {
            break;
        }
    }
    assert!(read > 100 * (100 << 10));
}

#[test]
fn a_listener_is_told_how_much_waits() {
    let server = Server::new();
    let (tell, told) = crossbeam_channel::unbounded();
    let builder = server.client().transport("transports", "polling").strategy("off");
    let client = builder
        .build_with(|client| {
            client.on_data(move |client, _| {
                for _ in 0..3 {
                    tell.send(client.write(&"x".repeat(998)).unwrap()).unwrap();
                }
            });
        })
        .unwrap();
    server.get().answer(OPEN);
    client.wait_open(SOON).unwrap();
    // The POST under way keeps the others waiting.
    client.write(&1).unwrap();
    let _post = server.post();
    server.get().answer("41");
    let told: Vec<_> = (0..3).map(|_| told.recv_timeout(SOON).unwrap()).collect();
    assert_eq!(told, [1, 2, 3].map(|n| Written::Queued(n * 1_000)));
}

/// The writer does the sending that the client's thread has no time for.
#[test]
fn a_listener_may_wait_for_a_writer() {
    for offer in [OPEN, OFFER] {
        let server = Server::new();
        let (tell, told) = crossbeam_channel::unbounded();
        let client = server
            .client()
            .strategy("off")
            .build_with(|client| {
                client.on_data(move |client, _| {
                    let writer = client.clone();
                    let writing = thread::spawn(move || {
                        for _ in 0..40 {
                            writer.write(&"x".repeat(100 << 10)).unwrap();
                        }
                    });
                    writing.join().unwrap();
                    tell.send(()).unwrap();
                });
            })
            .unwrap();
        server.get().answer(offer);
        client.wait_open(SOON).unwrap();
        if offer == OFFER {
            let mut peer = server.accept();
            assert_eq!(peer.read_text(), "2probe");
        }
        server.get().answer("41");
        let mut read = 0;
        while read < 40 * (100 << 10) {
            let post = server.post();
            read += post.body.len();
            if read % 2 == 0 {
                post.answer("ok");
            } else {
                post.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            }
        }
        told.recv_timeout(SOON).unwrap();
    }
}
