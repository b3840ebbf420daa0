//! Rooms as something to write to.

use std::fmt;

use serde::Serialize;

use super::names::{Ids, Names};
use super::plugin::shared_of;
use super::shared::{Member, Members, RoomLog, Shared, audience_of, excepted, refused};
use super::store::{RoomMessage, RoomStore};
use crate::error::{Error, Result, catch};
use crate::parsers::dynamic::to_value;
use crate::server::{Audience, Primus, Spark};
use crate::value::Value;

/// One room of a server or several: what
/// [`PrimusRooms::room`](super::PrimusRooms::room) gives.
///
/// What is written goes to everybody who is in any of them at that moment, once to
/// each, the writer included. It is encoded once for all, goes out in one order with
/// [`Primus::write`], and nobody is waited for. Members whose room has a wildcard get
/// what is written to the names that it stands for; all that is not written is about
/// the rooms of these very names.
#[derive(Clone)]
#[must_use = "nothing happens before `write`"]
pub struct Room {
    primus: Primus,
    which: Which,
    except: Vec<String>,
}

#[derive(Clone)]
enum Which {
    Named(Vec<String>),
    Any,
}

impl Room {
    pub(super) fn named(primus: &Primus, rooms: impl Names) -> Self {
        let mut names = Vec::new();
        rooms.add_to(&mut names);
        Room { primus: primus.clone(), which: Which::Named(names), except: Vec::new() }
    }

    pub(super) fn any(primus: &Primus) -> Self {
        Room { primus: primus.clone(), which: Which::Any, except: Vec::new() }
    }

    /// Leaves these out: a spark or its id, or several. Those of an earlier call
    /// stay left out.
    pub fn except(mut self, who: impl Ids) -> Self {
        who.add_to(&mut self.except);
        self
    }

    /// Writes a message to the members, and with a [`RoomStore`](super::RoomStore) to
    /// those on other servers. Gives how many it is for here.
    ///
    /// # Errors
    /// As [`Primus::write`]; [`Error::Misuse`] when the plugin is not registered, or a
    /// room cannot have such a name; [`Error::Transform`] when there is a store and the
    /// message cannot be serialised; [`Error::Listener`] when the store cannot pass it
    /// on, and then the members here get it all the same.
    pub fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<usize> {
        let shared = shared_of(&self.primus)?;
        if let Some(log) = shared.log_of(self.names()) {
            shared.table(|table| check(table, self.names()))?;
            return self.write_kept(value, &shared, log);
        }
        let audience = self.audience(&shared)?;
        match &shared.store {
            Some(store) => {
                let messages = [(value, audience.clone())];
                write_stored(&self.primus, &messages, &self.message(value)?, &**store)?;
            }
            None => self.primus.write_audience(value, &audience)?,
        }
        Ok(audience.sparks().len())
    }

    /// Has the log write it, and the store too where the log is this server's alone.
    fn write_kept<T: Serialize + ?Sized>(
        &self,
        value: &T,
        shared: &Shared<Spark>,
        log: &dyn RoomLog<Spark>,
    ) -> Result<usize> {
        let message = self.message(value)?;
        match shared.store.as_ref().filter(|_| !log.is_shared()) {
            None => log.write(message, false),
            Some(store) if store.in_order() => log.write(message, true),
            Some(store) => {
                let count = log.write(message.clone(), false)?;
                write_stored::<Value>(&self.primus, &[], &message, &**store)?;
                Ok(count)
            }
        }
    }

    fn message<T: Serialize + ?Sized>(&self, value: &T) -> Result<RoomMessage> {
        let value = to_value(value).map_err(Error::Transform)?;
        Ok(RoomMessage { rooms: self.names().to_vec(), except: self.except.clone(), value })
    }

    /// With a change for each recipient: `change` gets the spark and the message, and
    /// gives what is written to that spark, or `None` for nothing.
    ///
    /// ```
    /// use primus::plugins::rooms::{PrimusRooms, Rooms};
    /// use primus::{Primus, Value};
    ///
    /// let primus = Primus::builder().plugin(Rooms::new()).build()?;
    /// let named = primus.room("poll").with(|spark, question| {
    ///     let name = spark.query_param("name")?;
    ///     Some(Value::from(format!("{name}: {}", question.as_str()?)))
    /// });
    /// named.write("tea or coffee?")?;
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    pub fn with<F>(self, change: F) -> RoomWith<F>
    where
        F: Fn(&Spark, Value) -> Option<Value>,
    {
        RoomWith { room: self, change }
    }

    /// The members, without those who are [left out](Self::except).
    pub fn members(&self) -> Vec<Spark> {
        let Ok(shared) = shared_of(&self.primus) else { return Vec::new() };
        let mut members = match &self.which {
            Which::Named(names) => shared.table(|table| table.members(words(names))),
            Which::Any => shared.table(|table| table.everybody(&[])),
        };
        members.retain(|spark| self.except.iter().all(|id| id != spark.id()));
        members
    }

    /// Those here who would get a message now.
    pub fn recipients(&self) -> Vec<Spark> {
        let Ok(shared) = shared_of(&self.primus) else { return Vec::new() };
        let except = self.excepted();
        self.recipients_of(&shared, &except)
    }

    /// The ids of the members, of those on other servers too if there is a
    /// [`RoomStore`](super::RoomStore).
    ///
    /// # Errors
    /// [`Error::Listener`] when the store does not know.
    pub fn ids(&self) -> Result<Vec<String>> {
        let mut ids: Vec<_> = self.members().iter().map(|spark| spark.id().to_owned()).collect();
        let shared = shared_of(&self.primus)?;
        let Some(store) = &shared.store else { return Ok(ids) };
        let names = match &self.which {
            Which::Named(names) => names.clone(),
            Which::Any => store.names().map_err(Error::Listener)?,
        };
        ids.extend(store.members_of(&names).map_err(Error::Listener)?);
        ids.retain(|id| !self.except.contains(id));
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Whether nobody on this server is in any of them.
    pub fn is_empty(&self) -> bool {
        let Ok(shared) = shared_of(&self.primus) else { return true };
        shared.table(|table| match &self.which {
            Which::Named(names) => names.iter().all(|name| table.count(name) == 0),
            Which::Any => table.is_empty(),
        })
    }

    /// Takes everybody on this server out of them, those who are left out too. Gives
    /// how many memberships that were.
    pub fn empty(&self) -> usize {
        let Ok(shared) = shared_of(&self.primus) else { return 0 };
        match &self.which {
            Which::Named(names) => names.iter().map(|name| shared.empty(name)).sum(),
            Which::Any => {
                let names = shared.table(|table| table.names());
                names.iter().map(|name| shared.empty(name)).sum()
            }
        }
    }

    fn names(&self) -> &[String] {
        match &self.which {
            Which::Named(names) => names,
            Which::Any => &[],
        }
    }

    /// Those of the excepted who are connected here.
    fn excepted(&self) -> Vec<Spark> {
        excepted(&self.primus, &self.except)
    }

    fn audience(&self, shared: &Shared<Spark>) -> Result<Audience> {
        let except = self.excepted();
        shared.table(|table| match &self.which {
            Which::Named(names) => {
                check(table, names)?;
                Ok(audience_of(table, names, &except))
            }
            Which::Any => Ok(Audience::of(table.everybody(&except))),
        })
    }

    fn recipients_of(&self, shared: &Shared<Spark>, except: &[Spark]) -> Vec<Spark> {
        shared.table(|table| match &self.which {
            Which::Named(names) => table.recipients(words(names), except),
            Which::Any => table.everybody(except),
        })
    }
}

/// Gives the members here their messages, and hands on what they are made of.
pub(in crate::plugins) fn write_stored<T: Serialize>(
    primus: &Primus,
    messages: &[(T, Audience)],
    message: &RoomMessage,
    store: &dyn RoomStore,
) -> Result<()> {
    let flat = |stored| match stored {
        Ok(stored) => Result::map_err(stored, Error::Listener),
        Err(panic) => Err(Error::Panicked(panic)),
    };
    let prepared = catch(|| store.prepare(message));
    let hand_on = || match prepared {
        Ok(Ok(hand_on)) => flat(catch(hand_on)),
        Ok(Err(error)) => Err(Error::Listener(error)),
        Err(panic) => Err(Error::Panicked(panic)),
    };
    if !store.in_order() {
        messages.iter().try_for_each(|(value, to)| primus.write_audience(value, to))?;
        return hand_on();
    }
    primus.write_audiences_then(messages, hand_on)
}

/// Whether there can be rooms of these names.
pub(in crate::plugins) fn check<M: Member>(table: &Members<M>, names: &[String]) -> Result<()> {
    names.iter().try_for_each(|name| table.check(name)).map_err(refused)
}

fn words(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = f.debug_struct("Room");
        match &self.which {
            Which::Named(names) => room.field("names", names),
            Which::Any => room.field("names", &"any"),
        };
        room.field("except", &self.except).finish_non_exhaustive()
    }
}

/// Rooms with a change of the message for each recipient: what [`Room::with`] gives.
/// It is for the members on this server alone.
#[must_use = "nothing happens before `write`"]
pub struct RoomWith<F> {
    room: Room,
    change: F,
}

impl<F: Fn(&Spark, Value) -> Option<Value>> RoomWith<F> {
    /// Writes to each member what the change makes of the message for it. Gives for
    /// how many it made something.
    ///
    /// Each is written to as with [`Spark::write`]: what fails for one does not keep
    /// it from the others, and no order is kept with what other threads write to
    /// rooms.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the plugin is not registered, or a room cannot have such
    /// a name; [`Error::Transform`] when the message cannot be serialised.
    pub fn write<T: Serialize + ?Sized>(&self, value: &T) -> Result<usize> {
        let shared = shared_of(&self.room.primus)?;
        shared.table(|table| check(table, self.room.names()))?;
        let value = to_value(value).map_err(Error::Transform)?;
        let mut count = 0;
        for spark in self.room.recipients() {
            if let Some(changed) = (self.change)(&spark, value.clone()) {
                // It may have ended meanwhile, or read too slowly.
                let _ = spark.write(&changed);
                count += 1;
            }
        }
        Ok(count)
    }
}

impl<F> fmt::Debug for RoomWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomWith").field("room", &self.room).finish_non_exhaustive()
    }
}
