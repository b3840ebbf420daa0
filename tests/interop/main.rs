//! The server against the JavaScript clients of all generations.
//!
//! Needs Node.js and npm, and, the first time, the packages that the lockfiles
//! name. `PRIMUS_SKIP_INTEROP=1` goes without.

#[path = "../common/mod.rs"]
mod common;

mod browserchannel;
mod crowd;
#[cfg(feature = "compression")]
mod deflate;
mod driver;
mod each_parser;
mod ends;
mod engine;
mod example;
mod heartbeats;
mod http;
mod kinds;
mod messages;
mod omega;
mod port;
mod reconnects;
mod rooms;
mod server;
mod socket_io;
mod sockjs;
mod terminal;

use common::{examples, libraries, node};
