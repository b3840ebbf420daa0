//! Handles, threads and listeners.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use primus::{Client, Error};

use crate::server::{CLOSE, Log, SOON, Server, TEXT, frame};

#[test]
fn the_last_handle_ends_the_connection() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let other = client.clone();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    drop(client);
    other.write("still there").unwrap();
    assert_eq!(peer.read_text(), "\"still there\"");
    drop(other);
    assert_eq!(peer.read_close(), None);
}

#[test]
fn a_handle_dropped_in_a_listener() {
    let server = Server::new();
    let held = Arc::new(std::sync::Mutex::new(None));
    let inner = Arc::clone(&held);
    let client = server
        .client()
        .build_with(move |client| {
            client.on_data(move |_, _| drop(inner.lock().unwrap().take()));
        })
        .unwrap();
    *held.lock().unwrap() = Some(client);
    let mut peer = server.accept();
    peer.text("1");
    assert_eq!(peer.read_close(), None);
}

#[test]
fn every_call_may_be_made_in_a_listener() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    let log = Log::of(&client);
    client.on_open(|client| {
        client.write("open")?;
        client.request_id(|_| {})?;
        client.ready_state();
        client.latency();
        client.queued();
        client.close_reason();
        let id = client.on_data(|client, _| client.end());
        client.off(client.on_data(|_, _| -> () { panic!("taken away") }));
        client.once_data(move |client, _| assert!(client.off(id)));
        client.once_data(|client, _| client.end());
        client.network(true)
    });
    client.on_end(|client, _| client.destroy());
    client.open().unwrap();
    let mut peer = server.accept();
    assert_eq!(peer.read_text(), "\"open\"");
    assert_eq!(peer.read_text(), "\"primus::id::\"");
    peer.text("1");
    assert_eq!(peer.read_close(), None);
    log.expect(&["open", "close 1000", "end", "destroy"]);
    assert!(matches!(client.open(), Err(Error::Closed)));
}

#[test]
fn listeners_that_panic_or_fail_disturb_nobody() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    let log = Log::of(&client);
    client.on_data(|_, _| -> () { panic!("first") });
    client.on_data(|_, _| Err::<(), _>("second"));
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    client.on_data(move |_, _| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    client.on_error(|_, _| -> () { panic!("in the error listener") });
    client.open().unwrap();
    let mut peer = server.accept();
    peer.text("1");
    log.expect(&["open", "error: listener panicked: first", "error: listener failed: second"]);
    peer.text("\"primus::ping::1\"");
    assert_eq!(peer.read_text(), "\"primus::pong::1\"");
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn destroy_is_the_last_event() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.accept();
    log.expect(&["open"]);
    client.destroy();
    client.destroy();
    log.expect(&["close 1000", "end", "destroy"]);
    assert_eq!(peer.read_close(), None);
    drop(peer);
    assert!(client.wait_end(SOON));
    assert!(matches!(client.write("x"), Err(Error::Closed)));
    assert!(matches!(client.open(), Err(Error::Closed)));
}

#[test]
fn handles_go_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<Client>();
    anywhere::<primus::Message>();
    anywhere::<Error>();
}

#[test]
fn a_client_that_was_never_opened_ends_at_once() {
    let client = Client::builder("http://127.0.0.1:1").manual(true).build().unwrap();
    client.end();
    assert!(client.wait_end(SOON));
    assert!(matches!(client.write("x"), Err(Error::Closed)));
}

#[test]
fn end_and_open_again_and_again() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    for n in 0..20 {
        client.open().unwrap();
        let mut peer = server.accept();
        client.wait_open(SOON).unwrap();
        client.write(&n).unwrap();
        client.end();
        assert_eq!(peer.read_text(), n.to_string());
        assert_eq!(peer.read_close(), None);
    }
}

#[test]
fn everything_arrives_although_the_server_talks_at_the_end() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    let reading = std::thread::spawn(move || {
        let mut count = 0;
        loop {
            match peer.frame() {
                (TEXT, _) => count += 1,
                (CLOSE, _) => break,
                other => panic!("{other:?}"),
            }
            peer.text("\"an answer that nobody waits for\"");
        }
        peer.send(&frame(CLOSE, b""));
        peer.read_end();
        count
    });
    for n in 0..5_000 {
        client.write(&n).unwrap();
    }
    client.end();
    assert!(client.wait_end(SOON));
    assert_eq!(reading.join().unwrap(), 5_000);
}

#[test]
fn ends_and_openings_of_many_threads() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    let url_of_server = server.url();
    assert!(url_of_server.starts_with("http"));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..200 {
                    client.open().unwrap();
                    let _ = client.write("x");
                    client.end();
                }
            });
        }
    });
    client.end();
    assert!(client.wait_end(SOON));
}
