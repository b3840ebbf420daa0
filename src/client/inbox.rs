//! Received messages that wait for somebody to fetch them.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::message::Message;

/// A queue bounded in bytes: the client's thread stops reading while it
/// [`is_full`](Self::is_full).
pub(crate) struct Inbox {
    bound: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    bytes: usize,
    over: bool,
}

/// The outcome of fetching.
pub(crate) enum Fetched {
    Message {
        message: Message,
        /// There is room again after it was full.
        reopened: bool,
    },
    /// No message came in time.
    Empty,
    /// None will come any more.
    Over,
}

impl Inbox {
    /// An inbox of so many bytes; of none at all for 0.
    pub fn new(bound: usize) -> Self {
        Inbox { bound, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Keeps a message; throws it away when there is no inbox.
    pub fn push(&self, message: Message) {
        if self.bound == 0 {
            return;
        }
        let mut state = self.lock();
        state.bytes += message.cost();
        state.messages.push_back(message);
        drop(state);
        self.changed.notify_one();
    }

    /// True when no message waits.
    pub fn is_empty(&self) -> bool {
        self.lock().messages.is_empty()
    }

    /// True while the socket is to be read no further.
    pub fn is_full(&self) -> bool {
        self.bound > 0 && self.lock().bytes >= self.bound
    }

    /// The oldest message, if there is one.
    pub fn pop(&self) -> Option<Message> {
        let mut state = self.lock();
        let message = state.messages.pop_front()?;
        state.bytes -= message.cost();
        Some(message)
    }

    /// Puts back what [`pop`](Self::pop) gave.
    pub fn unpop(&self, message: Message) {
        let mut state = self.lock();
        state.bytes += message.cost();
        state.messages.push_front(message);
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for a message, for ever without a time.
    pub fn fetch(&self, until: Option<Instant>) -> Fetched {
        let mut state = self.lock();
        loop {
            if let Some(message) = state.messages.pop_front() {
                let before = state.bytes;
                state.bytes -= message.cost();
                let reopened = before >= self.bound && state.bytes < self.bound;
                return Fetched::Message { message, reopened };
            }
            if state.over {
                return Fetched::Over;
            }
            state = match until {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Fetched::Empty;
                    }
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Says whether messages may still come.
    pub fn set_over(&self, over: bool) {
        self.lock().over = over;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
