#![doc = include_str!("mod.md")]

mod client;
mod core;
mod log;
mod options;
mod plugin;
mod position;
mod seat;
mod server;
mod split;
#[cfg(feature = "redis")]
mod streams;
#[cfg(test)]
mod tests;
mod ticket;
mod tracker;
mod turns;
mod which;
mod wire;
mod write;

pub use client::{ClientHistory, RecoveredListener};
pub use options::History;
pub use tracker::Recovered;
