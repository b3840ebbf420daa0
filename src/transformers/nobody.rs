//! A server that serves nothing, for tests of the protocols.

use std::sync::Arc;

use super::serve::{Backlog, Host, Opening};
use crate::http::server::{Owner, Refused, Request};
use crate::limits::Limits;
use crate::net::Stream;
use crate::sync::Lock;
use crate::timer::Timer;

/// What waits for room in a socket.
type Unsent = (Arc<dyn Backlog>, Arc<Stream>);

/// A server that serves nothing, whose flusher is the test.
pub(crate) struct Nobody {
    limits: Limits,
    timer: Timer,
    pub(crate) unsent: Lock<Vec<Unsent>>,
}

impl Nobody {
    /// With the limits that a server has by default.
    pub(crate) fn new(timer: Timer) -> Self {
        Nobody { limits: Limits::default(), timer, unsent: Lock::default() }
    }

    /// Sends on what waits for room.
    pub(crate) fn flush(&self) {
        let unsent = std::mem::take(&mut *self.unsent.lock());
        for (backlog, stream) in unsent {
            if backlog.flush_backlog(&stream) {
                self.unsent.lock().push((backlog, stream));
            }
        }
    }
}

impl Host for Nobody {
    fn pathname(&self) -> &str {
        "/primus"
    }

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
    fn send_later(&self, rest: Arc<dyn Backlog>, stream: Arc<Stream>) {
        self.unsent.lock().push((rest, stream));
    }
    fn open(self: Arc<Self>, _: Box<Opening>) -> Result<(), Refused> {
        Err(Refused::Closed)
    }
}
