//! The sessions that are open.

use std::collections::HashMap;
use std::sync::Arc;

use super::farewells::Farewells;
use super::fresh::Fresh;
use super::live::Live;
use crate::http::server::Owner;
use crate::limits::Limits;
use crate::sync::{Guard, Lock, rank};

/// Sessions by id.
///
/// The lock is held for a few instructions; nothing else is taken meanwhile.
#[derive(Default)]
pub(super) struct Sessions {
    /// What is owed to those that are no more.
    pub farewells: Farewells,
    table: Lock<Table, rank::Sessions>,
}

#[derive(Default)]
struct Table {
    live: HashMap<String, Arc<Live>>,
    fresh: Fresh,
}

impl Sessions {
    fn lock(&self) -> Guard<'_, Table> {
        self.table.lock()
    }

    /// The session with this id.
    pub fn find(&self, sid: &str) -> Option<Arc<Live>> {
        self.lock().live.get(sid).cloned()
    }

    /// Adds a session.
    pub fn insert(&self, live: &Arc<Live>) {
        self.lock().live.insert(live.sid().to_owned(), live.clone());
    }

    /// Keeps the number of sessions within the bounds whose clients have not
    /// come back: returns the oldest of them if there are more, which is to be
    /// ended.
    pub fn count_fresh(
        &self,
        live: &Arc<Live>,
        owner: Owner,
        limits: &Limits,
    ) -> Option<Arc<Live>> {
        self.lock().fresh.push(live, owner, limits)
    }

    /// The oldest session whose client has not come back, of this owner or of
    /// anybody; it is to be ended.
    pub fn oldest_fresh(&self, of: Option<Owner>) -> Option<Arc<Live>> {
        self.lock().fresh.oldest(of)
    }

    /// Removes a session.
    pub fn remove(&self, sid: &str) {
        let removed = self.lock().live.remove(sid);
        // Dropped without the lock.
        drop(removed);
    }
}
