//! What the handles and the two threads of a link share.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::bounded;

use super::batch::Batch;
use super::commands::Commands;
use super::connection::Route;
use super::errors::{Errors, Kind, OnError};
use super::hear::Hear;
use super::metrics::LinkMetrics;
use super::options::Options;
use super::queue::{Answer, Entry, Keep, Purpose, Queue, Taken, Then};
use super::reply::Reply;
use super::state::{Listener, State};
use super::subscriber::Subscriber;
use super::subscription::Subscription;
use super::topics::{Key, Topics};
use crate::deadline::after;
use crate::error::{Error, Result, caught};
use crate::events::ListenerId;
use crate::net::Waker;
use crate::sync::{Lock, Signal};

/// How long what is queued may take when the last handle is dropped.
const FAREWELL: Duration = Duration::from_secs(1);

/// How long the threads get to end, beyond what they were given to send.
const GRACE: Duration = Duration::from_millis(500);

/// The stack of a thread of a link, on which listeners run.
const STACK: usize = 1 << 20;

thread_local! {
    /// Whether this is a thread of a link.
    static IS_LINK: Cell<bool> = const { Cell::new(false) };
}

/// What the last handle drops.
pub(super) struct Handle(Arc<Shared>);

impl Handle {
    pub fn open(options: Options) -> Result<Arc<Handle>> {
        let shared = Arc::new(Shared {
            queue: Lock::new(Queue::new(options.queue)),
            topics: Lock::default(),
            state: Lock::default(),
            errors: Errors::default(),
            ending: Lock::default(),
            changed: Signal::default(),
            ended: Signal::default(),
            counts: Counts::default(),
            commands: Arc::new(Waker::new()?),
            subscriber: Arc::new(Waker::new()?),
            route: Route::new(options)?,
        });
        // From here on, a failure ends what has begun.
        let handle = Arc::new(Handle(Arc::clone(&shared)));
        let own = Arc::clone(&shared);
        spawn("primus-redis", &shared, move || Commands::new(&own).run())?;
        let own = Arc::clone(&shared);
        spawn("primus-redis-in", &shared, move || Subscriber::new(&own).run())?;
        Ok(handle)
    }

    pub fn shared(&self) -> &Arc<Shared> {
        &self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.end_within(FAREWELL);
    }
}

fn spawn(name: &str, shared: &Arc<Shared>, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let own = Arc::clone(shared);
    shared.ending.lock().threads += 1;
    let spawned = thread::Builder::new().name(name.into()).stack_size(STACK).spawn(move || {
        IS_LINK.set(true);
        if let Err(error) = caught(run) {
            log::error!("a thread of the link to Redis: {error}");
        }
        own.ending.lock().threads -= 1;
        own.ended.notify_all();
    });
    if let Err(error) = spawned {
        shared.ending.lock().threads -= 1;
        return Err(error.into());
    }
    Ok(())
}

/// See the [module](self).
pub(super) struct Shared {
    pub route: Route,
    pub queue: Lock<Queue>,
    pub topics: Lock<Topics>,
    pub state: Lock<State>,
    pub errors: Errors,
    pub counts: Counts,
    ending: Lock<Ending>,
    /// The state has changed.
    changed: Signal,
    /// A thread has ended.
    ended: Signal,
    /// Wakes the thread of commands.
    pub commands: Arc<Waker>,
    /// Wakes the thread of subscriptions.
    pub subscriber: Arc<Waker>,
}

/// Whether the link is to end, and what of it has ended.
#[derive(Default)]
struct Ending {
    /// Until when what is queued may be sent.
    until: Option<Instant>,
    /// Threads that run.
    threads: usize,
}

/// What is counted.
#[derive(Default)]
pub(super) struct Counts {
    pub sent: AtomicU64,
    pub refused: AtomicU64,
    pub received: AtomicU64,
    /// Whether the queue is full.
    pub full: Fullness,
}

/// Whether a queue is full, and whether that is to be told.
#[derive(Default)]
pub(super) struct Fullness(AtomicU8);

impl Fullness {
    /// It is full; true if it was not before.
    fn begin(&self) -> bool {
        self.0.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether it is to be told, once.
    fn is_news(&self) -> bool {
        let is_news = || self.0.compare_exchange(1, 2, Ordering::Relaxed, Ordering::Relaxed);
        self.0.load(Ordering::Relaxed) == 1 && is_news().is_ok()
    }

    /// There is room again.
    pub fn end(&self) {
        if self.0.load(Ordering::Relaxed) == 2 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

impl Shared {
    pub fn is_up(&self) -> bool {
        self.state.lock().is_up()
    }

    pub fn wait_up(&self, patience: Duration) -> bool {
        let until = after(Instant::now(), patience);
        loop {
            let state = self.state.lock();
            let left = until.saturating_duration_since(Instant::now());
            if state.is_up() || state.is_over() || left.is_zero() || IS_LINK.get() {
                return state.is_up();
            }
            drop(state.wait_for(&self.changed, left));
        }
    }

    pub fn metrics(&self) -> LinkMetrics {
        let (size, dropped) = {
            let queue = self.queue.lock();
            (queue.size(), queue.dropped)
        };
        let (connected_since, reconnects) = self.state.lock().since();
        let (subscriptions, subscriptions_refused) = {
            let topics = self.topics.lock();
            (topics.len(), topics.refused())
        };
        let (errors, last_error) = self.errors.last();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LinkMetrics {
            connected: connected_since.is_some(),
            connected_since,
            reconnects,
            queue_commands: size.commands,
            queue_bytes: size.bytes,
            dropped,
            commands_sent: count(&self.counts.sent),
            refused: count(&self.counts.refused),
            messages_received: count(&self.counts.received),
            subscriptions,
            subscriptions_refused,
            errors,
            last_error,
        }
    }

    pub fn on_error(&self, listener: Arc<OnError>) -> ListenerId {
        self.errors.listen(listener)
    }

    pub fn on_state(&self, listener: Listener) -> ListenerId {
        let id = listener.id;
        // What listeners hold is dropped without the lock.
        let over = self.state.lock().listen(listener);
        drop(over);
        self.commands.wake();
        id
    }

    pub fn off(&self, id: ListenerId) -> bool {
        let removed = self.state.lock().remove(id);
        removed.is_some() || self.errors.remove(id)
    }

    pub fn close(&self, patience: Duration) {
        self.end_within(patience);
        if IS_LINK.get() {
            return;
        }
        let time = patience.saturating_add(GRACE);
        let ending = self.ending.lock();
        drop(ending.wait_while_for(&self.ended, time, |ending| ending.threads > 0));
    }

    /// Nothing more is taken; the threads end when all is sent, or after this time.
    fn end_within(&self, patience: Duration) {
        self.queue.lock().close();
        let at = after(Instant::now(), patience);
        let mut ending = self.ending.lock();
        ending.until = Some(ending.until.map_or(at, |until| until.min(at)));
        drop(ending);
        self.commands.wake();
        self.subscriber.wake();
    }

    /// Until when what is queued may be sent, if the link is to end.
    pub fn ends(&self) -> Option<Instant> {
        self.ending.lock().until
    }

    pub fn post(&self, batch: Batch, keep: Keep) -> Result<()> {
        let posted = self.push(Entry::new(batch, Purpose::Post(keep)));
        if matches!(posted, Err(Error::Full { .. })) && self.counts.full.begin() {
            self.commands.wake();
        }
        posted.map(drop)
    }

    pub fn ask(&self, batch: Batch, then: Then) {
        if let Ok(Some((then, answer))) = self.push(Entry::new(batch, Purpose::Question(then))) {
            self.answer(then, answer);
        }
    }

    pub fn fetch(&self, batch: Batch, patience: Duration) -> Result<Vec<Reply>> {
        if IS_LINK.get() {
            let text = "fetch on a thread of the link would wait for itself: use ask";
            return Err(Error::Misuse(text.into()));
        }
        let (tell, told) = bounded(1);
        self.ask(
            batch,
            Box::new(move |answer| {
                let _ = tell.send(answer);
            }),
        );
        told.recv_timeout(patience).unwrap_or_else(|_| {
            Err(Error::Timeout(format!("no answer from Redis within {patience:?}")))
        })
    }

    fn push(&self, entry: Entry) -> Result<Option<Answer>> {
        let taken = self.queue.lock().push(entry)?;
        match taken {
            Taken::Waits { first } => {
                if first {
                    self.commands.wake();
                }
                Ok(None)
            }
            Taken::Answer(then, answer) => Ok(Some((then, answer))),
        }
    }

    /// Tells an answer to whoever asked.
    pub fn answer(&self, then: Then, answer: Result<Vec<Reply>>) {
        if let Err(error) = caught(|| then(answer)) {
            self.errors.tell(Kind::Panic, &error);
        }
    }

    /// Tells what was left to the thread of commands: what `post` runs into is told
    /// there too, as its caller may hold locks that a listener takes.
    pub fn tell(&self) {
        let answers = self.queue.lock().take_answers();
        answers.into_iter().for_each(|(then, answer)| self.answer(then, answer));
        if self.counts.full.is_news() {
            let dropped = self.queue.lock().dropped;
            let text = format!("the queue is full; {dropped} commands were dropped so far");
            let error = self.route.named("", Error::Unavailable(text));
            self.errors.tell(Kind::Full, &error);
        }
        self.settle();
    }

    pub fn subscribe(self: &Arc<Self>, to: &str, pattern: bool, hear: Hear) -> Subscription {
        let (id, standing) = self.topics.lock().add(Key::new(to, pattern), hear);
        self.subscriber.wake();
        Subscription { shared: Arc::downgrade(self), id, standing }
    }

    pub fn unsubscribe(&self, id: u64) {
        // What a listener holds is dropped without the lock.
        let hear = self.topics.lock().remove(id);
        drop(hear);
        self.subscriber.wake();
    }

    /// One of the connections stands, or has broken.
    pub fn change(&self, change: impl FnOnce(&mut State, SystemTime)) {
        change(&mut self.state.lock(), SystemTime::now());
        self.changed.notify_all();
        self.commands.wake();
    }

    /// Tells the listeners what has become of the link.
    fn settle(&self) {
        loop {
            let Some((listeners, state)) = self.state.lock().next() else { return };
            for listener in listeners {
                if let Err(error) = caught(|| listener(state)) {
                    self.errors.tell(Kind::Panic, &error);
                }
            }
        }
    }
}
