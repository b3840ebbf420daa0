//! Rooms that reach over several servers.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::error::{BoxError, Result};
use crate::server::{HandOn, Spark};
use crate::sync::Lock;
use crate::value::Value;

/// What joins the rooms of several servers, registered with
/// [`Rooms::store`](super::Rooms::store): this server's memberships are told to it,
/// messages to rooms are handed to it for the members elsewhere, and it says who is
/// a member elsewhere. Each server has one of its own.
///
/// Who is in a room here, and gets a message here, is not its business: that goes
/// on without it, and first.
///
/// [`changed`](Self::changed) and [`write`](Self::write) run on the threads of
/// connections. What takes time, as a network does, they hand to
/// a thread of the store's own. A panic in them is an error.
pub trait RoomStore: Send + Sync + 'static {
    /// Called once, before anything else: `here` are this server's rooms.
    ///
    /// # Errors
    /// What keeps it from working: the plugin is not registered then.
    fn attach(&self, here: Here) -> Result<(), BoxError>;

    /// Members of this server have come or gone, in this order. It is called by one
    /// thread at a time, and what happens to a room meanwhile comes with the next
    /// call.
    ///
    /// # Errors
    /// They are logged. What has been missed can be made good with
    /// [`Here::names`] and [`Here::members`].
    fn changed(&self, changes: &[Change]) -> Result<(), BoxError>;

    /// A message for members of the other servers, who deliver it with
    /// [`Here::write`].
    ///
    /// [In order](Self::in_order) it is called for one message at a time, as the members
    /// here get them, and between those of [`Primus::write`](crate::Primus::write) that a
    /// [`Relay`](crate::Relay) is handed: the threads that write wait for each other
    /// meanwhile. With outgoing transforms the order is that of one thread alone.
    ///
    /// # Errors
    /// They go to whoever writes it.
    fn write(&self, message: &RoomMessage) -> Result<(), BoxError>;

    /// [`write`](Self::write) in two steps, as [`Relay::prepare`](crate::Relay::prepare) is
    /// that of [`Relay::all`](crate::Relay::all).
    ///
    /// # Errors
    /// As those of `write`, and that is not called.
    fn prepare<'a>(&'a self, message: &'a RoomMessage) -> Result<HandOn<'a>, BoxError> {
        Ok(Box::new(move || self.write(message)))
    }

    /// Whether [`write`](Self::write) is called in order. A store whose `write` may take
    /// long, or calls code of the application's, says no. Asked for each message; yes by
    /// default.
    fn in_order(&self) -> bool {
        true
    }

    /// The ids of those who are in the room of this very name on other servers.
    ///
    /// # Errors
    /// When it cannot know.
    fn members(&self, room: &str) -> Result<Vec<String>, BoxError>;

    /// The ids of those who are in any of these rooms on other servers: for a store that
    /// can ask for several at once. One that does not say so is asked for each.
    ///
    /// # Errors
    /// As [`members`](Self::members).
    fn members_of(&self, rooms: &[String]) -> Result<Vec<String>, BoxError> {
        let mut ids = Vec::new();
        for room in rooms {
            ids.extend(self.members(room)?);
        }
        Ok(ids)
    }

    /// The names of the rooms that have members on other servers.
    ///
    /// # Errors
    /// When it cannot know.
    fn names(&self) -> Result<Vec<String>, BoxError>;

    /// The plugin was taken out. Does nothing by default.
    fn detach(&self) {}
}

/// Somebody has come into a room, or has left it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Change {
    /// Who.
    pub spark: Spark,
    /// The room.
    pub room: Arc<str>,
    /// Whether it has come.
    pub joined: bool,
}

/// A message to rooms.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RoomMessage {
    /// Their names. None: everybody who is in a room.
    pub rooms: Vec<String>,
    /// The ids of those who do not get it.
    pub except: Vec<String>,
    /// What they get, envelopes of other plugins included.
    pub value: Value,
}

impl RoomMessage {
    /// A message that another server has sent.
    pub fn new(rooms: Vec<String>, except: Vec<String>, value: Value) -> Self {
        RoomMessage { rooms, except, value }
    }
}

/// The rooms of one server, as its [`RoomStore`] sees them: a cheap handle that
/// does not keep the server alive.
#[derive(Clone)]
pub struct Here(pub(super) Weak<dyn Local>);

/// What a [`Here`] is a handle of.
pub(super) trait Local: Send + Sync {
    fn write_here(&self, message: &RoomMessage) -> Result<usize>;
    fn may_take_long(&self) -> bool;
    fn members_here(&self, room: &str) -> Vec<String>;
    fn count_here(&self, room: &str) -> usize;
    fn has_here(&self, room: &str, id: &str) -> bool;
    #[cfg(feature = "redis")]
    fn is_connected_here(&self, id: &str) -> bool;
    fn names_here(&self) -> Vec<String>;
}

impl Here {
    /// Writes a message that comes from elsewhere to the members here, and tells
    /// the store nothing of it. Gives how many it is for.
    ///
    /// # Errors
    /// As [`Room::write`](super::Room::write).
    pub fn write(&self, message: &RoomMessage) -> Result<usize> {
        self.0.upgrade().map_or(Ok(0), |local| local.write_here(message))
    }

    /// The ids of those who are in the room of this very name.
    pub fn members(&self, room: &str) -> Vec<String> {
        self.0.upgrade().map_or(Vec::new(), |local| local.members_here(room))
    }

    /// Whether somebody with this id is in the room of this very name.
    pub fn has(&self, room: &str, id: &str) -> bool {
        self.0.upgrade().is_some_and(|local| local.has_here(room, id))
    }

    /// Whether somebody with this id is connected to this server, in whatever rooms.
    #[cfg(feature = "redis")]
    pub(in crate::plugins) fn is_connected(&self, id: &str) -> bool {
        self.0.upgrade().is_some_and(|local| local.is_connected_here(id))
    }

    /// How many are in the room of this very name.
    pub fn count(&self, room: &str) -> usize {
        self.0.upgrade().map_or(0, |local| local.count_here(room))
    }

    /// The names of the rooms.
    pub fn names(&self) -> Vec<String> {
        self.0.upgrade().map_or(Vec::new(), |local| local.names_here())
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Here").finish_non_exhaustive()
    }
}

/// Rooms that servers of one process share: of different transformers, say, or on
/// different ports with different rules. Each gets a store of it.
///
/// ```
/// use primus::Primus;
/// use primus::plugins::rooms::{PrimusRooms, Rooms, SharedRooms};
///
/// let rooms = SharedRooms::default();
/// let for_browsers = Primus::builder().transformer("engine.io").plugin(Rooms::new().store(rooms.store())).build()?;
/// let for_devices = Primus::builder().plugin(Rooms::new().store(rooms.store())).build()?;
/// // To the members on both of them:
/// for_devices.room("alarms").write("fire")?;
/// # for_browsers.destroy(Default::default());
/// # for_devices.destroy(Default::default());
/// # Ok::<(), primus::Error>(())
/// ```
#[derive(Clone, Default, Debug)]
pub struct SharedRooms(Arc<Lock<Vec<Here>>>);

impl SharedRooms {
    /// A store for one more server.
    pub fn store(&self) -> impl RoomStore + use<> {
        InProcess { all: self.clone(), own: Lock::default() }
    }
}

struct InProcess {
    all: SharedRooms,
    own: Lock<Option<Here>>,
}

impl InProcess {
    /// The others, without those that are no more.
    fn others(&self) -> Vec<Here> {
        let own = self.own.lock().clone();
        let mut all = self.all.0.lock();
        all.retain(|here| here.0.strong_count() > 0);
        let is_own = |here: &&Here| own.as_ref().is_some_and(|own| own.0.ptr_eq(&here.0));
        all.iter().filter(|here| !is_own(here)).cloned().collect()
    }
}

impl RoomStore for InProcess {
    fn attach(&self, here: Here) -> Result<(), BoxError> {
        *self.own.lock() = Some(here.clone());
        self.all.0.lock().push(here);
        Ok(())
    }

    /// The others ask when they want to know.
    fn changed(&self, _: &[Change]) -> Result<(), BoxError> {
        Ok(())
    }

    fn write(&self, message: &RoomMessage) -> Result<(), BoxError> {
        // All of them get it, whatever becomes of it at one.
        let outcomes = self.others().into_iter().map(|here| here.write(message));
        let failed = outcomes.filter_map(Result::err).last();
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Transforms at one of the others would have the writers here wait for them, as would
    /// those who write there to rooms that are kept.
    fn in_order(&self) -> bool {
        let others = self.others();
        !others.iter().any(|here| here.0.upgrade().is_some_and(|local| local.may_take_long()))
    }

    fn members(&self, room: &str) -> Result<Vec<String>, BoxError> {
        Ok(self.others().iter().flat_map(|here| here.members(room)).collect())
    }

    fn names(&self) -> Result<Vec<String>, BoxError> {
        Ok(self.others().iter().flat_map(Here::names).collect())
    }

    fn detach(&self) {
        let own = self.own.lock().take();
        self.all.0.lock().retain(|here| own.as_ref().is_none_or(|own| !own.0.ptr_eq(&here.0)));
    }
}
