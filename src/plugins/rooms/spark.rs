//! What a spark can do with rooms.

use std::sync::Arc;

use super::names::Names;
use super::plugin::shared_of;
use super::target::Room;
use crate::error::Result;
use crate::server::Spark;

/// Rooms of a connection, on a server that has the plugin [`Rooms`](super::Rooms); or of
/// a subscription to a [channel](crate::plugins::multiplex), which are the channel's own.
///
/// A connection leaves its rooms when it ends, after its `end` listeners; a client
/// that comes back is another connection, which joins anew.
pub trait SparkRooms {
    /// Rooms to write to: a [`Room`], and for a channel one of its own kind.
    type Target;

    /// Comes into a room. False when it is there already.
    ///
    /// # Errors
    /// [`Error::Closed`](crate::Error::Closed) after the end;
    /// [`Error::Misuse`](crate::Error::Misuse) when a room cannot have such a name, the
    /// connection is in as many rooms as it may be
    /// ([`Limits::rooms`](crate::Limits::rooms)), or the plugin is not registered;
    /// [`Error::Full`](crate::Error::Full) when a [`RoomStore`](super::RoomStore) does
    /// not keep up.
    fn join(&self, room: impl AsRef<str>) -> Result<bool>;

    /// Comes into several rooms: into all of them, or into none if there is an error.
    /// Gives how many of them it was not in.
    ///
    /// ```
    /// # use primus::plugins::rooms::{Rooms, SparkRooms};
    /// # let primus = primus::Primus::builder().plugin(Rooms::new()).build()?;
    /// primus.on_connection(|spark| -> primus::Result<()> {
    ///     spark.join_all(["news", "sport"])?;
    ///     let wanted = spark.query_param("rooms").unwrap_or_default();
    ///     let may_have = |room: &&str| !room.is_empty() && !room.contains('*');
    ///     spark.join_all(wanted.split(',').filter(may_have))?;
    ///     Ok(())
    /// });
    /// # primus.destroy(Default::default());
    /// # Ok::<(), primus::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`join`](Self::join).
    fn join_all<N: AsRef<str>>(&self, rooms: impl IntoIterator<Item = N>) -> Result<usize>;

    /// Leaves a room, or with [`wild_delete`](super::Rooms::wild_delete) all that are
    /// like it. False when it was in none.
    fn leave(&self, room: impl AsRef<str>) -> bool;

    /// Leaves all rooms. Gives how many.
    fn leave_all(&self) -> usize;

    /// The names of the rooms that it is in, in no order.
    fn rooms(&self) -> Vec<String>;

    /// Whether it is in the room of this very name.
    fn in_room(&self, room: impl AsRef<str>) -> bool;

    /// Rooms, as [`PrimusRooms::room`](super::PrimusRooms::room), but without this
    /// connection: for what it tells the others.
    fn others_in(&self, rooms: impl Names) -> Self::Target;
}

impl SparkRooms for Spark {
    type Target = Room;

    fn join(&self, room: impl AsRef<str>) -> Result<bool> {
        let shared = shared_of(&self.primus())?;
        Ok(!shared.join(self, &[room.as_ref()])?.is_empty())
    }

    fn join_all<N: AsRef<str>>(&self, rooms: impl IntoIterator<Item = N>) -> Result<usize> {
        let rooms: Vec<N> = rooms.into_iter().collect();
        let rooms: Vec<&str> = rooms.iter().map(AsRef::as_ref).collect();
        Ok(shared_of(&self.primus())?.join(self, &rooms)?.len())
    }

    fn leave(&self, room: impl AsRef<str>) -> bool {
        let shared = shared_of(&self.primus());
        shared.is_ok_and(|shared| !shared.leave(self, room.as_ref()).is_empty())
    }

    fn leave_all(&self) -> usize {
        shared_of(&self.primus()).map_or(0, |shared| shared.leave_all(self).len())
    }

    fn rooms(&self) -> Vec<String> {
        let Ok(shared) = shared_of(&self.primus()) else { return Vec::new() };
        let rooms: Vec<Arc<str>> = shared.table(|table| table.rooms_of(self));
        rooms.iter().map(|room| (**room).to_owned()).collect()
    }

    fn in_room(&self, room: impl AsRef<str>) -> bool {
        let shared = shared_of(&self.primus());
        shared.is_ok_and(|shared| shared.table(|table| table.is_in(self, room.as_ref())))
    }

    fn others_in(&self, rooms: impl Names) -> Room {
        Room::named(&self.primus(), rooms).except(self)
    }
}
