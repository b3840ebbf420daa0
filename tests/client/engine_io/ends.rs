//! How sessions end, by either side.

use std::time::Duration;

use primus::{Ended, Error};

use super::server::{OFFER, OPEN, Server};
use crate::server::{Log, SOON};

#[test]
fn the_server_closes() {
    let server = Server::new();
    let (client, poll) = server.polled();
    let log = Log::of(&client);
    poll.answer("4\"last\"");
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("last"));
    server.get().answer("4\"primus::server::close\"");
    server.get().answer("6\x1e1\x1e4\"late\"");
    log.expect(&["close 1005", "end"]);
    match client.recv() {
        Err(Error::Ended(why)) => assert_eq!((why.by, why.may_reconnect), (Ended::Remote, false)),
        other => panic!("{other:?}"),
    }
    assert!(server.is_silent());
    assert!(client.wait_end(SOON));
}

#[test]
fn a_close_that_was_not_announced_is_followed_by_another_session() {
    let server = Server::new();
    let (client, poll) = server.open(server.client().transport("transports", "polling"));
    let log = Log::of(&client);
    poll.answer("1");
    assert_eq!(log.next(), "close 1005");
    assert!(log.next().starts_with("scheduled 1"));
    log.expect(&["reconnect 1"]);
    let handshake = server.get();
    assert!(!handshake.names().contains(&"sid"));
    handshake.answer(OPEN);
    log.expect(&["reconnected 1", "open"]);
}

/// What was written goes first, then the goodbye, alone; the poll is not
/// waited for.
#[test]
fn the_client_ends() {
    let server = Server::new();
    let (client, poll) = server.polled();
    client.write(&1).unwrap();
    let post = server.post();
    client.write(&2).unwrap();
    client.write(&3).unwrap();
    client.end();
    assert!(matches!(client.write(&4), Err(Error::Closed)));
    assert!(server.is_silent());
    post.answer("ok");
    let post = server.post();
    assert_eq!(post.body, "42\x1e43");
    post.answer("ok");
    let goodbye = server.post();
    assert_eq!(goodbye.body, "1");
    assert!(!client.wait_end(Duration::from_millis(20)));
    goodbye.answer("ok");
    assert!(client.wait_end(SOON));
    drop(poll);
    assert!(server.is_silent());
}

#[test]
fn a_poll_that_is_answered_meanwhile_is_the_last() {
    let server = Server::new();
    let (client, poll) = server.polled();
    client.end();
    let goodbye = server.post();
    poll.answer("4\"late\"\x1e2");
    assert!(server.is_silent());
    goodbye.answer("ok");
    assert!(client.wait_end(SOON));
}

#[test]
fn the_goodbye_is_not_waited_for_for_ever() {
    let server = Server::new();
    let client = server.client().close_timeout(Duration::from_millis(50));
    let (client, _poll) = server.open(client.transport("upgrade", "false"));
    client.end();
    assert_eq!(server.post().body, "1");
    assert!(client.wait_end(SOON));
}

#[test]
fn the_end_while_the_session_opens() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let _handshake = server.get();
    client.end();
    log.expect(&["close 1000", "end"]);
    assert!(client.wait_end(SOON));
    assert!(server.is_silent());
}

/// At whatever point of the upgrade.
#[test]
fn the_end_while_a_websocket_probes() {
    for stage in 0..3 {
        let server = Server::new();
        let client = server.client().build().unwrap();
        server.get().answer(OFFER);
        let mut peer = if stage == 0 { server.upgrade() } else { server.accept() };
        let _poll = server.get();
        if stage > 0 {
            assert_eq!(peer.read_text(), "2probe");
        }
        if stage > 1 {
            peer.text("3probe");
            crate::common::pause(Duration::from_millis(20));
        }
        client.write(&1).unwrap();
        let post = server.post();
        client.write(&2).unwrap();
        client.end();
        post.answer("ok");
        let post = server.post();
        assert_eq!(post.body, "42", "{stage}");
        post.answer("ok");
        let goodbye = server.post();
        assert_eq!(goodbye.body, "1");
        goodbye.answer("ok");
        assert!(client.wait_end(SOON));
        if stage > 0 {
            assert_eq!(peer.read_close(), None);
        }
        peer.read_end();
    }
}

#[test]
fn the_last_handle_is_dropped() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    client.write(&1).unwrap();
    drop(client);
    let post = server.post();
    assert_eq!(post.body, "41");
    post.answer("ok");
    assert_eq!(server.post().body, "1");
}

/// Without a request under way the goodbye goes out at once.
#[test]
fn the_goodbye_on_a_kept_connection() {
    let server = Server::new();
    let (client, _poll) = server.polled();
    client.write(&1).unwrap();
    let post = server.post();
    post.answer("ok");
    crate::common::pause(Duration::from_millis(20));
    client.end();
    let goodbye = server.post();
    assert_eq!((goodbye.connection, goodbye.body.as_str()), (post.connection, "1"));
    goodbye.answer("ok");
    assert!(client.wait_end(SOON));
}

/// A server that has closed knows nothing of the session any more; what it
/// said before counts all the same.
#[test]
fn a_post_that_comes_too_late_does_not_hide_the_close() {
    let server = Server::new();
    let (client, poll) = server.open(server.client().transport("transports", "polling"));
    let log = Log::of(&client);
    client.write(&1).unwrap();
    let post = server.post();
    let long = format!("4\"{}\"", "x".repeat(10_000));
    let body = format!("{}\x1e4\"primus::server::close\"\x1e1", [&*long; 50].join("\x1e"));
    poll.answer(&body);
    post.refuse("400 Bad Request", r#"{"code":1,"message":"Session ID unknown"}"#);
    for _ in 0..50 {
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str().map(str::len), Some(10_000));
    }
    log.expect(&["close 1005", "end"]);
}

#[test]
fn a_poll_that_fails_while_the_client_ends_keeps_nothing_back() {
    for answer in ["", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n"]
    {
        let server = Server::new();
        let (client, poll) = server.polled();
        client.write(&1).unwrap();
        let post = server.post();
        client.write(&2).unwrap();
        client.end();
        poll.send(answer);
        poll.cut();
        post.answer("ok");
        let post = server.post();
        assert_eq!(post.body, "42");
        post.answer("ok");
        let goodbye = server.post();
        assert_eq!(goodbye.body, "1");
        goodbye.answer("ok");
        assert!(client.wait_end(SOON));
    }
}
