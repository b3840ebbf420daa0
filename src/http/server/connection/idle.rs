//! Waiting for the client of a connection, for the most part without a thread.

use std::io;
use std::time::{Duration, Instant};

use super::Connection;
use crate::deadline::after;
use crate::net::wait::{PollFlags, is_ready, wait_until};

/// A connection whose answer was given by another thread is closed when its
/// client is silent for so long. It is more than the time between the
/// heartbeats of any protocol, so that a held request costs no wake-ups.
const WATCH: Duration = Duration::from_secs(60);

/// For so long a thread waits for the client of a connection, before it leaves
/// that to be watched. Where it was waited for so long the last time, it is left
/// at once: the client is not a busy one.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// How often a held request is looked after whose client sends ahead.
const AHEAD: Duration = Duration::from_millis(50);

/// A wait that has begun.
#[derive(Clone, Copy)]
pub(super) struct Idle {
    since: Instant,
    until: Instant,
    /// It was left to be watched.
    left: bool,
}

/// How a wait for the client ended.
pub(super) enum Waited {
    /// There is something to be read.
    Readable,
    /// The time is over.
    Late,
    /// The thread is to do something else until then.
    Leave(Instant),
    Broken,
}

/// What the client has said, after a wait for it.
pub(super) enum Heard {
    /// So many bytes were read, 0 at the end of the stream; or why none were.
    Read(io::Result<usize>),
    /// It was silent.
    Nothing(Waited),
}

/// What became of a request that others answer.
pub(super) enum Watched {
    /// It was answered, and the client asks for more.
    Answered,
    /// The client is gone, or silent for too long.
    Gone,
    Leave(Instant),
}

impl Connection {
    /// Waits until the answer that others give was given and the client asks for
    /// more, or the client is gone. As long as the answer is still to be given,
    /// nothing but the client ends the wait.
    pub(super) fn watch(&mut self) -> Watched {
        while let Some(holder) = &self.holder {
            if !self.unread().is_empty() {
                if !holder.holds() {
                    self.holder = None;
                    self.idle = None;
                } else if !self.waits_ahead() {
                    return Watched::Gone;
                }
                continue;
            }
            match self.hear(WATCH) {
                Heard::Read(Ok(1..)) => {}
                // What has come was no part of a request.
                Heard::Read(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Heard::Nothing(Waited::Late)
                    if self.holder.as_ref().is_some_and(|holder| holder.holds()) => {}
                Heard::Nothing(Waited::Leave(until)) => return Watched::Leave(until),
                Heard::Read(_) | Heard::Nothing(_) => return Watched::Gone,
            }
        }
        Watched::Answered
    }

    /// A client that sends ahead is not read on, and looked after by the clock;
    /// false when it is gone.
    fn waits_ahead(&self) -> bool {
        match wait_until(self.stream(), PollFlags::RDHUP, after(Instant::now(), AHEAD)) {
            Err(error) => error.kind() == io::ErrorKind::TimedOut,
            // It may have been answered before it left.
            Ok(()) => !self.holder.as_ref().is_some_and(|holder| holder.holds()),
        }
    }

    /// [Waits](Self::wait) for the client and reads what it says: for a busy one in a
    /// single system call.
    pub(super) fn hear(&mut self, time: Duration) -> Heard {
        let begins = self.idle.is_none() && self.patience == PATIENCE && time > PATIENCE;
        if begins && self.sets_timeout() {
            match self.fill_by(|stream, space| stream.read_for_a_while(space)) {
                Ok(Some(read)) => return Heard::Read(Ok(read)),
                Err(error) => return Heard::Read(Err(error)),
                Ok(None) => {}
            }
            let now = Instant::now();
            let since = now.checked_sub(PATIENCE).unwrap_or(now);
            self.idle = Some(Idle { since, until: after(since, time), left: false });
        }
        match self.wait(time) {
            Waited::Readable => Heard::Read(self.fill_now()),
            silent => Heard::Nothing(silent),
        }
    }

    /// Has reads that block wait for as long as a thread does, if they can.
    fn sets_timeout(&mut self) -> bool {
        self.timeout = self.timeout || self.stream().set_read_timeout(Some(PATIENCE));
        self.timeout
    }

    /// Waits for the client, all in all for so long, but for the most part not
    /// on this thread.
    fn wait(&mut self, time: Duration) -> Waited {
        let now = Instant::now();
        let idle = Idle { since: now, until: after(now, time), left: false };
        let idle = *self.idle.get_or_insert(idle);
        let leave = after(idle.since, self.patience).min(idle.until);
        let flags = PollFlags::IN | PollFlags::RDHUP;
        let mut waited = Err(io::ErrorKind::TimedOut.into());
        if !idle.left {
            waited = wait_until(self.stream(), flags, leave);
        }
        let now = Instant::now();
        if (idle.left || now >= idle.until) && is_ready(self.stream(), flags) {
            // Be it at the very last moment.
            waited = Ok(());
        }
        match waited {
            Ok(()) => {
                let long = now.saturating_duration_since(idle.since) >= PATIENCE;
                self.patience = if long { Duration::ZERO } else { PATIENCE };
                Waited::Readable
            }
            Err(error) if error.kind() != io::ErrorKind::TimedOut => Waited::Broken,
            Err(_) if now >= idle.until => {
                self.idle = None;
                Waited::Late
            }
            Err(_) => {
                self.idle = Some(Idle { left: true, ..idle });
                self.shrink();
                Waited::Leave(idle.until)
            }
        }
    }

    /// Keeps no room for what may come, if nothing is there: the client is not a busy
    /// one, and others may use it.
    fn shrink(&mut self) {
        if self.unread().is_empty() {
            (self.buf, self.used) = (Vec::new(), 0);
        }
    }
}
