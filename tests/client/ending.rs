//! How the end of a client is told, and what is waited for before it.

use std::time::Duration;

use primus::{Client, Ended, Error, Written};

use crate::server::{CLOSE, Log, Peer, SOON, Server, frame};

fn refuse(mut peer: Peer, status: &str) {
    let head = format!("HTTP/1.1 {status}\r\nWWW-Authenticate: Bearer\r\n");
    peer.send(format!("{head}Content-Length: 15\r\n\r\n{{\"error\":\"why\"}}").as_bytes());
}

fn is_refused(error: &Error, expected: u16) -> bool {
    matches!(error, Error::Refused { status, message, authenticate, .. }
        if *status == expected && message == "why" && authenticate.as_deref() == Some("Bearer"))
}

#[track_caller]
fn assert_refused(client: &Client, status: u16) {
    for error in [client.recv().unwrap_err(), client.try_recv().unwrap_err()] {
        assert!(is_refused(&error, status), "{error}");
    }
    assert!(is_refused(&client.wait_open(SOON).unwrap_err(), status));
    assert!(is_refused(&client.error().unwrap(), status));
    let reason = client.close_reason().unwrap();
    assert!(is_refused(reason.cause().unwrap(), status), "{reason}");
    assert_eq!((reason.code, reason.by), (1006, Ended::Lost));
    let told = Error::Ended(Box::new(reason));
    assert!(std::error::Error::source(&told).is_some());
}

#[test]
fn a_refusal_is_told_as_a_value_wherever_the_end_is() {
    for (status, line) in [(401, "401 Unauthorized"), (403, "403 Forbidden")] {
        for first in [false, true] {
            let server = Server::new();
            let client = server.client().manual(true).build().unwrap();
            let (tell, told) = crossbeam_channel::unbounded();
            let (closed, error) = (tell.clone(), tell.clone());
            client.on_close(move |_, why| {
                let Some(cause) = why.cause() else { return };
                closed.send(cause.to_string()).unwrap();
            });
            client.on_error(move |_, why| error.send(why.to_string()));
            client.on_end(move |_, why| tell.send(why.cause().unwrap().to_string()));
            client.open().unwrap();
            if !first {
                drop(server.accept());
            }
            refuse(server.request(), line);
            assert!(client.wait_end(SOON));
            assert_refused(&client, status);
            let texts: Vec<_> = told.try_iter().collect();
            let url = server.url();
            let text = format!("{url}/primus: unexpected server response: {status}: why");
            assert_eq!(texts, [text.as_str(); 3], "error, close, end");
        }
    }
}

#[test]
fn a_refusal_that_outlasts_the_retries_is_told_as_a_value() {
    let server = Server::new();
    let client = server.client().reconnect_retries(1).build().unwrap();
    drop(server.accept());
    refuse(server.request(), "503 Service Unavailable");
    assert!(client.wait_end(SOON));
    assert_refused(&client, 503);
    // The next life knows nothing of it.
    client.open().unwrap();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    assert!(client.error().is_none());
    peer.send(&frame(CLOSE, b""));
    client.end();
    assert!(client.error().is_none(), "it was asked for");
    assert!(client.wait_end(SOON));
}

#[test]
fn every_end_but_ones_own_is_an_error() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    assert!(client.error().is_none());
    client.open().unwrap();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    assert!(client.error().is_none());
    peer.text("\"primus::server::close\"");
    peer.close();
    assert!(client.wait_end(SOON));
    assert!(matches!(client.error(), Some(Error::Ended(why)) if why.by == Ended::Remote));

    let client = server.client().strategy("off").build().unwrap();
    drop(server.accept());
    assert!(client.wait_end(SOON));
    assert!(matches!(client.error(), Some(Error::Ended(why)) if why.by == Ended::Lost));

    let client = server.client().build().unwrap();
    let _peer = server.accept();
    client.wait_open(SOON).unwrap();
    client.destroy();
    assert!(client.error().is_none());
}

#[test]
fn the_main_loop_lasts_as_long_as_the_client_may_come_back() {
    let server = Server::new();
    let client = server.client().reconnect_min(Duration::MAX).build().unwrap();
    let log = Log::of(&client);
    let moment = Duration::from_millis(20);
    assert!(!client.wait_end(moment));
    let peer = server.accept();
    log.expect(&["open"]);
    drop(peer);
    log.expect(&["close 1006"]);
    assert!(!client.wait_end(moment), "it waits for ever before it tries again");
    client.open().unwrap();
    let _peer = server.accept();
    client.wait_open(SOON).unwrap();
    client.network(false).unwrap();
    assert!(!client.wait_end(moment), "it waits for the network");
    let never = server.client().manual(true).build().unwrap();
    assert!(!never.wait_end(moment), "it was not even opened");
    client.end();
    never.end();
    assert!(client.wait_end(SOON) && never.wait_end(SOON));
}

/// More than sockets hold.
fn fill(client: &Client) -> String {
    let large = "x".repeat(100_000);
    let error = loop {
        match client.write_timeout(&large, Duration::from_millis(50)) {
            Ok(Written::Sent | Written::Queued(_)) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    large
}

#[test]
fn a_write_waits_no_longer_than_it_is_told() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    let mut written = 0;
    let large = "x".repeat(100_000);
    while client.write_timeout(&large, Duration::from_millis(50)).is_ok() {
        written += 1;
    }
    assert!(written > 1);
    for _ in 0..3 {
        let refused = client.write_timeout("not sent", Duration::from_millis(1));
        assert!(matches!(refused, Err(Error::Timeout(_))));
    }
    let reading = std::thread::spawn(move || {
        for _ in 0..written {
            assert_eq!(peer.read_text().len(), 100_002);
        }
        assert_eq!(peer.read_text(), "\"last\"");
        peer
    });
    client.write_timeout("last", Duration::MAX).unwrap();
    drop(reading.join().unwrap());
}

#[test]
fn a_write_that_waits_is_freed_by_the_loss_of_the_connection() {
    let server = Server::new();
    let client = server.client().strategy("off").build().unwrap();
    let peer = server.accept();
    client.wait_open(SOON).unwrap();
    let large = fill(&client);
    let writer = client.clone();
    let writing = std::thread::spawn(move || writer.write_timeout(&large, Duration::MAX));
    drop(peer);
    assert!(writing.join().unwrap().is_err());
}

#[test]
fn in_a_listener_a_write_with_a_time_does_not_wait() {
    let server = Server::new();
    let (tell, told) = crossbeam_channel::bounded(1);
    let client = server.client().manual(true).build().unwrap();
    client.on_open(move |client| {
        let large = "x".repeat(100_000);
        let error = loop {
            if let Err(error) = client.write_timeout(&large, Duration::MAX) {
                break error;
            }
        };
        tell.send(error)
    });
    client.open().unwrap();
    let _peer = server.accept();
    let error = told.recv_timeout(SOON).unwrap();
    assert!(matches!(error, Error::Full { waiting, bound, .. } if waiting > bound), "{error}");
}
