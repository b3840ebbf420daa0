//! The parsers against recordings of the JavaScript ones, and against bad input.

mod bad_input;
mod control;
mod cost;
mod javascript;
#[path = "../common/node.rs"]
mod node;
mod returns;
mod shapes;
mod table;
mod vectors;

use primus::Parser;
use primus::parsers::NoPeer;

/// The parsers that this build has, by name.
fn parsers() -> Vec<Parser> {
    ["json", "ejson", "binary", "msgpack"].iter().filter_map(|name| name.parse().ok()).collect()
}

/// Nobody in particular.
const PEER: &NoPeer = &NoPeer;
