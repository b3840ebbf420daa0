//! The plugins of a server.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::plugins::Plugin;
use crate::server::primus::Primus;

/// # Plugins
impl Primus {
    /// Registers a plugin.
    ///
    /// # Errors
    /// [`Error::Option`] for a name that is empty or taken; what the plugin
    /// itself reports comes as [`Error::Listener`].
    pub fn plugin(&self, plugin: impl Plugin) -> Result<()> {
        self.register(Arc::new(plugin))
    }

    pub(super) fn register(&self, plugin: Arc<dyn Plugin>) -> Result<()> {
        let name = plugin.name().to_owned();
        if name.is_empty() {
            return Err(Error::Option("Plugin name must be a non empty string".into()));
        }
        if self.plugins().contains(&name) {
            return Err(Error::Option(format!("The plugin name `{name}` was already defined")));
        }
        self.0.caught(|| {
            plugin.server(self)?;
            if let Some(half) = plugin.client() {
                self.0.library.add(&name, half);
            }
            Ok(())
        })?;
        self.0.roster.lock().plugins.push(plugin);
        for listener in self.0.events.plugin.snapshot().iter() {
            self.0.report("plugin", || listener(&name));
        }
        Ok(())
    }

    /// Takes a plugin out; false when there is none of this name.
    pub fn plugout(&self, name: &str) -> bool {
        let plugin = {
            let plugins = &mut self.0.roster.lock().plugins;
            let at = plugins.iter().position(|plugin| plugin.name() == name);
            at.map(|at| plugins.remove(at))
        };
        let Some(plugin) = plugin else { return false };
        self.0.library.remove(name);
        self.0.report("plugout", || {
            plugin.plugout(self);
            Ok(())
        });
        for listener in self.0.events.plugout.snapshot().iter() {
            self.0.report("plugout", || listener(name));
        }
        true
    }

    /// The names of the plugins, in the order in which they were registered.
    pub fn plugins(&self) -> Vec<String> {
        self.0.roster.lock().plugins.iter().map(|plugin| plugin.name().to_owned()).collect()
    }
}
