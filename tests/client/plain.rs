//! The plain way: connect, write, receive, end.

use std::collections::BTreeMap;
use std::io::Read;
use std::thread;
use std::time::Duration;

use primus::{Client, Ended, Error, Frame, ReadyState, Value, Written};

use crate::common::wait::wait_until;
use crate::server::{Log, Peer, SOON, Server, TEXT, frame};

#[test]
fn it_writes_and_receives() {
    let server = Server::new();
    let url = server.url();
    let peer = thread::spawn(move || {
        let mut peer = server.accept();
        assert_eq!(peer.read_text(), r#"{"hello":["world",1]}"#);
        peer.text(r#"{"a":1,"b":[null,true,"x"]}"#);
        assert_eq!(peer.read_text(), "\"raw\"");
        peer.text("\"bye\"");
        assert_eq!(peer.read_close(), None);
        peer.send(&frame(8, b""));
    });
    let client = Client::connect(&url).unwrap();
    assert_eq!(client.ready_state(), ReadyState::Open);
    assert!(client.latency().is_some());
    let message = BTreeMap::from([("hello", ("world", 1))]);
    assert_eq!(client.write(&message).unwrap(), Written::Sent);
    let message = client.recv().unwrap();
    assert_eq!(message.frame().as_text(), Some(r#"{"a":1,"b":[null,true,"x"]}"#));
    let typed: BTreeMap<String, serde_json::Value> = message.parse().unwrap();
    assert_eq!(typed["a"], 1);
    client.write_frame(&Frame::text("\"raw\"")).unwrap();
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("bye"));
    client.end();
    assert_eq!(client.ready_state(), ReadyState::Closed);
    assert!(matches!(client.write("late"), Err(Error::Closed)));
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.by == Ended::Local));
    assert!(client.wait_end(SOON));
    peer.join().unwrap();
}

#[test]
fn waiting_in_a_listener_is_an_error() {
    let server = Server::new();
    let (tell, told) = crossbeam_channel::bounded(1);
    let client = server
        .client()
        .build_with(move |client| {
            client.on_open(move |client| {
                let refused = |error: Option<Error>| matches!(error, Some(Error::Misuse(_)));
                let all = refused(client.recv().err())
                    && refused(client.recv_timeout(SOON).err())
                    && refused(client.id(SOON).err())
                    && refused(client.wait_open(SOON).err())
                    && !client.wait_end(SOON)
                    && matches!(client.try_recv(), Ok(None));
                tell.send(all)
            });
        })
        .unwrap();
    let peer = server.accept();
    assert!(told.recv_timeout(SOON).unwrap());
    drop((client, peer));
}

#[test]
fn the_id_is_asked_for() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let early = crossbeam_channel::bounded(1);
    client.request_id(move |id| drop(early.0.send(id.to_owned()))).unwrap();
    let mut peer = server.accept();
    assert_eq!(peer.read_text(), "\"primus::id::\"");
    peer.text("\"primus::id::one\"");
    assert_eq!(early.1.recv_timeout(SOON).unwrap(), "one");
    let asking = client.clone();
    let asked = thread::spawn(move || asking.id(SOON));
    assert_eq!(peer.read_text(), "\"primus::id::\"");
    peer.text("\"primus::id::two\"");
    assert_eq!(asked.join().unwrap().unwrap(), "two");
    assert!(matches!(client.id(Duration::from_millis(20)), Err(Error::Timeout(_))));
    assert!(matches!(client.try_recv(), Ok(None)), "none of it is data");
}

#[test]
fn what_is_written_before_the_opening_comes_first_and_in_order() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    assert_eq!(client.write(&1).unwrap(), Written::Queued(1));
    assert_eq!(client.write("two").unwrap(), Written::Queued(6));
    assert_eq!(client.queued(), (2, 6));
    client.on_open(|client| client.write(&3));
    client.open().unwrap();
    let mut peer = server.accept();
    let texts: Vec<_> = (0..3).map(|_| peer.read_text()).collect();
    assert_eq!(texts, ["1", "\"two\"", "3"]);
    assert_eq!(client.queued(), (0, 0));
}

#[test]
fn the_queue_drops_the_oldest() {
    let server = Server::new();
    let client = server.client().queue_size(2).manual(true).build().unwrap();
    for n in 0..5 {
        client.write(&n).unwrap();
    }
    assert_eq!((client.queued(), client.dropped()), ((2, 2), 3));
    client.open().unwrap();
    let mut peer = server.accept();
    assert_eq!([peer.read_text(), peer.read_text()], ["3", "4"]);
}

#[test]
fn end_sends_what_was_written_and_then_says_goodbye() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    for n in 0..100 {
        client.write(&n).unwrap();
    }
    client.end_with("last").unwrap();
    for n in 0..100 {
        assert_eq!(peer.read_text(), n.to_string());
    }
    assert_eq!(peer.read_text(), "\"last\"");
    assert_eq!(peer.read_close(), None);
    peer.send(&frame(8, b""));
    drop(peer);
    assert!(client.wait_end(SOON));
}

#[test]
fn messages_are_kept_until_they_are_fetched() {
    let server = Server::new();
    let client = server.client().strategy("off").build().unwrap();
    let mut peer = server.accept();
    for n in 0..50 {
        peer.text(&n.to_string());
    }
    peer.close();
    let fetched: Vec<_> = client.messages().map(|m| m.parse::<u32>().unwrap()).collect();
    assert_eq!(fetched, Vec::from_iter(0..50));
    assert!(matches!(client.recv(), Err(Error::Ended(why)) if why.by == Ended::Remote));
}

#[test]
fn a_full_inbox_stops_the_reading_and_no_message_is_lost() {
    let server = Server::new();
    let client = server.client().inbox(1_000).build().unwrap();
    let mut peer = server.accept();
    let sender = thread::spawn(move || {
        let filler = "x".repeat(1_000);
        for n in 0..20_000 {
            peer.text(&format!("[{n},\"{filler}\"]"));
        }
        peer
    });
    for n in 0..20_000 {
        let message = client.recv_timeout(SOON).unwrap();
        assert!(message.frame().as_text().unwrap().starts_with(&format!("[{n},")));
    }
    drop(sender.join().unwrap());
}

#[test]
fn end_with_a_full_inbox() {
    let server = Server::new();
    let client = server.client().inbox(1).build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    peer.text("1");
    peer.text("2");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u8>().unwrap(), 1);
    client.end();
    while log.next() != "end" {}
    assert_eq!(peer.read_close(), None);
}

/// Connects a client with the smallest inbox there is, and fills that with a message, `1`.
fn filled(server: &Server, client: &Client) -> Peer {
    let (tell, told) = crossbeam_channel::unbounded();
    client.transform_incoming(move |_, message| {
        let _ = tell.send(()); // only the first one is waited for
        Ok(Some(message))
    });
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    peer.text("1");
    told.recv_timeout(SOON).unwrap();
    peer
}

#[test]
fn who_does_not_read_finds_out_by_writing_that_the_connection_is_broken() {
    let server = Server::new();
    let client = server.client().inbox(1).build().unwrap();
    let log = Log::of(&client);
    let mut peer = filled(&server, &client);
    // Neither this one nor the end is read for its own sake.
    peer.text("2");
    drop(peer);
    wait_until("a write has failed", || {
        client.write("late").unwrap();
        client.queued().0 > 0
    });
    while log.next() != "close 1006" {}
    assert_eq!(server.accept().read_text(), "\"late\"");
    let got: Vec<u8> =
        (0..2).map(|_| client.recv_timeout(SOON).unwrap().parse().unwrap()).collect();
    assert_eq!(got, [1, 2]);
}

#[test]
fn a_message_that_was_sent_in_part_is_the_end_of_the_connection_though_nobody_reads() {
    let server = Server::new();
    let client = server.client().inbox(1).build().unwrap();
    let log = Log::of(&client);
    let mut peer = filled(&server, &client);
    let long = "x".repeat(32 << 20);
    thread::scope(|scope| {
        let write = scope.spawn(|| client.write(&long));
        // It has begun.
        peer.stream.read_exact(&mut [0]).unwrap();
        drop(peer);
        assert!(write.join().unwrap().is_err());
    });
    while log.next() != "close 1006" {}
}

/// The server is gone again before what has waited for it is sent.
#[test]
fn who_does_not_read_finds_out_at_the_opening_that_the_connection_is_broken() {
    let server = Server::new();
    let soon = Duration::from_millis(20);
    let client = server
        .client()
        .inbox(1)
        .reconnect_max(soon)
        .reconnect_retries(None::<u32>)
        .build()
        .unwrap();
    drop(filled(&server, &client));
    let (tell, comes) = crossbeam_channel::unbounded();
    thread::spawn(move || {
        loop {
            drop(server.accept());
            if tell.send(()).is_err() {
                return;
            }
        }
    });
    for at in 0..20 {
        wait_until(&format!("it connects for time {at}"), || {
            // So many that not all have gone out before it is found.
            for _ in 0..50 {
                client.write("again").unwrap();
            }
            comes.try_recv().is_ok()
        });
    }
}

#[test]
fn a_listener_gets_what_came_before_it() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    peer.text("1");
    peer.text("2");
    let (tell, told) = crossbeam_channel::unbounded();
    client.on_data(move |_, message| tell.send(message.parse::<u8>().unwrap()));
    peer.text("3");
    let got: Vec<_> = (0..3).map(|_| told.recv_timeout(SOON).unwrap()).collect();
    assert_eq!(got, [1, 2, 3]);
}

#[test]
fn transforms_change_drop_and_fail() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    let log = Log::of(&client);
    let mut peer = server.accept();
    client.wait_open(SOON).unwrap();
    let drop_null = |value: Value| if value == Value::Null { None } else { Some(value) };
    client.transform_outgoing(move |_, value| Ok(drop_null(value)));
    client.transform_outgoing(|_, value| Ok(Some(Value::Array(vec![value]))));
    client.transform_incoming(|_, value| match value.as_str() {
        Some("bad") => Err("it is bad".into()),
        Some(text) => Ok(Some(Value::String(text.to_uppercase()))),
        None => Ok(None),
    });
    client.write(&Value::Null).unwrap();
    client.write("x").unwrap();
    assert_eq!(peer.read_text(), "[\"x\"]");
    peer.text("\"primus::ping::5\"");
    assert_eq!(peer.read_text(), "\"primus::pong::5\"", "no transform sees these");
    peer.text("7");
    peer.text("\"bad\"");
    peer.text("\"good\"");
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("GOOD"));
    log.expect(&["open", "error: message transform failed: it is bad"]);
}

#[test]
fn many_threads_write_at_once() {
    const EACH: usize = 500;
    let server = Server::new();
    let client = server.client().build().unwrap();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let client = client.clone();
            thread::spawn(move || {
                for n in 0..EACH {
                    client.write(&(writer, n)).unwrap();
                }
            })
        })
        .collect();
    let mut peer = server.accept();
    let mut next = [0; 4];
    for _ in 0..4 * EACH {
        let (opcode, payload) = peer.frame();
        assert_eq!(opcode, TEXT);
        let (writer, n): (usize, usize) = serde_json::from_slice(&payload).unwrap();
        assert_eq!(next[writer], n, "the order of each thread is kept");
        next[writer] += 1;
    }
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn a_message_that_does_not_come_while_there_is_no_connection_says_so() {
    let server = Server::new();
    let client = server.client().manual(true).build().unwrap();
    let none = |client: &Client| client.recv_timeout(Duration::ZERO).unwrap_err().to_string();
    assert!(none(&client).contains("not connected"));
    client.open().unwrap();
    let _peer = server.accept();
    client.wait_open(SOON).unwrap();
    assert!(!none(&client).contains("not connected"));
}
