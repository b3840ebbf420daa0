//! The rooms of one server, or of one of its channels: the table, who listens to its
//! changes, and the store that is told of them.

use std::hash::Hash;
use std::sync::{Arc, OnceLock};

use super::store::{Change, RoomMessage, RoomStore};
use super::table::{Bounds, Refused, Table};
use crate::error::{Error, Result, catch};
use crate::events::Listeners;
use crate::plugins::Channel;
use crate::server::{Audience, Primus, Spark, WeakPrimus};
use crate::sync::Lock;

/// So many changes may wait for a store; then nobody can join.
const WAITING: usize = 100_000;

/// Who can be in rooms: a spark, or a subscription to a channel.
pub(in crate::plugins) trait Member: Clone + Eq + Hash {
    /// What a message for many is given to.
    type Audience: Clone;

    /// The connection, which a store is told of.
    fn spark(&self) -> &Spark;

    /// Whether it will leave what it joins now.
    fn may_join(&self) -> bool;

    /// Takes so many places for rooms of those that its connection has beside the bound
    /// of the table; false when there are not as many.
    fn take_places(&self, _count: usize) -> bool {
        true
    }

    /// Gives places back.
    fn give_places(&self, _count: usize) {}
}

impl Member for Spark {
    type Audience = Audience;

    fn spark(&self) -> &Spark {
        self
    }

    /// It is marked as closed before its rooms are left, so that nobody is in one for
    /// ever who joins at the end. One whose connection nobody was told of may end
    /// without a word; on its own thread it was.
    fn may_join(&self) -> bool {
        let is_told = || self.extensions().get::<Announced>().is_some() || self.is_inside();
        self.is_open() && is_told()
    }
}

pub(in crate::plugins) type Members<M> = Table<M, <M as Member>::Audience>;

/// Takes over what is written to some rooms, and is told who comes and goes there.
pub(in crate::plugins) trait RoomLog<M>: Send + Sync {
    /// Whether it has anything to do with a room.
    fn covers(&self, room: &str) -> bool;

    /// Whether it brings messages to other servers by itself.
    fn is_shared(&self) -> bool;

    /// Writes a message to rooms, one of which it covers, and gives how many it is for here.
    /// `everywhere`: the store, if there is one, is handed it as well, in the same order.
    ///
    /// # Errors
    /// As [`Room::write`](super::Room::write).
    fn write(&self, message: RoomMessage, everywhere: bool) -> Result<usize>;

    /// Somebody has come into rooms or left them, which may have changed again.
    fn moved(&self, member: &M, rooms: &[Arc<str>]);
}

type OnRoom<M> = dyn Fn(&M, &str) + Send + Sync;
type OnRooms<M> = dyn Fn(&M, &[Arc<str>]) + Send + Sync;

/// What the plugin, its listeners and the handles of its rooms share.
pub(in crate::plugins) struct Shared<M: Member> {
    pub primus: WeakPrimus,
    state: Lock<State<M>>,
    wild_delete: bool,
    pub store: Option<Box<dyn RoomStore>>,
    /// Set once, by the plugin that keeps what is written.
    pub log: OnceLock<Arc<dyn RoomLog<M>>>,
    pub joined: Listeners<OnRoom<M>>,
    pub left: Listeners<OnRoom<M>>,
    pub left_all: Listeners<OnRooms<M>>,
}

struct State<M: Member> {
    table: Members<M>,
    /// The plugin was taken out.
    over: bool,
    /// What the store is to be told.
    changes: Vec<Change>,
    /// A thread tells it, and goes on until nothing is left.
    telling: bool,
}

impl<M: Member> Shared<M> {
    pub fn new(
        primus: WeakPrimus,
        wildcards: bool,
        wild_delete: bool,
        bounds: Bounds,
        store: Option<Box<dyn RoomStore>>,
    ) -> Self {
        let table = Table::new(wildcards, bounds);
        Shared {
            primus,
            state: Lock::new(State { table, over: false, changes: Vec::new(), telling: false }),
            wild_delete: wildcards && wild_delete,
            store,
            log: OnceLock::new(),
            joined: Listeners::default(),
            left: Listeners::default(),
            left_all: Listeners::default(),
        }
    }

    /// Looks at the table, or changes it.
    pub fn table<R>(&self, run: impl FnOnce(&mut Members<M>) -> R) -> R {
        self.state(|state| run(&mut state.table))
    }

    /// The rooms in which somebody is, in no order.
    pub fn names(&self) -> Vec<String> {
        let names = self.table(|table| table.names());
        names.iter().map(|name| (**name).to_owned()).collect()
    }

    fn state<R>(&self, run: impl FnOnce(&mut State<M>) -> R) -> R {
        let mut state = self.state.lock();
        let result = run(&mut state);
        let dropped = std::mem::take(&mut state.table.dropped);
        drop(state);
        // Among it may be the last handle of a spark, and with that what the
        // application has put into it.
        drop(dropped);
        result
    }

    /// Puts somebody into all of these rooms, or into none. Gives those in which it
    /// was not.
    pub fn join(&self, member: &M, names: &[&str]) -> Result<Vec<Arc<str>>> {
        let joined = self.state(|state| {
            if state.over || !member.may_join() {
                return Err(Error::Closed);
            }
            let waiting = state.changes.len();
            if waiting >= WAITING {
                return Err(Error::Full { waiting, bound: WAITING, cut: false });
            }
            let joined = state.table.join(member, names.iter().copied()).map_err(refused)?;
            if !member.take_places(joined.len()) {
                joined.iter().for_each(|name| drop(state.table.leave(member, name)));
                return Err(refused(Refused::Rooms(state.table.bounds().rooms)));
            }
            self.note(state, member, &joined, true);
            Ok(joined)
        })?;
        self.tell();
        self.moved(member, &joined);
        tell_each(&self.joined, member, &joined);
        Ok(joined)
    }

    /// Takes somebody out of a room, or out of all like it. Gives those in which it
    /// was.
    pub fn leave(&self, member: &M, name: &str) -> Vec<Arc<str>> {
        let left = self.state(|state| {
            let left = match self.wild_delete && name.contains('*') {
                true => state.table.leave_like(member, name),
                false => Vec::from_iter(state.table.leave(member, name)),
            };
            self.note(state, member, &left, false);
            left
        });
        self.tell();
        self.moved(member, &left);
        tell_each(&self.left, member, &left);
        left
    }

    /// Takes somebody out of all rooms. Gives those in which it was.
    pub fn leave_all(&self, member: &M) -> Vec<Arc<str>> {
        let left = self.state(|state| {
            let left = state.table.leave_all(member);
            self.note(state, member, &left, false);
            left
        });
        self.tell();
        self.moved(member, &left);
        tell_each(&self.left, member, &left);
        if !left.is_empty() {
            self.left_all.snapshot().iter().for_each(|listener| listener(member, &left));
        }
        left
    }

    /// Takes everybody out of a room. Gives how many.
    pub fn empty(&self, name: &str) -> usize {
        let Some((name, left)) = self.state(|state| {
            let (name, left) = state.table.empty(name)?;
            for member in &left {
                self.note(state, member, std::slice::from_ref(&name), false);
            }
            Some((name, left))
        }) else {
            return 0;
        };
        self.tell();
        for member in &left {
            self.moved(member, std::slice::from_ref(&name));
            tell_each(&self.left, member, std::slice::from_ref(&name));
        }
        left.len()
    }

    /// The log, if it covers one of these rooms.
    pub fn log_of(&self, rooms: &[String]) -> Option<&dyn RoomLog<M>> {
        let log = self.log.get()?;
        rooms.iter().any(|room| log.covers(room)).then_some(&**log)
    }

    fn moved(&self, member: &M, rooms: &[Arc<str>]) {
        if let Some(log) = self.log.get()
            && !rooms.is_empty()
        {
            log.moved(member, rooms);
        }
    }

    /// The end: nobody is in a room any more, and nobody joins one.
    pub fn end(&self) {
        self.state(|state| state.over = true);
        // While it can still see who was there.
        if let Some(store) = &self.store
            && let Err(panic) = catch(|| store.detach())
        {
            log::error!("the store of rooms panicked: {panic}");
        }
        self.state(|state| {
            let bounds = state.table.bounds();
            // Dropped without the lock, as what is let go of one by one.
            std::mem::replace(&mut state.table, Table::new(false, bounds))
        });
    }

    /// Gives back the places of those rooms that were left, and keeps for the store what
    /// has changed.
    fn note(&self, state: &mut State<M>, member: &M, rooms: &[Arc<str>], joined: bool) {
        if !joined {
            member.give_places(rooms.len());
        }
        if self.store.is_some() {
            let changes = rooms.iter().map(|room| Change {
                spark: member.spark().clone(),
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
                Ok(Err(error)) => {
                    // It may say what somebody else has stored.
                    log::warn!("the store of rooms: {}", error.to_string().escape_debug());
                }
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

fn tell_each<M>(listeners: &Listeners<OnRoom<M>>, member: &M, rooms: &[Arc<str>]) {
    if rooms.is_empty() || listeners.is_empty() {
        return;
    }
    let listeners = listeners.snapshot();
    for room in rooms {
        listeners.iter().for_each(|listener| listener(member, room));
    }
}

/// Those of these ids that are connected here.
pub(super) fn excepted(primus: &Primus, ids: &[String]) -> Vec<Spark> {
    ids.iter().filter_map(|id| primus.spark(id)).collect()
}

/// Everybody who gets what is written to these rooms.
pub(super) fn audience_of(
    table: &mut Members<Spark>,
    names: &[String],
    except: &[Spark],
) -> Audience {
    table.audience(names.iter().map(String::as_str), except, |sparks| Audience::of(sparks.cloned()))
}

/// Why somebody cannot join, as the application is told.
pub(in crate::plugins) fn refused(refused: Refused) -> Error {
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
