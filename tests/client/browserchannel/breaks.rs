//! Connections that break: what was lost with them comes again, and nothing twice.

use std::time::{Duration, Instant};

use primus::{Client, Ended};

use super::server::{Server, begin, chunk, finish, piece};
use crate::server::{SOON, end};

#[track_caller]
fn next(client: &Client) -> u64 {
    client.recv_timeout(SOON).unwrap().parse().unwrap()
}

#[test]
fn what_waits_is_asked_for_again() {
    let server = Server::new();
    let (client, waits) = server.open();
    piece(&waits, &chunk("[1,\"1\"],[2,\"2\"]"));
    assert_eq!((next(&client), next(&client)), (1, 2));
    // In peace, amid a chunk, and without an answer.
    finish(&waits);
    let waits = server.listens();
    assert_eq!(waits.field("AID"), Some("2"));
    let all = chunk("[3,\"3\"],[4,\"4\"]");
    piece(&waits, &all[..all.len() - 4]);
    waits.cut();
    let waits = server.waits();
    assert_eq!(waits.field("AID"), Some("2"));
    waits.cut();
    let waits = server.listens();
    // Some of it has come before.
    piece(&waits, &chunk("[1,\"1\"],[2,\"2\"],[3,\"3\"]"));
    piece(&waits, &chunk("[4,\"4\"],[5,[\"noop\"]],[6,\"6\"]"));
    assert_eq!((next(&client), next(&client), next(&client)), (3, 4, 6));
    finish(&waits);
    assert_eq!(server.waits().field("AID"), Some("6"));
}

#[test]
fn what_was_not_answered_is_sent_again_as_it_was() {
    let server = Server::new();
    let (client, _waits) = server.open();
    client.write(&1).unwrap();
    let first = server.post();
    client.write(&2).unwrap();
    first.cut();
    for last in [false, true] {
        let again = server.post();
        assert_eq!((again.rid(), &again.body), (first.rid(), &first.body));
        if last { again.take() } else { again.cut() }
    }
    let second = server.post();
    assert_eq!((second.rid(), &*second.body), (first.rid() + 1, "count=1&ofs=1&req0__S=2"));
    second.take();
    client.write(&3).unwrap();
    assert_eq!(server.post().body, "count=1&ofs=2&req0__S=3");
}

#[test]
fn a_server_that_stays_away_is_lost() {
    let server = Server::new();
    let (client, waits) = server.open();
    let begun = Instant::now();
    waits.cut();
    for _ in 0..3 {
        server.waits().cut();
    }
    assert_eq!(end(&client).by, Ended::Lost);
    assert!((3..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

/// It may be away for seconds with what is sent, too.
#[test]
fn a_server_that_does_not_answer_what_is_sent_is_lost() {
    let server = Server::new();
    let (client, _waits) = server.open();
    client.write(&1).unwrap();
    let begun = Instant::now();
    for _ in 0..4 {
        server.post().cut();
    }
    assert_eq!(end(&client).by, Ended::Lost);
    assert!((3..15).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[test]
fn a_session_that_the_server_does_not_know_is_lost() {
    let page = "<html><body><h1>Unknown SID</h1></body></html>";
    for at in ["wait", "send"] {
        let server = Server::new();
        let (client, waits) = server.open();
        match at {
            "wait" => {
                finish(&waits);
                server.waits().refuse("400 Unknown SID", page);
            }
            _ => {
                client.write(&1).unwrap();
                server.post().refuse("400 Unknown SID", page);
            }
        }
        let why = end(&client);
        assert!(why.by == Ended::Lost && why.text.contains("Unknown SID"), "{at}: {why}");
    }
}

/// A server that has lost the request says so in its next answer.
#[test]
fn a_request_that_the_server_has_lost_is_made_anew() {
    let server = Server::new();
    let begun = Instant::now();
    let (client, waits) = server.open();
    client.write(&1).unwrap();
    server.post().answer("7\n[0,0,0]");
    // It may only just have come.
    let none = server.try_next(Duration::from_millis(300));
    assert!(none.is_none(), "{}", none.unwrap().head);
    let again = loop {
        client.write(&2).unwrap();
        server.post().answer("7\n[0,0,0]");
        if let Some(again) = server.try_next(Duration::from_millis(100)) {
            break again;
        }
        assert!(begun.elapsed() < SOON, "it is not made anew");
    };
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(again.field("RID"), Some("rpc"));
    begin(&again);
    piece(&again, &chunk("[1,\"1\"]"));
    assert_eq!(next(&client), 1);
    drop(waits);
}

#[test]
fn what_was_written_goes_before_the_end() {
    let server = Server::new();
    let (client, _waits) = server.open();
    client.write(&1).unwrap();
    let send = server.post();
    client.write(&2).unwrap();
    client.end();
    send.take();
    let send = server.post();
    assert_eq!(send.body, "count=1&ofs=1&req0__S=2");
    assert!(server.is_silent());
    send.take();
    server.get().answer("");
    assert!(client.wait_end(SOON));
}

#[test]
fn a_server_that_has_nothing_to_say_is_not_asked_all_the_time() {
    let server = Server::new();
    let (_client, waits) = server.open();
    finish(&waits);
    let begun = Instant::now();
    let mut asked = 0;
    while begun.elapsed() < Duration::from_millis(1_500) {
        if let Some(waits) = server.try_next(Duration::from_millis(100)) {
            asked += 1;
            waits.answer("");
        }
    }
    assert!((6..30).contains(&asked), "{asked}");
}
