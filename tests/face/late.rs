//! What was received before the end is still there after it.

use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use primus::{Destroy, Ended, Message, Primus, Spark};

use crate::common::*;

const SENT: [&str; 4] = ["1", "2", "3", "4"];

fn text(message: &Message) -> String {
    message.value().to_string()
}

/// The ways in which a spark ends.
const ENDS: [&str; 4] = ["closed by the client", "lost", "ended here", "shut down"];

/// A spark that has received [`SENT`], to which nobody listened, and has ended.
fn ended(how: &str) -> (Server, Spark) {
    let server = Server::start(Primus::builder());
    let (ended, end) = unbounded();
    server.primus.on_connection(move |spark| {
        let ended = ended.clone();
        spark.on_end(move |_, reason| ended.send(reason.by));
    });
    let mut peer = server.open();
    SENT.iter().for_each(|text| peer.text(text));
    let spark = server.spark();
    wait_until("all came", || server.primus.metrics().messages_in == SENT.len() as u64);
    let expected = match how {
        "closed by the client" => {
            peer.close();
            Ended::Remote
        }
        "lost" => {
            peer.reset();
            Ended::Lost
        }
        "ended here" => {
            spark.end();
            peer.expect_ended(None);
            Ended::Local
        }
        _ => {
            let primus = server.primus.clone();
            let destroyer = thread::spawn(move || primus.destroy(Destroy::default()));
            peer.expect_ended(None);
            destroyer.join().unwrap();
            Ended::Shutdown
        }
    };
    assert_eq!(end.recv_timeout(PATIENCE).unwrap(), expected);
    (server, spark)
}

#[test]
fn a_data_listener_added_after_the_end_gets_all_that_waits_in_order() {
    for how in ENDS {
        let (_server, spark) = ended(how);
        let (heard, hears) = unbounded();
        let once = heard.clone();
        spark.once_data(move |_, message| drop(once.send(format!("once {}", text(message)))));
        assert_eq!(hears.try_iter().collect::<Vec<_>>(), ["once 1"], "{how}");
        spark.on_data(move |_, message| {
            let _ = heard.send(text(message));
            if text(message) == "2" { Err("an error is no end") } else { Ok(()) }
        });
        assert_eq!(hears.try_iter().collect::<Vec<_>>(), SENT[1..], "{how}");
        // It is let go of: nothing will come any more.
        assert!(hears.recv_timeout(Duration::ZERO).unwrap_err().is_disconnected(), "{how}");
    }
}

#[test]
fn a_reader_made_after_the_end_gets_all_that_waits_in_order() {
    for how in ENDS {
        let (_server, spark) = ended(how);
        let read: Vec<_> = spark.messages().map(|message| text(&message)).collect();
        assert_eq!(read, SENT, "{how}");
        let (again, twice) = unbounded();
        spark.on_data(move |_, message| drop(again.send(text(message))));
        assert!(twice.try_recv().is_err(), "{how}");
    }
}

#[test]
fn the_end_listener_may_still_take_what_waits() {
    let server = Server::start(Primus::builder());
    let (heard, hears) = unbounded();
    server.primus.on_connection(move |spark| {
        let heard = heard.clone();
        spark.on_end(move |spark, _| {
            let heard = heard.clone();
            spark.on_data(move |_, message| drop(heard.send(text(message))));
        });
    });
    let mut peer = server.open();
    SENT.iter().for_each(|text| peer.text(text));
    peer.close();
    let heard: Vec<_> = SENT.iter().map(|_| hears.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(heard, SENT);
}

/// Whether the spark's thread or the one that adds the listener gives it what
/// waits, it is all, once and in order.
#[test]
fn a_data_listener_added_while_the_client_leaves_gets_all_that_waits_in_order() {
    let server = Server::start(Primus::builder());
    for n in 1..=100 {
        let mut peer = server.open();
        SENT.iter().for_each(|text| peer.text(text));
        let spark = server.spark();
        let (heard, hears) = unbounded();
        let leaver = thread::spawn(move || peer.close());
        wait_for("messages", n * 4, || server.primus.metrics().messages_in);
        spark.on_data(move |_, message| drop(heard.send(text(message))));
        let all: Vec<_> = SENT.iter().map(|_| hears.recv_timeout(PATIENCE).unwrap()).collect();
        assert_eq!(all, SENT);
        leaver.join().unwrap();
        server.wait_empty();
        assert!(hears.try_recv().is_err());
    }
}

#[test]
fn who_ends_the_connection_in_a_data_listener_is_called_no_more() {
    let server = Server::start(Primus::builder());
    let mut peer = server.open();
    SENT.iter().for_each(|text| peer.text(text));
    let spark = server.spark();
    wait_until("all came", || server.primus.metrics().messages_in == 4);
    let (heard, hears) = unbounded();
    spark.on_data(move |spark, message| {
        let _ = heard.send(text(message));
        spark.end();
    });
    peer.expect_ended(None);
    server.wait_empty();
    assert_eq!(hears.try_iter().collect::<Vec<_>>(), ["1"]);
}
