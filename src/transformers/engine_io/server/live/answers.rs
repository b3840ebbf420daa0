//! The answers to polls, and what their sockets did not take of them at once.

use std::sync::Arc;

use super::{Live, State, Todo};
use crate::close::CloseReason;
use crate::net::Stream;
use crate::transformers::Backlog;
use crate::transformers::engine_io::packet::PacketRef;
use crate::transformers::engine_io::session::server::Input;

impl Live {
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
                state.unsent = Some((poll, unsent));
                todo.unsent = true;
            }
            Err(_) => self.poll_broken(state, todo),
        }
    }

    /// The answer to a poll could not be sent: as good as a lost connection.
    pub(super) fn poll_broken(&self, state: &mut State, todo: &mut Todo) {
        let text = "the answer to a poll could not be sent";
        let mut effects = Vec::new();
        let lost = Input::Lost(CloseReason::lost(text));
        state.machine.handle(lost, self.host.timer().now(), &mut effects);
        self.apply(state, effects, todo);
    }

    /// The session is over: from now on the rest of an answer has so much time as
    /// any connection that ends, for there is no heartbeat any more to tell that
    /// nobody reads it.
    pub(super) fn limit_unsent(&self, state: &State) {
        if state.unsent.is_none() {
            return;
        }
        let at = self.host.timer().now() + self.host.limits().close_timeout;
        let me = self.me.clone();
        let cut = move || me.upgrade().iter().for_each(|live| live.cut_unsent());
        self.host.timer().schedule_fn(at, Box::new(cut));
    }

    fn cut_unsent(&self) {
        if let Some((_, unsent)) = self.lock().unsent.take() {
            unsent.stream().abort();
        }
    }
}

impl Backlog for Live {
    fn stream(&self) -> Option<Arc<Stream>> {
        self.lock().unsent.as_ref().map(|(_, unsent)| unsent.stream().clone())
    }

    fn flush_backlog(&self) -> bool {
        let mut state = self.lock();
        let sent = match &mut state.unsent {
            Some((_, unsent)) => unsent.send(),
            None => return false,
        };
        if matches!(sent, Ok(false)) {
            return true;
        }
        state.unsent = None;
        let mut todo = Todo::default();
        if sent.is_err() {
            self.poll_broken(&mut state, &mut todo);
        }
        drop(state);
        self.settle(todo);
        false
    }
}
