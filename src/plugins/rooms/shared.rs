//! The rooms of one server: the table, who listens to its changes, and the store
//! that is told of them.

use std::sync::Arc;

use super::store::{Change, RoomStore};
use super::table::{Bounds, Refused, Table};
use crate::error::{Error, Result, catch};
use crate::events::Listeners;
use crate::plugins::Channel;
use crate::server::{Audience, Spark};
use crate::sync::Lock;

/// So many changes may wait for a store; then nobody can join.
const WAITING: usize = 100_000;

pub(super) type Members = Table<Spark, Audience>;

type OnRoom = dyn Fn(&Spark, &str) + Send + Sync;
type OnRooms = dyn Fn(&Spark, &[Arc<str>]) + Send + Sync;

/// What the plugin, its listeners and the handles of its rooms share.
pub(super) struct Shared {
    state: Lock<State>,
    wild_delete: bool,
    pub store: Option<Box<dyn RoomStore>>,
    pub joined: Listeners<OnRoom>,
    pub left: Listeners<OnRoom>,
    pub left_all: Listeners<OnRooms>,
}

struct State {
    table: Members,
    /// The plugin was taken out.
    over: bool,
    /// What the store is to be told.
    changes: Vec<Change>,
    /// A thread tells it, and goes on until nothing is left.
    telling: bool,
}

impl Shared {
    pub fn new(
        wildcards: bool,
        wild_delete: bool,
        bounds: Bounds,
        store: Option<Box<dyn RoomStore>>,
    ) -> Self {
        let table = Table::new(wildcards, bounds);
        Shared {
            state: Lock::new(State { table, over: false, changes: Vec::new(), telling: false }),
            wild_delete: wildcards && wild_delete,
            store,
            joined: Listeners::default(),
            left: Listeners::default(),
            left_all: Listeners::default(),
        }
    }

    /// Looks at the table, or changes it.
    pub fn table<R>(&self, run: impl FnOnce(&mut Members) -> R) -> R {
        self.state(|state| run(&mut state.table))
    }

    fn state<R>(&self, run: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = run(&mut state);
        let dropped = std::mem::take(&mut state.table.dropped);
        drop(state);
        // Among it may be the last handle of a spark, and with that what the
        // application has put into it.
        drop(dropped);
        result
    }

    /// Puts a spark into all of these rooms, or into none. Gives those in which it
    /// was not.
    pub fn join(&self, spark: &Spark, names: &[&str]) -> Result<Vec<Arc<str>>> {
        let joined = self.state(|state| {
            if state.over || !may_join(spark) {
                return Err(Error::Closed);
            }
            let waiting = state.changes.len();
            if waiting >= WAITING {
                return Err(Error::Full { waiting, bound: WAITING, cut: false });
            }
            let joined = state.table.join(spark, names.iter().copied()).map_err(refused)?;
            self.note(state, spark, &joined, true);
            Ok(joined)
        })?;
        self.tell();
        tell_each(&self.joined, spark, &joined);
        Ok(joined)
    }

    /// Takes a spark out of a room, or out of all like it. Gives those in which it
    /// was.
    pub fn leave(&self, spark: &Spark, name: &str) -> Vec<Arc<str>> {
        let left = self.state(|state| {
            let left = match self.wild_delete && name.contains('*') {
                true => state.table.leave_like(spark, name),
                false => Vec::from_iter(state.table.leave(spark, name)),
            };
            self.note(state, spark, &left, false);
            left
        });
        self.tell();
        tell_each(&self.left, spark, &left);
        left
    }

    /// Takes a spark out of all rooms. Gives those in which it was.
    pub fn leave_all(&self, spark: &Spark) -> Vec<Arc<str>> {
        let left = self.state(|state| {
            let left = state.table.leave_all(spark);
            self.note(state, spark, &left, false);
            left
        });
        self.tell();
        tell_each(&self.left, spark, &left);
        if !left.is_empty() {
            self.left_all.snapshot().iter().for_each(|listener| listener(spark, &left));
        }
        left
    }

    /// Takes everybody out of a room. Gives how many.
    pub fn empty(&self, name: &str) -> usize {
        let Some((name, left)) = self.state(|state| {
            let (name, left) = state.table.empty(name)?;
            for spark in &left {
                self.note(state, spark, std::slice::from_ref(&name), false);
            }
            Some((name, left))
        }) else {
            return 0;
        };
        self.tell();
        left.iter().for_each(|spark| tell_each(&self.left, spark, std::slice::from_ref(&name)));
        left.len()
    }

    /// The end: nobody is in a room any more, and nobody joins one.
    pub fn end(&self) {
        self.state(|state| {
            state.over = true;
            let bounds = state.table.bounds();
            // Dropped without the lock, as what is let go of one by one.
            std::mem::replace(&mut state.table, Table::new(false, bounds))
        });
        if let Some(store) = &self.store
            && let Err(panic) = catch(|| store.detach())
        {
            log::error!("the store of rooms panicked: {panic}");
        }
    }

    /// Keeps for the store what has changed.
    fn note(&self, state: &mut State, spark: &Spark, rooms: &[Arc<str>], joined: bool) {
        if self.store.is_some() {
            let changes = rooms.iter().map(|room| Change {
                spark: spark.clone(),
                room: room.clone(),
                joined,
            });
            state.changes.extend(changes);
        }
    }

    /// Tells the store what has changed. One thread does it at a time, also for
    /// those who come meanwhile: so it hears of everything in its order.
    fn tell(&self) {
        let Some(store) = &self.store else { return };
        while let Some(changes) = self.take_changes() {
            let outcome = catch(|| store.changed(&changes));
            self.state.lock().telling = false;
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(error)) => log::warn!("the store of rooms: {error}"),
                Err(panic) => log::error!("the store of rooms panicked: {panic}"),
            }
        }
    }

    fn take_changes(&self) -> Option<Vec<Change>> {
        let mut state = self.state.lock();
        if state.telling || state.changes.is_empty() {
            return None;
        }
        state.telling = true;
        Some(std::mem::take(&mut state.changes))
    }
}

/// That the end of a spark will be told: its connection was.
pub(super) struct Announced;

/// Whether a spark will leave what it joins now. It is marked as closed before its
/// rooms are left, so that nobody is in one for ever who joins at the end. One whose
/// connection nobody was told of may end without a word; on its own thread it was.
fn may_join(spark: &Spark) -> bool {
    let is_told = || spark.extensions().get::<Announced>().is_some() || spark.is_inside();
    spark.is_open() && is_told()
}

fn tell_each(listeners: &Listeners<OnRoom>, spark: &Spark, rooms: &[Arc<str>]) {
    if rooms.is_empty() || listeners.is_empty() {
        return;
    }
    let listeners = listeners.snapshot();
    for room in rooms {
        listeners.iter().for_each(|listener| listener(spark, room));
    }
}

/// Why somebody cannot join, as the application is told.
pub(super) fn refused(refused: Refused) -> Error {
    Error::Misuse(match refused {
        Refused::NoName => "the name of a room is empty".to_owned(),
        Refused::LongName(most) => {
            format!("the name of a room has more than {most} bytes (`Limits::room_name`)")
        }
        Refused::Rooms(most) => {
            format!("the connection is in {most} rooms already (`Limits::rooms`)")
        }
        Refused::Wildcards(most) => format!(
            "the connection is in {most} rooms with wildcards already (`Limits::room_wildcards`)"
        ),
    })
}
