//! The way of written messages: to the connection, or into a queue while there
//! is none.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::message::Written;
use crate::net::Waker;
use crate::transformers::connect::Writer;

/// Bytes that listeners may write ahead of what the peer reads, before their
/// writes wait too.
const AHEAD: usize = 1 << 20;

/// See the module.
pub(crate) struct Outbox {
    /// Most messages in the queue.
    bound: usize,
    /// The client's thread, which sees to a connection that is broken.
    waker: Arc<Waker>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Frame>,
    bytes: usize,
    /// There while the connection is open and the queue was sent.
    writer: Option<Arc<dyn Writer>>,
    /// A write has found the connection broken, and there is no other yet.
    broken: bool,
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
    pub fn new(bound: usize, waker: Arc<Waker>) -> Self {
        Outbox { bound, waker, state: Mutex::default() }
    }

    /// Sends or queues a message. `inside`: on the client's own thread, which
    /// must not wait for the peer before it has to.
    pub fn write(&self, frame: &Frame, inside: bool) -> Result<Written> {
        // In part, or for as long as there is patience: it is the last on this connection.
        let breaks = |error: &Error| matches!(error, Error::Io(_) | Error::Timeout(_));
        self.write_by(frame, |writer| {
            send(&**writer, frame, inside).inspect_err(|error| {
                if breaks(error) {
                    self.disconnect(writer)
                }
            })
        })
    }

    /// [`write`](Self::write) that waits until then at the most, and on the
    /// client's own thread not at all.
    pub fn write_until(
        &self,
        frame: &Frame,
        inside: bool,
        until: Option<Instant>,
    ) -> Result<Written> {
        self.write_by(frame, |writer| {
            let waiting =
                if inside { queue(&**writer, frame) } else { writer.write_until(frame, until) }?;
            Ok(if waiting == 0 { Written::Sent } else { Written::Queued(waiting) })
        })
    }

    fn write_by(
        &self,
        frame: &Frame,
        send: impl Fn(&Arc<dyn Writer>) -> Result<Written>,
    ) -> Result<Written> {
        loop {
            let writer = {
                let mut state = self.lock();
                match &state.writer {
                    _ if state.over => return Err(Error::Closed),
                    Some(writer) => Arc::clone(writer),
                    None => return Ok(Written::Queued(state.push(frame.clone(), self.bound))),
                }
            };
            match send(&writer) {
                // Lost just now: it waits for the next connection.
                Err(Error::Closed) => self.disconnect(&writer),
                done => return done,
            }
        }
    }

    /// Sends the queue; from now on messages go to this writer.
    pub fn connect(&self, writer: &Arc<dyn Writer>) {
        loop {
            let mut state = self.lock();
            let Some(frame) = state.queue.pop_front() else {
                let before = state.writer.replace(Arc::clone(writer));
                state.broken = false;
                drop(state);
                drop(before);
                return;
            };
            state.bytes -= frame.len();
            drop(state);
            if writer.queue(&frame).is_err() {
                let mut state = self.lock();
                state.broken = true;
                state.bytes += frame.len();
                return state.queue.push_front(frame);
            }
        }
    }

    /// The connection is gone; it is given back, if it was open.
    pub fn disconnected(&self) -> Option<Arc<dyn Writer>> {
        self.lock().writer.take()
    }

    fn disconnect(&self, writer: &Arc<dyn Writer>) {
        let mut state = self.lock();
        let gone = state.writer.take_if(|present| Arc::ptr_eq(present, writer));
        state.broken |= gone.is_some();
        drop(state);
        if gone.is_some() {
            self.waker.wake();
        }
    }

    /// Whether a write has found the connection broken, and there is no other yet.
    pub fn is_broken(&self) -> bool {
        self.lock().broken
    }

    /// True while messages go to a connection.
    pub fn is_connected(&self) -> bool {
        self.lock().writer.is_some()
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
fn queue(writer: &dyn Writer, frame: &Frame) -> Result<usize> {
    let waiting = writer.waiting();
    if waiting > AHEAD {
        return Err(Error::Full { waiting, bound: AHEAD, cut: false });
    }
    writer.queue(frame)
}

fn send(writer: &dyn Writer, frame: &Frame, inside: bool) -> Result<Written> {
    if !inside {
        return writer.write(frame).map(|()| Written::Sent);
    }
    match writer.queue(frame)? {
        0 => Ok(Written::Sent),
        waiting if waiting <= AHEAD => Ok(Written::Queued(waiting)),
        // It was accepted; a failure now is the connection's end.
        _ => writer.drain().map(|()| Written::Sent).or(Ok(Written::Queued(AHEAD))),
    }
}
