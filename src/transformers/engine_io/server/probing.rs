//! The WebSocket that is to take the place of a session's polls.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::protocol::Live;
use super::upgrade::say;
use crate::frame::Frame;
use crate::net::Stream;
use crate::sync::{Lock, Signal};
use crate::transformers::engine_io::packet::Packet;
use crate::transformers::engine_io::request::Refusal;
use crate::transformers::engine_io::session::server::Input;

/// How long a request waits for what the client has sent on the WebSocket that
/// probes.
const CATCH_UP: Duration = Duration::from_millis(500);

/// Where it stands.
#[derive(Default)]
pub(crate) struct Probing {
    state: Lock<State>,
    /// What came on it is handled, or it is gone.
    caught_up: Signal,
}

#[derive(Default)]
struct State {
    probe: Option<Arc<Stream>>,
    /// What was read from it is being handled.
    behind: bool,
    /// By the thread that reads it, which closes it too.
    handled: bool,
}

impl State {
    fn is(&self, stream: &Arc<Stream>) -> bool {
        self.probe.as_ref().is_some_and(|probe| Arc::ptr_eq(probe, stream))
    }
}

/// What became of a frame on it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Probed {
    /// It probes on.
    Open,
    /// It takes the polls' place.
    Switch,
    /// It is to be closed.
    Over,
}

impl Probing {
    /// Waits until all is handled that the client had sent on it: else a request
    /// that it sent later, on another connection, could overtake that.
    pub fn catch_up(&self) {
        let mut state = self.state.lock();
        if state.probe.is_none() {
            return;
        }
        let deadline = Instant::now() + CATCH_UP;
        while let Some(probe) = &state.probe
            && (state.behind || probe.has_unread())
        {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = state.wait_for(&self.caught_up, left);
        }
    }

    /// Says whether what was read from this WebSocket is still to be handled.
    pub fn set_behind(&self, stream: &Arc<Stream>, behind: bool) {
        let mut state = self.state.lock();
        if state.probe.is_none() || state.is(stream) {
            state.behind = behind;
            self.caught_up.notify_all();
        }
    }

    /// Sends something on it.
    pub fn say(&self, frame: &[u8]) {
        self.state.lock().probe.iter().for_each(|stream| say(stream, frame));
    }

    /// It is to be closed.
    pub fn close(&self) {
        let mut state = self.state.lock();
        if let Some(stream) = state.probe.take()
            && !state.handled
        {
            // Wakes the thread that reads it, which says goodbye.
            stream.shutdown(Shutdown::Read);
        }
    }

    fn begin(&self, stream: &Arc<Stream>) {
        let mut state = self.state.lock();
        (state.probe, state.behind) = (Some(stream.clone()), true);
    }

    /// A frame of this one is being handled from now on; false if another probes,
    /// or none.
    fn handles(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.state.lock();
        state.handled = state.is(stream);
        state.handled
    }

    /// The frame is handled; whether the WebSocket probes on.
    fn handled(&self, switch: bool) -> bool {
        let mut state = self.state.lock();
        state.handled = false;
        if switch {
            state.probe = None;
        }
        state.probe.is_some()
    }

    /// Takes this one out, if it probes.
    fn leave(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.state.lock();
        let probes = state.is(stream);
        if probes {
            state.probe = None;
        }
        probes
    }
}

/// A WebSocket is to take the polls' place.
pub(super) fn upgrade(live: &Live, stream: &Arc<Stream>) -> Result<(), Refusal> {
    live.knock();
    let probing = &live.fixed().probing;
    probing.catch_up();
    let mut state = live.lock();
    let todo = live.feed(&mut state, Input::Upgrade);
    if todo.accepted() {
        probing.begin(stream);
    }
    drop(state);
    live.settle(todo).refused.map_or(Ok(()), Err)
}

/// A frame came on the WebSocket that probes.
pub(super) fn probe(live: &Live, frame: Frame, stream: &Arc<Stream>) -> Probed {
    let probing = &live.fixed().probing;
    let mut state = live.lock();
    if !probing.handles(stream) {
        return Probed::Over;
    }
    let todo = match Packet::from_frame(frame, live.fixed().format.revision) {
        // Clients wait for the answer to their last poll.
        Ok(Packet::Upgrade) if state.is_behind() => live.unread(&mut state),
        packet => live.feed(&mut state, Input::Probe(packet)),
    };
    let switches = todo.switches();
    let probes = probing.handled(switches);
    drop(state);
    live.settle(todo);
    match (switches, probes) {
        (true, _) => Probed::Switch,
        (false, true) => Probed::Open,
        (false, false) => Probed::Over,
    }
}

/// The WebSocket that probes is gone.
pub(super) fn lost(live: &Live, stream: &Arc<Stream>) {
    let mut state = live.lock();
    if live.fixed().probing.leave(stream) {
        let todo = live.feed(&mut state, Input::ProbeLost);
        drop(state);
        live.settle(todo);
    }
}
