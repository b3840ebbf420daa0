//! Names: of events that only this side raises, and of plugins.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
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

/// Refuses the name of a plugin that is empty, or among those that are taken.
///
/// # Errors
/// [`Error::Option`], in the words of Primus.
pub(crate) fn check_name<T: AsRef<str>>(
    name: &str,
    mut taken: impl Iterator<Item = T>,
) -> Result<()> {
    if name.is_empty() {
        return Err(Error::Option("Plugin name must be a non empty string".into()));
    }
    if taken.any(|one| one.as_ref() == name) {
        return Err(Error::Option(format!("The plugin name `{name}` was already defined")));
    }
    Ok(())
}
