//! What time it is: the system's clock, or one that a test moves by hand.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sync::{Lock, rank};

/// How far a clock can be moved in all: further than anything lasts.
const END: Duration = Duration::from_secs(1 << 40);

thread_local! {
    /// Set on threads that a clock drives and waits for.
    static DRIVEN: Cell<bool> = const { Cell::new(false) };
}

/// Marks the present thread as one that a clock drives: it can move a clock,
/// but must not wait for what comes of that, which would be waiting for itself.
pub(crate) fn enter_driven_thread() {
    DRIVEN.set(true);
}

/// Where a timer takes its time from.
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The system's monotonic clock.
    #[default]
    System,
    /// A clock that stands still until it is moved.
    Manual(ManualClock),
}

impl Clock {
    pub fn now(&self) -> Instant {
        match self {
            Clock::System => Instant::now(),
            Clock::Manual(clock) => clock.now(),
        }
    }

    /// The clock, if it is moved by hand.
    pub fn manual(&self) -> Option<ManualClock> {
        match self {
            Clock::System => None,
            Clock::Manual(clock) => Some(clock.clone()),
        }
    }

    /// Milliseconds since 1970.
    pub fn wall_ms(&self) -> u64 {
        match self {
            Clock::System => system_wall_ms(),
            Clock::Manual(clock) => clock.wall_ms(),
        }
    }
}

fn system_wall_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// A clock for tests: it stands still until [`advance`](ManualClock::advance)
/// is called, so that heartbeats and time-outs of minutes are tested in no time
/// and without chance.
///
/// A clone is the same clock; a server and a client may share one (see
/// [`Builder::clock`](crate::Builder::clock),
/// [`ClientBuilder::clock`](crate::ClientBuilder::clock) and the
/// [`testing`](crate::testing) module). Deadlines
/// are kept in whole milliseconds since the clock was made; a deadline between
/// two of them counts as the later one.
///
/// ```
/// use primus::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(30));
/// assert_eq!(clock.now() - before, Duration::from_secs(30));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    inner: Arc<Inner>,
}

struct Inner {
    base: Instant,
    wall_base: u64,
    passed: Lock<Duration, rank::Clock>,
    timers: Lock<Vec<Weak<dyn Driven>>>,
    /// Held for the length of an `advance`, so that there is one at a time.
    turn: Lock<(), rank::Turn>,
}

/// What runs on a manual clock: a timer, or a client.
pub(crate) trait Driven: Send + Sync {
    /// Waits until everything due at the clock's present time has fired.
    fn settle(&self);
    /// The earliest deadline.
    fn next(&self) -> Option<Instant>;
    /// Tells the timer that the clock was moved.
    fn nudge(&self);
}

impl ManualClock {
    /// A clock that shows the present time and stands still.
    pub fn new() -> Self {
        let inner = Inner {
            base: Instant::now(),
            wall_base: system_wall_ms(),
            passed: Lock::default(),
            timers: Lock::default(),
            turn: Lock::default(),
        };
        ManualClock { inner: Arc::new(inner) }
    }

    /// The time that the clock shows.
    pub fn now(&self) -> Instant {
        self.inner.base + *self.inner.passed.lock()
    }

    /// Moves the clock on by `span`.
    ///
    /// Time goes from deadline to deadline: everything due within the span
    /// fires in order, at its own time, including what is scheduled or re-armed
    /// for a time within the span by what fires. What other threads do in
    /// answer (reading from a socket, say) is not waited for: where that
    /// matters, advance in smaller steps and wait for its effect between them.
    ///
    /// # Blocking
    ///
    /// Returns when all of it has fired. Called from a timer's own thread, or
    /// in a listener of a client, it moves the clock and returns at once.
    pub fn advance(&self, span: Duration) {
        if DRIVEN.get() {
            let mut passed = self.inner.passed.lock();
            *passed = passed.saturating_add(span).min(END);
            drop(passed);
            self.timers().iter().for_each(|timer| timer.nudge());
            return;
        }
        // What goes with the last hold of a client is the application's: it goes
        // after the lock.
        let mut held = Vec::new();
        let _turn = self.inner.turn.lock();
        let target = self.time_after(span);
        loop {
            self.hold(&mut held);
            held.iter().for_each(|timer| timer.settle());
            let next = held.iter().filter_map(|timer| timer.next()).min();
            match next.filter(|&next| next <= target) {
                Some(next) => self.move_to(next),
                None if self.now() < target => self.move_to(target),
                None => break,
            }
        }
    }

    /// Milliseconds since 1970: the system's when the clock was made, and what
    /// the clock was moved since.
    pub(crate) fn wall_ms(&self) -> u64 {
        self.inner.wall_base + self.inner.passed.lock().as_millis() as u64
    }

    /// The earliest deadline of all that runs on the clock.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers().iter().filter_map(|timer| timer.next()).min()
    }

    pub(super) fn base(&self) -> Instant {
        self.inner.base
    }

    pub(crate) fn attach(&self, timer: Weak<dyn Driven>) {
        let mut timers = self.inner.timers.lock();
        timers.retain(|timer| timer.strong_count() > 0);
        timers.push(timer);
    }

    /// The time so much later, or the end of all time.
    pub(crate) fn time_after(&self, span: Duration) -> Instant {
        let passed = *self.inner.passed.lock();
        self.inner.base + passed.saturating_add(span).min(END)
    }

    /// Adds the timers that are not among these.
    fn hold(&self, held: &mut Vec<Arc<dyn Driven>>) {
        for timer in self.timers() {
            if !held.iter().any(|one| Arc::ptr_eq(one, &timer)) {
                held.push(timer);
            }
        }
    }

    fn timers(&self) -> Vec<Arc<dyn Driven>> {
        self.inner.timers.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn move_to(&self, at: Instant) {
        let mut passed = self.inner.passed.lock();
        *passed = (*passed).max(at.saturating_duration_since(self.inner.base));
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({:?})", *self.inner.passed.lock())
    }
}
