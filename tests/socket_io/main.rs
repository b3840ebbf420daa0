//! The socket.io server over real sockets, by clients that write every byte
//! themselves.

#[path = "../common/mod.rs"]
mod common;

mod attacks;
mod ending;
mod handshakes;
mod payloads;
mod polling;
mod replay;
mod streams;
mod websocket;

use common::socket_io as client;
