//! Waiting for a socket until an absolute point in time.
//!
//! Before an upgrade the thread of a connection has nothing to do but wait for
//! its own socket, so `poll(2)` with the time that is left keeps the deadline
//! without another thread. However slowly bytes drip in, the deadline stays.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;

pub(super) use crate::deadline::after;
use crate::net::Stream;

/// Reads what is there, waiting for something until the deadline; 0 at the end
/// of the stream. `TimedOut` when the deadline passed.
///
/// With `at_once` the socket is tried before it is waited for, which saves a
/// call when data is probably there.
pub(super) fn read_until(
    stream: &Stream,
    buf: &mut [u8],
    deadline: Instant,
    at_once: bool,
) -> io::Result<usize> {
    let mut ready = at_once;
    loop {
        if !ready {
            wait(stream, PollFlags::IN, deadline)?;
        }
        match rustix::net::recv(stream, &mut *buf, RecvFlags::DONTWAIT) {
            Ok((_, read)) => return Ok(read),
            Err(Errno::AGAIN) => ready = false,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until the descriptor is ready (or broken); `TimedOut` when the
/// deadline has passed, even if it is ready: a peer that always has one more
/// byte does not push the deadline.
pub(super) fn wait(fd: impl AsFd, flags: PollFlags, deadline: Instant) -> io::Result<()> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match poll(&mut [PollFd::new(&fd, flags)], timespec(left).as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the descriptor is ready (or broken) now.
pub(super) fn is_ready(fd: impl AsFd, flags: PollFlags) -> bool {
    poll(&mut [PollFd::new(&fd, flags)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))
        .is_ok_and(|n| n > 0)
}

/// `None`, which is for ever, for what no clock will reach.
pub(super) fn timespec(time: Duration) -> Option<Timespec> {
    Timespec::try_from(time).ok()
}
