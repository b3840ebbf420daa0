//! The sessions that are open.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::fresh::Fresh;
pub(crate) use super::fresh::Listed;
use crate::http::server::Owner;
use crate::limits::Limits;
use crate::sync::{Guard, Lock, rank};

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

    /// Removes a session, and not another one that has its id by now.
    pub fn remove(&self, session: &S) {
        let mut table = self.lock();
        let removed = match table.by_id.entry(session.id().to_owned()) {
            Entry::Occupied(found) if std::ptr::eq(&**found.get(), session) => Some(found.remove()),
            _ => None,
        };
        drop(table);
        // Dropped without the lock.
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Named(&'static str);

    impl Listed for Named {
        fn id(&self) -> &str {
            self.0
        }

        fn is_fresh(&self) -> bool {
            false
        }
    }

    /// Clients may choose an id again while its last session is being removed.
    #[test]
    fn a_session_is_not_removed_in_the_place_of_another() {
        let sessions = Sessions::default();
        let [first, second] = ["a", "a"].map(|id| Arc::new(Named(id)));
        assert!(sessions.insert(&first).is_none());
        assert!(sessions.insert(&second).is_some_and(|other| Arc::ptr_eq(&other, &first)));
        sessions.remove(&first);
        assert!(sessions.insert(&second).is_none());
        sessions.remove(&first);
        assert!(sessions.find("a").is_some_and(|found| Arc::ptr_eq(&found, &second)));
        sessions.remove(&second);
        assert!(sessions.find("a").is_none());
    }
}
