//! Plugins: what servers and clients give them, and those that the crate brings.

#[path = "../common/mod.rs"]
mod common;

mod events;
mod mechanism;
mod npm;
mod rooms;
