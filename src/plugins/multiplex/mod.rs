#![doc = include_str!("mod.md")]

mod channel;
mod client;
mod plugin;
mod server;
mod spark;
pub(crate) mod wire;

pub use client::{ClientChannel, OpenChannel};
pub use plugin::Multiplex;
pub use server::{PrimusChannels, ServerChannel};
pub use spark::ChannelSpark;
