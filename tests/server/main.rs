//! The server as an application sees it, over real sockets.

#[path = "../common/mod.rs"]
mod common;

mod destroy;
mod ending;
mod events;
mod heartbeat;
mod inbox;
mod metrics;
mod middleware;
mod plugins;
mod registry;
mod relay;
mod sockets;
mod transforms;
mod unix;
mod writing;

use std::sync::{Arc, Mutex};

use crate::common::wait_for;

/// A place where listeners write down what happens.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn wait(&self, expected: &[&str]) {
        wait_for("notes", expected.iter().map(|s| s.to_string()).collect(), || self.all());
    }
}
