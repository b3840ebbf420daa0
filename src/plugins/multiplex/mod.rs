#![doc = include_str!("mod.md")]

mod channel;
mod client;
mod events;
mod plugin;
mod rooms;
mod server;
pub(crate) mod wire;

pub use client::ClientChannel;
pub use plugin::{Multiplex, OpenChannel, PrimusChannels};
pub use rooms::ChannelRoom;
pub use server::{ChannelSpark, ServerChannel};
