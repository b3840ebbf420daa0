use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::polling::session;
use super::*;
use crate::http::server::{Accepted, HeaderSet, Next, Owner};
use crate::limits::Limits;
use crate::net::Stream;
use crate::timer::{Clock, ManualClock, Timer};
use crate::transformers::engine_io::session::server::{Input, Timing};
use crate::transformers::engine_io::{Carrier, Format, Revision};
use crate::transformers::nobody::Nobody;
use crate::transformers::polled::Receiver;

const POST: Input = Input::Post { binary: false };

/// A client that came back after it was found to be the oldest of those who had
/// not, and before it was dealt with, lost its session.
#[test]
fn who_has_come_back_is_not_given_up() {
    let timer = Timer::start(Clock::System, "timer", 64 << 10).unwrap();
    let host: Arc<dyn Host> = Arc::new(Nobody::new(timer));
    let engine = EngineIo::new(Options::default());
    let format = Format { revision: Revision::V4, b64: false, double: false };
    let open = || session(&engine, &host, Carrier::Polling, format, None).unwrap();
    let stream = Arc::new(Stream::from(UnixStream::pair().unwrap().0));
    let (owner, limits) =
        (Owner::of([192, 0, 2, 1].into()), Limits { fresh_sessions: 1, ..Limits::default() });
    for comes in [true, false] {
        let (first, second) = (open(), open());
        assert!(engine.sessions.count_fresh(&first, owner, &limits).is_none());
        let oldest = engine.sessions.count_fresh(&second, owner, &limits).unwrap();
        assert!(Arc::ptr_eq(&oldest, &first));
        if comes {
            first.post(&stream, None, POST).unwrap();
        }
        assert_eq!(oldest.give_up_fresh("newcomers"), !comes);
        assert!(!oldest.give_up_fresh("newcomers"));
        assert_eq!(first.look(Session::carrier).is_some(), comes);
        assert_eq!(engine.sessions.find(first.id()).is_some(), comes);
        assert!(second.look(Session::carrier).is_some());
        // Room for the next round.
        second.post(&stream, None, POST).unwrap();
    }
}

/// A poll that came when its client was dead already, and before the timer's
/// thread had found that, was held.
#[test]
fn a_poll_finds_a_session_dead_whose_time_is_over() {
    let clock = ManualClock::new();
    let timer = Timer::start(Clock::Manual(clock.clone()), "timer", 64 << 10).unwrap();
    // Nothing but the polls looks at the clock.
    timer.stop();
    let limits = Arc::new(Limits::default());
    let host: Arc<dyn Host> = Arc::new(Nobody::new(timer));
    let engine = EngineIo::new(Options::default());
    let format = Format { revision: Revision::V3, b64: false, double: false };
    let live = session(&engine, &host, Carrier::Polling, format, None).unwrap();
    let poll = || {
        let (near, far) = UnixStream::pair().unwrap();
        let accepted = Accepted::new(Arc::new(Stream::from(near)));
        let mut connection = crate::http::server::Connection::new(accepted, limits.clone());
        let held = connection.hold(&HeaderSet::default());
        (live.attach(Receiver::poll(held, ()), Input::Get), far)
    };
    let (held, _far) = poll();
    held.unwrap();
    clock.advance(Duration::from_secs(45));
    let (refused, _far) = poll();
    assert_eq!(refused.unwrap_err(), Refusal::UnknownSession);
    assert!(engine.sessions.find(live.id()).is_none());
}

/// A connection that was just accepted, and its first request; and what its
/// client reads.
fn request() -> (crate::http::server::Connection, UnixStream) {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
    let accepted = Accepted::new(Arc::new(Stream::from(near)));
    let mut connection = crate::http::server::Connection::new(accepted, Arc::default());
    assert!(matches!(connection.next_request(), Next::Request(_)));
    (connection, far)
}

/// A server whose timer's thread never comes to anything.
fn late_server() -> Arc<dyn Host> {
    let timer = Timer::start(Clock::System, "timer", 64 << 10).unwrap();
    timer.stop();
    Arc::new(Nobody::new(timer))
}

/// Of two polls at a time the second is refused; but where their threads came to
/// them the other way round, it was the first that was.
#[test]
fn of_two_polls_that_on_the_older_connection_is_the_first() {
    let (host, engine) = (late_server(), EngineIo::new(Options::default()));
    let format = Format { revision: Revision::V4, b64: false, double: false };
    for overtaken in [false, true] {
        let live = session(&engine, &host, Carrier::Polling, format, None).unwrap();
        let (mut first, mut first_reads) = request();
        let (mut second, mut second_reads) = request();
        let hold = |connection: &mut crate::http::server::Connection| {
            let held = connection.hold(&HeaderSet::default());
            live.attach(Receiver::poll(held, ()), Input::Get)
        };
        if overtaken {
            let held = hold(&mut second).unwrap();
            assert!(live.holds(held));
            assert!(!live.holds(hold(&mut first).unwrap()));
            assert!(!live.holds(held));
        } else {
            hold(&mut first).unwrap();
            assert_eq!(hold(&mut second).unwrap_err(), Refusal::Overlap);
        }
        let mut answer = String::new();
        first_reads.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n1"), "{answer}");
        assert!(engine.sessions.find(live.id()).is_none());
        if overtaken {
            answer.clear();
            second_reads.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
            assert!(answer.ends_with(&Refusal::Overlap.body()), "{answer}");
        }
    }
}

/// A POST that came in time was refused where its thread was late to read it.
#[test]
fn what_comes_in_time_counts_however_late_it_is_read() {
    let span = Duration::from_millis(1);
    let timing = Timing { ping_interval: span, ping_timeout: span, upgrade_timeout: span };
    let (host, engine) = (late_server(), EngineIo::new(Options { timing, ..Options::default() }));
    let format = Format { revision: Revision::V3, b64: false, double: false };
    let stream = Arc::new(Stream::from(UnixStream::pair().unwrap().0));
    let (open, came) =
        (|| session(&engine, &host, Carrier::Polling, format, None).unwrap(), Instant::now());
    let (in_time, late) = (open(), open());
    while came.elapsed() < 4 * span {
        std::thread::yield_now();
    }
    assert_eq!(in_time.post(&stream, Some(came), POST), Ok(()));
    assert_eq!(late.post(&stream, Some(Instant::now()), POST), Err(Refusal::UnknownSession));
}
