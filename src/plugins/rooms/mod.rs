#![doc = include_str!("mod.md")]

mod names;
mod plugin;
mod server;
mod shared;
mod spark;
mod store;
mod table;
mod target;

pub use names::{Ids, Names};
pub use plugin::Rooms;
pub use server::{PrimusRooms, RoomListener};
pub use spark::SparkRooms;
pub use store::{Change, Here, RoomMessage, RoomStore, SharedRooms};
pub use target::{Room, RoomWith};

pub(in crate::plugins) use plugin::{rooms_inside, shared_of};
pub(in crate::plugins) use shared::{Member, RoomLog, Shared};
pub(in crate::plugins) use target::{check, write_stored};
