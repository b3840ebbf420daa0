//! The engine.io server over real sockets, by clients that write every byte
//! themselves: picky ones, slow ones and hostile ones. (Those that count what is
//! left behind are in `counting`.)

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod ending;
mod handshake;
mod heartbeat;
mod parked;
mod polling;
mod slow;
mod unread;
mod upgrade;

use common::engine_io as client;
