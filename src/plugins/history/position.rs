//! Where a room stands.

use std::sync::Arc;

/// How far a room is: the offset of a message, counted from 1 within its epoch. A room
/// that begins anew has another epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Position {
    pub epoch: Arc<str>,
    pub offset: u64,
}

impl Position {
    pub fn new(epoch: impl Into<Arc<str>>, offset: u64) -> Self {
        Position { epoch: epoch.into(), offset }
    }

    /// The one `count` messages further.
    pub fn after(&self, count: u64) -> Self {
        Position { epoch: self.epoch.clone(), offset: self.offset.saturating_add(count) }
    }
}
