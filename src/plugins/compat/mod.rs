#![doc = include_str!("mod.md")]

mod doubles;
mod foreign;
mod memberships;
mod names;
mod primus_cluster;
mod redis_rooms;
mod replies;
mod rooms_adapter;

pub use primus_cluster::NpmCluster;
pub use redis_rooms::NpmRedisRooms;
pub use rooms_adapter::NpmRoomsAdapter;
