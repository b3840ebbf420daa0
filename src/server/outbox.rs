//! What waits to be sent to one spark.
//!
//! A write goes straight to the socket, in the caller's thread and without
//! blocking, as long as nothing waits. What the kernel does not take becomes
//! the backlog, which the flusher sends on when the socket has room again, and
//! which is bounded in bytes.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::close::CloseReason;
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::message::Written;
use crate::net::Stream;
use crate::options::SlowConsumer;
use crate::server::flusher::Flusher;
use crate::server::lock;
use crate::server::metrics::{Metrics, Traffic};
use crate::timer::{Task, Timer};
use crate::transformers::{Replies, Wire};

/// Messages from this size on are sent from where they lie, without a copy.
const COPY_MAX: usize = 16 << 10;
/// Corked bytes from which it no longer pays to wait for more.
const CORK_MAX: usize = 64 << 10;
/// The capacity that an idle outbox may keep.
const KEEP_MAX: usize = 4 << 10;
/// Small messages that wait are kept together in pieces of this size: each piece
/// costs some memory of its own, which the bound does not count.
const PIECE: usize = 4 << 10;
/// Pieces of a backlog that one system call sends.
const PIECES_MAX: usize = 64;

/// The same bytes for every spark of one wire format: one or more broadcasts.
pub(crate) struct Segment {
    pub bytes: Vec<u8>,
    /// How many messages they are.
    pub messages: usize,
    /// The bytes of the messages, without what the wire format adds.
    pub payload: usize,
}

/// The outgoing half of a spark.
pub(crate) struct Outbox {
    /// What the spark sent and received.
    pub traffic: Traffic,
    wire: &'static dyn Wire,
    bound: usize,
    policy: SlowConsumer,
    metrics: Arc<Metrics>,
    flusher: Flusher,
    timer: Timer,
    me: Weak<Outbox>,
    /// The spark, told when the backlog is empty again.
    drained: Box<dyn Fn() + Send + Sync>,
    /// Bytes in the backlog, readable without the lock.
    waiting: AtomicUsize,
    state: Mutex<State>,
    /// The backlog became empty, or the connection was lost.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    /// Taken out at the end, so that the descriptor is closed however long the
    /// application keeps its handles.
    stream: Option<Arc<Stream>>,
    phase: Phase,
    /// Encoded messages of the spark's own thread that go out together.
    cork: Vec<u8>,
    corked: bool,
    /// There are control frames among them.
    controls_corked: bool,
    backlog: VecDeque<Chunk>,
    /// Bytes of the first chunk that are sent.
    sent: usize,
    /// The flusher has this outbox.
    flushing: bool,
    /// A control frame is in the backlog.
    control_waits: bool,
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

impl State {
    fn shutdown(&self, how: Shutdown) {
        self.stream.iter().for_each(|stream| stream.shutdown(how));
    }
}

enum Chunk {
    Own { bytes: Vec<u8>, messages: usize },
    Shared(Arc<Segment>),
}

impl Chunk {
    fn bytes(&self) -> &[u8] {
        match self {
            Chunk::Own { bytes, .. } => bytes,
            Chunk::Shared(segment) => &segment.bytes,
        }
    }

    fn messages(&self) -> usize {
        match self {
            Chunk::Own { messages, .. } => *messages,
            Chunk::Shared(segment) => segment.messages,
        }
    }
}

/// The parts of the server that an outbox works with.
pub(crate) struct Parts {
    pub bound: usize,
    pub policy: SlowConsumer,
    pub metrics: Arc<Metrics>,
    pub flusher: Flusher,
    pub timer: Timer,
}

impl Outbox {
    pub fn new(
        stream: Arc<Stream>,
        wire: &'static dyn Wire,
        parts: Parts,
        drained: Box<dyn Fn() + Send + Sync>,
    ) -> Arc<Self> {
        let Parts { bound, policy, metrics, flusher, timer } = parts;
        Arc::new_cyclic(|me| Outbox {
            traffic: Traffic::default(),
            wire,
            bound,
            policy,
            metrics,
            flusher,
            timer,
            me: me.clone(),
            drained,
            waiting: AtomicUsize::new(0),
            state: Mutex::new(State { stream: Some(stream), ..State::default() }),
            emptied: Condvar::new(),
        })
    }

    pub fn wire(&self) -> &'static dyn Wire {
        self.wire
    }

    /// The socket, while there is one.
    pub fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().stream.clone()
    }

    /// Ends both directions of the socket, behind what the kernel has taken.
    pub fn shutdown(&self) {
        self.lock().shutdown(Shutdown::Both);
    }

    /// Lets go of the socket at the end of the connection.
    pub fn release(&self) {
        let mut state = self.lock();
        self.lose(&mut state);
        if state.flushing {
            // The flusher waits for room in the socket, and keeps it open until
            // it is woken.
            state.shutdown(Shutdown::Both);
        }
        state.stream = None;
    }

    /// Blocks until nothing waits; false when the time is over or the
    /// connection is lost.
    pub fn wait_empty(&self, timeout: Duration) -> bool {
        self.uncork();
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        while !state.backlog.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.emptied.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.phase != Phase::Lost
    }

    /// Bytes that wait for the peer to read.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Writes one message. `own` says that the caller is the spark's own
    /// thread, whose writes may be corked.
    pub fn offer(&self, frame: &Frame, own: bool) -> Result<Written> {
        let mut state = self.lock();
        let written = self.accept(&mut state, frame, own)?;
        self.count(1, frame.len());
        Ok(written)
    }

    /// [`offer`](Self::offer) for Primus's own messages, which do not count.
    pub fn offer_control(&self, frame: &Frame, own: bool) {
        // Where it fails the connection is over, or about to be cut.
        let _ = self.accept(&mut self.lock(), frame, own);
    }

    /// Writes one of Primus's own messages that no peer can ask for (a ping): it
    /// is not subject to the bound, and no policy drops it.
    pub fn offer_ping(&self, frame: &Frame) {
        let mut bytes = Vec::new();
        self.wire.encode(frame, &mut bytes);
        let mut state = self.lock();
        if state.phase == Phase::Open {
            self.append(&mut state, &bytes);
        }
    }

    /// Counts what was accepted; called under the lock.
    fn count(&self, messages: usize, bytes: usize) {
        self.traffic.messages_out.bump(messages);
        self.traffic.bytes_out.bump(bytes);
    }

    fn accept(&self, state: &mut State, frame: &Frame, own: bool) -> Result<Written> {
        if state.phase != Phase::Open {
            return Err(Error::Closed);
        }
        if state.backlog.is_empty() {
            let large = frame.len() >= COPY_MAX;
            if large && !(own && state.corked) {
                return self.send_large(state, frame);
            }
            self.wire.encode(frame, &mut state.cork);
            if own && state.corked && state.cork.len() < CORK_MAX {
                return Ok(Written::Sent);
            }
            return self.send_cork(state);
        }
        let mut bytes = Vec::with_capacity(frame.len() + 16);
        self.wire.encode(frame, &mut bytes);
        self.admit(state, bytes.len(), 1)?;
        self.push_own(state, bytes, 1);
        Ok(Written::Queued(self.waiting()))
    }

    /// Writes the broadcasts of a segment, which every spark of this wire
    /// format shares.
    pub fn offer_shared(&self, segment: &Arc<Segment>) -> Result<()> {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return Err(Error::Closed);
        }
        if state.backlog.is_empty() {
            self.send_cork(&mut state)?;
        }
        if state.backlog.is_empty() {
            let sent = self.try_send(&mut state, |stream| stream.offer(&segment.bytes))?;
            if sent < segment.bytes.len() {
                state.sent = sent;
                self.push(&mut state, Chunk::Shared(segment.clone()));
            }
        } else {
            self.admit(&mut state, segment.bytes.len(), segment.messages)?;
            self.push(&mut state, Chunk::Shared(segment.clone()));
        }
        self.count(segment.messages, segment.payload);
        Ok(())
    }

    /// Whether writes of the spark's own thread are kept together from now on.
    pub fn cork(&self, on: bool) {
        self.lock().corked = on;
    }

    /// Sends what was kept together.
    pub fn uncork(&self) {
        let mut state = self.lock();
        state.corked = false;
        if !state.cork.is_empty() {
            // A failure shows when the spark's thread reads next.
            let _ = self.send_cork(&mut state);
        }
    }

    /// Writes the closing packet behind everything else, and before it the
    /// message that announces it; no bound keeps either back. Later writes are
    /// refused. False when the outbox was closed before.
    pub fn close(&self, reason: &CloseReason, goodbye: Option<&Frame>) -> bool {
        let mut state = self.lock();
        if state.phase != Phase::Open {
            return false;
        }
        let mut packet = Vec::new();
        goodbye.iter().for_each(|frame| self.wire.encode(frame, &mut packet));
        self.wire.close(reason, &mut packet);
        self.append(&mut state, &packet);
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        true
    }

    /// Cuts the connection and forgets what waits.
    pub fn cut(&self) {
        let mut state = self.lock();
        self.abort(&mut state);
    }

    /// Makes the peer answer, so that the spark's thread wakes up.
    pub fn nudge(&self) {
        let mut packet = Vec::new();
        self.wire.nudge(&mut packet);
        // Sent even when a control frame waits already: that may be an answer,
        // which nobody answers.
        let mut state = self.lock();
        if state.phase == Phase::Open {
            self.append(&mut state, &packet);
        }
    }

    /// Sends on what waits; called by the flusher. True while more waits.
    ///
    /// One system call per turn, so that writers and the other slow peers are
    /// not kept waiting by one that has just woken up.
    pub fn flush_backlog(&self) -> bool {
        let mut state = self.lock();
        if !state.backlog.is_empty()
            && let Ok(sent) = self.try_send_backlog(&mut state)
        {
            self.forget_sent(&mut state, sent);
        }
        if !state.backlog.is_empty() {
            return true;
        }
        state.flushing = false;
        if state.fin {
            state.shutdown(Shutdown::Write);
        }
        let alive = state.phase != Phase::Lost;
        drop(state);
        if alive {
            (self.drained)();
        }
        false
    }

    /// Ends our direction of the socket once everything has gone out.
    pub fn fin(&self) {
        let mut state = self.lock();
        state.fin = true;
        if state.backlog.is_empty() {
            state.shutdown(Shutdown::Write);
        }
    }

    fn try_send_backlog(&self, state: &mut State) -> Result<usize> {
        let skip = state.sent;
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let mut count = 0;
        for (piece, chunk) in pieces.iter_mut().zip(&state.backlog) {
            let bytes = chunk.bytes();
            *piece = IoSlice::new(if count == 0 { &bytes[skip..] } else { bytes });
            count += 1;
        }
        let sent = match &state.stream {
            Some(stream) => stream.offer_vectored(&pieces[..count]),
            None => return Err(Error::Closed),
        };
        sent.map_err(|error| self.broken(state, error))
    }

    /// Drops `sent` bytes from the front of the backlog.
    fn forget_sent(&self, state: &mut State, sent: usize) {
        let waiting = self.waiting.fetch_sub(sent, Ordering::Relaxed) - sent;
        self.metrics.backlog.sub(sent);
        state.sent += sent;
        while let Some(first) = state.backlog.front() {
            let length = first.bytes().len();
            if state.sent < length {
                break;
            }
            state.sent -= length;
            state.backlog.pop_front();
        }
        if waiting <= self.bound / 2 {
            state.over_since = None;
        }
        if state.backlog.is_empty() {
            state.backlog.shrink_to(0);
            state.control_waits = false;
            self.emptied.notify_all();
        }
    }

    fn send_large(&self, state: &mut State, frame: &Frame) -> Result<Written> {
        let corked = state.cork.len();
        let mut head = std::mem::take(&mut state.cork);
        let controls = std::mem::take(&mut state.controls_corked);
        self.wire.prefix(frame, &mut head);
        let total = head.len() + frame.len();
        let pieces = [IoSlice::new(&head), IoSlice::new(frame.as_bytes())];
        let sent = self.try_send(state, |stream| stream.offer_vectored(&pieces))?;
        if sent == total {
            head.clear();
            state.cork = keep(head);
            return Ok(Written::Sent);
        }
        head.extend_from_slice(frame.as_bytes());
        state.sent = sent;
        state.control_waits |= controls;
        self.push_own(state, head, 1 + usize::from(corked > 0));
        Ok(Written::Queued(self.waiting()))
    }

    /// Sends the corked bytes; what the kernel does not take becomes backlog.
    fn send_cork(&self, state: &mut State) -> Result<Written> {
        if state.cork.is_empty() {
            return Ok(Written::Sent);
        }
        let mut cork = std::mem::take(&mut state.cork);
        let controls = std::mem::take(&mut state.controls_corked);
        let sent = self.try_send(state, |stream| stream.offer(&cork))?;
        if sent == cork.len() {
            cork.clear();
            state.cork = keep(cork);
            return Ok(Written::Sent);
        }
        state.sent = sent;
        state.control_waits |= controls;
        self.push_own(state, cork, 1);
        Ok(Written::Queued(self.waiting()))
    }

    /// Appends bytes that are not subject to the bound.
    fn append(&self, state: &mut State, bytes: &[u8]) {
        if state.backlog.is_empty() {
            state.cork.extend_from_slice(bytes);
            let _ = self.send_cork(state);
        } else {
            self.push_own(state, bytes.to_vec(), 0);
        }
    }

    fn try_send(
        &self,
        state: &mut State,
        send: impl FnOnce(&Stream) -> io::Result<usize>,
    ) -> Result<usize> {
        let sent = match &state.stream {
            Some(stream) => send(stream),
            None => return Err(Error::Closed),
        };
        sent.map_err(|error| self.broken(state, error))
    }

    /// The socket failed: the spark's thread is woken to end the spark.
    fn broken(&self, state: &mut State, error: io::Error) -> Error {
        log::debug!("write failed: {error}");
        self.lose(state);
        state.shutdown(Shutdown::Both);
        Error::Closed
    }

    fn lose(&self, state: &mut State) {
        state.phase = Phase::Lost;
        state.backlog = VecDeque::new();
        state.cork = Vec::new();
        state.sent = 0;
        state.over_since = None;
        self.metrics.backlog.sub(self.waiting.swap(0, Ordering::Relaxed));
        self.emptied.notify_all();
    }

    /// Puts bytes at the end of the backlog, which are so many messages.
    fn push_own(&self, state: &mut State, bytes: Vec<u8>, messages: usize) {
        // What may be dropped by itself stays by itself.
        let joins = self.policy != SlowConsumer::DropOldest;
        match state.backlog.back_mut().filter(|_| joins) {
            Some(Chunk::Own { bytes: last, messages: before })
                if last.len() + bytes.len() <= PIECE =>
            {
                last.extend_from_slice(&bytes);
                *before += messages;
                self.grew(state, bytes.len());
            }
            _ => self.push(state, Chunk::Own { bytes, messages }),
        }
    }

    fn push(&self, state: &mut State, chunk: Chunk) {
        let unsent = chunk.bytes().len() - if state.backlog.is_empty() { state.sent } else { 0 };
        state.backlog.push_back(chunk);
        self.grew(state, unsent);
    }

    /// So many bytes more wait.
    fn grew(&self, state: &mut State, unsent: usize) {
        let waiting = self.waiting.fetch_add(unsent, Ordering::Relaxed) + unsent;
        self.metrics.backlog.add(unsent);
        if waiting > self.bound / 2 {
            self.note_slow(state);
        }
        if !state.flushing {
            state.flushing = true;
            if let Some(me) = self.me.upgrade() {
                self.flusher.take(me);
            }
        }
    }

    /// Starts the grace period of a consumer that has become slow.
    fn note_slow(&self, state: &mut State) {
        let SlowConsumer::Close { grace } = self.policy else { return };
        if state.over_since.is_some() {
            return;
        }
        let now = self.timer.now();
        state.over_since = Some(now);
        if !std::mem::replace(&mut state.judged, true) {
            self.timer.schedule(now + grace, self.me.clone());
        }
    }

    /// Applies the bound to `length` more bytes on a backlog, which are so many
    /// messages.
    fn admit(&self, state: &mut State, length: usize, messages: usize) -> Result<()> {
        let full = |waiting| Error::Full { waiting, bound: self.bound };
        let waiting = self.waiting();
        if waiting + length <= self.bound {
            return Ok(());
        }
        match self.policy {
            SlowConsumer::Close { .. } => {
                self.cut_slow(state);
                return Err(full(waiting));
            }
            SlowConsumer::DropNewest => {}
            SlowConsumer::DropOldest => self.drop_oldest(state, length),
        }
        let waiting = self.waiting();
        if waiting + length <= self.bound || state.backlog.is_empty() {
            return Ok(());
        }
        self.metrics.dropped.add(messages);
        Err(full(waiting))
    }

    /// Drops whole messages that have not begun to be sent, oldest first,
    /// until `length` more bytes fit.
    fn drop_oldest(&self, state: &mut State, length: usize) {
        let mut at = usize::from(state.sent > 0);
        while self.waiting() + length > self.bound {
            let Some(chunk) = state.backlog.get(at) else { return };
            if chunk.messages() == 0 {
                at += 1;
                continue;
            }
            let (bytes, messages) = (chunk.bytes().len(), chunk.messages());
            state.backlog.remove(at);
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.metrics.backlog.sub(bytes);
            self.metrics.dropped.add(messages);
        }
    }

    fn cut_slow(&self, state: &mut State) {
        self.metrics.slow_consumers.add(1);
        state.slow = true;
        self.abort(state);
    }

    fn abort(&self, state: &mut State) {
        self.lose(state);
        state.stream.iter().for_each(|stream| stream.abort());
    }

    /// True once the socket is broken or cut.
    pub fn is_lost(&self) -> bool {
        self.lock().phase == Phase::Lost
    }

    /// True once the bound or the grace period has ended the connection.
    pub fn was_slow(&self) -> bool {
        self.lock().slow
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
        if state.corked && state.backlog.is_empty() {
            state.cork.extend_from_slice(bytes);
            state.controls_corked = true;
            return;
        }
        self.append(&mut state, bytes);
        state.control_waits = !state.backlog.is_empty();
    }
}

impl Task for Outbox {
    /// The grace period is over: cuts the consumer if it is still slow.
    fn fire(self: Arc<Self>, now: Instant) -> Option<Instant> {
        let SlowConsumer::Close { grace } = self.policy else { return None };
        let mut state = self.lock();
        match state.over_since {
            Some(since) if since + grace > now => return Some(since + grace),
            Some(_) => self.cut_slow(&mut state),
            None => {}
        }
        state.judged = false;
        None
    }
}

/// Keeps a buffer for the next write, unless it has grown large.
fn keep(buffer: Vec<u8>) -> Vec<u8> {
    if buffer.capacity() > KEEP_MAX { Vec::new() } else { buffer }
}

#[cfg(test)]
mod tests;
