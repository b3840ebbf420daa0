//! One connection of a link: a thread that passes bytes on by the link's rules.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::link::{DOWN, Inner, UP};
use crate::deadline::after;
use crate::net::wait::{PollFd, PollFlags, poll};
use crate::net::{Stream, Waker};
use crate::timer::{Clock, Driven};

/// Bytes on the way in one direction before no more are taken.
const WINDOW: usize = 64 << 10;

const STACK: usize = 128 << 10;

/// How a connection ends by the will of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Cut,
    Reset,
}

/// What a connection's thread and its callers share.
pub(super) struct Line {
    clock: Clock,
    waker: Waker,
    state: Mutex<State>,
    /// The thread has seen to what was due.
    settled: Condvar,
}

#[derive(Clone, Copy, Default)]
struct State {
    end: Option<End>,
    /// Directions that lead nowhere.
    dead: [bool; 2],
    /// When the next delayed bytes are to go on.
    due: Option<Instant>,
    /// The client has closed its end.
    left: bool,
    /// The client was given up on: it did not leave in time.
    given_up: bool,
    over: bool,
}

/// Begins to pass bytes on between a socket whose other end the client has and
/// one whose other end the server has.
pub(super) fn start(link: &Arc<Inner>, ends: [UnixStream; 2]) -> io::Result<Arc<Line>> {
    for end in &ends {
        end.set_nonblocking(true)?;
    }
    let line = Arc::new(Line {
        clock: link.clock.clone(),
        waker: Waker::new()?,
        state: Mutex::default(),
        settled: Condvar::new(),
    });
    if let Clock::Manual(clock) = &link.clock {
        let driven: Arc<dyn Driven> = line.clone();
        clock.attach(Arc::downgrade(&driven));
    }
    let ends = ends.map(Stream::from);
    let pump = Pump {
        link: link.clone(),
        line: line.clone(),
        ends,
        gone: [false; 2],
        flows: Default::default(),
    };
    let thread = thread::Builder::new().name("primus-link".into()).stack_size(STACK);
    thread.spawn(move || pump.run())?;
    Ok(line)
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn wake(&self) {
        self.waker.wake();
    }

    pub fn end(&self, end: End) {
        self.lock().end.get_or_insert(end);
        self.wake();
    }

    /// Makes directions lead nowhere.
    pub fn swallow(&self, ways: [bool; 2]) {
        let mut state = self.lock();
        state.dead = [state.dead[UP] | ways[UP], state.dead[DOWN] | ways[DOWN]];
        drop(state);
        self.wake();
    }

    /// Whether it leads nowhere and the client still relies on it.
    pub fn is_dead(&self) -> bool {
        let state = self.lock();
        state.dead.contains(&true) && !state.left && !state.over
    }

    /// Notes that the client was given up on: it did not leave in time.
    pub fn give_up(&self) {
        self.lock().given_up = true;
    }

    pub fn is_given_up(&self) -> bool {
        self.lock().given_up
    }

    pub fn is_over(&self) -> bool {
        self.lock().over
    }
}

impl Driven for Line {
    fn settle(&self) {
        let mut state = self.lock();
        while !state.over && state.due.is_some_and(|at| at <= self.clock.now()) {
            self.waker.wake();
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next(&self) -> Option<Instant> {
        let state = self.lock();
        state.due.filter(|_| !state.over)
    }

    fn nudge(&self) {
        self.waker.wake();
    }
}

/// The thread's own.
struct Pump {
    link: Arc<Inner>,
    line: Arc<Line>,
    /// Towards the client, towards the server.
    ends: [Stream; 2],
    /// Whose other end is closed.
    gone: [bool; 2],
    flows: [Flow; 2],
}

/// What came of passing a piece on.
enum Passed {
    Some,
    None,
    Cut,
}

/// One direction.
#[derive(Default)]
struct Flow {
    /// What is on the way, and since when.
    queue: VecDeque<(Instant, Vec<u8>)>,
    bytes: usize,
    /// The sender has ended.
    ended: bool,
    /// Nothing more will be passed on.
    done: bool,
    /// The receiver's socket is full.
    full: bool,
}

impl Flow {
    fn clear(&mut self) {
        self.queue.clear();
        self.bytes = 0;
    }

    /// Drops what has gone from the front.
    fn forget(&mut self, sent: usize) {
        self.bytes -= sent;
        if let Some((_, bytes)) = self.queue.front_mut() {
            bytes.drain(..sent);
            if bytes.is_empty() {
                self.queue.pop_front();
            }
        }
    }
}

impl Pump {
    fn run(mut self) {
        while self.round() {}
        let Pump { line, ends, .. } = self;
        // A caller that learns that it is over finds the sockets closed.
        drop(ends);
        line.lock().over = true;
        line.settled.notify_all();
    }

    /// Does what can be done now and waits for more; false when the connection
    /// is over.
    fn round(&mut self) -> bool {
        let now = self.line.clock.now();
        let State { end, dead, .. } = *self.line.lock();
        if end == Some(End::Reset) {
            return false;
        }
        let mut cut = end.is_some();
        for way in [UP, DOWN] {
            self.take(way, now, dead[way]);
            cut = cut || self.pass(way, now, dead[way]);
        }
        if cut {
            self.empty();
        }
        !cut && !self.flows.iter().all(|flow| flow.done) && self.wait(now).is_ok()
    }

    /// Takes from the sender what is there.
    fn take(&mut self, way: usize, now: Instant, dead: bool) {
        let flow = &mut self.flows[way];
        let mut piece = [0; 16 << 10];
        while !flow.ended && flow.bytes < WINDOW {
            match self.ends[way].read_now(&mut piece) {
                Ok(Some(0)) | Err(_) => flow.ended = true,
                Ok(Some(_)) if dead || flow.done => {}
                Ok(Some(length)) => {
                    flow.queue.push_back((now, piece[..length].to_vec()));
                    flow.bytes += length;
                }
                Ok(None) => return,
            }
        }
    }

    /// Passes on what may go; true when the connection is to be cut here.
    fn pass(&mut self, way: usize, now: Instant, dead: bool) -> bool {
        let flow = &mut self.flows[way];
        flow.full = false;
        flow.done |= self.gone[1 - way];
        if dead || flow.done {
            flow.clear();
            return false;
        }
        loop {
            match self.piece(way, now) {
                Passed::Some => {}
                Passed::None => return false,
                Passed::Cut => return true,
            }
        }
    }

    /// Passes the next piece on.
    fn piece(&mut self, way: usize, now: Instant) -> Passed {
        let (flow, to) = (&mut self.flows[way], &self.ends[1 - way]);
        let mut rules = self.link.rules(way);
        if rules.left == Some(0) {
            rules.left = None;
            return Passed::Cut;
        }
        let Some((at, bytes)) = flow.queue.front().filter(|_| !rules.held) else {
            if flow.ended && !flow.done && !rules.held {
                to.shutdown(Shutdown::Write);
                flow.done = true;
            }
            return Passed::None;
        };
        if after(*at, rules.delay) > now {
            return Passed::None;
        }
        let most = rules.piece.unwrap_or(usize::MAX).min(bytes.len());
        let most = rules.left.map_or(most, |left| most.min(left as usize));
        match to.offer(&bytes[..most]) {
            Ok(0) => {
                flow.full = true;
                return Passed::None;
            }
            Ok(sent) => {
                rules.passed += sent as u64;
                rules.left = rules.left.map(|left| left.saturating_sub(sent as u64));
                flow.forget(sent);
            }
            // The receiver is gone.
            Err(_) => {
                flow.clear();
                flow.done = true;
            }
        }
        if rules.piece.is_some() {
            drop(rules);
            // So that the receiver has a chance to see it alone.
            thread::yield_now();
        }
        Passed::Some
    }

    /// Reads what no end took, so that closing does not turn into a
    /// reset.
    fn empty(&self) {
        let mut waste = [0; 16 << 10];
        for end in &self.ends {
            end.shutdown(Shutdown::Both);
            while matches!(end.read_now(&mut waste), Ok(Some(1..))) {}
        }
    }

    /// When the delay of what waits first is over.
    fn due(&self, way: usize, now: Instant) -> Option<Instant> {
        let (at, _) = self.flows[way].queue.front()?;
        Some(after(*at, self.link.rules(way).delay)).filter(|due| *due > now)
    }

    /// Waits for bytes, room, a command or the time of what is delayed.
    fn wait(&mut self, now: Instant) -> io::Result<()> {
        let due = [UP, DOWN].into_iter().filter_map(|way| self.due(way, now)).min();
        self.line.lock().due = due;
        self.line.settled.notify_all();
        let timeout = match (&self.line.clock, due) {
            (Clock::System, Some(at)) => Some(at.saturating_duration_since(Instant::now())),
            _ => None,
        };
        let mut fds = vec![PollFd::new(&self.line.waker, PollFlags::IN)];
        let mut asked = Vec::new();
        for (end, socket) in self.ends.iter().enumerate() {
            let (from, to) = (&self.flows[end], &self.flows[1 - end]);
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, !from.ended && from.bytes < WINDOW);
            flags.set(PollFlags::OUT, to.full);
            if !flags.is_empty() || !self.gone[end] {
                fds.push(PollFd::new(socket, flags));
                asked.push(end);
            }
        }
        poll(&mut fds, timeout.map(|left| left.max(Duration::from_millis(1))))?;
        for (end, fd) in asked.into_iter().zip(&fds[1..]) {
            self.gone[end] |= fd.revents().contains(PollFlags::HUP);
        }
        self.line.lock().left |= self.gone[0];
        self.line.waker.clear();
        Ok(())
    }
}
