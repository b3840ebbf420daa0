//! The channels of a server, and who has subscribed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Weak};

use super::server::ServerChannel;
use super::spark::{ChannelSpark, Subscription};
use super::wire::Id;
use crate::error::BoxError;
use crate::events::Listeners;
use crate::plugins::stream::Stream;
use crate::server::Spark;
use crate::sync::Lock;

/// Whether to make a channel that a client asks for.
pub(super) type OnDemand = dyn Fn(&Spark, &ServerChannel) -> bool + Send + Sync;

/// One channel: its name and its listeners.
pub(super) struct State {
    pub name: Box<str>,
    pub connection: Listeners<dyn Fn(&ChannelSpark) -> Result<(), BoxError> + Send + Sync>,
    pub disconnection: Listeners<dyn Fn(&ChannelSpark) + Send + Sync>,
    table: Weak<Table>,
}

impl State {
    /// A subscription is over.
    pub fn leave(&self, number: u64) {
        if let Some(table) = self.table.upgrade() {
            table.leave(&self.name, number);
        }
    }

    /// Those who have subscribed, in that order.
    pub fn members(&self) -> Vec<ChannelSpark> {
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
pub(super) struct Table {
    rows: Lock<Rows>,
    pub on_demand: Option<Box<OnDemand>>,
}

#[derive(Default)]
struct Rows {
    channels: BTreeMap<Box<str>, Row>,
    last: u64,
}

struct Row {
    state: Arc<State>,
    /// By the numbers that they got.
    members: BTreeMap<u64, ChannelSpark>,
    /// The application has asked for it.
    is_kept: bool,
}

impl Rows {
    #[must_use]
    fn remove_unused(&mut self, name: &str) -> Option<Row> {
        let is_unused = |row: &Row| !row.is_kept && row.members.is_empty();
        self.channels.get(name).is_some_and(is_unused).then(|| self.channels.remove(name))?
    }
}

impl Table {
    pub fn new(on_demand: Option<Box<OnDemand>>) -> Self {
        Table { rows: Lock::default(), on_demand }
    }

    fn make(self: &Arc<Self>, name: &str) -> Arc<State> {
        Arc::new(State {
            name: name.into(),
            connection: Listeners::default(),
            disconnection: Listeners::default(),
            table: Arc::downgrade(self),
        })
    }

    /// The channel of this name, which is made if there is none.
    pub fn channel(self: &Arc<Self>, name: &str) -> Arc<State> {
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

    /// Lets somebody in; `None` when there is no such channel and none is made.
    pub fn join(self: &Arc<Self>, spark: &Spark, id: Id, name: &str) -> Option<ChannelSpark> {
        let is_there = self.rows.lock().channels.contains_key(name);
        let mut made = None;
        if !is_there {
            let channel = ServerChannel::of(self.make(name));
            if !self.on_demand.as_ref()?(spark, &channel) {
                return None;
            }
            made = Some(channel.state().clone());
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
        let channel = row.state.clone();
        let stream = Stream::default();
        let state = Arc::new(Subscription { id, channel, number, stream });
        let member = ChannelSpark { spark: spark.clone(), state };
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
