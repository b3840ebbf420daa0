//! The wire that an outbox speaks.

use crate::transformers::serve::Wire;

/// A wire, or the one of this connection's own that takes its place.
pub(super) struct Spoken {
    wire: &'static dyn Wire,
    own: Option<Box<dyn Wire>>,
}

impl Spoken {
    pub(super) fn new(wire: &'static dyn Wire) -> Self {
        Spoken { wire, own: wire.own() }
    }

    #[inline]
    pub(super) fn get(&self) -> &dyn Wire {
        self.own.as_deref().unwrap_or(self.wire)
    }
}
