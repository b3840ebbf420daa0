#![doc = include_str!("mod.md")]

mod asks;
mod bus;
pub(in crate::plugins) mod carried;
mod chores;
mod direct;
mod ext;
mod forwards;
mod hear;
mod keys;
mod live;
mod node;
mod peers;
mod plugin;
mod rooms;
mod status;
#[cfg(test)]
mod tests;
mod tidy;
mod wire;
mod worker;

pub use direct::{Reached, Unreached};
pub use ext::{PrimusCluster, ServerCount};
pub use plugin::Cluster;
pub use status::ClusterStatus;
