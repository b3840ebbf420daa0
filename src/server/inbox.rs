//! Messages that were received and wait for somebody to take them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::message::Message;
use crate::sync::{Guard, Lock, Signal};

/// The inbox of one spark.
///
/// A message comes here when a [`Messages`](super::Messages) reader exists, or
/// when there is no `data` listener yet.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Lock<State>,
    /// There may be something, readable without the lock.
    kept: AtomicBool,
    /// A reader exists, readable without the lock.
    read: AtomicBool,
    changed: Signal,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    readers: usize,
    closed: bool,
}

/// What became of a message that was put in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It waits.
    Yes,
    /// The limit is reached, and there is no reader.
    Full,
}

impl Inbox {
    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// Puts a message in. When a reader is behind by more than `limit` bytes,
    /// waits until it has caught up, unless the caller `reads` itself.
    pub fn push(&self, message: Message, limit: usize, reads: bool) -> Kept {
        let mut state = self.lock();
        while !reads && state.bytes > limit && !state.closed {
            if state.readers == 0 {
                return Kept::Full;
            }
            state = state.wait(&self.changed);
        }
        if !state.closed {
            state.bytes += message.cost();
            state.messages.push_back(message);
            self.kept.store(true, Ordering::Release);
            self.changed.notify_all();
        }
        Kept::Yes
    }

    /// True when messages may be waiting; costs no lock.
    pub fn has_kept(&self) -> bool {
        self.kept.load(Ordering::Acquire)
    }

    /// Whether a reader exists; costs no lock.
    pub fn is_read(&self) -> bool {
        self.read.load(Ordering::Acquire)
    }

    pub fn add_reader(&self) {
        let mut state = self.lock();
        state.readers += 1;
        self.read.store(true, Ordering::Release);
    }

    pub fn remove_reader(&self) {
        let mut state = self.lock();
        state.readers -= 1;
        self.read.store(state.readers > 0, Ordering::Release);
        self.changed.notify_all();
    }

    /// Takes the oldest message without waiting.
    pub fn pop(&self) -> Option<Message> {
        let mut state = self.lock();
        let message = state.messages.pop_front()?;
        state.bytes -= message.cost();
        if state.messages.is_empty() {
            state.messages.shrink_to(8);
            self.kept.store(false, Ordering::Release);
        }
        self.changed.notify_all();
        Some(message)
    }

    /// Waits for a message; `None` at the end of the connection or at the
    /// deadline.
    pub fn wait(&self, deadline: Option<Instant>) -> Option<Message> {
        loop {
            if let Some(message) = self.pop() {
                return Some(message);
            }
            let state = self.lock();
            if !state.messages.is_empty() {
                continue;
            }
            if state.closed {
                return None;
            }
            match deadline {
                None => drop(state.wait(&self.changed)),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        return None;
                    }
                    drop(state.wait_for(&self.changed, left));
                }
            }
        }
    }

    /// Whether nothing more will come.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Nothing more will come; what is there can still be taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::parsers::Parser;

    /// Only the bytes of frames counted, so that a peer could send empty binary
    /// messages, which `json` lets pass, without end.
    #[test]
    fn empty_messages_count_too() {
        let inbox = Inbox::default();
        let empty = Frame::binary([]);
        let message = || Message::from_frame(empty.clone(), &Parser::JSON).unwrap();
        let kept = (0..).take_while(|_| inbox.push(message(), 64 << 10, false) == Kept::Yes);
        assert!(kept.count() < 1_000);
        while inbox.pop().is_some() {}
        assert_eq!(inbox.lock().bytes, 0);
    }
}
