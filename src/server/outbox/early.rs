//! How messages are encoded, and what of that is done before the outbox is locked.

use super::{Outbox, State};
use crate::frame::Frame;
use crate::transformers::polled::records::Records;
use crate::transformers::serve::Wire;

impl Outbox {
    /// How messages are encoded at present.
    pub(super) fn format(&self, state: &State) -> &dyn Wire {
        if state.sink.is_poll() { &Records } else { self.wire() }
    }

    /// How messages are encoded for a socket.
    pub(super) fn wire(&self) -> &dyn Wire {
        self.switched.get().map_or(&self.wire, |switched| &**switched).get()
    }

    /// The message for the socket, if to encode it takes long.
    #[inline]
    pub(super) fn early(&self, frame: &Frame) -> Option<Vec<u8>> {
        if self.wire().is_costly(frame) { self.costly(frame) } else { None }
    }

    #[cold]
    fn costly(&self, frame: &Frame) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        (!self.is_poll()).then(|| self.wire().encode(frame, &mut bytes))?;
        Some(bytes)
    }
}
