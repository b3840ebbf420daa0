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
fn frames_of_every_kind() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        line.say("h");
        line.say("a[]");
        line.say(r#"a["1","\"two\"","{\"n\":3}"]"#);
        line.say(r#"m"4""#);
        line.say("");
        line.say("hhh");
        // What is no string is taken as it stands.
        line.say(r#"a[5,{"a": [null]},"\"\ud83d\ude00\u2028\\ud800\""]"#);
        let expected =
            ["1", "\"two\"", r#"{"n":3}"#, "4", "5", r#"{"a": [null]}"#, "\"😀\u{2028}\\ud800\""];
        assert_eq!(texts(&client, 7), expected, "{way}");
        assert!(is_silent(&client), "{way}");
    }
}

#[test]
fn the_server_closes() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        line.say("a[\"1\"]");
        line.say_last(r#"c[3000,"Go away!"]"#);
        assert_eq!(texts(&client, 1), ["1"]);
        let why = end(&client);
        assert_eq!((why.by, why.code, &*why.text), (Ended::Remote, 3000, "Go away!"));
        if let Line::Socket(peer) = line {
            peer.close();
        }
        assert!(server.is_idle(), "{way}");
    }
}

/// By the close frame of the WebSocket alone.
#[test]
fn a_websocket_is_closed() {
    let server = Server::new();
    let (client, line) = server.open("websocket");
    let Line::Socket(mut peer) = line else { panic!("another way") };
    peer.send(&frame(PING, b"25 s"));
    assert_eq!(peer.frame(), (PONG, b"25 s".to_vec()));
    peer.send(&frame(CLOSE, b"\x0b\xb8Broken framing."));
    let why = end(&client);
    assert_eq!((why.by, why.code, &*why.text), (Ended::Remote, 3000, "Broken framing."));
}

#[test]
fn a_session_that_is_opened_again_is_lost() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        line.say_last("o");
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Lost, 1006));
        assert!(why.text.contains("lost the session"), "{why}");
    }
}

#[test]
fn a_stream_may_come_in_any_pieces() {
    let text = "h\no\na[\"\\\"é\\ud83d\\ude00\\\"\",\"2\"]\nh\n\na[3]\nm\"4\"\n";
    let expected = ["\"é😀\"", "2", "3", "4"];
    let chunks = |step: usize| {
        let pieces = text.as_bytes().chunks(step);
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for piece in pieces {
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    };
    // The frames, cut into chunks; and those, cut anywhere.
    for step in [1, 2, 5, text.len()] {
        let bytes = chunks(step);
        let splits = if step == text.len() { 1..bytes.len() } else { bytes.len() - 1..bytes.len() };
        for at in splits {
            let server = Server::new();
            let client = server.client("xhr-streaming").build().unwrap();
            server.inform();
            let stream = server.to("xhr_streaming");
            stream.send(&bytes[..at]);
            if at % 4 == 0 {
                // Else both may well come at once.
                crate::common::pause(Duration::from_millis(2));
            }
            stream.send(&bytes[at..]);
            assert_eq!(texts(&client, 4), expected, "{step} {at}");
        }
    }
}

#[test]
fn a_stream_that_ends_is_followed_by_another_at_once() {
    let server = Server::new();
    let (client, line) = server.open("xhr-streaming");
    let Line::Stream(mut stream) = line else { panic!("another way") };
    let path = stream.path().to_owned();
    for n in 0..20 {
        stream.chunk(&format!("a[\"{n}\"]\n"));
        if n % 5 == 4 {
            // One that ends with its connection.
            stream.end();
            stream = server.to("xhr_streaming");
            stream.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na[\"100\"]\n");
            stream.cut();
        } else {
            stream.end();
        }
        stream = server.to("xhr_streaming");
        assert_eq!(stream.path(), path);
        stream.begin();
    }
    let expected = (0..20).flat_map(|n| [Some(n), (n % 5 == 4).then_some(100)]).flatten();
    for n in expected {
        assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), n);
    }
}

#[test]
fn polls_follow_each_other_on_one_connection() {
    let server = Server::new();
    let (client, line) = server.open("xhr-polling");
    let Line::Poll(_, mut poll) = line else { panic!("another way") };
    let (connection, path) = (poll.connection, poll.path().to_owned());
    for n in 0..20 {
        poll.answer(&format!("a[\"{n}\"]\n"));
        poll = server.to("xhr");
        assert_eq!((poll.connection, poll.path()), (connection, &*path));
        assert_eq!(texts(&client, 1), [n.to_string()]);
    }
    poll.answer("h\n");
    server.to("xhr");
    assert!(is_silent(&client));
}

#[test]
fn there_is_one_post_at_a_time_and_what_comes_meanwhile_goes_together() {
    for way in &WAYS[1..] {
        let server = Server::new();
        let (client, _line) = server.open(way);
        client.write(&1).unwrap();
        let send = server.to("xhr_send");
        assert_eq!(send.body, r#"["1"]"#);
        for n in 2..5 {
            client.write(&n).unwrap();
        }
        assert!(server.is_silent());
        send.taken();
        let next = server.to("xhr_send");
        assert_eq!(next.body, r#"["2","3","4"]"#);
        assert_eq!(next.connection, send.connection);
        // Some servers say it with 200.
        next.answer("");
        client.write(&"\u{1}\"\\").unwrap();
        assert_eq!(server.to("xhr_send").body, r#"["\"\\u0001\\\"\\\\\""]"#);
    }
}

#[test]
fn many_messages_go_in_several_posts() {
    let server = Server::new();
    let (client, _line) = server.open("xhr-polling");
    client.write(&0).unwrap();
    let mut send = server.to("xhr_send");
    let writer = client.clone();
    let writing = std::thread::spawn(move || {
        for _ in 0..15 {
            writer.write(&"x".repeat(100_000)).unwrap();
        }
    });
    let mut count = 0;
    while count < 15 {
        send.taken();
        send = server.to("xhr_send");
        assert!(send.body.len() <= 1_000_000);
        count += serde_json::from_str::<Vec<String>>(&send.body).unwrap().len();
    }
    writing.join().unwrap();
    send.taken();
    // One alone may be longer than that.
    client.write(&"\"".repeat(300_000)).unwrap();
    assert_eq!(server.to("xhr_send").body.len(), 1_200_008);
}

#[test]
fn bytes_are_no_frame() {
    let server = Server::new();
    let (client, line) = server.open("websocket");
    let Line::Socket(mut peer) = line else { panic!("another way") };
    peer.send(&frame(BINARY, b"a[\"1\"]"));
    assert_eq!(peer.read_close(), Some(1002));
    let error = client.recv_timeout(SOON).unwrap_err();
    assert!(matches!(&error, Error::Ended(why) if why.by == Ended::Protocol), "{error}");
}
