//! Attempts with protocols that do as they are told.

use std::collections::VecDeque;
use std::io;

use super::*;
use crate::compression::Compression;
use crate::error::Result;
use crate::frame::Frame;
use crate::net::Waker;
use crate::net::dial::Destination;
use crate::transformers::connect::Writer;

/// What a session does next.
#[derive(Clone, Copy)]
enum Do {
    Open,
    Say,
    Close,
    Refuse(u16),
    Fail(ErrorKind),
    /// Nothing, until the time that it was given is over.
    Wait,
}

/// What was dialled, and closed, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// A protocol whose sessions do this, one after the other.
struct Puppet {
    name: &'static str,
    sessions: Mutex<VecDeque<&'static [Do]>>,
    log: Log,
}

struct Played {
    name: &'static str,
    left: VecDeque<Do>,
    until: Option<Instant>,
    log: Log,
}

impl Dials for Puppet {
    fn dial(&self, target: Target, _: usize) -> Box<dyn Session> {
        self.log.lock().unwrap().push(self.name.into());
        let left = self.sessions.lock().unwrap().pop_front().unwrap_or(&[]);
        let left = left.iter().copied().collect();
        let log = self.log.clone();
        Box::new(Played { name: self.name, left, until: target.to.until, log })
    }

    fn takes_bytes(&self) -> bool {
        self.name != "text"
    }
}

impl Session for Played {
    fn next(&mut self, until: Option<Instant>, _: bool) -> News {
        match self.left.pop_front() {
            Some(Do::Open) => News::Open(Arc::new(Nowhere)),
            Some(Do::Say) => News::Message(Frame::text("1")),
            Some(Do::Close) => News::Closed(CloseReason::lost("over")),
            Some(Do::Refuse(status)) => News::Failed(Error::Refused {
                url: "".into(),
                status,
                message: String::new(),
                authenticate: None,
            }),
            Some(Do::Fail(kind)) => News::Failed(io::Error::from(kind).into()),
            None => News::Failed(io::Error::from(ErrorKind::ConnectionReset).into()),
            Some(Do::Wait) => {
                assert!(self.until.is_none_or(|limit| until.is_some_and(|until| until <= limit)));
                let until = until.expect("waits for a time only");
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
                News::Waited
            }
        }
    }

    fn close(&mut self) {
        self.log.lock().unwrap().push(format!("close {}", self.name));
        self.left = [Do::Close].into();
    }
}

struct Nowhere;

impl Writer for Nowhere {
    fn write(&self, _: &Frame) -> Result<()> {
        Ok(())
    }
    fn write_until(&self, _: &Frame, _: Option<Instant>) -> Result<usize> {
        Ok(0)
    }
    fn queue(&self, _: &Frame) -> Result<usize> {
        Ok(0)
    }
    fn waiting(&self) -> usize {
        0
    }
    fn drain(&self) -> Result<()> {
        Ok(())
    }
    fn close(&self) {}
    fn patience(&self, _: Option<Instant>) {}
}

/// A client of three protocols, whose sessions do this.
struct Play {
    several: Several,
    log: Log,
}

fn play(a: &[&'static [Do]], b: &[&'static [Do]], c: &[&'static [Do]]) -> Play {
    let log = Log::default();
    let puppet = |name, sessions: &[&'static [Do]]| {
        let sessions = Mutex::new(sessions.iter().copied().collect());
        Candidate { name, dials: Arc::new(Puppet { name, sessions, log: log.clone() }) }
    };
    let several = Several::new(vec![puppet("a", a), puppet("b", b), puppet("c", c)]);
    Play { several, log }
}

impl Play {
    fn dial(&self, until: Option<Duration>) -> Box<dyn Session> {
        let waker = Arc::new(Waker::new().unwrap());
        let until = until.map(|time| Instant::now() + time);
        let host = "127.0.0.1".to_owned();
        let to = Destination { host, port: 1, connector: None, until, secure: None, waker };
        let target = Target {
            to,
            secure: false,
            pathname: "/primus".into(),
            query: String::new(),
            headers: Vec::new(),
            compression: Compression::from(false),
        };
        self.several.dial(target, 1)
    }

    /// What an attempt comes to. It is closed then, which the log does not have.
    fn attempt(&self) -> String {
        let mut session = self.dial(None);
        let told = told(&session.next(None, false));
        let log = self.log.lock().unwrap().clone();
        session.close();
        *self.log.lock().unwrap() = log;
        told
    }

    /// What was dialled and closed since it was asked last.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

fn told(news: &News) -> String {
    match news {
        News::Waited => "waited".into(),
        News::Open(_) => "open".into(),
        News::Message(_) => "message".into(),
        News::Failed(error) => format!("failed: {error}"),
        News::Closed(reason) => format!("closed: {}", reason.text),
    }
}

use Do::{Close, Fail, Open, Refuse, Say, Wait};

#[test]
fn the_first_that_opens_is_spoken_and_the_next_attempt_begins_with_it() {
    let play = play(&[&[Refuse(404)]], &[&[Open], &[Open], &[Refuse(502)]], &[&[Open]]);
    assert_eq!((play.attempt(), play.log()), ("open".into(), vec!["a".into(), "b".into()]));
    assert_eq!((play.attempt(), play.log()), ("open".into(), vec!["b".into()]));
    assert_eq!(play.attempt(), "open");
    assert_eq!(play.log(), ["b", "a", "c"]);
    assert!(play.attempt().contains("no transformer could be opened: c: connection reset; a: "));
    assert_eq!(play.log(), ["c", "a", "b"]);
}

#[test]
fn an_attempt_has_failed_when_all_have() {
    let failed = |a, b, c| play(&[a], &[b], &[c]).attempt();
    let alike = failed(&[Refuse(404)], &[Refuse(404)], &[Refuse(404)]);
    assert_eq!(alike, "failed: unexpected server response: 404 (is the pathname the server's?)");
    let others = failed(&[Refuse(426)], &[Fail(ErrorKind::ConnectionReset)], &[Refuse(404)]);
    for part in ["no transformer could be opened: a: ", "; b: ", "; c: ", "426", "404"] {
        assert!(others.contains(part), "{others}");
    }
}

#[test]
fn what_is_meant_for_the_client_or_comes_of_no_server_ends_the_attempt() {
    for (first, error) in [(401, "401"), (403, "403")].map(|(status, text)| (Refuse(status), text))
    {
        let sessions: &'static [Do] = Box::leak(Box::new([first]));
        let play = play(&[sessions], &[&[Open]], &[&[Open]]);
        let told = play.attempt();
        assert!(told.starts_with("failed: unexpected server response") && told.contains(error));
        assert_eq!(play.log(), ["a"]);
    }
    let play = play(&[&[Refuse(404)]], &[&[Fail(ErrorKind::ConnectionRefused)]], &[&[Open]]);
    let told = play.attempt();
    assert!(told.starts_with("failed: connection refused"), "{told}");
    assert_eq!(play.log(), ["a", "b"]);
}

#[test]
fn each_but_the_last_has_its_share_of_the_time() {
    let play = play(&[&[Wait]], &[&[Wait]], &[&[Open]]);
    let begun = Instant::now();
    let mut session = play.dial(Some(Duration::from_millis(90)));
    assert_eq!(told(&session.next(None, false)), "open");
    assert!(begun.elapsed() >= Duration::from_millis(59), "{:?}", begun.elapsed());
    assert_eq!(play.log(), ["a", "b", "c"]);
}

#[test]
fn one_that_is_lost_unheard_is_tried_last_the_next_time() {
    let play = play(&[&[Open, Close], &[Open, Say, Close]], &[&[Refuse(502)]], &[&[Refuse(502)]]);
    let mut session = play.dial(None);
    let mut next = || told(&session.next(None, false));
    assert_eq!((next(), next()), ("open".into(), "closed: over".into()));
    play.log();
    let mut session = play.dial(None);
    let mut next = || told(&session.next(None, false));
    assert_eq!(next(), "open");
    assert_eq!(play.log(), ["b", "c", "a"]);
    // It was heard now: it works.
    assert_eq!((next(), next()), ("message".into(), "closed: over".into()));
    play.attempt();
    assert_eq!(play.log(), ["a", "b", "c"]);
}

#[test]
fn one_that_is_given_up_unheard_is_tried_last_the_next_time() {
    let play = play(&[&[Open, Wait], &[Open, Say, Wait]], &[&[Open, Wait]], &[]);
    let session = || {
        let mut session = play.dial(None);
        assert_eq!(told(&session.next(None, false)), "open");
        session
    };
    drop(session());
    assert_eq!(play.log(), ["a"]);
    // Nor does this one say anything, but it is closed.
    let mut second = session();
    second.close();
    drop(second);
    assert_eq!(play.log(), ["b", "close b"]);
    assert_eq!(play.attempt(), "open");
    assert_eq!(play.log(), ["b", "c", "a"]);
}

#[test]
fn what_is_closed_is_not_followed_by_another() {
    let play = play(&[&[Wait]], &[&[Open]], &[&[Open]]);
    let mut session = play.dial(None);
    let soon = Instant::now() + Duration::from_millis(1);
    assert_eq!(told(&session.next(Some(soon), false)), "waited");
    session.close();
    assert_eq!(told(&session.next(None, false)), "closed: over");
    assert_eq!(play.log(), ["a", "close a"]);
}

#[test]
fn bytes_go_where_all_take_them() {
    assert!(play(&[], &[], &[]).several.takes_bytes());
    let text = Arc::new(Puppet { name: "text", sessions: Mutex::default(), log: Log::default() });
    let text = Candidate { name: "text", dials: text };
    assert!(!Several::new(vec![text]).takes_bytes());
}
