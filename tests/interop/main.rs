//! The server against the JavaScript clients of all generations.
//!
//! Needs Node.js and npm, and, the first time, the packages that the lockfiles
//! name. `PRIMUS_SKIP_INTEROP=1` goes without.

mod crowd;
mod driver;
mod each_parser;
mod ends;
mod engine;
mod example;
#[path = "../common/examples.rs"]
mod examples;
mod heartbeats;
mod http;
#[path = "../common/libraries.rs"]
mod libraries;
mod messages;
#[path = "../common/node.rs"]
mod node;
mod reconnects;
mod server;
mod terminal;
