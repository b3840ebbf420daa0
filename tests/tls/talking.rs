//! Our client and our server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use primus::{Ended, SlowConsumer, Value, Written};

use super::*;

/// The transformers, and the client's options that make the most of each.
const WAYS: [(&str, &[(&str, &str)]); 9] = [
    ("websockets", &[]),
    ("engine.io", &[]),
    ("engine.io", &[("transports", "polling")]),
    ("engine.io", &[("transports", "websocket")]),
    ("sockjs", &[]),
    ("sockjs", &[("transports", "xhr-polling")]),
    ("browserchannel", &[]),
    ("socket.io", &[]),
    ("socket.io", &[("transports", "xhr-polling")]),
];

fn echo_over((transformer, options): (&str, &[(&str, &str)])) {
    let server = Server::echo(builder().transformer(transformer));
    let mut client = client(server.addr).transformer(transformer);
    for (name, value) in options {
        client = client.transport(*name, *value);
    }
    let client = client.connect().unwrap();
    for length in [0, 1, 100, 20_000, 300_000] {
        let text = "x".repeat(length);
        client.write(&text).unwrap();
        let echo = client.recv_timeout(PATIENCE).unwrap();
        assert_eq!(echo.as_str().map(str::len), Some(length), "{transformer} {options:?}");
    }
    for number in 0..200u64 {
        client.write(&number).unwrap();
    }
    for number in 0..200u64 {
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().parse::<u64>().unwrap(), number);
    }
    client.end();
    assert!(client.wait_end(PATIENCE));
    server.wait_empty();
}

#[test]
fn every_transformer_speaks_tls() {
    WAYS.into_iter().for_each(echo_over);
}

#[test]
fn the_request_knows_that_it_came_by_tls() {
    let server = Server::start(builder());
    server.primus.on_connection(|spark| {
        spark.write(&(spark.request().is_secure(), spark.certificate().is_some()))
    });
    let client = client(server.addr).connect().unwrap();
    assert_eq!(client.recv().unwrap().parse::<(bool, bool)>().unwrap(), (true, false));
}

#[test]
fn the_spec_document_is_found_by_tls() {
    let server = Server::echo(builder().transformer("engine.io").parser_name("ejson"));
    let client = client(server.addr).discover().unwrap().connect().unwrap();
    client.write("a").unwrap();
    assert_eq!(client.recv().unwrap().as_str(), Some("a"));
}

/// Many threads write at both ends while both read.
#[test]
fn many_writers_and_a_reader_share_a_stream() {
    const WRITERS: usize = 4;
    const EACH: usize = 200;
    let server = Server::start(builder());
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    server.primus.on_connection(move |spark| {
        let count = count.clone();
        spark.on_data(move |_, message| {
            assert_eq!(message.frame().len(), 5_002);
            count.fetch_add(1, Ordering::Relaxed);
        });
    });
    let client = client(server.addr).connect().unwrap();
    let spark = server.spark();
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    client.write("c".repeat(5_000).as_str()).unwrap();
                }
            });
            scope.spawn(|| {
                for _ in 0..EACH {
                    spark.write("s".repeat(5_000).as_str()).unwrap();
                }
            });
        }
        for _ in 0..WRITERS * EACH {
            assert_eq!(client.recv_timeout(PATIENCE).unwrap().as_str().map(str::len), Some(5_000));
        }
    });
    wait_for("messages heard", WRITERS * EACH, || heard.load(Ordering::Relaxed));
}

/// What the kernel does not take waits, is counted, and arrives whole.
#[test]
fn a_slow_reader_gets_all_of_it() {
    let server = Server::start(builder().send_buffer(4 << 10));
    let addr = server.addr;
    let client = client(addr).inbox(1_000).connect().unwrap();
    let spark = server.spark();
    let mut queued = false;
    for number in 0..400u64 {
        let message: Vec<Value> = vec![number.into(), "x".repeat(20_000).into()];
        queued |= matches!(spark.write(&message).unwrap(), Written::Queued(1..));
    }
    assert!(queued && spark.buffered() > 0);
    for number in 0..400u64 {
        let (got, text): (u64, String) = client.recv_timeout(PATIENCE).unwrap().parse().unwrap();
        assert_eq!((got, text.len()), (number, 20_000));
    }
    assert!(spark.wait_drain(PATIENCE));
    assert_eq!(spark.buffered(), 0);
}

/// A message of which a record holds the beginning is not among those dropped.
#[test]
fn what_is_dropped_for_a_slow_reader_is_whole_messages() {
    let options = builder().send_buffer(4 << 10).backlog(100_000);
    let server = Server::start(options.slow_consumer(SlowConsumer::DropOldest));
    let client = client(server.addr).inbox(500).connect().unwrap();
    let spark = server.spark();
    for number in 0..3_000u64 {
        let message: Vec<Value> = vec![number.into(), "x".repeat(number as usize % 5_000).into()];
        spark.write(&message).unwrap();
    }
    let (mut last, mut count) = (None, 0);
    while last != Some(2_999) {
        let (got, text): (u64, String) = client.recv_timeout(PATIENCE).unwrap().parse().unwrap();
        assert_eq!(text.len() as u64, got % 5_000);
        assert!(last.is_none_or(|last| last < got));
        last = Some(got);
        count += 1;
    }
    assert!(count < 3_000, "nothing was dropped");
}

#[test]
fn the_end_is_said_and_heard_at_both_ends() {
    for by_server in [false, true] {
        let server = Server::start(builder());
        let (tell, told) = crossbeam_channel::unbounded();
        server.primus.on_connection(move |spark| {
            let tell = tell.clone();
            spark.on_end(move |_, reason| drop(tell.send(reason.clone())));
            spark.write("listening")
        });
        let client = client(server.addr).strategy("").connect().unwrap();
        client.recv_timeout(PATIENCE).unwrap();
        if by_server {
            server.spark().end();
        } else {
            client.end();
        }
        assert!(client.wait_end(PATIENCE));
        let reason = told.recv_timeout(PATIENCE).unwrap();
        let expected = if by_server { Ended::Local } else { Ended::Remote };
        assert_eq!(reason.by, expected, "{reason:?}");
    }
}

/// Held polls wait without a thread, and TLS with them.
#[test]
fn a_poll_that_waits_for_long_is_answered() {
    let server = Server::start(builder().transformer("engine.io"));
    let client =
        client(server.addr).transformer("engine.io").transport("transports", "polling").connect();
    let client = client.unwrap();
    let spark = server.spark();
    for number in 0..3u64 {
        // Longer than a thread waits with a connection.
        crate::common::nothing_for(Duration::from_millis(700));
        spark.write(&number).unwrap();
        assert_eq!(client.recv_timeout(PATIENCE).unwrap().parse::<u64>().unwrap(), number);
        client.write(&number).unwrap();
    }
}

#[test]
fn a_connector_makes_the_stream_and_tls_goes_over_it() {
    let server = Server::echo(builder());
    let addr = server.addr;
    let client = Client::builder("https://localhost").tls(trust());
    let client = client.connector(move |host, port| {
        assert_eq!((host, port), ("localhost", 443));
        std::net::TcpStream::connect(addr)
    });
    let client = client.connect().unwrap();
    client.write("through").unwrap();
    assert_eq!(client.recv().unwrap().as_str(), Some("through"));
}
