//! Polls and POSTs.

use std::io::{Read, Write};
use std::net::Shutdown;

use primus::{Ended, Frame, Primus};

use crate::client::*;
use crate::common::*;

#[test]
fn many_packets_in_one_body() {
    let server = echo(Primus::builder());
    for revision in [3, 4] {
        let mut client = Client::open_with(server.addr, revision, "");
        let words: Vec<String> = (0..500).map(|n| format!("4\"{n} é€😀\"")).collect();
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        assert_eq!(client.send(&words).body, "ok");
        assert_eq!(client.poll_for(500), words);
        let answer = client.send(&["4\"x\"", "6", "4\"y\""]);
        assert_eq!((answer.status, &*answer.body), (200, "ok"));
        assert_eq!(answer.header("content-type"), Some("text/html"));
        assert_eq!(client.poll_for(2), ["4\"x\"", "4\"y\""]);
        client.close();
    }
}

#[test]
fn what_is_written_between_polls_waits() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    for n in 0..3 {
        spark.write(&n).unwrap();
    }
    assert!(spark.buffered() > 0);
    assert_eq!(client.poll(), ["40", "41", "42"]);
    // `buffered` falls after the answer is sent.
    wait_for("bytes that wait", 0, || spark.buffered());
    // A poll that waits is answered at once.
    client.ask_poll();
    spark.write("now").unwrap();
    assert_eq!(client.packets(), ["4\"now\""]);
}

#[test]
fn binary_messages() {
    let server = echo(Primus::builder());
    // `"x"`, with and without base 64 wanted.
    for (revision, more, packet) in
        [(4, "", "bIngi"), (4, "&b64=1", "bIngi"), (3, "&b64=1", "b4Ingi")]
    {
        let mut client = Client::open_with(server.addr, revision, more);
        client.say(packet);
        assert_eq!(client.poll(), [packet]);
        client.close();
    }
    let mut client = Client::open_with(server.addr, 3, "");
    client.say("b4Ingi");
    client.ask_poll();
    let answer = client.get.read_response();
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.bytes, b"\x01\x04\xff\x04\"x\"");
    // And back, with a text behind it.
    let body = b"\x01\x04\xff\x04\"x\"\x00\x07\xff4\"\xe2\x82\xac\x21\"";
    let answer = client.send_body("Content-Type: application/octet-stream\r\n", body);
    assert_eq!(answer.body, "ok");
    let mut both = Vec::new();
    while both.len() < body.len() {
        client.ask_poll();
        let answer = client.get.read_response();
        let text = answer.header("content-type") != Some("application/octet-stream");
        both.extend_from_slice(if text { b"\x00\x07\xff" } else { b"" });
        both.extend_from_slice(&answer.bytes[if text { 2 } else { 0 }..]);
    }
    assert_eq!(both, body);
    client.close();
    // Text only, until something binary waits too.
    let mut client = Client::open_with(server.addr, 3, "");
    let spark = server.primus.spark(&client.sid).unwrap();
    spark.write("a").unwrap();
    spark.write_frame(&Frame::binary(*b"1")).unwrap();
    client.ask_poll();
    assert_eq!(client.get.read_response().bytes, b"\x00\x04\xff4\"a\"\x01\x02\xff\x041");
}

#[test]
fn revision_4_posts_no_binary() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let answer = client.send_body("Content-Type: application/octet-stream\r\n", b"4\"x\"");
    assert_eq!((answer.status, &*answer.body), (400, ""));
    client.wait_forgotten();
    server.wait_empty();
}

#[test]
fn jsonp_and_what_scripts_could_be_smuggled_by_it() {
    let server = echo(Primus::builder());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (j, number) in [("0", "0"), ("12", "12"), ("1a2%22)%3bx", "12"), ("", "")] {
        for revision in [3, 4] {
            let query = format!("EIO={revision}&transport=polling&j={j}");
            let opened = ask(server.addr, get(&query));
            let (head, tail) = (format!("___eio[{number}](\""), "\");");
            let inner = |body: &str| -> String {
                let literal = body.strip_prefix(&*head).and_then(|rest| rest.strip_suffix(tail));
                let literal = literal.unwrap_or_else(|| panic!("no call: {body}"));
                serde_json::from_str(&format!("\"{literal}\"")).expect("a string literal")
            };
            assert_eq!(opened.header("content-type"), Some("text/plain; charset=UTF-8"));
            let sid = sid_of(&inner(&opened.body));
            // The number is that of the handshake, whatever comes later.
            let query = format!("EIO={revision}&transport=polling&j=99&sid={sid}");
            let packet = "4\"</script>\u{2028}\\n\\\\n<!--\"";
            let payload = payload(revision, &[packet]);
            let field: String = payload.replace("\\n", "\\\\n").replace('\n', "\\n");
            let field: String = field.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let body = format!("x=1&d={field}");
            assert_eq!(ask(server.addr, post(&query, form, body.as_bytes())).body, "ok");
            let polled = ask(server.addr, get(&query));
            assert_eq!(packets(revision, &inner(&polled.body)), [packet]);
            assert!(!polled.body.contains("</script") && !polled.body.contains("<!--"));
            assert!(!polled.body.contains('\u{2028}'));
            ask(server.addr, post(&query, "", crate::client::payload(revision, &["1"]).as_bytes()));
        }
    }
}

/// engine.io 1.x takes the bytes of a text for its characters.
#[test]
fn double_encoding() {
    let server = echo(Primus::builder().transport("doubleEncoding", "true"));
    let mut client = Client::open_with(server.addr, 3, "");
    let twice: String = "4\"é€😀\"".bytes().map(char::from).collect();
    let body = format!("{}:{twice}", twice.chars().count());
    assert_eq!(client.send_body("", body.as_bytes()).body, "ok");
    client.ask_poll();
    assert_eq!(client.get.read_response().body, body);
    let single = Client::open_with(server.addr, 4, "");
    let mut single = single;
    single.say("4\"é\"");
    assert_eq!(single.poll(), ["4\"é\""]);
}

#[test]
fn two_polls_at_once_end_the_session() {
    let server = echo(Primus::builder());
    for (revision, close) in [(4, "1"), (3, "1:1")] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        client.ask_poll();
        // Whichever comes first is the one that is held.
        let answer = ask(server.addr, get(&client.query("polling")));
        let mut answers = [answer, client.get.read_response()];
        answers.sort_by_key(|answer| answer.status);
        let [held, refused] = answers;
        assert_eq!((held.status, &*held.body), (200, close));
        assert_eq!((refused.status, &*refused.body), (400, ""));
        server.wait_empty();
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, Ended::Protocol);
        assert!(!client.is_known());
    }
}

#[test]
fn two_posts_at_once_end_the_session() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let mut first = begin_post(&client, 3);
    client.ask_poll();
    let answer = client.send(&["4\"x\""]);
    assert_eq!((answer.status, &*answer.body), (400, ""));
    // The second request may have come before the poll.
    let polled = client.get.read_response();
    assert!(polled.body == "1" || polled.body.contains("Session ID unknown"), "{polled:?}");
    first.try_send(b"4\"y");
    assert!(first.ends());
    assert!(!client.is_known());
    server.wait_empty();
}

#[test]
fn a_connection_that_ends_between_polls_ends_nothing() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
    client.get.shutdown(Shutdown::Both);
    client.get = server.connect();
    client.post = server.connect();
    client.say("4\"y\"");
    assert_eq!(client.poll(), ["4\"y\""]);
    client.close();
}

#[test]
fn a_lost_post_ends_the_session() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    client.ask_poll();
    begin_post(&client, 3).send(b"4\"");
    let polled = client.get.read_response();
    assert!(polled.body == "1" || polled.body.contains("Session ID unknown"), "{polled:?}");
    server.wait_empty();
    assert!(!client.is_known());
}

#[test]
fn other_methods_do_nothing_to_a_session() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"] {
        let mut peer = server.connect();
        peer.send(request(method, &client.query("polling"), "").as_bytes());
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 500 "), "{method}: {head}");
    }
    client.say("4\"x\"");
    assert_eq!(client.poll(), ["4\"x\""]);
}

#[test]
fn the_client_closes() {
    let server = echo(Primus::builder());
    for (revision, noop) in [(4, "6"), (3, "1:6")] {
        let mut client = Client::open_with(server.addr, revision, "");
        let spark = server.spark();
        client.ask_poll();
        // What comes before the end is delivered.
        let answer = client.send(&["4\"x\"", "1", "4\"late\""]);
        assert_eq!((answer.status, &*answer.body), (200, "ok"));
        let answer = client.get.read_response();
        let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
        let echoed = if revision == 4 { "4\"x\"" } else { "4:4\"x\"" };
        // The poll may have come too late, or in time for the echo.
        assert!([noop, unknown, echoed].contains(&&*answer.body), "{answer:?}");
        server.wait_empty();
        wait_until("it has ended", || spark.close_reason().is_some());
        assert_eq!(spark.close_reason().unwrap().by, Ended::Remote);
        assert!(!client.is_known());
        assert_eq!(client.send(&["4\"x\""]).status, 400);
    }
}

#[test]
fn what_is_no_packet_ends_the_session_behind_what_came_before() {
    let server = engine_server_that_collects();
    for (revision, bad) in [
        (4, &b""[..]),
        (4, b"x"),
        (4, b"7"),
        (4, b"\xff\xfe"),
        (4, b"bnot base 64!"),
        (4, b"4\"a\"\x1e"),
        (4, b"4\"a\"\x1e\x1e4\"b\""),
        (4, b"4\"a\"\x1e9\x1e4\"b\""),
        (4, b"2"),
        (3, b""),
        (3, b"x"),
        (3, b"4\"a\""),
        (3, b"4:4\"a\"5:4\"b\""),
        (3, b"4:4\"a\"99999999999999999999999999:4\"b\""),
        (3, b"4:4\"a\"-1:4\"b\""),
        (3, b"4:4\"a\":4\"b\""),
        (3, b"4:4\"a\"12"),
        (3, b"4:4\"a\"3:b5x"),
        (3, b"1:3"),
        // Half of a character that is two units long.
        (3, "2:4😀".as_bytes()),
    ] {
        let mut client = Client::open_with(server.0.addr, revision, "");
        client.ask_poll();
        let answer = client.send_body("", bad);
        let name = String::from_utf8_lossy(bad);
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{name}");
        assert!(!client.is_known(), "{name}");
        server.0.wait_empty();
        let polled = client.get.read_response();
        assert!(polled.body.ends_with('1') || polled.status == 400, "{polled:?}");
        let expected = if name.contains("\"a\"") && !matches!(bad, b"4\"a\"") { 1 } else { 0 };
        let expected = if revision == 3 && bad == b"4\"a\"" { 0 } else { expected };
        assert_eq!(server.1.try_iter().count(), expected, "{name}");
    }
    // In a binary payload.
    for bad in [
        &b"\x00"[..],
        b"\x00\x01",
        b"\x00\xff4",
        b"\x01\x09\xff\x04",
        b"\x01\x01\xff\x09",
        b"\x00\x02\xff4\xff",
        b"\x00\x0a\xff4",
        b"\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff4",
    ] {
        let mut client = Client::open_with(server.0.addr, 3, "");
        let answer = client.send_body("Content-Type: application/octet-stream\r\n", bad);
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{bad:?}");
        assert!(!client.is_known(), "{bad:?}");
    }
    server.0.wait_empty();
    assert_eq!(server.1.try_iter().count(), 0);
}

/// A server, and the messages that it gets.
pub fn engine_server_that_collects() -> (Server, crossbeam_channel::Receiver<String>) {
    let server = Server::start(engine(Primus::builder()));
    let (tell, told) = crossbeam_channel::unbounded();
    server.primus.on_connection(move |spark| {
        let tell = tell.clone();
        spark.on_data(move |_, message| {
            let _ = tell.send(message.as_str().unwrap_or_default().to_owned());
        });
    });
    (server, told)
}

#[test]
fn http_1_0_may_keep_its_connection() {
    let server = echo(Primus::builder());
    let mut peer = server.connect();
    let keep = |request: String| request.replace("HTTP/1.1", "HTTP/1.0");
    let headers = "Connection: keep-alive\r\n";
    let opened = peer.ask(&keep(request("GET", "EIO=4&transport=polling", headers)));
    assert_eq!(opened.header("connection"), Some("keep-alive"));
    let query = format!("EIO=4&transport=polling&sid={}", sid_of(&opened.body));
    for _ in 0..3 {
        server.spark().write(&1).unwrap();
        let answer = peer.ask(&keep(request("GET", &query, headers)));
        assert_eq!((&*answer.body, answer.header("connection")), ("41", Some("keep-alive")));
    }
}

#[test]
fn requests_behind_a_held_poll_wait_for_it() {
    let server = echo(Primus::builder());
    let mut client = Client::open(server.addr);
    let query = client.query("polling");
    let poll = get(&query);
    // Two polls, a POST, a poll, one after the other, in one piece and byte by
    // byte.
    let all = [poll.as_bytes(), poll.as_bytes(), &post(&query, "", b"4\"x\""), poll.as_bytes()];
    client.get.send(&all.concat());
    let spark = server.spark();
    spark.write(&1).unwrap();
    assert_eq!(client.packets(), ["41"]);
    spark.write(&2).unwrap();
    assert_eq!(client.packets(), ["42"]);
    assert_eq!(client.get.read_response().body, "ok");
    assert_eq!(client.packets(), ["4\"x\""]);
    for byte in all.concat() {
        client.get.send(&[byte]);
    }
    for n in 3..5 {
        spark.write(&n).unwrap();
        assert_eq!(client.packets(), [format!("4{n}")]);
    }
    assert_eq!(client.get.read_response().body, "ok");
    assert_eq!(client.packets(), ["4\"x\""]);
    // A client that sends ahead and goes is noticed.
    client.get.send(&[poll.as_bytes(), poll.as_bytes()].concat());
    client.get.shutdown(Shutdown::Both);
    server.wait_empty();
}

#[test]
fn streams_from_elsewhere() {
    let server = echo(Primus::builder());
    let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
    far.set_read_timeout(Some(PATIENCE)).unwrap();
    server.primus.serve(near).unwrap();
    let mut read = |request: &[u8], end: &str| {
        far.write_all(request).unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            let mut some = [0; 1024];
            let n = far.read(&mut some).unwrap();
            assert!(n > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&some[..n]);
        }
        String::from_utf8(seen).unwrap()
    };
    let opened = read(get("EIO=4&transport=polling").as_bytes(), "}");
    let query = format!("EIO=4&transport=polling&sid={}", sid_of(&opened));
    // An ordinary connection serves the same session.
    assert_eq!(ask(server.addr, post(&query, "", b"4\"x\"")).body, "ok");
    read(get(&query).as_bytes(), "4\"x\"");
    let nowhere = primus::Address { unix: true, ..Default::default() };
    assert_eq!(server.spark().address(), nowhere);
    read(&post(&query, "", b"1"), "ok");
    server.wait_empty();
}
