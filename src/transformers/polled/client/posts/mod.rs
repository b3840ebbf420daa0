//! The way out of an open session: many threads write. While the session
//! polls, what they write goes out in POSTs, one at a time; the thread that comes
//! by when one is answered begins the next: the client's thread if it waits for
//! the sockets, else a writer that waits for room. Afterwards they write to the
//! WebSocket that takes the polls' place, if one does.

mod state;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use self::state::{Goodbye, State, Way};
use super::{Queue, Requests, lost};
use crate::close::CloseReason;
use crate::deadline;
use crate::error::{Error, Result};
use crate::http::client::{Exchanger, Progress};
use crate::net::Waker;
use crate::net::dial::Dialler;
use crate::net::wait::{Ready, Wants, on, wait};
use crate::sync::{Guard, Lock};
use crate::transformers::connect::Writer as _;
use crate::transformers::websockets::client::SocketWriter;

/// The way out, shared between the session and the threads that write.
///
/// `state` is the only lock; it is never held while anything waits, nor while
/// application code runs.
pub(in crate::transformers) struct Posts<R: Requests> {
    requests: R,
    /// Wakes the writers that wait for room.
    room: Waker,
    state: Lock<State<R::Own>>,
}

impl<R: Requests> Posts<R> {
    /// The way out of a session that polls, by POSTs on this lane.
    pub fn polling(requests: R, lane: Exchanger) -> Result<Self> {
        Self::new(requests, Way::Polling, lane)
    }

    /// The way out of a session that was opened by a WebSocket.
    pub fn websocket(requests: R, to: Arc<SocketWriter>) -> Result<Self> {
        Self::new(requests, Way::WebSocket(to), Exchanger::default())
    }

    fn new(requests: R, way: Way, lane: Exchanger) -> Result<Self> {
        let state = State {
            way,
            lane,
            again: None,
            queue: Queue::default(),
            own: None,
            hold: false,
            goodbye: Goodbye::None,
            failure: None,
            waiters: 0,
            patience: None,
        };
        Ok(Posts { requests, room: Waker::new()?, state: Lock::new(state) })
    }

    fn lock(&self) -> Guard<'_, State<R::Own>> {
        self.state.lock()
    }

    /// Sends something of the protocol's own, before what is queued. One that
    /// still waits makes another of its kind needless.
    pub fn send_own(&self, own: R::Own) {
        let mut state = self.lock();
        match &state.way {
            Way::Polling if state.goodbye == Goodbye::None => {
                state.own = Some(own);
                self.post(&mut state, false);
            }
            Way::WebSocket(to) => to.answer(|out| self.requests.own_frame(&own, out)),
            // At the worst another ping follows.
            Way::Polling | Way::Switching | Way::Gone => {}
        }
    }

    /// What the client's thread is to wait for, and until when. Begins to
    /// connect where that is called for.
    pub fn wants(&self) -> (Wants, Option<Instant>) {
        let mut state = self.lock();
        if state.lane.is_stranded() {
            state = self.dial(state);
        }
        let (wants, limit) = state.lane.wants();
        (wants, limit.into_iter().chain(state.due()).min())
    }

    /// Makes a connection for the lane. This may ask the application, so that
    /// nothing is locked meanwhile.
    fn dial<'a>(&'a self, state: Guard<'a, State<R::Own>>) -> Guard<'a, State<R::Own>> {
        let address = state.lane.address();
        drop(state);
        let dialler = Dialler::again(self.requests.to(), address);
        let mut state = self.lock();
        match dialler {
            Ok(dialler) => {
                state.lane.dial(dialler);
                self.advance(&mut state, Ready::default(), false);
            }
            Err(error) if state.lane.is_stranded() => {
                state.lane = state.lane.beside();
                self.repeat(&mut state, &error);
            }
            // Another thread has made one, or none is needed any more.
            Err(_) => {}
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
        let rests = state.hold && !state.is_busy();
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
    pub fn switch(&self, to: &Arc<SocketWriter>) {
        let mut state = self.lock();
        state.way = Way::WebSocket(Arc::clone(to));
        state.drop_lane();
        to.patience(state.patience);
        // A failure shows at the next read.
        if let Some(own) = state.own.take() {
            let _ = to.queue_encoded(|out| self.requests.own_frame(&own, out));
        }
        while let Some(frame) = state.queue.pop() {
            let _ = to.queue_encoded(|out| self.requests.frame(&frame, out));
        }
        if state.goodbye != Goodbye::None {
            self.leave(to);
        }
        self.tell(&state);
    }

    /// Says goodbye on this WebSocket.
    fn leave(&self, to: &SocketWriter) {
        let mut goodbye = Vec::new();
        self.requests.goodbye_frame(&mut goodbye);
        if !goodbye.is_empty() {
            // Where it fails the connection is gone.
            let _ = to.queue_encoded(|out| out.extend_from_slice(&goodbye));
        }
        to.close();
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

    /// Nothing is sent any more; frees the writers that wait.
    pub fn cut(&self) {
        let mut state = self.lock();
        state.way = Way::Gone;
        state.drop_lane();
        state.queue = Queue::default();
        self.tell(&state);
    }

    fn fail(&self, state: &mut State<R::Own>, reason: CloseReason) {
        state.way = Way::Gone;
        state.failure = Some(reason);
        state.drop_lane();
        state.queue = Queue::default();
        self.requests.to().waker.wake();
        self.tell(state);
    }

    /// Wakes the writers that wait for room.
    fn tell(&self, state: &State<R::Own>) {
        if state.waiters > 0 {
            self.room.wake();
        }
    }

    /// The POST under way was not answered: it goes out again, if it may.
    fn repeat(&self, state: &mut State<R::Own>, error: &Error) {
        match self.requests.again() {
            Some((after, post)) => {
                state.again = Some((deadline::after(Instant::now(), after), post));
                // The client's thread sees to it in time.
                self.requests.to().waker.wake();
            }
            None => self.fail(state, lost(error)),
        }
    }

    /// Goes on with the POST under way, and with the next. `helping`: on a
    /// thread that cannot wait for the WebSocket.
    fn advance(&self, state: &mut State<R::Own>, ready: Ready, helping: bool) {
        let before = state.mark();
        let mut ready = ready;
        loop {
            if state.begin_again() {
                // The client's thread is to connect anew.
                self.requests.to().waker.wake();
            }
            match state.lane.proceed(std::mem::take(&mut ready)) {
                Ok(Progress::Waiting) => break,
                Ok(Progress::Body(_)) => {}
                Ok(Progress::Answer(answer)) => {
                    if let Err(reason) = self.requests.accepted(&answer) {
                        self.fail(state, reason);
                        continue;
                    }
                    if state.goodbye == Goodbye::Sent {
                        state.goodbye = Goodbye::Answered;
                    }
                    if !self.begin(state, helping) {
                        break;
                    }
                    if helping {
                        // Its thread waits for what there was before, and we
                        // may be gone before this POST is sent.
                        self.requests.to().waker.wake();
                    }
                }
                Err(error) => self.repeat(state, &error),
            }
        }
        if state.mark() != before {
            self.tell(state);
        }
    }

    /// Begins with a POST if none is under way, and sends of it what goes.
    fn post(&self, state: &mut State<R::Own>, helping: bool) {
        if !self.begin(state, helping) {
            return;
        }
        self.advance(state, Ready { read: false, write: true }, helping);
        if state.lane.is_stranded() || state.lane.unsent() > 0 {
            // The client's thread sees to it.
            self.requests.to().waker.wake();
        }
    }

    /// Begins with a POST of what waits, as far as one takes it. The goodbye
    /// goes alone, as JavaScript clients send it.
    fn begin(&self, state: &mut State<R::Own>, helping: bool) -> bool {
        let may = matches!(state.way, Way::Polling) && (!state.hold || helping);
        if !may || state.is_busy() {
            return false;
        }
        let own = state.own.take();
        let post = if own.is_some() || !state.queue.is_empty() {
            Some(self.requests.post(own, &mut state.queue))
        } else if state.goodbye == Goodbye::Due {
            let goodbye = self.requests.goodbye();
            state.goodbye = if goodbye.is_some() { Goodbye::Sent } else { Goodbye::Answered };
            if goodbye.is_none() {
                // The end of the connections says it.
                self.requests.to().waker.wake();
            }
            goodbye
        } else {
            None
        };
        let begins = post.is_some();
        if let Some(post) = post {
            state.lane.begin(post, false);
        }
        begins
    }

    /// Waits until something has changed, and does what there is to do
    /// meanwhile: the client's thread may be in a listener that waits for the
    /// writer. `own_thread`: the caller is that listener. `sooner`: until when,
    /// at the most.
    fn wait<'a>(
        &'a self,
        mut state: Guard<'a, State<R::Own>>,
        own_thread: bool,
        sooner: Option<Instant>,
    ) -> Result<Guard<'a, State<R::Own>>> {
        // The application's connections are made on the client's own thread.
        let may_dial = own_thread || self.requests.to().connector.is_none();
        if state.lane.is_stranded() && may_dial {
            let state = self.dial(state);
            // The client's thread is to look after the connection too.
            self.requests.to().waker.wake();
            return Ok(state);
        }
        let (before, until) = (state.mark(), state.patience);
        let (wants, limit) = state.lane.wants();
        let again = state.due();
        state.waiters += 1;
        drop(state);
        let sooner = [until, limit, again, sooner].into_iter().flatten().min();
        let ready = wait(&self.room, on(&wants), sooner);
        let mut state = self.lock();
        state.waiters -= 1;
        self.advance(&mut state, ready?, true);
        if state.is_settled() {
            // We have taken the signal, which is for all that wait.
            self.tell(&state);
        }
        let late = until.is_some_and(|until| until <= Instant::now());
        // A heartbeat may have come meanwhile.
        if late && state.mark() == before && state.patience == until {
            self.fail(&mut state, CloseReason::lost("the peer takes nothing"));
            return Err(Error::Timeout("the peer takes nothing".into()));
        }
        Ok(state)
    }
}
