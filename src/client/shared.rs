//! What a client's thread and its handles share.
//!
//! | lock | guards | never while held |
//! |---|---|---|
//! | `core` | the machine and the effects not yet carried out | application code, anything that waits |
//! | `outbox`, `inbox` (inside them) | queue and connection; received messages | the same |
//! | `ids` | the callers that wait for the spark's id | the same |
//!
//! Order: `core` before the others; those are not held together.
//!
//! Destructors are application code too: of what waits for an id, of the
//! errors of listeners and connectors, of listeners. What a lock guards is
//! taken out under it, and dropped after it.

use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Instant;

use super::alarms::{Alarms, Job};
use super::driver::Driver;
use super::events::ClientEvents;
use super::inbox::Inbox;
use super::machine::{Effect, Effects, Event, Heard, Input, Machine, Settings};
use super::options::Options;
use super::outbox::Outbox;
use super::recovery::Recovery;
use super::{Client, Handle};
use crate::channel::Reserved;
use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::events::Listeners;
use crate::extensions::Extensions;
use crate::net::Waker;
use crate::timer::{Clock, Driven, enter_driven_thread};
use crate::value::Value;

/// The stack of a client's thread: listeners and serde run on it.
const STACK: usize = 2 << 20;

/// A caller that waits for the spark's id.
pub(crate) type IdWaiter = Box<dyn FnOnce(&str) + Send>;

/// Gives what goes out before anything else on a connection.
pub(crate) type First = dyn Fn(&Client) -> Vec<Value> + Send + Sync;

thread_local! {
    /// Whose thread this is, if it is a client's: the address of its `Shared`.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// See the module.
pub(crate) struct Shared {
    pub options: Options,
    pub codec: Codec<Client>,
    pub events: ClientEvents,
    /// What plugins and the application keep here.
    pub extensions: Extensions,
    pub reserved: Reserved,
    pub alarms: Alarms,
    /// What each connection is told before anything else.
    pub first: Listeners<First>,
    pub waker: Arc<Waker>,
    pub inbox: Inbox,
    pub outbox: Outbox,
    pub ids: Mutex<Vec<IdWaiter>>,
    pub handle: OnceLock<Weak<Handle>>,
    /// An error of the application's that nobody listens for was told on
    /// stderr, since the last `open`.
    pub told: AtomicBool,
    core: Mutex<Core>,
    changed: Condvar,
}

/// The part under the `core` lock.
pub(crate) struct Core {
    pub machine: Machine,
    pub todo: Effects,
    /// There is a thread.
    pub running: bool,
    /// The `end` event was delivered and meant, and no `open` called since.
    pub ended: bool,
    /// Nothing is possible any more.
    pub destroyed: bool,
    /// How often `open` was told. A caller that waits for one looks at this: the
    /// connection may be lost again before it looks.
    pub opens: u64,
    /// What kept the first connection from being made.
    pub failure: Option<Arc<Error>>,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No lock is held where something could panic.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub fn new(options: Options) -> Result<Self> {
        let reconnect = options.given.reconnect.clone();
        let recovery = match options.given.seed {
            Some(seed) => Recovery::with_seed(reconnect, seed),
            None => Recovery::new(reconnect),
        };
        let settings = Settings {
            strategy: options.strategy,
            timeout: options.given.timeout,
            heartbeat: options.given.heartbeat,
            place: options.place(),
        };
        let core = Core {
            machine: Machine::new(settings, recovery),
            todo: Effects::new(),
            running: false,
            ended: false,
            destroyed: false,
            opens: 0,
            failure: None,
        };
        let waker = Arc::new(Waker::new()?);
        Ok(Shared {
            codec: Codec::new(options.given.parser.clone(), options.given.values),
            events: ClientEvents::default(),
            extensions: Extensions::default(),
            reserved: Reserved::default(),
            alarms: Alarms::default(),
            first: Listeners::default(),
            inbox: Inbox::new(options.given.inbox),
            outbox: Outbox::new(options.given.queue_size, Arc::clone(&waker)),
            waker,
            ids: Mutex::default(),
            handle: OnceLock::new(),
            told: AtomicBool::new(false),
            core: Mutex::new(core),
            changed: Condvar::new(),
            options,
        })
    }

    pub fn core(&self) -> MutexGuard<'_, Core> {
        lock(&self.core)
    }

    /// Wakes the callers that wait for a change of the core.
    pub fn changed(&self) {
        self.changed.notify_all();
    }

    /// Waits until `done` holds; false when the time was up first.
    pub fn wait_until(&self, until: Option<Instant>, done: impl Fn(&Core) -> bool) -> bool {
        let mut core = self.core();
        while !done(&core) {
            core = match until {
                None => self.changed.wait(core).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    let waited = self.changed.wait_timeout(core, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// Feeds the machine with what the application wants, and sees to it that
    /// a thread carries out what follows.
    ///
    /// # Errors
    /// The thread could not be made.
    pub fn command(self: &Arc<Self>, input: Input<'_>) -> Result<()> {
        let mut core = self.core();
        let mut failure = None;
        if matches!(input, Input::Open { .. }) {
            if core.destroyed {
                return Err(Error::Closed);
            }
            core.ended = false;
            failure = core.failure.take();
            self.inbox.set_over(false);
        }
        self.apply(&mut core, input);
        let left = self.start_and_leave(core);
        drop(failure);
        left
    }

    /// Ends the client for good; the last event is `destroy`.
    pub fn destroy(self: &Arc<Self>) -> Result<()> {
        let mut core = self.core();
        if std::mem::replace(&mut core.destroyed, true) {
            return Ok(());
        }
        self.apply(&mut core, Input::End);
        core.todo.push_back(Effect::Emit(Event::Destroy));
        self.start_and_leave(core)
    }

    /// Feeds the machine.
    pub fn apply(&self, core: &mut Core, input: Input<'_>) -> Heard {
        let Core { machine, todo, .. } = core;
        let heard = machine.input(self.now(), input, todo);
        self.outbox.set_over(core.machine.over());
        if let Clock::Manual(_) = self.options.given.clock {
            // The thread that moves the clock waits for deadlines to be seen to.
            self.changed();
        }
        heard
    }

    /// Sees to it that there is a thread, and that no caller waits for a client
    /// that has ended. If the connection is given up, sends the closing frame
    /// from the caller's thread, so that the process may exit at once; the
    /// client's thread does the rest.
    fn start_and_leave(self: &Arc<Self>, mut core: MutexGuard<'_, Core>) -> Result<()> {
        let given_up = |e: &Effect| matches!(e, Effect::Hangup { graceful: true });
        let sink = if core.todo.iter().any(given_up) { self.outbox.disconnected() } else { None };
        let mut rest = Effects::new();
        let started = self.start(&mut core);
        if started.is_err() {
            self.apply(&mut core, Input::End);
            rest = std::mem::take(&mut core.todo);
        }
        let waiters = if core.machine.over() { self.over(&mut core) } else { Vec::new() };
        drop(core);
        drop((rest, waiters));
        if let Some(sink) = sink {
            sink.close();
        }
        started
    }

    /// Sees to it that a listener that has come gets what waits for one.
    pub fn listened(self: &Arc<Self>) {
        let mut core = self.core();
        if let Err(error) = self.start(&mut core) {
            drop(core);
            log::error!("primus client: no thread to run listeners on: {error}");
        }
    }

    /// Has the client's thread do something at a time.
    pub fn after(self: &Arc<Self>, at: Instant, job: Job) {
        let mut core = self.core();
        self.alarms.add(at, job);
        if let Err(error) = self.start(&mut core) {
            drop(core);
            log::error!("primus client: no thread for what is to be done later: {error}");
        }
    }

    /// When the client's thread has something to do, if nothing else happens.
    pub fn deadline(&self, core: &Core) -> Option<Instant> {
        [core.machine.deadline(), self.alarms.next()].into_iter().flatten().min()
    }

    /// Whether there are messages for listeners, and those to run them for.
    pub fn owes_messages(&self) -> bool {
        let alive = || self.handle.get().is_some_and(|handle| handle.strong_count() > 0);
        !self.events.data.is_empty() && !self.inbox.is_empty() && alive()
    }

    /// Makes the thread unless there is one, or nothing to do for it.
    fn start(self: &Arc<Self>, core: &mut Core) -> Result<()> {
        let idle = core.todo.is_empty() && self.alarms.next().is_none() && !self.owes_messages();
        if core.running || idle {
            self.waker.wake();
            return Ok(());
        }
        let driver = Driver::new(Arc::clone(self));
        let spawned = thread::Builder::new()
            .name("primus-client".into())
            .stack_size(STACK)
            .spawn(move || driver.run());
        core.running = spawned.is_ok();
        spawned.map(drop).map_err(Error::from)
    }

    /// Wakes the callers that wait for what will never come. Those that wait for
    /// an id learn it when what is returned is dropped, without the lock.
    #[must_use]
    pub fn over(&self, core: &mut Core) -> Vec<IdWaiter> {
        core.ended = true;
        self.inbox.set_over(true);
        self.changed();
        std::mem::take(&mut *lock(&self.ids))
    }

    /// No id will come for them, if the client has ended.
    pub fn forget_waiters(&self) {
        let core = self.core();
        let over = core.machine.over();
        let waiters = if over { std::mem::take(&mut *lock(&self.ids)) } else { Vec::new() };
        drop(core);
        drop(waiters);
    }

    /// A handle for listeners; `None` when the application has dropped all of
    /// its own.
    pub fn client(&self) -> Option<Client> {
        self.handle.get()?.upgrade().map(Client::from_handle)
    }

    /// Marks the present thread as this client's.
    pub fn enter(&self) {
        INSIDE.set(self.address());
        enter_driven_thread();
    }

    /// The time by the client's clock.
    pub fn now(&self) -> Instant {
        self.options.given.clock.now()
    }

    /// Until when a wait of real time may last that the clock is to end: a
    /// manual one does so by waking the thread.
    pub fn real(&self, until: Option<Instant>) -> Option<Instant> {
        until.filter(|_| matches!(self.options.given.clock, Clock::System))
    }

    /// True on this client's own thread.
    pub fn is_inside(&self) -> bool {
        INSIDE.get() == self.address()
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

impl Driven for Shared {
    fn settle(&self) {
        let mut core = self.core();
        let due = |core: &Core| self.deadline(core).filter(|_| core.running);
        while due(&core).is_some_and(|at| at <= self.now()) {
            self.waker.wake();
            core = self.changed.wait(core).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn next(&self) -> Option<Instant> {
        let core = self.core();
        self.deadline(&core).filter(|_| core.running)
    }

    fn nudge(&self) {
        self.waker.wake();
    }
}
