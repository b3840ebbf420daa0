//! The testing kit, and with it what only a failing wire and hours of time
//! show of server and client.

#[path = "../common/mod.rs"]
mod common;

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::kit::*;
use crossbeam_channel::unbounded;
use primus::testing::{Link, advance, pair_with};
use primus::{Client, Ended, Error, Generation, ReadyState};

#[test]
fn a_pair_has_the_options_of_its_server() {
    let server = echo_with(|builder| builder.pathname("/live").parser_name("msgpack"));
    let pair = server.pair();
    pair.client().write(&[1, 2]).unwrap();
    assert_eq!(pair.client().recv().unwrap().parse::<[u8; 2]>().unwrap(), [1, 2]);
    let spark = pair.spark().unwrap();
    assert!(spark.request().path().starts_with("/live"));
    assert_eq!(spark, pair.spark().unwrap());
    pair.client().end();
    server.ended(&spark, Ended::Remote);
}

#[test]
fn a_day_of_heartbeats() {
    let server = echo();
    let beats = Arc::new(AtomicUsize::new(0));
    let counted = beats.clone();
    server.primus.on_connection(move |spark| {
        let counted = counted.clone();
        spark.on_heartbeat(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        });
    });
    let pair = server.pair();
    let spark = pair.spark().unwrap();
    pair.advance(secs(86_400)).unwrap();
    assert_eq!(pair.spark().unwrap(), spark);
    let beats = beats.load(Ordering::Relaxed);
    assert!((2_878..=2_881).contains(&beats), "{beats}");
    assert_eq!(server.primus.metrics().heartbeats_missed, 0);
}

#[test]
fn a_day_of_heartbeats_that_the_client_begins() {
    let server = echo_with(|builder| builder.generation(Generation::ClientPings));
    let pair = server.pair();
    let spark = pair.spark().unwrap();
    pair.advance(secs(86_400)).unwrap();
    assert_eq!(pair.spark().unwrap(), spark);
    assert_eq!(pair.client().latency(), Some(Duration::ZERO));
}

#[test]
fn a_day_of_silence() {
    let server = echo_with(|builder| builder.ping_interval(None));
    let pairs = [server.pair(), server.pair()];
    let sparks = pairs.each_ref().map(|pair| pair.spark().unwrap());
    advance(&pairs.each_ref(), secs(86_400)).unwrap();
    assert_eq!(pairs.each_ref().map(|pair| pair.spark().unwrap()), sparks);
}

#[test]
fn a_dead_peer_is_found_out_by_both_sides() {
    let server = echo();
    let (tell, told) = unbounded();
    let pair = pair_with(&server.primus, |client| client, |client| log(client, &tell)).unwrap();
    let spark = pair.spark().unwrap();
    pair.advance(secs(70)).unwrap();
    expect(&told, &["open"]);
    pair.link().black_hole();
    // At most an interval until the next ping, and one to wait for its answer;
    // and some seconds more for a side that had not yet got round to reading.
    pair.advance(secs(29)).unwrap();
    assert_eq!(spark.ready_state(), ReadyState::Open);
    assert_eq!(pair.client().ready_state(), ReadyState::Open);
    pair.advance(secs(61)).unwrap();
    server.ended(&spark, Ended::Heartbeat);
    assert_eq!(server.primus.metrics().heartbeats_missed, 1);
    expect(&told, &["offline", "close Heartbeat", "scheduled 1"]);
    expect(&told, &["reconnected 1", "online", "open"]);
    assert_ne!(pair.spark().unwrap(), spark);
    // Nothing is left of the dead connection.
    eventually("one connection", || pair.link().connections() == 1);
    assert_eq!(server.primus.connected(), 1);
}

#[test]
fn a_server_that_answers_no_more_is_left() {
    // The server does not judge, so that only the client does.
    let server = echo_with(|builder| builder.ping_interval(None));
    let (tell, told) = unbounded();
    let patient = |client: primus::ClientBuilder| client.ping_timeout(secs(45));
    let pair = pair_with(&server.primus, patient, |client| log(client, &tell)).unwrap();
    expect(&told, &["open"]);
    let spark = pair.spark().unwrap();
    pair.link().down().black_hole();
    pair.link().refuse(true);
    pair.advance(secs(60)).unwrap();
    expect(&told, &["offline", "close Heartbeat", "scheduled 1", "scheduled 2"]);
    // The way up was sound, so that the server heard the end.
    server.ended(&spark, Ended::Lost);
    pair.link().refuse(false);
    pair.advance(secs(3600)).unwrap();
    let mut events = told.try_iter().skip_while(|event| event.starts_with("scheduled"));
    let reconnected = events.next().unwrap();
    assert!(reconnected.starts_with("reconnected"), "{reconnected}");
    assert_eq!(events.take(2).collect::<Vec<_>>(), ["online", "open"]);
}

#[test]
fn the_back_off_runs_on_the_clock() {
    let server = echo();
    let (tell, told) = unbounded();
    let retries = |client: primus::ClientBuilder| client.reconnect_retries(5).reconnect_seed(7);
    let pair = pair_with(&server.primus, retries, |client| log(client, &tell)).unwrap();
    pair.link().refuse(true);
    pair.link().cut();
    expect(&told, &["open", "close Lost", "scheduled 1"]);
    pair.advance(ms(499)).unwrap();
    assert!(told.is_empty());
    pair.advance(ms(1)).unwrap();
    expect(&told, &["scheduled 2"]);
    pair.advance(secs(60)).unwrap();
    expect(&told, &["scheduled 3", "scheduled 4", "scheduled 5"]);
    eventually("the end", || pair.client().wait_end(SOON));
    assert!(matches!(pair.client().recv(), Err(Error::Ended(_))));
}

#[test]
fn an_attempt_that_is_never_answered_times_out() {
    let server = echo();
    let (tell, told) = unbounded();
    let link = Link::new(&server.primus);
    link.down().hold();
    let client = link.client().timeout(secs(3600)).build_with(|client| log(client, &tell)).unwrap();
    eventually("the request", || link.up().passed() > 100);
    server.clock.advance(secs(3599));
    assert_eq!(client.ready_state(), ReadyState::Opening);
    server.clock.advance(secs(1));
    expect(&told, &["timeout", "scheduled 1"]);
    link.heal();
    server.clock.advance(ms(500));
    expect(&told, &["reconnected 1", "open"]);
}

#[test]
fn a_cut_within_a_message() {
    let server = echo();
    let pair = server.pair();
    let spark = pair.spark().unwrap();
    pair.client().write("whole").unwrap();
    assert_eq!(pair.client().recv().unwrap().as_str(), Some("whole"));
    pair.link().up().cut_after(1_000);
    pair.client().write(&"x".repeat(5_000)).unwrap();
    server.ended(&spark, Ended::Lost);
    assert!(pair.wait_ended(&spark));
    pair.client().write("while it is away").unwrap();
    pair.advance(secs(1)).unwrap();
    // Nothing of the torn message, nor of what else was under way.
    assert_eq!(pair.client().recv_timeout(SOON).unwrap().as_str(), Some("while it is away"));

    let spark = pair.spark().unwrap();
    pair.link().down().cut_after(1_000);
    pair.client().write(&"y".repeat(5_000)).unwrap();
    assert!(pair.wait_ended(&spark));
    pair.client().write("again").unwrap();
    pair.advance(secs(1)).unwrap();
    assert_eq!(pair.client().recv_timeout(SOON).unwrap().as_str(), Some("again"));
}

#[test]
fn one_byte_at_a_time() {
    let server = echo();
    let link = Link::new(&server.primus);
    link.up().split(1);
    link.down().split(1);
    let client = link.client().connect().unwrap();
    for length in [0, 1, 125, 126, 2_000] {
        let text = "é".repeat(length);
        client.write(&text).unwrap();
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some(&*text));
    }
    client.end();
    assert!(client.wait_end(SOON));
}

#[test]
fn what_is_held_back_comes_in_order() {
    let server = echo();
    let pair = server.pair();
    pair.link().down().hold();
    (0..1_000).for_each(|n| assert!(pair.client().write(&n).is_ok()));
    assert!(matches!(pair.client().try_recv(), Ok(None)));
    pair.link().down().release();
    (0..1_000).for_each(|n| assert_eq!(next(pair.client()), n));
}

#[test]
fn delays_are_of_the_clock() {
    let server = echo();
    let pair = server.pair();
    let spark = pair.spark().unwrap();
    pair.link().down().delay(secs(20));
    for n in 1..=2 {
        spark.write(&n).unwrap();
        let written = server.clock.now();
        eventually("it comes", || {
            server.clock.advance(ms(500));
            pair.client().try_recv().unwrap().is_some_and(|m| m.parse::<u64>().unwrap() == n)
        });
        assert!(server.clock.now() - written >= secs(20));
    }
    // Nothing is kept back for a delay that was taken back.
    spark.write(&3).unwrap();
    pair.link().heal();
    assert_eq!(next(pair.client()), 3);
}

#[test]
fn a_reset_is_a_loss() {
    let server = echo();
    let pair = server.pair();
    let spark = pair.spark().unwrap();
    pair.link().reset();
    server.ended(&spark, Ended::Lost);
    assert!(pair.wait_ended(&spark));
    pair.advance(secs(1)).unwrap();
    assert_ne!(pair.spark().unwrap(), spark);
}

#[test]
fn others_may_speak_over_a_link() {
    let server = echo();
    let link = Link::new(&server.primus);
    let mut raw = link.connect().unwrap();
    raw.write_all(b"GET /primus/spec HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    raw.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(&server.primus.spec()), "{answer}");
    link.refuse(true);
    assert_eq!(link.connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_listener_may_move_the_clock() {
    let server = echo();
    let clock = server.clock.clone();
    let pair = server.pair();
    let (tell, told) = unbounded();
    pair.client().on_data(move |_, _| {
        clock.advance(secs(1));
        tell.send(clock.now())
    });
    let before = server.clock.now();
    pair.client().write("tick").unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap() - before, secs(1));
}

#[test]
fn clients_may_bring_their_own_streams() {
    let server = echo();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (primus, noted) = (server.primus.clone(), asked.clone());
    let client = Client::builder("http://example.org:99")
        .connector(move |host, port| {
            noted.lock().unwrap().push(format!("{host}:{port}"));
            let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
            primus.serve(theirs).map_err(std::io::Error::other)?;
            Ok(ours)
        })
        .connect()
        .unwrap();
    client.write(&1).unwrap();
    assert_eq!(next(&client), 1);
    assert_eq!(*asked.lock().unwrap(), ["example.org:99"]);
    client.end();

    let failing = Client::builder("http://x").connector(|_, _| -> std::io::Result<_> {
        Err::<std::net::TcpStream, _>(ErrorKind::AddrInUse.into())
    });
    assert!(matches!(failing.connect(), Err(Error::Io(e)) if e.kind() == ErrorKind::AddrInUse));
    let panicking = Client::builder("http://x")
        .connector(|_, _| -> std::io::Result<std::net::TcpStream> { panic!("no") });
    assert!(matches!(panicking.connect(), Err(Error::Panicked(_))));
}
