//! What `sockjs` leaves of memory when its clients go.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;

use crate::common::sockjs::{fresh, receive, request, sockjs};
use crate::common::*;
use crate::runner::Test;
use crate::ways::comes_back_to;
use primus::Primus;

pub const TESTS: &[Test] = tests![the_memory_of_what_has_to_be_rewritten_comes_back,];

const MIB: usize = 1 << 20;

/// What a client does.
type Way<'a> = &'a (dyn Fn(&Server) + Sync);

/// Bytes between others. They are never freed, for the allocator of this process
/// learns from what is.
fn long(before: &str, piece: &[u8], after: &str) -> &'static [u8] {
    let piece = piece.repeat(3 * MIB / piece.len());
    [before.as_bytes(), &piece, after.as_bytes()].concat().leak()
}

/// Sends this, and reads all that comes until the connection ends, into a small
/// buffer.
fn exchange(server: &Server, pieces: &[&[u8]]) -> u64 {
    let mut stream = TcpStream::connect(server.addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    pieces.iter().for_each(|piece| stream.write_all(piece).unwrap());
    io::copy(&mut stream, &mut io::sink()).unwrap()
}

/// A POST with this body, to a session that a poll has opened, and the echo by this
/// receiver.
fn post_and_receive(server: &Server, send: &str, body: &[u8], receiver: &str) {
    let session = fresh();
    let ask = |path: &str, body: &[u8]| {
        let method = if path.contains('?') { "GET" } else { "POST" };
        let form = if path == "jsonp_send" { "application/x-www-form-urlencoded" } else { "" };
        let fields = format!(
            "Connection: close\r\nContent-Type: {form}\r\nContent-Length: {}\r\n",
            body.len()
        );
        let head = request(method, &format!("{session}/{path}"), &fields);
        exchange(server, &[head.as_bytes(), body])
    };
    ask("xhr", b"");
    ask(send, body);
    assert!(ask(receiver, b"") as usize > MIB / 2, "{receiver}");
    // One that breaks off ends the session.
    let mut last = server.connect();
    last.send(&receive(&session, "xhr_streaming"));
    last.read_head();
}

fn frame_and_close(server: &Server, head: u8, payload: &'static [u8]) {
    let shake = upgrade(&format!("/primus{}/websocket", fresh()), "");
    let length = (payload.len() as u64).to_be_bytes();
    // A mask of zeros leaves the payload as it is.
    let head = [&[head, 0xff][..], &length, &[0; 4]].concat();
    let close = [0x88, 0x80, 0, 0, 0, 0];
    assert!(exchange(server, &[&shake, &head, payload, &close]) as usize > MIB / 2);
}

/// What was not made in buffers that go back to the system taught the allocator to
/// keep more and more: 130 MB after a hundred such messages. And a buffer that was
/// emptied before it was given back was kept, however much had been written to it.
fn the_memory_of_what_has_to_be_rewritten_comes_back() {
    let builder = Primus::builder().transport("disconnect_delay", "20000");
    let server = Server::start(sockjs(builder.transport("response_limit", "1000")));
    // Values have memory of the application's.
    server.primus.on_connection(|spark| {
        spark.on_data(|spark, message| spark.write_frame(message.frame()).map(drop));
    });
    let (start, end) = ("[\"\\\"", "\\\"\"]");
    let plain = long(start, b"x", end);
    let percents = long(start, b"%", end);
    let markup = long(start, b"<", end);
    let no_text = long(start, b"x\xff", end);
    let escapes = long(start, b"\\u0041A", end);
    let wide = long(start, "😀".as_bytes(), end);
    let form = long("d=%5B%22%5C%22", b"x", "%5C%22%22%5D");
    let post = post_and_receive;
    let before = resident();
    let ways: [(&str, Way); 9] = [
        ("a poll", &|server| post(server, "xhr_send", plain, "xhr")),
        ("a stream", &|server| post(server, "xhr_send", wide, "xhr_streaming")),
        ("an event source", &|server| post(server, "xhr_send", percents, "eventsource?")),
        ("a page", &|server| post(server, "xhr_send", markup, "htmlfile?c=a")),
        ("a script, and a form", &|server| post(server, "jsonp_send", form, "jsonp?c=a")),
        ("a body that is no text", &|server| post(server, "xhr_send", no_text, "xhr")),
        ("a body with escapes", &|server| post(server, "xhr_send", escapes, "xhr")),
        ("a frame that is no text", &|server| frame_and_close(server, 0x82, no_text)),
        ("a frame with escapes", &|server| frame_and_close(server, 0x81, escapes)),
    ];
    for (name, come) in ways {
        thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| come(&server)))));
        server.wait_empty();
        comes_back_to(name, before + 16 * MIB);
    }
}
