//! Channels, on the server.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::channel::State;
use super::plugin::{LONGEST_NAME, Multiplex};
use super::spark::ChannelSpark;
use crate::channel::{Channel, Encode};
use crate::error::{Error, Result};
use crate::events::ListenerId;
use crate::outcome::Outcome;
use crate::plugins::stream::missing;
use crate::server::Primus;

/// A channel of a server: see [the page](super) of the plugin. A handle: clones are cheap,
/// and stand for the same channel.
#[derive(Clone)]
pub struct ServerChannel(Arc<State>);

/// Servers that have channels.
pub trait PrimusChannels {
    /// The channel of this name: the one that is there, or a new one.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the plugin [`Multiplex`] is not registered, or for a name that
    /// is empty or longer than 256 bytes.
    fn channel(&self, name: impl AsRef<str>) -> Result<ServerChannel>;
}

impl PrimusChannels for Primus {
    fn channel(&self, name: impl AsRef<str>) -> Result<ServerChannel> {
        let plugin = self.plugin::<Multiplex>();
        let table = plugin.as_deref().and_then(Multiplex::table);
        let table = table.ok_or_else(|| missing("multiplex"))?;
        Ok(ServerChannel(table.channel(named(name.as_ref())?)))
    }
}

/// The name, if a channel can have it.
pub(super) fn named(name: &str) -> Result<&str> {
    match name.len() {
        1..=LONGEST_NAME => Ok(name),
        _ => {
            let text = format!("the name of a channel has 1 to {LONGEST_NAME} bytes");
            Err(Error::Misuse(text))
        }
    }
}

impl ServerChannel {
    pub(super) fn of(state: Arc<State>) -> Self {
        ServerChannel(state)
    }

    pub(super) fn state(&self) -> &Arc<State> {
        &self.0
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A client has subscribed. Called on the thread of its connection, before any message
    /// of the subscription is handled; an error is an `error` event of the connection, and
    /// ends the subscription.
    ///
    /// Returns what [`off`](Self::off) takes to remove the listener.
    pub fn on_connection<R: Outcome>(
        &self,
        listener: impl Fn(&ChannelSpark) -> R + Send + Sync + 'static,
    ) -> ListenerId {
        let listener = move |spark: &ChannelSpark| listener(spark).into_result();
        self.0.connection.add(Arc::new(listener), false)
    }

    /// A subscription has ended, by whatever means. Called after its own listeners.
    pub fn on_disconnection(
        &self,
        listener: impl Fn(&ChannelSpark) + Send + Sync + 'static,
    ) -> ListenerId {
        self.0.disconnection.add(Arc::new(listener), false)
    }

    /// Removes a listener; false when it was not there.
    pub fn off(&self, id: ListenerId) -> bool {
        self.0.connection.remove(id) || self.0.disconnection.remove(id)
    }

    /// Writes a message to all subscriptions, in the order in which they came. Gives to how
    /// many it was written: not to those whose connection has ended, or reads too slowly.
    ///
    /// # Errors
    /// [`Error::Transform`] when it cannot be serialised.
    pub fn write<T: Serialize + ?Sized>(&self, message: &T) -> Result<usize> {
        let message = Encode::to_value(&message)?;
        let members = self.0.members();
        Ok(members.iter().filter(|member| member.write_message(&message).is_ok()).count())
    }

    /// Calls `each` with every subscription that is open now.
    pub fn for_each(&self, each: impl FnMut(&ChannelSpark)) {
        self.0.members().iter().for_each(each);
    }

    /// How many subscriptions are open.
    pub fn connected(&self) -> usize {
        self.0.count()
    }

    /// Ends all subscriptions, and takes the channel away: a later
    /// [`channel`](PrimusChannels::channel) of its name is a new one.
    pub fn destroy(&self) {
        self.0.forget();
        self.0.members().iter().for_each(ChannelSpark::end);
    }
}

impl fmt::Debug for ServerChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerChannel")
            .field("name", &self.name())
            .field("connected", &self.connected())
            .finish_non_exhaustive()
    }
}
