//! The sessions that are open.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::farewells::Farewells;
use super::live::Live;

/// Sessions by id.
///
/// The lock is held for a few instructions; nothing else is taken meanwhile.
#[derive(Default)]
pub(super) struct Sessions {
    /// What is owed to those that are no more.
    pub farewells: Farewells,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    live: HashMap<String, Arc<Live>>,
    /// Those whose client may not have come back since the handshake, the
    /// oldest first.
    fresh: VecDeque<Weak<Live>>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session with this id.
    pub fn find(&self, sid: &str) -> Option<Arc<Live>> {
        self.lock().live.get(sid).cloned()
    }

    /// Adds a session.
    pub fn insert(&self, live: &Arc<Live>) {
        self.lock().live.insert(live.sid().to_owned(), live.clone());
    }

    /// Keeps the number of sessions within the bound whose clients have not
    /// come back: returns the oldest of them if there are more, which is to be
    /// ended.
    pub fn count_fresh(&self, live: &Arc<Live>, bound: usize) -> Option<Arc<Live>> {
        let mut table = self.lock();
        table.fresh.push_back(Arc::downgrade(live));
        if table.fresh.len() <= bound {
            return None;
        }
        let fresh = |live: &Weak<Live>| live.upgrade().is_some_and(|live| live.is_fresh());
        table.fresh.retain(fresh);
        if table.fresh.len() <= bound {
            return None;
        }
        table.fresh.pop_front()?.upgrade()
    }

    /// Removes a session.
    pub fn remove(&self, sid: &str) {
        let removed = self.lock().live.remove(sid);
        // Dropped without the lock.
        drop(removed);
    }
}
