//! Messages on their way to listeners and readers.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Error, Primus};

use crate::Notes;
use crate::common::*;

#[test]
fn data_before_there_is_a_listener_is_kept_in_order() {
    let server = Server::start(Primus::builder());
    for burst in [1, 2, 3, 50] {
        let mut peer = server.open();
        let texts: Vec<_> = (0..burst).map(|n: u32| n.to_string()).collect();
        peer.send(&texts.iter().flat_map(|t| masked(FIN | TEXT, t.as_bytes())).collect::<Vec<_>>());
        let spark = server.spark();
        let seen = Notes::default();
        if burst > 2 {
            // Else the listener may come before, between or behind them.
            wait_until("they have arrived", || server.primus.metrics().messages_in > 0);
        }
        let note = seen.clone();
        spark.on_data(move |_, message| note.add(message.value().to_string()));
        wait_for("messages", texts, || seen.all());
        // What comes later comes behind them.
        peer.text("\"last\"");
        wait_until("the last one", || seen.all().last().is_some_and(|last| last.contains("last")));
        peer.close();
        server.wait_empty();
    }
}

#[test]
fn a_listener_from_another_thread_gets_the_kept_messages_before_new_ones() {
    let server = Server::start(Primus::builder());
    for round in 0..40 {
        let mut peer = server.open();
        let spark = server.spark();
        let sending = std::thread::spawn(move || {
            for n in 0..60 {
                peer.text(&n.to_string());
            }
            peer
        });
        if round % 2 == 0 {
            std::thread::yield_now();
        }
        let seen = Arc::new(Mutex::new(Vec::new()));
        let note = seen.clone();
        spark.on_data(move |_, message| note.lock().unwrap().push(message.parse::<u32>().unwrap()));
        wait_for("messages", (0..60).collect::<Vec<u32>>(), || seen.lock().unwrap().clone());
        sending.join().unwrap().close();
        server.wait_empty();
    }
}

#[test]
fn data_waits_while_a_connection_listener_blocks() {
    let server = Server::start(Primus::builder());
    let (go, may_go) = unbounded::<()>();
    server.primus.on_connection(move |spark| {
        may_go.recv().unwrap();
        spark.on_data(|spark, message| spark.write(message.value()).map(drop));
    });
    let mut peer = server.open();
    (0..100).for_each(|n| peer.text(&n.to_string()));
    assert!(peer.is_silent(Duration::from_millis(20)));
    go.send(()).unwrap();
    (0..100).for_each(|n| assert_eq!(peer.expect_text(), n.to_string()));
}

#[test]
fn more_than_the_inbox_holds_without_a_listener_ends_the_spark() {
    let server = Server::start(limited(|l| l.inbox = 10_000));
    let mut peer = server.open();
    for _ in 0..30 {
        if !peer.try_send(&masked(FIN | TEXT, format!("\"{}\"", "x".repeat(1000)).as_bytes())) {
            break;
        }
    }
    peer.expect_ended(Some(1008));
}

#[test]
fn messages_on_the_sparks_own_thread() {
    let server = Server::start(Primus::builder());
    server.primus.on_connection(|spark| {
        for message in spark.messages() {
            spark.write(&message)?;
            if message.as_str() == Some("enough") {
                break;
            }
        }
        // What is left goes to a listener, in order.
        spark.on_data(|spark, message| spark.write(&("listener", message.value())).map(drop));
        Ok::<(), Error>(())
    });
    let mut peer = server.open();
    let texts = ["1", "\"enough\"", "2", "3"];
    peer.send(&texts.map(|text| masked(FIN | TEXT, text.as_bytes())).concat());
    for expected in ["1", "\"enough\"", "[\"listener\",2]", "[\"listener\",3]"] {
        assert_eq!(peer.expect_text(), expected);
    }
    // The iterator ends with the connection.
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let count = spark.messages().count();
        tell(&ended, count);
    });
    peer.close();
    let server2 = Server::start(Primus::builder());
    let (ended, end2) = unbounded();
    server2.primus.on_connection(move |spark| tell(&ended, spark.messages().count()));
    let mut peer = server2.open();
    peer.text("1");
    peer.text("2");
    peer.close();
    assert_eq!(end2.recv_timeout(PATIENCE), Ok(2));
    drop(end);
}

#[test]
fn messages_on_another_thread() {
    let server = Server::start(Primus::builder());
    let mut peer = server.open();
    let spark = server.spark();
    let reading = std::thread::spawn(move || {
        spark.messages().map(|message| message.parse::<u32>().unwrap()).collect::<Vec<_>>()
    });
    (0..1000).for_each(|n| peer.text(&n.to_string()));
    peer.close();
    let read = in_time("reading", move || reading.join().unwrap());
    assert_eq!(read, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_is_behind_holds_the_socket_up_and_loses_nothing() {
    let server = Server::start(limited(|l| l.inbox = 10_000));
    let mut peer = server.open();
    let spark = server.spark();
    let mut messages = spark.messages();
    let sending = std::thread::spawn(move || {
        let text = format!("\"{}\"", "x".repeat(998));
        (0..500).for_each(|_| peer.text(&text));
        peer.close();
    });
    wait_until("the inbox is full", || server.primus.metrics().messages_in >= 10);
    assert_eq!(in_time("reading", move || messages.by_ref().count()), 500);
    sending.join().unwrap();
}

#[test]
fn sparks_are_streams_of_bytes() {
    let server = Server::start(Primus::builder());
    let mut peer = server.open();
    let spark = server.spark();
    let mut text = spark.writer();
    // A character cut between two writes comes whole.
    text.write_all("gr\u{fc}".as_bytes().split_at(3).0).unwrap();
    text.write_all(&"\u{fc}".as_bytes()[1..]).unwrap();
    text.flush().unwrap();
    assert_eq!(peer.expect_text() + &peer.expect_text(), "\"gr\"\"\u{fc}\"");
    assert!(text.write_all(b"\xff").is_err());
    spark.pipe_from(&mut &b"piped"[..]).unwrap();
    assert_eq!(peer.expect_text(), "\"piped\"");

    let piping = std::thread::spawn(move || {
        let mut all = Vec::new();
        let count = spark.pipe_to(&mut all).unwrap();
        (count, all)
    });
    peer.text("\"text, \"");
    peer.frame(FIN | BINARY, b"and bytes");
    peer.close();
    let (count, all) = in_time("piping", move || piping.join().unwrap());
    assert_eq!((count, &all[..]), (15, &b"text, and bytes"[..]));

    let mut peer = server.open();
    let mut reader = server.spark().reader();
    peer.text("{}");
    assert_eq!(reader.read(&mut [0; 4]).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    peer.close();
}
