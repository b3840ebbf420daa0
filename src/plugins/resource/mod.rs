#![doc = include_str!("mod.md")]

mod client;
mod plugin;
mod server;
pub(crate) mod wire;

pub use client::ClientResource;
pub use plugin::{ClientResources, PrimusResources, Resources};
pub use server::{Methods, ServerResource};
