//! The client against scripted servers: every byte the server sends is the
//! test's own.

#[path = "../common/mod.rs"]
mod common;

mod browserchannel;
mod connecting;
mod discover;
mod ending;
mod engine_io;
mod life;
mod own;
mod places;
mod plain;
mod reconnect;
mod script;
mod server;
mod socket_io;
mod sockjs;
mod waits;
mod wire;
