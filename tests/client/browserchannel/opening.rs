//! How a session is opened, and what is asked for then.

use std::time::Duration;

use primus::Error;

use super::server::{Server, begin, chunk, finish, greeting, piece};
use crate::server::SOON;

#[test]
fn requests_are_those_of_the_original() {
    let server = Server::new();
    let client = server.client().header("X-Mine", "yes").build().unwrap();
    let probe = server.probe();
    assert_eq!(probe.names(), ["a", "VER", "TYPE", "zx", "t"]);
    assert_eq!((probe.field("VER"), probe.field("TYPE")), (Some("8"), Some("xmlhttp")));
    begin(&probe);
    piece(&probe, "11");
    piece(&probe, "111");
    let opener = server.post();
    assert_eq!(opener.names(), ["a", "VER", "RID", "zx", "t"]);
    assert_eq!((&*opener.body, opener.header("x-mine")), ("count=0", Some("yes")));
    let form = Some("application/x-www-form-urlencoded");
    assert_eq!(opener.header("content-type"), form);
    assert!(opener.rid() < 100_000);
    opener.answer(&greeting());
    client.wait_open(SOON).unwrap();
    let waits = server.waits();
    assert_eq!(waits.names(), ["a", "VER", "SID", "RID", "CI", "AID", "TYPE", "zx", "t"]);
    let told = ["SID", "CI", "AID", "TYPE"].map(|name| waits.field(name).unwrap());
    assert_eq!(told, ["sid%2F1", "0", "0", "xmlhttp"]);
    client.write(&serde_json::json!({"a": "é&=+"})).unwrap();
    let send = server.post();
    assert_eq!(send.names(), ["a", "VER", "SID", "RID", "AID", "zx", "t"]);
    assert_eq!(send.rid(), opener.rid() + 1);
    assert_eq!(send.header("content-type"), form);
    let body = "count=1&ofs=0&req0__S=%7B%22a%22%3A%22%C3%A9%26%3D%2B%22%7D";
    assert_eq!(send.body, body);
    // What is written meanwhile goes together.
    for n in 0..3 {
        client.write(&n).unwrap();
    }
    send.take();
    let send = server.post();
    assert_eq!(send.body, "count=3&ofs=1&req0__S=0&req1__S=1&req2__S=2");
    client.end();
    send.take();
    let end = server.get();
    assert_eq!(end.names(), ["a", "VER", "SID", "RID", "TYPE", "zx", "t"]);
    assert_eq!((end.field("TYPE"), end.rid()), (Some("terminate"), send.rid() + 1));
    end.answer("");
    assert!(client.wait_end(SOON));
    // All are of one client, and each is another one.
    let tokens = [&probe, &opener, &waits, &end].map(|request| request.field("a"));
    assert_eq!(tokens, [tokens[0]; 4]);
    assert_ne!(probe.field("zx"), opener.field("zx"));
}

#[test]
fn where_answers_are_held_back_it_comes_for_each() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    server.probe().answer("111112");
    server.post().answer(&greeting());
    for n in 1..4 {
        let waits = server.waits();
        let told = (waits.field("CI"), waits.field("AID").unwrap().parse());
        assert_eq!(told, (Some("1"), Ok(n - 1)));
        waits.answer(&chunk(&format!("[{n},\"{n}\"]")));
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u64>().unwrap(), n);
    }
}

#[test]
fn what_comes_with_the_opening_is_not_lost() {
    let server = Server::new();
    let client = server.client().build().unwrap();
    server.probed();
    let opener = server.post();
    begin(&opener);
    let all = chunk("[0,[\"c\",\"s\",\"prefix\",8]],[1,\"1\"]") + &chunk("[2,\"\\\"é😀\\\"\"]");
    let (first, rest) = all.split_at(all.len() / 2);
    piece(&opener, first);
    piece(&opener, rest);
    finish(&opener);
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<u64>().unwrap(), 1);
    assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("é😀"));
    assert_eq!(server.waits().field("AID"), Some("2"));
}

#[test]
fn refusals_are_told() {
    for at in ["probe", "opener"] {
        let server = Server::new();
        let client = server.client().build().unwrap();
        let request = match at {
            "probe" => server.probe(),
            _ => {
                server.probed();
                server.post()
            }
        };
        request.refuse("401 Unauthorized", "{\"error\":\"nope\"}");
        match client.wait_open(SOON) {
            Err(Error::Refused { status: 401, message, .. }) => assert_eq!(message, "nope"),
            other => panic!("{at}: {other:?}"),
        }
    }
}

#[test]
fn servers_that_do_not_speak_it() {
    for text in ["", "1", "11112", "1111122", "<!doctype html>", "ok"] {
        let server = Server::new();
        let client = server.client().build().unwrap();
        server.probe().answer(text);
        let error = client.wait_open(SOON).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{text}: {error}");
    }
    for text in [
        "".to_owned(),
        "x".into(),
        "ok".into(),
        chunk(""),
        chunk("[0,\"message\"]"),
        chunk("[0,[\"c\"]]"),
        chunk("[0,[\"c\",\"\"]]"),
        chunk("[1,[\"c\",\"sid\",null,8]]"),
        "30\n[[0".into(),
    ] {
        let server = Server::new();
        let client = server.client().build().unwrap();
        server.probed();
        server.post().answer(&text);
        let error = client.wait_open(SOON).unwrap_err();
        assert!(matches!(error, Error::Protocol(_)), "{text}: {error}");
    }
}

/// A server that never answers takes no longer than the time to connect.
#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let server = Server::new();
    let client = server.client().timeout(Duration::from_millis(200)).build().unwrap();
    let _probe = server.probe();
    assert!(client.wait_open(SOON).is_err());
}
