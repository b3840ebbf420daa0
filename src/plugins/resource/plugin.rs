//! The plugin, and where it is used.

use std::collections::BTreeSet;
use std::fmt;

use super::client::ClientResource;
use super::server::{Methods, ServerResource};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::library::Script;
use crate::plugins::calls::missing;
use crate::plugins::emitter::Emitter;
use crate::plugins::multiplex::PrimusChannels;
use crate::plugins::{Plugin, half};
use crate::server::Primus;
use crate::sync::Lock;

/// The plugin `resource`: see [its page](super). Registered with
/// [`Builder::plugin`](crate::Builder::plugin) and
/// [`ClientBuilder::plugin`](crate::ClientBuilder::plugin), beside those that it needs.
#[derive(Default)]
pub struct Resources {
    names: Lock<BTreeSet<String>>,
}

impl fmt::Debug for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").finish_non_exhaustive()
    }
}

impl Resources {
    /// The plugin.
    pub fn new() -> Self {
        Resources::default()
    }
}

impl Plugin for Resources {
    fn name(&self) -> &str {
        "resource"
    }

    fn script(&self) -> Option<Script<'_>> {
        Some(half(include_str!("client.js"), include_str!("types.d.ts")))
    }
}

/// Servers that have resources.
pub trait PrimusResources {
    /// Offers a resource to clients, from now on.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) when there is one of this name, one of its
    /// methods cannot be named so, or a plugin is missing that it needs.
    fn resource(&self, name: impl AsRef<str>, methods: Methods) -> Result<ServerResource>;
}

impl PrimusResources for Primus {
    fn resource(&self, name: impl AsRef<str>, methods: Methods) -> Result<ServerResource> {
        let name = name.as_ref();
        let plugin = self.plugin::<Resources>().ok_or_else(|| missing("resource"))?;
        self.plugin::<Emitter>().ok_or_else(|| missing("emitter"))?;
        methods.check(name)?;
        let channel = if methods.is_flat() { None } else { Some(self.channel(name)?) };
        if !plugin.names.lock().insert(name.to_owned()) {
            return Err(Error::Misuse(format!("there is a resource {name:?} already")));
        }
        Ok(match channel {
            Some(channel) => ServerResource::in_channel(channel, methods),
            None => ServerResource::flat_on(self, name, methods),
        })
    }
}

/// Clients that use resources.
pub trait ClientResources {
    /// The resource of this name, in a channel of its own.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) when a plugin is missing that it needs, and
    /// those of [`OpenChannel::channel`](crate::plugins::multiplex::OpenChannel::channel).
    fn resource(&self, name: impl AsRef<str>) -> Result<ClientResource>;

    /// The resource of this name, over the connection itself, as the server must have it
    /// ([`Methods::flat`]). It learns the methods from the next connection on: ask for it
    /// before the client connects
    /// ([`connect_with`](crate::ClientBuilder::connect_with)), once.
    ///
    /// # Errors
    /// [`Error::Misuse`](crate::Error::Misuse) when a plugin is missing that it needs.
    fn flat_resource(&self, name: impl AsRef<str>) -> Result<ClientResource>;
}

impl ClientResources for Client {
    fn resource(&self, name: impl AsRef<str>) -> Result<ClientResource> {
        check(self)?;
        ClientResource::in_channel(self, name.as_ref())
    }

    fn flat_resource(&self, name: impl AsRef<str>) -> Result<ClientResource> {
        check(self)?;
        Ok(ClientResource::flat_on(self, name.as_ref()))
    }
}

fn check(client: &Client) -> Result<()> {
    client.plugin::<Resources>().ok_or_else(|| missing("resource"))?;
    client.plugin::<Emitter>().ok_or_else(|| missing("emitter"))?;
    Ok(())
}
