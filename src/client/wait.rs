//! Waiting for sockets, a deadline and other threads at once: the one place
//! where a client's thread sleeps.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use crate::net::Stream;

/// Wakes a client's thread from any other.
#[derive(Debug)]
pub(crate) struct Waker(OwnedFd);

/// What a wait is for, and what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There is something to read, or the end of the stream, or an error.
    pub read: bool,
    /// There is room to write, or an error.
    pub write: bool,
}

impl Waker {
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Waker(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Ends the present wait, or else the next one.
    pub fn wake(&self) {
        // It can only fail when 2^64 - 2 wakes are pending: then it is awake.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Waits until the stream is ready for what is wanted, somebody wakes us,
    /// or the time is `until`.
    pub fn wait(&self, on: Option<(&Stream, Ready)>, until: Option<Instant>) -> io::Result<Ready> {
        let event = PollFd::new(&self.0, PollFlags::IN);
        let mut two;
        let mut one;
        let fds: &mut [PollFd<'_>] = match on {
            Some((stream, want)) => {
                two = [event, PollFd::from_borrowed_fd(stream.as_fd(), flags(want))];
                &mut two
            }
            None => {
                one = [event];
                &mut one
            }
        };
        poll_until(fds, until)?;
        if fds.first().is_some_and(|event| !event.revents().is_empty()) {
            let _ = rustix::io::read(&self.0, &mut [0; 8]);
        }
        Ok(fds.get(1).map(|fd| found(fd.revents())).unwrap_or_default())
    }
}

/// Waits until the stream takes more bytes or fails; false when the time was
/// up first.
pub(crate) fn writable(stream: &Stream, until: Option<Instant>) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::OUT)];
    poll_until(&mut fds, until)
}

fn poll_until(fds: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<bool> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match poll(fds, left.map(timespec).as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(left: Duration) -> Timespec {
    // A wait may end early; nobody minds waking up once a day.
    let left = left.min(Duration::from_secs(86_400));
    Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() }
}

fn flags(want: Ready) -> PollFlags {
    let mut flags = PollFlags::empty();
    flags.set(PollFlags::IN, want.read);
    flags.set(PollFlags::OUT, want.write);
    flags
}

fn found(flags: PollFlags) -> Ready {
    let broken = flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    Ready {
        read: broken || flags.contains(PollFlags::IN),
        write: broken || flags.contains(PollFlags::OUT),
    }
}
