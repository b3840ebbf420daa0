//! The plugins of a server, as it knows them.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::channel::check_name;
use crate::error::{BoxError, Result};
use crate::library::Script;
use crate::server::primus::Primus;

/// What a server needs of a plugin.
pub(crate) trait ServerHalf: Any + Send + Sync {
    fn title(&self) -> &str;
    fn reserves(&self) -> &[&'static str];
    fn install(&self, primus: &Primus) -> Result<(), BoxError>;
    fn uninstall(&self, primus: &Primus);
    fn browser_half(&self) -> Option<Script<'_>>;
}

/// # Plugins
impl Primus {
    pub(crate) fn register(&self, plugin: Arc<dyn ServerHalf>) -> Result<()> {
        let name = plugin.title().to_owned();
        check_name(&name, self.plugins().iter())?;
        self.0.caught(|| {
            plugin.install(self)?;
            if let Some(script) = plugin.browser_half() {
                self.0.library.add(&name, script);
            }
            Ok(())
        })?;
        self.0.reserved.add(plugin.reserves());
        self.0.roster.lock().plugins.push(plugin);
        self.0.options.plugins.lock().push(name.clone());
        for listener in self.0.events.plugin.snapshot().iter() {
            self.0.report("plugin", || listener(&name));
        }
        Ok(())
    }

    /// Takes a plugin out; false when there is none of this name.
    pub fn plugout(&self, name: &str) -> bool {
        let plugin = {
            let plugins = &mut self.0.roster.lock().plugins;
            let at = plugins.iter().position(|plugin| plugin.title() == name);
            at.map(|at| plugins.remove(at))
        };
        let Some(plugin) = plugin else { return false };
        self.0.library.remove(name);
        self.0.options.plugins.lock().retain(|one| one != name);
        self.0.reserved.remove(plugin.reserves());
        self.0.report("plugout", || {
            plugin.uninstall(self);
            Ok(())
        });
        for listener in self.0.events.plugout.snapshot().iter() {
            self.0.report("plugout", || listener(name));
        }
        true
    }

    /// The names of the plugins, in the order in which they were registered.
    pub fn plugins(&self) -> Vec<String> {
        self.0.options.plugins.lock().clone()
    }

    /// The plugin of a type.
    pub(crate) fn plugin_of(&self, id: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        let roster = self.0.roster.lock();
        let plugin = roster.plugins.iter().find(|plugin| (***plugin).type_id() == id)?;
        Some(Arc::clone(plugin) as Arc<dyn Any + Send + Sync>)
    }
}
