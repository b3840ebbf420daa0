//! The accept loop: it never ends before it is told to.

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use tiny_http::HTTPVersion;

use super::connections::{Accepted, Connections, Served, Speaks};
use super::response::refusal;
use crate::error::catch;
use crate::net::wait::{PollFd, PollFlags, poll};
use crate::net::{Listener, Stream, Waker};
use crate::rate::PerSecond;
use crate::sync::Lock;

/// The shortest and longest pause when the machine is out of something.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many are turned away between two pauses.
const TURNED_AWAY: usize = 64;

/// Where connections come from: a [`Listener`], or a stand-in in tests.
pub(super) trait Incoming: AsFd + Send + 'static {
    /// The next connection; never blocks.
    fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)>;
}

impl Incoming for Listener {
    fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        Listener::accept(self)
    }
}

/// The thread that accepts connections on one listener and gives each its own
/// thread. Dropping it stops it.
pub(crate) struct Acceptor {
    stop: Arc<Stop>,
    thread: Lock<Option<JoinHandle<()>>>,
}

/// What those are told for whom there is no room: 503, or the alert
/// `internal_error`, in clear as before any handshake.
fn full(speaks: Speaks) -> Vec<u8> {
    match speaks {
        Speaks::Http => refusal(
            &HTTPVersion(1, 1),
            503,
            &[("Content-Type", "text/plain"), ("Retry-After", "1")],
            b"too many connections",
        ),
        Speaks::Tls => vec![21, 3, 3, 0, 2, 2, 80],
    }
}

struct Stop {
    told: AtomicBool,
    waker: Waker,
}

impl Acceptor {
    /// Starts to accept; each connection is served by a call of `serve` on its
    /// own thread. The listener may come in blocking or non-blocking mode and
    /// with any number of connections that may wait; it is made non-blocking,
    /// which a clone of it shares, and the number raised.
    pub(crate) fn start<S: Into<Served>>(
        listener: Listener,
        connections: Arc<Connections>,
        speaks: Speaks,
        serve: impl Fn(Accepted) -> S + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.prepare()?;
        Self::start_on(listener, connections, speaks, serve)
    }

    pub(super) fn start_on<S: Into<Served>>(
        incoming: impl Incoming,
        connections: Arc<Connections>,
        speaks: Speaks,
        serve: impl Fn(Accepted) -> S + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop { told: AtomicBool::new(false), waker: Waker::new()? });
        let accepting = Accepting {
            incoming,
            connections,
            speaks,
            serve: Arc::new(serve),
            stop: Arc::clone(&stop),
            reserve: reserve(),
            pause: PAUSE,
            logged: PerSecond::new(1),
        };
        let thread = Builder::new()
            .name("primus-acceptor".into())
            .stack_size(128 << 10)
            .spawn(move || accepting.run())?;
        Ok(Acceptor { stop, thread: Lock::new(Some(thread)) })
    }

    /// Stops accepting: the listener is closed and the thread gone when this
    /// returns. May be called more than once.
    pub(crate) fn stop(&self) {
        self.stop.told.store(true, SeqCst);
        self.stop.waker.wake();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The state of the loop.
struct Accepting<I, F> {
    incoming: I,
    connections: Arc<Connections>,
    speaks: Speaks,
    serve: Arc<F>,
    stop: Arc<Stop>,
    /// A descriptor kept in order to turn newcomers away when there is no
    /// other left.
    reserve: Option<File>,
    pause: Duration,
    logged: PerSecond,
}

/// What an error of accept calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// There is no connection.
    Nothing,
    /// That connection is gone; the next may be fine.
    Passing,
    /// The process or machine is out of descriptors.
    Descriptors,
    /// It is out of something else, or broken.
    Other,
}

impl<I: Incoming, S: Into<Served>, F: Fn(Accepted) -> S + Send + Sync + 'static> Accepting<I, F> {
    fn run(mut self) {
        while !self.stop.told.load(SeqCst) {
            // Whatever panics, later connections are not to suffer.
            if let Err(text) = catch(|| self.accept()) {
                self.connections.count_panicked();
                log::error!("accepting a connection panicked: {text}");
                self.back_off();
            }
        }
    }

    fn accept(&mut self) {
        match self.incoming.accept() {
            Ok((stream, remote)) => {
                self.pause = PAUSE;
                self.take(stream, remote);
            }
            Err(error) => self.mend(&error),
        }
    }

    fn take(&mut self, stream: Stream, remote: Option<SocketAddr>) {
        let accepted =
            Accepted { stream: Arc::new(stream), remote, at: Instant::now(), place: None };
        let stream = Arc::clone(&accepted.stream);
        let serve = Arc::clone(&self.serve);
        let serve = move |accepted| serve(accepted);
        if let Err(refused) = self.connections.spawn(accepted, self.speaks, serve) {
            self.complain(&refused);
            turn_away(&stream, self.speaks);
        }
    }

    fn mend(&mut self, error: &io::Error) {
        match trouble(error) {
            Trouble::Nothing => self.wait(true, None),
            Trouble::Passing => {}
            Trouble::Descriptors => {
                self.complain(error);
                if self.spend_reserve() {
                    self.pause = PAUSE;
                }
                self.back_off();
            }
            Trouble::Other => {
                self.complain(error);
                self.back_off();
            }
        }
    }

    /// Uses the reserve to accept the connections that wait and turn them away,
    /// one after the other, so that they are not left hanging. True when there were any.
    fn spend_reserve(&mut self) -> bool {
        let mut turned = 0;
        if self.reserve.take().is_some() {
            while turned < TURNED_AWAY
                && let Ok((stream, _)) = self.incoming.accept()
            {
                self.connections.count_refused();
                turn_away(&stream, self.speaks);
                turned += 1;
            }
        }
        self.reserve = reserve();
        turned > 0
    }

    fn back_off(&mut self) {
        self.wait(false, Some(self.pause));
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.reserve.is_none() {
            self.reserve = reserve();
        }
    }

    /// Sleeps until told to stop, until the time is over, and with `for_more`
    /// until there is a connection.
    fn wait(&self, for_more: bool, time: Option<Duration>) {
        let wanted = if for_more { PollFlags::IN } else { PollFlags::empty() };
        let mut both =
            [PollFd::new(&self.stop.waker, PollFlags::IN), PollFd::new(&self.incoming, wanted)];
        // A broken listener is always ready; without looking at it the pause
        // is a pause.
        let watched = if for_more { &mut both[..] } else { &mut both[..1] };
        if let Err(error) = poll(watched, time) {
            log::error!("poll on a listener failed: {error}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Logs, at most once a second.
    fn complain(&mut self, what: &impl std::fmt::Display) {
        if self.logged.allow(Instant::now()) {
            log::warn!("a connection was not accepted: {what}");
        }
    }
}

fn reserve() -> Option<File> {
    File::open("/dev/null").ok()
}

fn trouble(error: &io::Error) -> Trouble {
    match Errno::from_io_error(error) {
        Some(Errno::AGAIN) => Trouble::Nothing,
        Some(
            Errno::CONNABORTED
            | Errno::INTR
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::NONET
            | Errno::PERM
            | Errno::TIMEDOUT,
        ) => Trouble::Passing,
        Some(Errno::MFILE | Errno::NFILE) => Trouble::Descriptors,
        _ => Trouble::Other,
    }
}

/// Says that there is no room, without waiting for anything, and closes. What the client has
/// already sent is read away as far as it is there, so that the answer is not
/// lost to a reset.
fn turn_away(stream: &Stream, speaks: Speaks) {
    let _ = stream.offer(&full(speaks));
    stream.shutdown(Shutdown::Write);
    let mut scratch = [0; 2048];
    for _ in 0..16 {
        if !matches!(stream.read_now(&mut scratch), Ok(Some(1..))) {
            break;
        }
    }
}
