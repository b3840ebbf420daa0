//! What ends a subscription, and tells whether it stands.

use std::fmt;
use std::sync::{Arc, Weak};

use super::shared::Shared;
use super::standing::{Standing, Stands};

/// What is heard by this is heard until it is dropped; then, or when the link is
/// closed, it ends. It does not keep the link alive.
#[must_use = "what is heard is heard until this is dropped"]
pub struct Subscription {
    pub(super) shared: Weak<Shared>,
    pub(super) id: u64,
    pub(super) standing: Arc<Standing>,
}

impl Subscription {
    /// Whether it stands: Redis says now what is published there. It does not before
    /// [`Heard::Back`](super::Heard::Back), nor from [`Heard::Cut`](super::Heard::Cut) on.
    pub fn stands(&self) -> bool {
        self.standing.get() == Stands::Yes
    }

    /// Whether Redis has refused it, for want of a right, say. It is asked for again at each
    /// [`ping_interval`](super::LinkBuilder::ping_interval), and stands as soon as it may.
    pub fn is_refused(&self) -> bool {
        self.standing.get() == Stands::Refused
    }

    /// Ends it, as dropping does. A message that is being heard right now may still
    /// be heard by another thread afterwards.
    pub fn remove(self) {}
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.unsubscribe(self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("id", &self.id).finish_non_exhaustive()
    }
}
