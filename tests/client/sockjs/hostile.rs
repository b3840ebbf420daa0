//! Servers that say what they should not.

use std::io::Write;
use std::time::Duration;

use primus::Ended;

use super::server::{Line, Server, WAYS};
use crate::server::{SOON, end};

#[test]
fn bad_frames_end_the_session() {
    for way in WAYS {
        for bad in [
            "x",
            "a",
            "a{}",
            "a[\"1\",]",
            "a[\"1\",\"2\"",
            "a[\"1\"]\"2\"",
            "a[\"\\ud8\"]",
            "m",
            "c",
            "c[1]",
            "c[\"1000\",\"\"]",
            "\u{feff}h",
        ] {
            let server = Server::new();
            let (client, mut line) = server.open(way);
            line.say("a[\"0\"]");
            line.say_last(bad);
            assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), 0, "{bad}");
            let why = end(&client);
            assert_eq!((why.by, why.code), (Ended::Protocol, 1002), "{way} {bad}: {why}");
            if let Line::Socket(mut peer) = line {
                assert_eq!(peer.read_close(), Some(1002));
            }
        }
    }
}

#[test]
fn text_that_is_none() {
    let server = Server::new();
    let (client, line) = server.open("xhr-streaming");
    let Line::Stream(stream) = line else { panic!("another way") };
    stream.send(b"6\r\na[\"\xff\"]\n\r\n");
    assert_eq!(end(&client).by, Ended::Protocol);
}

/// A message over the limit, and a line that never ends.
#[test]
fn what_is_too_long_is_not_waited_for() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open_as(server.client(way).max_length(10), way);
        line.say(r#"a["\"12345678\""]"#);
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("12345678"), "{way}");
        // Escapes count for what they stand for.
        line.say("a[\"\\\"\\u0061\\u0061\\\"\"]");
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str(), Some("aa"), "{way}");
        line.say_last(r#"a["1","\"123456789\"","2"]"#);
        assert_eq!(client.recv_timeout(SOON).unwrap().value().as_f64(), Some(1.0));
        let why = end(&client);
        assert_eq!((why.by, why.code), (Ended::Protocol, 1009), "{way}: {why}");
    }
    for way in &WAYS[1..] {
        let server = Server::new();
        let (client, line) = server.open_as(server.client(way).max_length(10_000), way);
        let (Line::Stream(request) | Line::Poll(_, request)) = line else { panic!("{way}") };
        if *way == "xhr-polling" {
            request.begin();
        }
        let piece = format!("1000\r\n{}\r\n", "x".repeat(4096));
        let mut taken = 0;
        while (&request.stream).write_all(piece.as_bytes()).is_ok() {
            taken += 4096;
            assert!(taken < 100 << 20, "it is taken for ever");
        }
        assert_eq!(end(&client).code, 1009, "{way}");
    }
}

/// Before the session is open, it is another reason to try another way.
#[test]
fn an_endless_line_opens_no_session() {
    let server = Server::new();
    let client = server.client("xhr-streaming,xhr-polling").max_length(10_000).build().unwrap();
    server.inform();
    let stream = server.to("xhr_streaming");
    stream.begin();
    let piece = format!("1000\r\n{}\r\n", "h".repeat(4096));
    while (&stream.stream).write_all(piece.as_bytes()).is_ok() {}
    server.to("xhr").answer("o\n");
    client.wait_open(SOON).unwrap();
}

/// Far more messages than there is room for as such: each is there when its turn
/// comes.
#[test]
fn very_many_messages_of_one_frame() {
    let server = Server::new();
    let (client, line) = server.open("xhr-streaming");
    let Line::Stream(stream) = line else { panic!("another way") };
    let count = 300_000;
    stream.chunk(&format!("a[{}0]\nc[1000,\"\"]\n", "0,".repeat(count - 1)));
    for _ in 0..count {
        assert_eq!(client.recv_timeout(SOON).unwrap().frame().as_text(), Some("0"));
    }
    assert_eq!(end(&client).code, 1000);
}

#[test]
fn a_server_that_goes_amid_a_frame() {
    for way in &WAYS[1..] {
        for chunked in [true, false] {
            let server = Server::new();
            let (client, line) = server.open(way);
            let (Line::Stream(request) | Line::Poll(_, request)) = line else { panic!("{way}") };
            if *way == "xhr-polling" {
                request.begin();
            }
            request.chunk("a[\"1\"]\na[\"2");
            // The answer is whole, or it is not.
            if chunked {
                request.end();
            }
            request.cut();
            assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), 1);
            let why = end(&client);
            assert_eq!((why.by, why.code), (Ended::Lost, 1006), "{way}: {why}");
        }
    }
}

#[test]
fn statuses_that_end_the_session() {
    for way in &WAYS[1..] {
        for status in ["404 Not Found", "500 Internal Server Error", "204 No Content", "302 Found"]
        {
            let server = Server::new();
            let (client, line) = server.open(way);
            let (Line::Stream(mut request) | Line::Poll(_, mut request)) = line else {
                panic!("{way}")
            };
            if *way == "xhr-streaming" {
                request.end();
                request = server.to("xhr_streaming");
            }
            request.refuse(status, "");
            let why = end(&client);
            assert_eq!((why.by, why.code), (Ended::Lost, 1006), "{way} {status}: {why}");
            assert!(why.text.contains(&status[..3]), "{why}");
        }
    }
}

#[test]
fn statuses_of_posts_that_end_the_session() {
    for (status, code) in [
        ("404 Not Found", 1006),
        ("500 Internal Server Error", 1006),
        ("302 Found", 1006),
        ("413 Payload Too Large", 1009),
    ] {
        let server = Server::new();
        let (client, _line) = server.open("xhr-polling");
        client.write(&1).unwrap();
        server.to("xhr_send").refuse(status, "Broken JSON encoding.");
        let why = end(&client);
        assert_eq!(why.code, code, "{status}: {why}");
        assert!(code == 1009 || why.text.contains("Broken JSON encoding."), "{why}");
    }
}

/// A server that answers every poll at once, with nothing.
#[test]
fn polls_that_are_answered_with_nothing_do_not_keep_the_client_from_the_rest() {
    let server = Server::new();
    let (client, line) = server.open("xhr-polling");
    let Line::Poll(_, mut poll) = line else { panic!("another way") };
    for _ in 0..100 {
        poll.answer("");
        poll = server.to("xhr");
    }
    client.write(&1).unwrap();
    server.to("xhr_send").taken();
    poll.answer("a[\"1\"]\n");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), 1);
}

/// What is not fetched by the application waits at the server.
#[test]
fn a_client_that_does_not_take_its_messages_stops_the_server() {
    for way in ["websocket", "xhr-streaming"] {
        let server = Server::new();
        let (client, line) = server.open_as(server.client(way).inbox(100_000), way);
        let stream = match &line {
            Line::Socket(peer) => &peer.stream,
            Line::Stream(request) | Line::Poll(_, request) => &request.stream,
        };
        stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let frame = format!("a[{:?}]", format!("{:?}", "x".repeat(10_000)));
        let bytes = match &line {
            Line::Socket(_) => crate::server::frame(crate::server::TEXT, frame.as_bytes()),
            _ => format!("{:x}\r\n{frame}\n\r\n", frame.len() + 1).into_bytes(),
        };
        let mut stream = stream;
        let mut written = 0;
        while stream.write_all(&bytes).is_ok() {
            written += bytes.len();
            assert!(written < 200 << 20, "{way}: it is taken for ever");
        }
        assert_eq!(client.recv_timeout(SOON).unwrap().as_str().map(str::len), Some(10_000));
    }
}
