//! Plugins: what servers and clients give them, and those that the crate brings.

#[path = "../common/mod.rs"]
mod common;

mod events;
mod fortress;
mod history;
mod hostile;
mod inside;
mod mechanism;
mod mirage;
mod multiplex;
mod npm;
mod npm_streams;
mod omega;
mod plain;
mod replay;
mod resource;
mod rooms;
mod substream;
mod transforms;
mod waits;
