//! Messages of an open session, both ways.

use std::time::Duration;

use primus::{Client, Ended, Error};

use super::server::{Line, Server, WAYS};
use crate::server::{BINARY, CLOSE, PING, PONG, SOON, end, frame, texts};

/// Whether there is no message.
#[track_caller]
fn is_silent(client: &Client) -> bool {
    matches!(client.recv_timeout(Duration::from_millis(50)), Err(Error::Timeout(_)))
}

#[test]
fn packets_of_every_kind() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        line.say("8::");
        line.say("1::");
        line.say("3:::\"\u{fffd}é😀:a:b\"");
        line.say("\u{fffd}5\u{fffd}3:::1\u{fffd}8\u{fffd}4:::[\"\"]\u{fffd}3\u{fffd}8::\u{fffd}7\u{fffd}3:::\"é\"");
        for nothing in ["5:::{\"name\":\"x\"}", "6:::1", "3::/ns:9", "0::/ns", "garbage", ""] {
            line.say(nothing);
        }
        line.say("3:7+::2");
        line.say("3:8::3");
        let expected = ["\"\u{fffd}é😀:a:b\"", "1", "[\"\"]", "\"é\"", "2", "3"];
        assert_eq!(texts(&client, 6), expected, "{way}");
        assert!(is_silent(&client), "{way}");
    }
}

#[test]
fn messages_go_out() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        client.write("é😀\u{fffd}").unwrap();
        assert_eq!(line.hear(), "3:::\"é😀\u{fffd}\"", "{way}");
    }
}

/// Those that wait while a POST is under way go out in one.
#[test]
fn several_messages_are_one_payload() {
    let server = Server::new();
    let (client, _line) = server.open("xhr-polling");
    client.write(&1).unwrap();
    let post = server.post();
    assert_eq!(post.body, "3:::1");
    assert_eq!(post.header("content-type"), Some("text/plain;charset=UTF-8"));
    client.write("😀").unwrap();
    client.write(&2).unwrap();
    post.answer("1");
    let post = server.post();
    assert_eq!(post.body, "\u{fffd}8\u{fffd}3:::\"😀\"\u{fffd}5\u{fffd}3:::2");
    post.answer("1");
}

#[test]
fn heartbeats_are_answered() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        line.say("2::");
        assert_eq!(line.hear(), "2::", "{way}");
        client.write(&1).unwrap();
        assert_eq!(line.hear(), "3:::1");
        line.say("2::");
        assert_eq!(line.hear(), "2::", "{way}");
    }
}

/// Of which Socket.IO says how long it may be, in seconds.
#[test]
fn a_server_that_is_silent_is_left() {
    for (way, told) in
        [("websocket", "abc:1.5:60:websocket"), ("xhr-polling", "abc:60:1.5:xhr-polling")]
    {
        let server = Server::new();
        let (client, mut line) = server.open_as(server.client(way), way, told);
        // Longer than that, and each time much less.
        for _ in 0..24 {
            crate::common::pause(Duration::from_millis(75));
            line.say("8::");
        }
        assert!(client.close_reason().is_none());
        let why = end(&client);
        assert_eq!(why.by, Ended::Heartbeat, "{way}: {why}");
    }
}

#[test]
fn the_server_ends() {
    for way in WAYS {
        for packets in ["0::", "7:::1+0"] {
            let server = Server::new();
            let (client, mut line) = server.open(way);
            line.say("3:::1");
            line.say_last(packets);
            assert_eq!(texts(&client, 1), ["1"]);
            let why = end(&client);
            assert_eq!((why.by, why.code), (Ended::Remote, 1005), "{way}");
            assert!(server.is_idle(), "{way}");
        }
    }
}

#[test]
fn a_post_for_a_session_that_has_ended_is_its_end() {
    let server = Server::new();
    let (client, _line) = server.open("xhr-polling");
    client.write(&1).unwrap();
    server.post().answer("7:::1+0");
    match client.recv_timeout(SOON).unwrap_err() {
        Error::Ended(why) => assert_eq!((why.by, why.code), (Ended::Remote, 1005), "{why}"),
        other => panic!("{other:?}"),
    }
}

/// Nothing counts that comes behind the end.
#[test]
fn the_end_may_come_with_the_last_messages() {
    let server = Server::new();
    let (client, mut line) = server.open("xhr-polling");
    line.say_last("\u{fffd}5\u{fffd}3:::1\u{fffd}3\u{fffd}0::\u{fffd}5\u{fffd}3:::2");
    assert_eq!(texts(&client, 1), ["1"]);
    assert!(matches!(client.recv_timeout(SOON), Err(Error::Ended(_))));
    assert!(server.is_idle());
}

/// As Socket.IO ends a session: without a close frame.
#[test]
fn the_end_of_the_stream_is_an_end() {
    let server = Server::new();
    let (client, mut line) = server.open("websocket");
    line.say("3:::\"primus::server::close\"");
    line.say("0::");
    line.cut();
    assert!(client.wait_end(SOON));
    let why = client.close_reason().unwrap();
    assert_eq!((why.by, why.code), (Ended::Remote, 1005));
}

#[test]
fn frames_of_the_websocket_itself() {
    let server = Server::new();
    let (client, line) = server.open("websocket");
    let Line::Socket(mut peer) = line else { panic!("another way") };
    peer.send(&frame(PING, b"x"));
    assert_eq!(peer.frame(), (PONG, b"x".to_vec()));
    peer.send(&frame(CLOSE, b"\x03\xe9bye"));
    let why = end(&client);
    assert_eq!((why.by, why.code, &*why.text), (Ended::Remote, 1001, "bye"));
    let server = Server::new();
    let (client, line) = server.open("websocket");
    let Line::Socket(mut peer) = line else { panic!("another way") };
    peer.send(&frame(BINARY, b"3:::1"));
    let why = end(&client);
    assert_eq!((why.by, why.code), (Ended::Protocol, 1002));
}
