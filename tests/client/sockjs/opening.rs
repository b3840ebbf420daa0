//! From the first request to the open frame, by one way or another.

use std::io::Write;
use std::time::{Duration, Instant};

use primus::{Client, Error, Frame, ReadyState};

use super::server::{INFO, Server, WAYS};
use crate::server::{Log, SOON};

/// Every way, as is the default.
const ALL: &str = "websocket, xhr-streaming, xhr-polling";

/// An answer that sets cookies.
fn answer_with(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn requests_look_like_those_of_javascript() {
    let server = Server::new();
    let client = server.client("xhr-streaming").header("X-Mine", "yes").pathname("/live/");
    let client = client.header("Content-Type", "x/y");
    let client = client
        .build_with(|client| {
            client.on_outgoing_url(|_, url| url.set_query("token", "a b"));
        })
        .unwrap();
    let info = server.to("info");
    assert!(info.target().starts_with("/live/info?_primuscb="), "{}", info.head);
    assert!(info.is("GET") && info.target().ends_with("&token=a%20b"), "{}", info.head);
    assert_eq!(info.header("x-mine"), Some("yes"));
    info.answer(INFO);
    let stream = server.to("xhr_streaming");
    let [number, session] = stream.ids();
    assert!(stream.is("POST") && stream.path().starts_with("/live/"), "{}", stream.head);
    assert!(number.len() == 3 && number.bytes().all(|c| c.is_ascii_digit()), "{number}");
    let legal = |c| matches!(c, b'a'..=b'z' | b'0'..=b'5');
    assert!(session.len() == 8 && session.bytes().all(legal), "{session}");
    assert_eq!(stream.header("content-length"), Some("0"));
    stream.begin();
    stream.chunk("o\n");
    client.write(&"é😀").unwrap();
    let send = server.to("xhr_send");
    assert_eq!(send.ids(), stream.ids());
    assert_eq!(send.header("content-type"), Some("text/plain"));
    assert_eq!(send.header("x-mine"), Some("yes"));
    assert_eq!(send.body, r#"["\"é\ud83d\ude00\""]"#);
    let query = |target: &str| target.split_once('?').unwrap().1.to_owned();
    assert!(query(send.target()).ends_with("&token=a%20b"));
    for request in [&stream, &send] {
        assert_eq!(query(request.target()), query(info.target()));
    }
}

#[test]
fn each_way_opens_and_carries_text() {
    for way in WAYS {
        let server = Server::new();
        let (client, mut line) = server.open(way);
        line.say(r#"a["{\"hello\":\"world\"}"]"#);
        let message = client.recv_timeout(SOON).unwrap();
        assert_eq!(message.frame().as_text(), Some(r#"{"hello":"world"}"#), "{way}");
        client.write(&"back").unwrap();
        let sent = match &mut line {
            super::server::Line::Socket(peer) => peer.read_text(),
            _ => server.to("xhr_send").body,
        };
        assert_eq!(sent, r#"["\"back\""]"#, "{way}");
    }
}

/// In this order; each with a session of its own, on one server.
#[test]
fn one_way_after_another() {
    let server = Server::new();
    let client = server.client(ALL).build().unwrap();
    let log = Log::of(&client);
    server.inform();
    let socket = server.next(|request| request.is_upgrade());
    socket.refuse("400 Bad Request", "no");
    let stream = server.to("xhr_streaming");
    stream.refuse("503 Service Unavailable", "");
    let poll = server.to("xhr");
    assert!(socket.path().ends_with("/websocket"));
    let ids = [socket.ids(), stream.ids(), poll.ids()];
    assert!(ids[0][0] == ids[1][0] && ids[1][0] == ids[2][0], "{ids:?}");
    assert!(ids[0][1] != ids[1][1] && ids[1][1] != ids[2][1], "{ids:?}");
    poll.answer("o\n");
    log.expect(&["open"]);
    server.to("xhr").answer("a[\"1\"]\n");
    assert_eq!(client.recv_timeout(SOON).unwrap().parse::<i32>().unwrap(), 1);
}

/// A proxy that keeps a stream to itself, a server that accepts a WebSocket and says
/// nothing: there is a time for each.
#[test]
fn a_way_that_says_nothing_is_left_in_time() {
    let server = Server::new();
    let client = server.client(ALL).transport("timeout", "0").build().unwrap();
    let begun = Instant::now();
    server.inform();
    let mut socket = server.accept();
    let stream = server.to("xhr_streaming");
    // 600 ms and twice what the answer took.
    assert!(begun.elapsed() >= Duration::from_millis(600), "{:?}", begun.elapsed());
    assert_eq!(socket.read_close(), None);
    // On a busy machine it may be gone already.
    let say = |text: &str| drop((&stream.stream).write_all(text.as_bytes()));
    let filling = "h".repeat(2048);
    say(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n801\r\n{filling}\n\r\n"));
    let poll = server.to("xhr");
    assert!(begun.elapsed() >= Duration::from_millis(1200), "{:?}", begun.elapsed());
    // What comes too late is not heard.
    say("2\r\no\n\r\n");
    assert_ne!(client.ready_state(), ReadyState::Open);
    poll.answer("o\n");
    client.wait_open(SOON).unwrap();
}

#[test]
fn the_option_gives_more_time() {
    let server = Server::new();
    let client = server.client("websocket").build().unwrap();
    server.inform();
    let mut socket = server.accept();
    crate::common::pause(Duration::from_millis(1500));
    socket.text("o");
    client.wait_open(SOON).unwrap();
}

#[test]
fn the_order_is_that_of_the_option() {
    let server = Server::new();
    let client = server.client("xhr-polling,websocket").build().unwrap();
    server.inform();
    server.to("xhr").refuse("404 Not Found", "");
    let mut socket = server.accept();
    socket.text("o");
    client.wait_open(SOON).unwrap();
}

#[test]
fn a_server_without_websocket_is_not_asked_for_one() {
    let server = Server::new();
    let client = server.client(ALL).build().unwrap();
    server.to("info").answer(r#"{"websocket":false}"#);
    let stream = server.to("xhr_streaming");
    stream.begin();
    stream.chunk("o\n");
    client.wait_open(SOON).unwrap();
    assert!(server.is_idle());

    let client = server.client("websocket").build().unwrap();
    server.to("info").answer(r#"{"websocket":false}"#);
    let error = client.wait_open(SOON).unwrap_err();
    assert!(matches!(&error, Error::Protocol(text) if text.contains("WebSocket")), "{error}");
}

#[test]
fn a_server_that_refuses_to_tell_of_itself_refuses() {
    for (status, code) in
        [("401 Unauthorized", 401), ("302 Found", 302), ("204 No Content", 204), ("500 Oh", 500)]
    {
        let server = Server::new();
        let client = server.client(ALL).build().unwrap();
        let body = if code == 204 { "" } else { r#"{"error":"not you"}"# };
        server.to("info").refuse(status, body);
        match client.wait_open(SOON).unwrap_err() {
            Error::Refused { url, status, message, .. } => {
                assert_eq!((status, &*message), (code, if code == 204 { "" } else { "not you" }));
                assert!(url.ends_with("/primus/info"), "{url}");
            }
            other => panic!("{other:?}"),
        }
        assert!(server.is_idle(), "{status}");
    }
}

#[test]
fn what_it_tells_may_be_nothing() {
    let long = "x".repeat(1 << 20);
    for body in ["", "nonsense", "[]", "null", "{\"websocket\":", &long] {
        let server = Server::new();
        let client = server.client(ALL).build().unwrap();
        // More than is kept is not read, so it may not be taken either.
        let info = server.to("info");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        info.send(head);
        let _ = (&info.stream).write_all(body.as_bytes());
        let mut socket = server.accept();
        socket.text("o");
        client.wait_open(SOON).unwrap();
    }
}

#[test]
fn an_answer_that_does_not_come_is_not_waited_for_for_ever() {
    let server = Server::new();
    let client = server.client(ALL).timeout(None).build().unwrap();
    let info = server.to("info");
    info.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{");
    match client.wait_open(SOON).unwrap_err() {
        Error::Timeout(text) => assert!(text.contains("/primus/info in 8s"), "{text}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_server_that_goes_before_it_tells_of_itself() {
    let server = Server::new();
    let client = server.client(ALL).build().unwrap();
    server.to("info").cut();
    assert!(matches!(client.wait_open(SOON), Err(Error::Io(_))));
    assert!(server.is_idle());
}

#[test]
fn all_ways_fail() {
    let server = Server::new();
    let client = server.client(ALL).build().unwrap();
    server.inform();
    server.next(|request| request.is_upgrade()).refuse("400 Bad Request", "no");
    server.to("xhr_streaming").answer("h\n");
    server.to("xhr").cut();
    let error = client.wait_open(SOON).unwrap_err().to_string();
    for part in ["websocket: ", "400: no", "xhr-streaming: ", "xhr-polling: ", "open frame"] {
        assert!(error.contains(part), "{error}");
    }
    // If the last was refused, that is told with all its parts.
    let client = server.client("xhr-streaming,xhr-polling").build().unwrap();
    server.inform();
    server.to("xhr_streaming").cut();
    server.to("xhr").refuse("403 Forbidden", r#"{"error":"not you"}"#);
    match client.wait_open(SOON).unwrap_err() {
        Error::Refused { url, status: 403, message, .. } => {
            assert!(url.ends_with("/xhr") && message == "not you", "{url} {message}");
        }
        other => panic!("{other:?}"),
    }
}

/// What is no open frame is no session; unless it says that there is none.
#[test]
fn what_opens_no_session() {
    for frame in ["x", "a[\"1\"]", "m\"1\"", "c", "[1]"] {
        let server = Server::new();
        let client = server.client("xhr-streaming,xhr-polling").build().unwrap();
        server.inform();
        let stream = server.to("xhr_streaming");
        stream.begin();
        stream.chunk(&format!("h\n\n{frame}\no\n"));
        server.to("xhr").answer("o\n");
        client.wait_open(SOON).unwrap();
    }
    for way in WAYS {
        let server = Server::new();
        let client = server.client(&format!("{way},xhr-polling,websocket")).build().unwrap();
        server.inform();
        server.line(way).say_last(r#"c[2010,"Another connection still open"]"#);
        let error = client.wait_open(SOON).unwrap_err().to_string();
        assert!(error.contains("Another connection still open"), "{way}: {error}");
        assert!(server.is_idle());
    }
}

#[test]
fn an_open_session_does_not_change_its_way() {
    for way in WAYS {
        let server = Server::new();
        let all = server.client(&format!("{way},{ALL}"));
        let (client, line) = server.open_as(all, way);
        line.cut();
        assert!(client.wait_end(SOON), "{way}");
        assert!(server.is_idle(), "{way}");
    }
}

#[test]
fn cookies_go_with_what_follows() {
    let sticky = "Set-Cookie: SRV=one; Path=/\r\nSet-Cookie: other=x; Path=/elsewhere\r\n";
    let server = Server::new();
    let client = server.client("websocket,xhr-streaming").header("Cookie", "mine=1");
    let client = client.build().unwrap();
    let info = server.to("info");
    assert_eq!(info.header("cookie"), Some("mine=1"));
    info.send(answer_with(sticky, INFO));
    let socket = server.next(|request| request.is_upgrade());
    assert_eq!(socket.header("cookie"), Some("mine=1; SRV=one"));
    socket.refuse("400 Bad Request", "");
    let stream = server.to("xhr_streaming");
    assert_eq!(stream.header("cookie"), Some("mine=1; SRV=one"));
    stream.send("HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=dummy; path=/\r\n\r\no\n");
    client.write(&1).unwrap();
    let send = server.to("xhr_send");
    assert_eq!(send.header("cookie"), Some("mine=1; SRV=one; JSESSIONID=dummy"));
    send.send("HTTP/1.1 204 No Content\r\nSet-Cookie: SRV=; Max-Age=0; Path=/\r\n\r\n");
    client.write(&2).unwrap();
    assert_eq!(server.to("xhr_send").header("cookie"), Some("mine=1; JSESSIONID=dummy"));

    let client = server.client("websocket").transport("withCredentials", "false");
    let client = client.build().unwrap();
    server.to("info").send(answer_with(sticky, INFO));
    let mut socket = server.accept();
    assert_eq!(socket.header("cookie"), None);
    socket.text("o");
    client.wait_open(SOON).unwrap();
}

/// Behind a load balancer that sends each request to another server.
#[test]
fn a_session_that_is_unknown_at_once_gives_a_hint() {
    let text = |client: &Client| client.recv_timeout(SOON).unwrap_err().to_string();
    for by_post in [false, true] {
        let server = Server::new();
        let (client, mut line) = server.open("xhr-polling");
        if by_post {
            client.write(&1).unwrap();
            server.to("xhr_send").refuse("404 Not Found", "404 Error: Page not found");
        } else {
            line.say_last("o");
        }
        let text = text(&client);
        assert!(text.contains("several servers") && text.contains("`transports`"), "{text}");
    }
    // One that has worked is another matter.
    let server = Server::new();
    let (client, mut line) = server.open("xhr-polling");
    for _ in 0..5 {
        line.say("h");
    }
    line.say_last("o");
    let text = text(&client);
    assert!(text.contains("lost the session") && !text.contains("servers"), "{text}");
}

#[test]
fn options_that_cannot_be_used() {
    let server = Server::new();
    let error = server.client("eventsource").build().unwrap_err().to_string();
    assert!(error.contains("`transports` is `eventsource`"), "{error}");
    for parser in ["binary", "msgpack"] {
        let error = server.client("websocket").parser_name(parser).build().unwrap_err();
        assert!(error.to_string().contains("carries text only"), "{error}");
    }
    let (client, _line) = server.open("websocket");
    let error = client.write_frame(&Frame::binary(*b"x")).unwrap_err();
    assert!(matches!(error, Error::Misuse(_)), "{error}");
}
