//! The channels of a server, and who has subscribed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, OnceLock, Weak};

use crate::error::{BoxError, Error, Result};
use crate::events::Listeners;
use crate::extensions::Extensions;
use crate::server::{Primus, WeakPrimus};
use crate::sync::Lock;

/// Subscriptions that a connection has at most.
pub(super) const MOST_SUBSCRIPTIONS: usize = 1_000;

/// Bytes of the name of a channel.
pub(super) const LONGEST_NAME: usize = 256;

/// The name, if a channel can have it.
pub(super) fn named(name: &str) -> Result<&str> {
    match name.len() {
        1..=LONGEST_NAME => Ok(name),
        _ => {
            let text = format!("the name of a channel has 1 to {LONGEST_NAME} bytes");
            Err(Error::Misuse(text))
        }
    }
}

/// What is called with a new member.
pub(super) type Joined<M> = dyn Fn(&M) -> Result<(), BoxError> + Send + Sync;

/// One channel: its name and its listeners. `M` is a member of it.
pub(super) struct State<M> {
    pub name: Box<str>,
    pub connection: Listeners<Joined<M>>,
    pub disconnection: Listeners<dyn Fn(&M) + Send + Sync>,
    /// What plugins have for it.
    pub extensions: Extensions,
    /// Called with a member that has left, before the listeners.
    pub left: OnceLock<fn(&M)>,
    table: Weak<Table<M>>,
}

impl<M: Clone> State<M> {
    /// A subscription is over.
    pub fn leave(&self, number: u64) {
        if let Some(table) = self.table.upgrade() {
            table.leave(&self.name, number);
        }
    }

    /// The server, while it is there.
    pub fn primus(&self) -> Option<Primus> {
        self.table.upgrade()?.primus.upgrade()
    }

    /// Those who have subscribed, in that order.
    pub fn members(&self) -> Vec<M> {
        self.table.upgrade().map_or_else(Vec::new, |table| {
            let rows = table.rows.lock();
            let row = rows.channels.get(&self.name).filter(|row| std::ptr::eq(&*row.state, self));
            row.map_or_else(Vec::new, |row| row.members.values().cloned().collect())
        })
    }

    pub fn count(&self) -> usize {
        self.table.upgrade().map_or(0, |table| {
            let rows = table.rows.lock();
            let row = rows.channels.get(&self.name).filter(|row| std::ptr::eq(&*row.state, self));
            row.map_or(0, |row| row.members.len())
        })
    }

    /// The application wants it no longer: it is gone with its last member.
    pub fn forget(&self) {
        if let Some(table) = self.table.upgrade() {
            let mut rows = table.rows.lock();
            let row = rows.channels.get_mut(&self.name);
            if let Some(row) = row.filter(|row| std::ptr::eq(&*row.state, self)) {
                row.is_kept = false;
            }
            let removed = rows.remove_unused(&self.name);
            drop(rows);
            drop(removed);
        }
    }
}

/// All channels of a server.
pub(super) struct Table<M> {
    primus: WeakPrimus,
    rows: Lock<Rows<M>>,
}

struct Rows<M> {
    channels: BTreeMap<Box<str>, Row<M>>,
    last: u64,
}

struct Row<M> {
    state: Arc<State<M>>,
    /// By the numbers that they got.
    members: BTreeMap<u64, M>,
    /// The application has asked for it.
    is_kept: bool,
}

impl<M> Rows<M> {
    #[must_use]
    fn remove_unused(&mut self, name: &str) -> Option<Row<M>> {
        let is_unused = |row: &Row<M>| !row.is_kept && row.members.is_empty();
        self.channels.get(name).is_some_and(is_unused).then(|| self.channels.remove(name))?
    }
}

impl<M: Clone> Table<M> {
    pub fn new(primus: WeakPrimus) -> Self {
        Table { primus, rows: Lock::new(Rows { channels: BTreeMap::new(), last: 0 }) }
    }

    fn make(self: &Arc<Self>, name: &str) -> Arc<State<M>> {
        Arc::new(State {
            name: name.into(),
            connection: Listeners::default(),
            disconnection: Listeners::default(),
            extensions: Extensions::default(),
            left: OnceLock::new(),
            table: Arc::downgrade(self),
        })
    }

    /// The channel of this name, which is made if there is none.
    pub fn channel(self: &Arc<Self>, name: &str) -> Arc<State<M>> {
        let fresh = self.make(name);
        let mut rows = self.rows.lock();
        let row = Row { state: fresh, members: BTreeMap::new(), is_kept: true };
        let (row, unused) = match rows.channels.entry(name.into()) {
            Entry::Occupied(present) => (present.into_mut(), Some(row)),
            Entry::Vacant(place) => (place.insert(row), None),
        };
        row.is_kept = true;
        let state = row.state.clone();
        drop(rows);
        drop(unused);
        state
    }

    /// Lets somebody in, whom `member` makes of the channel and a number. Where there is
    /// no such channel, `make` says whether to make it; `None` if not.
    pub fn join(
        self: &Arc<Self>,
        name: &str,
        make: impl FnOnce(&Arc<State<M>>) -> bool,
        member: impl FnOnce(Arc<State<M>>, u64) -> M,
    ) -> Option<M> {
        let is_there = self.rows.lock().channels.contains_key(name);
        let made = (!is_there).then(|| self.make(name));
        if made.as_ref().is_some_and(|made| !make(made)) {
            return None;
        }
        let mut rows = self.rows.lock();
        rows.last += 1;
        let number = rows.last;
        let row = match (rows.channels.entry(name.into()), &made) {
            (Entry::Occupied(present), _) => present.into_mut(),
            (Entry::Vacant(place), Some(state)) => {
                let state = state.clone();
                place.insert(Row { state, members: BTreeMap::new(), is_kept: false })
            }
            // It was taken away just now.
            (Entry::Vacant(_), None) => return None,
        };
        let member = member(row.state.clone(), number);
        row.members.insert(number, member.clone());
        drop(rows);
        Some(member)
    }

    fn leave(&self, name: &str, number: u64) {
        let mut rows = self.rows.lock();
        let member = rows.channels.get_mut(name).and_then(|row| row.members.remove(&number));
        let removed = rows.remove_unused(name);
        drop(rows);
        drop((member, removed));
    }
}
