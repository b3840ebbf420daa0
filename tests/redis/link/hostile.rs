//! What is no Redis, or one that has lost its mind. Needs none.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use primus::Error;
use primus::link::{Batch, Keep};

use super::*;
use crate::common::*;

/// What a Redis answers to the greeting of a link.
const WELCOME: &[u8] = b"$0\r\n\r\n$0\r\n\r\n+OK\r\n+PONG\r\n";

/// A server whose connections do as told: the number of each is given, in the order
/// in which they come. Its URL, and how many came.
pub(super) fn serve(
    talk: impl Fn(usize, TcpStream) + Send + Sync + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let (talk, count) = (Arc::new(talk), Arc::new(AtomicUsize::new(0)));
    let counted = count.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (talk, number) = (talk.clone(), count.fetch_add(1, Ordering::Relaxed));
            std::thread::spawn(move || talk(number, stream));
        }
    });
    (url, counted)
}

/// Reads until this has come; false at the end.
pub(super) fn read_until(stream: &mut TcpStream, text: &str) -> bool {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&all).contains(text) {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => all.extend_from_slice(&buffer[..read]),
            _ => return false,
        }
    }
    true
}

/// Lets the link in, and says whether this is its connection with subscriptions.
pub(super) fn welcome(stream: &mut TcpStream) -> bool {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while !all.ends_with(b"PING\r\n") {
        match stream.read(&mut buffer) {
            Ok(read) if read > 0 => all.extend_from_slice(&buffer[..read]),
            _ => return false,
        }
    }
    let _ = stream.write_all(WELCOME);
    String::from_utf8_lossy(&all).contains("primus-sub")
}

/// Answers commands until there are no more, each with what `answer` says to it;
/// pings as a Redis does. `None` is the end.
fn answer(stream: &mut TcpStream, mut answer: impl FnMut(&str) -> Option<&'static [u8]>) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..read]).into_owned();
        let said = if text.ends_with("PING\r\n") { Some(&b"+PONG\r\n"[..]) } else { answer(&text) };
        let Some(said) = said else { return };
        let _ = stream.write_all(said);
    }
}

/// A Redis without work.
pub(super) fn idle(stream: &mut TcpStream) {
    answer(stream, |_| Some(b""));
}

/// What the first PUBLISH is answered, whether the connection ends then, and what is
/// said of it; everything after that is as it should be.
fn answered(first: &'static [u8], ends: bool, said: &str) {
    let is_first = AtomicBool::new(true);
    let (url, _) = serve(move |_, mut stream| {
        if welcome(&mut stream) {
            return idle(&mut stream);
        }
        let mut farewell = None;
        answer(&mut stream, |text| match text.contains("PUBLISH") {
            true if is_first.swap(false, Ordering::Relaxed) => {
                farewell = ends.then_some(first);
                (!ends).then_some(first)
            }
            true => Some(b":1\r\n"),
            false => Some(b""),
        });
        let _ = stream.write_all(farewell.unwrap_or_default());
    });
    let link = connected(&url);
    let complaints = Complaints::of(&link);
    link.publish("a", b"x".to_vec()).unwrap();
    let error = complaints.expect(said);
    assert!(error.contains("Redis at 127.0.0.1"), "{error}");
    // It was kept, and is sent again.
    wait_for("queue", 0, || link.metrics().queue_commands);
    assert!(link.wait_connected(PATIENCE));
    assert_eq!(link.metrics().dropped, 0);
}

#[test]
fn answers_that_are_none_break_the_connection_and_nothing_else() {
    answered(b"HTTP/1.1 400 Bad Request\r\n\r\n", false, "instead of a reply");
    answered(b":x\r\n", false, "instead of a number");
    answered(b"$99999999999\r\n", false, "a length of 99999999999");
    answered(b"*4294967296\r\n", false, "a length of 4294967296");
    answered(b"%1\r\n+a\r\n+b\r\n", false, "instead of a reply");
    answered(b":1\r\n:2\r\n", false, "a reply that nobody asked for");
}

#[test]
fn answers_that_are_cut_or_never_come_to_an_end_do_neither() {
    answered(b"$100\r\nhal", true, "closed the connection");
    answered(b"", true, "closed the connection");
    answered(b"$100\r\nhal", false, "no reply within 700ms");
    answered(b":", false, "no reply within 700ms");
    answered(b"", false, "no reply within 700ms");
}

#[test]
fn a_line_without_an_end_is_not_collected() {
    let (url, _) = serve(|number, mut stream| {
        if welcome(&mut stream) || number >= 2 {
            return idle(&mut stream);
        }
        let _ = stream.write_all(b"+");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    let link = quick(&url).open().unwrap();
    Complaints::of(&link).expect("a line of more than 65536 bytes");
    assert!(link.wait_connected(PATIENCE));
}

#[test]
fn a_reply_beyond_the_bound_is_not_collected() {
    let (url, _) = serve(|number, mut stream| {
        if welcome(&mut stream) || number >= 2 {
            return idle(&mut stream);
        }
        let _ = stream.write_all(b"*100000\r\n");
        while stream.write_all(&b":1\r\n".repeat(1000)).is_ok() {}
    });
    let link = quick(&url).reply(100_000).open().unwrap();
    Complaints::of(&link).expect("a reply of more than 100000 bytes");
    assert!(link.wait_connected(PATIENCE));
}

#[test]
fn one_that_drips_is_given_up() {
    let (url, _) = serve(|number, mut stream| {
        let slow = |stream: &mut TcpStream| {
            while stream.write_all(b"x").is_ok() {
                crate::common::pause(Duration::from_millis(50));
            }
        };
        if number < 2 {
            let _ = stream.write_all(b"+");
            return slow(&mut stream);
        }
        if welcome(&mut stream) || number > 4 {
            return idle(&mut stream);
        }
        let _ = stream.write_all(b"$100000\r\n");
        slow(&mut stream);
    });
    let link = quick(&url).connect_timeout(Duration::from_millis(500)).open().unwrap();
    let complaints = Complaints::of(&link);
    complaints.expect("not connected within 500ms");
    complaints.expect("no reply within 700ms");
    assert!(link.wait_connected(PATIENCE));
}

#[test]
fn one_that_says_nothing_or_something_else_is_no_redis() {
    let (url, count) = serve(|number, mut stream| {
        if number % 2 == 0 {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n");
        }
        let _ = read_until(&mut stream, "never");
    });
    let link = quick(&url).connect_timeout(Duration::from_millis(200)).open().unwrap();
    let complaints = Complaints::of(&link);
    complaints.expect("\"S\" instead of a reply");
    complaints.expect("not connected within 200ms");
    wait_until("it tries again", || count.load(Ordering::Relaxed) > 6);
    assert!(!link.is_connected());
    assert!(matches!(link.post(Batch::new().cmd(&["PING"]), Keep::No), Err(Error::Unavailable(_))));
    // It is not in its way either.
    in_time("close", move || link.close(Duration::ZERO));
}

#[test]
fn strange_news_break_the_subscriptions_and_nothing_else() {
    const NEWS: [(&[u8], &str); 6] = [
        (b"*1\r\n:1\r\n", "nothing that a subscription says"),
        (b"*2\r\n$7\r\nmessage\r\n$1\r\na\r\n", "a part missing"),
        (b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n*0\r\n", "nothing that a subscription says"),
        (b"*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n", "which nobody wants"),
        (b"-ERR no\r\n", "ERR no"),
        (b"*3\r\n$4\r\nboom\r\n$1\r\na\r\n$1\r\nb\r\n", "nothing that a subscription says"),
    ];
    let round = AtomicUsize::new(0);
    let (url, _) = serve(move |_, mut stream| {
        if !welcome(&mut stream) {
            return idle(&mut stream);
        }
        if read_until(&mut stream, "SUBSCRIBE") {
            let _ = stream.write_all(b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
            let news = NEWS.get(round.fetch_add(1, Ordering::Relaxed));
            let _ = stream.write_all(
                news.map_or(&b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n"[..], |news| news.0),
            );
            idle(&mut stream);
        }
    });
    let link = quick(&url).open().unwrap();
    let complaints = Complaints::of(&link);
    let ear = Ear::new(&link, "a");
    for (_, said) in NEWS {
        let error = complaints.expect(said);
        assert!(error.contains("subscriptions: "), "{error}");
        ear.expect("Cut");
        ear.expect("Back");
    }
    ear.expect("a: x");
    assert_eq!(link.metrics().dropped, 0);
}

#[test]
fn a_command_that_always_ends_in_nonsense_is_given_up() {
    let (url, _) = serve(|_, mut stream| {
        if welcome(&mut stream) {
            return idle(&mut stream);
        }
        answer(&mut stream, |text| {
            Some(if text.contains("bad") { b"nonsense\r\n" } else { b":1\r\n" })
        });
    });
    let link = connected(&url);
    let complaints = Complaints::of(&link);
    link.publish("a", b"bad".to_vec()).unwrap();
    complaints.expect("1 commands were given up");
    assert!(link.wait_connected(PATIENCE));
    assert_eq!((link.metrics().dropped, link.metrics().queue_commands), (1, 0));
    link.publish("a", b"good".to_vec()).unwrap();
    wait_for("queue", 0, || link.metrics().queue_commands);
}
