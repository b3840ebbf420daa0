//! Deadlines: one thread that sleeps until the next one and fires it.
//!
//! The thread wakes when something is due and when an earlier deadline than
//! the one it sleeps for is set, never otherwise (a cancelled deadline may
//! wake it once). One lock guards the [`Wheel`]; it is held for the
//! bookkeeping of one entry at a time and never while a task runs or is
//! dropped, so a task may use the timer in any way. A task must not block: it
//! holds up all others.

mod clock;
mod wheel;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use wheel::Wheel;

use crate::error::catch;
use crate::sync::{Guard, Lock, Signal, rank};

pub use clock::{Clock, ManualClock};
pub(crate) use clock::{Driven, enter_driven_thread};
pub use wheel::Key;

/// Ticks between two coarse deadlines.
const COARSE: u64 = 64;

/// Nearer deadlines than this are not made coarse.
const EXACT: Duration = Duration::from_secs(5);

/// Something that has a deadline.
pub trait Task: Send + Sync {
    /// Called on the timer thread at the deadline or as soon after it as can
    /// be. Returns when to be called again, under the same key.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant>;
}

/// What fires at a deadline.
pub enum Job {
    /// A task that is forgotten when there is no other handle to it.
    Weak(Weak<dyn Task>),
    /// A task that the timer keeps alive.
    Strong(Arc<dyn Task>),
    /// A closure, called once.
    Once(Box<dyn FnOnce() + Send>),
}

impl<T: Task + 'static> From<Weak<T>> for Job {
    fn from(task: Weak<T>) -> Self {
        Job::Weak(task)
    }
}

impl<T: Task + 'static> From<Arc<T>> for Job {
    fn from(task: Arc<T>) -> Self {
        Job::Strong(task)
    }
}

/// The timer thread's handle. A clone is the same timer; the thread ends with
/// `stop` or with the last handle.
#[derive(Clone)]
pub struct Timer {
    owner: Arc<Owner>,
}

/// Ends the thread when the last handle goes. The thread itself holds only
/// `Shared`.
struct Owner {
    shared: Arc<Shared>,
    /// Held while the thread is waited for, so that every caller of `stop` waits for it.
    thread: Mutex<Option<JoinHandle<()>>>,
    thread_id: ThreadId,
}

struct Shared {
    clock: Clock,
    /// The time of tick 0. Ticks are milliseconds.
    epoch: Instant,
    state: Lock<State, rank::Timer>,
    wake: Signal,
    /// Signalled when the thread falls asleep on a manual clock.
    settled: Signal,
    /// How often the thread woke from its sleep.
    wakes: AtomicU64,
    /// How many tasks have panicked.
    panicked: AtomicU64,
}

struct State {
    wheel: Wheel<Job>,
    /// The tick that the thread sleeps for; 0 while it is awake, the highest
    /// when it sleeps without a deadline.
    armed: u64,
    asleep: bool,
    stopped: bool,
}

impl Timer {
    /// Starts the thread under the given name and with a stack of `stack`
    /// bytes.
    pub fn start(clock: Clock, name: &str, stack: usize) -> io::Result<Timer> {
        let epoch = match &clock {
            Clock::System => Instant::now(),
            Clock::Manual(clock) => clock.base(),
        };
        let state = State { wheel: Wheel::new(), armed: 0, asleep: false, stopped: false };
        let shared = Arc::new(Shared {
            clock,
            epoch,
            state: Lock::new(state),
            wake: Signal::default(),
            settled: Signal::default(),
            wakes: AtomicU64::new(0),
            panicked: AtomicU64::new(0),
        });
        let of_thread = shared.clone();
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .stack_size(stack)
            .spawn(move || of_thread.run())?;
        if let Clock::Manual(clock) = &shared.clock {
            let driven: Arc<dyn Driven> = shared.clone();
            clock.attach(Arc::downgrade(&driven));
        }
        let thread_id = thread.thread().id();
        let thread = Mutex::new(Some(thread));
        Ok(Timer { owner: Arc::new(Owner { shared, thread, thread_id }) })
    }

    /// The clock's time.
    pub fn now(&self) -> Instant {
        self.owner.shared.clock.now()
    }

    /// The clock's time when that of the machine was `at`, not long ago: a manual
    /// clock has stood still since.
    pub fn time_of(&self, at: Instant) -> Instant {
        match self.owner.shared.clock {
            Clock::System => at,
            Clock::Manual(_) => self.now(),
        }
    }

    /// Milliseconds since 1970; moves with a manual clock.
    pub fn wall_ms(&self) -> u64 {
        self.owner.shared.clock.wall_ms()
    }

    /// A deadline a little later than this, shared with others, for those that
    /// are many and not urgent: one waking then serves all of them. At most
    /// 64 ms later; the same where it is less than 5 s ahead, or on a manual
    /// clock.
    pub fn coarse(&self, at: Instant) -> Instant {
        let shared = &self.owner.shared;
        let manual = matches!(shared.clock, Clock::Manual(_));
        if manual || at.saturating_duration_since(Instant::now()) < EXACT {
            return at;
        }
        let tick = shared.tick_at(at).saturating_add(COARSE - 1) / COARSE * COARSE;
        shared.epoch.checked_add(Duration::from_millis(tick)).unwrap_or(at)
    }

    /// Fires a task at a deadline (at once if that has passed), never early and
    /// at best on the next whole millisecond. After `stop` the task is dropped.
    pub fn schedule(&self, at: Instant, task: impl Into<Job>) -> Key {
        self.owner.shared.insert(at, task.into())
    }

    /// Calls a closure at a deadline.
    pub fn schedule_fn(&self, at: Instant, call: Box<dyn FnOnce() + Send>) -> Key {
        self.owner.shared.insert(at, Job::Once(call))
    }

    /// Moves a deadline. False when the key names nothing any more. While the
    /// task is firing, the earlier of this and the deadline that it returns
    /// counts.
    pub fn reschedule(&self, key: Key, at: Instant) -> bool {
        self.owner.shared.reschedule(key, at)
    }

    /// Forgets a task. True when that kept it from firing; false when it has
    /// fired, or is firing now, in which case it is not fired again.
    pub fn cancel(&self, key: Key) -> bool {
        let job = self.owner.shared.lock().wheel.cancel(key);
        job.is_some()
    }

    /// Ends the thread; what is pending is dropped.
    ///
    /// # Blocking
    ///
    /// Waits for the task that is firing, if any. Called from a task it does
    /// not wait; the thread ends after the task.
    pub fn stop(&self) {
        self.owner.stop();
    }

    /// How many tasks have panicked.
    pub fn panicked(&self) -> u64 {
        self.owner.shared.panicked.load(Ordering::Relaxed)
    }

    /// How often the thread woke from its sleep.
    #[cfg(test)]
    fn wakes(&self) -> u64 {
        self.owner.shared.wakes.load(Ordering::Relaxed)
    }
}

impl Owner {
    fn stop(&self) {
        self.shared.lock().stopped = true;
        self.shared.wake.notify_all();
        self.shared.settled.notify_all();
        if thread::current().id() == self.thread_id {
            return;
        }
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // Tasks' panics are caught, so there is no error to report.
            let _ = thread.join();
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// The first tick that does not lie before `at`.
    fn tick_at(&self, at: Instant) -> u64 {
        let span = at.saturating_duration_since(self.epoch).as_nanos();
        u64::try_from(span.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }

    /// The last tick that has begun.
    fn tick_now(&self) -> u64 {
        self.clock.now().saturating_duration_since(self.epoch).as_millis() as u64
    }

    fn insert(&self, at: Instant, job: Job) -> Key {
        let tick = self.tick_at(at);
        let mut state = self.lock();
        if state.stopped {
            drop(state);
            drop(job);
            return Key::NONE;
        }
        let key = state.wheel.insert(tick, job);
        self.wake_for(tick, state);
        key
    }

    fn reschedule(&self, key: Key, at: Instant) -> bool {
        let tick = self.tick_at(at);
        let mut state = self.lock();
        let found = state.wheel.reschedule(key, tick);
        if found {
            self.wake_for(tick, state);
        }
        found
    }

    /// Wakes the thread if it sleeps for a later tick than this.
    fn wake_for(&self, tick: u64, mut state: Guard<'_, State>) {
        if tick < state.armed {
            state.armed = tick;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// The thread.
    fn run(&self) {
        enter_driven_thread();
        let mut due = Vec::new();
        while self.wait(&mut due) {
            for key in due.drain(..) {
                self.fire(key);
            }
        }
        let pending = self.lock().wheel.clear();
        drop(pending);
        self.settled.notify_all();
    }

    /// Sleeps until something is due; false when the timer was stopped.
    fn wait(&self, due: &mut Vec<Key>) -> bool {
        let mut state = self.lock();
        loop {
            if state.stopped {
                return false;
            }
            state.wheel.advance(self.tick_now(), due);
            if !due.is_empty() {
                return true;
            }
            let next = state.wheel.next_deadline();
            state.armed = next.unwrap_or(u64::MAX);
            state.asleep = true;
            state = self.sleep(state, next);
            state.asleep = false;
            state.armed = 0;
            self.wakes.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sleep<'a>(&self, state: Guard<'a, State>, next: Option<u64>) -> Guard<'a, State> {
        match (&self.clock, next) {
            (Clock::System, Some(tick)) => {
                let span = Duration::from_millis(tick).saturating_sub(self.epoch.elapsed());
                state.wait_for(&self.wake, span)
            }
            (Clock::System, None) => state.wait(&self.wake),
            (Clock::Manual(_), _) => {
                self.settled.notify_all();
                state.wait(&self.wake)
            }
        }
    }

    fn fire(&self, key: Key) {
        let mut state = self.lock();
        if state.stopped {
            return;
        }
        let Some(job) = state.wheel.take(key) else { return };
        drop(state);
        let now = self.clock.now();
        match catch(|| job.run(now)) {
            Ok(Some((at, job))) => {
                let tick = self.tick_at(at);
                let cancelled = self.lock().wheel.rearm(key, tick, job);
                drop(cancelled);
            }
            Ok(None) => drop(self.lock().wheel.cancel(key)),
            Err(text) => {
                drop(self.lock().wheel.cancel(key));
                self.panicked.fetch_add(1, Ordering::Relaxed);
                log::error!("a timer task panicked: {text}");
            }
        }
    }
}

impl Job {
    /// Fires; gives itself back with the next deadline if there is one.
    fn run(self, now: Instant) -> Option<(Instant, Job)> {
        match self {
            Job::Weak(task) => Some((task.upgrade()?.fire(now)?, Job::Weak(task))),
            Job::Strong(task) => Some((task.clone().fire(now)?, Job::Strong(task))),
            Job::Once(call) => {
                call();
                None
            }
        }
    }
}

impl Driven for Shared {
    fn settle(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let now = self.tick_now();
            let due = state.wheel.next_deadline().is_some_and(|next| next <= now);
            if state.asleep && !due {
                return;
            }
            self.wake.notify_one();
            state = state.wait(&self.settled);
        }
    }

    fn next(&self) -> Option<Instant> {
        let tick = self.lock().wheel.next_deadline()?;
        self.epoch.checked_add(Duration::from_millis(tick))
    }

    fn nudge(&self) {
        // With the lock, else the thread may be on its way from looking at the
        // clock to its sleep.
        let _state = self.lock();
        self.wake.notify_one();
    }
}

#[cfg(test)]
mod tests;
