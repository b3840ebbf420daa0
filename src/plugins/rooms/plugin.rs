//! The plugin, and what it is told to do.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use super::shared::{Announced, Member, Shared, audience_of, excepted};
use super::store::{Here, Local, RoomMessage, RoomStore};
use super::table::Bounds;
use crate::error::{BoxError, Result};
use crate::events::ListenerId;
use crate::plugins::calls::missing;
use crate::plugins::{Plugin, Side};
use crate::server::{Audience, Primus, Spark};
use crate::sync::Lock;

/// The plugin `rooms`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin).
pub struct Rooms {
    wildcards: bool,
    wild_delete: bool,
    store: Lock<Option<Box<dyn RoomStore>>>,
    installed: OnceLock<Installed>,
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms")
            .field("wildcards", &self.wildcards)
            .field("wild_delete", &self.wild_delete)
            .finish_non_exhaustive()
    }
}

struct Installed {
    shared: Arc<Shared<Spark>>,
    listeners: [ListenerId; 2],
}

impl Default for Rooms {
    fn default() -> Self {
        Rooms::new()
    }
}

impl Rooms {
    /// With wildcards, and for one server.
    pub fn new() -> Self {
        Rooms {
            wildcards: true,
            wild_delete: false,
            store: Lock::default(),
            installed: OnceLock::new(),
        }
    }

    /// Whether a `*` in a name that somebody joins stands for any text. Without, it
    /// stands for itself. Defaults to true.
    pub fn wildcard(mut self, wildcards: bool) -> Self {
        self.wildcards = wildcards;
        self
    }

    /// Whether to leave a name with a `*` is to leave all rooms whose names it stands
    /// for. Otherwise it is to leave the room of that very name. Defaults to false.
    pub fn wild_delete(mut self, wild_delete: bool) -> Self {
        self.wild_delete = wild_delete;
        self
    }

    /// Rooms without anybody, as the options say.
    fn shared<M: Member>(&self, primus: &Primus, store: Option<Box<dyn RoomStore>>) -> Shared<M> {
        let limits = &primus.0.limits;
        let bounds = Bounds {
            rooms: limits.rooms,
            wildcards: limits.room_wildcards,
            name: limits.room_name,
        };
        Shared::new(primus.downgrade(), self.wildcards, self.wild_delete, bounds, store)
    }

    /// Joins the rooms of this server to those of others.
    pub fn store(self, store: impl RoomStore) -> Self {
        *self.store.lock() = Some(Box::new(store));
        self
    }
}

impl Plugin for Rooms {
    fn name(&self) -> &str {
        "rooms"
    }

    fn reserved(&self, side: Side) -> &[&'static str] {
        match side {
            Side::Server => &["joinroom", "leaveroom", "leaveallrooms", "roomserror"],
            Side::Client => &[],
        }
    }

    fn server(&self, primus: &Primus) -> Result<(), BoxError> {
        let store = self.store.lock().take();
        let shared = Arc::new(self.shared(primus, store));
        if let Some(store) = &shared.store {
            let local: Weak<dyn Local> = Arc::downgrade(&shared) as _;
            store.attach(Here(local))?;
        }
        let ended = Arc::downgrade(&shared);
        let listeners = [
            primus.on_connection(announce),
            primus.on_disconnection(move |spark| {
                if let Some(shared) = ended.upgrade() {
                    shared.leave_all(spark);
                }
            }),
        ];
        primus.for_each(announce);
        let _ = self.installed.set(Installed { shared, listeners });
        Ok(())
    }

    fn plugout(&self, primus: &Primus) {
        if let Some(installed) = self.installed.get() {
            for listener in installed.listeners {
                primus.off(listener);
            }
            installed.shared.end();
        }
    }
}

/// Lets a spark into rooms: its end will be told.
fn announce(spark: &Spark) {
    let _ = spark.extensions().set(Announced);
}

/// The rooms of a server.
pub(in crate::plugins) fn shared_of(primus: &Primus) -> Result<Arc<Shared<Spark>>> {
    let rooms = primus.plugin::<Rooms>();
    let installed = rooms.as_deref().and_then(|rooms| rooms.installed.get());
    installed.map(|installed| installed.shared.clone()).ok_or_else(|| missing("rooms"))
}

/// The rooms of something inside a server: those `present`, or new ones with the options of
/// the plugin.
///
/// # Errors
/// The plugin is not registered.
pub(in crate::plugins) fn rooms_inside<M: Member, R>(
    primus: &Primus,
    present: Option<R>,
    make: impl FnOnce(Shared<M>) -> R,
) -> Result<R> {
    let rooms = primus.plugin::<Rooms>().ok_or_else(|| missing("rooms"))?;
    Ok(present.unwrap_or_else(|| make(rooms.shared(primus, None))))
}

impl Local for Shared<Spark> {
    fn write_here(&self, message: &RoomMessage) -> Result<usize> {
        if let Some(log) = self.log_of(&message.rooms).filter(|log| !log.is_shared()) {
            return log.write(message.clone(), false);
        }
        let Some(primus) = self.primus.upgrade() else { return Ok(0) };
        let RoomMessage { rooms, except, value } = message;
        let except = excepted(&primus, except);
        let audience = self.table(|table| match &**rooms {
            [] => Audience::of(table.everybody(&except)),
            names => audience_of(table, names, &except),
        });
        if !audience.sparks().is_empty() {
            primus.write_audience(value, &audience)?;
        }
        Ok(audience.sparks().len())
    }

    fn may_take_long(&self) -> bool {
        let transforms = |primus: Primus| !primus.0.codec.outgoing.is_empty();
        self.log.get().is_some() || self.primus.upgrade().is_some_and(transforms)
    }

    fn members_here(&self, room: &str) -> Vec<String> {
        let members = self.table(|table| table.members([room]));
        members.iter().map(|spark| spark.id().to_owned()).collect()
    }

    fn count_here(&self, room: &str) -> usize {
        self.table(|table| table.count(room))
    }

    fn has_here(&self, room: &str, id: &str) -> bool {
        let spark = self.primus.upgrade().and_then(|primus| primus.spark(id));
        spark.is_some_and(|spark| self.table(|table| table.is_in(&spark, room)))
    }

    #[cfg(feature = "redis")]
    fn is_connected_here(&self, id: &str) -> bool {
        self.primus.upgrade().is_some_and(|primus| primus.spark(id).is_some())
    }

    fn names_here(&self) -> Vec<String> {
        let names = self.table(|table| table.names());
        names.iter().map(|name| (**name).to_owned()).collect()
    }
}
