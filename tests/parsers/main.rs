//! The parsers against recordings of the JavaScript ones, and against bad input.

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod control;
mod cost;
mod javascript;
mod random_input;
mod returns;
mod shapes;
mod table;
mod vectors;

use common::node;
use primus::Parser;
use primus::parsers::NoPeer;

/// The parsers that this build has, by name.
fn parsers() -> Vec<Parser> {
    ["json", "ejson", "binary", "msgpack"].iter().filter_map(|name| name.parse().ok()).collect()
}

/// Nobody in particular.
const PEER: &NoPeer = &NoPeer;
