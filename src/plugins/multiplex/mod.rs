#![doc = include_str!("mod.md")]

mod channel;
mod client;
mod events;
mod plugin;
mod server;
pub(crate) mod wire;

pub use client::ClientChannel;
pub use plugin::{Multiplex, OpenChannel, PrimusChannels};
pub use server::{ChannelSpark, ServerChannel};
