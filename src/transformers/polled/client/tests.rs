//! A small pretend protocol's way out: its messages are joined in the bodies of
//! POSTs, which are answered with 204.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use super::*;
use crate::net::Waker;
use crate::net::wait::{on, wait};
use crate::transformers::connect::{News, Session, Writer as _};
use crate::transformers::websockets::client::Heard;

struct Pretend {
    to: Destination,
    /// A request tells of the end.
    says_goodbye: bool,
}

impl Pretend {
    fn request(body: &str) -> Vec<u8> {
        format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into()
    }
}

impl Requests for Pretend {
    type Own = &'static str;

    fn to(&self) -> &Destination {
        &self.to
    }

    fn post(&self, own: Option<&'static str>, waiting: &mut Queue) -> Vec<u8> {
        let mut body = own.map(|own| format!("{own};")).unwrap_or_default();
        while let Some(next) = waiting.pop() {
            body.extend([&String::from_utf8_lossy(next.as_bytes()), ";"]);
        }
        Self::request(&body)
    }

    fn goodbye(&self) -> Option<Vec<u8>> {
        self.says_goodbye.then(|| Self::request("bye"))
    }

    fn accepted(&self, answer: &Answer) -> Result<(), CloseReason> {
        let status = answer.status;
        (status == 204).then_some(()).ok_or_else(|| CloseReason::lost(format!("{status}")))
    }

    fn frame(&self, message: &Frame, out: &mut Vec<u8>) {
        out.extend_from_slice(message.as_bytes());
    }

    fn own_frame(&self, own: &&'static str, out: &mut Vec<u8>) {
        out.extend_from_slice(own.as_bytes());
    }
}

/// The server's end of the connection that the POSTs go by.
struct Server(BufReader<TcpStream>);

impl Server {
    /// The body of the next POST.
    fn body(&mut self) -> String {
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the connection has ended");
            if let Some(value) = line.strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }

    fn answer(&mut self, status: &str) {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        self.0.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}

fn destination(port: u16) -> Destination {
    let waker = Arc::new(Waker::new().unwrap());
    let host = "127.0.0.1".to_owned();
    Destination { host, port, connector: None, until: None, secure: None, waker }
}

/// Runs a test beside a client's thread, until the way out is done or has failed.
fn run(says_goodbye: bool, test: impl FnOnce(&Posts<Pretend>, &dyn Fn() -> Server)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let to = destination(port);
    let waker = to.waker.clone();
    let posts = Posts::polling(Pretend { to, says_goodbye }, <_>::default()).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let (wants, limit) = posts.wants();
                posts.proceed(wait(&waker, on(&wants), limit).unwrap());
            }
        });
        test(&posts, &|| Server(BufReader::new(listener.accept().unwrap().0)));
        over.store(true, Ordering::Release);
        waker.wake();
    });
}

fn write(posts: &Posts<Pretend>, text: &'static str) {
    posts.write(&Frame::text(text)).unwrap();
}

#[test]
fn there_is_one_post_at_a_time_and_what_comes_meanwhile_goes_together() {
    run(true, |posts, accept| {
        write(posts, "one");
        let mut server = accept();
        assert_eq!(server.body(), "one;");
        write(posts, "two");
        posts.send_own("ping");
        write(posts, "three");
        server.answer("204 No Content");
        // What the protocol itself says goes first.
        assert_eq!(server.body(), "ping;two;three;");
        write(posts, "four");
        posts.close();
        assert!(posts.write(&Frame::text("late")).is_err());
        server.answer("204 No Content");
        assert_eq!(server.body(), "four;");
        server.answer("204 No Content");
        // The goodbye comes last, and for itself.
        assert_eq!(server.body(), "bye");
        assert!(!posts.is_done());
        server.answer("204 No Content");
        posts.drain().unwrap();
        while !posts.is_done() {
            thread::yield_now();
        }
    });
}

/// sockjs has no other goodbye than the end of the connections.
#[test]
fn a_protocol_may_end_without_a_goodbye() {
    run(false, |posts, accept| {
        write(posts, "one");
        let mut server = accept();
        assert_eq!(server.body(), "one;");
        posts.close();
        assert!(!posts.is_done());
        server.answer("204 No Content");
        while !posts.is_done() {
            thread::yield_now();
        }
        assert!(posts.failure(true).is_none());
    });
}

#[test]
fn a_post_that_is_refused_is_the_end() {
    run(true, |posts, accept| {
        write(posts, "one");
        let mut server = accept();
        server.body();
        server.answer("500 Internal Server Error");
        while !posts.has_failed() {
            thread::yield_now();
        }
        assert_eq!(posts.failure(true).unwrap().text, "500");
        assert!(posts.write(&Frame::text("two")).is_err());
    });
}

/// An open session, with messages of at most this many bytes.
fn opened(max_length: usize) -> Ways<Pretend> {
    let to = destination(1);
    let mut ways = Ways::new("pretend", to.clone(), max_length);
    ways.open(Pretend { to, says_goodbye: false }).unwrap();
    assert!(matches!(ways.told(true), Some(News::Open(_))));
    ways
}

/// A session that is open at once, and is told nothing.
struct Mute;

impl Hears for Mute {
    type Requests = Pretend;

    fn begin(&mut self, ways: &mut Ways<Pretend>) {
        ways.open(Pretend { to: ways.to.clone(), says_goodbye: false }).unwrap();
    }

    fn body(&mut self, _: &[u8], _: &mut Ways<Pretend>) {}

    fn answered(&mut self, _: Answer, _: &mut Ways<Pretend>) {}

    fn unanswered(&mut self, error: Error, _: &mut Ways<Pretend>) {
        panic!("{error}");
    }

    fn socket(&mut self, _: Heard, _: &mut Ways<Pretend>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn tick(&mut self, _: bool, _: &mut Ways<Pretend>) {}

    fn end(&mut self, _: &mut Ways<Pretend>) {}
}

/// Another thread says goodbye at once, so that the process may exit; the client's own
/// hears of the end later, and may have taken that thread's wake-up before.
#[test]
fn a_session_that_another_thread_has_said_goodbye_for_ends_without_a_wake_up() {
    let to = destination(1);
    let mut session = Polls::new("pretend", Mute, to.clone(), 10);
    let News::Open(writer) = session.next(None, false) else { panic!("it is not open") };
    writer.close();
    to.waker.clear();
    session.close();
    // Each turn would wait as long as this.
    let begun = Instant::now();
    let until = begun + Duration::from_secs(60);
    let last = std::iter::from_fn(|| Some(session.next(Some(until), false)));
    let last = last.take(3).find(|news| !matches!(news, News::Waited));
    assert!(matches!(last, Some(News::Closed(why)) if why.code == 1000));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

/// What is told next, as a word.
fn told(ways: &mut Ways<Pretend>, paused: bool) -> Option<String> {
    Some(match ways.told(paused)? {
        News::Message(message) => message.as_text().unwrap().to_owned(),
        News::Closed(reason) => format!("closed {}", reason.code),
        _ => panic!("something else"),
    })
}

#[test]
fn messages_that_come_together_are_made_when_their_turn_comes() {
    let mut ways = opened(10);
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    ways.deliver_all(Box::new(std::iter::empty()));
    ways.deliver_all(Box::new((0..1_000_000).map(move |n: u32| {
        count.fetch_add(1, Ordering::Relaxed);
        Frame::text(n.to_string())
    })));
    ways.deliver(Frame::text("last"));
    ways.ended(CloseReason::new(Ended::Remote, 1000, "", true));
    for n in 0..100 {
        assert_eq!(told(&mut ways, true), None, "no message while the client is paused");
        assert_eq!(told(&mut ways, false), Some(n.to_string()));
        assert_eq!(made.load(Ordering::Relaxed), n + 1);
    }
    let rest = std::iter::from_fn(|| told(&mut ways, false));
    let behind: Vec<_> = rest.skip(1_000_000 - 100).collect();
    assert_eq!(behind, ["last", "closed 1000"]);
}

#[test]
fn a_message_that_is_too_long_ends_the_session_in_its_place() {
    let mut ways = opened(10);
    ways.deliver(Frame::text("before"));
    let batch = ["0123456789", "01234567890", "behind"];
    ways.deliver_all(Box::new(batch.into_iter().map(Frame::text)));
    ways.ended(CloseReason::new(Ended::Remote, 1000, "", true));
    let all: Vec<_> = std::iter::from_fn(|| told(&mut ways, false)).collect();
    assert_eq!(all, ["before", "0123456789", "closed 1009"]);
    assert!(ways.is_over());
}
