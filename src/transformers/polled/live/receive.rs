//! The way to the client: receivers come, get what waits, and go.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::Arc;

use super::{Live, Quiet, State, Todo};
use crate::close::CloseReason;
use crate::deadline::after;
use crate::net::Stream;
use crate::transformers::polled::cast::Cast;
use crate::transformers::polled::protocol::{Dropped, End, Protocol, What};
use crate::transformers::polled::receiver::{Receiver, Sent};
use crate::transformers::polled::records::{Record, records};
use crate::transformers::serve::{Backlog, Polled};

impl<P: Protocol> State<P> {
    /// Whether something for this receiver is still to be given, or to be sent.
    fn holds(&self, number: u64) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| receiver.number == number)
    }

    /// Of two polls the one that was sent first is the one that waits, whichever of
    /// their threads came here first. True if the two have changed places.
    fn in_order(&mut self, new: &mut Receiver<P::Shape>) -> bool {
        let earlier = self.receiver.as_mut().filter(|waiting| new.came_before(waiting));
        earlier.map(|waiting| std::mem::swap(waiting, new)).is_some()
    }

    /// Whether a receiver can take what waits now.
    pub(super) fn is_free(&self) -> bool {
        self.receiver.as_ref().is_some_and(Receiver::is_free)
    }

    /// Whether a receiver has not read all of an answer that is complete.
    fn is_unread(&self) -> bool {
        self.receiver.as_ref().is_some_and(|receiver| receiver.is_behind() && !receiver.is_open())
    }

    /// Cuts the connection of a receiver that waits, or does not read.
    fn cut_receiver(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            receiver.cut();
        }
    }
}

impl<P: Protocol> Live<P> {
    /// A receiver has come; its number, unless it is refused.
    pub(crate) fn attach(
        &self,
        mut receiver: Receiver<P::Shape>,
        input: P::Input,
    ) -> Result<u64, P::Refusal> {
        self.knock();
        self.tick_if_due(receiver.since());
        P::turn(&self.fixed);
        let mut state = self.lock();
        if state.is_unread() && state.machine.polls() {
            // It asks again without having read the answer.
            match state.machine.unread() {
                Some(refusal) => {
                    let mut quiet = Quiet::default();
                    self.dropped(&mut state, Dropped::Unread, &mut quiet);
                    drop(state);
                    self.settle_quietly(quiet);
                    return Err(refusal);
                }
                None => state.cut_receiver(),
            }
        }
        receiver.number = state.receivers;
        state.receivers += 1;
        let number = receiver.number;
        let overtaken = state.in_order(&mut receiver);
        let mut todo = self.feed(&mut state, input);
        if todo.accepted {
            state.reached_by = receiver.socket().map_or_else(Default::default, Arc::downgrade);
            state.cut_receiver();
            state.receiver = Some(receiver);
            self.give(&mut state, &mut todo.quiet, Receiver::begin);
        } else if let Some(refusal) = todo.refused.take_if(|_| overtaken) {
            // The one that has just come has got its answer. The one that had
            // overtaken it is refused.
            drop(state);
            self.refuse(receiver, &refusal);
            self.settle(todo);
            return Ok(number);
        }
        drop(state);
        if let Some(refusal) = self.settle(todo).refused {
            return Err(refusal);
        }
        self.writable();
        self.idle();
        Ok(number)
    }

    /// Refuses a receiver that had waited.
    #[inline(never)]
    fn refuse(&self, receiver: Receiver<P::Shape>, refusal: &P::Refusal) {
        let (status, content, body) = P::refuse(refusal, receiver.shape());
        self.host.refused(status);
        receiver.refuse(status, content, body);
    }

    /// Ends the answer of a receiver in whose place another comes.
    pub(super) fn replace(&self, state: &mut State<P>, last: Option<&P::Own>) {
        let Some(mut receiver) = state.receiver.take() else { return };
        let (mut sent, closes) = (Sent::Whole, state.last);
        if let Some(own) = last {
            let mut body = Vec::new();
            let what = What::Own(own);
            let content = state.machine.body(&self.fixed, receiver.shape(), what, &mut body);
            sent = receiver.send(content, body, closes);
        }
        if receiver.is_open() {
            sent = receiver.finish(closes);
        }
        if sent != Sent::Whole {
            receiver.cut();
        }
    }

    /// Has the spark offer what waits.
    pub(super) fn writable(&self) {
        if let Some(spark) = self.spark.get() {
            spark.writable();
        }
    }

    /// If nothing was waiting the protocol may still have something to say.
    fn idle(&self) {
        let mut state = self.lock();
        let mut quiet = Quiet::default();
        if state.is_free() {
            let mut effects = Vec::new();
            state.machine.idle(&mut effects);
            self.apply_quietly(&mut state, effects, &mut quiet);
        }
        drop(state);
        self.settle_quietly(quiet);
    }

    /// Whether something for this receiver is still to be given, or to be sent.
    pub(crate) fn holds(&self, number: u64) -> bool {
        self.lock().holds(number)
    }

    /// The connection of a receiver is gone, or goes on with other requests.
    pub(crate) fn detach(&self, number: u64) {
        let mut state = self.lock();
        if !state.holds(number) {
            return;
        }
        let mut quiet = Quiet::default();
        let behind = state.receiver.take().filter(Receiver::is_behind);
        if let Some(socket) = behind.as_ref().and_then(Receiver::socket) {
            // Wakes the flusher, which keeps the socket open for as long as it
            // waits for room in it.
            socket.shutdown(Shutdown::Both);
        }
        let how = if behind.is_some() { Dropped::Unread } else { Dropped::Waiting };
        self.dropped(&mut state, how, &mut quiet);
        drop(state);
        self.settle_quietly(quiet);
    }

    /// Gives the receiver something.
    pub(super) fn answer(&self, state: &mut State<P>, what: What<'_, P::Own>, quiet: &mut Quiet) {
        let Some(receiver) = state.receiver.as_ref().filter(|receiver| receiver.is_open()) else {
            return;
        };
        let mut body = Vec::new();
        let content = state.machine.body(&self.fixed, receiver.shape(), what, &mut body);
        let last = state.last;
        self.give(state, quiet, |receiver| receiver.send(content, body, last));
    }

    /// Ends what the receiver gets.
    pub(super) fn finish(&self, state: &mut State<P>, quiet: &mut Quiet) {
        let last = state.last;
        self.give(state, quiet, |receiver| receiver.finish(last));
    }

    pub(super) fn give(
        &self,
        state: &mut State<P>,
        quiet: &mut Quiet,
        give: impl FnOnce(&mut Receiver<P::Shape>) -> Sent,
    ) {
        let Some(receiver) = state.receiver.as_mut().filter(|receiver| receiver.is_open()) else {
            return;
        };
        let sent = give(receiver);
        if sent == Sent::Rest {
            quiet.unsent = receiver.socket().cloned();
        }
        let (leaves, done) = (!receiver.is_open(), receiver.is_done());
        if done || sent == Sent::Broken {
            state.receiver = None;
        }
        if sent == Sent::Broken {
            self.dropped(state, Dropped::Unread, quiet);
        } else if leaves {
            state.machine.detached(self.host.timer().now());
        }
    }

    /// Whether these bytes may be kept beside those that are kept already. What
    /// is not taken stays with the outbox, which counts both.
    pub(super) fn has_room(&self, state: &State<P>, pieces: &[IoSlice<'_>]) -> bool {
        let kept = if P::KEEPS { state.machine.kept() } else { 0 };
        let more = || pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let bound = || self.spark.get().map_or(usize::MAX, |spark| spark.bound());
        kept == 0 || kept.saturating_add(more()) <= bound()
    }

    /// A receiver is gone, or as good as gone: an answer could not be sent, or
    /// not all of it.
    pub(super) fn dropped(&self, state: &mut State<P>, how: Dropped, quiet: &mut Quiet) {
        let mut effects = Vec::new();
        state.machine.dropped(how, self.host.timer().now(), &mut effects);
        self.apply_quietly(state, effects, quiet);
    }

    /// The client has gone on without having read what it was sent.
    pub(crate) fn unread(&self, state: &mut State<P>) -> Todo<P> {
        let mut quiet = Quiet::default();
        self.dropped(state, Dropped::Unread, &mut quiet);
        quiet.into()
    }

    /// A client that is told of the end together with the last messages, because
    /// the server shuts down, need not come again.
    fn part(&self, state: &mut State<P>, quiet: &mut Quiet) {
        if state.parting && !state.is_behind() {
            self.lose(state, CloseReason::lost("the server shuts down"), quiet);
        }
    }

    /// The session is over: the rest of an answer is not kept for ever for a
    /// client that does not read it.
    pub(super) fn limit_unsent(&self, state: &State<P>) {
        let timer = self.host.timer();
        if state.is_behind() {
            let at = after(timer.now(), self.host.limits().close_timeout);
            let me = self.me.clone();
            let cut = move || me.upgrade().iter().for_each(|live| live.lock().cut_receiver());
            timer.schedule_fn(at, Box::new(cut));
        }
    }
}

/// Called by the spark's outbox, which is locked: nothing here has a `Todo`.
impl<P: Protocol> Polled for Live<P> {
    fn offer(&self, pieces: &[IoSlice<'_>]) -> io::Result<bool> {
        let mut state = self.lock();
        if let Some(since) = state.over_since {
            // The spark hears of it behind the messages that came before, which
            // no failure is to overtake; but a listener that does nothing but
            // write must be told eventually.
            let late = self.host.timer().now() > after(since, P::patience(&self.fixed));
            return if late { Err(io::ErrorKind::NotConnected.into()) } else { Ok(true) };
        }
        let (waiting, closing) = read(pieces);
        if !waiting.is_empty() {
            let free = state.is_free() && self.has_room(&state, pieces);
            if !(free && state.machine.takes(self.host.timer().now())) {
                return Ok(false);
            }
        }
        let (mut quiet, mut effects) = (Quiet::default(), Vec::new());
        let mut parting = false;
        if let Some(shutdown) = closing {
            // At shutdown no further receiver is awaited.
            parting = shutdown && !waiting.is_empty();
            state.last |= shutdown;
            state.parting = parting;
            state.machine.end(self.host.timer().now(), &mut effects);
        }
        if !waiting.is_empty() {
            self.answer(&mut state, What::Waiting { records: &waiting, parting }, &mut quiet);
        }
        self.apply_quietly(&mut state, effects, &mut quiet);
        self.part(&mut state, &mut quiet);
        drop(state);
        self.settle_quietly(quiet);
        Ok(true)
    }

    fn offer_shared(&self, records: &[u8], cast: &Cast) -> io::Result<bool> {
        self.offer_cast(&[IoSlice::new(records)], cast)
    }

    fn kept(&self) -> usize {
        if P::KEEPS { self.lock().machine.kept() } else { 0 }
    }

    fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().reached_by.upgrade()
    }

    fn is_over(&self) -> bool {
        self.lock().over_since.is_some()
    }

    fn wake(&self) {
        self.inlet.wake();
    }

    fn end(&self, cut: bool) {
        let mut quiet = Quiet::default();
        let mut state = self.lock();
        if cut {
            state.cut_receiver();
        }
        self.lose(&mut state, CloseReason::lost("the session has ended"), &mut quiet);
        drop(state);
        // The spark knows why.
        quiet.over = quiet.over.map(|_| End::Told);
        self.settle_quietly(quiet);
        self.inlet.end();
    }
}

/// What waits, and whether that ends with the end of the session; if so, whether
/// it is that of the server.
#[inline(never)]
pub(super) fn read<'a>(pieces: &'a [IoSlice<'_>]) -> (Vec<Record<'a>>, Option<bool>) {
    let (mut waiting, mut closing) = (Vec::new(), None);
    for record in pieces.iter().flat_map(|piece| records(piece)) {
        match record {
            Record::Close { shutdown } => closing = Some(shutdown),
            record => waiting.push(record),
        }
    }
    (waiting, closing)
}

impl<P: Protocol> Backlog for Live<P> {
    fn flush_backlog(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.lock();
        let receiver = match &mut state.receiver {
            Some(receiver)
                if receiver.is_behind()
                    && receiver.socket().is_some_and(|socket| Arc::ptr_eq(socket, stream)) =>
            {
                receiver
            }
            _ => return false,
        };
        let sent = receiver.flush();
        if sent == Sent::Rest {
            return true;
        }
        let goes_on = sent == Sent::Whole && receiver.is_open();
        if !goes_on {
            state.receiver = None;
        }
        let mut quiet = Quiet::default();
        match sent {
            Sent::Broken => self.dropped(&mut state, Dropped::Unread, &mut quiet),
            _ => self.part(&mut state, &mut quiet),
        }
        drop(state);
        self.settle_quietly(quiet);
        if goes_on {
            self.writable();
            self.idle();
        }
        false
    }
}
