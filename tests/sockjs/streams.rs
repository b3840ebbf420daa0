//! Answers that get frame after frame.

use std::net::Shutdown;

use primus::{Ended, ManualClock, Primus, SlowConsumer};

use crate::client::*;
use crate::common::*;
use crate::polling::{ms, timed};

const STREAMS: [&str; 3] = ["xhr_streaming", "eventsource", "htmlfile"];

#[test]
fn every_frame_leaves_at_once() {
    let server = echo(Primus::builder());
    for receiver in STREAMS {
        let mut stream = Stream::open(server.addr, &fresh(), receiver);
        assert_eq!(stream.frame(), "o", "{receiver}");
        let spark = server.spark();
        for text in ["\"%25 </script> \\\" \u{2028} é 😀\"", "1"] {
            spark.write_frame(&primus::Frame::text(text)).unwrap();
            assert_eq!(stream.messages(1), [text], "{receiver}");
        }
        stream.peer.shutdown(Shutdown::Both);
        server.wait_empty();
    }
}

/// What a broadcast becomes is made once for all receivers of a kind.
#[test]
fn receivers_of_all_kinds_get_the_same_broadcasts() {
    let server = echo(Primus::builder());
    let streams = STREAMS.into_iter().flat_map(|receiver| [receiver; 2]);
    let mut streams: Vec<_> =
        streams.map(|receiver| Stream::open(server.addr, &fresh(), receiver)).collect();
    streams.iter_mut().for_each(|stream| assert_eq!(stream.frame(), "o"));
    let mut clients = [(); 2].map(|()| Client::open(server.addr));
    let texts = (0..200).map(|number| format!("%25 </script> \" \u{200d} é 😀 {number}"));
    let texts: Vec<_> = texts.collect();
    texts.iter().for_each(|text| server.primus.write(text).unwrap());
    let expected = texts.iter().map(|text| serde_json::to_string(text).unwrap());
    let expected: Vec<_> = expected.collect();
    for stream in &mut streams {
        assert_eq!(stream.messages(expected.len()), expected);
    }
    for client in &mut clients {
        assert_eq!(client.messages(expected.len()), expected);
    }
}

/// A client of HTTP/1.0 gets them without what makes a chunk of each.
#[test]
fn a_broadcast_is_the_same_without_chunks() {
    let server = echo(Primus::builder().transport("response_limit", "40"));
    let mut chunked = Stream::open(server.addr, &fresh(), "xhr_streaming");
    assert_eq!(chunked.frame(), "o");
    let mut peer = server.connect();
    let request = post(&format!("{}/xhr_streaming", fresh()), "", "");
    peer.send(String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0").as_bytes());
    let head = peer.read_head();
    let text = "x".repeat(50);
    server.primus.write(&text).unwrap();
    let quoted = format!("\"{text}\"");
    assert_eq!(chunked.messages(1), [quoted]);
    assert_eq!(chunked.next(), None);
    let body = String::from_utf8(peer.read_body(&head)).unwrap();
    assert_eq!(body, format!("{}\no\na[\"\\\"{text}\\\"\"]\n", "h".repeat(2048)));
    assert!(peer.ends());
}

#[test]
fn what_was_written_in_the_first_listener_follows_the_opening() {
    let server = Server::start(sockjs(Primus::builder()));
    server.primus.on_connection(|spark| spark.write("hello").map(drop));
    for receiver in STREAMS {
        let mut stream = Stream::open(server.addr, &fresh(), receiver);
        assert_eq!((stream.frame(), stream.messages(1)), ("o".into(), vec!["\"hello\"".into()]));
    }
}

/// What holds answers back, as nginx does by default, is told not to.
#[test]
fn proxies_are_told_to_pass_streams_on() {
    let server = echo(Primus::builder());
    for receiver in STREAMS {
        let head = Stream::open(server.addr, &fresh(), receiver).head;
        for field in [
            "X-Accel-Buffering: no\r\n",
            "Cache-Control: no-transform\r\n",
            "cache-control: no-store, no-cache, must-revalidate, max-age=0\r\n",
            "pragma: no-cache\r\n",
        ] {
            assert!(head.contains(field), "{receiver}: {head}");
        }
    }
    let polled = ask(server.addr, receive(&fresh(), "xhr")).head;
    assert!(!polled.contains("X-Accel-Buffering"), "{polled}");
}

/// A proxy that speaks 1.0 could not tell where a chunk ends.
#[test]
fn to_http_1_0_a_stream_is_no_chunks_and_ends_with_the_connection() {
    let server = echo(Primus::builder().transport("response_limit", "40"));
    let session = fresh();
    let mut peer = server.connect();
    let request = post(&format!("{session}/xhr_streaming"), "Connection: keep-alive\r\n", "");
    peer.send(String::from_utf8(request).unwrap().replace("HTTP/1.1", "HTTP/1.0").as_bytes());
    let head = peer.read_head();
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && head.contains("Connection: close\r\n"));
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
    let spark = server.spark();
    spark.write(&"x".repeat(50)).unwrap();
    let body = String::from_utf8(peer.read_body(&head)).unwrap();
    let frame = format!("a[\"\\\"{}\\\"\"]\n", "x".repeat(50));
    assert_eq!(body, format!("{}\no\n{frame}", "h".repeat(2048)));
    assert!(peer.ends());
    // It ended in peace: the client may come again.
    let mut stream = Stream::open(server.addr, &session, "xhr_streaming");
    spark.write(&1).unwrap();
    assert_eq!(stream.messages(1), ["1"]);
}

#[test]
fn a_stream_ends_at_its_limit_and_the_client_goes_on_with_another() {
    let server = echo(Primus::builder().transport("response_limit", "2000"));
    for receiver in STREAMS {
        let session = fresh();
        let path = format!("{session}/xhr_send");
        let mut posts = server.connect();
        let mut got = 0;
        let mut stream = Stream::open(server.addr, &session, receiver);
        assert_eq!(stream.frame(), "o");
        let mut streams = 1;
        while got < 100 {
            posts.send(&post(&path, "", format!("[\"[{got},\\\"éé{}\\\"]\"]", "x".repeat(90))));
            assert_eq!(posts.read_response().status, 204);
            let frame = loop {
                match stream.next() {
                    Some(frame) => break frame,
                    None => {
                        // The connection stays.
                        stream.peer.send(&receive(&session, receiver));
                        stream = Stream::on(stream.peer, receiver);
                        streams += 1;
                    }
                }
            };
            assert!(messages(&frame)[0].starts_with(&format!("[{got},")), "{frame}");
            got += 1;
        }
        assert!((5..9).contains(&streams), "{receiver}: {streams}");
        stream.peer.shutdown(Shutdown::Both);
        server.wait_empty();
    }
}

/// More than is offered at a time: a stream that got the first part of it waited for
/// the rest for ever, and for all that came after.
#[test]
fn however_much_has_waited_a_stream_gets_all_of_it() {
    let server = echo(Primus::builder().transport("response_limit", "0"));
    let client = Client::open(server.addr);
    let spark = server.spark();
    let long = "x".repeat(5_000);
    for n in 0..300 {
        spark.write(&(n, &long)).unwrap();
    }
    let mut stream = Stream::open(server.addr, &client.session, "xhr_streaming");
    for (n, message) in stream.messages(300).iter().enumerate() {
        assert!(message.starts_with(&format!("[{n},\"x")), "{n}");
    }
    spark.write("more").unwrap();
    assert_eq!(stream.messages(1), ["\"more\""]);
}

#[test]
fn a_heartbeat_comes_25_seconds_after_the_last_frame() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    for (receiver, _) in STREAMS.into_iter().zip(0..) {
        let mut stream = Stream::open(server.addr, &fresh(), receiver);
        assert_eq!(stream.frame(), "o");
        clock.advance(ms(24_000));
        server.spark().write(&1).unwrap();
        assert_eq!(stream.messages(1), ["1"]);
        clock.advance(ms(24_999));
        server.spark().write(&2).unwrap();
        // Nothing came before it.
        assert_eq!(stream.messages(1), ["2"]);
        for _ in 0..3 {
            clock.advance(ms(25_000));
            assert_eq!(stream.frame(), "h");
        }
        stream.peer.shutdown(Shutdown::Both);
        server.wait_empty();
    }
}

/// Without anything that is sent to it.
#[test]
fn a_client_that_is_gone_is_noticed() {
    let clock = ManualClock::new();
    let server = timed(&clock);
    for receiver in STREAMS {
        for (reset, how) in [(true, "reset"), (false, "end")] {
            let session = fresh();
            let mut stream = Stream::open(server.addr, &session, receiver);
            assert_eq!(stream.frame(), "o");
            let spark = server.spark();
            if reset {
                stream.peer.reset();
            } else {
                stream.peer.shutdown(Shutdown::Write);
            }
            server.wait_empty();
            wait_until("it has ended", || spark.close_reason().is_some());
            assert_eq!(spark.close_reason().unwrap().by, Ended::Lost, "{receiver} {how}");
            assert!(!is_known(server.addr, &session));
        }
    }
}

#[test]
fn a_client_that_does_not_read_is_a_slow_consumer() {
    let close = SlowConsumer::Close { grace: ms(60_000) };
    let builder = Primus::builder().backlog(1 << 20).slow_consumer(close).send_buffer(64 << 10);
    let server = echo(builder.transport("response_limit", "0"));
    let mut stream = Stream::open(server.addr, &fresh(), "xhr_streaming");
    assert_eq!(stream.frame(), "o");
    let spark = server.spark();
    let long = "x".repeat(300 << 10);
    wait_until("it is cut", || spark.write(&long).is_err());
    wait_until("it has ended", || spark.close_reason().is_some());
    assert_eq!(spark.close_reason().unwrap().by, Ended::SlowConsumer);
    still_serves(&server);
}

/// What it had not read was lost, had the second one taken its place.
#[test]
fn a_client_that_has_not_read_a_whole_answer_cannot_ask_again() {
    let server = echo(Primus::builder().send_buffer(64 << 10).backlog(64 << 20));
    let mut client = Client::open(server.addr);
    let spark = server.spark();
    client.ask_poll();
    spark.write(&"x".repeat(16 << 20)).unwrap();
    // The poll has it, and does not read it.
    wait_for("bytes that wait", 0, || spark.buffered());
    let told = ask(server.addr, receive(&client.session, "xhr"));
    assert_eq!(told.body, "c[1002,\"Connection interrupted\"]\n");
    server.wait_empty();
    assert!(!client.is_known());
}
