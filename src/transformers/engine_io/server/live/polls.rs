//! Polls and their answers: what goes to the client of a session that polls.

use std::io::{self, IoSlice};
use std::mem;
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Live, State, Todo};
use crate::close::CloseReason;
use crate::deadline::after;
use crate::frame::room;
use crate::http::server::Held;
use crate::net::Stream;
use crate::transformers::engine_io::Carrier;
use crate::transformers::engine_io::packet::PacketRef;
use crate::transformers::engine_io::payload::{self, Content};
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::Input;
use crate::transformers::records::{Record, records};
use crate::transformers::serve::{Backlog, Polled};

impl State {
    /// Whether a poll is still to be answered, or its answer to be sent.
    fn holds(&self, poll: u64) -> bool {
        let held = self.held.as_ref().map(|(held, _)| *held);
        held == Some(poll) || self.unsent.as_ref().is_some_and(|(unsent, _)| *unsent == poll)
    }

    /// Of two polls the one that was sent first is the held one, whichever of
    /// their threads came here first. Returns the other, and the number of the
    /// new one if they have changed places.
    fn in_order(&mut self, new: Held) -> (Held, Option<u64>) {
        match &mut self.held {
            Some((number, held)) if new.came_before(held) => {
                *number = self.polls;
                self.polls += 1;
                (mem::replace(held, new), Some(*number))
            }
            _ => (new, None),
        }
    }

    fn polls(&self) -> bool {
        self.machine.carrier() == Some(Carrier::Polling)
    }

    /// Cuts the connections of polls that are not answered, or not read.
    fn cut_polls(&mut self) {
        let (held, unsent) = (self.held.take(), self.unsent.take());
        held.iter().for_each(|(_, held)| held.stream().abort());
        unsent.iter().for_each(|(_, unsent)| unsent.stream().abort());
    }
}

impl Live {
    /// The body of an answer with these packets.
    #[inline(never)]
    pub fn payload(&self, packets: &[PacketRef<'_>]) -> (Content, Vec<u8>) {
        let length = packets.iter().map(|packet| payload::item_len(*packet, self.format)).sum();
        let mut body = Vec::new();
        room::reserve(&mut body, length);
        let packets = packets.iter().copied();
        let content = match &self.jsonp {
            Some(number) => {
                payload::encode_jsonp(packets, self.format, number, &mut body);
                Content::Text
            }
            None => payload::encode(packets, self.format, &mut body),
        };
        (content, body)
    }

    /// A poll; its number, unless it is refused.
    pub fn get(&self, held: Held) -> Result<u64, Refusal> {
        self.fresh.store(false, Ordering::Relaxed);
        self.tick_if_due(held.since());
        let mut state = self.lock_behind_probe();
        if state.unsent.is_some() && state.polls() {
            // It asks again without having read the answer.
            let mut todo = Todo::default();
            self.poll_broken(&mut state, &mut todo);
            drop(state);
            self.settle(todo);
            return Err(Refusal::Overlap);
        }
        let (held, overtaken) = state.in_order(held);
        let todo = self.handle_locked(&mut state, Input::Get);
        if let (Some(poll), Some(refusal)) = (overtaken, todo.refused) {
            // It has got its answer. The one that had overtaken it is refused.
            drop(state);
            self.refuse(held, refusal);
            self.settle(todo);
            return Ok(poll);
        }
        let poll = state.polls;
        if todo.accepted {
            state.polls += 1;
            state.polled_by = Arc::downgrade(held.stream());
            state.held = Some((poll, held));
        }
        drop(state);
        let todo = self.settle(todo);
        if let Some(refusal) = todo.refused {
            return Err(refusal);
        }
        if let Some(spark) = self.spark.get() {
            spark.writable();
        }
        // Nothing was waiting: there may still be a close packet to be sent.
        let mut state = self.lock();
        let mut todo = Todo::default();
        if state.held.is_some() {
            let mut effects = Vec::new();
            state.machine.offer(false, &mut effects);
            self.apply(&mut state, effects, &mut todo);
        }
        drop(state);
        self.settle(todo);
        Ok(poll)
    }

    /// Refuses a poll that was held.
    #[inline(never)]
    fn refuse(&self, held: Held, refusal: Refusal) {
        self.host.refused(400);
        let mut unsent = held.refuse("application/json", refusal.body().into_bytes());
        if !matches!(unsent.send(), Ok(true)) {
            unsent.stream().abort();
        }
    }

    /// Whether a poll is still to be answered, or its answer to be sent.
    pub fn holds(&self, poll: u64) -> bool {
        self.lock().holds(poll)
    }

    /// The connection of a poll was lost.
    pub fn get_lost(&self, poll: u64) {
        let mut state = self.lock();
        if !state.holds(poll) {
            return;
        }
        state.held = None;
        let todo = match state.unsent.take() {
            Some((_, unsent)) => {
                // Wakes the flusher, which keeps the socket open for as long as
                // it waits for room in it.
                unsent.stream().shutdown(Shutdown::Both);
                let mut todo = Todo::default();
                self.poll_broken(&mut state, &mut todo);
                todo
            }
            None => self.handle_locked(&mut state, Input::GetLost),
        };
        drop(state);
        self.settle(todo);
    }

    /// Gives the held poll its answer.
    pub(super) fn answer(&self, state: &mut State, packets: &[PacketRef<'_>], todo: &mut Todo) {
        let Some((poll, mut held)) = state.held.take() else { return };
        if state.last {
            held.close_after();
        }
        let (content, body) = self.payload(packets);
        let mut unsent = held.answer(content.mime(), body);
        match unsent.send() {
            Ok(true) => {}
            Ok(false) => {
                todo.unsent = Some(unsent.stream().clone());
                state.unsent = Some((poll, unsent));
            }
            Err(_) => self.poll_broken(state, todo),
        }
    }

    /// The answer to a poll could not be sent, or not all of it: as good as a
    /// lost connection.
    pub(super) fn poll_broken(&self, state: &mut State, todo: &mut Todo) {
        // Only a noop is on its way to a client that has gone over.
        if state.polls() {
            self.lost(state, "the answer to a poll could not be sent", todo);
        }
    }

    /// A client that is told of the end together with the last messages, because
    /// the server shuts down, need not come again.
    fn part(&self, state: &mut State, todo: &mut Todo) {
        if state.parting && state.unsent.is_none() {
            self.lost(state, "the server shuts down", todo);
        }
    }

    /// The client is gone.
    fn lost(&self, state: &mut State, text: &str, todo: &mut Todo) {
        let mut effects = Vec::new();
        let lost = Input::Lost(CloseReason::lost(text));
        state.machine.handle(lost, self.host.timer().now(), &mut effects);
        self.apply(state, effects, todo);
    }

    /// The session is over: the rest of an answer is not kept for ever for a
    /// client that does not read it.
    pub(super) fn limit_unsent(&self, state: &State) {
        let timer = self.host.timer();
        if state.unsent.is_some() {
            let at = after(timer.now(), self.host.limits().close_timeout);
            let me = self.me.clone();
            let cut = move || me.upgrade().iter().for_each(|live| live.lock().cut_polls());
            timer.schedule_fn(at, Box::new(cut));
        }
    }
}

impl Polled for Live {
    fn offer(&self, pieces: &[IoSlice<'_>]) -> io::Result<bool> {
        let mut state = self.lock();
        if let Some(since) = state.over_since {
            // The spark hears of it behind the messages that came before, which
            // no failure is to overtake; but a listener that does nothing but
            // write must be told some day.
            let late = self.host.timer().now() > after(since, self.options.timing.ping_timeout);
            return if late { Err(io::ErrorKind::NotConnected.into()) } else { Ok(true) };
        }
        let (mut packets, close) = packets(pieces);
        let mut todo = Todo::default();
        let mut effects = Vec::new();
        let polls = state.polls();
        let taken = packets.is_empty() || (polls && state.machine.offer(true, &mut effects));
        if !taken {
            return Ok(false);
        }
        if let Some(shutdown) = close {
            state.last |= shutdown;
            // Who shuts down does not wait for another poll.
            state.parting = shutdown && !packets.is_empty();
            packets.extend(state.parting.then_some(PacketRef::Close));
            state.machine.handle(Input::End, self.host.timer().now(), &mut effects);
        }
        if !packets.is_empty() {
            self.answer(&mut state, &packets, &mut todo);
        }
        self.apply(&mut state, effects, &mut todo);
        self.part(&mut state, &mut todo);
        drop(state);
        self.settle(todo);
        Ok(true)
    }

    fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().polled_by.upgrade()
    }

    fn is_over(&self) -> bool {
        self.lock().over_since.is_some()
    }

    fn wake(&self) {
        self.inlet.wake();
    }

    fn end(&self, cut: bool) {
        let mut state = self.lock();
        if cut {
            state.cut_polls();
        }
        let gone = Input::Lost(CloseReason::lost("the session has ended"));
        let mut todo = self.handle_locked(&mut state, gone);
        // The spark knows why.
        todo.over = todo.over.map(|_| None);
        drop(state);
        self.settle(todo);
        self.inlet.end();
    }
}

/// The packets that have waited, and whether they end with the end of the
/// session; if so, whether it is that of the server.
#[inline(never)]
fn packets<'a>(pieces: &'a [IoSlice<'_>]) -> (Vec<PacketRef<'a>>, Option<bool>) {
    let (mut packets, mut close) = (Vec::new(), None);
    for record in pieces.iter().flat_map(|piece| records(piece)) {
        match record {
            Record::Text(text) => packets.push(PacketRef::Text(text)),
            Record::Binary(bytes) => packets.push(PacketRef::Binary(bytes)),
            Record::Packet(text) => packets.extend(own(text)),
            Record::Close { shutdown } => close = Some(shutdown),
        }
    }
    (packets, close)
}

/// A packet of ours that has waited as text.
fn own(text: &str) -> Option<PacketRef<'_>> {
    let (kind, data) = text.split_at_checked(1)?;
    match kind {
        "2" => Some(PacketRef::Ping(data)),
        "3" => Some(PacketRef::Pong(data)),
        _ => None,
    }
}

impl Backlog for Live {
    fn flush_backlog(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.lock();
        let sent = match &mut state.unsent {
            Some((_, unsent)) if Arc::ptr_eq(unsent.stream(), stream) => unsent.send(),
            _ => return false,
        };
        if matches!(sent, Ok(false)) {
            return true;
        }
        state.unsent = None;
        let mut todo = Todo::default();
        match sent {
            Ok(_) => self.part(&mut state, &mut todo),
            Err(_) => self.poll_broken(&mut state, &mut todo),
        }
        drop(state);
        self.settle(todo);
        false
    }
}
