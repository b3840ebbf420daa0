//! The way of written messages: to the connection, or into a queue while there
//! is none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::message::Written;
use crate::transformers::connect::Sink;

/// Bytes that listeners may write ahead of what the peer reads, before their
/// writes wait too.
const AHEAD: usize = 1 << 20;

/// See the module.
pub(crate) struct Outbox {
    /// Most messages in the queue.
    bound: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Frame>,
    bytes: usize,
    /// There while the connection is open and the queue was sent.
    sink: Option<Arc<dyn Sink>>,
    over: bool,
    dropped: u64,
}

impl State {
    fn push(&mut self, frame: Frame, bound: usize) -> usize {
        self.bytes += frame.len();
        self.queue.push_back(frame);
        while self.queue.len() > bound
            && let Some(oldest) = self.queue.pop_front()
        {
            self.bytes -= oldest.len();
            self.dropped += 1;
        }
        self.bytes
    }
}

impl Outbox {
    pub fn new(bound: usize) -> Self {
        Outbox { bound, state: Mutex::default() }
    }

    /// Sends or queues a message. `inside`: on the client's own thread, which
    /// must not wait for the peer before it has to.
    pub fn write(&self, frame: &Frame, inside: bool) -> Result<Written> {
        self.write_by(frame, |sink| send(sink, frame, inside))
    }

    /// [`write`](Self::write) that waits until then at the most, and on the
    /// client's own thread not at all.
    pub fn write_until(
        &self,
        frame: &Frame,
        inside: bool,
        until: Option<Instant>,
    ) -> Result<Written> {
        self.write_by(frame, |sink| {
            let waiting = if inside { queue(sink, frame) } else { sink.write_until(frame, until) }?;
            Ok(if waiting == 0 { Written::Sent } else { Written::Queued(waiting) })
        })
    }

    fn write_by(
        &self,
        frame: &Frame,
        send: impl Fn(&dyn Sink) -> Result<Written>,
    ) -> Result<Written> {
        loop {
            let sink = {
                let mut state = self.lock();
                match &state.sink {
                    _ if state.over => return Err(Error::Closed),
                    Some(sink) => Arc::clone(sink),
                    None => return Ok(Written::Queued(state.push(frame.clone(), self.bound))),
                }
            };
            match send(&*sink) {
                // Lost just now: it waits for the next connection.
                Err(Error::Closed) => self.disconnect(&sink),
                done => return done,
            }
        }
    }

    /// Sends the queue; from now on messages go to this sink.
    pub fn connect(&self, sink: &Arc<dyn Sink>) {
        loop {
            let mut state = self.lock();
            let Some(frame) = state.queue.pop_front() else {
                let before = state.sink.replace(Arc::clone(sink));
                drop(state);
                drop(before);
                return;
            };
            state.bytes -= frame.len();
            drop(state);
            if sink.queue(&frame).is_err() {
                let mut state = self.lock();
                state.bytes += frame.len();
                return state.queue.push_front(frame);
            }
        }
    }

    /// The connection is gone; it is given back, if it was open.
    pub fn disconnected(&self) -> Option<Arc<dyn Sink>> {
        self.lock().sink.take()
    }

    fn disconnect(&self, sink: &Arc<dyn Sink>) {
        let mut state = self.lock();
        let gone = state.sink.take_if(|present| Arc::ptr_eq(present, sink));
        drop(state);
        drop(gone);
    }

    /// True while messages go to a connection.
    pub fn is_connected(&self) -> bool {
        self.lock().sink.is_some()
    }

    /// After the end messages are refused.
    pub fn set_over(&self, over: bool) {
        self.lock().over = over;
    }

    /// Messages and bytes in the queue, and how many the bound has dropped.
    pub fn queued(&self) -> (usize, usize, u64) {
        let state = self.lock();
        (state.queue.len(), state.bytes, state.dropped)
    }

    /// Forgets the queue.
    pub fn clear(&self) {
        let mut state = self.lock();
        let queue = std::mem::take(&mut state.queue);
        state.bytes = 0;
        drop(state);
        drop(queue);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Queues a message, if there is room.
fn queue(sink: &dyn Sink, frame: &Frame) -> Result<usize> {
    let waiting = sink.waiting();
    if waiting > AHEAD {
        return Err(Error::Full { waiting, bound: AHEAD, cut: false });
    }
    sink.queue(frame)
}

fn send(sink: &dyn Sink, frame: &Frame, inside: bool) -> Result<Written> {
    if !inside {
        return sink.write(frame).map(|()| Written::Sent);
    }
    match sink.queue(frame)? {
        0 => Ok(Written::Sent),
        waiting if waiting <= AHEAD => Ok(Written::Queued(waiting)),
        // It was accepted; a failure now is the connection's end.
        _ => sink.drain().map(|()| Written::Sent).or(Ok(Written::Queued(AHEAD))),
    }
}
