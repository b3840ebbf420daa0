//! How plugins get into servers and clients, which know only what they need of
//! them.

use std::any::TypeId;
use std::sync::Arc;

use super::{Plugin, Script, Side};
use crate::client::{Client, ClientBuilder, ClientHalf};
use crate::error::{BoxError, Result};
use crate::server::{Builder, Primus, ServerHalf};

impl<P: Plugin> ServerHalf for P {
    fn title(&self) -> &str {
        self.name()
    }

    fn reserves(&self) -> &[&'static str] {
        self.reserved(Side::Server)
    }

    fn install(&self, primus: &Primus) -> Result<(), BoxError> {
        self.server(primus)
    }

    fn uninstall(&self, primus: &Primus) {
        self.plugout(primus);
    }

    fn browser_half(&self) -> Option<Script<'_>> {
        self.script()
    }
}

impl<P: Plugin> ClientHalf for P {
    fn title(&self) -> &str {
        self.name()
    }

    fn reserves(&self) -> &[&'static str] {
        self.reserved(Side::Client)
    }

    fn install(&self, client: &Client) -> Result<(), BoxError> {
        self.client(client)
    }
}

impl Builder {
    /// Registers a plugin when the server is built; may be called repeatedly.
    pub fn plugin(self, plugin: impl Plugin) -> Self {
        self.with_plugin(Arc::new(plugin))
    }
}

/// # Plugins
impl Primus {
    /// Registers a plugin with a server that runs already. Clients that have
    /// connected before do without it, and so do pages that have loaded
    /// `primus.js`: as a rule plugins are given to the
    /// [`Builder`](Builder::plugin).
    ///
    /// # Errors
    /// [`Error::Option`](crate::Error::Option) for a name that is empty or taken;
    /// what the plugin itself reports comes as
    /// [`Error::Listener`](crate::Error::Listener).
    pub fn add_plugin(&self, plugin: impl Plugin) -> Result<()> {
        self.register(Arc::new(plugin))
    }

    /// The plugin of this type, if the server has one.
    pub fn plugin<P: Plugin>(&self) -> Option<Arc<P>> {
        self.plugin_of(TypeId::of::<P>())?.downcast().ok()
    }
}

impl ClientBuilder {
    /// Registers a plugin with the client when it is built, before it opens; may
    /// be called repeatedly.
    pub fn plugin(self, plugin: impl Plugin) -> Self {
        self.with_plugin(Arc::new(plugin))
    }
}

/// # Plugins
impl Client {
    /// The plugin of this type, if the client has one.
    pub fn plugin<P: Plugin>(&self) -> Option<Arc<P>> {
        self.plugin_of(TypeId::of::<P>())?.downcast().ok()
    }
}
