//! Several transformers on one port, their names, and one of the application's own, over
//! real sockets.

#[path = "../common/mod.rs"]
mod common;

mod choice;
mod custom;
mod names;
mod options;
mod recognised;
mod sessions;
mod socket_io;
mod together;

use common::*;
use primus::{Builder, Primus, Spark};

/// The transformers that are switched on where nothing else is said.
const THREE: [&str; 3] = ["websockets", "engine.io", "sockjs"];

fn three() -> Builder {
    Primus::builder().transformer(THREE)
}

/// The spark of this id, once it is there.
fn spark(server: &Server, id: &str) -> Spark {
    let mut found = None;
    wait_until("the spark is there", || {
        found = server.primus.spark(id);
        found.is_some()
    });
    found.unwrap()
}

/// How many sparks each transformer has.
fn counts(server: &Server) -> Vec<(&'static str, u64)> {
    let metrics = server.primus.metrics();
    metrics.connections.iter().map(|(name, counts)| (*name, counts.now)).collect()
}
