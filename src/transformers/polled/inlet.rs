//! What a client sends, on its way to the thread of its spark: over a queue
//! that the HTTP connections feed while the client polls.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{hint, thread};

use super::pile::Pile;
use crate::close::CloseReason;
use crate::frame::Frame;
use crate::sync::{Guard, Lock, Signal, rank};
use crate::transformers::websockets::server::Reader;

/// Bytes that a message counts besides its own: an empty one takes room too.
const COST: usize = 128;

/// When messages of so many bytes wait, those that follow wait in piles.
const LOOSE: usize = 32 << 10;

/// Room for so many entries may stay when none is left.
const KEEP: usize = 4;

/// So often the thread looks for more before it sleeps, at first without giving
/// way to others: a client that is busy sends the next message soon, and to be
/// woken costs more than to look.
const LOOKS: u32 = 16;
const LOOKS_AT_ONCE: u32 = 6;

/// What happens to a session while it polls, in order.
pub(crate) enum Event {
    /// A message came.
    Frame(Frame),
    /// The client closed, or broke the protocol.
    Closed(Box<CloseReason>),
    /// Somebody wants the thread to look up.
    Wake,
    /// The client goes over to this WebSocket.
    Switch(Box<Reader>),
    /// The session is over.
    End,
}

/// What waits to be taken.
enum Entry {
    One(Event),
    Messages(Box<Pile>),
}

/// The way from the HTTP connections to the thread of the spark.
///
/// The messages of one POST become visible together: their answers are then kept
/// together too, for one poll.
pub(crate) struct Inlet {
    /// Something may be taken, readable without the lock.
    ready: AtomicBool,
    queue: Lock<Queue, rank::Inlet>,
    /// There is something to take.
    filled: Signal,
    /// Something was taken, or nothing will be any more.
    taken: Signal,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// How many events they are.
    length: usize,
    /// So many of them may be taken.
    visible: usize,
    /// Bytes of the messages among them, and [`COST`] for each.
    bytes: usize,
    /// A `Wake` is among them.
    woken: bool,
    /// The thread waits for something to take.
    waiting: bool,
    /// So many wait for something to be taken.
    behind: usize,
    /// Nothing will come any more, and no thread waits for room.
    over: bool,
    /// The thread is gone, and takes nothing any more.
    gone: bool,
}

impl Queue {
    fn push(&mut self, event: Event) {
        self.entries.push_back(Entry::One(event));
        self.length += 1;
    }

    fn push_message(&mut self, frame: Frame) {
        let waiting = self.bytes;
        self.bytes += frame.len() + COST;
        if waiting >= LOOSE {
            if let Some(Entry::Messages(last)) = self.entries.back_mut()
                && last.add(&frame)
            {
                self.length += 1;
                return;
            }
            if let Some(pile) = Pile::of(&frame) {
                self.entries.push_back(Entry::Messages(Box::new(pile)));
                self.length += 1;
                return;
            }
        }
        self.push(Event::Frame(frame));
    }

    /// The next event, and a pile that is empty now, to be dropped without the lock.
    fn pop(&mut self) -> Option<(Event, Option<Box<Pile>>)> {
        self.visible = self.visible.checked_sub(1)?;
        self.length -= 1;
        let (event, empty) = match self.entries.pop_front()? {
            Entry::One(event) => (event, None),
            Entry::Messages(mut pile) => {
                let frame = pile.take()?;
                if pile.is_empty() {
                    (Event::Frame(frame), Some(pile))
                } else {
                    self.entries.push_front(Entry::Messages(pile));
                    (Event::Frame(frame), None)
                }
            }
        };
        match &event {
            Event::Frame(frame) => self.bytes -= frame.len() + COST,
            // Pairs with the waker's release.
            Event::Wake => self.woken = false,
            _ => {}
        }
        if self.entries.is_empty() && self.entries.capacity() > KEEP {
            self.entries = VecDeque::new();
        }
        Some((event, empty))
    }
}

impl Inlet {
    /// A way in on which nothing has come yet.
    pub fn new() -> Self {
        Inlet {
            ready: AtomicBool::new(false),
            queue: Lock::default(),
            filled: Signal::default(),
            taken: Signal::default(),
        }
    }

    fn queue(&self) -> Guard<'_, Queue> {
        self.queue.lock()
    }

    /// A message of the POST that is being handled, of which others may follow.
    pub fn message(&self, frame: Frame) {
        let mut queue = self.queue();
        if !queue.gone {
            queue.push_message(frame);
        }
    }

    /// The messages so far may be taken. Waits until no more than so many bytes of
    /// them are left: a client has one POST at a time, so holding back its answer
    /// holds the client back.
    pub fn show(&self, most: usize) {
        let behind = |queue: &mut Queue| queue.bytes > most && !queue.over;
        let mut queue = self.queue();
        let waits = behind(&mut queue);
        self.show_all(queue);
        if waits {
            let mut queue = self.queue();
            queue.behind += 1;
            queue.wait_while(&self.taken, behind).behind -= 1;
        }
    }

    /// [`show`](Self::show), if there is more than so much already.
    pub fn show_beyond(&self, most: usize) {
        if self.queue().bytes > most {
            self.show(most);
        }
    }

    /// The client's end of the session.
    pub fn closed(&self, reason: CloseReason) {
        self.put(self.queue(), Event::Closed(Box::new(reason)));
    }

    /// Makes the thread look up.
    pub fn wake(&self) {
        let mut queue = self.queue();
        if !std::mem::replace(&mut queue.woken, true) {
            self.put(queue, Event::Wake);
        }
    }

    /// The rest comes over a WebSocket.
    pub fn switch(&self, socket: Box<Reader>) {
        self.put(self.queue(), Event::Switch(socket));
    }

    /// Nothing will come any more.
    pub fn end(&self) {
        let mut queue = self.queue();
        queue.over = true;
        let wakes = queue.behind > 0;
        self.put(queue, Event::End);
        if wakes {
            self.taken.notify_all();
        }
    }

    /// The thread is gone: forgets what it has not taken.
    pub fn leave(&self) {
        let mut queue = self.queue();
        let left = std::mem::take(&mut queue.entries);
        (queue.length, queue.visible, queue.bytes) = (0, 0, 0);
        self.ready.store(false, Ordering::Relaxed);
        (queue.over, queue.gone) = (true, true);
        let wakes = queue.behind > 0;
        drop(queue);
        if wakes {
            self.taken.notify_all();
        }
        // Without the lock.
        drop(left);
    }

    fn put(&self, mut queue: Guard<'_, Queue>, event: Event) {
        if !queue.gone {
            queue.push(event);
            self.show_all(queue);
        }
    }

    /// Tells the thread without the lock, which is the first thing that it needs.
    fn show_all(&self, mut queue: Guard<'_, Queue>) {
        queue.visible = queue.length;
        let wakes = queue.waiting && queue.visible > 0;
        self.ready.store(queue.visible > 0, Ordering::Release);
        drop(queue);
        if wakes {
            self.filled.notify_one();
        }
    }

    /// The next event, without waiting.
    pub fn take(&self) -> Option<Event> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue();
        let popped = queue.pop();
        self.ready.store(queue.visible > 0, Ordering::Relaxed);
        let wakes = queue.behind > 0;
        drop(queue);
        if wakes {
            self.taken.notify_all();
        }
        popped.map(|(event, _)| event)
    }

    /// Whether there is no event to take.
    pub fn is_empty(&self) -> bool {
        !self.ready.load(Ordering::Acquire)
    }

    /// Waits until there is an event.
    pub fn wait(&self) {
        for look in 0..LOOKS {
            if !self.is_empty() {
                return;
            }
            if look < LOOKS_AT_ONCE {
                (0..1 << look).for_each(|_| hint::spin_loop());
            } else {
                thread::yield_now();
            }
        }
        let empty = |queue: &mut Queue| queue.visible == 0;
        let mut queue = self.queue();
        if empty(&mut queue) {
            queue.waiting = true;
            queue.wait_while(&self.filled, empty).waiting = false;
        }
    }
}
