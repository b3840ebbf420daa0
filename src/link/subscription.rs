//! What ends a subscription.

use std::fmt;
use std::sync::Weak;

use super::shared::Shared;

/// What is heard by this is heard until it is dropped; then, or when the link is
/// closed, it ends. It does not keep the link alive.
#[must_use = "what is heard is heard until this is dropped"]
pub struct Subscription {
    pub(super) shared: Weak<Shared>,
    pub(super) id: u64,
}

impl Subscription {
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
