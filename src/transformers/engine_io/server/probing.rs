//! The WebSocket that is to take the place of a session's polls.

use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::Stream;
use crate::sync::{Lock, Signal};

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

    /// This one probes from now on.
    pub fn begin(&self, stream: &Arc<Stream>) {
        let mut state = self.state.lock();
        (state.probe, state.behind) = (Some(stream.clone()), true);
    }

    /// A frame of this one is being handled from now on; false if another probes,
    /// or none.
    pub fn handles(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.state.lock();
        state.handled = state.is(stream);
        state.handled
    }

    /// The frame is handled; whether the WebSocket probes on.
    pub fn handled(&self, switch: bool) -> bool {
        let mut state = self.state.lock();
        state.handled = false;
        if switch {
            state.probe = None;
        }
        state.probe.is_some()
    }

    /// Takes this one out, if it probes.
    pub fn leave(&self, stream: &Arc<Stream>) -> bool {
        let mut state = self.state.lock();
        let probes = state.is(stream);
        if probes {
            state.probe = None;
        }
        probes
    }
}

/// Sends a few bytes on a WebSocket that is no spark's yet. A client that does
/// not even read this little is not what we wait for.
pub(super) fn say(stream: &Stream, bytes: &[u8]) {
    if !stream.offer(bytes).is_ok_and(|sent| sent == bytes.len()) {
        stream.shutdown(Shutdown::Both);
    }
}
