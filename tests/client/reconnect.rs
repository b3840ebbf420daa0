//! Losing a connection and making it anew.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use primus::{Error, ReadyState};

use crate::server::{CLOSE, Log, Peer, SOON, Server, frame};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn buster(peer: &Peer) -> String {
    let (_, buster) = peer.query().split_once("_primuscb=").unwrap();
    buster.to_owned()
}

#[test]
fn a_lost_connection_is_made_anew() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let first = server.accept();
    log.expect(&["open"]);
    let first_buster = buster(&first);
    first.close();
    log.expect(&["close 1005", "scheduled 1 20ms", "reconnect 1"]);
    client.write("while it is away").unwrap();
    let mut second = server.accept();
    log.expect(&["reconnected 1", "open"]);
    assert_ne!(buster(&second), first_buster);
    assert_eq!(second.read_text(), "\"while it is away\"");
    second.text("1");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1);
    assert!(log.is_empty());
}

#[test]
fn messages_survive_the_loss_for_recv() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let mut first = server.accept();
    first.text("1");
    drop(first);
    let mut second = server.accept();
    second.text("2");
    let both = [client.recv_timeout(SOON).unwrap(), client.recv_timeout(SOON).unwrap()];
    assert_eq!(both.map(|m| m.parse::<u8>().unwrap()), [1, 2]);
}

#[test]
fn a_close_that_is_meant_is_the_end() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.accept();
    peer.text("\"primus::server::close\"");
    peer.text("1");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1, "only announced");
    peer.send(&frame(CLOSE, b""));
    log.expect(&["open", "close 1005", "end"]);
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if !why.may_reconnect));
    assert!(matches!(client.write("x"), Err(Error::Closed)));
    drop(peer);
    assert!(client.wait_end(SOON));
    // The application may still decide otherwise.
    client.open().unwrap();
    let _peer = server.accept();
    log.expect(&["open"]);
}

#[test]
fn attempts_end_after_the_retries() {
    let server = Server::new();
    let builder = server.client().reconnect_min(ms(1)).reconnect_retries(3).reconnect_max(ms(1));
    let client = builder.build().unwrap();
    let log = Log::of(&client);
    let peer = server.accept();
    log.expect(&["open"]);
    drop(server);
    drop(peer);
    log.expect(&["close 1006"]);
    for n in 1..=3 {
        log.expect(&[&format!("scheduled {n} 1ms"), &format!("reconnect {n}")]);
    }
    log.expect(&["reconnect failed", "end"]);
    assert!(client.recv().is_err());
    assert!(client.wait_end(SOON));
}

#[test]
fn the_first_connection_may_be_tried_again_too() {
    let server = Server::new();
    let client = server.client().reconnect_retries(None).reconnect_max(ms(5)).build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.request();
    peer.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let error = format!("error: {}/primus: unexpected server response: 503", server.url());
    log.expect(&[&error, "scheduled 1 20ms", "reconnect 1"]);
    drop(server.request());
    log.expect(&["scheduled 2 5ms", "reconnect 2"]);
    let _peer = server.accept();
    log.expect(&["reconnected 2", "open"]);
}

#[test]
fn a_refusal_while_reconnecting_is_final() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    drop(server.accept());
    log.expect(&["open", "close 1006", "scheduled 1 20ms", "reconnect 1"]);
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 13\r\n\r\n{\"error\":\"x\"}";
    server.request().send(refusal);
    let error = format!("error: {}/primus: unexpected server response: 403: x", server.url());
    log.expect(&[&error, "close 1006", "end"]);
}

#[test]
fn end_while_waiting_to_reconnect() {
    let server = Server::new();
    let client = server.client().reconnect_min(Duration::from_secs(3600)).build().unwrap();
    let log = Log::of(&client);
    drop(server.accept());
    log.expect(&["open", "close 1006", "scheduled 1 3600s"]);
    assert_eq!(client.ready_state(), ReadyState::Closed);
    client.end();
    log.expect(&["end"]);
    assert!(client.wait_end(SOON));
}

#[test]
fn open_while_waiting_to_reconnect_does_not_wait() {
    let server = Server::new();
    let client = server.client().reconnect_min(Duration::from_secs(3600)).build().unwrap();
    let log = Log::of(&client);
    drop(server.accept());
    log.expect(&["open", "close 1006", "scheduled 1 3600s"]);
    client.open().unwrap();
    let _peer = server.accept();
    log.expect(&["reconnect 1", "reconnected 1", "open"]);
}

#[test]
fn end_while_an_attempt_hangs() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    drop(server.accept());
    let hanging = server.request();
    log.expect(&["open", "close 1006", "scheduled 1 20ms", "reconnect 1"]);
    client.end();
    log.expect(&["close 1000", "end"]);
    assert!(client.wait_end(SOON));
    drop(hanging);
}

#[test]
fn an_attempt_that_hangs_is_given_up() {
    let server = Server::new();
    let client = server.client().reconnect_timeout(ms(50)).reconnect_max(ms(1)).build().unwrap();
    let log = Log::of(&client);
    drop(server.accept());
    log.expect(&["open", "close 1006", "scheduled 1 20ms", "reconnect 1"]);
    let mut hanging = server.request();
    log.expect(&["reconnect timeout 1", "scheduled 2 1ms", "reconnect 2"]);
    hanging.read_end();
    client.end();
}

#[test]
fn the_first_connection_times_out() {
    let server = Server::new();
    let client = server.client().timeout(ms(50)).build().unwrap();
    let log = Log::of(&client);
    let _silent = server.request();
    log.expect(&["timeout", "scheduled 1 20ms", "reconnect 1"]);
    let _peer = server.accept();
    log.expect(&["reconnected 1", "open"]);
    drop(client);
}

#[test]
fn a_silent_server_is_left() {
    let server = Server::new();
    let client = server.client().ping_timeout(ms(100)).build().unwrap();
    let log = Log::of(&client);
    let mut silent = server.accept();
    log.expect(&["open", "offline", "close 1006", "scheduled 1 20ms"]);
    silent.read_end();
    let mut peer = server.accept();
    log.expect(&["reconnect 1", "reconnected 1", "online", "open"]);
    peer.text("\"primus::ping::1\"");
    assert_eq!(peer.read_text(), "\"primus::pong::1\"");
}

#[test]
fn pings_keep_the_connection() {
    let server = Server::new();
    let client = server.client().ping_timeout(ms(1500)).build().unwrap();
    let mut peer = server.accept();
    for n in 0..20 {
        crate::common::pause(ms(100));
        peer.text(&format!("\"primus::ping::{n}\""));
        assert_eq!(peer.read_text(), format!("\"primus::pong::{n}\""));
    }
    assert_eq!(client.ready_state(), ReadyState::Open);
}

#[test]
fn an_old_server_is_pinged() {
    let server = Server::new();
    let client = server.client().client_pings(ms(20), SOON).build().unwrap();
    let mut peer = server.accept();
    for _ in 0..3 {
        let ping = peer.read_text();
        assert!(ping.starts_with("\"primus::ping::1"), "{ping}");
        peer.text(&ping.replace("ping", "pong"));
    }
    assert!(matches!(client.try_recv(), Ok(None)));
}

#[test]
fn every_attempt_may_carry_something_fresh() {
    let server = Server::new();
    let count = AtomicU32::new(0);
    let client = server
        .client()
        .build_with(|client| {
            client.on_outgoing_url(move |_, url| {
                let n = count.fetch_add(1, Ordering::Relaxed);
                url.set_query("token", &format!("t{n}"));
                url.set_header("X-Token", &format!("h{n}"));
            });
        })
        .unwrap();
    for n in 0..3 {
        let peer = server.accept();
        assert!(peer.query().ends_with(&format!("&token=t{n}")), "{}", peer.query());
        assert_eq!(peer.header("x-token"), Some(format!("h{n}").as_str()));
    }
    drop(client);
}

#[test]
fn an_attempt_fails_with_its_hook() {
    let server = Server::new();
    let result = server.client().connect_with(|client| {
        client.on_outgoing_url(|_, _| Err::<(), _>("no token"));
    });
    assert_eq!(result.unwrap_err().to_string(), "listener failed: no token");
    let result = server.client().connect_with(|client| {
        client.on_outgoing_url(|_, url| url.set_header("X-A", "b\r\nX-C: d"));
    });
    assert!(matches!(result, Err(Error::Option(_))));
    let result = server.client().connect_with(|client| {
        client.on_outgoing_url(|_, url| url.host = "h\r\nX-Evil: 1".into());
    });
    assert!(matches!(result, Err(Error::Option(_))));
}

#[test]
fn the_network_goes_and_comes() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.accept();
    log.expect(&["open"]);
    client.network(false).unwrap();
    log.expect(&["offline", "close 1000", "end"]);
    assert_eq!(peer.read_close(), None);
    assert!(!client.is_online());
    client.write("later").unwrap();
    client.network(true).unwrap();
    log.expect(&["online", "scheduled 1 20ms", "reconnect 1"]);
    assert_eq!(server.accept().read_text(), "\"later\"");
}

#[test]
fn the_schedule_is_the_same_for_the_same_seed() {
    let delays = |seed| {
        let port = Server::new().port();
        let client = primus::Client::builder(&format!("http://127.0.0.1:{port}"))
            .reconnect_min(ms(2))
            .reconnect_retries(4)
            .reconnect_seed(seed)
            .manual(true)
            .build()
            .unwrap();
        let (tell, told) = crossbeam_channel::unbounded();
        client.on_reconnect_scheduled(move |_, attempt| tell.send(attempt.delay));
        client.open().unwrap();
        assert!(client.wait_end(SOON));
        told.try_iter().collect::<Vec<_>>()
    };
    let first = delays(1);
    assert_eq!(first.len(), 4);
    assert_eq!(first, delays(1));
}
