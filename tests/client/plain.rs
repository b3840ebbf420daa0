//! The plain way: connect, write, receive, end.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use primus::{Client, Ended, Error, Frame, ReadyState, Value, Written};

use crate::server::{Log, SOON, Server, TEXT, frame};

fn option_error<T>(result: primus::Result<T>) -> String {
    match result {
        Err(Error::Option(text)) => text,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("accepted"),
    }
}

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
fn the_request_is_primus_own() {
    let server = Server::new();
    let client = Client::builder(&format!(
        "ws://me:p%40ss@127.0.0.1:{}/ignored?token=abc%20d&x=1",
        server.port()
    ))
    .pathname("somewhere")
    .header("X-Extra", "yes")
    .build()
    .unwrap();
    let peer = server.request();
    let start = "GET /somewhere?token=abc%20d&x=1&_primuscb=";
    assert!(peer.head.starts_with(start), "{}", peer.head);
    let host = format!("127.0.0.1:{}", server.port());
    assert_eq!(peer.header("Host"), Some(host.as_str()));
    assert_eq!(peer.header("Authorization"), Some("Basic bWU6cEBzcw=="));
    assert_eq!(peer.header("X-Extra"), Some("yes"));
    assert_eq!(peer.header("Sec-WebSocket-Version"), Some("13"));
    assert_eq!(peer.header("Sec-WebSocket-Key").unwrap().len(), 24);
    assert_eq!(peer.header("Sec-WebSocket-Extensions"), None);
    drop(client);
}

#[test]
fn happn_is_told_the_ping_times() {
    let server = Server::new();
    let timeout = Duration::from_secs(10);
    let client = server.client().happn(Duration::from_secs(25), timeout).build().unwrap();
    assert!(server.request().query().ends_with("&ping=25000&pong=10000"));
    client.end();
}

#[test]
fn unusable_options_say_what_would_do() {
    let text = option_error(Client::builder("http://h").transformer("carrier-pigeon").build());
    assert!(text.contains("carrier-pigeon") && text.contains("websockets"), "{text}");
    assert!(option_error(Client::connect("https://localhost")).contains("TLS"));
    assert!(option_error(Client::connect("gopher://localhost")).contains("http"));
    let text = option_error(Client::builder("http://h").strategy("disconnect, sometimes").build());
    assert!(text.contains("sometimes") && text.contains("timeout"), "{text}");
    option_error(Client::builder("http://h").header("X-A", "b\r\nX-C: d").build());
    let text = option_error(Client::builder("http://h").parser_name("smoke").build());
    assert!(text.contains("smoke") && text.contains("msgpack"), "{text}");
    option_error(Client::builder("http://h").header("Host", "other").build());
    option_error(Client::builder("http://h").pathname("/a b").build());
}

#[test]
fn nobody_listens() {
    let port = Server::new().port();
    let error = Client::connect(&format!("http://127.0.0.1:{port}")).unwrap_err();
    assert!(matches!(&error, Error::Io(e) if e.kind() == std::io::ErrorKind::ConnectionRefused));
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
    let error = Client::connect(&format!("http://localhost:{port}")).unwrap_err();
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

/// Of the addresses of `localhost`, often two, the server has one.
#[test]
fn the_address_that_answers_counts() {
    let server = Server::new();
    let client = Client::builder(&format!("http://localhost:{}", server.port())).build().unwrap();
    let _peer = server.accept();
    client.wait_open(SOON).unwrap();
}

#[test]
fn a_user_without_a_password_is_sent_as_one_and_nobody_as_nothing() {
    for (user, sent) in [("token@", Some("Basic dG9rZW46")), ("@", None), ("", None)] {
        let server = Server::new();
        let url = format!("http://{user}127.0.0.1:{}", server.port());
        let client = Client::builder(&url).build().unwrap();
        assert_eq!(server.request().header("Authorization"), sent, "{user}");
        drop(client);
    }
}

#[test]
fn a_refusal_tells_why() {
    let server = Server::new();
    let url = server.url();
    let connecting = thread::spawn(move || Client::connect(&url));
    let mut peer = server.request();
    peer.send(
        b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: application/json\r\n\
          Content-Length: 16\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n{\"error\":\"nope\"}",
    );
    match connecting.join().unwrap().unwrap_err() {
        Error::Refused { status: 401, message, authenticate } => {
            assert_eq!(
                (message.as_str(), authenticate.as_deref()),
                ("nope", Some("Basic realm=\"x\""))
            );
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_wrong_handshake_is_refused() {
    for wrong in [
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "HTTP/1.1 101 X\r\n\r\n",
        "SSH-2.0-server\r\n\r\n",
    ] {
        let server = Server::new();
        let url = server.url();
        let connecting = thread::spawn(move || Client::connect(&url));
        server.request().send(wrong.as_bytes());
        assert!(matches!(connecting.join().unwrap(), Err(Error::Protocol(_))), "{wrong}");
    }
}

#[test]
fn extensions_that_were_not_offered_are_refused() {
    let server = Server::new();
    let url = server.url();
    let connecting = thread::spawn(move || Client::connect(&url));
    let mut peer = server.request();
    let answer = peer.switching();
    let lie =
        answer.replace("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    peer.send(lie.as_bytes());
    assert!(matches!(connecting.join().unwrap(), Err(Error::Protocol(_))));
}

#[test]
fn a_silent_server_runs_into_the_timeout() {
    let server = Server::new();
    let result = server.client().timeout(Duration::from_millis(100)).connect();
    assert!(matches!(result, Err(Error::Timeout(_))));
}

#[test]
fn waiting_in_a_listener_is_an_error() {
    let server = Server::new();
    let (tell, told) = crossbeam_channel::bounded(1);
    let client = server
        .client()
        .build_with(move |client| {
            client.on_open(move |client| {
                let refused = |error: Option<Error>| matches!(error, Some(Error::Option(_)));
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
fn a_refusal_says_what_may_help_and_a_connection_never_made_was_not_lost() {
    for (answer, help) in [
        ("404 Not Found\r\nContent-Length: 0\r\n\r\n", "pathname"),
        ("426 Upgrade Required\r\nContent-Length: 0\r\n\r\n", "transformer"),
        (
            "400 Bad Request\r\nContent-Length: 40\r\n\r\n{\"code\":0,\"message\":\"Transport unknown\"}",
            "transformer",
        ),
    ] {
        let server = Server::new();
        let builder = server.client().strategy("");
        let client = builder.build().unwrap();
        server.request().send(format!("HTTP/1.1 {answer}").as_bytes());
        assert!(client.wait_end(SOON));
        let error = client.error().unwrap();
        assert!(
            matches!(error, Error::Refused { .. }) && error.to_string().contains(help),
            "{error}"
        );
        let reason = client.close_reason().unwrap().to_string();
        assert!(reason.starts_with("not connected"), "{reason}");
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
