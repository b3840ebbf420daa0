//! The way out of an open session: many threads write. While the session
//! polls, what they write goes out in POSTs, one at a time; whoever comes by
//! when one is answered begins the next: the client's thread if it waits for
//! the sockets, else a writer that waits for room. Afterwards they write to the
//! WebSocket.

mod sink;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::requests::Requests;
use crate::close::{CloseReason, Ended};
use crate::error::{Error, Result};
use crate::frame::Frame;
use crate::http::client::{Answer, Exchanger, Progress};
use crate::net::Waker;
use crate::net::dial::Dialler;
use crate::net::wait::{Ready, Wants, on, wait};
use crate::transformers::connect::Writer as _;
use crate::transformers::engine_io::packet::{Packet, PacketRef};
use crate::transformers::engine_io::payload;
use crate::transformers::engine_io::{Format, Revision};
use crate::transformers::websockets::client::{Link as WebSocket, mask};
use crate::transformers::websockets::frame::encode_with;

/// Bytes that may wait for the next POST before writers wait too.
const AHEAD: usize = 256 << 10;

/// Bytes in one POST to a server that does not say how many it takes. A single
/// packet may be longer.
const POST_MAX: usize = 1_000_000;

/// The way out, shared between the session and those who write.
///
/// `state` is the only lock; it is never held while anything waits, nor while
/// application code runs.
pub(super) struct Link {
    requests: Requests,
    format: Format,
    /// Most bytes in one POST.
    post_max: usize,
    /// Wakes those who wait for room.
    room: Waker,
    state: Mutex<State>,
}

struct State {
    way: Way,
    /// What the POSTs go by.
    lane: Exchanger,
    queue: VecDeque<Frame>,
    /// Bytes in the queue.
    bytes: usize,
    /// A packet of the protocol's own that is to be sent.
    own: Option<Packet>,
    /// The session is about to go over to a WebSocket: no POST is begun that
    /// can wait for it.
    hold: bool,
    goodbye: Goodbye,
    /// Why nothing can be sent any more.
    failure: Option<CloseReason>,
    /// Threads that wait for room.
    waiters: usize,
    patience: Option<Instant>,
}

enum Way {
    Polling,
    /// Polling is at rest, and the WebSocket about to be told so.
    Switching,
    WebSocket(Arc<WebSocket>),
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Goodbye {
    None,
    /// It follows what is queued.
    Due,
    Sent,
    Answered,
}

impl State {
    /// Bytes of messages, and what goes with them, that no socket has.
    fn waiting(&self) -> usize {
        self.bytes + self.lane.unsent()
    }

    fn has_room(&self, length: usize) -> bool {
        self.bytes == 0 || self.bytes.saturating_add(length) <= AHEAD
    }

    fn push(&mut self, frame: Frame) {
        self.bytes += frame.len();
        self.queue.push_back(frame);
    }

    fn pop(&mut self) -> Option<Frame> {
        let frame = self.queue.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Whether nobody has reason to wait for a POST any more.
    fn is_settled(&self) -> bool {
        matches!(self.way, Way::WebSocket(_) | Way::Gone) || self.goodbye != Goodbye::None
    }

    /// Compared before and after, tells whether anything has changed for those
    /// who wait.
    fn mark(&self) -> (usize, usize, bool) {
        (self.waiting(), self.queue.len(), matches!(self.way, Way::Polling))
    }
}

impl Link {
    /// The way out of a session that polls, by POSTs on this lane.
    pub fn polling(
        requests: Requests,
        format: Format,
        max_payload: Option<usize>,
        lane: Exchanger,
    ) -> Result<Self> {
        let post_max = max_payload.unwrap_or(POST_MAX);
        Self::new(requests, format, post_max, Way::Polling, lane)
    }

    /// The way out of a session that was opened by a WebSocket.
    pub fn websocket(requests: Requests, format: Format, to: Arc<WebSocket>) -> Result<Self> {
        Self::new(requests, format, POST_MAX, Way::WebSocket(to), Exchanger::default())
    }

    fn new(
        requests: Requests,
        format: Format,
        post_max: usize,
        way: Way,
        lane: Exchanger,
    ) -> Result<Self> {
        let state = State {
            way,
            lane,
            queue: VecDeque::new(),
            bytes: 0,
            own: None,
            hold: false,
            goodbye: Goodbye::None,
            failure: None,
            waiters: 0,
            patience: None,
        };
        Ok(Link { requests, format, post_max, room: Waker::new()?, state: Mutex::new(state) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a packet of the protocol's own, before what is queued. One that
    /// still waits makes another of its kind needless.
    pub fn send_own(&self, packet: Packet) {
        let mut state = self.lock();
        match &state.way {
            Way::Polling if state.goodbye == Goodbye::None => {
                state.own = Some(packet);
                self.post(&mut state, false);
            }
            Way::WebSocket(to) => to.answer(|out| encode(packet.as_ref(), self.format, out)),
            // At the worst another ping follows.
            Way::Polling | Way::Switching | Way::Gone => {}
        }
    }

    /// What the client's thread is to wait for, and until when. Begins to
    /// connect where that is called for.
    pub fn wants(&self) -> (Wants, Option<Instant>) {
        let state = self.lock();
        if state.lane.is_stranded() {
            return self.dial(state).lane.wants();
        }
        state.lane.wants()
    }

    /// Makes a connection for the lane. This may ask the application, so that
    /// nothing is locked meanwhile.
    fn dial<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let address = state.lane.address();
        drop(state);
        let dialler = Dialler::again(&self.requests.target().to, address);
        let mut state = self.lock();
        match dialler {
            Ok(dialler) => {
                state.lane.dial(dialler);
                self.advance(&mut state, Ready::default(), false);
            }
            Err(error) => self.fail(&mut state, lost(&error)),
        }
        state
    }

    /// Goes on with what was waited for.
    pub fn proceed(&self, ready: Ready) {
        self.advance(&mut self.lock(), ready, false);
    }

    /// Asks that polling come to rest. If it has, [`switch`](Self::switch)
    /// must follow: until then, what is written waits.
    pub fn rest(&self) -> bool {
        let mut state = self.lock();
        state.hold = state.goodbye == Goodbye::None && matches!(state.way, Way::Polling);
        let rests = state.hold && !state.lane.is_busy();
        if rests {
            state.way = Way::Switching;
        }
        rests
    }

    /// Polling goes on.
    pub fn go_on(&self) {
        let mut state = self.lock();
        state.hold = false;
        self.post(&mut state, false);
    }

    /// From now on by this WebSocket, beginning with what is queued.
    pub fn switch(&self, to: &Arc<WebSocket>) {
        let mut state = self.lock();
        state.way = Way::WebSocket(Arc::clone(to));
        state.lane = Exchanger::default();
        to.patience(state.patience);
        // A failure shows at the next read.
        if let Some(own) = state.own.take() {
            let _ = to.queue_encoded(|out| encode(own.as_ref(), self.format, out));
        }
        while let Some(frame) = state.pop() {
            let _ = to.queue_encoded(|out| encode((&frame).into(), self.format, out));
        }
        if state.goodbye != Goodbye::None {
            to.say_close(None);
        }
        self.tell(&state);
    }

    /// Why the session cannot go on, if so and if that counts now.
    pub fn failure(&self, counts: bool) -> Option<CloseReason> {
        self.lock().failure.take_if(|_| counts)
    }

    /// Whether there is a [`failure`](Self::failure).
    pub fn has_failed(&self) -> bool {
        self.lock().failure.is_some()
    }

    /// Whether the application has ended the session.
    pub fn is_leaving(&self) -> bool {
        self.lock().goodbye != Goodbye::None
    }

    /// Whether the goodbye was answered, or never will be.
    pub fn is_done(&self) -> bool {
        let state = self.lock();
        state.goodbye == Goodbye::Answered || matches!(state.way, Way::Gone)
    }

    /// Nothing is sent any more; frees those who wait.
    pub fn cut(&self) {
        let mut state = self.lock();
        state.way = Way::Gone;
        state.lane = Exchanger::default();
        state.queue.clear();
        state.bytes = 0;
        self.tell(&state);
    }

    fn fail(&self, state: &mut State, reason: CloseReason) {
        state.way = Way::Gone;
        state.failure = Some(reason);
        state.lane = Exchanger::default();
        state.queue.clear();
        state.bytes = 0;
        self.requests.target().to.waker.wake();
        self.tell(state);
    }

    /// Lets those who wait for room have a look.
    fn tell(&self, state: &State) {
        if state.waiters > 0 {
            self.room.wake();
        }
    }

    /// Goes on with the POST under way, and with the next. `helping`: on a
    /// thread that cannot wait for the WebSocket.
    fn advance(&self, state: &mut State, ready: Ready, helping: bool) {
        let before = state.mark();
        let mut ready = ready;
        loop {
            match state.lane.proceed(std::mem::take(&mut ready)) {
                Ok(Progress::Waiting) => break,
                Ok(Progress::Body(_)) => {}
                Ok(Progress::Answer(answer)) if answer.status == 200 => {
                    self.requests.heard(&answer);
                    if state.goodbye == Goodbye::Sent {
                        state.goodbye = Goodbye::Answered;
                    }
                    if !self.begin(state, helping) {
                        break;
                    }
                    if helping {
                        // Its thread waits for what there was before, and we
                        // may be gone before this POST is sent.
                        self.requests.target().to.waker.wake();
                    }
                }
                Ok(Progress::Answer(answer)) => self.fail(state, refused(&answer, &self.requests)),
                Err(error) => self.fail(state, lost(&error)),
            }
        }
        if state.mark() != before {
            self.tell(state);
        }
    }

    /// Begins with a POST if none is under way, and sends of it what goes.
    fn post(&self, state: &mut State, helping: bool) {
        if !self.begin(state, helping) {
            return;
        }
        self.advance(state, Ready { read: false, write: true }, helping);
        if state.lane.is_stranded() || state.lane.unsent() > 0 {
            // The client's thread sees to it.
            self.requests.target().to.waker.wake();
        }
    }

    /// Begins with a POST of what waits, as far as one takes it. The goodbye
    /// goes alone, as JavaScript clients send it.
    fn begin(&self, state: &mut State, helping: bool) -> bool {
        let may = matches!(state.way, Way::Polling) && (!state.hold || helping);
        if !may || state.lane.is_busy() {
            return false;
        }
        let own = state.own.take();
        let mut length = own.as_ref().map_or(0, |p| payload::item_len(p.as_ref(), self.format));
        let mut frames = Vec::new();
        while let Some(next) = state.queue.front() {
            length += payload::item_len(next.into(), self.format);
            // The last separator that is counted is not there.
            let spare = usize::from(self.format.revision == Revision::V4);
            if (own.is_some() || !frames.is_empty()) && length - spare > self.post_max {
                break;
            }
            frames.extend(state.pop());
        }
        let mut body = Vec::with_capacity(length.min(self.post_max));
        let content = if own.is_some() || !frames.is_empty() {
            let packets = own.iter().map(Packet::as_ref).chain(frames.iter().map(PacketRef::from));
            payload::encode(packets, self.format, &mut body)
        } else if state.goodbye == Goodbye::Due {
            state.goodbye = Goodbye::Sent;
            payload::encode([PacketRef::Close], self.format, &mut body)
        } else {
            return false;
        };
        state.lane.begin(self.requests.post(content, &body), false);
        true
    }

    /// Waits until something has changed, and does what there is to do
    /// meanwhile: the client's thread may be in a listener that waits for the
    /// writer. `own_thread`: the caller is that listener. `sooner`: until when,
    /// at the most.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        own_thread: bool,
        sooner: Option<Instant>,
    ) -> Result<MutexGuard<'a, State>> {
        // The application's connections are made on the client's own thread.
        let may_dial = own_thread || self.requests.target().to.connector.is_none();
        if state.lane.is_stranded() && may_dial {
            let state = self.dial(state);
            // The client's thread is to look after the connection too.
            self.requests.target().to.waker.wake();
            return Ok(state);
        }
        let (before, until) = (state.mark(), state.patience);
        let (wants, limit) = state.lane.wants();
        state.waiters += 1;
        drop(state);
        let sooner = [until, limit, sooner].into_iter().flatten().min();
        let ready = wait(&self.room, on(&wants), sooner);
        let mut state = self.lock();
        state.waiters -= 1;
        self.advance(&mut state, ready?, true);
        if state.is_settled() {
            // We have taken the signal, which is for all who wait.
            self.tell(&state);
        }
        let late = until.is_some_and(|until| until <= Instant::now());
        // A heartbeat may have come meanwhile.
        if late && state.mark() == before && state.patience == until {
            self.fail(&mut state, CloseReason::lost("the peer takes nothing"));
            return Err(Error::Timeout("the peer takes nothing"));
        }
        Ok(state)
    }
}

/// Appends a packet as a frame of a WebSocket.
pub(super) fn encode(packet: PacketRef<'_>, format: Format, out: &mut Vec<u8>) {
    let (binary, length) = (packet.is_binary_frame(format), packet.frame_len(format));
    encode_with(binary, length, mask(), out, |out| packet.frame_into(format, out));
}

/// What became of a session of which a request was refused.
pub(super) fn refused(answer: &Answer, requests: &Requests) -> CloseReason {
    if answer.status == 413 {
        let text = "message over the server's limit";
        return CloseReason::new(Ended::Remote, 1009, text, true);
    }
    let refusal = answer.refusal();
    let hint = requests.hint(&refusal);
    CloseReason::lost(format!("{refusal}{hint}"))
}

/// What became of one of which a request failed.
pub(super) fn lost(error: &Error) -> CloseReason {
    match error {
        Error::Protocol(text) => CloseReason::new(Ended::Protocol, 1002, text.as_str(), true),
        error => CloseReason::lost(error.to_string()),
    }
}
