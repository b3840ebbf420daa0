//! What waits to be sent to one spark.
//!
//! A write goes straight to the socket, in the caller's thread and without
//! blocking, as long as nothing waits. What the kernel does not take becomes
//! the backlog, which the flusher sends on when the socket has room again, and
//! which is bounded in bytes.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use crate::error::{Error, Result};
use crate::frame::{Frame, room};
use crate::message::Written;
use crate::net::Stream;
use crate::server::flusher::Flusher;
use crate::server::metrics::{Metrics, Traffic};
use crate::server::options::SlowConsumer;
use crate::sync::{Guard, Lock, Signal, rank};
use crate::timer::Timer;
use crate::transformers::serve::{Replies, Sink, Wire};

mod bound;
mod cork;
mod early;
mod end;
mod flush;
mod queue;
mod segment;
mod sink;
mod spoken;

use queue::Queue;
pub(crate) use segment::{Batch, Segment};
use spoken::Spoken;

/// Bytes of the wire protocol's own packets that may wait, if the bound is less.
const PACKETS_MAX: usize = 64 << 10;

/// Messages from this size on are sent from where they lie, without a copy.
const COPY_MAX: usize = 16 << 10;
/// Corked bytes from which it no longer pays to wait for more.
const CORK_MAX: usize = 64 << 10;
/// The capacity that an idle outbox may keep.
const KEEP_MAX: usize = 4 << 10;

/// The outgoing half of a spark.
pub(crate) struct Outbox {
    /// What the spark sent and received.
    pub traffic: Traffic,
    wire: Spoken,
    /// The wire of the socket that has taken the place of polls.
    /// Boxed, as most have none.
    switched: OnceLock<Box<Spoken>>,
    shared: Arc<Shared>,
    me: Weak<Outbox>,
    spark: Weak<dyn Drains>,
    /// Bytes in the backlog, readable without the lock.
    waiting: AtomicUsize,
    state: Lock<State, rank::Outbox>,
    /// The backlog became empty, or the connection was lost.
    emptied: Signal,
}

#[derive(Default)]
struct State {
    /// Taken out at the end, so that the descriptor is closed however long the
    /// application keeps its handles.
    sink: Sink,
    phase: Phase,
    /// Encoded messages of the spark's own thread that go out together.
    cork: Vec<u8>,
    /// Where each of them ends, if they may be dropped one by one; then what
    /// comes behind the last is no message.
    cork_ends: Vec<usize>,
    corked: bool,
    /// There are control frames among them.
    controls_corked: bool,
    backlog: Queue,
    /// The flusher has this outbox.
    flushing: bool,
    /// A control frame is in the backlog.
    control_waits: bool,
    /// Bytes of the wire protocol's own packets in it, as far as the queue can tell.
    packets: usize,
    /// Since when the backlog has been over half the bound.
    over_since: Option<Instant>,
    /// The timer that judges `over_since` is set.
    judged: bool,
    /// Our direction of the socket ends when the backlog is empty.
    fin: bool,
    /// The connection was cut because the peer does not read.
    slow: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Phase {
    #[default]
    Open,
    /// The closing packet was written; nothing may follow it.
    Closing,
    /// The socket is broken or cut.
    Lost,
}

/// What all outboxes of a server have in common. There may be many thousands of
/// them: each has a reference.
pub(crate) struct Shared {
    pub bound: usize,
    pub policy: SlowConsumer,
    pub metrics: Arc<Metrics>,
    pub flusher: Flusher,
    pub timer: Timer,
}

/// A spark, as its outbox sees it.
pub(crate) trait Drains: Send + Sync {
    /// Its backlog is empty again. Not called under the outbox's lock.
    fn drained(&self);
}

impl Outbox {
    pub fn new(
        sink: Sink,
        wire: &'static dyn Wire,
        shared: Arc<Shared>,
        spark: Weak<dyn Drains>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me| Outbox {
            traffic: Traffic::default(),
            wire: Spoken::new(wire),
            switched: OnceLock::new(),
            shared,
            me: me.clone(),
            spark,
            waiting: AtomicUsize::new(0),
            state: Lock::new(State { sink, ..State::default() }),
            emptied: Signal::default(),
        })
    }

    /// The socket by which the client is reached at present.
    pub fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().sink.stream()
    }

    /// Bytes that wait for the peer to read.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn lock(&self) -> Guard<'_, State> {
        self.state.lock()
    }

    /// Writes one message. `own` says that the caller is the spark's own
    /// thread, whose writes may be corked.
    pub fn offer(&self, frame: &Frame, own: bool) -> Result<Written> {
        let early = self.early(frame);
        let mut state = self.lock();
        let written = self.accept(&mut state, frame, early, own)?;
        self.count(1, frame.len());
        Ok(written)
    }

    /// [`offer`](Self::offer) for Primus's own messages, which do not count.
    pub fn offer_control(&self, frame: &Frame, own: bool) {
        // Where it fails the connection is over, or about to be cut.
        let _ = self.accept(&mut self.lock(), frame, None, own);
    }

    /// Writes one of Primus's own messages that no peer can ask for (a ping): it
    /// is not subject to the bound, and no policy drops it.
    pub fn offer_ping(&self, frame: &Frame) {
        let mut state = self.lock();
        let mut bytes = Vec::new();
        self.format(&state).encode(frame, &mut bytes);
        if state.phase == Phase::Open {
            self.append(&mut state, &bytes);
        }
    }

    /// Counts what was accepted; called under the lock.
    fn count(&self, messages: usize, bytes: usize) {
        self.traffic.messages_out.bump(messages);
        self.traffic.bytes_out.bump(bytes);
    }

    /// Takes a message, which may have been encoded `early` for the socket.
    fn accept(
        &self,
        state: &mut State,
        frame: &Frame,
        early: Option<Vec<u8>>,
        own: bool,
    ) -> Result<Written> {
        if state.phase != Phase::Open {
            return Err(Error::Closed);
        }
        let early = early.filter(|_| !state.sink.is_poll());
        if state.backlog.is_empty() {
            let large = frame.len() >= COPY_MAX && !state.sink.is_poll() && early.is_none();
            let newest = state.cork.len();
            let most = CORK_MAX.min(self.shared.bound);
            let corked = own && state.corked;
            if large && !(corked && newest + frame.len() < most) {
                return self.send_large(state, frame);
            }
            if corked {
                state.widen_cork(frame.len());
            }
            match early {
                Some(bytes) => state.cork.extend_from_slice(&bytes),
                None => self.format(state).encode(frame, &mut state.cork),
            }
            self.mark_end(state);
            if corked && state.cork.len() < most {
                return Ok(Written::Sent);
            }
            return self.send_cork(state, newest);
        }
        let bytes = early.unwrap_or_else(|| {
            let mut bytes = Vec::new();
            room::reserve(&mut bytes, frame.len() + 16);
            self.format(state).encode(frame, &mut bytes);
            bytes
        });
        self.admit(state, bytes.len())?;
        self.push_own(state, bytes, true);
        Ok(Written::Queued(self.waiting()))
    }

    /// Writes a batch of broadcasts, whose bytes every spark of the same wire
    /// format shares.
    pub fn offer_shared(&self, batch: &Batch) {
        let wire = self.wire();
        let costs = || batch.frames().iter().any(|frame| wire.is_costly(frame));
        if wire.is_shared() && costs() && !self.is_poll() {
            batch.segment(wire);
        }
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return;
        }
        // A socket may have taken the place of polls just now.
        if !self.wire().is_shared() && !state.sink.is_poll() {
            for frame in batch.frames() {
                if self.accept(&mut state, frame, None, false).is_ok() {
                    self.count(1, frame.len());
                }
            }
            return;
        }
        if state.backlog.is_empty() && self.send_whole_cork(&mut state).is_err() {
            return;
        }
        let mut sent = 0;
        if state.backlog.is_empty() {
            let segment = batch.segment(self.format(&state));
            match self.try_send(&mut state, |sink| sink.offer_shared(&segment.bytes, batch.cast()))
            {
                Ok(taken) => sent = taken,
                Err(_) => return,
            }
        }
        self.keep_shared(&mut state, batch, sent);
    }

    /// Writes a packet of the wire protocol's own, past the bound. One that the
    /// peer has `asked` for is left out while another still waits. Where none may be
    /// left out, a peer that makes us send many and reads none is cut.
    pub fn offer_packet(&self, packet: &str, asked: bool) {
        let mut state = self.lock();
        if state.phase != Phase::Open || (asked && state.control_waits) {
            return;
        }
        let mut bytes = Vec::new();
        self.format(&state).packet(packet, &mut bytes);
        self.append(&mut state, &bytes);
        state.control_waits |= asked && !state.backlog.is_empty();
        if !asked && !state.backlog.is_empty() {
            state.mark_packet(bytes.len());
            if state.packets > self.shared.bound.max(PACKETS_MAX) {
                self.cut_slow(&mut state);
            }
        }
    }

    /// Whether its client polls.
    pub fn is_poll(&self) -> bool {
        self.lock().sink.is_poll()
    }

    /// Wakes the spark's thread, if it waits for its session and not for a
    /// socket.
    pub fn wake_session(&self) {
        if let Sink::Poll(session) = &self.lock().sink {
            session.wake();
        }
    }

    /// Makes the peer answer, so that the spark's thread wakes up.
    pub fn nudge(&self) {
        let mut state = self.lock();
        if let Sink::Poll(session) = &state.sink {
            return session.wake();
        }
        let mut packet = Vec::new();
        self.wire().nudge(&mut packet);
        // Sent even when a control frame waits already: that may be an answer,
        // which is not answered.
        if state.phase == Phase::Open {
            self.append(&mut state, &packet);
        }
    }

    /// Sends the answer to the handshake. Before the peer can know, `register`
    /// makes the spark known, and what is written to it then comes behind the
    /// answer. Gives what `register` gave.
    pub fn greet(&self, answer: &[u8], register: impl FnOnce() -> bool) -> bool {
        let mut state = self.lock();
        let registered = register();
        if !answer.is_empty() {
            self.append(&mut state, answer);
            // Large enough for the answer, which most writes are not.
            state.cork = Vec::new();
        }
        registered
    }

    /// Appends bytes that are not subject to the bound.
    fn append(&self, state: &mut State, bytes: &[u8]) {
        if state.backlog.is_empty() {
            state.cork.extend_from_slice(bytes);
            let _ = self.send_whole_cork(state);
        } else {
            self.push_own(state, bytes.to_vec(), false);
        }
    }

    fn try_send(
        &self,
        state: &mut State,
        send: impl FnOnce(&Sink) -> io::Result<usize>,
    ) -> Result<usize> {
        send(&state.sink).map_err(|error| self.failed(state, error))
    }

    /// Puts bytes at the end of the backlog: a message, or something that no
    /// policy drops.
    fn push_own(&self, state: &mut State, bytes: Vec<u8>, message: bool) {
        let length = bytes.len();
        let dropped = message && self.shared.policy == SlowConsumer::DropOldest;
        state.backlog.push(bytes, dropped, self.waiting());
        self.grew(state, length);
    }

    /// So many bytes more wait.
    fn grew(&self, state: &mut State, unsent: usize) {
        let waiting = self.waiting.fetch_add(unsent, Ordering::Relaxed) + unsent;
        self.shared.metrics.backlog.add(unsent);
        if waiting > self.shared.bound / 2 {
            self.note_slow(state);
        }
        // A client that polls is served when it polls.
        if !state.flushing
            && let Sink::Socket(stream) = &state.sink
            && let Some(me) = self.me.upgrade()
        {
            self.shared.flusher.take(me, stream.clone());
            state.flushing = true;
        }
    }
}

impl Replies for Outbox {
    /// Once the socket is full no control frame joins another: a peer that asks
    /// without reading gets no more than the answers to one buffer of input.
    fn control(&self, bytes: &[u8]) {
        let mut state = self.lock();
        if state.phase != Phase::Open || state.control_waits {
            return;
        }
        // It may not come between messages that are dropped one by one.
        let corked = state.corked && self.shared.policy != SlowConsumer::DropOldest;
        if corked && state.backlog.is_empty() {
            state.cork.extend_from_slice(bytes);
            state.controls_corked = true;
            return;
        }
        self.append(&mut state, bytes);
        state.control_waits = !state.backlog.is_empty();
    }
}

#[cfg(test)]
mod tests;
