//! What a client sends, on its way to the thread of its spark: over a queue
//! that the HTTP connections feed while the client polls, then from the
//! WebSocket that takes the polls' place.
//!
//! The thread stays the same: what was received by polling is handled before
//! anything that comes over the WebSocket, and a listener that does not return
//! holds up nobody else.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar};
use std::{hint, thread};

use super::live::{Live, Received};
use super::pile::Pile;
use crate::close::CloseReason;
use crate::frame::Frame;
use crate::net::Waker;
use crate::sync::{Guard, Lock, rank};
use crate::transformers::serve::{Inbound, Replies, Source};
use crate::transformers::websockets::server::Connection;

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
enum Event {
    /// A message came.
    Frame(Frame),
    /// The client closed, or broke the protocol.
    Closed(Box<CloseReason>),
    /// Somebody wants the thread to look up.
    Wake,
    /// The client goes over to this WebSocket.
    Switch(Box<Connection>),
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
pub(super) struct Inlet {
    /// Something may be taken, readable without the lock.
    ready: AtomicBool,
    queue: Lock<Queue, rank::Inlet>,
    /// There is something to take.
    filled: Condvar,
    /// Something was taken, or nothing will be any more.
    taken: Condvar,
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
    /// Nothing will come any more, and nobody waits for room.
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
            // Sees what whoever wants it to look up did before.
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
            filled: Condvar::new(),
            taken: Condvar::new(),
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
    pub fn switch(&self, socket: Box<Connection>) {
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
    fn leave(&self) {
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
    fn take(&self) -> Option<Event> {
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

    fn is_empty(&self) -> bool {
        !self.ready.load(Ordering::Acquire)
    }

    /// Waits until there is an event.
    fn wait(&self) {
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

/// The incoming half of a session's spark.
pub(super) struct Incoming {
    session: Arc<Live>,
    way: Way,
}

enum Way {
    Polls { over: bool },
    Socket(Box<Connection>),
}

impl Incoming {
    /// That of a session which begins with polls.
    pub fn polls(session: Arc<Live>) -> Self {
        Incoming { session, way: Way::Polls { over: false } }
    }

    /// That of a session on a WebSocket.
    pub fn socket(session: Arc<Live>, socket: Box<Connection>) -> Self {
        Incoming { session, way: Way::Socket(socket) }
    }
}

impl Source for Incoming {
    fn buffered(&mut self, replies: &dyn Replies) -> Option<Inbound> {
        loop {
            let socket = match &mut self.way {
                Way::Polls { over: true } => return None,
                Way::Polls { over } => match self.session.inlet().take()? {
                    Event::Frame(frame) => return Some(Inbound::Frame(frame)),
                    Event::Closed(reason) => return Some(Inbound::Closed(*reason)),
                    Event::Wake => continue,
                    Event::End => {
                        *over = true;
                        return None;
                    }
                    Event::Switch(socket) => socket,
                },
                Way::Socket(socket) => match socket.buffered(replies)? {
                    Inbound::Frame(frame) => match self.session.received(frame) {
                        Received::Message(frame) => return Some(Inbound::Frame(frame)),
                        Received::Nothing => continue,
                        Received::Closed(reason) => return Some(Inbound::Closed(reason)),
                    },
                    // A ping of the WebSocket's own says nothing of Primus.
                    Inbound::Alive => continue,
                    closed => return Some(closed),
                },
            };
            self.way = Way::Socket(socket);
        }
    }

    fn has_more(&mut self) -> bool {
        match &mut self.way {
            Way::Polls { .. } => !self.session.inlet().is_empty(),
            Way::Socket(socket) => socket.has_more(),
        }
    }

    fn wait(&mut self, waker: Option<&Waker>) -> io::Result<bool> {
        match &mut self.way {
            Way::Polls { over: true } => Ok(false),
            Way::Polls { .. } => {
                self.session.inlet().wait();
                Ok(true)
            }
            Way::Socket(socket) => socket.wait(waker),
        }
    }
}

impl Drop for Incoming {
    /// The spark is done with the session.
    fn drop(&mut self) {
        self.session.over();
        self.session.inlet().leave();
    }
}
