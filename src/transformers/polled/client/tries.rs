//! The transports by which a session may be opened, tried one after another.

use std::time::Duration;

use super::{Requests, Ways};
use crate::error::Error;

/// How many times as long as there and back a transport has to open a session.
const ROUND_TRIPS: u32 = 2;

/// See the module. The letter is a protocol's kind of transport.
pub(in crate::transformers) struct Tries<T> {
    /// The least time for each.
    least: Duration,
    /// How long each has.
    time: Duration,
    /// Those that are still to be tried, the next one last.
    left: Vec<T>,
    /// What became of those that were tried.
    failures: Vec<(T, Error)>,
    /// What one is called.
    name: fn(T) -> &'static str,
}

impl<T: Copy> Tries<T> {
    /// Of these, in this order, each with this time at least.
    pub fn new(transports: &[T], least: Duration, name: fn(T) -> &'static str) -> Self {
        let left = transports.iter().rev().copied().collect();
        Tries { least, time: Duration::ZERO, left, failures: Vec::new(), name }
    }

    /// The server has said, after so long, what it has: others are not tried.
    pub fn keep(&mut self, round_trip: Duration, has: impl Fn(T) -> bool) {
        self.left.retain(|transport| has(*transport));
        self.time = patience(round_trip).max(self.least);
    }

    /// How long each has.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The next one.
    pub fn next(&mut self) -> Option<T> {
        self.left.pop()
    }

    /// Whether there is none.
    pub fn is_done(&self) -> bool {
        self.left.is_empty()
    }

    /// This one leads nowhere.
    pub fn failed(&mut self, transport: T, error: Error) {
        self.failures.push((transport, error));
    }

    /// The session is open: what failed before is no matter.
    pub fn forget(&mut self) {
        self.failures = Vec::new();
    }

    /// None is left: there is no session. `none`: why, if none was tried.
    pub fn give_up<R: Requests + 'static>(&mut self, none: &str, ways: &mut Ways<R>) {
        let why = match self.failures.pop() {
            None => none.to_owned(),
            // One that was refused knows more to tell than those before it.
            Some((_, error)) if self.failures.is_empty() || is_refusal(&error) => {
                return ways.failed(error);
            }
            last => {
                let all = self.failures.drain(..).chain(last);
                let all: Vec<_> =
                    all.map(|(transport, e)| format!("{}: {e}", (self.name)(transport))).collect();
                all.join("; ")
            }
        };
        ways.failed(Error::Protocol(ways.no_session(&why)));
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::Refused { .. })
}

/// How long a transport has to open a session with a server that answered in this time,
/// as sockjs-client works it out; socket.io-client gives it ten seconds, which are all
/// that a client of Primus has to connect.
fn patience(round_trip: Duration) -> Duration {
    let once = if round_trip > Duration::from_millis(100) {
        round_trip.saturating_mul(4)
    } else {
        round_trip + Duration::from_millis(300)
    };
    once.saturating_mul(ROUND_TRIPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_servers_get_more_time() {
        for (round_trip, expected) in [(0, 600), (5, 610), (100, 800), (101, 808), (1000, 8000)] {
            let got = patience(Duration::from_millis(round_trip));
            assert_eq!(got, Duration::from_millis(expected), "{round_trip}");
        }
    }

    #[test]
    fn each_is_tried_once_of_those_that_the_server_has() {
        let mut tries = Tries::new(&['a', 'b', 'c'], Duration::from_secs(1), |_| "");
        tries.keep(Duration::ZERO, |transport| transport != 'b');
        assert_eq!(tries.time(), Duration::from_secs(1));
        assert_eq!((tries.next(), tries.is_done()), (Some('a'), false));
        tries.keep(Duration::from_secs(1), |_| true);
        assert_eq!(tries.time(), Duration::from_secs(8));
        assert_eq!((tries.next(), tries.is_done()), (Some('c'), true));
        assert_eq!(tries.next(), None);
    }
}
