//! Which rooms are kept.

use std::sync::Arc;

#[derive(Clone)]
pub(super) enum Which {
    All,
    Those(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Which {
    /// Whether a room is. May run code of the application's.
    pub fn has(&self, room: &str) -> bool {
        match self {
            Which::All => true,
            Which::Those(keeps) => keeps(room),
        }
    }
}
