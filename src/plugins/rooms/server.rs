//! What a server can do with rooms.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::names::Names;
use super::plugin::shared_of;
use super::shared::{Member, Shared};
use super::target::Room;
use crate::error::Result;
use crate::events::ListenerId;
use crate::server::{Primus, Spark};

/// Rooms of a server that has the plugin [`Rooms`](super::Rooms); and of each of its
/// [channels](crate::plugins::multiplex), which has rooms of its own.
pub trait PrimusRooms {
    /// Who is in rooms: a [`Spark`], or a subscription to the channel.
    type Member;

    /// Rooms to write to: a [`Room`], and for a channel one of its own kind.
    type Target;

    /// A room, or several: to write to, and to be asked who is in it.
    ///
    /// ```
    /// use primus::Primus;
    /// use primus::plugins::rooms::{PrimusRooms, Rooms};
    ///
    /// let primus = Primus::builder().plugin(Rooms::new()).build()?;
    /// primus.room("news").write("it rains")?;
    /// primus.room(["news", "sport"]).except("an id").write("to either, once to each")?;
    /// assert!(primus.room("news").is_empty());
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    fn room(&self, rooms: impl Names) -> Self::Target;

    /// All rooms: everybody who is in any.
    fn any_room(&self) -> Self::Target;

    /// Puts sparks into a room, but not those that have ended, or may not be in one
    /// more. Gives how many have come into it.
    fn join<S: Borrow<Self::Member>>(
        &self,
        sparks: impl IntoIterator<Item = S>,
        room: &str,
    ) -> usize;

    /// Takes sparks out of a room. Gives how many were in it.
    fn leave<S: Borrow<Self::Member>>(
        &self,
        sparks: impl IntoIterator<Item = S>,
        room: &str,
    ) -> usize;

    /// The names of the rooms in which somebody is, on this server; in no order.
    fn room_names(&self) -> Vec<String>;

    /// Somebody has come into a room. Runs on the thread that did it, when it is done.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) when the plugin is not registered; so
    /// for the others.
    fn on_join(
        &self,
        listener: impl Fn(&Self::Member, &str) + Send + Sync + 'static,
    ) -> Result<RoomListener>;

    /// Somebody has left a room, in whichever way: each
    /// [`on_join`](Self::on_join) is followed by one of these.
    fn on_leave(
        &self,
        listener: impl Fn(&Self::Member, &str) + Send + Sync + 'static,
    ) -> Result<RoomListener>;

    /// Somebody has left all rooms at once, with
    /// [`leave_all`](super::SparkRooms::leave_all) or because the connection has ended,
    /// and had been in some. It comes behind [`on_leave`](Self::on_leave) for each.
    fn on_leave_all(
        &self,
        listener: impl Fn(&Self::Member, &[Arc<str>]) + Send + Sync + 'static,
    ) -> Result<RoomListener>;
}

/// A listener, to be [removed](Self::remove).
pub struct RoomListener {
    id: ListenerId,
    remove: Box<dyn Fn(ListenerId) -> bool + Send + Sync>,
}

impl RoomListener {
    /// One of these rooms.
    pub(in crate::plugins) fn of<M: Member + 'static>(
        shared: &Arc<Shared<M>>,
        id: ListenerId,
    ) -> Self
    where
        Shared<M>: Send + Sync,
    {
        let shared = Arc::downgrade(shared);
        let remove = move |id| {
            shared.upgrade().is_some_and(|shared| {
                shared.joined.remove(id) || shared.left.remove(id) || shared.left_all.remove(id)
            })
        };
        RoomListener { id, remove: Box::new(remove) }
    }

    /// Removes it; false when it is gone already.
    pub fn remove(self) -> bool {
        (self.remove)(self.id)
    }
}

impl fmt::Debug for RoomListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomListener").field("id", &self.id).finish_non_exhaustive()
    }
}

impl PrimusRooms for Primus {
    type Member = Spark;
    type Target = Room;

    fn room(&self, rooms: impl Names) -> Room {
        Room::named(self, rooms)
    }

    fn any_room(&self) -> Room {
        Room::any(self)
    }

    fn join<S: Borrow<Spark>>(&self, sparks: impl IntoIterator<Item = S>, room: &str) -> usize {
        let Ok(shared) = shared_of(self) else { return 0 };
        let joins = |spark: S| shared.join(spark.borrow(), &[room]).map_or(0, |new| new.len());
        sparks.into_iter().map(joins).sum()
    }

    fn leave<S: Borrow<Spark>>(&self, sparks: impl IntoIterator<Item = S>, room: &str) -> usize {
        let Ok(shared) = shared_of(self) else { return 0 };
        let leaves = |spark: &S| !shared.leave(spark.borrow(), room).is_empty();
        sparks.into_iter().filter(leaves).count()
    }

    fn room_names(&self) -> Vec<String> {
        shared_of(self).map(|shared| shared.names()).unwrap_or_default()
    }

    fn on_join(
        &self,
        listener: impl Fn(&Spark, &str) + Send + Sync + 'static,
    ) -> Result<RoomListener> {
        let shared = shared_of(self)?;
        let id = shared.joined.add(Arc::new(listener), false);
        Ok(RoomListener::of(&shared, id))
    }

    fn on_leave(
        &self,
        listener: impl Fn(&Spark, &str) + Send + Sync + 'static,
    ) -> Result<RoomListener> {
        let shared = shared_of(self)?;
        let id = shared.left.add(Arc::new(listener), false);
        Ok(RoomListener::of(&shared, id))
    }

    fn on_leave_all(
        &self,
        listener: impl Fn(&Spark, &[Arc<str>]) + Send + Sync + 'static,
    ) -> Result<RoomListener> {
        let shared = shared_of(self)?;
        let id = shared.left_all.add(Arc::new(listener), false);
        Ok(RoomListener::of(&shared, id))
    }
}
