//! What is to be forwarded to servers of Node.js.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::worker::Worker;
use crate::sync::{Lock, Signal};
use crate::value::Value;

/// So many messages may wait to be forwarded, and so many bytes of them.
const MOST_FORWARDS: usize = 1_000;
const FORWARDS_MAX: usize = 16 << 20;

/// What is forwarded, and to whom.
#[derive(Default)]
pub(super) struct Forwards {
    state: Lock<State>,
    told: Signal,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Arc<Value>, usize)>,
    bytes: usize,
    /// Who hears nothing on the bus.
    servers: Vec<String>,
    /// That is to be found out.
    look: bool,
    over: bool,
    thread: Option<Worker>,
}

/// What the thread does next.
pub(super) enum Next {
    Look,
    Forward(Arc<Value>, Vec<String>),
    End,
}

impl Forwards {
    /// Starts the thread.
    ///
    /// # Errors
    /// There is none to be had.
    pub fn start(&self, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = Worker::start("primus-forward", run)?;
        self.state.lock().thread = Some(thread);
        Ok(())
    }

    /// These hear nothing.
    pub fn found(&self, servers: Vec<String>) {
        self.state.lock().servers = servers;
    }

    /// Whether there is anybody to forward to.
    pub fn are_wanted(&self) -> bool {
        !self.state.lock().servers.is_empty()
    }

    /// Finds out who hears nothing.
    pub fn look(&self) {
        self.state.lock().look = true;
        self.told.notify_all();
    }

    /// Forwards a message of so many bytes, if there is anybody to forward to. Gives how
    /// many get none, because too much waits.
    pub fn push(&self, value: Arc<Value>, bytes: usize) -> usize {
        let mut state = self.state.lock();
        if state.servers.is_empty() {
            return 0;
        }
        if state.waiting.len() >= MOST_FORWARDS || state.bytes + bytes > FORWARDS_MAX {
            return state.servers.len();
        }
        state.bytes += bytes;
        state.waiting.push_back((value, bytes));
        drop(state);
        self.told.notify_all();
        0
    }

    /// Ends the thread, behind the message that it forwards, for which it is waited at most
    /// so long.
    pub fn end(&self, patience: Duration) {
        let mut state = self.state.lock();
        state.over = true;
        let thread = state.thread.take();
        drop(state);
        self.told.notify_all();
        thread.into_iter().for_each(|thread| thread.wait(patience));
    }

    pub fn next(&self) -> Next {
        let is_idle = |state: &mut State| !state.over && !state.look && state.waiting.is_empty();
        let mut state = self.state.lock().wait_while(&self.told, is_idle);
        if state.over {
            return Next::End;
        }
        if std::mem::take(&mut state.look) {
            return Next::Look;
        }
        match state.waiting.pop_front() {
            Some((value, bytes)) => {
                state.bytes -= bytes;
                Next::Forward(value, state.servers.clone())
            }
            None => Next::Look,
        }
    }
}
