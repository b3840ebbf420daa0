//! The engine.io server over real sockets, by clients that write every byte
//! themselves: picky ones, slow ones and hostile ones.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod client;
mod crowd;
mod ending;
mod handshake;
mod heartbeat;
mod parked;
mod polling;
mod slow;
mod soak;
mod unread;
mod upgrade;
