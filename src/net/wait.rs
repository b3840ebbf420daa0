//! Waiting for descriptors: the one place from which threads sleep in `poll(2)`.
//!
//! A client's thread waits for its sockets, a deadline and other threads at once
//! ([`wait`]). A thread of a server that has nothing to do but wait for its own
//! socket waits until an absolute point in time ([`wait_until`]): however slowly
//! bytes drip in, the deadline stays.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::Timespec;
pub(crate) use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::{Stream, Waitable, Waker};
use crate::deadline::after;

/// What a wait is for, and what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There is something to read, or the end of the stream, or an error.
    pub read: bool,
    /// There is room to write, or an error.
    pub write: bool,
}

impl Ready {
    fn flags(self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.read);
        flags.set(PollFlags::OUT, self.write);
        flags
    }

    fn found(flags: PollFlags) -> Self {
        let broken = flags.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
        let has = |flag| broken || flags.contains(flag);
        Ready { read: has(PollFlags::IN), write: has(PollFlags::OUT) }
    }
}

/// A socket, and what it is waited for.
pub(crate) type On<'a> = Option<(&'a dyn Waitable, Ready)>;

/// The same for one that may be taken away meanwhile.
pub(crate) type Wants = Option<(Arc<dyn Waitable + Send + Sync>, Ready)>;

/// What to wait on for that.
pub(crate) fn on(wants: &Wants) -> On<'_> {
    wants.as_ref().map(|(socket, want)| (&**socket as &dyn Waitable, *want))
}

/// Waits until the stream is ready for what is wanted, the waker is woken, or
/// the time is `until`. A wake-up before the wait ends it at once.
pub(crate) fn wait(waker: &Waker, on: On<'_>, until: Option<Instant>) -> io::Result<Ready> {
    wait_any(waker, [on], until).map(|[ready]| ready)
}

/// [`wait`] for several streams: until one of them is ready. A stream that is
/// waited for nothing is left out.
pub(crate) fn wait_any<const N: usize>(
    waker: &Waker,
    on: [On<'_>; N],
    until: Option<Instant>,
) -> io::Result<[Ready; N]> {
    let mut found = [Ready::default(); N];
    wait_each(waker, &on, &mut found, until)?;
    Ok(found)
}

/// [`wait_any`] for as many streams as there are: what became of each is in `found`,
/// at the same place.
pub(crate) fn wait_each(
    waker: &Waker,
    on: &[On<'_>],
    found: &mut [Ready],
    until: Option<Instant>,
) -> io::Result<()> {
    let waits = |on: &On<'_>| on.is_some_and(|(_, want)| want != Ready::default());
    let holds = |on: &On<'_>| on.is_some_and(|(stream, want)| want.read && stream.holds());
    let until = if on.iter().any(holds) { Some(Instant::now()) } else { until };
    let streams = on.iter().filter(|on| waits(on)).flatten();
    let fds = streams.map(|(stream, want)| PollFd::from_borrowed_fd(stream.as_fd(), want.flags()));
    let mut fds: Vec<_> = std::iter::once(PollFd::new(waker, PollFlags::IN)).chain(fds).collect();
    poll_until(&mut fds, until)?;
    let mut flags = fds.iter().map(PollFd::revents);
    if flags.next().is_some_and(|woken| !woken.is_empty()) {
        waker.clear();
    }
    for (on, found) in on.iter().zip(found) {
        let polled = if waits(on) { flags.next() } else { None };
        *found = polled.map_or(Ready::default(), Ready::found);
        found.read |= holds(on);
    }
    Ok(())
}

/// Waits until the stream takes more bytes or fails; false when the time was
/// up first.
pub(crate) fn writable(stream: &Stream, until: Option<Instant>) -> io::Result<bool> {
    poll_until(&mut [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::OUT)], until)
}

/// Writes everything, waiting while the socket is full; `TimedOut` when the time was
/// up first.
pub(crate) fn write_all(
    stream: &Stream,
    mut bytes: &[u8],
    until: Option<Instant>,
) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.offer(bytes)? {
            0 if !writable(stream, until)? => return Err(io::ErrorKind::TimedOut.into()),
            sent => bytes = bytes.get(sent..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Reads what is there, waiting for something until the deadline; 0 at the end
/// of the stream. `TimedOut` when the deadline passed.
///
/// With `at_once` the stream is tried before it is waited for, which saves a
/// call when data is probably there.
pub(crate) fn read_until(
    stream: &Stream,
    buf: &mut [u8],
    deadline: Instant,
    at_once: bool,
) -> io::Result<usize> {
    let mut ready = at_once;
    loop {
        if !ready {
            wait_until(stream, PollFlags::IN, deadline)?;
        }
        match stream.read_now(buf)? {
            Some(read) => return Ok(read),
            None => ready = false,
        }
    }
}

/// Waits until the stream is ready (or broken); `TimedOut` when the deadline has
/// passed, even if it is ready: a peer that always has one more byte does not push
/// the deadline.
pub(crate) fn wait_until(stream: &Stream, flags: PollFlags, deadline: Instant) -> io::Result<()> {
    let holds = flags.contains(PollFlags::IN) && stream.holds();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if holds || poll(&mut [PollFd::new(stream, flags)], Some(left))? > 0 {
            return Ok(());
        }
    }
}

/// Whether the stream is ready (or broken) now.
pub(crate) fn is_ready(stream: &Stream, flags: PollFlags) -> bool {
    flags.contains(PollFlags::IN) && stream.holds()
        || poll(&mut [PollFd::new(stream, flags)], Some(Duration::ZERO)).is_ok_and(|n| n > 0)
}

/// Waits until the stream can be read (true) or the waker was woken (false).
pub(crate) fn readable_or_woken(stream: &Stream, waker: &Waker) -> io::Result<bool> {
    if stream.holds() {
        return Ok(true);
    }
    let mut fds = [PollFd::new(stream, PollFlags::IN), PollFd::new(waker, PollFlags::IN)];
    poll(&mut fds, None)?;
    let readable = !fds[0].revents().is_empty();
    if !readable {
        waker.clear();
    }
    Ok(readable)
}

/// Waits until the stream can be read.
pub(crate) fn readable(stream: &Stream) -> io::Result<()> {
    if stream.holds() {
        return Ok(());
    }
    poll(&mut [PollFd::new(stream, PollFlags::IN)], None).map(drop)
}

fn poll_until(fds: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<bool> {
    // A wait may end early: waking up once a day costs nothing.
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let left = left.map(|left| left.min(Duration::from_secs(86_400)));
    Ok(poll(fds, left)? > 0)
}

/// `poll(2)` that goes on after a signal; a time of `None` is for ever. All waits
/// for descriptors end here.
pub(crate) fn poll(fds: &mut [PollFd<'_>], time: Option<Duration>) -> io::Result<usize> {
    let until = time.map(|time| after(Instant::now(), time));
    let mut left = time;
    loop {
        match rustix::event::poll(fds, left.and_then(timespec).as_ref()) {
            Err(Errno::INTR) => {
                left = until.map(|until| until.saturating_duration_since(Instant::now()));
            }
            other => return Ok(other?),
        }
    }
}

/// `None`, which is for ever, for what no clock will reach.
pub(super) fn timespec(time: Duration) -> Option<Timespec> {
    Timespec::try_from(time).ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::BorrowedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    struct Holding(UnixStream);

    impl AsFd for Holding {
        fn as_fd(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
    }

    impl Waitable for Holding {
        fn holds(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_a_stream_holds_is_not_waited_for() {
        let waker = Waker::new().unwrap();
        let (near, _far) = UnixStream::pair().unwrap();
        let (idle, _other) = UnixStream::pair().unwrap();
        let (near, idle) = (Holding(near), Stream::from(idle));
        let want = Ready { read: true, write: false };
        let found = wait_any(&waker, [Some((&idle, want)), None, Some((&near, want))], None);
        assert_eq!(found.unwrap(), [Ready::default(), Ready::default(), want]);
        // It is asked for nothing but to be read.
        let want = Ready { read: false, write: true };
        assert_eq!(wait(&waker, Some((&near, want)), None).unwrap(), want);
    }
}
