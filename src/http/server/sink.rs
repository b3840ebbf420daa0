//! Writing to a socket without waiting for ever.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::deadline::after;
use crate::limits::Limits;
use crate::net::Stream;
use crate::net::wait::{PollFlags, wait_until};

/// The slowest reader of an answer that is waited for, in bytes a second once
/// [`Limits::body_timeout`] has passed; a reader that takes nothing at all is
/// waited for only so long.
const MIN_RATE: u64 = 1 << 10;

/// Writes to a socket whose peer must read at a minimum rate.
pub(super) struct Sink<'a> {
    stream: &'a Stream,
    grace: Duration,
    start: Instant,
    /// When the socket last took something after it was full.
    progress: Instant,
    sent: u64,
    broken: bool,
}

impl<'a> Sink<'a> {
    pub(super) fn new(stream: &'a Stream, limits: &Limits) -> Self {
        let (grace, start) = (limits.body_timeout, Instant::now());
        Sink { stream, grace, start, progress: start, sent: 0, broken: false }
    }

    fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.sent / MIN_RATE);
        let slow = after(self.start, self.grace.saturating_add(earned));
        after(self.progress, self.grace).min(slow)
    }

    fn offer(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.offer(bytes)? {
                0 => {
                    wait_until(self.stream, PollFlags::OUT, self.deadline())?;
                    self.progress = Instant::now();
                }
                sent => return Ok(sent),
            }
        }
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let offered = self.offer(bytes);
        match &offered {
            Ok(sent) => self.sent += *sent as u64,
            Err(_) => self.broken = true,
        }
        offered
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
