//! Names of events that only this side raises.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::sync::Lock;

/// The names that the plugins of one server, or client, raise themselves.
#[derive(Default)]
pub(crate) struct Reserved {
    names: Lock<Vec<String>>,
    any: AtomicBool,
}

impl Reserved {
    pub fn add(&self, names: &[&str]) {
        if !names.is_empty() {
            self.names.lock().extend(names.iter().map(|name| (*name).to_owned()));
            self.any.store(true, Ordering::Release);
        }
    }

    pub fn remove(&self, names: &[&str]) {
        let mut all = self.names.lock();
        for name in names {
            // Another plugin may have it too.
            if let Some(at) = all.iter().position(|one| one == name) {
                all.swap_remove(at);
            }
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.any.load(Ordering::Acquire) && self.names.lock().iter().any(|one| one == name)
    }
}
