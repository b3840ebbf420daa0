//! Whether a subscription stands.

use std::sync::atomic::{AtomicU8, Ordering};

/// Whether a subscription stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stands {
    /// Redis has not been asked, or has not answered.
    NotYet,
    Yes,
    Refused,
}

/// The same, as the thread of subscriptions has it last.
pub(super) struct Standing(AtomicU8);

impl Default for Standing {
    fn default() -> Self {
        Standing(AtomicU8::new(Stands::NotYet as u8))
    }
}

impl Standing {
    pub fn get(&self) -> Stands {
        Self::of(self.0.load(Ordering::Relaxed))
    }

    /// Gives what it was before.
    pub fn set(&self, stands: Stands) -> Stands {
        Self::of(self.0.swap(stands as u8, Ordering::Relaxed))
    }

    fn of(number: u8) -> Stands {
        [Stands::NotYet, Stands::Yes, Stands::Refused][usize::from(number)]
    }
}
