//! Servers that say what they should not.

use primus::Ended;

use super::server::{Server, chunk, piece};
use crate::server::{SOON, end};

#[test]
fn what_is_no_chunk_ends_the_session() {
    for bad in [
        "x".to_owned(),
        "\n[]".into(),
        "-1\n[]".into(),
        "12345678901\n[".into(),
        "<!doctype html>".into(),
        "2\n{}".into(),
        "4\nnull".into(),
        "3\n[1]".into(),
        "4\n[[]]".into(),
        "9\n[[0,\"x\"]x".into(),
        chunk("[3,\"left out\"]"),
        chunk("[2,5]"),
        chunk("[\"2\",\"x\"]"),
        chunk("[2,\"\\x\"]"),
    ] {
        let server = Server::new();
        let (client, waits) = server.open();
        piece(&waits, &chunk("[1,\"0\"]"));
        piece(&waits, &bad);
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), 0, "{bad}");
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Protocol, 1002), "{bad}: {why}");
    }
}

#[test]
fn text_that_is_none() {
    let server = Server::new();
    let (client, waits) = server.open();
    waits.send(b"d\r\n11\n[[1,\"\xff\"]]\r\n");
    waits.send(b"2\r\n\n\n\r\n");
    assert_eq!(end(&client).by, Ended::Protocol);
}

/// A message over the limit, in one that is not, and a chunk that nobody has the
/// memory for.
#[test]
fn what_is_too_long() {
    for bad in [chunk(&format!("[1,\"\\\"{}\\\"\"]", "x".repeat(1_000))), "9999999999\n[".into()] {
        let server = Server::new();
        let client = server.client().max_length(1_000).build().unwrap();
        server.probed();
        server.post().answer(&super::server::greeting());
        let waits = server.listens();
        piece(&waits, &bad);
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Protocol, 1009), "{why}");
    }
}

/// Numbers that mean nothing to it, and words.
#[test]
fn arrays_that_mean_nothing_are_no_matter() {
    let server = Server::new();
    let (client, waits) = server.open();
    let odd =
        "[1,[]],[2,[\"what\",1]],[3,[null]],[4,[\"c\",\"other\",null,8]],[5,\"\\\"still\\\"\"]";
    piece(&waits, &chunk(odd));
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("still"));
    client.write(&1).unwrap();
    let send = server.post();
    assert_eq!((send.field("SID"), send.field("AID")), (Some("sid%2F1"), Some("5")));
}

#[test]
fn answers_to_what_was_sent_that_are_none() {
    for bad in ["", "ok", "[1,0,0]", "7\n", "2\n{}", "<html>"] {
        let server = Server::new();
        let (client, _waits) = server.open();
        client.write(&1).unwrap();
        server.post().answer(bad);
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Protocol, 1002), "{bad}: {why}");
    }
    let server = Server::new();
    let (client, _waits) = server.open();
    client.write(&1).unwrap();
    server.post().refuse("413 Payload Too Large", "");
    assert_eq!(end(&client).code, 1009);
}

#[test]
fn nothing_comes_behind_the_end() {
    let server = Server::new();
    let (client, waits) = server.open();
    piece(&waits, &chunk("[1,\"1\"],[2,[\"stop\"]]"));
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), 1);
    let why = end(&client);
    assert_eq!((why.by, why.code), (Ended::Remote, 1000), "{why}");
    assert!(server.is_silent(), "it knows");
}
