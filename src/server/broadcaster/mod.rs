//! The thread that sends one message to all sparks.
//!
//! Broadcasts reach it over a channel, already encoded by the parser. It takes
//! all that wait, encodes them once per wire format into one shared
//! [`Segment`](crate::server::outbox::Segment), and offers that to each spark: a burst costs each spark one
//! system call, and a spark whose socket is full keeps only a reference.
//!
//! What one thread writes to one spark must arrive in the order written. So a
//! thread whose own broadcasts are not done yet sends its direct writes, and
//! its `end`, the same way; [`Broadcaster::behind`] tells.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::server::guard::guarded;
use crate::server::metrics::Metrics;
use crate::server::outbox::{Batch, Outbox};
use crate::server::registry::Registry;
use crate::server::spark::Spark;
use crate::server::thread::{is_behind, note_command};

/// A batch stops growing at this size, so that the first sparks need not wait
/// for the last message of a long burst.
const BATCH_MAX: usize = 256 << 10;

/// What a waiting command counts for beside the bytes of its frame, so that the
/// bound also holds for very small messages.
const OVERHEAD: usize = 64;

fn cost(frame: &Frame) -> usize {
    frame.len() + OVERHEAD
}

/// Those that a message is for.
pub(crate) struct Recipients {
    outboxes: Box<[Arc<Outbox>]>,
    /// How many messages for them wait: the list counts once for all of these.
    messages: AtomicUsize,
}

impl Recipients {
    pub fn new(outboxes: impl IntoIterator<Item = Arc<Outbox>>) -> Arc<Self> {
        Arc::new(Recipients {
            outboxes: outboxes.into_iter().collect(),
            messages: AtomicUsize::new(0),
        })
    }

    /// What a message for them counts for when it comes to wait.
    fn come(&self, frame: &Frame) -> usize {
        cost(frame) + self.list(self.messages.fetch_add(1, Ordering::AcqRel))
    }

    /// And what is free again after it.
    fn go(&self, frame: &Frame) -> usize {
        cost(frame) + self.list(self.messages.fetch_sub(1, Ordering::AcqRel) - 1)
    }

    /// What the list counts for where so many others wait for it.
    fn list(&self, others: usize) -> usize {
        if others == 0 { size_of_val(&*self.outboxes) } else { 0 }
    }
}

/// The sending half, held by the server.
pub(crate) struct Broadcaster {
    commands: Sender<Command>,
    shared: Arc<Shared>,
    bound: usize,
    /// Unlike its address, never that of another one later.
    key: u64,
}

#[derive(Default)]
struct Shared {
    /// Commands accepted. Grows under the channel's own order only in the
    /// sense that a thread sees its own commands numbered upwards.
    accepted: AtomicU64,
    done: AtomicU64,
    waiting: AtomicUsize,
}

enum Command {
    All(Frame),
    Some(Frame, Arc<Recipients>),
    One(Spark, Action),
    Stop,
}

/// What a thread does to one spark in order with its broadcasts.
pub(crate) enum Action {
    Write(Frame),
    End(Box<dyn FnOnce(&Spark) + Send>),
}

impl Action {
    /// What it counts for while it waits.
    fn cost(&self) -> usize {
        match self {
            Action::Write(frame) => cost(frame),
            Action::End(_) => 0,
        }
    }
}

impl Broadcaster {
    /// Starts the thread.
    pub fn start(
        registry: Arc<Registry>,
        metrics: Arc<Metrics>,
        bound: usize,
        stack: usize,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (commands, taken) = unbounded();
        let shared = Arc::new(Shared::default());
        static KEYS: AtomicU64 = AtomicU64::new(0);
        let key = KEYS.fetch_add(1, Ordering::Relaxed);
        let broadcaster = Broadcaster { commands, shared: shared.clone(), bound, key };
        let thread = thread::Builder::new()
            .name("primus-broadcaster".into())
            .stack_size(stack)
            .spawn(move || run(&registry, &metrics, &shared, &taken))?;
        Ok((broadcaster, thread))
    }

    /// Sends a frame to all sparks.
    pub fn all(&self, frame: Frame) -> Result<()> {
        self.admit(cost(&frame))?;
        self.send(Command::All(frame))
    }

    /// Sends a frame to these sparks, in order with what goes to all.
    pub fn some(&self, frame: Frame, to: Arc<Recipients>) -> Result<()> {
        if let Err(error) = self.admit(to.come(&frame)) {
            to.go(&frame);
            return Err(error);
        }
        self.send(Command::Some(frame, to))
    }

    /// Does something to one spark, behind this thread's broadcasts.
    pub fn one(&self, spark: Spark, action: Action) -> Result<()> {
        if matches!(action, Action::Write(_)) {
            self.admit(action.cost())?;
        }
        self.send(Command::One(spark, action))
    }

    fn admit(&self, length: usize) -> Result<()> {
        let waiting = self.shared.waiting.fetch_add(length, Ordering::Relaxed);
        if waiting > self.bound {
            self.shared.waiting.fetch_sub(length, Ordering::Relaxed);
            return Err(Error::Full { waiting, bound: self.bound, cut: false });
        }
        Ok(())
    }

    fn send(&self, command: Command) -> Result<()> {
        let number = self.shared.accepted.fetch_add(1, Ordering::AcqRel) + 1;
        self.commands.send(command).map_err(|_| Error::Closed)?;
        // Other threads' commands may be numbered between and still be sent
        // later; waiting for all that are accepted by now is on the safe side.
        let number = self.shared.accepted.load(Ordering::Acquire).max(number);
        note_command(self.key, number);
        Ok(())
    }

    /// What the calling thread writes to single sparks from now on goes behind all that was
    /// accepted until now, whoever gave it.
    pub fn follow(&self) {
        note_command(self.key, self.shared.accepted.load(Ordering::Acquire));
    }

    /// Whether a broadcast of the calling thread, or one that it [follows](Self::follow), is
    /// not delivered yet.
    pub fn behind(&self) -> bool {
        is_behind(self.key, || self.shared.done.load(Ordering::Acquire))
    }

    /// Ends the thread once everything before has been done.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }
}

fn run(registry: &Registry, metrics: &Metrics, shared: &Shared, commands: &Receiver<Command>) {
    let mut pending = None;
    while let Some(command) = pending.take().or_else(|| commands.recv().ok()) {
        let done = match command {
            Command::All(frame) => {
                let (batch, next) = gather(frame, commands, |command| match command {
                    Command::All(frame) => Ok(frame),
                    other => Err(other),
                });
                pending = next;
                deliver(&registry.outboxes(), metrics, &batch);
                let bytes = batch.frames().iter().map(cost).sum();
                shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
                batch.frames().len()
            }
            Command::Some(frame, to) => {
                let (batch, next) = gather(frame, commands, |command| match command {
                    Command::Some(frame, others) if Arc::ptr_eq(&others, &to) => Ok(frame),
                    other => Err(other),
                });
                pending = next;
                deliver(&to.outboxes, metrics, &batch);
                let bytes = batch.frames().iter().map(|frame| to.go(frame)).sum();
                shared.waiting.fetch_sub(bytes, Ordering::Relaxed);
                batch.frames().len()
            }
            Command::One(spark, action) => {
                let cost = action.cost();
                // With the spark, which may be the last handle of the server and
                // of what the application gave it.
                guarded(metrics, "what waited behind a broadcast", move || act(&spark, action));
                shared.waiting.fetch_sub(cost, Ordering::Relaxed);
                1
            }
            Command::Stop => return,
        };
        shared.done.fetch_add(done as u64, Ordering::Release);
    }
}

/// Takes the messages that wait behind the first and are `for_the_same`, up to the
/// next other command, which is handed back.
fn gather(
    first: Frame,
    commands: &Receiver<Command>,
    for_the_same: impl Fn(Command) -> std::result::Result<Frame, Command>,
) -> (Batch, Option<Command>) {
    let mut bytes = first.len();
    let mut batch = vec![first];
    while bytes < BATCH_MAX {
        let Ok(command) = commands.try_recv() else { break };
        match for_the_same(command) {
            Ok(frame) => {
                bytes += frame.len();
                batch.push(frame);
            }
            Err(other) => return (Batch::new(batch), Some(other)),
        }
    }
    (Batch::new(batch), None)
}

fn deliver(outboxes: &[Arc<Outbox>], metrics: &Metrics, batch: &Batch) {
    for outbox in outboxes {
        // An outbox that refuses is closed, or has said so in the metrics.
        if guarded(metrics, "a broadcast", || outbox.offer_shared(batch)).is_none() {
            // How much was sent is unknown.
            outbox.cut();
        }
    }
}

fn act(spark: &Spark, action: Action) {
    match action {
        Action::Write(frame) => {
            // The writer was told "queued"; a spark that ends before is told
            // by its `end` event.
            let _ = spark.write_now(&frame);
        }
        Action::End(end) => end(spark),
    }
}

#[cfg(test)]
mod tests;
