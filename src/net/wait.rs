//! Waiting for a socket, a deadline and other threads at once: the one place
//! where a client's thread sleeps.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::{Stream, Waker, poll};

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
pub(crate) type On<'a> = Option<(&'a dyn AsFd, Ready)>;

/// The same for one that may be taken away meanwhile.
pub(crate) type Wants = Option<(Arc<dyn AsFd + Send + Sync>, Ready)>;

/// What to wait on for that.
pub(crate) fn on(wants: &Wants) -> On<'_> {
    wants.as_ref().map(|(socket, want)| (&**socket as &dyn AsFd, *want))
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
    let on = on.map(|on| on.filter(|(_, want)| *want != Ready::default()));
    let streams = on.iter().flatten();
    let fds = streams.map(|(stream, want)| PollFd::from_borrowed_fd(stream.as_fd(), want.flags()));
    let mut fds: Vec<_> = std::iter::once(PollFd::new(waker, PollFlags::IN)).chain(fds).collect();
    poll_until(&mut fds, until)?;
    let mut found = fds.iter().map(PollFd::revents);
    if found.next().is_some_and(|woken| !woken.is_empty()) {
        waker.clear();
    }
    Ok(on.map(|on| on.and_then(|_| found.next()).map_or(Ready::default(), Ready::found)))
}

/// Waits until the stream takes more bytes or fails; false when the time was
/// up first.
pub(crate) fn writable(stream: &Stream, until: Option<Instant>) -> io::Result<bool> {
    poll_until(&mut [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::OUT)], until)
}

fn poll_until(fds: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<bool> {
    // A wait may end early; nobody minds waking up once a day.
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    let left = left.map(|left| left.min(Duration::from_secs(86_400)));
    Ok(poll(fds, left)? > 0)
}
