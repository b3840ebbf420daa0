//! Who is told what happens, and on which thread.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::machine::News;
use crate::error::{Error, catch};
use crate::events::Listeners;
use crate::server::{Primus, WeakPrimus};
use crate::sync::{Lock, Signal};

/// So many events may wait for listeners that do not return; the rest is lost to them.
const WAITING: usize = 1_000;

/// The stack of the thread that runs listeners, as that of connections.
const STACK: usize = 1 << 20;

type OnAddress = dyn Fn(&str) + Send + Sync;

/// The listeners, and the events for them.
///
/// Those of the application run on a thread that is there while there are events: they
/// may wait for Redis, which the threads that bring the events must not.
#[derive(Default)]
pub(super) struct Told {
    pub register: Listeners<OnAddress>,
    pub unregister: Listeners<OnAddress>,
    pub error: Listeners<dyn Fn(&Error) + Send + Sync>,
    /// Of the crate's own, which do not wait; they run on a thread of the link.
    pub sync: Listeners<dyn Fn() + Send + Sync>,
    pub tick: Listeners<dyn Fn() + Send + Sync>,
    pub gone: Listeners<OnAddress>,
    primus: OnceLock<WeakPrimus>,
    queue: Lock<Queue>,
    idle: Signal,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    running: bool,
    thread: Option<ThreadId>,
}

enum Event {
    Register(Arc<str>),
    Unregister(Arc<str>),
    Error(Error),
}

impl Told {
    /// The server that errors are logged for.
    pub fn of(&self, primus: &Primus) {
        let _ = self.primus.set(primus.downgrade());
    }

    /// Tells of all of these, of a server with this address.
    pub fn tell(self: &Arc<Self>, news: Vec<News>, address: &str) {
        for one in news {
            match one {
                News::Registered => {
                    self.sync.snapshot().iter().for_each(|hook| hook());
                    self.later(Event::Register(address.into()));
                }
                News::Ticked => self.tick.snapshot().iter().for_each(|hook| hook()),
                News::Left => self.later(Event::Unregister(address.into())),
                News::Gone { other, by_this } => {
                    self.gone.snapshot().iter().for_each(|hook| hook(&other));
                    if by_this {
                        self.later(Event::Unregister(other.into()));
                    }
                }
                News::Trouble(error) => self.later(Event::Error(error)),
            }
        }
    }

    fn later(self: &Arc<Self>, event: Event) {
        if !self.is_awaited(&event) {
            return;
        }
        let mut queue = self.queue.lock();
        if queue.events.len() >= WAITING {
            return;
        }
        queue.events.push_back(event);
        if std::mem::replace(&mut queue.running, true) {
            return;
        }
        drop(queue);
        let told = self.clone();
        let thread = thread::Builder::new().name("primus-metroplex".into()).stack_size(STACK);
        if let Err(error) = thread.spawn(move || told.run()) {
            log::error!("metroplex: no thread for its listeners: {error}");
            self.queue.lock().running = false;
        }
    }

    /// Errors always are: they are logged.
    fn is_awaited(&self, event: &Event) -> bool {
        match event {
            Event::Register(_) => !self.register.is_empty(),
            Event::Unregister(_) => !self.unregister.is_empty(),
            Event::Error(_) => true,
        }
    }

    fn run(&self) {
        self.queue.lock().thread = Some(thread::current().id());
        while let Some(event) = self.next() {
            if let Err(text) = catch(|| self.emit(&event)) {
                log::error!("metroplex: a listener panicked: {text}");
            }
        }
        self.idle.notify_all();
    }

    fn next(&self) -> Option<Event> {
        let mut queue = self.queue.lock();
        let event = queue.events.pop_front();
        if event.is_none() {
            (queue.running, queue.thread) = (false, None);
        }
        event
    }

    fn emit(&self, event: &Event) {
        match event {
            Event::Register(address) => {
                self.register.snapshot().iter().for_each(|listener| listener(address));
            }
            Event::Unregister(address) => {
                self.unregister.snapshot().iter().for_each(|listener| listener(address));
            }
            Event::Error(error) => {
                let text = format!("metroplex: {error}");
                match self.primus.get().and_then(WeakPrimus::upgrade) {
                    Some(primus) => primus.0.log(log::Level::Warn, &text),
                    None => log::warn!("{text}"),
                }
                self.error.snapshot().iter().for_each(|listener| listener(error));
            }
        }
    }

    /// Waits until all was told, at most so long.
    pub fn wait(&self, patience: Duration) {
        let queue = self.queue.lock();
        if queue.thread != Some(thread::current().id()) {
            let _ = queue.wait_while_for(&self.idle, patience, |queue| queue.running);
        }
    }
}
