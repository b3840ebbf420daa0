//! The sessions that are open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::fresh::Fresh;
use crate::http::server::Owner;
use crate::limits::Limits;
use crate::sync::{Guard, Lock, rank};

/// A session that can be listed.
pub(crate) trait Listed {
    /// Its id.
    fn id(&self) -> &str;

    /// Whether its client has not come back since it was opened. Asked with the
    /// table locked.
    fn is_fresh(&self) -> bool;
}

/// Sessions by id.
///
/// The lock is held for a few instructions.
pub(crate) struct Sessions<S> {
    table: Lock<Table<S>, rank::Sessions>,
}

struct Table<S> {
    by_id: HashMap<String, Arc<S>>,
    fresh: Fresh<S>,
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Sessions { table: Lock::new(Table { by_id: HashMap::new(), fresh: Fresh::default() }) }
    }
}

impl<S: Listed> Sessions<S> {
    fn lock(&self) -> Guard<'_, Table<S>> {
        self.table.lock()
    }

    /// The session with this id.
    pub fn find(&self, id: &str) -> Option<Arc<S>> {
        self.lock().by_id.get(id).cloned()
    }

    /// Adds a session, unless there is one with its id: then returns that.
    pub fn insert(&self, session: &Arc<S>) -> Option<Arc<S>> {
        match self.lock().by_id.entry(session.id().to_owned()) {
            Entry::Occupied(other) => Some(other.get().clone()),
            Entry::Vacant(place) => {
                place.insert(session.clone());
                None
            }
        }
    }

    /// Keeps the number of sessions within the bounds whose clients have not
    /// come back: returns the oldest of them if there are more, which is to be
    /// ended.
    pub fn count_fresh(&self, session: &Arc<S>, owner: Owner, limits: &Limits) -> Option<Arc<S>> {
        self.lock().fresh.push(session, owner, limits)
    }

    /// The oldest session whose client has not come back, of this owner or of
    /// anybody; it is to be ended.
    pub fn oldest_fresh(&self, of: Option<Owner>) -> Option<Arc<S>> {
        self.lock().fresh.oldest(of)
    }

    /// Removes a session.
    pub fn remove(&self, id: &str) {
        let removed = self.lock().by_id.remove(id);
        // Dropped without the lock.
        drop(removed);
    }
}
