//! The rooms of a channel: the subscriptions to it in groups, apart from the rooms of the
//! server and of all other channels.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::server::{ChannelSpark, ServerChannel};
use crate::channel::{Channel, Encode};
use crate::error::Result;
use crate::plugins::rooms::{
    Member, Names, PrimusRooms, RoomListener, Shared, SparkRooms, check, rooms_inside,
};
use crate::server::Spark;

/// The rooms of a channel, in its extensions.
struct Rooms(Arc<Shared<ChannelSpark>>);

/// The rooms of all subscriptions of a connection.
#[derive(Default)]
struct Places(AtomicUsize);

impl Member for ChannelSpark {
    type Audience = Arc<[ChannelSpark]>;

    fn spark(&self) -> &Spark {
        ChannelSpark::spark(self)
    }

    fn may_join(&self) -> bool {
        // It is marked as over before its rooms are left.
        Channel::is_open(self)
    }

    fn take_places(&self, count: usize) -> bool {
        let spark = ChannelSpark::spark(self);
        let most = spark.primus().0.limits.rooms;
        let places = &spark.extensions().get_or_init(Places::default).0;
        let more = |taken: usize| Some(taken + count).filter(|taken| *taken <= most);
        places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn give_places(&self, count: usize) {
        if let Some(places) = ChannelSpark::spark(self).extension::<Places>() {
            places.0.fetch_sub(count, Ordering::Relaxed);
        }
    }
}

impl PartialEq for ChannelSpark {
    /// Two handles are equal when they are of the same subscription.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for ChannelSpark {}

impl Hash for ChannelSpark {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.state).hash(state);
    }
}

/// A subscription is over.
fn leave(member: &ChannelSpark) {
    if let Some(rooms) = member.state.channel.extensions.get::<Rooms>() {
        rooms.0.leave_all(member);
    }
}

/// The rooms of a channel, if it has had any.
fn present(channel: &ServerChannel) -> Option<&Arc<Shared<ChannelSpark>>> {
    channel.state().extensions.get::<Rooms>().map(|rooms| &rooms.0)
}

/// The rooms of a channel; there are none before somebody wants some.
fn shared_of(channel: &ServerChannel) -> Result<Arc<Shared<ChannelSpark>>> {
    rooms_inside(&channel.primus()?, present(channel).cloned(), |fresh| {
        // Before anybody can join.
        channel.state().left.get_or_init(|| leave);
        channel.state().extensions.get_or_init(|| Rooms(Arc::new(fresh))).0.clone()
    })
}

/// One room of a channel or several: what [`PrimusRooms::room`] gives for a
/// [`ServerChannel`].
///
/// As a [`Room`](crate::plugins::rooms::Room): what is written goes to each who is in any
/// of them once, and members whose room has a wildcard get what is written to the names
/// that it stands for. It has an id for each subscription in it, so it is encoded for
/// each.
#[derive(Clone)]
#[must_use = "nothing happens before `write`"]
pub struct ChannelRoom {
    channel: ServerChannel,
    /// All of them, if there is none.
    names: Option<Vec<String>>,
    except: Vec<ChannelSpark>,
}

impl ChannelRoom {
    fn of(channel: &ServerChannel, names: Option<Vec<String>>) -> Self {
        ChannelRoom { channel: channel.clone(), names, except: Vec::new() }
    }

    /// Leaves a subscription out; those of an earlier call stay left out.
    pub fn except(mut self, member: &ChannelSpark) -> Self {
        self.except.push(member.clone());
        self
    }

    /// Writes a message to the members, each as with [`ChannelSpark::write`]. Gives to how
    /// many it was written: not to those whose connection has ended, or reads too slowly.
    ///
    /// # Errors
    /// [`Error::Transform`](crate::Error::Transform) when it cannot be serialised;
    /// [`Error::Misuse`](crate::Error::Misuse) when a plugin is not registered, or a room
    /// cannot have such a name.
    pub fn write<T: Serialize + ?Sized>(&self, message: &T) -> Result<usize> {
        let shared = shared_of(&self.channel)?;
        shared.table(|table| self.names.iter().try_for_each(|names| check(table, names)))?;
        let message = Encode::to_value(&message)?;
        let recipients = self.recipients();
        Ok(recipients.iter().filter(|member| member.write_message(&message).is_ok()).count())
    }

    /// Those who would get a message now, in no order.
    pub fn recipients(&self) -> Vec<ChannelSpark> {
        let Some(shared) = present(&self.channel) else { return Vec::new() };
        shared.table(|table| match &self.names {
            Some(names) => table.recipients(names.iter().map(String::as_str), &self.except),
            None => table.everybody(&self.except),
        })
    }

    /// The members of the rooms of these very names, without those who are
    /// [left out](Self::except).
    pub fn members(&self) -> Vec<ChannelSpark> {
        let Some(shared) = present(&self.channel) else { return Vec::new() };
        let mut members = shared.table(|table| match &self.names {
            Some(names) => table.members(names.iter().map(String::as_str)),
            None => table.everybody(&[]),
        });
        members.retain(|member| !self.except.contains(member));
        members
    }

    /// Whether nobody is in any of them.
    pub fn is_empty(&self) -> bool {
        let Some(shared) = present(&self.channel) else { return true };
        shared.table(|table| match &self.names {
            Some(names) => names.iter().all(|name| table.count(name) == 0),
            None => table.is_empty(),
        })
    }

    /// Takes everybody out of them, those who are left out too. Gives how many memberships
    /// that were.
    pub fn empty(&self) -> usize {
        let Some(shared) = present(&self.channel) else { return 0 };
        match &self.names {
            Some(names) => names.iter().map(|name| shared.empty(name)).sum(),
            None => {
                let names = shared.table(|table| table.names());
                names.iter().map(|name| shared.empty(name)).sum()
            }
        }
    }
}

impl fmt::Debug for ChannelRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelRoom")
            .field("channel", &self.channel.name())
            .field("names", &self.names)
            .field("except", &self.except)
            .finish()
    }
}

impl SparkRooms for ChannelSpark {
    type Target = ChannelRoom;

    fn join(&self, room: impl AsRef<str>) -> Result<bool> {
        Ok(!shared_of(&self.channel())?.join(self, &[room.as_ref()])?.is_empty())
    }

    fn join_all<N: AsRef<str>>(&self, rooms: impl IntoIterator<Item = N>) -> Result<usize> {
        let rooms: Vec<N> = rooms.into_iter().collect();
        let rooms: Vec<&str> = rooms.iter().map(AsRef::as_ref).collect();
        Ok(shared_of(&self.channel())?.join(self, &rooms)?.len())
    }

    fn leave(&self, room: impl AsRef<str>) -> bool {
        let channel = self.channel();
        present(&channel).is_some_and(|rooms| !rooms.leave(self, room.as_ref()).is_empty())
    }

    fn leave_all(&self) -> usize {
        present(&self.channel()).map_or(0, |rooms| rooms.leave_all(self).len())
    }

    fn rooms(&self) -> Vec<String> {
        let channel = self.channel();
        let Some(shared) = present(&channel) else { return Vec::new() };
        let rooms = shared.table(|table| table.rooms_of(self));
        rooms.iter().map(|room| (**room).to_owned()).collect()
    }

    fn in_room(&self, room: impl AsRef<str>) -> bool {
        let channel = self.channel();
        present(&channel)
            .is_some_and(|shared| shared.table(|table| table.is_in(self, room.as_ref())))
    }

    fn others_in(&self, rooms: impl Names) -> ChannelRoom {
        self.channel().room(rooms).except(self)
    }
}

impl PrimusRooms for ServerChannel {
    type Member = ChannelSpark;
    type Target = ChannelRoom;

    fn room(&self, rooms: impl Names) -> ChannelRoom {
        let mut names = Vec::new();
        rooms.add_to(&mut names);
        ChannelRoom::of(self, Some(names))
    }

    fn any_room(&self) -> ChannelRoom {
        ChannelRoom::of(self, None)
    }

    fn join<S: Borrow<ChannelSpark>>(
        &self,
        members: impl IntoIterator<Item = S>,
        room: &str,
    ) -> usize {
        let Ok(shared) = shared_of(self) else { return 0 };
        let joins = |member: S| match self.has(member.borrow()) {
            true => shared.join(member.borrow(), &[room]).map_or(0, |new| new.len()),
            false => 0,
        };
        members.into_iter().map(joins).sum()
    }

    fn leave<S: Borrow<ChannelSpark>>(
        &self,
        members: impl IntoIterator<Item = S>,
        room: &str,
    ) -> usize {
        let Some(shared) = present(self) else { return 0 };
        let leaves = |member: &S| !shared.leave(member.borrow(), room).is_empty();
        members.into_iter().filter(leaves).count()
    }

    fn room_names(&self) -> Vec<String> {
        present(self).map(|shared| shared.names()).unwrap_or_default()
    }

    fn on_join(
        &self,
        listener: impl Fn(&ChannelSpark, &str) + Send + Sync + 'static,
    ) -> Result<RoomListener> {
        let shared = shared_of(self)?;
        let id = shared.joined.add(Arc::new(listener), false);
        Ok(RoomListener::of(&shared, id))
    }

    fn on_leave(
        &self,
        listener: impl Fn(&ChannelSpark, &str) + Send + Sync + 'static,
    ) -> Result<RoomListener> {
        let shared = shared_of(self)?;
        let id = shared.left.add(Arc::new(listener), false);
        Ok(RoomListener::of(&shared, id))
    }

    fn on_leave_all(
        &self,
        listener: impl Fn(&ChannelSpark, &[Arc<str>]) + Send + Sync + 'static,
    ) -> Result<RoomListener> {
        let shared = shared_of(self)?;
        let id = shared.left_all.add(Arc::new(listener), false);
        Ok(RoomListener::of(&shared, id))
    }
}
