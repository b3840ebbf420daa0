//! Broadcasts, of which many receivers get the same.

use std::io::{self, IoSlice};

use super::receive::read;
use super::{Live, Quiet, State};
use crate::transformers::polled::cast::{Cast, Piece};
use crate::transformers::polled::protocol::{Protocol, What};
use crate::transformers::serve::Polled;

impl<P: Protocol> Live<P> {
    /// [`offer`](Polled::offer) of messages that others get too.
    pub(super) fn offer_cast(&self, pieces: &[IoSlice<'_>], cast: &Cast) -> io::Result<bool> {
        let mut state = self.lock();
        let name = state.receiver.as_ref().and_then(|to| P::common(&self.fixed, to.shape()));
        let (Some(name), None) = (name, state.over_since) else {
            drop(state);
            return self.offer(pieces);
        };
        let free = state.is_free() && self.has_room(&state, pieces);
        if !(free && state.machine.takes(self.host.timer().now())) {
            return Ok(false);
        }
        let mut quiet = Quiet::default();
        self.cast(&mut state, name, (pieces, cast), &mut quiet);
        self.watch_clock(&mut state);
        drop(state);
        self.settle_quietly(quiet);
        Ok(true)
    }

    fn cast(
        &self,
        state: &mut State<P>,
        name: &'static str,
        (pieces, cast): (&[IoSlice<'_>], &Cast),
        quiet: &mut Quiet,
    ) {
        let Some(receiver) = &state.receiver else { return };
        let machine = &mut state.machine;
        let piece = cast.piece(name, || {
            let what = What::Waiting { records: &read(pieces).0, parting: false };
            let mut body = Vec::new();
            let content = machine.body(&self.fixed, receiver.shape(), what, &mut body);
            Piece::new(content, &body)
        });
        let last = state.last;
        self.give(state, quiet, |receiver| receiver.send_common(&piece, last));
    }
}
