use std::os::unix::net::UnixStream;

use super::*;
use crate::http::{Accepted, HeaderSet, Owner, Refused, Request};
use crate::limits::Limits;
use crate::timer::{Clock, ManualClock, Timer};
use crate::transformers::{Backlog, Opening};

/// A server that serves nothing.
struct Nobody {
    limits: Limits,
    timer: Timer,
}

impl Host for Nobody {
    fn refused(&self, _: u16) {}
    fn max_length(&self) -> usize {
        1 << 20
    }
    fn limits(&self) -> &Limits {
        &self.limits
    }
    fn owner(&self, request: &Request) -> Owner {
        Owner::of(request.address().ip)
    }
    fn is_closing(&self) -> bool {
        false
    }
    fn timer(&self) -> &Timer {
        &self.timer
    }
    fn send_later(&self, _: Arc<dyn Backlog>, _: Arc<Stream>) {}
    fn open(self: Arc<Self>, _: Box<Opening>) -> Result<(), Refused> {
        Err(Refused::Closed)
    }
}

/// A client that came back after it was found to be the oldest of those who had
/// not, and before it was dealt with, lost its session.
#[test]
fn who_has_come_back_is_not_given_up() {
    let timer = Timer::start(Clock::System, "timer", 64 << 10).unwrap();
    let host: Arc<dyn Host> = Arc::new(Nobody { limits: Limits::default(), timer });
    let engine = EngineIo::new(Options::default());
    let format = Format { revision: Revision::V4, b64: false, double: false };
    let open = || Live::open(&engine, &host, format, None).unwrap();
    let stream = Arc::new(Stream::from(UnixStream::pair().unwrap().0));
    let (owner, limits) =
        (Owner::of([192, 0, 2, 1].into()), Limits { fresh_sessions: 1, ..Limits::default() });
    for comes in [true, false] {
        let (first, second) = (open(), open());
        assert!(engine.sessions.count_fresh(&first, owner, &limits).is_none());
        let oldest = engine.sessions.count_fresh(&second, owner, &limits).unwrap();
        assert!(Arc::ptr_eq(&oldest, &first));
        if comes {
            first.post(&stream, false).unwrap();
        }
        assert_eq!(oldest.give_up_fresh("newcomers"), !comes);
        assert!(!oldest.give_up_fresh("newcomers"));
        assert_eq!(first.carrier().is_some(), comes);
        assert_eq!(engine.sessions.find(first.sid()).is_some(), comes);
        assert!(second.carrier().is_some());
        // Room for the next round.
        second.post(&stream, false).unwrap();
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
    let host: Arc<dyn Host> = Arc::new(Nobody { limits: Limits::default(), timer });
    let engine = EngineIo::new(Options::default());
    let format = Format { revision: Revision::V3, b64: false, double: false };
    let live = Live::open(&engine, &host, format, None).unwrap();
    let poll = || {
        let (near, far) = UnixStream::pair().unwrap();
        let accepted = Accepted::new(Arc::new(Stream::from(near)));
        let mut connection = crate::http::Connection::new(accepted, limits.clone());
        (live.get(connection.hold(&HeaderSet::default())), far)
    };
    let (held, _far) = poll();
    held.unwrap();
    clock.advance(Duration::from_secs(45));
    let (refused, _far) = poll();
    assert_eq!(refused.unwrap_err(), Refusal::UnknownSession);
    assert!(engine.sessions.find(live.sid()).is_none());
}
