//! The plugins of a client, as it knows them.

use std::any::{Any, TypeId};
use std::fmt;
use std::sync::Arc;

use super::Client;
use crate::channel::check_name;
use crate::error::{BoxError, Error, Result, caught};

/// What a client needs of a plugin.
pub(crate) trait ClientHalf: Any + Send + Sync {
    fn title(&self) -> &str;
    fn reserves(&self) -> &[&'static str];
    fn install(&self, client: &Client) -> Result<(), BoxError>;
}

/// The plugins that a client is built with, in order.
#[derive(Clone, Default)]
pub(crate) struct Plugins(Vec<Arc<dyn ClientHalf>>);

impl Plugins {
    pub fn add(&mut self, plugin: Arc<dyn ClientHalf>) {
        self.0.push(plugin);
    }

    /// Refuses names that are empty or there twice.
    pub fn check(&self) -> Result<()> {
        for (at, plugin) in self.0.iter().enumerate() {
            let before = self.0[..at].iter().map(|other| other.title());
            check_name(plugin.title(), before)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|plugin| plugin.title())).finish()
    }
}

/// # Plugins
impl Client {
    /// Installs the plugins, before anything is sent or received.
    pub(super) fn install_plugins(&self) -> Result<()> {
        for plugin in &self.shared().options.given.plugins.0 {
            self.shared().reserved.add(plugin.reserves());
            caught(|| plugin.install(self))?.map_err(Error::Listener)?;
        }
        Ok(())
    }

    /// The names of the plugins that the client was built with, in order.
    pub fn plugins(&self) -> Vec<String> {
        let plugins = &self.shared().options.given.plugins.0;
        plugins.iter().map(|plugin| plugin.title().to_owned()).collect()
    }

    /// The plugin of a type.
    pub(crate) fn plugin_of(&self, id: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        let plugins = &self.shared().options.given.plugins.0;
        let plugin = plugins.iter().find(|plugin| (***plugin).type_id() == id)?;
        Some(Arc::clone(plugin) as Arc<dyn Any + Send + Sync>)
    }
}
